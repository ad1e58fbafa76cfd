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
import { type Job, jobs, type Peer } from './jobs.ts';
import { type Measurement, measure, median } from './measure.ts';
import { type Failure, type Measured, type PeerResult, type Result, tables } from './report.ts';

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
// Reading a file of more certificates takes Node longer than starting; most users have none, and the ratio to Node's own
// start would look better than theirs.
const { NODE_EXTRA_CA_CERTS: _certificates, ...inherited } = process.env;
const env = { ...inherited, PATH: [bin, process.env['PATH']].join(delimiter) };

const installed = (program: string) => {
  try {
    execFileSync('bash', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

const summary = (runs: readonly Measurement[]): Measured => ({
  seconds: median(runs.map((run) => run.seconds)),
  peakMiB: Math.max(...runs.map((run) => run.peakMiB)),
});

// Ours and the peers take turns, so that a machine that grows hot or busy does so for all of them.
async function measureJob(job: Job, runs: number): Promise<Result> {
  const commands = await job.prepare();
  if (commands.agree !== undefined) checkAgreement(job.name, commands.agree);
  const mine: Measurement[] = [];
  const theirs = new Map<Peer, Measurement[]>(commands.peers.map((peer) => [peer, []]));
  const failed = new Set<Peer>();
  for (let run = 0; run < runs; run++) {
    await commands.reset?.();
    mine.push(await measure(commands.ours, DATA, env));
    for (const [peer, measured] of theirs) {
      if ((run > 0 && peer.once) || failed.has(peer)) continue;
      if (peer.needs !== undefined && !installed(peer.needs)) continue;
      try {
        await peer.reset?.();
        measured.push(await measure(peer.command, DATA, env));
      } catch (error) {
        // A peer that cannot do it is told of in its row.
        console.error(error);
        failed.add(peer);
      }
    }
  }
  const ours = summary(mine);
  console.error(`${job.name}: ${ours.seconds.toFixed(2)} s, ${ours.peakMiB.toFixed(0)} MiB`);
  const peers = [...theirs].map(([peer, measured]): PeerResult => {
    if (failed.has(peer)) return { peer, found: 'failed' };
    if (measured.length === 0) return { peer, found: 'not installed' };
    const found = summary(measured);
    console.error(
      `  ${peer.name}: ${found.seconds.toFixed(2)} s, ratio ${(found.seconds / ours.seconds).toFixed(2)}`,
    );
    return { peer, found };
  });
  const { output } = commands;
  return { job, commands, ours, peers, ...(output !== undefined && { outputBytes: bytesOf(output) }) };
}

function bytesOf(command: string): number {
  const text = execFileSync('bash', ['-o', 'pipefail', '-c', `${command} | wc -c`], {
    cwd: DATA,
    env,
    encoding: 'utf8',
  });
  return Number(text);
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

const runs = Number(values.runs);
execFileSync('bash', [
  '-c',
  `mkdir -p ${bin} && for f in ${root}bin/*.cjs; do ln -sf $f ${bin}$(basename $f .cjs); done`,
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

const results: (Result | Failure)[] = [];

// After each job, so that a run that is broken off leaves what it has measured.
function write(): void {
  const page = [
    '# Benchmarks',
    '',
    'Written by `npm run bench`: whole processes, from start to exit; ours and the peers take turns in one run; the median of',
    `${runs} runs each, or one run where that is said. What the commands of \`decode\` write is compared with a peer's output before`,
    'anything is measured. A ratio above 1 means that bucket-brigade is faster; ✓ and ✗ tell whether that, or the time, is as it',
    'must be. Memory is the largest sum over all processes of a command. Every command writes to `/dev/null` unless it is said',
    'otherwise.',
    '',
    `Machine: ${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release().split('-')[0]}, Node ${process.version}.`,
    `Packages: ${packages.map((name) => `${name} ${versionOf(name)}`).join(', ')}.`,
    '',
    ...tables(results),
  ].join('\n');
  writeFileSync(values.out ?? new URL('../docs/benchmarks.md', import.meta.url), page);
}

const wanted = values.only.split(',').map((text) => text.trim());
for (const job of jobs(Number(values.scale))) {
  if (!wanted.some((text) => job.name.includes(text))) continue;
  const start = performance.now();
  try {
    results.push(await measureJob(job, runs));
  } catch (error) {
    console.error(error);
    results.push({ job });
    process.exitCode = 1;
  }
  write();
  console.error(`  took ${((performance.now() - start) / 1000).toFixed(0)} s in all`);
}
