/**
 * Exactly once, whatever happens: loads are broken at random places, each run goes on with another size of batch, and
 * after each only whole groups are there; at the end all is as one clean run leaves it. KILL_ROUNDS=500 KILL_SEED=1 runs
 * more of it.
 */

import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { LoadOptions } from '../src/commands/load.ts';
import { FEEDS, type FeedName } from '../src/demo/deliver.ts';
import { type Clean, cleanRuns, emptied, SEED, wholeGroups } from './support/breaking.ts';
import { type Source, sources } from './support/broken-sources.ts';
import { startFaultProxy } from './support/fault-proxy.ts';
import {
  type Fault,
  faults,
  type Job,
  type Means,
  type MeansName,
  means,
  type Pace,
  start,
} from './support/faults.ts';
import { mariadbMissing } from './support/mariadb.ts';
import {
  duckdbTarget,
  hasPsql,
  loadInto,
  mysqlTarget,
  postgresTarget,
  schemaFile,
  scriptInto,
  sqliteTarget,
  type TestTarget,
} from './support/merging.ts';
import { type Random, random } from './support/random.ts';
import { sqliteMissing } from './support/sqlite.ts';
import { standing } from './support/standing.ts';
import { chunksOf, groupsOf, predecessors, prefixOf, suffixOf } from './support/wires.ts';

const FEW = 6;
const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? FEW);
const MOST_FAULTS = 3;
/** Rounds with one stream, where streams are random. */
const ROUNDS_A_STREAM = 6;
const HOURS_MS = 4 * 3_600_000;

interface Engine {
  readonly name: string;
  readonly target: () => Promise<TestTarget>;
  readonly skip: string | false;
  /** Rounds of one kind are those that are asked for, divided among the kinds and by this. */
  readonly share: number;
  /** The script's client alone, in place of the ways that the source has. */
  readonly client?: MeansName;
}

/** With batches of any size, where the engine has them. */
const sizes = (engine: TestTarget['name'], r: Random): { batchGroups?: number | 'auto' } =>
  engine === 'mysql' || engine === 'sqlite'
    ? {}
    : r.pick([{}, { batchGroups: 2 }, { batchGroups: 3 }, { batchGroups: 'auto' as const }]);

type Tally = Map<string, number>;
const count = (tally: Tally, what: string) => tally.set(what, (tally.get(what) ?? 0) + 1);
const told = (tally: Tally) => [...tally].map(([what, n]) => `${n} ${what}`).join(', ');

/** By a load, or by the client of a script that is not broken. */
const deliver = (target: TestTarget, bytes: Uint8Array, options: LoadOptions) =>
  (target.name === 'sqlite' ? scriptInto : loadInto)(target, chunksOf(bytes), options);

/** SQLite's scripts go by what they are told; those of the others find out. */
async function known(target: TestTarget): Promise<{ schema?: string }> {
  return target.name === 'sqlite' ? { schema: await schemaFile(target) } : {};
}

interface Section {
  readonly engine: Engine;
  readonly source: Source;
  readonly clean: Clean;
  readonly target: TestTarget;
  readonly r: Random;
  readonly startMs: number;
  /** Of the ways that came up. */
  readonly paces: Map<MeansName, Pace>;
}

/** How long a process takes to begin. */
async function startOf({ wire, options }: Source, target: TestTarget, way: MeansName): Promise<number> {
  const begunMs = Date.now();
  await start({ means: means[way], target, job: { url: target.url, options, wire: prefixOf(wire, 0) } });
  return Math.ceil(0.8 * (Date.now() - begunMs));
}

const FILES: readonly TestTarget['name'][] = ['duckdb', 'sqlite'];

/** How a way goes that nothing happens to; it leaves what all of them leave. */
async function paceOf(way: MeansName, { source, clean, target, startMs }: Section): Promise<Pace> {
  const { wire, options, steps } = source;
  await emptied(target);
  const proxy = FILES.includes(target.name) ? undefined : await startFaultProxy(target.url, () => 'pass');
  const url = proxy?.url ?? target.url;
  const startedMs = Date.now();
  for (let groups = 0; groups < groupsOf(wire); ) {
    const listed = steps?.(groups, groups > 0 ? ['--after', `@${url}`] : []);
    const { code, stderr } = await start({
      means: means[way],
      target,
      job: {
        ...(await known(target)),
        url,
        options,
        wire: wire.bytes,
        ...(listed === undefined ? {} : { steps: listed.words }),
      },
    });
    assert.equal(code, 0, stderr);
    groups = means[way].takesWire ? groupsOf(wire) : listed!.until;
  }
  proxy?.close();
  assert.deepEqual(await standing(target), clean.whole, `${way}, to its end`);
  return {
    startMs: way === 'load()' ? 0 : startMs,
    wholeMs: Date.now() - startedMs,
    messages: proxy?.messages.length ?? 0,
    fileBytes: FILES.includes(target.name) ? statSync(target.url).size : 0,
  };
}

const suits = ({ engines }: Means | Fault, { name }: TestTarget) => engines.includes(name);

/** Breaks it some times, then lets it through. What happened is told. */
async function round(section: Section, title: string, tally: Tally): Promise<void> {
  const { engine, source, clean, target, r, paces } = section;
  const { wire, options, steps } = source;
  const total = groupsOf(wire);
  const history: string[] = [title];
  const happened = () => history.join('\n');
  const possible = (engine.client === undefined ? source.ways : [engine.client]).filter(
    (way) => suits(means[way], target) && (way !== 'to-sql | psql' || hasPsql),
  );
  const ways = Array.from({ length: r.int(1, MOST_FAULTS) }, () => r.pick(possible));
  for (const way of ways) if (!paces.has(way)) paces.set(way, await paceOf(way, section));
  await emptied(target);
  let groups = 0;
  // What is listed after the cursor, or all of it again.
  const rest = () => (r.chance(0.5) ? suffixOf(wire, groups) : wire.bytes);

  for (const way of ways) {
    if (groups === total) break;
    const how: Means = means[way];
    const kind = r.pick(
      (Object.keys(faults) as (keyof typeof faults)[]).filter((each) => {
        const fault: Fault = faults[each];
        const isMeant = engine.client === undefined || each === 'killed at any moment';
        return isMeant && suits(fault, target) && (fault.suits?.(how) ?? true);
      }),
    );
    const size = sizes(target.name, r);
    const listed = steps?.(groups, groups > 0 || r.chance(0.5) ? ['--after', `@${target.url}`] : []);
    const job: Job = {
      ...(await known(target)),
      url: target.url,
      options: { ...options, ...size },
      wire: rest(),
      ...(listed === undefined ? {} : { steps: listed.words }),
    };
    const fault: Fault = faults[kind];
    const outcome = await fault.meet({ means: how, target, job, r, pace: paces.get(way)! });
    history.push(
      `${way} ${JSON.stringify(job.options)} ${kind}: ${outcome.code}, ${outcome.stderr.trim().split('\n').at(-1)}`,
    );
    assert.doesNotMatch(outcome.stderr, /this is a bug/, happened());
    const now = await wholeGroups(target, clean, happened());
    assert.ok(now >= groups, `${groups} groups before, ${now} now: ${happened()}`);
    const expected = how.takesWire ? total : listed!.until;
    if (outcome.code === 0) assert.equal(now, expected, happened());
    const where =
      now === groups ? 'before its first group' : now < total ? 'between groups' : 'after its last group';
    count(tally, outcome.code === 0 ? 'came through' : where);
    count(tally, `× ${way} ${kind}`);
    groups = now;
  }

  // A stream that skips a group.
  const skipping = predecessors(wire).flatMap((before, i) => (before >= groups ? [i] : []));
  if (skipping.length > 0) {
    const given = suffixOf(wire, r.pick(skipping));
    await assert.rejects(
      deliver(target, given, { ...options, ...sizes(target.name, r) }),
      /cursor of .*, stream starts after /,
      happened(),
    );
    assert.equal(await wholeGroups(target, clean, happened()), groups, happened());
    count(tally, '× refused to skip');
  }
  if (engine.client === undefined) await deliver(target, rest(), { ...options, ...sizes(target.name, r) });
  else {
    const job = { ...(await known(target)), url: target.url, options, wire: rest() };
    const { code, stderr } = await start({ means: means[engine.client], target, job });
    assert.equal(code, 0, `${stderr} ${happened()}`);
  }
  assert.deepEqual(await standing(target), clean.whole, happened());
}

const engines: readonly Engine[] = [
  { name: 'DuckDB', target: duckdbTarget, skip: false, share: 2 },
  { name: 'PostgreSQL', target: postgresTarget, skip: false, share: 2 },
  // A quarter as many where it is asked for; its commits are those of MySQL.
  {
    name: 'MariaDB',
    target: mysqlTarget,
    skip: mariadbMissing || (ROUNDS <= FEW && 'with KILL_ROUNDS only'),
    share: 8,
  },
  {
    name: "MariaDB's client",
    target: mysqlTarget,
    skip: mariadbMissing,
    share: 1,
    client: 'to-sql | mysql',
  },
  {
    name: "SQLite's client",
    target: () => sqliteTarget('command'),
    skip: sqliteMissing,
    share: 1,
    client: 'to-sql | sqlite3',
  },
];

describe('a load that is broken again and again, then run whole, leaves what one clean run leaves', () => {
  for (const [number, [kind, make]] of Object.entries(sources).entries()) {
    // By default each engine takes every second source.
    for (const [turn, engine] of engines.entries()) {
      const { name, skip, share } = engine;
      if (ROUNDS <= FEW && (turn + number) % 2 !== 0) continue;
      const rounds = Math.max(1, Math.ceil(ROUNDS / Object.keys(sources).length / share));
      const title = `${kind} into ${name}, ${rounds} round(s) (KILL_SEED=${SEED})`;
      test(title, { timeout: HOURS_MS, skip }, async (t) => {
        const isRandom = !FEEDS.includes(kind as FeedName);
        const r = random(SEED + 100 * number + 10 * turn);
        const into = await engine.target();
        const tally: Tally = new Map();
        let section: Section | undefined;
        for (let n = 0; n < rounds; n++) {
          if (section === undefined || (isRandom && n % ROUNDS_A_STREAM === 0)) {
            const source = await make(r, engine);
            const clean = await cleanRuns(
              source.wire,
              async () => emptied(into),
              (to, bytes) => deliver(to, bytes, source.options),
            );
            section = {
              engine,
              source,
              clean,
              target: into,
              r,
              startMs: await startOf(source, into, engine.client ?? 'load'),
              paces: new Map(),
            };
          }
          await round(section, `round ${n}`, tally);
        }
        t.diagnostic(`${kind} into ${name}: ${rounds} rounds; ${told(tally)}`);
      });
    }
  }
});
