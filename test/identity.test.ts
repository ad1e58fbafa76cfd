/** Contentsquare's user_migrations: its closure, and its use on the whole history. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { MergeOptions } from '../src/merge/options.ts';
import type { Chunk, TableLine } from '../src/wire/types.ts';
import {
  hasPsql,
  loadInto,
  rows,
  runScript,
  script,
  stream,
  type TestTarget,
  table,
  targets,
} from './support/merging.ts';
import { closureOf } from './support/model.ts';
import { random } from './support/random.ts';

const migrations = table('user_migrations', 'from_user_id text, to_user_id text', {
  key: ['from_user_id'],
  merge: 'upsert',
  full: true,
});
const users = table('users', 'user_id bigint, last_modified bigint, city text', {
  key: ['user_id'],
  merge: 'upsert',
  order: ['last_modified'],
});
const events = (name: string, columns = 'event_id bigint, user_id bigint'): TableLine =>
  table(name, columns, { key: ['event_id'], merge: 'upsert' });

const map = (...pairs: readonly (readonly [number | string, number | string | null])[]): Chunk =>
  pairs.length === 0
    ? migrations
    : rows(
        migrations,
        ...pairs.map(([from, to]) => ({
          from_user_id: String(from),
          to_user_id: to === null ? null : String(to),
        })),
      );
const user = (id: number, at: number, city: string) => ({
  user_id: String(id),
  last_modified: String(at),
  city,
});
const event = (id: number, of: number) => ({ event_id: String(id), user_id: String(of) });

type Way = 'load' | 'script';

async function apply(
  target: TestTarget,
  way: Way,
  dumps: readonly (readonly Chunk[])[],
  options: MergeOptions = {},
  first = 1,
): Promise<void> {
  const input = stream(
    dumps.map((chunks, i) => ({
      group: String(first + i),
      after: first + i === 1 ? null : String(first + i - 1),
      scope: 'root',
      chunks,
    })),
    'contentsquare',
  );
  const all = { maxDelete: 100, ...options };
  if (way === 'load') return void (await loadInto(target, input, all));
  const { text, error } = await script(input, { ...all, dialect: target.name });
  assert.equal(error, undefined);
  const { code, stderr } = await runScript(target, text);
  assert.equal(code, 0, stderr);
}

const resolved = (target: TestTarget) =>
  target.select('SELECT from_user_id, to_user_id FROM user_migrations_resolved ORDER BY from_user_id');
const ofEvents = (target: TestTarget, name: string) =>
  target.select(`SELECT event_id, user_id FROM ${name} ORDER BY event_id`);
const ofUsers = (target: TestTarget, name: string) =>
  target.select(`SELECT user_id, city FROM ${name} ORDER BY user_id`);

for (const name of ['duckdb', 'postgres'] as const) {
  for (const way of ['load', 'script'] as const) {
    const skip = way === 'script' && name === 'postgres' && !hasPsql && 'needs psql';

    test(`${name}, ${way}: chains end at their last id, circles at their smallest`, { skip }, async () => {
      const target = await targets[name]();
      // 9 and 10: as text the other way round.
      const pairs = [
        [1, 2],
        [2, 3],
        [3, 4],
        [20, 4],
        [10, 9],
        [9, 11],
        [11, 10],
        [12, 9],
        [30, 30],
        [31, 30],
        ['007', 8],
        [40, null],
      ] as const;
      await apply(target, way, [[map(...pairs)]]);
      assert.deepEqual(await resolved(target), [
        ['1', '4'],
        ['2', '4'],
        ['3', '4'],
        ['7', '8'],
        ['9', '9'],
        ['10', '9'],
        ['11', '9'],
        ['12', '9'],
        ['20', '4'],
        ['30', '30'],
        ['31', '30'],
      ]);
      await apply(target, way, [[map()]], {}, 2);
      assert.deepEqual(await resolved(target), []);
    });

    test(`${name}, ${way}: views apply the newest map to the whole history`, { skip }, async () => {
      const target = await targets[name]();
      // A double cannot tell it from the id one below, which the map holds.
      const big = '9007199254740993';
      const view = events('pageviews');
      await apply(target, way, [
        [
          rows(users, user(1, 5, 'a'), user(2, 4, 'b'), user(3, 9, 'c')),
          rows(view, event(1, 1), event(2, 2), { event_id: '3', user_id: null }),
          rows(view, { event_id: '4', user_id: big }),
        ],
      ]);
      assert.deepEqual(
        await ofUsers(target, 'users_resolved'),
        [
          ['1', 'a'],
          ['2', 'b'],
          ['3', 'c'],
        ],
        'no map yet',
      );
      await apply(
        target,
        way,
        [[map([1, 2], ['9007199254740992', 5]), rows(events('clicks'), event(7, 1))]],
        {},
        2,
      );
      assert.deepEqual(await ofEvents(target, 'pageviews_resolved'), [
        ['1', '2'],
        ['2', '2'],
        ['3', null],
        ['4', big],
      ]);
      assert.deepEqual(await ofEvents(target, 'clicks_resolved'), [['7', '2']]);
      assert.deepEqual(
        await ofUsers(target, 'users_resolved'),
        [
          ['2', 'b'],
          ['3', 'c'],
        ],
        "a user's own row is the one",
      );
      // A dump without the map; a new column; then a longer chain, whose end has no row of its own.
      const wider = events('pageviews', 'event_id bigint, user_id bigint, path text');
      await apply(
        target,
        way,
        [[rows(wider, { ...event(5, 1), path: '/' })], [map([1, 2], [2, 8], [3, 8])]],
        {},
        3,
      );
      assert.deepEqual(
        await target.select('SELECT event_id, user_id, path FROM pageviews_resolved ORDER BY event_id'),
        [
          ['1', '8', null],
          ['2', '8', null],
          ['3', null, null],
          ['4', big, null],
          ['5', '8', '/'],
        ],
      );
      assert.deepEqual(
        await ofUsers(target, 'users_resolved'),
        [['8', 'c']],
        'the newest of those that became one',
      );
      assert.deepEqual(
        await ofEvents(target, 'pageviews'),
        [
          ['1', '1'],
          ['2', '2'],
          ['3', null],
          ['4', big],
          ['5', '1'],
        ],
        'the tables stay',
      );
    });

    test(`${name}, ${way}: rewrite changes the tables themselves`, { skip }, async () => {
      const target = await targets[name]();
      const options = { identity: 'rewrite' } as const;
      const view = events('pageviews');
      await apply(
        target,
        way,
        [
          [
            rows(users, user(1, 5, 'a'), user(2, 4, 'b'), user(3, 9, 'c')),
            rows(view, event(1, 1), event(2, 3)),
            map([1, 2]),
          ],
          [rows(view, event(3, 1)), rows(users, user(1, 7, 'late'))],
        ],
        options,
      );
      assert.deepEqual(await ofEvents(target, 'pageviews'), [
        ['1', '2'],
        ['2', '3'],
        ['3', '2'],
      ]);
      assert.deepEqual(await ofUsers(target, 'users'), [
        ['2', 'b'],
        ['3', 'c'],
      ]);
      await apply(
        target,
        way,
        [[map([1, 2], [2, 8], [3, 8]), rows(users, user(4, 1, 'd')), rows(view, event(4, 2))]],
        options,
        3,
      );
      assert.deepEqual(await ofEvents(target, 'pageviews'), [
        ['1', '8'],
        ['2', '8'],
        ['3', '8'],
        ['4', '8'],
      ]);
      assert.deepEqual(await ofUsers(target, 'users'), [
        ['4', 'd'],
        ['8', 'c'],
      ]);
      await assert.rejects(target.select('SELECT * FROM users_resolved'));
      // A map that comes alone: a script does not know the tables that its stream does not have.
      await apply(target, way, [[map([1, 2], [2, 8], [3, 8], [8, 9], [4, 9])]], options, 4);
      const now = way === 'load' ? '9' : '8';
      assert.deepEqual(await ofEvents(target, 'pageviews'), [
        ['1', now],
        ['2', now],
        ['3', now],
        ['4', now],
      ]);
    });

    test(`${name}, ${way}: off leaves everything as it came`, { skip }, async () => {
      const target = await targets[name]();
      await apply(target, way, [[rows(users, user(1, 5, 'a')), map([1, 2])]], { identity: 'off' });
      await assert.rejects(target.select('SELECT * FROM users_resolved'));
      await assert.rejects(resolved(target));
    });
  }

  test(`${name}: a view makes way for a column that gets a wider type, and comes back`, async () => {
    const target = await targets[name]();
    const narrow = events('pageviews', 'event_id bigint, user_id bigint, n int');
    const wide = events('pageviews', 'event_id bigint, user_id bigint, n text');
    await apply(target, 'load', [
      [rows(narrow, { ...event(1, 1), n: 5 }), map([1, 2])],
      [rows(wide, { ...event(2, 1), n: 'x' })],
    ]);
    assert.deepEqual(await target.select('SELECT user_id, n FROM pageviews_resolved ORDER BY event_id'), [
      ['2', '5'],
      ['2', 'x'],
    ]);
  });

  test(`${name}: ids that are text in the tables are compared with the map all the same`, async () => {
    const target = await targets[name]();
    const texts = events('pageviews', 'event_id bigint, user_id text');
    await apply(target, 'load', [[rows(texts, event(1, 1), { event_id: '2', user_id: 'x' }), map([1, 2])]]);
    assert.deepEqual(await ofEvents(target, 'pageviews_resolved'), [
      ['1', '2'],
      ['2', 'x'],
    ]);
    await apply(target, 'load', [[map([1, 3])]], { identity: 'rewrite' }, 2);
    assert.deepEqual(await ofEvents(target, 'pageviews'), [
      ['1', '3'],
      ['2', 'x'],
    ]);
  });

  test(`${name}: a map that holds no numbers is refused, and so is a table in the place of a view`, async () => {
    const target = await targets[name]();
    await assert.rejects(
      apply(target, 'load', [[map(['1', 'x7'])]]),
      /table user_migrations: expected whole numbers in to_user_id, found x7/,
    );
    const taken = events('pageviews_resolved', 'event_id bigint, n int');
    await assert.rejects(
      apply(target, 'load', [[rows(taken, { event_id: 1, n: 1 }), rows(events('pageviews'), event(1, 1))]]),
      /table pageviews: expected the name pageviews_resolved free for its view/,
    );
  });

  test(`${name}: a chain of 3,000 ids is no matter`, async () => {
    const target = await targets[name]();
    const pairs = Array.from({ length: 3000 }, (_, i) => [i + 1, i + 2] as const);
    await apply(target, 'load', [[map(...pairs)]]);
    assert.deepEqual(
      await target.select('SELECT count(*), min(to_user_id), max(to_user_id) FROM user_migrations_resolved'),
      [['3000', '3001', '3001']],
    );
  });

  test(`${name}: any map has the closure that following it by hand gives`, async () => {
    const target = await targets[name]();
    const id = fc.integer({ min: 1, max: 12 });
    const maps = fc.sample(
      fc.uniqueArray(fc.tuple(id, id), { selector: ([from]) => from, minLength: 1, maxLength: 12 }),
      {
        numRuns: 25,
        seed: random(20260114).int(1, 1e6),
      },
    );
    let group = 0;
    for (const pairs of maps) {
      group += 1;
      await apply(target, 'load', [[map(...pairs)]], {}, group);
      const expected = [...closureOf(pairs.map(([from, to]) => [BigInt(from), BigInt(to)] as const))]
        .sort(([a], [b]) => Number(a - b))
        .map(([from, to]) => [String(from), String(to)]);
      assert.deepEqual(await resolved(target), expected, JSON.stringify(pairs));
    }
  });
}
