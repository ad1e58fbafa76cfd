/** Contentsquare's user_migrations: its closure, and its use on the whole history. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { MergeOptions } from '../src/merge/options.ts';
import type { Chunk, TableLine } from '../src/wire/types.ts';
import { mariadbMissing } from './support/mariadb.ts';
import {
  hasPsql,
  loadInto,
  mysqlTarget,
  redshiftTarget,
  rows,
  runScript,
  script,
  scriptInto,
  sqliteTarget,
  stream,
  type TestTarget,
  table,
  targets,
} from './support/merging.ts';
import { closureOf } from './support/model.ts';
import { random } from './support/random.ts';
import { sqliteMissing, sqliteRows } from './support/sqlite.ts';
import { storedRows } from './support/stored-rows.ts';

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

/** `known`: by scripts that are told what the target has. */
type Way = 'load' | 'script' | 'known';

interface Place {
  readonly name: string;
  readonly make: () => Promise<TestTarget>;
  readonly ways: readonly Way[];
  readonly missing?: string | false;
  /** A column's type cannot be changed, and a script adds none without knowing what is there. */
  readonly rigid?: true;
}

const places: readonly Place[] = [
  { name: 'duckdb', make: targets.duckdb, ways: ['load', 'script'] },
  { name: 'postgres', make: targets.postgres, ways: ['load', 'script', 'known'] },
  { name: 'mysql', make: mysqlTarget, ways: ['load', 'script', 'known'], missing: mariadbMissing },
  {
    name: 'redshift',
    make: redshiftTarget,
    ways: ['load', 'script', 'known'],
    missing: !hasPsql && 'needs psql',
    rigid: true,
  },
  { name: 'sqlite', make: () => sqliteTarget('command'), ways: ['known'], missing: sqliteMissing },
  { name: 'sqlite in WebAssembly', make: () => sqliteTarget('wasm'), ways: ['known'] },
];

async function apply(
  target: TestTarget,
  way: Way,
  dumps: readonly (readonly Chunk[])[],
  options: MergeOptions = {},
  first = 1,
): Promise<void> {
  const rowsOf = stream(
    dumps.map((chunks, i) => ({
      group: String(first + i),
      after: first + i === 1 ? null : String(first + i - 1),
      scope: 'root',
      chunks,
    })),
    'contentsquare',
  );
  const input = target.name === 'redshift' ? storedRows(rowsOf) : rowsOf;
  const all = { maxDelete: 100, ...options };
  if (way === 'load') return void (await loadInto(target, input, all));
  if (way === 'known') return void (await scriptInto(target, input, all));
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

for (const { name, make, ways, missing = false, rigid } of places) {
  const [first] = ways as readonly [Way];
  for (const way of ways) {
    const skip = missing || (way !== 'load' && name === 'postgres' && !hasPsql && 'needs psql');

    test(`${name}, ${way}: chains end at their last id, circles at their smallest`, { skip }, async () => {
      const target = await make();
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
      await apply(target, way, [[map(...pairs)]]);
      assert.deepEqual(await resolved(target), [], 'a group that comes again says nothing');
    });

    test(`${name}, ${way}: views apply the newest map to the whole history`, { skip }, async () => {
      const target = await make();
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
        rigid === true && way === 'script' ? 'known' : way,
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
      const target = await make();
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
      // A map that comes alone: a script knows the tables that its stream has had, in this group or not, and no others.
      await apply(target, way, [[map([1, 2], [2, 8], [3, 8], [8, 9], [4, 9])]], options, 4);
      const now = way === 'load' ? '9' : '8';
      assert.deepEqual(await ofEvents(target, 'pageviews'), [
        ['1', now],
        ['2', now],
        ['3', now],
        ['4', now],
      ]);
    });

    test(`${name}, ${way}: rewrite follows a map in a group without other tables`, { skip }, async () => {
      const target = await make();
      const first = [rows(users, user(1, 5, 'a')), rows(events('pageviews'), event(1, 1))];
      await apply(target, way, [first, [map([1, 2])], [map([1, 3])]], { identity: 'rewrite' });
      assert.deepEqual(await ofEvents(target, 'pageviews'), [['1', '2']]);
      assert.deepEqual(await ofUsers(target, 'users'), [['2', 'a']]);
    });

    test(`${name}, ${way}: off leaves everything as it came`, { skip }, async () => {
      const target = await make();
      await apply(target, way, [[rows(users, user(1, 5, 'a')), map([1, 2])]], { identity: 'off' });
      await assert.rejects(target.select('SELECT * FROM users_resolved'));
      await assert.rejects(resolved(target));
    });
  }

  test(`${name}: a view makes way for a column that gets a wider type, and comes back`, {
    skip: missing || (rigid === true && 'no column changes its type'),
  }, async () => {
    const target = await make();
    const narrow = events('pageviews', 'event_id bigint, user_id bigint, n int');
    const wide = events('pageviews', 'event_id bigint, user_id bigint, n text');
    await apply(target, first, [
      [rows(narrow, { ...event(1, 1), n: 5 }), map([1, 2])],
      [rows(wide, { ...event(2, 1), n: 'x' })],
    ]);
    assert.deepEqual(await target.select('SELECT user_id, n FROM pageviews_resolved ORDER BY event_id'), [
      ['2', '5'],
      ['2', 'x'],
    ]);
  });

  test(`${name}: ids that are text in the tables are compared with the map all the same`, {
    skip: missing,
  }, async () => {
    const target = await make();
    const texts = events('pageviews', 'event_id bigint, user_id text');
    await apply(target, first, [[rows(texts, event(1, 1), { event_id: '2', user_id: 'x' }), map([1, 2])]]);
    assert.deepEqual(await ofEvents(target, 'pageviews_resolved'), [
      ['1', '2'],
      ['2', 'x'],
    ]);
    await apply(target, first, [[map([1, 3]), rows(texts, event(3, 1))]], { identity: 'rewrite' }, 2);
    assert.deepEqual(await ofEvents(target, 'pageviews'), [
      ['1', '3'],
      ['2', 'x'],
      ['3', '3'],
    ]);
  });

  test(`${name}: a map that holds no numbers is refused, and so is a table in the place of a view`, {
    skip: missing,
  }, async () => {
    const target = await make();
    // Redshift reads an empty field as NULL, which says nothing.
    const empty = name === 'redshift' ? [] : [''];
    const odds = ['x7', '1-2', '-', ' 5', '1e3', '9223372036854775808', '00123456789012345678901'];
    for (const odd of [...odds, ...empty])
      await assert.rejects(
        apply(target, first, [[map(['1', odd])]]),
        (error: Error) =>
          error.message.includes(
            `table user_migrations: expected whole numbers in to_user_id, found ${odd}`.trimEnd(),
          ),
        odd,
      );
    const taken = events('pageviews_resolved', 'event_id bigint, n int');
    await assert.rejects(
      apply(target, first, [[rows(taken, { event_id: 1, n: 1 }), rows(events('pageviews'), event(1, 1))]]),
      /expected the name pageviews_resolved free for its view/,
    );
  });

  test(`${name}: a chain of 3,000 ids is no matter`, { skip: missing }, async () => {
    const target = await make();
    const pairs = Array.from({ length: 3000 }, (_, i) => [i + 1, i + 2] as const);
    await apply(target, first, [[map(...pairs)]]);
    assert.deepEqual(
      await target.select('SELECT count(*), min(to_user_id), max(to_user_id) FROM user_migrations_resolved'),
      [['3000', '3001', '3001']],
    );
  });

  test(`${name}: a map of 20,000 ids takes seconds at most`, { skip: missing, timeout: 60_000 }, async () => {
    const target = await make();
    // Chains of ten, a tenth of them bent into circles.
    const pairs = Array.from({ length: 20_000 }, (_, i) => {
      const to = i % 10 === 9 && i % 100 < 10 ? i - 9 : i + 1;
      return [i, to] as const;
    }).filter(([from, to]) => from % 10 !== 9 || to < from);
    await apply(target, first, [[map(...pairs)]]);
    assert.deepEqual(
      await target.select(
        'SELECT count(*), sum(CASE WHEN to_user_id < from_user_id THEN 1 ELSE 0 END) FROM user_migrations_resolved',
      ),
      [[String(pairs.length), String(200 * 9)]],
    );
  });

  test(`${name}: any map has the closure that following it by hand gives`, { skip: missing }, async () => {
    const target = await make();
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
      await apply(target, first, [[map(...pairs)]], {}, group);
      const expected = [...closureOf(pairs.map(([from, to]) => [BigInt(from), BigInt(to)] as const))]
        .sort(([a], [b]) => Number(a - b))
        .map(([from, to]) => [String(from), String(to)]);
      assert.deepEqual(await resolved(target), expected, JSON.stringify(pairs));
    }
  });
}

test('a script goes along chains of 65,536 ids, and a longer one is an error that names its beginning', async () => {
  const target = await targets.duckdb();
  await apply(target, 'script', [chain(65_536)]);
  assert.deepEqual(await ends(target), [['65535', '65536']]);
  await assert.rejects(
    apply(target, 'script', [chain(65_537)], {}, 2),
    /table user_migrations: expected chains of at most 65536 ids, as far as a script goes, found a longer one that begins with 1/,
  );
});

test('a load goes along any chain', async () => {
  const target = await targets.duckdb();
  await apply(target, 'load', [chain(70_000)]);
  assert.deepEqual(await ends(target), [['69999', '70000']]);
});

const ends = (target: TestTarget) =>
  target.select('SELECT count(*), min(to_user_id) FROM user_migrations_resolved');

// A map of 1 → 2 → … → `ids`, in pieces, since a table line has its rows as arguments.
function chain(ids: number) {
  const pairs = Array.from({ length: ids - 1 }, (_, i) => [i + 1, i + 2] as const);
  return [map(...pairs.slice(0, 40_000)), map(...pairs.slice(40_000))];
}

test('sqlite: a view that lacks a column of its table is told, where nobody said what the table has', async () => {
  const target = await sqliteTarget('wasm');
  const wide = events('pageviews', 'event_id bigint, user_id bigint, path text');
  await apply(target, 'script', [[rows(wide, { ...event(1, 1), path: '/' }), map([1, 2])]]);
  await apply(target, 'script', [[rows(events('pageviews'), event(2, 1))]], {}, 2);
  assert.deepEqual(
    await target.select('SELECT event_id, user_id, path FROM pageviews_resolved ORDER BY event_id'),
    [
      ['1', '2', '/'],
      ['2', '2', null],
    ],
  );
  await target.run('DROP VIEW pageviews_resolved');
  const input = stream(
    [{ group: '3', after: '2', scope: 'root', chunks: [rows(events('pageviews'), event(3, 1))] }],
    'contentsquare',
  );
  const { text } = await script(input, { dialect: 'sqlite' });
  const { code, stderr } = await runScript(target, text);
  assert.equal(code, 1);
  assert.match(stderr, /view pageviews_resolved: expected the column path, found none \(--target-schema/);
});

test('sqlite: a view in an attached file is one there, whatever the file is called the next time', async () => {
  const target = await sqliteTarget('wasm');
  const input = stream(
    [{ group: '1', after: null, scope: 'root', chunks: [rows(events('clicks'), event(1, 1)), map([1, 2])] }],
    'contentsquare',
  );
  const { text } = await script(input, { dialect: 'sqlite', schema: 'wh' });
  await target.run(`ATTACH '${target.url}.other' AS wh;\n${text.replace(/^(\.(bail|timeout) .*\n)+/, '')}`);
  const { url } = target;
  assert.deepEqual(sqliteRows(`${url}.other`, 'SELECT user_id FROM clicks_resolved'), [['2']]);
});
