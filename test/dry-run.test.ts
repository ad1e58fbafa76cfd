import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Chunk } from '../src/wire/types.ts';
import { groups, loadInto, rows, script, stream, type TestGroup, table, targets } from './support/merging.ts';
import { scratch } from './support/scratch.ts';

const user = table('users', 'id int, name text', { key: ['id'], merge: 'upsert' });
const file = (name: string, bytes: number): Chunk => ({
  $: 'file',
  uri: `file:///${name}`,
  table: 'users',
  bytes,
});
const eof = (name: string, count: number): Chunk => ({
  $: 'eof',
  uri: `file:///${name}`,
  rows: count,
  rejects: 0,
});
const wider = table('users', 'id int, name text, age bigint', { key: ['id'], merge: 'upsert' });
const later = (): TestGroup[] => [
  {
    group: '2',
    after: '1',
    chunks: [file('b', 40), rows(user, { id: 1, name: 'B' }, { id: 2, name: 'c' }), eof('b', 2)],
  },
  {
    group: '3',
    after: '2',
    chunks: [file('c', 2), rows(wider, { id: 2, name: 'd', age: '7' }), eof('c', 1)],
  },
];

for (const name of ['duckdb', 'postgres'] as const) {
  describe(`--dry-run with ${name}`, () => {
    test('load tells files, bytes, tables, changes and rows of each group, and changes nothing', async () => {
      const target = await targets[name]();
      await loadInto(target, stream(groups([rows(user, { id: 1, name: 'a' })])));
      const tables = 'SELECT table_name, column_name FROM information_schema.columns ORDER BY 1, 2';
      const ledger = 'SELECT * FROM brigade_ledger ORDER BY 1, 2, 3, 4, 5';
      const before = [await target.select(tables), await target.select(ledger)];
      const list = [...groups([rows(user, { id: 1, name: 'a' })]), ...later()];
      const { warnings } = await loadInto(target, stream(list), { dryRun: true });
      const told = warnings.map((line) => line.replace(/\b[1-9]\d* statements/, 'n statements'));
      assert.deepEqual(told.slice(0, 3), [
        'zenoti POD1 1: applied before, nothing to do',
        'zenoti POD1 2: 1 file, 40 bytes, 1 table, n statements; 2 rows read, 1 to insert, 1 to update, 0 to delete',
        'zenoti POD1 3: 1 file, 2 bytes, 1 table, n statements; 1 rows read, 0 to insert, 1 to update, 0 to delete',
      ]);
      assert.match(
        told[3]!,
        /^ {2}ALTER TABLE "(main|public)"."users" ADD COLUMN IF NOT EXISTS "age" bigint$/i,
      );
      assert.equal(told.length, 4);
      assert.deepEqual([await target.select(tables), await target.select(ledger)], before);
      assert.deepEqual(await target.select('SELECT * FROM users'), [['1', 'a']]);
      // And then it is done.
      const { warnings: done } = await loadInto(target, stream(list));
      assert.match(done[1]!, /1 inserted, 1 updated, 0 deleted/);
    });

    test('what would fail fails, and nothing stays', async () => {
      const target = await targets[name]();
      const gap = [{ group: '9', after: '8', chunks: [rows(user, { id: 1, name: 'a' })] }];
      await assert.rejects(loadInto(target, stream(gap), { dryRun: true }), /cursor of POD1 is not set/);
      const found = await target.select(
        `SELECT table_name FROM information_schema.tables WHERE table_schema IN ('main', 'public')`,
      );
      assert.deepEqual(found, []);
    });

    test('to-sql prints the plan as comments, so that a client that gets it does nothing', async () => {
      const { text, error } = await script(stream(later()), { dialect: name, dryRun: true });
      assert.equal(error, undefined);
      const told = text.trimEnd().split('\n');
      assert.ok(told.every((line) => line.startsWith('-- ')));
      assert.match(told[0]!, /^-- zenoti POD1 2: 1 file, 40 bytes, 1 table, \d+ statements$/);
      assert.ok(told.some((line) => /^-- {3}CREATE TABLE IF NOT EXISTS "(main|public)"."users"/.test(line)));
      assert.ok(!text.includes('brigade_ledger'));
    });
  });
}

test('a DuckDB file that is not there is not made by --dry-run', async () => {
  const url = join(scratch('dry'), 'new.duckdb');
  const target = { ...(await targets.duckdb()), url };
  const { warnings } = await loadInto(target, stream(groups([rows(user, { id: 1, name: 'a' })])), {
    dryRun: true,
  });
  assert.match(warnings[0]!, /1 to insert/);
  assert.ok(!existsSync(url));
});
