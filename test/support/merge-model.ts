/** Random deliveries in every mode, a model of them in memory, and the check that an engine agrees. */

import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Chunk } from '../../src/wire/types.ts';
import { groups, loadInto, rows, runScript, script, stream, type TestTarget, table } from './merging.ts';

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
  schema: string | undefined,
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
    const found = await target.select(`SELECT k, o, v, w, void FROM ${target.table(schema, name)}`);
    const isTrue = (text: string | null) => text === 'true' || text === 't' || text === '1';
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

/** Where a run's tables go: a target of its own, or a schema of its own in the one there is. */
export type Places = (run: number) => Promise<{ readonly target: TestTarget; readonly schema?: string }>;

/** All runs in one target, each in its own schema. */
export function schemasOf(target: TestTarget): Places {
  return async (run) => ({ target, schema: `run_${run}` });
}

/** Deliveries loaded over a connection leave what the model says, and a replay changes nothing. */
export function holdsByLoad(places: Places, numRuns: number): Promise<void> {
  return holds(
    places,
    numRuns,
    async (target, input, options) => void (await loadInto(target, input, options)),
  );
}

/** The same by scripts that the engine's own client runs. */
export function holdsByScript(places: Places, numRuns: number): Promise<void> {
  return holds(places, numRuns, async (target, input, options) => {
    const { text, error } = await script(input, { dialect: target.name, ...options });
    assert.equal(error, undefined);
    const { code, stderr } = await runScript(target, text);
    assert.equal(code, 0, stderr);
  });
}

async function holds(
  places: Places,
  numRuns: number,
  apply: (
    target: TestTarget,
    input: AsyncIterable<Chunk>,
    options: { readonly schema?: string; readonly maxDelete: number },
  ) => Promise<void>,
): Promise<void> {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(drops, async (drop) => {
      const { target, schema } = await places(++run);
      const options = { ...(schema === undefined ? {} : { schema }), maxDelete: 100 };
      await checkAgainstModel(target, drop, (input) => apply(target, input, options), schema);
    }),
    { numRuns, endOnFailure: true },
  );
}
