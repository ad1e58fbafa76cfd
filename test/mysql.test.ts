import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { mysql } from '../src/dialects/mysql.ts';
import { cursorsQuery } from '../src/dialects/state-query.ts';
import { TemporaryError, UserError } from '../src/errors.ts';
import type { ColumnType } from '../src/merge/lattice.ts';
import { quietContext } from '../src/stage.ts';
import { connect, readState } from '../src/targets/index.ts';
import { parseTarget } from '../src/targets/target.ts';
import { mariadbMissing, mariadbQuery, runMariadb } from './support/mariadb.ts';
import { holdsByLoad, holdsByScript, type Places } from './support/merge-model.ts';
import { groups, loadInto, mysqlTarget, rows, script, stream, table } from './support/merging.ts';

const RUNS = 8;

// A schema is a database here: every other run is in one that is made for it.
const places: Places = async (run) => ({
  target: await mysqlTarget(),
  ...(run % 2 === 0 ? { schema: `own_${++schemas}` } : {}),
});
let schemas = 0;

const keyed = table('t', 'k text, o bigint, v text, void boolean', {
  key: ['k'],
  merge: 'upsert',
  order: ['o'],
  delete_flag: 'void',
});

test('no statement names a temporary table twice, which MySQL does not open again', async () => {
  const parent = table('p', 'id int, _sdc_sequence bigint, ver bigint, gone boolean', {
    key: ['id'],
    merge: 'upsert',
    order: ['_sdc_sequence'],
    version: 'ver',
    delete_flag: 'gone',
  });
  const child = table(
    'p__c',
    '_sdc_source_key_id int, _sdc_level_0_id int, _sdc_sequence bigint, ver bigint, v text',
    {
      key: ['_sdc_source_key_id', '_sdc_level_0_id'],
      merge: 'upsert',
      order: ['_sdc_sequence'],
      version: 'ver',
      parent: 'p',
    },
  );
  const bodies = (['upsert', 'delete-insert', 'replace', 'append'] as const).flatMap((merge) => {
    const line = { ...keyed, table: merge, merge };
    const plain = table(`plain ${merge}`, 'k int, v text', {
      merge,
      ...(merge === 'append' ? {} : { key: ['k'] }),
    });
    const full = { ...plain, table: `full ${merge}`, full: true } as const;
    return [
      rows(line, { k: 'a', o: '1', v: 'x', void: false }),
      rows(plain, { k: 1, v: 'x' }),
      rows(full, { k: 1, v: 'x' }),
    ];
  });
  bodies.push(
    rows(parent, { id: 1, _sdc_sequence: '1', ver: '1', gone: false }),
    rows(child, { _sdc_source_key_id: 1, _sdc_level_0_id: 0, _sdc_sequence: '1', ver: '1', v: 'x' }),
  );
  const history = { ...keyed, merge: 'scd2' } as const;
  for (const line of [history, { ...history, table: 'whole', full: true as const }])
    bodies.push(rows(line, { k: 'a', o: '1', v: 'x', void: false }));
  for (const deletes of ['soft', 'hard'] as const) {
    const { text, error } = await script(stream(groups(bodies)), { dialect: 'mysql', deletes });
    assert.equal(error, undefined);
    const used = new Set<string>();
    for (const statement of text.split(';\n')) {
      const names = statement.match(/`brigade_(stage|work|counts|latest|touched)(_\d+)?`/g) ?? [];
      for (const name of names) used.add(name);
      assert.equal(new Set(names).size, names.length, statement);
    }
    assert.ok(used.size > 20);
  }
});

test('a name that MySQL takes nowhere is refused in one line', () => {
  for (const name of ['a😀', 'a\nb', 'a\0'])
    assert.throws(() => mysql.identifier(name), /: expected no control characters and none beyond U\+FFFF/);
  assert.equal(mysql.identifier('é'.repeat(64)).length, 66);
  assert.equal(mysql.identifier('é'.repeat(65)).length, 66);
  assert.notEqual(mysql.identifier(`${'é'.repeat(65)}a`), mysql.identifier(`${'é'.repeat(65)}b`));
});

describe('MySQL and MariaDB', { skip: mariadbMissing }, () => {
  test('load: random deliveries leave what the model says, in every mode, and a replay changes nothing', async () => {
    await holdsByLoad(places, RUNS);
  });

  test('to-sql: the script of random deliveries leaves the same', async () => {
    await holdsByScript(places, RUNS);
  });

  test('every type is made as a column, and read back as the same type', async () => {
    const { url, run } = await mysqlTarget();
    const types: readonly ColumnType[] = [
      ...([
        'boolean',
        'int',
        'bigint',
        'decimal(19,0)',
        'decimal(65,30)',
        'double',
        'text',
        'bytes',
      ] as const),
      ...(['date', 'time', 'timestamp', 'timestamptz', 'uuid', 'json'] as const),
    ];
    for (const type of types)
      await run(`CREATE TABLE ${mysql.identifier(`t ${type}`)} (x ${mysql.type(type)})`);
    const context = quietContext();
    const connection = connect(parseTarget(url, context), { schema: undefined }, context);
    await connection.open();
    for (const type of types) assert.equal((await connection.columns(`t ${type}`))?.[0]?.type, type);
    await connection.close();
    assert.throws(() => mysql.type('decimal(66,2)'), UserError);
  });

  test('any text comes back from a literal and over LOAD DATA, with trailing blanks and NUL, as a key, too', async () => {
    const target = await mysqlTarget();
    const texts = fc.uniqueArray(
      fc
        .oneof(
          fc.string({ unit: 'grapheme', maxLength: 20 }),
          fc.constantFrom('a', 'a ', 'A', 'ä', '', '\0', '\\', '\r\n', '\\N', '\t', "'", '\u001a'),
        )
        .filter((text) => !/\p{Surrogate}/u.test(text)),
      { minLength: 1, maxLength: 12 },
    );
    let run = 0;
    await fc.assert(
      fc.asyncProperty(texts, async (keys) => {
        const name = `t${++run}`;
        const line = table(name, 'k text, n int', { key: ['k'], merge: 'upsert' });
        const list = (n: number) =>
          stream(groups([rows(line, ...keys.map((k) => ({ k, n })))]), 'zenoti', `${name} ${n}`);
        await loadInto(target, list(1));
        const { text } = await script(list(2), { dialect: 'mysql' });
        assert.equal(runMariadb(target.url, text).stderr, '');
        const found = await target.select(`SELECT k, n FROM ${name}`);
        assert.deepEqual(found.map(([k, n]) => `${n}${k}`).sort(), keys.map((k) => `2${k}`).sort());
      }),
      { numRuns: 10, examples: [[['a', 'a ', 'A', 'ä', '', '\0', '\\N', '\r\n']]] },
    );
  });

  test('a check fails with its message: all of it over a connection, 200 bytes of it in a script', async () => {
    const target = await mysqlTarget();
    const name = `it's "odd" ${'é'.repeat(300)}`;
    const line = table('t', 'k int', { key: ['k'], merge: 'upsert' });
    const input = () =>
      stream(groups([rows({ ...line, columns: [{ name: 'k', type: 'int' }], table: name }, { k: null })]));
    const options = { targetName: 'short' };
    await assert.rejects(
      loadInto(target, input(), options),
      (error: Error) => error instanceof UserError && error.message.endsWith('found NULL in 1 rows'),
    );
    const { text } = await script(input(), { dialect: 'mysql', ...options });
    const { code, stderr } = runMariadb(target.url, text);
    assert.equal(code, 1);
    assert.match(stderr, /table it's "odd" é{80}/);
  });

  test('columns widen and keep their values, also in the key, and a number that a double cannot hold stops', async () => {
    const target = await mysqlTarget();
    const load = (group: number, columns: string, ...given: Record<string, unknown>[]) =>
      loadInto(
        target,
        stream([
          {
            group: String(group),
            after: group === 1 ? null : String(group - 1),
            chunks: [rows(table('t', columns, { key: ['k'], merge: 'upsert' }), ...given)],
          },
        ]),
      );
    await load(1, 'k int, b boolean, n bigint, at timestamptz, x double', {
      k: 1,
      b: true,
      n: '9007199254740993',
      at: '2024-01-01T12:00:00.5+02:00',
      x: 0.1,
    });
    await load(2, 'k text, b text, n decimal(30,2), at text, x text', {
      k: 'A1',
      b: 'x',
      n: '1.25',
      at: 'y',
      x: 'z',
    });
    assert.deepEqual(await target.select('SELECT * FROM t ORDER BY k'), [
      ['1', 'true', '9007199254740993.00', '2024-01-01 10:00:00.5Z', '0.1'],
      ['A1', 'x', '1.25', 'y', 'z'],
    ]);
    assert.deepEqual(
      await target.select(
        `SELECT column_name, sub_part FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 't'`,
      ),
      [['k', '96']],
    );
    await assert.rejects(
      load(3, 'k text, n double', { k: 'A1', n: 1.5 }),
      /column n: expected numbers that a double can hold, found 9007199254740993\.00$/,
    );
  });

  test('a script stops where a column would alter its values, and names --target-schema', async () => {
    const target = await mysqlTarget();
    await target.run('CREATE TABLE t (k INT, at DATETIME, d DECIMAL(10,2))');
    const cases = [
      ['k text', { k: '007' }, /column k: expected a column for text, found int/],
      [
        'k int, at timestamp',
        { k: 1, at: '2024-01-01T10:00:00.5' },
        /column at: expected a column for timestamp, found datetime/,
      ],
      [
        'k int, d decimal(10,4)',
        { k: 1, d: '1.2345' },
        /column d: expected a column for decimal\(10,4\), found decimal\(10,2\)/,
      ],
    ] as const;
    for (const [columns, row, message] of cases) {
      const { text } = await script(
        stream(groups([rows(table('t', columns, { key: ['k'], merge: 'upsert' }), row)])),
        { dialect: 'mysql' },
      );
      const { code, stderr } = runMariadb(target.url, text);
      assert.equal(code, 1);
      assert.match(stderr, message);
    }
    assert.deepEqual(await target.select('SELECT * FROM t'), []);
  });

  test('times whose type is found while they pass are kept as instants, whatever their zone', async () => {
    const target = await mysqlTarget();
    const line = table('t', 'k int, at', { key: ['k'], merge: 'upsert' });
    const given = [
      '2024-01-01T10:00:00Z',
      '2024-01-01 12:30:00.25+02:30',
      '2024-01-01T00:00-1000',
      '2024-01-01',
      '1969-12-31 23:59:59Z',
      '9000-01-01T00:00:00+01:00',
    ];
    await loadInto(target, stream(groups([rows(line, ...given.map((at, k) => ({ k, at })))])));
    assert.deepEqual(
      (await target.select('SELECT at FROM t ORDER BY k')).map(([at]) => at),
      [
        '2024-01-01 10:00:00.000000',
        '2024-01-01 10:00:00.250000',
        '2024-01-01 10:00:00.000000',
        '2024-01-01 00:00:00.000000',
        '1969-12-31 23:59:59.000000',
        '8999-12-31 23:00:00.000000',
      ],
    );
  });

  test('JSON keeps its digits, and what MySQL cannot hold is refused before it gets there', async () => {
    const target = await mysqlTarget();
    const line = table('t', 'k int, j json, x double', { key: ['k'], merge: 'upsert' });
    await loadInto(
      target,
      stream(groups([rows(line, { k: 1, j: '{"b": 1.10, "a": 12345678901234567890}', x: '-1.5e-7' })])),
    );
    assert.deepEqual(await target.select('SELECT j, x FROM t'), [
      ['{"b": 1.10, "a": 12345678901234567890}', '-0.00000015'],
    ]);
    await assert.rejects(
      loadInto(target, stream(groups([], [rows(line, { k: 2, x: 'Infinity' })]))),
      /^UserError: table t row 1 column x: expected a finite double, which is all that MySQL holds, found "Infinity"$/,
    );
  });

  test('where the server takes no files from clients, rows come by INSERT, with the same result', async () => {
    const target = await mysqlTarget();
    const line = table('t', 'k int, s text, y bytes', { key: ['k'], merge: 'upsert' });
    await mariadbQuery(target.url, 'SET GLOBAL local_infile = 0');
    try {
      await loadInto(target, stream(groups([rows(line, { k: 1, s: "a\\'\n\0é😀", y: 'AP8n' }, { k: 2 })])));
    } finally {
      await mariadbQuery(target.url, 'SET GLOBAL local_infile = 1');
    }
    assert.deepEqual(await target.select('SELECT k, s, hex(y) FROM t ORDER BY k'), [
      ['1', "a\\'\n\0é😀", '00FF27'],
      ['2', null, null],
    ]);
  });

  test('loads of two scopes at once wait for each other; every row is there once', async () => {
    const target = await mysqlTarget();
    const one = (scope: string) =>
      Array.from({ length: 4 }, (_, i) => ({
        scope,
        group: String(i + 1),
        after: i === 0 ? null : String(i),
        chunks: [rows(keyed, ...['a', 'b', 'c'].map((k) => ({ k, o: String(i), v: scope, void: false })))],
      }));
    await Promise.all(['POD1', 'POD2', 'POD3'].map((scope) => loadInto(target, stream(one(scope)))));
    assert.deepEqual(await target.select('SELECT k, o FROM t ORDER BY k'), [
      ['a', '3'],
      ['b', '3'],
      ['c', '3'],
    ]);
    assert.deepEqual(await target.select(`SELECT count(*) FROM brigade_ledger WHERE table_name = ''`), [
      ['12'],
    ]);
  });

  test('state says the same over a connection and by its query in a client of any settings', async () => {
    const target = await mysqlTarget();
    await loadInto(
      target,
      stream(groups([rows(keyed, { k: 'a', o: '1', v: 'x', void: false })]), 'zenoti', 'it\'s "a\\b"'),
    );
    const states = await readState(target.url, quietContext());
    assert.deepEqual(
      states.map(({ source, table: of, group }) => [source, of, group]),
      [
        ['it\'s "a\\b"', undefined, '1'],
        ['it\'s "a\\b"', 't', '1'],
      ],
    );
    const found = await target.select(cursorsQuery('mysql', undefined));
    assert.deepEqual(
      found.map(([line]) => (JSON.parse(line!) as { source: string; table: string | null }).table),
      [null, 't'],
    );
  });

  test('a server that does not answer is temporary; a wrong password and a URL without database are not', async () => {
    const target = await mysqlTarget();
    const taken = createServer();
    const port = await new Promise<number>((resolve) =>
      taken.listen(0, '127.0.0.1', () => resolve((taken.address() as { port: number }).port)),
    );
    taken.close();
    const input = () => stream(groups([rows(keyed, { k: 'a', o: '1', v: 'x', void: false })]));
    const to = (url: string) => loadInto({ ...target, url }, input());
    await assert.rejects(to(`mysql://root:secret@127.0.0.1:${port}/db`), (error: Error) => {
      assert.ok(error instanceof TemporaryError, String(error));
      assert.match(error.message, /^mysql:\/\/root:\*\*\*@.*ECONNREFUSED/);
      return true;
    });
    await assert.rejects(to(target.url.replace('root@', 'nobody:secret@')), (error: Error) => {
      assert.ok(error instanceof UserError && !(error instanceof TemporaryError));
      assert.match(error.message, /denied/i);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
    await assert.rejects(to(target.url.replace(/\/[^/]*$/, '')), /expected a database, mysql:/);
  });

  test('a lock that is not given back is temporary, and nothing is changed', {
    timeout: 30_000,
  }, async () => {
    const target = await mysqlTarget();
    const failing = mysql.sessionLock!.take('').replace(/, 600\)/, ', 0)');
    const context = quietContext();
    const open = async () => {
      const connection = connect(parseTarget(target.url, context), { schema: undefined }, context);
      await connection.open();
      for (const statement of mysql.session) await connection.run(statement);
      return connection;
    };
    const [first, second] = [await open(), await open()];
    await first.run(failing);
    await assert.rejects(
      second.run(failing),
      (error: Error) => error instanceof TemporaryError && /found its lock held/.test(error.message),
    );
    await first.run(mysql.sessionLock!.release(''));
    await second.run(failing);
    await first.close();
    await second.close();
  });
});
