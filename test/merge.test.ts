import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type ColumnType, joinTypes, newObserved, observe, observedType } from '../src/merge/lattice.ts';
import type { Chunk, Value } from '../src/wire/types.ts';
import {
  groups,
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

describe('types that are not known beforehand', () => {
  const seen = (values: readonly Value[], maxDigits = 38) => {
    const observed = newObserved();
    for (const value of values) observe(observed, value);
    return observedType(observed, maxDigits);
  };
  const cases: readonly [readonly Value[], ColumnType | undefined][] = [
    [[null], undefined],
    [[true, 'false'], 'boolean'],
    [[1, '2', -3], 'int'],
    [['2147483648'], 'bigint'],
    [['1565276078922000095'], 'bigint'],
    [['9223372036854775808'], 'decimal(19,0)'],
    [[1, 1.5], 'double'],
    [['1.10', '2'], 'double'],
    [['12345678901234567890.25'], 'decimal(22,2)'],
    [[0.1, '12345678901234567.5'], 'decimal(18,1)'],
    [['1e5'], 'text'],
    [['1.5e-7'], 'double'],
    [['007'], 'text'],
    [['1', 'x'], 'text'],
    [[true, 7], 'int'],
    [['2024-02-29'], 'date'],
    [['2023-02-29'], 'text'],
    [['2024-01-01', '2024-01-01 10:00:00'], 'timestamp'],
    [['2024-01-01 10:00:00', '2024-01-01T10:00:00Z'], 'timestamptz'],
    [['2024-01-01', '5'], 'text'],
    [['2024-01-01T10:00:00.1234567Z'], 'text'],
    [[{ a: 1 }, [2]], 'json'],
    [[{ a: 1 }, 5], 'json'],
    [[{ a: 1 }, 'x'], 'text'],
    [[''], 'text'],
    [['-0'], 'double'],
  ];
  for (const [values, expected] of cases) {
    test(`${JSON.stringify(values)} are ${expected ?? 'of no type'}`, () =>
      assert.equal(seen(values), expected));
  }
  test('joining types does not depend on order or grouping', () => {
    const types: ColumnType[] = [
      'boolean',
      'int',
      'bigint',
      'decimal(10,2)',
      'decimal',
      'float',
      'double',
      'text',
      'date',
      'timestamp',
      'timestamptz',
      'time',
      'uuid',
      'bytes',
      'json',
    ];
    for (const a of types) {
      for (const b of types) {
        assert.equal(joinTypes(a, b), joinTypes(b, a), `${a} ${b}`);
        assert.equal(joinTypes(a, joinTypes(a, b)), joinTypes(a, b), `${a} ${b}`);
      }
    }
  });
});

// The model: what merging.md says, on rows in memory.

interface ModelRow {
  readonly k: number;
  readonly o: number | null;
  readonly v: string | null;
  readonly w?: string | null;
  readonly void: boolean;
}
interface Batch {
  readonly rows: readonly ModelRow[];
  readonly hasW: boolean;
}
type Body = readonly Batch[];
type Contents = ModelRow[];

const withW = (row: ModelRow, batch: Batch): ModelRow =>
  batch.hasW ? row : { k: row.k, o: row.o, v: row.v, void: row.void };

function upsertModel(contents: Contents, body: Body, ordered: boolean): Contents {
  const winners = new Map<number, ModelRow>();
  for (const batch of body) {
    for (const given of batch.rows) {
      const row = withW(given, batch);
      const now = winners.get(row.k);
      const isOlder = ordered && now !== undefined && now.o !== null && (row.o === null || row.o < now.o);
      if (!isOlder) winners.set(row.k, row);
    }
  }
  const result = new Map(contents.map((row) => [row.k, row]));
  for (const [k, row] of winners) {
    const there = result.get(k);
    if (ordered && there !== undefined && there.o !== null && (row.o === null || row.o < there.o)) continue;
    result.set(k, { w: null, ...there, ...row });
  }
  return [...result.values()];
}

function deleteInsertModel(contents: Contents, body: Body): Contents {
  // Only the highest batch in which a key occurs counts.
  const final = new Map(contents.map((row) => [row.k, row]));
  const keys = new Set(body.flatMap((batch) => batch.rows.map((row) => row.k)));
  for (const k of keys) {
    const batch = body.filter((candidate) => candidate.rows.some((row) => row.k === k)).at(-1)!;
    const staying = batch.rows.filter((row) => row.k === k && !row.void).at(-1);
    const there = final.get(k);
    if (staying === undefined) final.delete(k);
    else final.set(k, { w: null, ...there, ...withW(staying, batch) });
  }
  return [...final.values()];
}

const keyed = {
  columns: 'k int, o bigint, v text, w text, void boolean',
  without: 'k int, o bigint, v text, void boolean',
};
const modes = {
  appended: {
    line: { merge: 'append' },
    apply: (all: Contents, body: Body) => [
      ...all,
      ...body.flatMap((batch) => batch.rows.map((row) => ({ w: null, ...withW(row, batch) }))),
    ],
  },
  ordered: {
    line: { merge: 'upsert', key: ['k'], order: ['o'] },
    apply: (all: Contents, body: Body) => upsertModel(all, body, true),
  },
  plain: {
    line: { merge: 'upsert', key: ['k'] },
    apply: (all: Contents, body: Body) => upsertModel(all, body, false),
  },
  facts: { line: { merge: 'delete-insert', key: ['k'], delete_flag: 'void' }, apply: deleteInsertModel },
  whole: {
    line: { merge: 'replace', key: ['k'] },
    apply: (all: Contents, body: Body) => (body.length === 0 ? all : upsertModel([], body, false)),
  },
  full: {
    line: { merge: 'upsert', key: ['k'], order: ['o'], full: true },
    apply: (_all: Contents, body: Body) => upsertModel([], body, true),
  },
} as const;
type ModeName = keyof typeof modes;
const modeNames = Object.keys(modes) as ModeName[];

const modelRow = fc.record({
  k: fc.integer({ min: 1, max: 4 }),
  o: fc.option(fc.integer({ min: 1, max: 3 }), { nil: null, freq: 4 }),
  v: fc.option(fc.constantFrom('a', 'b', '', 'c\\.\t', '\'"'), { nil: null, freq: 5 }),
  w: fc.option(fc.constantFrom('x', 'y'), { nil: null, freq: 3 }),
  void: fc.boolean(),
});
// `size`: fast-check would keep them short, and rows of different deliveries would seldom meet.
const body: fc.Arbitrary<Body> = fc.array(
  fc.record({ rows: fc.array(modelRow, { maxLength: 5, size: 'max' }), hasW: fc.boolean() }),
  { maxLength: 3, size: 'max' },
);
const drops = fc.array(
  fc.record(Object.fromEntries(modeNames.map((name) => [name, body]))) as fc.Arbitrary<
    Record<ModeName, Body>
  >,
  { minLength: 2, maxLength: 4, size: 'max' },
);

// Without an order, two different rows of a key in one batch are an error: the model leaves them out.
function unambiguous(name: ModeName, given: Body): Body {
  if (name !== 'plain' && name !== 'whole') return given;
  return given.map(({ rows: all, hasW }) => ({
    hasW,
    rows: all.filter((row, i) => all.findIndex(({ k }) => k === row.k) === i),
  }));
}

function chunksOf(name: ModeName, given: Body): Chunk[] {
  const { line } = modes[name];
  const [whole, older] = [table(name, keyed.columns, line), table(name, keyed.without, line)];
  return [
    whole,
    ...given.flatMap((batch, i): Chunk[] => [
      { $: 'file', uri: `file:///${name}/${i}`, table: name, batch: String(i + 1) },
      ...batch.rows.map((row) =>
        rows(batch.hasW ? whole : older, withW(row, batch) as unknown as Record<string, unknown>),
      ),
      { $: 'eof', uri: `file:///${name}/${i}`, rows: batch.rows.length, rejects: 0 },
    ]),
  ];
}

const sorted = (list: readonly (readonly unknown[])[]) => list.map((row) => JSON.stringify(row)).sort();

async function checkAgainstModel(
  target: TestTarget,
  drop: readonly Record<ModeName, Body>[],
  apply: (input: AsyncIterable<Chunk>) => Promise<void>,
  schema: string,
): Promise<void> {
  const expected = Object.fromEntries(modeNames.map((name) => [name, [] as Contents])) as Record<
    ModeName,
    Contents
  >;
  const list = groups(
    ...drop.map((bodies) =>
      modeNames.flatMap((name) => {
        const given = unambiguous(name, bodies[name]);
        expected[name] = modes[name].apply(expected[name], given);
        return chunksOf(name, given);
      }),
    ),
  );
  await apply(stream(list));
  // What was applied before changes nothing.
  await apply(stream(list));
  for (const name of modeNames) {
    const found = await target.select(`SELECT k, o, v, w, void FROM "${schema}"."${name}"`);
    const isTrue = (text: string | null) => text === 'true' || text === 't';
    assert.deepEqual(
      sorted(
        found.map(([k, o, v, w, flag]) => [
          Number(k),
          o === null ? null : Number(o),
          v,
          w,
          isTrue(flag ?? null),
        ]),
      ),
      sorted(expected[name].map((row) => [row.k, row.o, row.v, row.w ?? null, row.void])),
      name,
    );
  }
}

const RUNS = 8;
for (const name of ['duckdb', 'postgres'] as const) {
  test(`load: random deliveries leave in ${name} what the model says, in every mode, and a replay changes nothing`, async () => {
    const target = await targets[name]();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(drops, async (drop) => {
        const schema = `run_${++run}`;
        await checkAgainstModel(
          target,
          drop,
          async (input) => void (await loadInto(target, input, { schema, maxDelete: 100 })),
          schema,
        );
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  });

  test(`to-sql: the script of random deliveries leaves the same in ${name}`, {
    skip: name === 'postgres' && !hasPsql ? 'no psql here' : false,
  }, async () => {
    const target = await targets[name]();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(drops, async (drop) => {
        const schema = `run_${++run}`;
        const apply = async (input: AsyncIterable<Chunk>) => {
          const { text, error } = await script(input, { dialect: name, schema, maxDelete: 100 });
          assert.equal(error, undefined);
          const { code, stderr } = await runScript(target, text);
          assert.equal(code, 0, stderr);
        };
        await checkAgainstModel(target, drop, apply, schema);
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  });
}
