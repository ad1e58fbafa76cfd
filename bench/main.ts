/**
 * `npm run bench [-- --runs 5 --scale 1 --only TEXT,… --out FILE]`: every job (or those with one of the texts in their names) and
 * its peers, alternating, into docs/benchmarks.md, which always is of one run.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { delimiter } from 'node:path';
import { parseArgs } from 'node:util';
import { DATA } from './inputs.ts';
import { type Commands, jobs, type Peer } from './jobs.ts';
import { type Measurement, measure, median } from './measure.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    out: { type: 'string' },
  },
});
const root = new URL('..', import.meta.url).pathname;
const bin = new URL('.data/bin/', import.meta.url).pathname;
const env = { ...process.env, PATH: [bin, process.env['PATH']].join(delimiter) };

interface Result {
  readonly seconds: number;
  readonly peakMiB: number;
}

const installed = (program: string) => {
  try {
    execFileSync('bash', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

const summary = (runs: readonly Measurement[]): Result => ({
  seconds: median(runs.map((run) => run.seconds)),
  peakMiB: Math.max(...runs.map((run) => run.peakMiB)),
});

// Ours and the peers take turns, so that a machine that grows hot or busy does so for all of them.
async function measureJob(job: Commands & { readonly name: string }, runs: number): Promise<string[]> {
  const peers = job.peers.filter((peer) => peer.needs === undefined || installed(peer.needs));
  const missing = job.peers.filter((peer) => !peers.includes(peer));
  if (job.agree !== undefined) checkAgreement(job.name, job.agree);
  const mine: Measurement[] = [];
  const theirs = new Map<Peer, Measurement[]>(peers.map((peer) => [peer, []]));
  for (let run = 0; run < runs; run++) {
    await job.reset?.();
    mine.push(await measure(job.ours, DATA, env));
    for (const peer of peers) {
      if (run > 0 && peer.once) continue;
      await peer.reset?.();
      theirs.get(peer)!.push(await measure(peer.command, DATA, env));
    }
  }
  const ours = summary(mine);
  const memory =
    job.memoryMiB === undefined
      ? ''
      : ` (must ${job.memoryMiB.must}${job.memoryMiB.aim === undefined ? '' : `, aim ${job.memoryMiB.aim}`})`;
  console.error(`${job.name}: ${ours.seconds.toFixed(2)} s, ${ours.peakMiB.toFixed(0)} MiB`);
  const lines = [
    `### ${job.name}`,
    '',
    `${job.input}.`,
    '',
    '| | median s | peak MiB | ours is faster by | must | aim |',
    '|---|---|---|---|---|---|',
  ];
  lines.push(
    `| **bucket-brigade** | **${ours.seconds.toFixed(2)}** | **${ours.peakMiB.toFixed(0)}**${memory} | | | |`,
  );
  lines.push(...ownBars(job, ours));
  for (const [peer, measurements] of theirs) {
    const { seconds, peakMiB } = summary(measurements);
    const ratio = seconds / ours.seconds;
    const verdict = peer.must === undefined ? '' : ratio >= peer.must ? ' ✓' : ' ✗';
    console.error(`  ${peer.name}: ${seconds.toFixed(2)} s, ratio ${ratio.toFixed(2)}${verdict}`);
    lines.push(
      `| ${peer.name}${peer.once ? ' (one run)' : ''} | ${seconds.toFixed(2)} | ${peakMiB.toFixed(0)} | ${ratio.toFixed(2)} ×${verdict} | ${peer.must ?? ''} | ${peer.aim ?? ''} |`,
    );
  }
  for (const peer of missing)
    lines.push(`| ${peer.name} | not installed | | | ${peer.must ?? ''} | ${peer.aim ?? ''} |`);
  return [...lines, ''];
}

// What is asked of ours by itself.
function ownBars({ secondsAtMost, megabytesPerSecond, output }: Commands, { seconds }: Result): string[] {
  if (secondsAtMost !== undefined) {
    const { must, aim } = secondsAtMost;
    return [
      `| at most | ${seconds.toFixed(2)} s${seconds <= must ? ' ✓' : ' ✗'} | | | ${must} s | ${aim} s |`,
    ];
  }
  if (megabytesPerSecond === undefined || output === undefined) return [];
  const bytes = Number(
    execFileSync('bash', ['-o', 'pipefail', '-c', `${output} | wc -c`], { cwd: DATA, env, encoding: 'utf8' }),
  );
  const rate = bytes / 1e6 / seconds;
  const { must, aim } = megabytesPerSecond;
  return [
    `| of output | ${rate.toFixed(0)} MB/s${rate >= must ? ' ✓' : ' ✗'} | | | ${must} MB/s | ${aim} MB/s |`,
  ];
}

function checkAgreement(name: string, agree: readonly [string, string]): void {
  const [ours, theirs] = agree.map((command) =>
    execFileSync('bash', ['-c', command], {
      cwd: DATA,
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  );
  if (ours !== theirs) throw new Error(`${name}: the outputs differ:\n${agree.join('\n')}`);
}

const versionOf = (name: string) =>
  (
    JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8')) as {
      version: string;
    }
  ).version;

const sections: string[] = [];
const runs = Number(values.runs);
execFileSync('bash', [
  '-c',
  `mkdir -p ${bin} && for f in ${root}bin/*.js; do ln -sf $f ${bin}$(basename $f .js); done`,
]);
const packages = [
  '@duckdb/node-api',
  'csv-parse',
  'csv-parser',
  'papaparse',
  'avsc',
  'hyparquet',
  'parquetjs-lite',
];

// After each job, so that a run that is broken off leaves what it has measured.
function write(): void {
  const page = [
    '# Benchmarks',
    '',
    'Written by `npm run bench`: whole processes, from start to exit; ours and the peers take turns in one run; the median of',
    `${runs} runs each. Outputs are compared before anything is measured. A ratio above 1 means that bucket-brigade is faster.`,
    '',
    `Machine: ${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release().split('-')[0]}, Node ${process.version}.`,
    `Packages: ${packages.map((name) => `${name} ${versionOf(name)}`).join(', ')}.`,
    '',
    ...sections,
  ].join('\n');
  writeFileSync(values.out ?? new URL('../docs/benchmarks.md', import.meta.url), page);
}

const wanted = values.only.split(',').map((text) => text.trim());
for (const { name, prepare } of jobs(Number(values.scale))) {
  if (!wanted.some((text) => name.includes(text))) continue;
  const start = performance.now();
  try {
    sections.push(...(await measureJob({ name, ...(await prepare()) }, runs)));
  } catch (error) {
    console.error(error);
    sections.push(`### ${name}`, '', 'Failed in this run.', '');
    process.exitCode = 1;
  }
  write();
  console.error(`  took ${((performance.now() - start) / 1000).toFixed(0)} s in all`);
}
