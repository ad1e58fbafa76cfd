/** Commands joined by pipes, each of which a test can kill. */

import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { BIN, type Outcome, program } from './cli.ts';
import { mariadbClient } from './mariadb.ts';

export interface Link {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
}

/** One of the package's own. */
export const brigade = (name: string, ...args: readonly string[]): Link => ({
  name,
  file: process.execPath,
  args: [join(BIN, 'brigade.cjs'), name, ...args],
});

export const psql = (url: string): Link => ({ name: 'psql', file: 'psql', args: ['-X', '-q', url] });

/** MariaDB's or MySQL's own. */
export const mariadb = (url: string): Link => {
  const [file, ...args] = mariadbClient(url);
  return { name: 'mysql', file, args };
};

export const sqlite3 = (path: string): Link => ({ name: 'sqlite3', file: 'sqlite3', args: [path] });

/** With files of so many blocks of 512 bytes at most, which is how a full disk looks to it. */
export const within = (blocks: number, { name, file, args }: Link): Link => ({
  name,
  file: 'sh',
  args: ['-c', 'ulimit -f "$0"; exec "$@"', String(blocks), file, ...args],
});

export interface ChainOptions {
  readonly stdin?: Uint8Array;
  /** Sees the processes, by name, as soon as they run. */
  readonly started?: (processes: ReadonlyMap<string, ChildProcess>) => void;
}

/** Runs them all; the outcome is that of the last one that failed, as under `pipefail`, with what all of them said. */
export async function chain(links: readonly Link[], { stdin, started }: ChainOptions = {}): Promise<Outcome> {
  const processes = new Map<string, ChildProcess>();
  let input: Uint8Array | Readable | undefined = stdin;
  const ended: Promise<Outcome>[] = [];
  for (const { name, file, args } of links) {
    ended.push(
      program(file, args, {
        ...(input === undefined ? {} : { stdin: input }),
        started: (child) => {
          processes.set(name, child);
          // A copy, since what it says is also kept.
          const next = new PassThrough();
          child.stdout!.on('data', (piece: Buffer) => next.write(piece)).on('end', () => next.end());
          input = next;
        },
      }),
    );
  }
  started?.(processes);
  const outcomes = await Promise.all(ended);
  const failed = outcomes.findLast(({ code }) => code !== 0);
  return { ...(failed ?? outcomes.at(-1)!), stderr: outcomes.map(({ stderr }) => stderr).join('') };
}
