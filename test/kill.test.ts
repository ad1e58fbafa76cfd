/**
 * Exactly once, whatever happens: loads are killed, stopped, cut off and disconnected at random places, then run again,
 * and all must be as one clean run leaves it. KILL_ROUNDS=500 KILL_SEED=1 runs more of it.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FEEDS } from '../src/demo/deliver.ts';
import { cleanRuns, resumes, SEED } from './support/breaking.ts';
import { command, type Outcome } from './support/cli.ts';
import { startFaultProxy } from './support/fault-proxy.ts';
import { mariadbMissing } from './support/mariadb.ts';
import { duckdbTarget, mysqlTarget, postgresTarget, type TestTarget } from './support/merging.ts';
import { type Random, random } from './support/random.ts';
import { wireOf } from './support/wires.ts';

const FEW = 8;
const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? FEW);
const FAULTS_A_ROUND = 3;
const HOUR_MS = 3_600_000;

interface Fault {
  readonly target: TestTarget;
  readonly wire: Uint8Array;
  readonly r: Random;
  /** How long a load takes that nothing happens to. */
  readonly cleanMs: number;
}

// Group by group, or in batches where the engine has them.
const loading = ({ target, r }: Fault, url = target.url): string[] => [
  'load',
  url,
  ...(target.name === 'mysql' ? [] : r.pick([[], ['--batch-groups', '2'], ['--batch-groups', 'auto']])),
];

const signalled = (signal: NodeJS.Signals) => (fault: Fault) =>
  command('brigade', loading(fault), {
    stdin: fault.wire,
    started: (child) =>
      setTimeout(() => child.kill(signal), fault.r.int(0, Math.ceil(fault.cleanMs * 1.1))).unref(),
  });

const faults: Readonly<Record<string, (fault: Fault) => Promise<Outcome>>> = {
  'killed at any moment': signalled('SIGKILL'),
  'stopped at any moment': signalled('SIGTERM'),
  'cut off at any byte': (fault) => {
    const { wire, r } = fault;
    return command('brigade', loading(fault), { stdin: wire.subarray(0, r.int(0, wire.length - 1)) });
  },
  'disconnected at any message': async (fault) => {
    const { target, wire, r } = fault;
    const [at, fate] = [r.int(1, 400), r.pick(['before', 'after'] as const)];
    const proxy = await startFaultProxy(target.url, (n) => (n === at ? fate : 'pass'));
    try {
      return await command('brigade', loading(fault, proxy.url), { stdin: wire });
    } finally {
      proxy.close();
    }
  },
};

const engines = [
  { name: 'DuckDB', target: duckdbTarget, skip: false },
  { name: 'PostgreSQL', target: postgresTarget, skip: false },
  // Twice as much where it is asked for; its commits are those of MySQL.
  {
    name: 'MariaDB',
    target: mysqlTarget,
    skip: mariadbMissing || (ROUNDS <= FEW && 'with KILL_ROUNDS only'),
  },
] as const;

describe('a load that is broken again and again, then run whole, leaves what one clean run leaves', () => {
  for (const [number, feed] of FEEDS.entries()) {
    // By default each engine takes every second feed.
    for (const { name, target, skip } of engines.filter((_, n) => ROUNDS > FEW || (n + number) % 2 === 0)) {
      const rounds = Math.max(1, Math.ceil(ROUNDS / FEEDS.length / 2));
      const title = `${feed} into ${name}, ${rounds} round(s) (KILL_SEED=${SEED})`;
      test(title, { timeout: HOUR_MS, skip }, async () => {
        const wire = await wireOf(feed);
        const clean = await cleanRuns(wire, target);
        const startedMs = Date.now();
        const { code, stderr } = await command('brigade', ['load', (await target()).url], {
          stdin: wire.bytes,
        });
        assert.equal(code, 0, stderr);
        const cleanMs = Date.now() - startedMs;
        const r = random(SEED + number);
        for (let round = 0; round < rounds; round++) {
          const broken = await target();
          const history: string[] = [`round ${round}`];
          for (let fault = 0; fault < FAULTS_A_ROUND; fault++) {
            const ways = Object.keys(faults).filter(
              (way) => name !== 'DuckDB' || !way.startsWith('disconnected'),
            );
            const way = r.pick(ways);
            const outcome = await faults[way]!({ target: broken, wire: wire.bytes, r, cleanMs });
            history.push(`${way}: ${outcome.code}, ${outcome.stderr.trim().split('\n').at(-1)}`);
            assert.doesNotMatch(outcome.stderr, /this is a bug/, history.join('\n'));
          }
          await resumes(broken, wire, clean, history.join('\n'));
        }
      });
    }
  }
});
