/** Runs that choose their tables: each table has a cursor of its own, whoever else loads from the same drop. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseCatalog } from '../src/catalog.ts';
import { decode } from '../src/commands/decode.ts';
import { readManifest } from '../src/commands/read-manifest.ts';
import { dedupe } from '../src/dedupe/dedupe.ts';
import { listGroups } from '../src/feeds/list.ts';
import { flatten } from '../src/flatten/flatten.ts';
import { compose, quietContext } from '../src/stage.ts';
import { readState } from '../src/targets/index.ts';
import { type Chunk, type FileLine, type GroupLine, isControl } from '../src/wire/types.ts';
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
import { type Random, type RandomDrop, random } from './support/random.ts';
import { randomContentsquare } from './support/random-contentsquare.ts';
import { randomExports } from './support/random-exports.ts';
import { randomStitch } from './support/random-stitch.ts';
import { randomZenoti } from './support/random-zenoti.ts';
import { drop, scratch } from './support/scratch.ts';
import { canonical, duckdbTables, postgresTables } from './support/targets.ts';

const SEED = Number(process.env['SELECTION_SEED'] ?? 20260114);
const DROPS = Number(process.env['SELECTION_DROPS'] ?? 4);

/** What one may choose of a drop; `parts` together are all of it. */
const FEEDS = {
  zenoti: {
    make: randomZenoti,
    choices: [undefined, ['Bi_Fact*'], ['bi_dimrandom'], ['*random'], ['Bi_DimRandom', 'Bi_FactRandom']],
    parts: [['Bi_FactRandom'], ['bi_dim*']],
  },
  contentsquare: {
    make: randomContentsquare,
    choices: [undefined, ['users'], ['user*'], ['pageviews', 'users'], ['*']],
    parts: [['user_migrations'], ['users', 'page*']],
  },
  stitch: {
    make: randomStitch,
    choices: [undefined, ['contacts'], ['none'], ['c*', 'none']],
    parts: [['contacts']],
  },
  exports: {
    make: randomExports,
    choices: [undefined, ['DIM_*'], ['fact_reviews'], ['*'], ['FACT_REVIEWS', 'dim_locations']],
    parts: [['dim_locations'], ['FACT_*']],
  },
} as const satisfies Record<
  string,
  {
    make: (r: Random) => RandomDrop;
    choices: readonly (readonly string[] | undefined)[];
    parts: readonly (readonly string[])[];
  }
>;

interface Run {
  readonly feed: string;
  readonly folder: string;
  readonly catalog: unknown;
  readonly tables: readonly string[] | undefined;
}

/** The wire of what a target lacks of a drop. */
async function* wire(target: TestTarget, run: Run): AsyncIterable<Chunk> {
  const context = quietContext();
  const catalog = parseCatalog(JSON.stringify(run.catalog), 'test');
  const list = listGroups(run.folder, {
    feed: run.feed,
    name: run.feed,
    settle: 0,
    after: `@${target.url}`,
    ...(run.tables === undefined ? {} : { tables: run.tables }),
  });
  yield* compose(readManifest({ catalog }), decode(), flatten(), dedupe())(list(context), context);
}

async function bring(target: TestTarget, run: Run, byScript: boolean): Promise<void> {
  if (!byScript) {
    await loadInto(target, wire(target, run), { maxDelete: 100 });
    return;
  }
  const { text, error } = await script(wire(target, run), { dialect: target.name, maxDelete: 100 });
  assert.equal(error, undefined);
  const { code, stderr } = await runScript(target, text);
  assert.equal(code, 0, stderr);
}

const EXPORTS = ['DIM_LOCATIONS', 'FACT_REVIEWS'] as const;

/**
 * What an export leaves: of the runs that are ready only the newest is applied, and a table without a file in it stays, so
 * that it matters when a table was chosen. `seen`: the number of runs that were there then, per table.
 */
function exported({ expected }: RandomDrop, seen: ReadonlyMap<string, readonly number[]>) {
  const tables = EXPORTS.map((name) => {
    const runs = seen.get(name) ?? [];
    const visits = runs.map((there, i) => there - (runs[i - 1] ?? 0));
    return [name, expected(visits).get(name.toLowerCase()) ?? []] as const;
  });
  return canonical(new Map(tables));
}

function choose(seen: Map<string, number[]>, there: number, tables: readonly string[] | undefined): void {
  for (const name of EXPORTS) {
    const isChosen = (tables ?? ['*']).some((pattern) =>
      new RegExp(`^${pattern.replaceAll('*', '.*')}$`, 'i').test(name),
    );
    if (isChosen) seen.set(name, [...(seen.get(name) ?? []), there]);
  }
}

const standing = async (target: TestTarget) =>
  canonical(await (target.name === 'duckdb' ? duckdbTables : postgresTables)(target.url));

function shuffled<T>(items: readonly T[], r: Random): T[] {
  const left = [...items];
  return items.map(() => left.splice(r.int(0, left.length - 1), 1)[0]!);
}

describe('tables chosen in any way, in any order, end up as in one clean run', { concurrency: 2 }, () => {
  for (const [feed, { make, choices, parts }] of Object.entries(FEEDS)) {
    for (let number = 0; number < DROPS; number += 1) {
      const seed = SEED + number * 1000;
      const engine = number % 2 === 0 ? 'duckdb' : 'postgres';
      const byScript = number % 4 >= 2;
      const skip = byScript && engine === 'postgres' && !hasPsql && 'needs psql';
      const how = byScript ? 'by script' : 'by load';
      test(`${feed} into ${engine} ${how} (SELECTION_SEED=${seed})`, { skip }, async () => {
        const r = random(seed);
        const made = make(r);
        const folder = scratch('drop');
        const target = await targets[engine]();
        const seen = new Map<string, number[]>();
        const run = (tables: readonly string[] | undefined) =>
          bring(target, { feed, folder, catalog: made.catalog, tables }, byScript);
        for (const [n, step] of made.steps.entries()) {
          await step(folder, 'bucket');
          const last = n === made.steps.length - 1;
          const now: (readonly string[] | undefined)[] = shuffled<readonly string[] | undefined>(
            choices,
            r,
          ).slice(0, r.int(0, 2));
          if (last) now.push(...(r.chance(0.5) ? shuffled<readonly string[]>(parts, r) : [undefined]));
          for (const tables of now) {
            await run(tables);
            choose(seen, n + 1, tables);
          }
        }
        const expected =
          feed === 'exports' ? exported(made, seen) : canonical(made.expected([made.steps.length]));
        assert.deepEqual(await standing(target), expected);
        for (const tables of [undefined, ...parts]) await run(tables);
        assert.deepEqual(await standing(target), expected, 'a run without news changes nothing');
      });
    }
  }
});

const filesOf = async (target: TestTarget, tables?: readonly string[]) => {
  const context = quietContext();
  const found: string[] = [];
  const list = listGroups(drop('zenoti', 'first', 'second'), {
    feed: 'zenoti',
    name: 'test',
    settle: 0,
    after: `@${target.url}`,
    scope: 'POD1',
    ...(tables === undefined ? {} : { tables }),
  });
  for await (const chunk of list(context)) {
    if (!isControl(chunk)) continue;
    if (chunk.$ === 'group') found.push(`${chunk.group} after ${chunk.after}`);
    if (chunk.$ === 'file') found.push(`${(chunk as FileLine).table}`);
  }
  return found.filter((line, i) => line !== found[i - 1]);
};

const user = table('Bi_DimUser', 'id int', { key: ['id'], merge: 'upsert' });
const fact = table('Bi_FactForms', 'id int', { key: ['id'], merge: 'upsert' });
const at = (
  group: string,
  after: string | null,
  chosen: readonly string[] | undefined,
  ...chunks: Chunk[]
) => ({
  group,
  after,
  chunks,
  ...(chosen === undefined ? {} : { tables: chosen }),
});

for (const name of ['duckdb', 'postgres'] as const) {
  test(`${name}: a table chosen later is listed from the start, beside the new groups of the others`, async () => {
    const target = await targets[name]();
    assert.deepEqual(await filesOf(target, ['*FactForms']), [
      '9 after null',
      'Bi_FactForms',
      '10 after 9',
      'Bi_FactForms',
      '11 after 10',
      'Bi_FactForms',
      '12 after 11',
      'Bi_FactForms',
    ]);
    const chosen = ['*FactForms'];
    await loadInto(
      target,
      stream([at('9', null, chosen, rows(fact, { id: 1 })), at('10', '9', chosen), at('11', '10', chosen)]),
    );
    assert.deepEqual(await filesOf(target, chosen), ['12 after 11', 'Bi_FactForms']);
    const lines = await filesOf(target, ['bi_factforms', 'Bi_DimUser']);
    assert.deepEqual(
      lines.filter((line) => line.startsWith('Bi_Fact')),
      ['Bi_FactForms'],
    );
    assert.deepEqual(lines.slice(-2), ['12 after 11', 'Bi_FactForms']);
    assert.equal(lines[0], '9 after null');
    const all = (await filesOf(target)).filter((line) => line !== 'bi_factfeedbackv2');
    assert.deepEqual(all, lines, 'without --tables: what is missing of any');
    const state = await readState(target.url, quietContext());
    assert.deepEqual(
      state.map(({ table: of, group, files, rows: count }) => [of, group, files, count]),
      [
        ['*FactForms', '11', 0, 0],
        ['Bi_FactForms', '9', 0, 1],
      ],
    );
  });

  test(`${name}: a stream that skips groups of one of its tables is refused, one that is behind on another is not`, async () => {
    const target = await targets[name]();
    await loadInto(
      target,
      stream([at('1', null, ['Bi_DimUser'], rows(user, { id: 1 })), at('3', '1', ['Bi_DimUser'])]),
    );
    const both = ['bi_dimuser', 'Bi_Fact*'];
    await assert.rejects(
      loadInto(target, stream([at('4', '3', both, rows(fact, { id: 4 }))])),
      /cursor of POD1 table Bi_Fact\* is not set, stream starts after 3 \(group 4\)/,
    );
    await assert.rejects(
      loadInto(target, stream([at('4', '3', undefined, rows(user, { id: 4 }))])),
      /cursor of POD1 is not set, stream starts after 3/,
    );
    await loadInto(
      target,
      stream([at('1', null, both, rows(fact, { id: 1 })), at('2', '1', both), at('4', '2', both)]),
    );
    await assert.rejects(
      loadInto(target, stream([at('10', '5', ['Bi_FactForms'])])),
      /cursor of POD1 table Bi_FactForms is 4, stream starts after 5/,
    );
    // Without a cursor, a new group of a table that is further already.
    await assert.rejects(
      loadInto(target, stream([at('3', null, ['Bi_Fact*'], rows(fact, { id: 3 }))])),
      /cursor of POD1 table Bi_FactForms is 4, stream starts at its first group \(group 3\)/,
    );
    await loadInto(target, stream([at('3', '4', ['Bi_Fact*'], rows(fact, { id: 3 }))]));
    assert.deepEqual(
      await target.select(
        'SELECT id FROM "Bi_FactForms" ORDER BY id'.replaceAll(
          '"Bi_FactForms"',
          name === 'duckdb' ? '"Bi_FactForms"' : 'bi_factforms',
        ),
      ),
      [['1'], ['3']],
    );
    await loadInto(target, stream([at('1', null, undefined, rows(user, { id: 1 }), rows(fact, { id: 1 }))]));
    const state = await readState(target.url, quietContext());
    assert.deepEqual(
      state.filter(({ table: of }) => of === undefined).map(({ group }) => group),
      ['1'],
      'only a listing of all tables moves the cursor of all',
    );
  });

  test(`${name}: names of tables are no patterns of their own`, async () => {
    const target = await targets[name]();
    const odd = table('a_b%c!d', 'id int', { key: ['id'], merge: 'upsert' });
    await loadInto(target, stream([at('1', null, ['a_b%c!d'], rows(odd, { id: 1 }))]));
    await assert.rejects(loadInto(target, stream([at('2', '1', ['axbyc!d'])])), /table axbyc!d is not set/);
    await loadInto(target, stream([at('2', '1', ['A_b%C!d'], rows(odd, { id: 2 }))]));
  });
}

test('the wire tells which tables were listed, unless that is all of them', async () => {
  const folder = drop('zenoti', 'first');
  const groups = async (tables?: readonly string[]) => {
    const found: (readonly string[] | undefined)[] = [];
    const options = { feed: 'zenoti', settle: 0, ...(tables === undefined ? {} : { tables }) };
    for await (const chunk of listGroups(folder, options)(quietContext()))
      if (isControl(chunk) && chunk.$ === 'group') found.push((chunk as GroupLine).tables);
    return [...new Set(found.map((given) => JSON.stringify(given)))];
  };
  assert.deepEqual(await groups(), [undefined]);
  assert.deepEqual(await groups(['*']), [undefined]);
  assert.deepEqual(await groups([' Bi_Dim*', 'Bi_Dim*']), ['["Bi_Dim*"]']);
});

test('lines of state in a file count for their scope and their tables', async () => {
  const state = join(scratch(), 'state');
  const line = (parts: object) =>
    `${JSON.stringify({ feed: 'zenoti', source: 'test', scope: 'POD1', ...parts })}\n`;
  writeFileSync(state, line({ group: '9' }) + line({ table: 'bi_fact*', group: '11' }));
  const target = { url: state } as TestTarget;
  assert.deepEqual(await filesOf(target, ['Bi_FactForms']), ['12 after 11', 'Bi_FactForms']);
  assert.equal((await filesOf(target, ['Bi_DimUser']))[0], '10 after 9');
  assert.equal((await filesOf(target, ['Bi_*']))[0], '10 after 9');
});
