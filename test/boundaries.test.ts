/**
 * Exactly once, at every single statement: it fails, or the load dies before it, while it runs, or after it was done and
 * before the load heard of it (a COMMIT that nobody knows the end of). A few of them; KILL_ALL=1 tries each one.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FEEDS } from '../src/demo/deliver.ts';
import { TemporaryError, UserError } from '../src/errors.ts';
import { ALL, type Clean, cleanRuns, inTurn, resumes, SEED, someOf } from './support/breaking.ts';
import { command } from './support/cli.ts';
import { interceptCalls } from './support/duckdb-calls.mjs';
import { type Fate, type FaultProxy, startFaultProxy } from './support/fault-proxy.ts';
import { mariadbMissing } from './support/mariadb.ts';
import { duckdbTarget, loadInto, mysqlTarget, postgresTarget, type TestTarget } from './support/merging.ts';
import { random } from './support/random.ts';
import { chunksOf, driftWire, smallWire, type WireText } from './support/wires.ts';

const HOUR_MS = 3_600_000;
const DIE = new URL('support/die-at.mjs', import.meta.url).href;

let sections = 0;

/** Feeds, and tables that change, each with its wire and what it leaves in a target. */
function ofEachFeed(
  name: string,
  target: () => Promise<TestTarget>,
  skip: string | false,
  body: (wire: WireText, clean: Clean, turn: number) => Promise<number>,
): void {
  describe(`${name}, every statement`, { skip }, () => {
    for (const [turn, feed] of [...inTurn(FEEDS, sections++), 'drift' as const].entries()) {
      test(`${feed} (${ALL ? 'KILL_ALL' : `KILL_SEED=${SEED}`})`, { timeout: HOUR_MS }, async (t) => {
        const wire = feed === 'drift' ? await driftWire() : await smallWire(feed);
        const tried = await body(wire, await cleanRuns(wire, target), turn);
        t.diagnostic(`${feed}: ${tried} breaks`);
      });
    }
  });
}

const servers = [
  { name: 'PostgreSQL', target: postgresTarget, skip: false },
  { name: 'MariaDB', target: mysqlTarget, skip: mariadbMissing },
] as const;

for (const { name, target, skip } of servers) {
  ofEachFeed(`a load into ${name} that is cut off or fails`, target, skip, async (wire, clean, turn) => {
    const fates: readonly Fate[] = ['before', 'after', 'fail'];
    const total = await messagesOf(wire, await target());
    const places = total.messages
      .flatMap((message, i) => fates.map((fate) => ({ fate, n: i + 1, message })))
      .filter(({ fate, message }) => fate !== 'fail' || total.canFail(message));
    const some = someOf(places, 3, random(SEED + turn));
    // Cut while rows wait to be taken: the one place where the client says several things in a row.
    const copy = places.find(({ fate, message }) => fate === 'after' && message.includes('COPY '));
    const chosen = [...new Set([...some, ...(copy === undefined ? [] : [copy])])];
    for (const { fate, n, message } of chosen) {
      const broken = await target();
      const what = `${fate} message ${n}: ${message.toString('latin1').slice(0, 200)}`;
      const proxy = await startFaultProxy(broken.url, (at) => (at === n ? fate : 'pass'));
      try {
        const load = loadInto({ ...broken, url: proxy.url }, chunksOf(wire.bytes));
        // The last words (good-bye, and what drops a stage) come when all is safe.
        const isLast = n === total.messages.length;
        if (isLast) await load.catch(() => {});
        else await assert.rejects(load, fate === 'fail' ? UserError : TemporaryError, what);
      } finally {
        proxy.close();
      }
      await resumes(broken, wire, clean, what);
    }
    return chosen.length;
  });
}

async function messagesOf(wire: WireText, target: TestTarget): Promise<FaultProxy> {
  const proxy = await startFaultProxy(target.url, () => 'pass');
  await loadInto({ ...target, url: proxy.url }, chunksOf(wire.bytes));
  proxy.close();
  return proxy;
}

ofEachFeed('a load into PostgreSQL that is killed', postgresTarget, false, async (wire, clean, turn) => {
  const fates: readonly Fate[] = ['before', 'after'];
  const total = await messagesOf(wire, await postgresTarget());
  const places = total.messages.slice(0, -1).flatMap((_, i) => fates.map((fate) => ({ fate, n: i + 1 })));
  const chosen = someOf(places, 1, random(SEED + turn));
  for (const { fate, n } of chosen) {
    const broken = await postgresTarget();
    let kill = () => {};
    const proxy = await startFaultProxy(
      broken.url,
      (at) => (at === n ? fate : 'pass'),
      () => kill(),
    );
    const { code } = await command('brigade', ['load', proxy.url], {
      stdin: wire.bytes,
      started: (child) => {
        kill = () => child.kill('SIGKILL');
      },
    });
    proxy.close();
    assert.equal(code, 128 + 9);
    await resumes(broken, wire, clean, `killed ${fate} message ${n}`);
  }
  return chosen.length;
});

ofEachFeed(
  'a load into DuckDB of which a statement fails',
  duckdbTarget,
  false,
  async (wire, clean, turn) => {
    const total = await callsOf(wire, await duckdbTarget());
    const chosen = someOf(
      total.map((_, i) => i + 1),
      3,
      random(SEED + turn),
    );
    for (const n of chosen) {
      const broken = await duckdbTarget();
      const what = `statement ${n}: ${total[n - 1]!.slice(0, 200)}`;
      let calls = 0;
      const end = interceptCalls((_sql, go) => go(++calls === n ? `SELECT error('as told')` : undefined));
      try {
        await assert.rejects(loadInto(broken, chunksOf(wire.bytes)), UserError, what);
      } finally {
        end();
      }
      await resumes(broken, wire, clean, what);
    }
    return chosen.length;
  },
);

async function callsOf(wire: WireText, target: TestTarget): Promise<readonly string[]> {
  const calls: string[] = [];
  const end = interceptCalls((sql, go) => {
    calls.push(sql);
    return go();
  });
  try {
    await loadInto(target, chunksOf(wire.bytes));
  } finally {
    end();
  }
  return calls;
}

ofEachFeed('a load into DuckDB that is killed', duckdbTarget, false, async (wire, clean, turn) => {
  const total = await callsOf(wire, await duckdbTarget());
  const places = total.flatMap((_, i) =>
    ['before', 'during', 'after'].map((when) => ({ when, n: i + 1, sql: total[i]! })),
  );
  const chosen = someOf(places, 2, random(SEED + turn));
  for (const { when, n, sql } of chosen) {
    const broken = await duckdbTarget();
    const { code } = await command('brigade', ['load', broken.url], {
      stdin: wire.bytes,
      env: { NODE_OPTIONS: `--import ${DIE}`, DIE_AT: String(n), DIE_WHEN: when },
    });
    assert.equal(code, 128 + 9);
    await resumes(broken, wire, clean, `killed ${when} statement ${n}: ${sql.slice(0, 200)}`);
  }
  return chosen.length;
});
