/**
 * Exactly once, at every single statement: it fails, or the load dies before it, while it runs, or after it was done and
 * before the load heard of it (a COMMIT that nobody knows the end of), group by group and in batches. A few of them;
 * KILL_ALL=1 tries each one.
 */

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, test } from 'node:test';
import type { LoadOptions } from '../src/commands/load.ts';
import { FEEDS } from '../src/demo/deliver.ts';
import { TemporaryError, UserError } from '../src/errors.ts';
import {
  ALL,
  type Clean,
  cleanRuns,
  emptied,
  inTurn,
  resumes,
  SEED,
  someOf,
  wholeGroups,
} from './support/breaking.ts';
import { brigade, chain, within } from './support/chain.ts';
import { command } from './support/cli.ts';
import { interceptCalls } from './support/duckdb-calls.mjs';
import { type Fate, type FaultProxy, startFaultProxy } from './support/fault-proxy.ts';
import { mariadbMissing } from './support/mariadb.ts';
import { duckdbTarget, loadInto, mysqlTarget, postgresTarget, type TestTarget } from './support/merging.ts';
import { random } from './support/random.ts';
import { deathsOf } from './support/remains.ts';
import { batchWire, chunksOf, driftWire, replaceWire, smallWire, type WireText } from './support/wires.ts';

const HOURS_MS = 4 * 3_600_000;
const DIE = new URL('support/die-at.mjs', import.meta.url).href;
/** Kills in the middle of each statement that writes files, of which each finds another moment. */
const TIMES = ALL ? 5 : 1;

interface Case {
  readonly wire: WireText;
  readonly clean: Clean;
  /** A target, used again and again. */
  readonly target: TestTarget;
  readonly options: LoadOptions;
  readonly turn: number;
}

interface Given {
  readonly name: string;
  readonly wire: () => Promise<WireText>;
  readonly options: LoadOptions;
}

const BATCHES = { batchGroups: 2 };
const drift: Given = { name: 'drift', wire: driftWire, options: {} };
const batched: readonly Given[] = [
  { name: 'batches', wire: batchWire, options: BATCHES },
  { name: 'batches with subtables', wire: () => smallWire('stitch'), options: BATCHES },
];

const renamed: Given = { name: 'tables renamed', wire: replaceWire, options: { swap: 'rename' } };

let sections = 0;

/** Feeds, tables that change or change places, and batches, each with its wire and what it leaves in a target. */
function ofEachFeed(
  name: string,
  make: () => Promise<TestTarget>,
  skip: string | false,
  body: (given: Case) => Promise<number>,
): void {
  describe(`${name}, every statement`, { skip }, () => {
    const feeds = FEEDS.map((feed): Given => ({ name: feed, wire: () => smallWire(feed), options: {} }));
    const turns = inTurn(feeds, sections);
    const others = make === mysqlTarget ? [] : [renamed, ...inTurn(batched, sections)];
    const cases = [...turns, drift, ...others];
    sections++;
    for (const [turn, { name: title, wire: wireOf, options }] of cases.entries()) {
      test(`${title} (${ALL ? 'KILL_ALL' : `KILL_SEED=${SEED}`})`, { timeout: HOURS_MS }, async (t) => {
        const wire = await wireOf();
        const target = await make();
        const clean = await cleanRuns(
          wire,
          async () => emptied(target),
          (to, bytes) => loadInto(to, chunksOf(bytes), options),
        );
        const tried = await body({ wire, clean, target, options, turn });
        t.diagnostic(`${title}: ${tried} breaks, which left ${clean.resumed.size} states`);
      });
    }
  });
}

const servers = [
  { name: 'PostgreSQL', target: postgresTarget, skip: false },
  { name: 'MariaDB', target: mysqlTarget, skip: mariadbMissing },
] as const;

for (const { name, target: make, skip } of servers) {
  ofEachFeed(`a load into ${name} that is cut off or fails`, make, skip, async (given) => {
    const { wire, target, options, turn } = given;
    const fates: readonly Fate[] = ['before', 'after', 'fail'];
    const total = await messagesOf(given);
    const places = total.messages
      .flatMap((message, i) => fates.map((fate) => ({ fate, n: i + 1, message })))
      .filter(({ fate, message }) => fate !== 'fail' || total.canFail(message));
    const some = someOf(places, 3, random(SEED + turn));
    // Cut while rows wait to be taken: the one place where the client says several things in a row.
    const copy = places.find(({ fate, message }) => fate === 'after' && message.includes('COPY '));
    const chosen = [...new Set([...some, ...(copy === undefined ? [] : [copy])])];
    for (const { fate, n, message } of chosen) {
      await emptied(target);
      const what = `${fate} message ${n}: ${message.toString('latin1').slice(0, 200)}`;
      const proxy = await startFaultProxy(target.url, (at) => (at === n ? fate : 'pass'));
      try {
        const load = loadInto({ ...target, url: proxy.url }, chunksOf(wire.bytes), options);
        // The last words (good-bye, and what drops a stage) come when all is safe; of a batch that fails the groups are
        // applied one by one.
        const isSafe = n === total.messages.length || (fate === 'fail' && options.batchGroups !== undefined);
        if (isSafe) await load.catch(() => {});
        else await assert.rejects(load, fate === 'fail' ? UserError : TemporaryError, what);
      } finally {
        proxy.close();
      }
      await goesOn(given, what);
    }
    return chosen.length;
  });
}

// With the same way of replacing tables; batches or not is all one.
const goesOn = ({ target, wire, clean, options: { swap } }: Case, what: string) =>
  resumes(target, wire, clean, what, (to, bytes) =>
    loadInto(to, chunksOf(bytes), swap === undefined ? {} : { swap }),
  );

async function messagesOf({ wire, target, options }: Case): Promise<FaultProxy> {
  await emptied(target);
  const proxy = await startFaultProxy(target.url, () => 'pass');
  await loadInto({ ...target, url: proxy.url }, chunksOf(wire.bytes), options);
  proxy.close();
  return proxy;
}

const flags = ({ options: { batchGroups, swap } }: Case) => [
  ...(batchGroups === undefined ? [] : ['--batch-groups', String(batchGroups)]),
  ...(swap === undefined ? [] : ['--swap', swap]),
];

// A server cannot tell a client that was killed from one whose way was cut, which was tried at each message above.
ofEachFeed('a load into PostgreSQL that is killed', postgresTarget, false, async (given) => {
  const { wire, target, turn } = given;
  const fates: readonly Fate[] = ['before', 'after'];
  const total = await messagesOf(given);
  const places = total.messages
    .slice(0, -1)
    .flatMap((message, i) => fates.map((fate) => ({ fate, n: i + 1, message })))
    .filter(
      ({ n, message }) => !ALL || n % 8 === turn || /COMMIT|BEGIN|COPY/.test(message.toString('latin1')),
    );
  const chosen = someOf(places, 1, random(SEED + turn));
  for (const { fate, n } of chosen) {
    await emptied(target);
    let kill = () => {};
    const proxy = await startFaultProxy(
      target.url,
      (at) => (at === n ? fate : 'pass'),
      () => kill(),
    );
    const { code } = await command('brigade', ['load', proxy.url, ...flags(given)], {
      stdin: wire.bytes,
      started: (child) => {
        kill = () => child.kill('SIGKILL');
      },
    });
    proxy.close();
    assert.equal(code, 128 + 9);
    await goesOn(given, `killed ${fate} message ${n}`);
  }
  return chosen.length;
});

ofEachFeed('a load into DuckDB of which a statement fails', duckdbTarget, false, async (given) => {
  const { wire, target, options, turn } = given;
  const total = await callsOf(given);
  const chosen = someOf(
    total.map((_, i) => i + 1),
    3,
    random(SEED + turn),
  );
  for (const n of chosen) {
    await emptied(target);
    const what = `statement ${n}: ${total[n - 1]!.slice(0, 200)}`;
    let calls = 0;
    const end = interceptCalls((_sql, go) => go(++calls === n ? `SELECT error('as told')` : undefined));
    try {
      const load = loadInto(target, chunksOf(wire.bytes), options);
      if (options.batchGroups === undefined) await assert.rejects(load, UserError, what);
      else await load.catch((error: unknown) => assert.ok(error instanceof UserError, what));
    } finally {
      end();
    }
    await goesOn(given, what);
  }
  return chosen.length;
});

async function callsOf({ wire, target, options }: Case): Promise<readonly string[]> {
  const calls: string[] = [];
  await emptied(target);
  const end = interceptCalls((sql, go) => {
    calls.push(sql);
    return go();
  });
  try {
    await loadInto(target, chunksOf(wire.bytes), options);
  } finally {
    end();
  }
  return calls;
}

ofEachFeed('a load into DuckDB that is killed', duckdbTarget, false, async (given) => {
  const { wire, clean, target, options, turn } = given;
  await emptied(target);
  const deaths = await deathsOf(target, () => loadInto(target, chunksOf(wire.bytes), options));
  let groups = 0;
  for (const { places, restore } of deaths.remains) {
    restore();
    const now = await wholeGroups(target, clean, places.join('\n'));
    assert.ok(now >= groups, places.join('\n'));
    groups = now;
    // Looking closes the file, which writes it anew.
    restore();
    await goesOn(given, places.join('\n'));
  }

  const r = random(SEED + turn);
  const { writers, statements } = deaths;
  const others = Array.from({ length: statements }, (_, i) => ({ n: i + 1, sql: 'that writes no file' }));
  const during = [
    ...someOf(writers, 1, r),
    r.pick(others.filter(({ n }) => !writers.some((writer) => writer.n === n))),
  ];
  const kills = [
    ...during.flatMap((each) => Array.from({ length: TIMES }, () => ({ ...each, when: 'during' }))),
    ...(ALL ? during.flatMap((each) => ['before', 'after'].map((when) => ({ ...each, when }))) : []),
  ];
  for (const { when, n, sql } of kills) {
    await emptied(target);
    const { code } = await command('brigade', ['load', target.url, ...flags(given)], {
      stdin: wire.bytes,
      env: {
        NODE_OPTIONS: `--import ${DIE}`,
        DIE_AT: String(n),
        DIE_WHEN: when,
        DIE_AFTER_US: String(ALL ? r.int(0, 3000) : 0),
      },
    });
    assert.equal(code, 128 + 9);
    await goesOn(given, `killed ${when} statement ${n}: ${sql.slice(0, 200)}`);
  }
  return statements * 3 + kills.length;
});

test('a DuckDB file that a full disk keeps from being made is not there, and the next load makes it', async () => {
  const target = await duckdbTarget();
  const { bytes } = await driftWire();
  for (const blocks of [0, 3, 7, 12, 20]) {
    const { code, stderr } = await chain([within(blocks, brigade('load', target.url))], { stdin: bytes });
    assert.equal(code, 1);
    assert.match(stderr, /wh\.duckdb: Could not write file/);
    assert.deepEqual(readdirSync(dirname(target.url)), []);
  }
  await loadInto(target, chunksOf(bytes));
});
