/** The tables of docs/benchmarks.md. */

import type { Commands, Job, Peer } from './jobs.ts';

export interface Measured {
  readonly seconds: number;
  readonly peakMiB: number;
}

export interface PeerResult {
  readonly peer: Peer;
  readonly found: Measured | 'failed' | 'not installed';
}

/** What was measured of a job. */
export interface Result {
  readonly job: Job;
  readonly commands: Commands;
  readonly ours: Measured;
  readonly peers: readonly PeerResult[];
  /** Of what `output` writes. */
  readonly outputBytes?: number;
}

/** A job that could not be measured. */
export interface Failure {
  readonly job: Job;
}

/** A table for each job, and one for all jobs that are rows of the same, in the order of the first of them. */
export function tables(results: readonly (Result | Failure)[]): string[] {
  const groups = new Map<string | Job, (Result | Failure)[]>();
  for (const result of results) {
    const key = result.job.rowOf ?? result.job;
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  return [...groups].flatMap(([key, group]) => [
    `### ${typeof key === 'string' ? key : key.name}`,
    '',
    ...(typeof key === 'string' ? shared(group) : group.flatMap(own)),
    '',
  ]);
}

const FAILED = 'Failed in this run.';
const isMeasured = (result: Result | Failure): result is Result => 'ours' in result;

function own(result: Result | Failure): string[] {
  if (!isMeasured(result)) return [FAILED];
  const { commands, ours, peers } = result;
  return [
    `${commands.input}.`,
    '',
    '| | median s | peak MiB | ours is faster by | must | aim |',
    '|---|---|---|---|---|---|',
    `| **bucket-brigade** | **${seconds(ours)}** | **${mebibytes(result)}** | | | |`,
    ...ownBars(result),
    ...peers.map(({ peer, found }) => {
      const name = `${peer.name}${peer.once ? ' (one run)' : ''}`;
      const bars = `${peer.must ?? ''} | ${peer.aim ?? ''}`;
      if (typeof found === 'string') return `| ${name} | ${found} | | | ${bars} |`;
      const ratio = found.seconds / ours.seconds;
      const sign = peer.must === undefined ? '' : ` ${verdict(ratio >= peer.must)}`;
      return `| ${name} | ${seconds(found)} | ${found.peakMiB.toFixed(0)} | ${ratio.toFixed(2)} ×${sign} | ${bars} |`;
    }),
  ];
}

// What is asked of ours by itself.
function ownBars({ commands, ours, outputBytes }: Result): string[] {
  const { secondsAtMost, megabytesPerSecond } = commands;
  if (secondsAtMost !== undefined) {
    const { must, aim } = secondsAtMost;
    return [`| at most | ${seconds(ours)} s ${verdict(ours.seconds <= must)} | | | ${must} s | ${aim} s |`];
  }
  if (megabytesPerSecond === undefined || outputBytes === undefined) return [];
  const rate = outputBytes / 1e6 / ours.seconds;
  const { must, aim } = megabytesPerSecond;
  return [
    `| of output | ${rate.toFixed(0)} MB/s ${verdict(rate >= must)} | | | ${must} MB/s | ${aim} MB/s |`,
  ];
}

// A row for each job, a column for each peer that any of them has.
function shared(group: readonly (Result | Failure)[]): string[] {
  const measured = group.filter(isMeasured);
  const peers = [...new Set(measured.flatMap((result) => result.peers.map(({ peer }) => nameOf(peer))))];
  const hasRate = measured.some(({ commands }) => commands.inputBytes !== undefined);
  const bar = measured.find(({ commands }) => commands.secondsAtMost !== undefined)?.commands.secondsAtMost;
  const input = measured[0]?.commands.input;
  const heads = [
    '',
    'ours, s',
    ...(hasRate ? ['MB/s'] : []),
    'peak MiB',
    ...peers.map((name) => `${name}, s`),
  ];
  return [
    ...(input === undefined ? [] : [`${input}.`, '']),
    `|${heads.map((head) => ` ${head} |`).join('')}`,
    `|${heads.map(() => '---|').join('')}`,
    ...group.map((result) => {
      if (!isMeasured(result)) return `| ${result.job.name} | failed |${' |'.repeat(heads.length - 2)}`;
      const { commands, ours } = result;
      const sign = bar === undefined ? '' : ` ${verdict(ours.seconds <= bar.must)}`;
      const rate =
        commands.inputBytes === undefined ? '' : (commands.inputBytes / 1e6 / ours.seconds).toFixed(0);
      const cells = peers.map((name) => peerCell(result, name));
      const all = [`**${seconds(ours)}**${sign}`, ...(hasRate ? [rate] : []), mebibytes(result), ...cells];
      return `| ${result.job.name} |${all.map((cell) => ` ${cell} |`).join('')}`;
    }),
    ...(bar === undefined ? [] : ['', `Must be at most ${bar.must} s; the aim is ${bar.aim} s.`]),
  ];
}

function peerCell({ ours, peers }: Result, name: string): string {
  const found = peers.find(({ peer }) => nameOf(peer) === name)?.found;
  if (found === undefined) return '–';
  if (typeof found === 'string') return found;
  return `${seconds(found)} (${(found.seconds / ours.seconds).toFixed(1)} ×)`;
}

const nameOf = ({ name, once }: Peer): string => `${name}${once ? ' (one run)' : ''}`;
const seconds = (measured: Measured): string => measured.seconds.toFixed(2);
const verdict = (isMet: boolean): string => (isMet ? '✓' : '✗');

function mebibytes({ commands: { memoryMiB }, ours }: Result): string {
  const found = ours.peakMiB.toFixed(0);
  if (memoryMiB === undefined) return found;
  const aim = memoryMiB.aim === undefined ? '' : `, aim ${memoryMiB.aim}`;
  return `${found} ${verdict(ours.peakMiB <= memoryMiB.must)} (must ${memoryMiB.must}${aim})`;
}
