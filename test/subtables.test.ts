/** Scripts and the subtables that their stream does not mention: they cannot look into the target, but can be told what is there. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { toSql } from '../src/commands/to-sql.ts';
import { quietContext } from '../src/stage.ts';
import { mariadbMissing } from './support/mariadb.ts';
import {
  duckdbTarget,
  groups,
  hasPsql,
  mysqlTarget,
  postgresTarget,
  rows,
  scriptInto,
  sqliteTarget,
  stream,
  table,
} from './support/merging.ts';

const parent = table('c', 'id int, _sdc_sequence bigint, _sdc_table_version bigint', {
  key: ['id'],
  merge: 'upsert',
  order: ['_sdc_sequence'],
  version: '_sdc_table_version',
});
const child = (name: string, from: string) =>
  table(
    name,
    '_sdc_source_key_id int, _sdc_level_0_id int, _sdc_sequence bigint, _sdc_table_version bigint, v text',
    {
      key: ['_sdc_source_key_id', '_sdc_level_0_id'],
      merge: 'upsert',
      order: ['_sdc_sequence'],
      version: '_sdc_table_version',
      parent: from,
    },
  );
const top = (id: number, seq: number, version = 1) =>
  rows(parent, { id, _sdc_sequence: seq, _sdc_table_version: version });
const part = (line: ReturnType<typeof child>, id: number, v: string) =>
  rows(line, { _sdc_source_key_id: id, _sdc_level_0_id: 0, _sdc_sequence: 1, _sdc_table_version: 1, v });

const TARGETS = {
  duckdb: { make: duckdbTarget, skip: false },
  postgres: { make: postgresTarget, skip: !hasPsql && 'no psql here' },
  mysql: { make: mysqlTarget, skip: mariadbMissing },
  sqlite: { make: () => sqliteTarget('wasm'), skip: false },
} as const;

for (const [name, { make, skip }] of Object.entries(TARGETS)) {
  describe(`a script for ${name} that knows the target's tables`, { skip }, () => {
    test("clears the subtables that its stream does not mention, and nobody else's", async () => {
      const target = await make();
      // The last one has a parent of its own: its name alone says nothing.
      const other = { ...parent, table: 'c__x' };
      const [mine, others] = [child('c__p', 'c'), child('c__x__y', 'c__x')];
      const first = groups([
        top(1, 1),
        top(2, 1),
        part(mine, 1, 'a'),
        part(mine, 2, 'b'),
        rows(other, { id: 1, _sdc_sequence: 1, _sdc_table_version: 1 }),
        part(others, 1, 'stays'),
      ]);
      const options = { targetName: '{table}' };
      const left = async (table: string) =>
        (await target.select(`SELECT v FROM ${target.table(undefined, table)} ORDER BY v`)).flat();
      await scriptInto(target, stream(first, 'stitch'), options);
      assert.deepEqual(await left('c__p'), ['a', 'b']);
      const next = (n: number, ...chunks: ReturnType<typeof top>[]) =>
        stream([{ group: String(n), after: String(n - 1), chunks }], 'stitch');
      await scriptInto(target, next(2, top(1, 2)), options);
      assert.deepEqual(await left('c__p'), ['b']);
      assert.deepEqual(await left('c__x__y'), ['stays']);
      // A newer version of the whole table leaves nothing of the older one.
      await scriptInto(target, next(3, top(3, 3, 2)), options);
      assert.deepEqual(await left('c__p'), []);
      assert.deepEqual(await left('c__x__y'), ['stays']);
    });
  });
}

test('a script that does not know them says so, once, where the engine cannot look by itself', async () => {
  const input = () => stream(groups([top(1, 1)], [top(1, 2)]), 'stitch');
  const warned = async (dialect: 'duckdb' | 'postgres') => {
    const warnings: string[] = [];
    const context = quietContext({ warn: (message) => warnings.push(message) });
    for await (const _ of toSql({ dialect, targetName: '{table}' })(input(), context));
    return warnings;
  };
  assert.deepEqual(await warned('duckdb'), [
    'rows of subtables that a group does not mention stay, since a script for duckdb cannot look for them: --target-schema tells it which there are',
  ]);
  assert.deepEqual(await warned('postgres'), []);
});
