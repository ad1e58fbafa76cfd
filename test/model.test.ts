import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { filesBelow } from '../src/demo/deliver.ts';
import { openDuckDB } from '../src/duckdb.ts';
import { command, type Outcome, shell } from './support/cli.ts';
import { postgresServer } from './support/postgres.ts';
import { type Random, type RandomDrop, random } from './support/random.ts';
import { randomContentsquare } from './support/random-contentsquare.ts';
import { randomExports } from './support/random-exports.ts';
import { randomStitch } from './support/random-stitch.ts';
import { randomZenoti } from './support/random-zenoti.ts';
import { s3Server } from './support/s3.ts';
import { scratch } from './support/scratch.ts';
import { canonical, duckdbTables, postgresTables, type Tables } from './support/targets.ts';

const SEED = Number(process.env['MODEL_SEED'] ?? 20260114);
const DROPS = Number(process.env['MODEL_DROPS'] ?? 3);
const FEEDS = {
  zenoti: randomZenoti,
  contentsquare: randomContentsquare,
  stitch: randomStitch,
  exports: randomExports,
};

interface Way {
  readonly store: 'folder' | 's3';
  readonly engine: 'duckdb' | 'postgres';
  readonly means: 'pipe' | 'run' | 'script';
  readonly order: readonly ['flatten' | 'dedupe', 'flatten' | 'dedupe'];
}

const WAYS: readonly Way[] = (['pipe', 'run', 'script'] as const).flatMap((means) =>
  (['duckdb', 'postgres'] as const).flatMap((engine) =>
    (
      [
        ['flatten', 'dedupe'],
        ['dedupe', 'flatten'],
      ] as const
    ).flatMap((order) => (['folder', 's3'] as const).map((store) => ({ store, engine, means, order }))),
  ),
);
// Coprime with the number of ways, so that neighbours differ in everything and all come up.
const STRIDE = 7;

const psqlMissing = (await shell('command -v psql')).code === 0 ? false : 'needs psql';

describe('any way of running the pipeline leaves what the model says', { concurrency: 2 }, () => {
  let turn = 0;
  for (const [feed, make] of Object.entries(FEEDS)) {
    for (let number = 0; number < DROPS; number += 1) {
      const seed = SEED + number * 1000;
      for (let repeat = 0; repeat < 2; repeat += 1) {
        const way = WAYS[(turn * STRIDE) % WAYS.length]!;
        turn += 1;
        const name = `${feed} from ${way.store} to ${way.engine} by ${way.means}, ${way.order.join(' | ')}`;
        const skip = way.engine === 'postgres' && way.means === 'script' && psqlMissing;
        test(`${name} (MODEL_SEED=${seed})`, { skip }, () =>
          holds(make(random(seed)), way, random(seed + repeat)),
        );
      }
    }
  }
});

async function holds(drop: RandomDrop, way: Way, r: Random): Promise<void> {
  const place = await openPlace(way);
  const visits = cuts(drop.steps.length, r);
  const applied: Record<string, string[]>[] = [];
  const catalog = join(place.folder, '..', `catalog-${drop.feed}.json`);
  writeFileSync(catalog, JSON.stringify(drop.catalog));
  let step = 0;
  // The last visit finds nothing new.
  for (const visit of [...visits, 0]) {
    for (const until = step + visit; step < until; step += 1) await place.deliver(drop.steps[step]!, step);
    const outcome = await place.apply(drop.feed, catalog, r);
    assert.equal(outcome.code, 0, outcome.stderr);
    applied.push(canonical(await place.tables()));
  }
  assert.deepEqual(applied.at(-2), canonical(drop.expected(visits)), `visits of ${visits.join(', ')} steps`);
  assert.deepEqual(applied.at(-1), applied.at(-2), 'a run without news changes nothing');
}

/** How many steps are delivered before each run. */
function cuts(steps: number, r: Random): number[] {
  const visits: number[] = [];
  for (let left = steps; left > 0; ) {
    const visit = r.int(1, left);
    visits.push(visit);
    left -= visit;
  }
  return visits;
}

interface Place {
  readonly folder: string;
  deliver(step: RandomDrop['steps'][number], number: number): Promise<void>;
  apply(feed: string, catalog: string, r: Random): Promise<Outcome>;
  tables(): Promise<Tables>;
}

let buckets = 0;

async function openPlace(way: Way): Promise<Place> {
  const folder = join(scratch('model'), 'drop');
  mkdirSync(folder);
  const server = way.store === 's3' ? await s3Server() : undefined;
  buckets += 1;
  const bucket = `model-${buckets}`;
  await server?.makeBucket(bucket);
  const target =
    way.engine === 'postgres' ? await (await postgresServer()).database() : join(folder, '..', 'wh.duckdb');
  const root = server === undefined ? folder : `s3://${bucket}/`;
  const flags = server === undefined ? '' : ` ${server.flags.join(' ')}`;
  return {
    folder,
    tables: () => (way.engine === 'postgres' ? postgresTables(target) : duckdbTables(target)),
    deliver: async (step, number) => {
      const delivery = scratch('delivery');
      await step(delivery, bucket);
      // One minute between deliveries, long ago: `ls-groups` goes by times.
      const at = new Date(Date.UTC(2026, 0, 20) + number * 60_000);
      for (const path of filesBelow(delivery)) {
        const copy = join(folder, path);
        mkdirSync(dirname(copy), { recursive: true });
        copyFileSync(join(delivery, path), copy);
        utimesSync(copy, at, at);
        await server?.put(bucket, path, readFileSync(copy));
      }
    },
    apply: async (feed, catalog, r) => {
      const list = `ls-groups ${root} --feed ${feed} --name ${feed} --settle 0 --after @${target}${flags}`;
      const stages = [list, `read-manifest --catalog ${catalog}${flags}`, `decode${flags}`, ...way.order];
      const merge = `--max-delete 100${r.pick(['', ' --batch-groups 2', ' --batch-groups auto'])}`;
      if (way.means === 'run')
        return command('brigade', ['run', [...stages, `load ${target} ${merge}`].join(' | ')]);
      // Pieces of an odd size, so that lines and characters are cut anywhere.
      const pieces = `dd bs=${r.int(50, 5000)} status=none`;
      const line = [...stages.slice(0, -2), pieces, ...stages.slice(-2)].join(' | ');
      if (way.means === 'pipe') return shell(`${line} | brigade load ${target} ${merge}`);
      if (way.engine === 'postgres')
        return shell(`${line} | to-sql --dialect postgres ${merge} | psql -q ${target}`);
      return runScript(await shell(`${line} | to-sql --dialect duckdb ${merge}`), target);
    },
  };
}

/** What the `duckdb` shell does with a script, by the library: its `.bail on` is how the library behaves anyway. */
async function runScript(script: Outcome, target: string): Promise<Outcome> {
  if (script.code !== 0) return script;
  const sql = script.stdout.replace(/^\.\w.*$/gm, '');
  const database = await openDuckDB(target);
  try {
    await database.run(sql);
  } finally {
    database.close();
  }
  return script;
}
