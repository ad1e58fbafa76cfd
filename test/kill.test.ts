/**
 * Exactly once, whatever happens: loads are killed, cut off and disconnected at random places, then run again, and the
 * tables must be those of one clean run. KILL_ROUNDS=500 KILL_SEED=1 runs more of it.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { FEEDS, type FeedName } from '../src/demo/deliver.ts';
import { command, type Outcome, shell } from './support/cli.ts';
import { postgresServer } from './support/postgres.ts';
import { type Random, random } from './support/random.ts';
import { drop, scratch } from './support/scratch.ts';
import { canonical, duckdbTables, postgresTables } from './support/targets.ts';

const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 6);
const SEED = Number(process.env['KILL_SEED'] ?? 20260114);
const FAULTS_A_ROUND = 3;
const DROPS = new URL('../fixtures/drops/', import.meta.url).pathname;

/** The whole wire of a feed's two deliveries, in a file. */
async function wireOf(feed: FeedName): Promise<string> {
  const folder = scratch('wire');
  const catalog = `${DROPS}${feed}/catalog.json`;
  const { code, stderr } = await shell(
    `[ -f ${catalog} ] && known="--catalog ${catalog}"; ls-groups ${drop(feed, 'first', 'second')} --feed ${feed} --name ${feed} --settle 0 | read-manifest $known | decode | flatten | dedupe > wire`,
    { cwd: folder },
  );
  assert.equal(code, 0, stderr);
  return join(folder, 'wire');
}

interface Engine {
  readonly name: string;
  /** A new empty target. */
  target(): Promise<string>;
  tables(target: string): Promise<Record<string, string[]>>;
}

const engines: readonly Engine[] = [
  {
    name: 'DuckDB',
    target: async () => join(scratch('target'), 'wh.duckdb'),
    tables: async (target) => canonical(await duckdbTables(target)),
  },
  {
    name: 'PostgreSQL',
    target: async () => (await postgresServer()).database(),
    tables: async (target) => canonical(await postgresTables(target)),
  },
];

/** What stands in a target: its tables, and the ledger without its times. */
async function standing(engine: Engine, target: string): Promise<unknown> {
  const state = await command('brigade', ['state', target]);
  assert.equal(state.code, 0, state.stderr);
  return {
    tables: await engine.tables(target),
    ledger: state.stdout.replaceAll(/"applied_at":"[^"]*"/g, ''),
  };
}

type Load = (target: string, wire: string, r: Random, cleanMs: number) => Promise<Outcome>;

const faults: Readonly<Record<string, Load>> = {
  'killed at any moment': (target, wire, r, cleanMs) =>
    command('brigade', ['load', target], {
      stdin: readFileSync(wire),
      started: (child) => setTimeout(() => child.kill('SIGKILL'), r.int(0, Math.ceil(cleanMs * 1.1))).unref(),
    }),
  'cut off at any byte': (target, wire, r) => {
    const bytes = readFileSync(wire);
    return command('brigade', ['load', target], { stdin: bytes.subarray(0, r.int(0, bytes.length - 1)) });
  },
  'stopped at any moment': (target, wire, r, cleanMs) =>
    command('brigade', ['load', target], {
      stdin: readFileSync(wire),
      started: (child) => setTimeout(() => child.kill('SIGTERM'), r.int(0, Math.ceil(cleanMs * 1.1))).unref(),
    }),
  'disconnected after any message': async (target, wire, r) => {
    const { url, close } = await cuttingProxy(target, r.int(0, 300));
    try {
      return await command('brigade', ['load', url], { stdin: readFileSync(wire) });
    } finally {
      close();
    }
  },
};

/** A way to the database that breaks after so many messages of the client. */
async function cuttingProxy(target: string, messages: number): Promise<{ url: string; close(): void }> {
  const { hostname, port } = new URL(target);
  let left = messages;
  const server = createServer((client) => {
    const database = connect(Number(port), hostname);
    const drop = () => {
      client.destroy();
      database.destroy();
    };
    client.on('data', (data) => (left-- > 0 ? database.write(data) : drop()));
    database.on('data', (data) => client.write(data));
    for (const socket of [client, database]) socket.on('close', drop).on('error', drop);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  return { url: url.href, close: () => server.close() };
}

describe('a load that is broken again and again, then run whole, leaves what one clean run leaves', () => {
  for (const [number, feed] of FEEDS.entries()) {
    for (const engine of engines) {
      const rounds = Math.max(1, Math.ceil(ROUNDS / FEEDS.length / engines.length));
      test(`${feed} into ${engine.name}, ${rounds} round(s) (KILL_SEED=${SEED})`, {
        timeout: 3_600_000,
      }, async () => {
        const wire = await wireOf(feed);
        const clean = await engine.target();
        const startedMs = Date.now();
        const { code, stderr } = await command('brigade', ['load', clean], { stdin: readFileSync(wire) });
        assert.equal(code, 0, stderr);
        const cleanMs = Date.now() - startedMs;
        const expected = await standing(engine, clean);
        const r = random(SEED + number);
        for (let round = 0; round < rounds; round++) {
          const target = await engine.target();
          const history: string[] = [];
          for (let fault = 0; fault < FAULTS_A_ROUND; fault++) {
            const ways = Object.keys(faults).filter(
              (way) => engine.name === 'PostgreSQL' || !way.startsWith('disconnected'),
            );
            const way = r.pick(ways);
            const outcome = await faults[way]!(target, wire, r, cleanMs);
            history.push(`${way}: ${outcome.code}, ${outcome.stderr.trim().split('\n').at(-1)}`);
            assert.doesNotMatch(outcome.stderr, /this is a bug/, history.join('\n'));
          }
          const whole = await command('brigade', ['load', target], { stdin: readFileSync(wire) });
          assert.equal(whole.code, 0, `${whole.stderr}\nafter\n${history.join('\n')}`);
          assert.deepEqual(
            await standing(engine, target),
            expected,
            `round ${round}, after\n${history.join('\n')}`,
          );
        }
      });
    }
  }
});
