/** Jobs that end in a database or a script. Those on PostgreSQL run on a server of the bench's own. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { postgresServer, query } from '../test/support/postgres.ts';
import { DATA, once } from './inputs.ts';
import type { Job } from './jobs.ts';
import { duckdbByHand, postgresByHand, type ZenotiDrop, zenotiDrop } from './zenoti.ts';

const PEERS = new URL('peers/', import.meta.url).pathname;
const CODE_CACHE = new URL('../dist/cli/.cache/', import.meta.url).pathname;
const PLANNED_FILES = 10_000;
/** What may read the bucket. */
const READS: Readonly<Record<string, string>> = {
  redshift: '--iam-role default',
  snowflake: '--storage-integration bench',
  bigquery: '--connection bench.aws-us-east-1.reader',
};

/** Files that the jobs of decode have too. */
interface Inputs {
  readonly scale: number;
  csv(): Promise<string>;
  jsonl(): Promise<string>;
  avro(): Promise<string>;
}

export function mergeJobs({ scale, csv, jsonl, avro }: Inputs): readonly Job[] {
  const rows = Math.round(1_000_000 * scale);
  const group = () => zenotiDrop(rows, 20);
  const input = `${rows} rows × 17 in 20 tables, one Zenoti group`;
  const listOf = ({ folder, catalog }: ZenotiDrop) =>
    `ls-groups ${folder} --feed zenoti --settle 0 | read-manifest --catalog ${catalog}`;
  const database = (name: string) => join(DATA, `${name}.duckdb`);
  const fresh = (name: string) => async () => {
    for (const ending of ['', '.wal']) rmSync(database(name) + ending, { force: true });
  };
  const written = (name: string, text: string): string => {
    const path = join(DATA, name);
    writeFileSync(path, text);
    return path;
  };
  const emptied = (postgres: string) => async () => {
    await query(postgres, 'DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  };
  return [
    {
      name: 'Zenoti group → DuckDB, files only',
      async prepare() {
        const drop = await group();
        const byHand = written('by-hand.json', JSON.stringify(duckdbByHand(drop)));
        return {
          input,
          ours: `brigade run '${listOf(drop)} | load ${database('ours')}'`,
          reset: fresh('ours'),
          peers: [
            {
              name: 'SQL by hand (read_csv into a typed stage, merge)',
              command: `node ${PEERS}duckdb-file.mjs ${database('hand')} ${byHand}`,
              reset: fresh('hand'),
              must: 0.87,
              aim: 1,
            },
          ],
        };
      },
    },
    {
      name: 'Zenoti group → PostgreSQL',
      async prepare() {
        const drop = await group();
        const postgres = await server();
        const reset = emptied(postgres);
        const byHand = written('by-hand.psql', postgresByHand(drop));
        return {
          input,
          ours: `brigade run '${listOf(drop)} | decode | dedupe | load ${postgres}' 2> /dev/null`,
          reset,
          peers: [
            {
              name: 'psql \\copy and the merge by hand',
              command: `psql -X -q -f ${byHand} ${postgres}`,
              needs: 'psql',
              reset,
              must: 0.77,
              aim: 0.91,
            },
          ],
        };
      },
    },
    {
      name: 'to-sql, rows → postgres script',
      async prepare() {
        const drop = await group();
        const wire = await once(`zenoti-${rows}.wire`, (path) => {
          const command = `${listOf(drop)} | decode > ${path}`;
          execFileSync('bash', ['-o', 'pipefail', '-c', command], { env: benchEnv() });
        });
        return {
          input: `${input}, as the wire`,
          ours: `to-sql --dialect postgres < ${wire} > /dev/null`,
          output: `to-sql --dialect postgres < ${wire}`,
          megabytesPerSecond: { must: 150, aim: 400 },
          peers: [],
        };
      },
    },
    {
      name: 'run against a pipe of processes: decode, dedupe, to-sql',
      async prepare() {
        const pipeline = `${listOf(await group())} | decode | dedupe | to-sql --dialect postgres`;
        return {
          input,
          ours: `brigade run '${pipeline}' > /dev/null`,
          peers: [
            { name: 'the same commands as processes', command: `${pipeline} > /dev/null`, must: 2, aim: 5 },
          ],
        };
      },
    },
    ...['duckdb', 'redshift', 'snowflake', 'databricks', 'spark', 'bigquery'].map((dialect) => ({
      name: `planning for ${dialect}${dialect === 'bigquery' ? `, ${PLANNED_FILES / 10} files` : ''}`,
      rowOf: `planning ${PLANNED_FILES} files`,
      async prepare() {
        const { folder, catalog } = await manyFiles();
        // A query of BigQuery holds one group of these.
        const until = dialect === 'bigquery' ? ' --until 1' : '';
        const plan = `ls-groups ${folder} --feed zenoti --settle 0${until} | read-manifest --catalog ${catalog}`;
        return {
          input: `${PLANNED_FILES} files of 100 tables in 10 groups, which the engine reads by itself; for BigQuery one group, since more do not go into one query; PostgreSQL, MySQL and SQLite cannot, and take rows only`,
          // Warehouses read buckets only; which bucket does not matter to a plan.
          ours: `${plan} | sed s,file://${folder},s3://bench, | to-sql --dialect ${dialect} ${READS[dialect] ?? ''} > /dev/null`,
          secondsAtMost: { must: 2, aim: 0.5 },
          peers: [],
        };
      },
    })),
    ...Object.entries({ CSV: csv, JSONL: jsonl, Avro: avro }).map(([format, file]) => ({
      name: `first line of ${format}`,
      prepare: async () => ({
        input:
          '`decode FILE | head -1`, which uses the compiled code that the first run has kept; what it takes, and what was tried, is in [performance.md](performance.md#starting)',
        ours: `decode ${await file()} | head -1 > /dev/null`,
        peers: [
          { name: 'node -e 0', command: 'node -e 0', must: 0.67, aim: 0.77 },
          {
            name: 'the first run after an installation',
            command: `decode ${await file()} | head -1 > /dev/null`,
            reset: async () => rmSync(CODE_CACHE, { recursive: true, force: true }),
          },
        ],
      }),
    })),
    ...growth(scale),
  ];
}

let started: Promise<string> | undefined;

/** The bench's PostgreSQL, started by the first job that needs one. */
function server(): Promise<string> {
  started ??= postgresServer().then(({ database }) => database());
  return started;
}

/** A 1 % update of a table costs what the update costs: the same one of a table a tenth the size takes the same time. */
function growth(scale: number): readonly Job[] {
  const large = Math.round(10_000_000 * scale);
  const sizes = [large, large / 10];

  async function changes(): Promise<{ file: string; catalog: string }> {
    const file = await once(`update-${large}.jsonl`, (path) => {
      // Keys that both tables have, spread over each of them.
      const lines = Array.from({ length: large / 100 }, (_, i) => `{"id":${i * 10},"name":"changed ${i}"}\n`);
      writeFileSync(path, lines.join(''));
    });
    const catalog = await once('catalog-growth.json', (path) =>
      writeFileSync(
        path,
        JSON.stringify({
          tables: { 'grown*': { key: ['id'], merge: 'upsert', columns: { id: 'bigint', name: 'text' } } },
        }),
      ),
    );
    return { file, catalog };
  }

  const duckdb = () =>
    once(`growth-${large}.duckdb`, async (part) => {
      const instance = await DuckDBInstance.create(part);
      const connection = await instance.connect();
      for (const size of sizes)
        await connection.run(
          `CREATE TABLE grown${size} AS SELECT i::BIGINT AS id, 'name ' || i AS name FROM range(${size}) r(i)`,
        );
      connection.closeSync();
      instance.closeSync();
    });

  // The jobs before empty the schema, so that these have one of their own.
  async function postgres(): Promise<string> {
    const url = await server();
    await query(url, 'CREATE SCHEMA IF NOT EXISTS growth');
    for (const size of sizes) {
      const table = `growth.grown${size}`;
      await query(
        url,
        `CREATE TABLE ${table} AS SELECT i::bigint AS id, 'name ' || i AS name FROM generate_series(0, ${size - 1}) i`,
      );
      await query(url, `CREATE INDEX ON ${table} (id)`);
      await query(url, `ANALYZE ${table}`);
    }
    return `${url} --schema growth`;
  }

  return Object.entries({ DuckDB: duckdb, PostgreSQL: postgres }).map(([engine, makeTarget]) => ({
    name: `an update of ${large / 100} rows on ${engine}`,
    async prepare() {
      const { file, catalog } = await changes();
      const target = await makeTarget();
      const update = (size: number) =>
        `brigade run 'decode ${file} --table grown${size} --catalog ${catalog} | load ${target} --catalog ${catalog}' 2> /dev/null`;
      return {
        input: `a table of ${large} rows, its key indexed where the engine needs that`,
        ours: update(large),
        peers: [
          {
            name: `the same update, a table of ${large / 10} rows`,
            command: update(large / 10),
            must: 0.5,
          },
        ],
      };
    },
  }));
}

const benchEnv = () => ({ ...process.env, PATH: `${join(DATA, 'bin')}:${process.env['PATH']}` });

async function manyFiles(): Promise<{ folder: string; catalog: string }> {
  const folder = await once(`planning-${PLANNED_FILES}`, (path) => {
    for (let n = 0; n < 100; n++) {
      const name = `Bi_FactPlan${n}`;
      mkdirSync(join(path, 'SchemaFull'), { recursive: true });
      writeFileSync(
        join(path, 'SchemaFull', `${name}.txt`),
        `CREATE TABLE ${name} ( id BIGINT, name VARCHAR(10), void BOOLEAN );\n`,
      );
      for (let group = 1; group <= 10; group++) {
        const files = join(path, 'POD1', String(group), name, String(group));
        mkdirSync(files, { recursive: true });
        for (let file = 1; file <= PLANNED_FILES / 1000; file++)
          writeFileSync(join(files, `${name}_${file}.csv`), `${file},x,0\n`);
      }
    }
    writeFileSync(
      join(path, 'catalog.json'),
      JSON.stringify({ tables: { 'Bi_FactPlan*': { key: ['id'] } } }),
    );
  });
  return { folder, catalog: join(folder, 'catalog.json') };
}
