/** What is measured: each job with its peers, and how many times as fast as each of them it must be. */

import { writeFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import { batchJobs } from './batch-jobs.ts';
import { events, forms, nested, once, versions } from './inputs.ts';
import { mergeJobs } from './merge-jobs.ts';
import { canonical, duckdb, peer, readCsv } from './peers.ts';
import { shapeJobs } from './shape-jobs.ts';

export interface Peer {
  readonly name: string;
  readonly command: string;
  /** A program that must be on the PATH for the peer to run. */
  readonly needs?: string;
  /** Ours must be so many times as fast. */
  readonly must?: number;
  readonly aim?: number;
  /** Before each run, outside of what is measured. */
  readonly reset?: () => Promise<void>;
  /** Slow peers run once only. */
  readonly once?: boolean;
}

export interface Job {
  readonly name: string;
  /** The table that the job is one row of; default: a table of its own, a row for ours and for each peer. */
  readonly rowOf?: string;
  /** Makes what the job needs unless it is there, and tells the commands. */
  prepare(): Promise<Commands> | Commands;
}

export interface Commands {
  /** Sizes of everything, in text. */
  readonly input: string;
  /** Of files that are read, so that megabytes a second can be told. */
  readonly inputBytes?: number;
  readonly ours: string;
  readonly peers: readonly Peer[];
  /** Before each run, outside of what is measured. */
  readonly reset?: () => Promise<void>;
  readonly secondsAtMost?: { readonly must: number; readonly aim: number };
  /** Of the bytes that the command `output` writes. */
  readonly megabytesPerSecond?: { readonly must: number; readonly aim: number };
  readonly output?: string;
  readonly memoryMiB?: { readonly must: number; readonly aim?: number };
  /** Commands that print something comparable for ours and a peer; they must print the same. */
  readonly agree?: readonly [string, string];
}

/** Every job, at `scale` times the usual size. Nothing is made before a job is prepared. */
export function jobs(scale: number): readonly Job[] {
  const rows = Math.round(400_000 * scale);
  const csv = () => forms(rows);
  const avro = () => events(Math.round(600_000 * scale));
  const jsonl = () => copied('jsonl', 'FORMAT json');
  const parquet = () => copied('parquet', 'FORMAT parquet, COMPRESSION snappy');
  const manyRows = Math.round(10_000_000 * scale);
  const keys = Math.round(2_000_000 * scale);
  const nestedRows = Math.round(500_000 * scale);
  const flattenJq = `jq -c '. as $r | del(.items) + {"address__city": .address.city}, (.items | to_entries[] | {k: $r.id, i: .key, sku: .value.sku, quantity: .value.quantity}, (.key as $i | .value.tags | to_entries[] | {k: $r.id, i: $i, j: .key, value: .value}))'`;

  async function copied(ending: string, format: string): Promise<string> {
    const source = await csv();
    return once(`forms-${rows}.${ending}`, async (path) => {
      const connection = await (await DuckDBInstance.create(':memory:')).connect();
      await connection.run(`COPY (FROM ${readCsv(source)}) TO '${path}' (${format})`);
      connection.closeSync();
    });
  }

  return [
    {
      name: 'decode CSV → NDJSON',
      async prepare() {
        const file = await csv();
        return {
          input: `${rows} rows × 33, CSV`,
          ours: `decode ${file} > /dev/null`,
          peers: [
            {
              name: 'DuckDB, 2 threads',
              command: duckdb(2, `COPY (FROM ${readCsv(file)}) TO '/dev/null' (FORMAT json)`),
              must: 3,
              aim: 5,
            },
            {
              name: 'Miller',
              command: `mlr --icsv --ojsonl cat ${file} > /dev/null`,
              needs: 'mlr',
              must: 12,
            },
            { name: 'csv-parse', command: peer('csv-parse', file), must: 20 },
            { name: 'csv-parser', command: peer('csv-parser', file) },
            { name: 'Papa Parse', command: peer('papaparse', file) },
            {
              name: 'csvjson (csvkit)',
              command: `csvjson --stream --no-inference --snifflimit 0 ${file} > /dev/null`,
              needs: 'csvjson',
              once: true,
            },
          ],
          memoryMiB: { must: 100, aim: 60 },
          agree: [
            `decode ${file} --bare | ${canonical()}`,
            `${peer('csv-parse', file, '/dev/stdout')} | sed 's/:""/:null/g' | ${canonical()}`,
          ],
        };
      },
    },
    {
      name: 'decode CSV → a pipe to cat',
      async prepare() {
        const file = await csv();
        return {
          input: `${rows} rows × 33, CSV`,
          ours: `decode ${file} | cat > /dev/null`,
          peers: [
            {
              name: 'DuckDB, 2 threads',
              command: `${duckdb(2, `COPY (FROM ${readCsv(file)}) TO '/dev/stdout' (FORMAT json)`)} | cat > /dev/null`,
              must: 2,
            },
            { name: 'Miller', command: `mlr --icsv --ojsonl cat ${file} | cat > /dev/null`, needs: 'mlr' },
          ],
        };
      },
    },
    {
      name: 'decode Avro → NDJSON',
      async prepare() {
        const file = await avro();
        return {
          input: `${Math.round(600_000 * scale)} rows × 22, deflate`,
          ours: `decode ${file} > /dev/null`,
          peers: [
            { name: 'avsc + JSON.stringify', command: peer('avsc', file), must: 5, aim: 10 },
            { name: 'avrocat', command: `avrocat ${file} > /dev/null`, needs: 'avrocat' },
          ],
          memoryMiB: { must: 100, aim: 60 },
          agree: [
            `decode ${file} --bare | ${canonical()}`,
            `${peer('avsc', file, '/dev/stdout')} | ${canonical()}`,
          ],
        };
      },
    },
    {
      name: 'decode Parquet → NDJSON',
      async prepare() {
        const file = await parquet();
        return {
          input: `${rows} rows × 33, Snappy`,
          ours: `decode ${file} > /dev/null`,
          peers: [
            {
              name: "DuckDB's COPY, 1 thread",
              command: duckdb(1, `COPY (FROM read_parquet('${file}')) TO '/dev/null' (FORMAT json)`),
              must: 0.7,
              aim: 0.9,
            },
            { name: 'hyparquet', command: peer('hyparquet', file) },
            { name: 'parquetjs-lite', command: peer('parquetjs-lite', file), must: 15, once: true },
          ],
          memoryMiB: { must: 300 },
          agree: [
            `decode ${file} --bare | ${canonical()}`,
            `${peer('hyparquet', file, '/dev/stdout')} | ${canonical()}`,
          ],
        };
      },
    },
    {
      name: 'JSONL pass',
      async prepare() {
        const file = await jsonl();
        return {
          input: `${rows} rows × 33, JSONL`,
          ours: `decode ${file} > /dev/null`,
          peers: [
            { name: 'jq -c .', command: `jq -c . ${file} > /dev/null`, needs: 'jq', must: 20, aim: 50 },
          ],
          memoryMiB: { must: 100, aim: 60 },
          agree: [`decode ${file} --bare | ${canonical()}`, `jq -c . ${file} | ${canonical()}`],
        };
      },
    },
    {
      name: 'flatten nested JSONL',
      async prepare() {
        const file = await nested(nestedRows);
        const catalog = await catalogOf('customers', ['id']);
        return {
          input: `${nestedRows} rows, objects, two levels of arrays`,
          ours: `brigade run 'decode ${file} --table customers --catalog ${catalog} | flatten --catalog ${catalog}' > /dev/null`,
          peers: [{ name: 'jq', command: `${flattenJq} ${file} > /dev/null`, needs: 'jq', must: 8, aim: 20 }],
        };
      },
    },
    {
      name: 'dedupe',
      async prepare() {
        const file = await versions(manyRows, keys);
        return {
          input: `${manyRows} rows, ${keys} keys`,
          ours: `dedupe --key id --order _sdc_sequence --memory 192MB < ${file} > /dev/null`,
          peers: [
            {
              name: 'DuckDB, 1 GB, 1 thread, rows in any order',
              // With two threads, or rows in order, it runs out of memory with 1 GB, too.
              command: duckdb(
                1,
                "SET memory_limit = '1GB'",
                'SET preserve_insertion_order = false',
                `COPY (SELECT * FROM read_json('${file}', format = 'newline_delimited', columns = {id: 'VARCHAR', _sdc_sequence: 'VARCHAR', name: 'VARCHAR', email: 'VARCHAR', city: 'VARCHAR', state: 'VARCHAR', updated_at: 'VARCHAR'}) QUALIFY row_number() OVER (PARTITION BY id ORDER BY _sdc_sequence::BIGINT DESC) = 1) TO '/dev/null' (FORMAT json)`,
              ),
              must: 0.7,
              aim: 1.2,
            },
          ],
          memoryMiB: { must: 256 },
        };
      },
    },
    ...shapeJobs(scale),
    ...mergeJobs({ scale, csv, jsonl, avro }),
    ...batchJobs(scale),
  ];
}

function catalogOf(table: string, key: readonly string[]): Promise<string> {
  return once(`catalog-${table}.json`, (path) =>
    writeFileSync(
      path,
      JSON.stringify({ tables: { [table]: { key, merge: 'upsert', order: ['_sdc_sequence'] } } }),
    ),
  );
}
