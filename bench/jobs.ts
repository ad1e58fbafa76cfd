/** What is measured: each job with its peers, and how many times as fast as each of them it must be. */

import { DuckDBInstance } from '@duckdb/node-api';
import { events, forms, nested, once, versions } from './inputs.ts';
import { mergeJobs } from './merge-jobs.ts';

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
  /** Sizes of everything, in text. */
  readonly input: string;
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

const PEERS = new URL('peers/', import.meta.url).pathname;
const peer = (script: string, ...args: string[]) => `node ${PEERS}${script}.mjs ${args.join(' ')}`;
const quote = (text: string) => `"${text.replaceAll('"', '\\"')}"`;
const duckdb = (threads: number, ...statements: string[]) =>
  peer('duckdb', String(threads), ...statements.map(quote));
// Lines with their members in one order and every value as text, so that outputs of different tools compare.
const canonical = (sample = 2000) =>
  `head -n ${sample} | jq -cS 'walk(if type == "number" or type == "boolean" then tostring else . end)' | md5sum`;

export async function jobs(scale: number): Promise<readonly Job[]> {
  const rows = Math.round(400_000 * scale);
  const csv = await forms(rows);
  const avro = await events(Math.round(600_000 * scale));
  const parquet = await once(`forms-${rows}.parquet`, async (path) => {
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    await connection.run(
      `COPY (FROM read_csv('${csv}', all_varchar = true, header = true)) TO '${path}' (FORMAT parquet, COMPRESSION snappy)`,
    );
    connection.closeSync();
  });
  const jsonl = await once(`forms-${rows}.jsonl`, async (path) => {
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    await connection.run(
      `COPY (FROM read_csv('${csv}', all_varchar = true, header = true)) TO '${path}' (FORMAT json)`,
    );
    connection.closeSync();
  });
  const nestedRows = Math.round(500_000 * scale);
  const nestedFile = await nested(nestedRows);
  const many = await versions(Math.round(10_000_000 * scale), Math.round(2_000_000 * scale));
  const readCsv = `read_csv('${csv}', all_varchar = true, header = true)`;
  const flattenJq = `jq -c '. as $r | del(.items) + {"address__city": .address.city}, (.items | to_entries[] | {k: $r.id, i: .key, sku: .value.sku, quantity: .value.quantity}, (.key as $i | .value.tags | to_entries[] | {k: $r.id, i: $i, j: .key, value: .value}))'`;
  return [
    {
      name: 'decode CSV → NDJSON',
      input: `${rows} rows × 33, CSV`,
      ours: `decode ${csv} > /dev/null`,
      peers: [
        {
          name: 'DuckDB, 2 threads',
          command: duckdb(2, `COPY (FROM ${readCsv}) TO '/dev/null' (FORMAT json)`),
          must: 3,
          aim: 5,
        },
        { name: 'Miller', command: `mlr --icsv --ojsonl cat ${csv} > /dev/null`, needs: 'mlr', must: 12 },
        { name: 'csv-parse', command: peer('csv-parse', csv), must: 20 },
        { name: 'csv-parser', command: peer('csv-parser', csv) },
        { name: 'Papa Parse', command: peer('papaparse', csv) },
        {
          name: 'csvjson (csvkit)',
          command: `csvjson --stream --no-inference --snifflimit 0 ${csv} > /dev/null`,
          needs: 'csvjson',
          once: true,
        },
      ],
      memoryMiB: { must: 100, aim: 60 },
      agree: [
        `decode ${csv} --bare | ${canonical()}`,
        `${peer('csv-parse', csv, '/dev/stdout')} | sed 's/:""/:null/g' | ${canonical()}`,
      ],
    },
    {
      name: 'decode CSV → a pipe to cat',
      input: `${rows} rows × 33, CSV`,
      ours: `decode ${csv} | cat > /dev/null`,
      peers: [
        {
          name: 'DuckDB, 2 threads',
          command: `${duckdb(2, `COPY (FROM ${readCsv}) TO '/dev/stdout' (FORMAT json)`)} | cat > /dev/null`,
          must: 2,
        },
        { name: 'Miller', command: `mlr --icsv --ojsonl cat ${csv} | cat > /dev/null`, needs: 'mlr' },
      ],
    },
    {
      name: 'decode Avro → NDJSON',
      input: `${Math.round(600_000 * scale)} rows × 22, deflate`,
      ours: `decode ${avro} > /dev/null`,
      peers: [
        { name: 'avsc + JSON.stringify', command: peer('avsc', avro), must: 5, aim: 10 },
        { name: 'avrocat', command: `avrocat ${avro} > /dev/null`, needs: 'avrocat' },
      ],
      memoryMiB: { must: 100, aim: 60 },
      agree: [
        `decode ${avro} --bare | ${canonical()}`,
        `${peer('avsc', avro, '/dev/stdout')} | ${canonical()}`,
      ],
    },
    {
      name: 'decode Parquet → NDJSON',
      input: `${rows} rows × 33, Snappy`,
      ours: `decode ${parquet} > /dev/null`,
      peers: [
        {
          name: "DuckDB's COPY, 1 thread",
          command: duckdb(1, `COPY (FROM read_parquet('${parquet}')) TO '/dev/null' (FORMAT json)`),
          must: 0.7,
          aim: 0.9,
        },
        { name: 'hyparquet', command: peer('hyparquet', parquet) },
        { name: 'parquetjs-lite', command: peer('parquetjs-lite', parquet), must: 15, once: true },
      ],
      memoryMiB: { must: 300 },
      agree: [
        `decode ${parquet} --bare | ${canonical()}`,
        `${peer('hyparquet', parquet, '/dev/stdout')} | ${canonical()}`,
      ],
    },
    {
      name: 'JSONL pass',
      input: `${rows} rows × 33, JSONL`,
      ours: `decode ${jsonl} > /dev/null`,
      peers: [{ name: 'jq -c .', command: `jq -c . ${jsonl} > /dev/null`, needs: 'jq', must: 20, aim: 50 }],
      memoryMiB: { must: 100, aim: 60 },
      agree: [`decode ${jsonl} --bare | ${canonical()}`, `jq -c . ${jsonl} | ${canonical()}`],
    },
    {
      name: 'flatten nested JSONL',
      input: `${nestedRows} rows, objects, two levels of arrays`,
      ours: `brigade run 'decode ${nestedFile} --table customers --catalog ${await catalogOf('customers', ['id'])} | flatten --catalog ${await catalogOf('customers', ['id'])}' > /dev/null`,
      peers: [
        { name: 'jq', command: `${flattenJq} ${nestedFile} > /dev/null`, needs: 'jq', must: 8, aim: 20 },
      ],
    },
    {
      name: 'dedupe',
      input: `${Math.round(10_000_000 * scale)} rows, ${Math.round(2_000_000 * scale)} keys`,
      ours: `dedupe --key id --order _sdc_sequence --memory 192MB < ${many} > /dev/null`,
      peers: [
        {
          name: 'DuckDB, 1 GB',
          command: duckdb(
            2,
            "SET memory_limit = '1GB'",
            `COPY (SELECT * FROM read_json('${many}', format = 'newline_delimited', columns = {id: 'VARCHAR', _sdc_sequence: 'VARCHAR', name: 'VARCHAR', email: 'VARCHAR', city: 'VARCHAR', state: 'VARCHAR', updated_at: 'VARCHAR'}) QUALIFY row_number() OVER (PARTITION BY id ORDER BY _sdc_sequence::BIGINT DESC) = 1) TO '/dev/null' (FORMAT json)`,
          ),
          must: 0.7,
          aim: 1.2,
        },
      ],
      memoryMiB: { must: 256 },
    },
    ...(await mergeJobs(scale, csv, jsonl)),
  ];
}

async function catalogOf(table: string, key: readonly string[]): Promise<string> {
  const { writeFileSync } = await import('node:fs');
  return once(`catalog-${table}.json`, (path) =>
    writeFileSync(
      path,
      JSON.stringify({ tables: { [table]: { key, merge: 'upsert', order: ['_sdc_sequence'] } } }),
    ),
  );
}
