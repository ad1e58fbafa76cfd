/** `npm run bench:memory`: peak memory on inputs of 1×, 4× and 16× the size, into docs/memory.md. */

import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { DATA, events, forms, once } from './inputs.ts';
import { measure } from './measure.ts';

const SIZES = [1, 4, 16];
// 16 of these are a gigabyte of CSV.
const CSV_ROWS = 115_000;
const AVRO_ROWS = 250_000;

const root = new URL('..', import.meta.url).pathname;
const bin = join(DATA, 'bin');
const env = { ...process.env, PATH: [bin, process.env['PATH']].join(delimiter) };

/** The rows of a file so many times, under its one header. */
async function repeated(file: string, name: string, times: number, header: boolean): Promise<string> {
  if (times === 1) return file;
  return once(name, (path) => {
    const bytes = readFileSync(file);
    const rows = header ? bytes.subarray(bytes.indexOf(10) + 1) : bytes;
    writeFileSync(path, bytes);
    for (let time = 1; time < times; time++) appendFileSync(path, rows);
  });
}

const csv = async (times: number) =>
  repeated(await forms(CSV_ROWS), `forms-${CSV_ROWS}x${times}.csv`, times, true);
const jsonl = async (times: number) => {
  const file = await once(`forms-${CSV_ROWS}-memory.jsonl`, async (path) => {
    execFileSync('bash', ['-c', `decode ${await forms(CSV_ROWS)} --bare > ${path}`], { env });
  });
  return repeated(file, `forms-${CSV_ROWS}x${times}.jsonl`, times, false);
};
const target = join(DATA, 'memory.duckdb');

const jobs: readonly { readonly name: string; command(times: number): Promise<string> }[] = [
  { name: 'decode CSV', command: async (times) => `decode ${await csv(times)}` },
  { name: 'decode JSONL', command: async (times) => `decode ${await jsonl(times)}` },
  { name: 'decode Avro', command: async (times) => `decode ${await events(AVRO_ROWS * times)}` },
  {
    name: 'decode \\| dedupe \\| to-sql',
    command: async (times) =>
      `decode ${await csv(times)} --table t | dedupe --key factformid --on-key-conflict last | to-sql --dialect postgres`,
  },
  {
    name: "run 'decode \\| dedupe \\| to-sql'",
    command: async (times) =>
      `brigade run 'decode ${await csv(times)} --table t | dedupe --key factformid --on-key-conflict last | to-sql --dialect postgres'`,
  },
  {
    name: 'decode \\| dedupe \\| load DuckDB',
    command: async (times) => {
      for (const end of ['', '.wal']) rmSync(target + end, { force: true });
      return `decode ${await csv(times)} --table t | dedupe --key factformid --on-key-conflict last | brigade load ${target}`;
    },
  },
];

execFileSync('bash', [
  '-c',
  `mkdir -p ${bin} && for f in ${root}bin/*.cjs; do ln -sf $f ${bin}/$(basename $f .cjs); done`,
]);
const lines = [
  '# Memory',
  '',
  'Written by `npm run bench:memory`: the largest sum of the resident memory of all processes of a pipeline, in MiB, on inputs',
  `of one, four and sixteen times the size. 16× is ${Math.round((CSV_ROWS * 16 * 549) / 2 ** 20)} MiB of CSV with 33 columns, ${Math.round((CSV_ROWS * 16 * 1070) / 2 ** 20)} MiB of JSONL, or ${(AVRO_ROWS * 16) / 1e6} million Avro rows`,
  'with 22 columns. Every process of Node holds about 45 MiB before it does anything.',
  '',
  `| | ${SIZES.map((times) => `${times}×`).join(' | ')} |`,
  `|---|${SIZES.map(() => '---|').join('')}`,
];
for (const job of jobs) {
  const peaks: string[] = [];
  for (const times of SIZES) {
    const { peakMiB, seconds } = await measure(`${await job.command(times)} > /dev/null`, DATA, env);
    peaks.push(peakMiB.toFixed(0));
    console.error(`${job.name} ${times}×: ${peakMiB.toFixed(0)} MiB, ${seconds.toFixed(1)} s`);
  }
  lines.push(`| ${job.name} | ${peaks.join(' | ')} |`);
}
writeFileSync(new URL('../docs/memory.md', import.meta.url), `${lines.join('\n')}\n`);
