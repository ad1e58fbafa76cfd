import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { readTargetSchema } from '../src/dialects/script.ts';
import { columnsQuery } from '../src/dialects/state-query.ts';
import { quietContext } from '../src/stage.ts';
import { readSchema } from '../src/targets/index.ts';
import type { Chunk } from '../src/wire/types.ts';
import { mariadbMissing } from './support/mariadb.ts';
import {
  cut,
  groups,
  hasPsql,
  loadInto,
  mysqlTarget,
  rows,
  runScript,
  script,
  scriptInto,
  sqliteTarget,
  stream,
  table,
  targets,
} from './support/merging.ts';
import { scratch } from './support/scratch.ts';
import { sqliteMissing } from './support/sqlite.ts';

const user = table('users', 'id int, name text', { key: ['id'], merge: 'upsert' });
const hostile = [
  '\\.',
  "';\\! touch /tmp/never\n",
  '\\endif',
  '\\q',
  ':brigade_new_0',
  ":'name'",
  '$brigade$',
  'a\tb\\',
  '"',
  "it's",
  '\\N',
  '',
  'é😀\r\n',
  '--',
  '/*',
];

const engines = {
  duckdb: { make: targets.duckdb, missing: false },
  postgres: { make: targets.postgres, missing: hasPsql ? false : 'no psql here' },
  mysql: { make: mysqlTarget, missing: mariadbMissing },
  sqlite: { make: () => sqliteTarget('command'), missing: sqliteMissing },
} as const;

for (const dialect of ['duckdb', 'postgres', 'mysql', 'sqlite'] as const) {
  const { make, missing } = engines[dialect];
  describe(`a script for ${dialect}`, { skip: missing }, () => {
    const whole = async (
      input: AsyncIterable<Chunk>,
      options: {
        schema?: string;
        targetSchema?: ReturnType<typeof readTargetSchema>;
        allowGap?: boolean;
      } = {},
    ) => {
      const { text, error } = await script(input, { dialect, ...options });
      assert.equal(error, undefined);
      return text;
    };

    test('data and names that look like SQL or commands come back byte for byte, and nothing else happens', async () => {
      const target = await make();
      const name = `t"; DROP TABLE users; --\\`;
      const line = table('x', 'id int', { key: ['id'], merge: 'upsert' });
      const odd = {
        ...line,
        table: name,
        columns: [
          { name: 'id', type: 'int' as const },
          { name: `c'"\\ :x`, type: 'text' as const },
        ],
      };
      const text = await whole(
        stream(groups([rows(odd, ...hostile.map((value, id) => ({ id, [`c'"\\ :x`]: value })))])),
      );
      const { code, stderr } = await runScript(target, text);
      assert.equal(code, 0, stderr);
      const quoted = (dialect === 'postgres' || dialect === 'mysql' ? name.toLowerCase() : name).replaceAll(
        '"',
        '""',
      );
      assert.deepEqual(
        await target.select(`SELECT * FROM "${quoted}" ORDER BY id`),
        hostile.map((value, id) => [String(id), value]),
      );
    });

    test('a script run twice changes nothing; one that skips groups fails and changes nothing', async () => {
      const target = await make();
      const text = await whole(
        stream(groups([rows(user, { id: 1, name: 'a' })], [rows(user, { id: 2, name: 'b' })])),
      );
      for (const _ of [1, 2]) {
        const { code, stderr } = await runScript(target, text);
        assert.equal(code, 0, stderr);
      }
      assert.deepEqual(await target.select('SELECT id FROM users ORDER BY id'), [['1'], ['2']]);
      const gap = await whole(
        stream([{ group: '9', after: '8', chunks: [rows(user, { id: 9, name: 'x' })] }]),
      );
      const failed = await runScript(target, gap);
      assert.notEqual(failed.code, 0);
      assert.match(failed.stderr, /cursor of POD1 is 2, stream starts after 8/);
      assert.deepEqual(await target.select('SELECT count(*) FROM users'), [['2']]);
    });

    test('a late group fails where its rows would undo newer ones', async () => {
      const target = await make();
      const fact = table('facts', 'id int, gone int', {
        key: ['id'],
        merge: 'delete-insert',
        delete_flag: 'gone',
      });
      const at = async (group: string, after: string | null, gone: number) => {
        const list = [{ group, after, chunks: [rows(fact, { id: 1, gone })] }];
        return runScript(target, await whole(stream(list), { allowGap: true }));
      };
      assert.equal((await at('1', null, 0)).code, 0);
      assert.equal((await at('10', '9', 1)).code, 0);
      const late = await at('9', '10', 0);
      assert.notEqual(late.code, 0);
      assert.match(
        late.stderr,
        /group zenoti POD1 9: table facts: expected a group after 10, found an older one/,
      );
      assert.deepEqual(await target.select('SELECT id FROM facts'), []);
      assert.equal((await at('11', '10', 0)).code, 0);
    });

    test('when the input breaks off, the script makes its client fail and keeps only the groups before', async () => {
      const list = groups(
        [rows(user, { id: 1, name: 'a' })],
        [rows(user, { id: 2, name: 'b' }), rows(user, { id: 3, name: 'c' })],
      );
      for (let after = 0; after < 9; after++) {
        const target = await make();
        const { text, error } = await script(cut(stream(list), after), { dialect });
        assert.match(String(error), /expected an end line/);
        const { code, stderr } = await runScript(target, text);
        assert.notEqual(code, 0, `cut after ${after}`);
        assert.match(stderr, /the script was cut off: .*expected an end line/);
        // Chunks 3 and 7 are the commits.
        const done = after > 7 ? [['1'], ['2'], ['3']] : after > 3 ? [['1']] : [];
        const found = await target.select('SELECT id FROM users ORDER BY id').catch(() => []);
        assert.deepEqual(found, done, `cut after ${after}`);
      }
    });

    test('a bad group fails and the one after it is not applied', async () => {
      const target = await make();
      const text = await whole(
        stream(
          groups(
            [rows(user, { id: 1, name: 'a' })],
            [rows(user, { id: null, name: 'b' })],
            [rows(user, { id: 3, name: 'c' })],
          ),
        ),
      );
      const { code, stderr } = await runScript(target, text);
      assert.notEqual(code, 0);
      assert.match(stderr, /table users: expected a value in key column id, found NULL in 1 rows/);
      assert.deepEqual(await target.select('SELECT id FROM users'), [['1']]);
    });

    test('a full delivery is guarded: its replay neither empties the table nor fails', async () => {
      const target = await make();
      const full = { ...user, full: true } as const;
      const list = groups([full, rows(full, { id: 1, name: 'a' })], [rows(user, { id: 2, name: 'b' })]);
      for (const _ of [1, 2]) {
        const { code, stderr } = await runScript(target, await whole(stream(list)));
        assert.equal(code, 0, stderr);
      }
      assert.deepEqual(await target.select('SELECT id FROM users ORDER BY id'), [['1'], ['2']]);
    });

    test('each group of a script may get columns, and wider ones, after rows of it were said', async () => {
      const target = await make();
      const keyed = { key: ['id'], merge: 'upsert' } as const;
      const first = table('t', 'id int, flag boolean', keyed);
      const grown = table('t', 'id int, w text', keyed);
      const wider = table('t', 'id int, flag text', keyed);
      const body = (id: number): Chunk[] => [
        first,
        rows(first, { id, flag: true }),
        grown,
        rows(grown, { id: id + 1, w: 'new' }),
        wider,
        rows(wider, { id: id + 2, flag: 'maybe' }),
      ];
      const { text, error } = await script(stream(groups(body(1), body(4))), { dialect });
      assert.equal(error, undefined);
      const { code, stderr } = await runScript(target, text);
      assert.equal(code, 0, stderr);
      const found = await target.select(
        `SELECT id, coalesce(flag, '-') AS f, coalesce(w, '-') AS w FROM t ORDER BY id`,
      );
      assert.deepEqual(
        found.map(([id, flag, w]) => [id, flag === '1' ? 'true' : flag, w]),
        [1, 4].flatMap((id) => [
          [String(id), 'true', '-'],
          [String(id + 1), '-', 'new'],
          [String(id + 2), 'maybe', '-'],
        ]),
      );
    });

    test('columns are added where they are missing, and widened with --target-schema', async () => {
      const target = await make();
      const into = dialect === 'sqlite' ? scriptInto : loadInto;
      await into(target, stream(groups([rows(user, { id: 1, name: 'a' })])));
      const more = table('users', 'id bigint, name text, age int', { key: ['id'], merge: 'upsert' });
      const second = (chunks: Chunk[]) => stream([{ group: '2', after: '1', chunks }]);
      const path = join(scratch('schema'), 'schema');
      const known =
        dialect === 'sqlite'
          ? (await target.select(columnsQuery('sqlite', undefined))).map(([line]) => JSON.parse(line!))
          : await readSchema(target.url, quietContext());
      assert.deepEqual([...new Set(known.map(({ table: name }) => name))], ['users']);
      writeFileSync(path, known.map((line) => `${JSON.stringify(line)}\n`).join(''));
      const text = await whole(second([rows(more, { id: '3000000000', name: 'b', age: 7 })]), {
        targetSchema: readTargetSchema(path),
      });
      const { code, stderr } = await runScript(target, text);
      assert.equal(code, 0, stderr);
      assert.deepEqual(await target.select('SELECT id, name, age FROM users ORDER BY id'), [
        ['1', 'a', null],
        ['3000000000', 'b', '7'],
      ]);
      const third = await whole(
        stream([
          {
            group: '3',
            after: '2',
            chunks: [
              rows(
                { ...more, columns: [...more.columns!, { name: 'town', type: 'text' }] },
                { id: 1, name: 'c', age: 1, town: 'Ooo' },
              ),
            ],
          },
        ]),
      );
      const again = await runScript(target, third);
      if (dialect === 'sqlite') {
        // There is no conditional DDL.
        assert.notEqual(again.code, 0);
        assert.match(again.stderr, /column town: expected a column for text, found none \(--target-schema/);
        return;
      }
      assert.equal(again.code, 0, again.stderr);
      assert.deepEqual(await target.select('SELECT name, town FROM users WHERE id = 1'), [['c', 'Ooo']]);
    });
    test('a script that does not know its target stops where a column would alter a value, and names both types', async () => {
      const kept = [
        ['bigint', 'int', 7],
        ['decimal(6,3)', 'decimal(6,3)', '2.125'],
        ['text', 'text', '007'],
        ['timestamp', 'timestamp', '2024-01-01T10:00:00.5'],
      ] as const;
      const altered = [
        ['int', 'decimal(3,1)', '1.5'],
        ['int', 'double', 1.5],
        ['bigint', 'double', 0.5],
        ['decimal(6,2)', 'decimal(6,3)', '1.125'],
        ['decimal(6,2)', 'double', 1.125],
        ['double', 'decimal(20,2)', '123456789012345678.91'],
        ['date', 'timestamp', '2024-01-01T10:00:00'],
        ['date', 'timestamptz', '2024-01-01T10:00:00Z'],
        ['timestamp', 'timestamptz', '2024-01-01T10:00:00Z'],
      ] as const;
      const pairs = [...kept, ...altered];
      const of = (i: number, type: string) =>
        table(`t${i}`, `k int, v ${type}`, { key: ['k'], merge: 'upsert' });
      const target = await make();
      const first = pairs.map(([have], i) => rows(of(i, have), { k: 1, v: null }));
      await scriptInto(target, stream(groups(first)));
      for (const [i, [have, type, value]] of pairs.entries()) {
        const chunks = [rows(of(i, type), { k: 2, v: value })];
        const text = await whole(stream([{ group: String(i + 2), after: '1', chunks }]), { allowGap: true });
        const { code, stderr } = await runScript(target, text);
        const isKept = i < kept.length;
        assert.equal(code === 0, isKept, `${have} ${type} ${stderr}`);
        const expected = `table t${i} column v: expected a column for ${type}, found `;
        if (!isKept) assert.ok(stderr.includes(expected), stderr);
        const left = isKept ? [['1'], ['2']] : [['1']];
        assert.deepEqual(await target.select(`SELECT k FROM t${i} ORDER BY k`), left);
      }
    });

    test('a script that knew its target, and broke off after it had changed a table, can be run again', async () => {
      const target = await make();
      const typed = (columns: string, ...given: Record<string, unknown>[]) =>
        rows(table('t', columns, { key: ['k'], merge: 'upsert' }), ...given);
      const list = groups(
        [typed('k text, b boolean, since timestamptz', { k: 'a', b: true, since: '2024-01-01T10:00:00.5Z' })],
        [typed('k text, b text, since text, n int', { k: 'b', b: 'x', since: 'y', n: 1 })],
        [typed('k text, b text, since text, n int', { k: 'c', b: 'x', since: 'y', n: 1 })],
      );
      await scriptInto(target, stream(list.slice(0, 1)));
      const path = join(scratch('schema'), 'schema');
      const known = (await target.select(columnsQuery(target.name, undefined))).map(([line]) => `${line}\n`);
      writeFileSync(path, known.join(''));
      const text = await whole(stream(list.slice(1)), { targetSchema: readTargetSchema(path) });
      // The second group's first statement fails.
      const second = text.indexOf("'3'");
      const broken = text.slice(0, text.lastIndexOf('\n', second) + 1);
      const seen = () => target.select('SELECT k, b, since, n FROM t ORDER BY k');
      await runScript(target, broken);
      const { code, stderr } = await runScript(target, text);
      // SQLite has no conditional DDL: it says so, and nothing is harmed.
      if (dialect === 'sqlite') assert.match(stderr, /duplicate column name: n|no such column/);
      else assert.equal(code, 0, stderr);
      const found = await seen();
      assert.deepEqual(found[0]!.slice(0, 2), ['a', 'true']);
      assert.match(found[0]![2]!, /^2024-01-01 10:00:00\.5(Z|\+00|\+00:00)$/);
      if (dialect !== 'sqlite') assert.equal(found.length, 3);
    });

    test('groups of one script see what those before them changed, where it knows the target', async () => {
      const target = await make();
      const typed = (columns: string, ...given: Record<string, unknown>[]) =>
        rows(table('t', columns, { key: ['k'], merge: 'upsert' }), ...given);
      const list = groups(
        [typed('k text, n int', { k: 'a', n: 5 })],
        [typed('k text, n text, more int', { k: 'b', n: '007', more: 1 })],
        [typed('k text, n text, more int', { k: 'c', n: '008', more: 2 })],
        [typed('k text, n text, more text', { k: 'd', n: '9', more: '02' })],
      );
      await scriptInto(target, stream(list.slice(0, 3)));
      await scriptInto(target, stream(list.slice(2)));
      assert.deepEqual(await target.select('SELECT k, n, more FROM t ORDER BY k'), [
        ['a', '5', null],
        ['b', '007', '1'],
        ['c', '008', '2'],
        ['d', '9', '02'],
      ]);
    });
  });
}

test('the script for psql stops at the first error, copies outside of conditionals, and locks first', async () => {
  const { text } = await script(stream(groups([rows(user, { id: 1, name: "it's" })])), {
    dialect: 'postgres',
  });
  const all = text.split('\n');
  assert.equal(all[0], '\\set ON_ERROR_STOP on');
  let depth = 0;
  for (const [i, line] of all.entries()) {
    if (line.startsWith('\\if')) depth++;
    if (line === '\\endif') depth--;
    assert.ok(!(line.startsWith('COPY') && depth > 0), line);
    if (line === 'BEGIN;') assert.match(all[i + 1]!, /^SELECT pg_advisory_xact_lock/);
  }
  assert.equal(depth, 0);
});

test('the script for DuckDB stops at the first error, and has it read files that nobody decoded', async () => {
  const folder = scratch('files');
  writeFileSync(join(folder, 'a.csv'), '1,one\n2,\n3,""\n');
  const file: Chunk = {
    $: 'file',
    uri: pathToFileURL(join(folder, 'a.csv')).href,
    table: 'users',
    format: 'csv',
    role: 'data',
  };
  const { text } = await script(stream(groups([user, file])), { dialect: 'duckdb' });
  assert.match(text, /^\.bail on\n/);
  assert.match(text, /read_csv\(\['[^']+a\.csv'\], auto_detect = false/);
  const target = await targets.duckdb();
  const { code, stderr } = await runScript(target, text);
  assert.equal(code, 0, stderr);
  assert.deepEqual(await target.select('SELECT * FROM users ORDER BY id'), [
    ['1', 'one'],
    ['2', null],
    ['3', ''],
  ]);
  const { error } = await script(stream(groups([user, file])), { dialect: 'postgres' });
  assert.match(String(error), /decode before this command/);
});

test('the script for DuckDB holds no NUL, which the duckdb command would not read', async () => {
  const { error } = await script(stream(groups([rows(user, { id: 1, name: 'a\0b' })])), {
    dialect: 'duckdb',
  });
  assert.match(
    String(error),
    /table users row 1 column name: expected text that a script can hold, without NUL, found "a\\u0000b"$/,
  );
});
