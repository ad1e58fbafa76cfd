import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { openDuckDB, quoteText } from '../src/duckdb.ts';
import type { Chunk } from '../src/wire/types.ts';
import {
  groups,
  lines,
  loadInto,
  rows,
  runScript,
  script,
  stream,
  table,
  targets,
} from './support/merging.ts';
import { scratch } from './support/scratch.ts';

const user = table('users', 'id int, name text', { key: ['id'], merge: 'upsert' });
const stray = /table users row 3: expected only columns that its table line lists, found one called "more"/;
const bodies: readonly Chunk[] = [
  rows(user, { id: 1, name: 'a' }, { id: 2, name: 'b' }, { id: 3, name: 'c', more: null }),
  lines(user, '{"id":1,"name":"a"}', '{"name":"b","id":2}', '{"id":3,"more":{"id":1},"name":"c"}'),
];

for (const name of ['duckdb', 'postgres'] as const) {
  test(`a member that no column lists is an error in any row, by load and by script into ${name}`, async () => {
    const target = await targets[name]();
    for (const body of bodies) {
      await assert.rejects(loadInto(target, stream(groups([body]))), stray);
      const { error } = await script(stream(groups([body])), { dialect: name });
      assert.match(String(error), stray);
    }
    // A name in another spelling is the same name; `$` in a row of its own is one, too.
    const odd = table('odd', 'id int, $ text, é text', { key: ['id'], merge: 'upsert' });
    await loadInto(
      target,
      stream(
        groups([lines(odd, '{"$":"row","row":{"$":"x","id":1}}', '{"\\u0069d":2,"\\u00e9":"y"}')]),
        'zenoti',
        'other',
      ),
    );
    assert.deepEqual(await target.select('SELECT * FROM odd ORDER BY id'), [
      ['1', 'x', null],
      ['2', null, 'y'],
    ]);
  });
}

test('of files that DuckDB reads by itself, too', async () => {
  const folder = scratch('members');
  const database = await openDuckDB();
  const file = async (name: string, more: string) => {
    const path = join(folder, name);
    await database.run(
      `COPY (SELECT 1 AS id, 'a' AS name${more} UNION ALL SELECT 2, 'b'${more}) TO ${quoteText(path)} (FORMAT ${name.endsWith('json') ? 'json' : 'parquet'})`,
    );
    return path;
  };
  const body = (path: string, format: string): Chunk[] => [
    user,
    { $: 'file', uri: pathToFileURL(path).href, table: 'users', format },
  ];
  for (const format of ['json', 'parquet']) {
    const named = format === 'json' ? 'jsonl' : format;
    const good = groups(body(await file(`good.${format}`, ''), named));
    const bad = groups(body(await file(`bad.${format}`, ', 5 AS more'), named));
    const message =
      /table users, file .*: expected only columns that its table line lists, found one called "more"/;
    const target = await targets.duckdb();
    await assert.rejects(loadInto(target, stream(bad)), message);
    await loadInto(target, stream(good));
    assert.deepEqual(await target.select('SELECT id, name FROM users ORDER BY id'), [
      ['1', 'a'],
      ['2', 'b'],
    ]);
    const other = await targets.duckdb();
    const { text } = await script(stream(bad), { dialect: 'duckdb' });
    const { code, stderr } = await runScript(other, text);
    assert.equal(code, 1);
    assert.match(stderr, message);
  }
  const csv = join(folder, 'bad.csv');
  writeFileSync(csv, 'id,name,more\n1,a,x\n');
  const target = await targets.duckdb();
  await assert.rejects(
    loadInto(target, stream(groups(body(csv, 'csv')))),
    /bad\.csv line 1: DuckDB: Expected Number of Columns: 2 Found: 3/,
  );
  database.close();
});
