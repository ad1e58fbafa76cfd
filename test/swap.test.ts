/** `--swap rename`: new tables take the place of those whose contents are replaced. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dialects } from '../src/dialects/index.ts';
import { UsageError, UserError } from '../src/errors.ts';
import type { Chunk, TableLine } from '../src/wire/types.ts';
import {
  duckdbTarget,
  groups,
  hasPsql,
  loadInto,
  postgresTarget,
  rows,
  runScript,
  script,
  stream,
  type TestGroup,
  type TestTarget,
  table,
} from './support/merging.ts';
import { random } from './support/random.ts';
import { randomTables } from './support/random-groups.ts';
import { everything, standing } from './support/standing.ts';
import { chunksOf, replaceWire, wireOf } from './support/wires.ts';

type Options = NonNullable<Parameters<typeof loadInto>[2]>;
type Bring = (target: TestTarget, chunks: AsyncIterable<Chunk>, options: Options) => Promise<unknown>;

const byScript: Bring = async (target, chunks, options) => {
  const { text, error } = await script(chunks, { ...options, dialect: target.name });
  if (error !== undefined) throw error;
  const { code, stderr } = await runScript(target, text);
  if (code !== 0) throw new UserError(stderr);
};

const places = [
  { name: 'a load into DuckDB', make: duckdbTarget, bring: loadInto as Bring, skip: false },
  { name: 'a script for DuckDB', make: duckdbTarget, bring: byScript, skip: false },
  { name: 'a load into PostgreSQL', make: postgresTarget, bring: loadInto as Bring, skip: false },
  {
    name: 'a script for PostgreSQL',
    make: postgresTarget,
    bring: byScript,
    skip: hasPsql ? false : 'no psql here',
  },
] as const;

const RENAME = { swap: 'rename' } as const;
const rooms = table('rooms', 'id int, name text', { key: ['id'], merge: 'replace' });
const room = (id: number, name = `room ${id}`) => ({ id, name });
const first = [rows(rooms, room(1), room(2))];
const second = [rows(rooms, room(2, 'Crimson'), room(3))];

// What was said of the very table is gone with it.
const marked = (target: TestTarget) => target.run(`COMMENT ON TABLE rooms IS 'this one'`);

async function isMarked(target: TestTarget): Promise<boolean> {
  const sql =
    target.name === 'postgres'
      ? `SELECT 1 WHERE obj_description('rooms'::regclass) IS NOT NULL`
      : `SELECT 1 FROM duckdb_tables() WHERE table_name = 'rooms' AND comment IS NOT NULL`;
  return (await target.select(sql)).length > 0;
}

const names = (target: TestTarget) =>
  target.select(`SELECT name FROM rooms ORDER BY id`).then((found) => found.map(([name]) => name));

for (const { name, make, bring, skip } of places) {
  describe(`${name} with --swap rename`, { skip }, () => {
    test('replaces a table by a new one, which comes again without a change', async () => {
      const target = await make();
      await bring(target, stream(groups(first)), RENAME);
      await marked(target);
      await bring(target, stream(groups(first, second)), RENAME);
      assert.equal(await isMarked(target), false);
      assert.deepEqual(await names(target), ['Crimson', 'room 3']);
      const stands = await everything(target);
      await bring(target, stream(groups(first, second)), RENAME);
      assert.deepEqual(await everything(target), stands);
    });

    for (const feed of ['contentsquare', 'exports', 'stitch'] as const) {
      test(`leaves of ${feed} what --swap copy leaves, also of what comes again`, async () => {
        const wire = await wireOf(feed);
        const [copied, renamed] = [await make(), await make()];
        await bring(copied, chunksOf(wire.bytes), {});
        await bring(renamed, chunksOf(wire.bytes), RENAME);
        const [expected, found] = [await everything(copied), await everything(renamed)];
        assert.deepEqual(found.tables, expected.tables);
        assert.deepEqual([...found.rest].sort(), [...expected.rest].sort());
        await bring(renamed, chunksOf(wire.bytes), RENAME);
        assert.deepEqual((await everything(renamed)).tables, expected.tables);
      });
    }

    test('leaves of random groups, many of them whole copies, what --swap copy leaves', async () => {
      for (const seed of [1, 2, 3, 4]) {
        const { feed, groups: list } = randomTables(random(seed), bring !== byScript, 0.9);
        const options = { maxDelete: 100, allowGap: true };
        const [copied, renamed] = [await make(), await make()];
        await bring(copied, stream(list, feed), options);
        await bring(renamed, stream(list, feed), { ...options, ...RENAME });
        assert.deepEqual(await standing(renamed), await standing(copied), `seed ${seed}`);
      }
    });

    test('leaves tables without a file, and those of which a newer copy came, as they are', async () => {
      const target = await make();
      const list: TestGroup[] = [
        { group: '1', after: null, chunks: first },
        { group: '3', after: '1', chunks: second },
      ];
      await bring(target, stream(list), RENAME);
      const late: TestGroup[] = [
        { group: '2', after: '1', chunks: [rows(rooms, room(9))] },
        { group: '4', after: '3', chunks: [rooms] },
      ];
      await bring(target, stream(late), { ...RENAME, allowGap: true });
      assert.deepEqual(await names(target), ['Crimson', 'room 3']);
    });

    test('holds --max-delete against the old table, and changes nothing if that is too much', async () => {
      const target = await make();
      const many = Array.from({ length: 1200 }, (_, i) => room(i));
      await bring(target, stream(groups([rows(rooms, ...many)])), RENAME);
      const stands = await everything(target);
      await marked(target);
      // Without the group before it: a script for DuckDB also swaps a table whose rows stay.
      const less = groups([rows(rooms, ...many)], [rows(rooms, ...many.slice(0, 500))]).slice(1);
      await assert.rejects(bring(target, stream(less), RENAME), /found 700 of 1200 to be deleted/);
      assert.deepEqual(await everything(target), stands);
      assert.ok(await isMarked(target));
      await bring(target, stream(less), { ...RENAME, maxDelete: 60 });
      assert.equal((await names(target)).length, 500);
    });

    test('empties a table whose whole delivery has no rows, and one that grows by a column meanwhile', async () => {
      const target = await make();
      const full: TableLine = { ...rooms, merge: 'upsert', full: true };
      const wider = table('halls', 'id int, name text, seats int', { key: ['id'], merge: 'replace' });
      const halls = table('halls', 'id int, name text', { key: ['id'], merge: 'replace' });
      const whole = rows(full, room(1), room(2));
      await bring(target, stream(groups([whole, rows(halls, room(1))])), RENAME);
      const list = groups([whole, rows(halls, room(1))], [full, rows(wider, { ...room(1), seats: 7 })]);
      await bring(target, stream(list), { ...RENAME, maxDelete: 100 });
      assert.deepEqual(await names(target), []);
      assert.deepEqual(await target.select('SELECT * FROM halls'), [['1', 'room 1', '7']]);
    });
  });
}

const one = (target: TestTarget, chunks: readonly Chunk[] = first) =>
  loadInto(target, stream(groups(chunks)), RENAME);
const two = (target: TestTarget, options: Options = RENAME) =>
  loadInto(target, stream(groups(first, second)), options);

describe('what --swap rename finds in its way', () => {
  const known: Record<'postgres' | 'duckdb', Record<string, { sql: string; found: RegExp }>> = {
    postgres: {
      view: { sql: 'CREATE VIEW blue AS SELECT id FROM rooms', found: /found view blue / },
      'materialized view': {
        sql: 'CREATE MATERIALIZED VIEW "Blue" AS SELECT id FROM rooms',
        found: /found materialized view "Blue" /,
      },
      'foreign key of another table': {
        sql: 'ALTER TABLE rooms ADD PRIMARY KEY (id); CREATE TABLE beds (room int CONSTRAINT bed_of REFERENCES rooms)',
        found: /found constraint bed_of on table beds /,
      },
      function: {
        sql: 'CREATE FUNCTION halls() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM rooms; END',
        found: /found function halls\(\) /,
      },
      trigger: {
        sql: `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'; CREATE TRIGGER bell BEFORE UPDATE ON rooms FOR EACH ROW EXECUTE FUNCTION f()`,
        found: /found trigger bell /,
      },
      rule: { sql: 'CREATE RULE mute AS ON UPDATE TO rooms DO INSTEAD NOTHING', found: /found rule mute / },
      policy: { sql: 'CREATE POLICY own ON rooms USING (id > 0)', found: /found policy own / },
      'row security': { sql: 'ALTER TABLE rooms ENABLE ROW LEVEL SECURITY', found: /found row security / },
      'foreign key': {
        sql: 'CREATE TABLE floors (id int PRIMARY KEY); ALTER TABLE rooms ADD COLUMN floor int CONSTRAINT on_floor REFERENCES floors',
        found: /found foreign key on_floor /,
      },
      sequence: { sql: 'ALTER TABLE rooms ADD COLUMN n serial', found: /found sequence rooms_n_seq / },
      identity: {
        sql: 'ALTER TABLE rooms ADD COLUMN n int GENERATED ALWAYS AS IDENTITY',
        found: /found sequence rooms_n_seq /,
      },
      heir: { sql: 'CREATE TABLE suites () INHERITS (rooms)', found: /found inheritance / },
      publication: {
        sql: 'ALTER TABLE rooms ADD PRIMARY KEY (id); CREATE PUBLICATION news FOR TABLE rooms',
        found: /found publication news /,
      },
      'storage parameter': {
        sql: 'ALTER TABLE rooms SET (fillfactor = 70)',
        found: /found storage parameters /,
      },
      'replica identity': {
        sql: 'ALTER TABLE rooms REPLICA IDENTITY FULL',
        found: /found a replica identity /,
      },
      unlogged: { sql: 'ALTER TABLE rooms SET UNLOGGED', found: /found an unlogged table / },
    },
    duckdb: {
      index: { sql: 'CREATE INDEX by_name ON rooms (name)', found: /found index by_name / },
      key: { sql: 'ALTER TABLE rooms ADD PRIMARY KEY (id)', found: /found (index|constraint) .*id/i },
      constraint: {
        sql: 'ALTER TABLE rooms ALTER COLUMN id SET NOT NULL',
        found: /found constraint NOT NULL /,
      },
      default: {
        sql: `ALTER TABLE rooms ALTER COLUMN name SET DEFAULT 'none'`,
        found: /found a default of column name /,
      },
    },
  };
  for (const [name, things] of Object.entries(known)) {
    const make = name === 'postgres' ? postgresTarget : duckdbTarget;
    for (const [thing, { sql, found }] of Object.entries(things)) {
      test(`is told by its name, changes nothing, and is no matter to --swap copy: ${name}, ${thing}`, async () => {
        const target = await make();
        await one(target);
        await target.run(sql);
        await marked(target);
        const stands = await everything(target);
        await assert.rejects(two(target), (error: Error) => {
          assert.ok(error instanceof UserError);
          assert.match(error.message, found);
          assert.match(error.message, /^table rooms: expected .* \(--swap copy leaves it as it is\)$/);
          return true;
        });
        assert.deepEqual(await everything(target), stands);
        // Of a table that others point to no row can go; of one with a rule nothing is inserted.
        if (/REFERENCES rooms/.test(sql)) return;
        await two(target, {});
        assert.ok(await isMarked(target));
        assert.deepEqual(await names(target), ['Crimson', 'room 3']);
      });
    }
  }

  test('a view of DuckDB reads the new table', async () => {
    const target = await duckdbTarget();
    await one(target);
    await target.run('CREATE VIEW blue AS SELECT name FROM rooms');
    await two(target);
    assert.deepEqual(await target.select('SELECT * FROM blue ORDER BY 1'), [['Crimson'], ['room 3']]);
  });
});

describe('a table of PostgreSQL with --swap rename', () => {
  test('keeps its keys, constraints, indexes, defaults and computed columns, all under their names', async () => {
    const target = await postgresTarget();
    await one(target);
    await target.run(`
      ALTER TABLE rooms ADD COLUMN "a %I 'USING' b" int DEFAULT 7 CHECK ("a %I 'USING' b" > 0), ADD COLUMN twice int GENERATED ALWAYS AS (id * 2) STORED;
      ALTER TABLE rooms ADD CONSTRAINT "the key" PRIMARY KEY (id) INCLUDE (name);
      ALTER TABLE rooms ADD CONSTRAINT late UNIQUE NULLS NOT DISTINCT (name) DEFERRABLE INITIALLY DEFERRED;
      ALTER TABLE rooms ADD CONSTRAINT apart EXCLUDE USING hash (name WITH =) WHERE (id < 100);
      CREATE UNIQUE INDEX "x USING y %s" ON rooms (lower(name), id DESC) WHERE name <> '% USING';
      CREATE INDEX ON rooms USING hash ("a %I 'USING' b")`);
    const before = await everything(target);
    const constraints = `SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'rooms'::regclass ORDER BY 1`;
    const kept = await target.select(constraints);
    await two(target);
    const after = await everything(target);
    assert.deepEqual(after.rest, before.rest);
    assert.deepEqual(after.tables['rooms']!.columns, before.tables['rooms']!.columns);
    assert.deepEqual(await target.select(constraints), kept);
    assert.deepEqual(await target.select('SELECT * FROM rooms ORDER BY id'), [
      ['2', 'Crimson', '7', '4'],
      ['3', 'room 3', '7', '6'],
    ]);
    // And does so again: nothing of the first time is in the way.
    await loadInto(target, stream(groups(first, second, [rows(rooms, room(3))])), RENAME);
    assert.deepEqual((await everything(target)).rest, before.rest);
  });

  test('may be called anything, in any schema', async () => {
    const target = await postgresTarget();
    const odd = table(`r'"%s $brigade$ :x`, 'id int, name text', { key: ['id'], merge: 'replace' });
    const options = { ...RENAME, schema: `s'"%I` };
    await loadInto(target, stream(groups([rows(odd, room(1))])), options);
    const indexes = `SELECT indexname, indexdef FROM pg_indexes WHERE tablename LIKE 'r''%'`;
    const stands = await target.select(indexes);
    assert.equal(stands.length, 1);
    await loadInto(target, stream(groups([rows(odd, room(1))], [rows(odd, room(1, 'new'))])), options);
    const name = target.table(options.schema, odd.table);
    assert.deepEqual(await target.select(`SELECT * FROM ${name}`), [['1', 'new']]);
    assert.deepEqual(await target.select(indexes), stands);
  });

  test('is read whole by others meanwhile: those in a transaction are waited for, those that come later wait', async () => {
    const target = await postgresTarget();
    const wide = Array.from({ length: 5000 }, (_, i) => room(i));
    const list = groups(
      ...['a', 'b', 'c', 'd'].map((name) => [rows(rooms, ...wide.map(({ id }) => room(id, name)))]),
    );
    await loadInto(target, stream(list.slice(0, 1)), RENAME);
    const { Client } = (await import('pg')).default;
    const readers = Array.from({ length: 3 }, () => new Client({ connectionString: target.url }));
    for (const reader of readers) await reader.connect();
    let loading = true;
    const seen = new Set<string>();
    const reading = readers.map(async (reader, i) => {
      const read = async () =>
        (await reader.query('SELECT count(*) AS n, min(name) AS a, max(name) AS z FROM rooms')).rows[0] as {
          n: string;
          a: string;
          z: string;
        };
      while (loading) {
        if (i > 0) await reader.query('BEGIN');
        const { n, a, z } = await read();
        assert.deepEqual([n, a], ['5000', z]);
        seen.add(a);
        // What was read once stays as it is until the transaction ends.
        if (i > 0) assert.deepEqual(await read(), { n, a, z });
        if (i > 0) await reader.query('COMMIT');
      }
    });
    try {
      await loadInto(target, stream(list), RENAME);
    } finally {
      loading = false;
      await Promise.all(reading);
      for (const reader of readers) await reader.end();
    }
    assert.ok(seen.size > 1, [...seen].join());
  });

  test('changes places once where several load the same at once, by either way of replacing', async () => {
    const wire = await replaceWire();
    const [one, many] = [await postgresTarget(), await postgresTarget()];
    await loadInto(one, chunksOf(wire.bytes));
    await Promise.all(
      [RENAME, RENAME, {}, RENAME].map((options) => loadInto(many, chunksOf(wire.bytes), options)),
    );
    assert.deepEqual(await everything(many), await everything(one));
  });

  test('leaves no dead rows behind, of which --swap copy leaves as many as were there', async () => {
    const dead = async (options: Options) => {
      const target = await postgresTarget();
      const all = Array.from({ length: 2000 }, (_, i) => room(i));
      const again = [rows(rooms, ...all)];
      await loadInto(target, stream(groups(again)), options);
      const size = `SELECT pg_relation_size('rooms')`;
      const [[before]] = (await target.select(size)) as [[string]];
      await loadInto(target, stream(groups(again, again)), options);
      const [[after]] = (await target.select(size)) as [[string]];
      return Number(after) / Number(before);
    };
    assert.equal(await dead(RENAME), 1);
    assert.ok((await dead({})) > 1.9);
  });
});

describe('the users of Contentsquare with --swap rename', () => {
  const users = table('users', 'user_id bigint, name text', {
    key: ['user_id'],
    merge: 'upsert',
    full: true,
  });
  const map = table('user_migrations', 'from_user_id text, to_user_id text', { merge: 'append', full: true });
  const list = groups(
    [
      rows(users, { user_id: '1', name: 'a' }, { user_id: '2', name: 'b' }),
      rows(map, { from_user_id: '1', to_user_id: '2' }),
    ],
    [
      rows(users, { user_id: '2', name: 'B' }, { user_id: '3', name: 'c' }),
      rows(map, { from_user_id: '2', to_user_id: '3' }),
    ],
  );
  for (const { name, make, bring, skip } of places) {
    for (const identity of ['views', 'rewrite'] as const) {
      test(`are resolved as they are without, with --identity ${identity}, by ${name}`, {
        skip,
      }, async () => {
        const [copied, renamed] = [await make(), await make()];
        await bring(copied, stream(list, 'contentsquare'), { identity });
        await bring(renamed, stream(list, 'contentsquare'), { identity, ...RENAME });
        assert.deepEqual(await everything(renamed), await everything(copied));
      });
    }
  }

  test('may have no view upon our view', async () => {
    const target = await postgresTarget();
    await loadInto(target, stream(list.slice(0, 1), 'contentsquare'), RENAME);
    await target.run('CREATE VIEW mine AS SELECT * FROM users_resolved');
    const stands = await everything(target);
    await assert.rejects(
      loadInto(target, stream(list, 'contentsquare'), RENAME),
      /^UserError: table users: cannot drop view users_resolved .*: view mine depends on view users_resolved$/,
    );
    assert.deepEqual(await everything(target), stands);
  });
});

for (const name of ['duckdb', 'postgres'] as const) {
  test(`--dry-run tells which tables change places, and changes nothing: ${name}`, async () => {
    const target = await (name === 'duckdb' ? duckdbTarget : postgresTarget)();
    await one(target);
    await marked(target);
    const stands = await everything(target);
    const { warnings } = await two(target, { ...RENAME, dryRun: true });
    assert.deepEqual(
      warnings.map((line) => line.replace(/\b[1-9]\d* statements/, 'n statements')),
      [
        'zenoti POD1 1: applied before, nothing to do',
        'zenoti POD1 2: 0 files, 0 bytes, 1 table, n statements; 2 rows read, 1 to insert, 1 to update, 1 to delete',
        '  swap: a new table takes the place of rooms',
      ],
    );
    assert.deepEqual(await everything(target), stands);
    assert.ok(await isMarked(target));
    const { text } = await script(stream(groups(first, second)), { ...RENAME, dialect: name, dryRun: true });
    assert.match(text, /^-- {3}swap: a new table takes the place of rooms$/m);
  });

  test(`a report names the tables that changed places, and no others: ${name}`, async () => {
    const target = await (name === 'duckdb' ? duckdbTarget : postgresTarget)();
    const people = table('people', 'id int, name text', { key: ['id'], merge: 'upsert' });
    const swapped: unknown[] = [];
    const options: Options = { ...RENAME, onGroup: (report) => swapped.push(report.swapped) };
    const list = groups([...first, rows(people, room(1))], [...second, rows(people, room(2))]);
    await loadInto(target, stream(list), options);
    await loadInto(target, stream(list), options);
    // Of a new table there is nothing to delete.
    assert.deepEqual(swapped, [undefined, ['rooms'], undefined, undefined]);
  });
}

test('every engine either has it, or says what it is like that it has not', async () => {
  for (const [name, dialect] of Object.entries(dialects)) {
    const { text, error } = await script(stream(groups(first)), {
      ...RENAME,
      dialect: name as keyof typeof dialects,
    });
    if (typeof dialect.swap === 'object') {
      assert.ok(['duckdb', 'postgres'].includes(name));
      assert.match(text, /RENAME TO/);
      continue;
    }
    assert.ok(error instanceof UsageError);
    assert.match(
      error.message,
      new RegExp(`^--swap rename: expected duckdb or postgres, .*, found ${name}, whe|whi|who`),
    );
    assert.equal(text, '');
  }
});
