import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { sqlite } from '../src/dialects/sqlite.ts';
import { exactDouble } from '../src/dialects/sqlite-double.ts';
import { cursorsQuery } from '../src/dialects/state-query.ts';
import type { ColumnType } from '../src/merge/lattice.ts';
import type { Row } from '../src/wire/types.ts';
import { holdsByScript } from './support/merge-model.ts';
import {
  groups,
  rows,
  runScript,
  script,
  scriptInto,
  sqliteTarget,
  stream,
  table,
} from './support/merging.ts';
import { sqliteMissing } from './support/sqlite.ts';

const RUNS = 8;

test('every type is made as a column, and read back as the same type', async () => {
  const { run, select } = await sqliteTarget('wasm');
  const types: readonly ColumnType[] = [
    ...(['boolean', 'int', 'bigint', 'decimal(19,0)', 'decimal(65,30)', 'double', 'text', 'bytes'] as const),
    ...(['date', 'time', 'timestamp', 'timestamptz', 'uuid', 'json'] as const),
  ];
  for (const type of types) {
    await run(`CREATE TABLE "t ${type}" (x ${sqlite.type(type)})`);
    const [[sql] = []] = await select(`SELECT type FROM pragma_table_info('t ${type}')`);
    assert.equal(sqlite.typeOf(sql!), type);
  }
});

test('a decimal as text sorts like the number', async () => {
  const { select } = await sqliteTarget('wasm');
  const digits = fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n });
  await fc.assert(
    fc.asyncProperty(fc.array(digits, { minLength: 2, maxLength: 20 }), async (numbers) => {
      const text = (n: bigint) => {
        const all = String(n < 0n ? -n : n).padStart(4, '0');
        return `${n < 0n ? '-' : ''}${all.slice(0, -3)}.${all.slice(-3)}`;
      };
      const values = numbers.map((n) => `('${text(n)}')`).join(', ');
      const found = await select(
        `SELECT column1 FROM (VALUES ${values}) ORDER BY ${sqlite.sortable!('column1', 'decimal(16,3)')}`,
      );
      const sorted = [...numbers].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
      assert.deepEqual(
        found.map(([value]) => value),
        sorted.map(text),
      );
    }),
    { numRuns: 20 },
  );
});

test('a bad double is refused, any other one is read exactly', async () => {
  const { select } = await sqliteTarget('wasm');
  const all = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 50, maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(all, async (numbers) => {
      const list = numbers.map((n, i) => `(${i}, ${exactDouble(String(n))})`).join(', ');
      const found = await select(`SELECT column1, column2 FROM (VALUES ${list}) ORDER BY column1`);
      for (const [i, n] of numbers.entries()) assert.equal(Number(found[i]![1]) + 0, n + 0);
    }),
    { numRuns: 40 },
  );
});

for (const how of ['command', 'wasm'] as const) {
  describe(`SQLite (${how})`, { skip: how === 'command' ? sqliteMissing : false }, () => {
    test('the script of random deliveries leaves what the model says, and a replay changes nothing', async () => {
      await holdsByScript(async () => ({ target: await sqliteTarget(how) }), RUNS);
    });

    test('text comes back byte for byte, doubles bit for bit, whatever the command makes of its input', async () => {
      const target = await sqliteTarget(how);
      const texts = [
        '\r\n',
        'a\r\n.quit\r\n',
        'go\n/\n',
        ';',
        "'",
        '"',
        '\\',
        '\u001a',
        '007',
        '1.10',
        '-0',
        ' a ',
        'é😀',
        '',
      ];
      const doubles = [
        '0.1',
        '0.30000000000000004',
        '5e-324',
        '1.7976931348623157e308',
        '-123456.789012345678',
        '2.30126065347523e-295',
      ];
      const line = table('t', 'k text, x double, d decimal(30,2), j json', { key: ['k'], merge: 'upsert' });
      const given = texts.map((k, i) => ({
        k,
        x: doubles[i] ?? null,
        d: '12345678901234567890.5',
        j: '1.10',
      }));
      for (let n = 1; n <= 2; n++) {
        const { text } = await script(stream(groups([rows(line, ...given)]), 'zenoti', `s${n}`), {
          dialect: 'sqlite',
        });
        assert.deepEqual(await runScript(target, text), { code: 0, stderr: '' });
      }
      const found = await target.select('SELECT k, x, d, j, typeof(k), typeof(d), typeof(j) FROM t');
      assert.deepEqual(found.map(([k]) => k).sort(), [...texts].sort());
      for (const [k, x, d, j, ...kinds] of found) {
        const wanted = doubles[texts.indexOf(k!)];
        assert.equal(x === null ? undefined : Number(x), wanted === undefined ? undefined : Number(wanted));
        assert.deepEqual([d, j, ...kinds], ['12345678901234567890.50', '1.10', 'text', 'text', 'text']);
      }
    });

    test('a check fails with its message, whatever that holds, and passes on NULL and on no row', async () => {
      const target = await sqliteTarget(how);
      const message = 'it\'s % "100" é';
      const failed = await runScript(
        target,
        `.bail on\n${sqlite.check(`SELECT ${sqlite.literal(message)}`)};\n`,
      );
      assert.notEqual(failed.code, 0);
      assert.ok(failed.stderr.replaceAll("''", "'").includes(message), failed.stderr);
      for (const query of ['SELECT NULL', `SELECT 'x' WHERE FALSE`])
        assert.deepEqual(await runScript(target, `${sqlite.check(query)};\n`), { code: 0, stderr: '' });
    });
  });
}

test('an order of decimals, times in any zone: the newest wins as a number and as an instant', async () => {
  for (const [type, older, newer] of [
    ['decimal(20,2)', '9.5', '10'],
    ['decimal(20,2)', '-10', '-9.5'],
    ['timestamptz', '2024-01-01T12:00:00+02:00', '2024-01-01T10:00:00.5Z'],
    ['timestamptz', '2024-01-01T10:00:00Z', '2024-01-01T10:00:00.000001Z'],
  ] as const) {
    const target = await sqliteTarget('wasm');
    const line = table('t', `k int, o ${type}, v text`, { key: ['k'], merge: 'upsert', order: ['o'] });
    const at = (o: string, v: string) => [rows(line, { k: 1, o, v })];
    await scriptInto(target, stream(groups(at(newer, 'new'), at(older, 'old'))));
    assert.deepEqual(await target.select('SELECT v FROM t'), [['new']], `${older} ${newer}`);
    await scriptInto(target, stream(groups(at(older, 'old'), at(newer, 'new')), 'zenoti', 'other'));
    assert.deepEqual(await target.select('SELECT v FROM t'), [['new']], `${older} ${newer}`);
  }
});

test('types that are found while rows pass are kept in their one form; columns widen with --target-schema, also in the key', async () => {
  const target = await sqliteTarget('wasm');
  const line = (columns: string) => table('t', columns, { key: ['k'], merge: 'upsert' });
  const next = (group: number, columns: string, ...given: Row[]) =>
    scriptInto(
      target,
      stream([
        {
          group: String(group),
          after: group === 1 ? null : String(group - 1),
          chunks: [rows(line(columns), ...given)],
        },
      ]),
    );
  const given = [
    '2024-01-01T10:00:00Z',
    '2024-01-01 12:30:00.250+02:30',
    '2024-01-01T00:00-1000',
    '2024-01-01',
  ];
  await next(
    1,
    'k, at, n, b, d',
    ...given.map((at, k) => ({ k, at, n: k, b: k > 1, d: `1234567890123456789.${k}` })),
  );
  assert.deepEqual(await target.select('SELECT k, at, n, b, d FROM t ORDER BY k'), [
    ['0', '2024-01-01 10:00:00+00:00', '0', '0', '1234567890123456789.0'],
    ['1', '2024-01-01 10:00:00.25+00:00', '1', '0', '1234567890123456789.1'],
    ['2', '2024-01-01 10:00:00+00:00', '2', '1', '1234567890123456789.2'],
    ['3', '2024-01-01 00:00:00+00:00', '3', '1', '1234567890123456789.3'],
  ]);
  await next(2, 'k, n, b, d decimal(25,3)', { k: 'x1', n: 0.1, b: 'maybe', d: '0.125' });
  assert.deepEqual(await target.select(`SELECT k, n, b, d FROM t WHERE k IN ('1', '2', 'x1') ORDER BY k`), [
    ['1', '1', 'false', '1234567890123456789.100'],
    ['2', '2', 'true', '1234567890123456789.200'],
    ['x1', '0.1', 'maybe', '0.125'],
  ]);
  assert.deepEqual(await target.select(`SELECT name FROM pragma_index_info('t_brigade_key')`), [['k']]);
  await assert.rejects(
    next(3, 'k, d double', { k: '1', d: 1.5 }),
    /expected a number that a double can hold, found 1234567890123456789\.000/,
  );
  assert.deepEqual(await target.select(`SELECT count(*) FROM brigade_ledger WHERE group_id = '3'`), [['0']]);
});

test('a script stops where a column would alter its values or is not there, and names --target-schema', async () => {
  for (const [have, columns, row, message] of [
    ['k INT', 'k text', { k: '007' }, /column k: expected a column for text, found INT /],
    [
      'k INT, d NUMERIC',
      'k int, d decimal(10,2)',
      { k: 1, d: '1.10' },
      /column d: expected a column for decimal\(10,2\), found NUMERIC /,
    ],
    ['k INT', 'k int, v text', { k: 1, v: 'x' }, /column v: expected a column for text, found none /],
  ] as const) {
    const target = await sqliteTarget('wasm');
    await target.run(`CREATE TABLE t (${have})`);
    const input = stream(groups([rows(table('t', columns, { key: ['k'], merge: 'upsert' }), row)]));
    const { text } = await script(input, { dialect: 'sqlite' });
    const { code, stderr } = await runScript(target, text);
    assert.equal(code, 1);
    assert.match(stderr, message);
    assert.deepEqual(await target.select('SELECT * FROM t'), []);
  }
});

test('NUL and NaN, which SQLite would make something else of, are refused', async () => {
  const target = await sqliteTarget('wasm');
  const line = table('t', 'k int, s text, x double', { key: ['k'], merge: 'upsert' });
  for (const row of [
    { k: 1, s: 'a\0b' },
    { k: 1, x: 'NaN' },
  ])
    await assert.rejects(
      scriptInto(target, stream(groups([rows(line, row)]))),
      /^UserError: table t row 1 column [sx]: expected /,
    );
});

test('the query that state prints gives the cursors', async () => {
  const target = await sqliteTarget('wasm');
  const line = table('t', 'k int', { key: ['k'], merge: 'upsert' });
  await scriptInto(target, stream(groups([rows(line, { k: 1 })], [rows(line, { k: 2 })])));
  const found = await target.select(cursorsQuery('sqlite', undefined));
  assert.deepEqual(
    found
      .map(([text]) => JSON.parse(text!) as { group: string; applied_at: string })
      .map(({ group, applied_at }) => [group, Number.isNaN(Date.parse(applied_at))]),
    [
      ['2', false],
      ['2', false],
    ],
  );
});
