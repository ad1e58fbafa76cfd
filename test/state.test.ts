import assert from 'node:assert/strict';
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { stateCommand } from '../src/commands/state.ts';
import { quietContext } from '../src/stage.ts';
import { readState } from '../src/targets/index.ts';
import type { Chunk } from '../src/wire/types.ts';
import { loadInto, rows, stream, table, targets } from './support/merging.ts';
import { scratch } from './support/scratch.ts';

const user = table('users', 'id int', { key: ['id'], merge: 'upsert' });
const other = table('other', 'id int', { key: ['id'], merge: 'upsert' });
const at = (group: string, after: string | null, scope: string, ...chunks: Chunk[]) => ({
  group,
  after,
  scope,
  chunks,
});

for (const name of ['duckdb', 'postgres'] as const) {
  test(`${name}: the newest group of every scope and table, by number and not by text`, async () => {
    const target = await targets[name]();
    assert.deepEqual(await readState(target.url, quietContext()), []);
    await loadInto(
      target,
      stream([
        at('9', null, 'POD1', rows(user, { id: 1 }), rows(other, { id: 1 })),
        at('10', '9', 'POD1', rows(user, { id: 2 })),
        at('55', null, 'POD2', rows(user, { id: 3 }, { id: 4 })),
      ]),
    );
    const state = await readState(target.url, quietContext());
    assert.deepEqual(
      state.map(({ feed, source, scope, table: of, group, rows: count }) => [
        feed,
        source,
        scope,
        of,
        group,
        count,
      ]),
      [
        ['zenoti', 'test', 'POD1', undefined, '10', 1],
        ['zenoti', 'test', 'POD1', 'other', '9', 1],
        ['zenoti', 'test', 'POD1', 'users', '10', 1],
        ['zenoti', 'test', 'POD2', undefined, '55', 2],
        ['zenoti', 'test', 'POD2', 'users', '55', 2],
      ],
    );
    for (const { applied_at } of state) {
      assert.match(applied_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.ok(Math.abs(Date.now() - Date.parse(applied_at)) < 60_000);
    }
  });
}

test('state prints a line of JSON each, in the order of the documentation', async () => {
  const target = await targets.duckdb();
  await loadInto(target, stream([at('9', null, 'POD1', rows(user, { id: 1 }))]), { schema: 'landing' });
  const command = stateCommand;
  assert.equal(command.kind, 'action');
  let text = '';
  if (command.kind === 'action') {
    for await (const piece of command.make({ stateSchema: 'landing' }, [target.url])(quietContext()))
      text += Buffer.from(piece).toString();
  }
  const lines = text.trimEnd().split('\n');
  assert.equal(lines.length, 2);
  assert.deepEqual(Object.keys(JSON.parse(lines[1]!)), [
    'feed',
    'source',
    'scope',
    'table',
    'group',
    'files',
    'rows',
    'applied_at',
  ]);
});

test('a DuckDB file that is not there is not made, and one that was read is closed again', async () => {
  const path = join(scratch('state'), 'none.duckdb');
  assert.deepEqual(await readState(path, quietContext()), []);
  assert.equal(existsSync(path), false);
  const target = await targets.duckdb();
  await loadInto(target, stream([at('9', null, 'POD1', rows(user, { id: 1 }))]));
  await readState(target.url, quietContext());
  renameSync(target.url, `${target.url}.moved`);
  assert.deepEqual(await readState(target.url, quietContext()), []);
});
