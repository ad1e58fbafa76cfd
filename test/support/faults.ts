/** Ways to bring a stream to a target, and what may happen to each at a random moment. */

import type { ChildProcess } from 'node:child_process';
import type { LoadOptions } from '../../src/commands/load.ts';
import { TemporaryError, UserError } from '../../src/errors.ts';
import { brigade, type ChainOptions, chain, type Link, mariadb, psql, sqlite3, within } from './chain.ts';
import type { Outcome } from './cli.ts';
import { startFaultProxy } from './fault-proxy.ts';
import { mariadbQuery } from './mariadb.ts';
import { loadInto, type TestTarget } from './merging.ts';
import { query } from './postgres.ts';
import type { Random } from './random.ts';
import { chunksOf } from './wires.ts';

type Engine = TestTarget['name'];

export interface Job {
  /** Where the target is; may lead through a proxy. */
  readonly url: string;
  readonly options: LoadOptions;
  readonly wire: Uint8Array;
  /** What a script is told of its target, as a file. */
  readonly schema?: string;
  /** What comes before `load` in `run`; without it there is no `run`. */
  readonly steps?: readonly (readonly string[])[];
}

export interface Means {
  readonly engines: readonly Engine[];
  /** Whether it takes the wire from its standard input. */
  readonly takesWire: boolean;
  /** The processes; without it there are none, and `load` is called as a function. */
  links?(job: Job): readonly Link[];
}

/** Options of `load` and `to-sql` as their flags. */
const flagsOf = (options: LoadOptions): string[] =>
  Object.entries(options).flatMap(([name, value]) => [
    `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    String(value),
  ]);

const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;

const toSql = (dialect: Engine, { options, schema }: Job): Link =>
  brigade(
    'to-sql',
    ...['--dialect', dialect, ...flagsOf(options)],
    ...(schema === undefined ? [] : ['--target-schema', schema]),
  );

export const means = {
  'load()': { engines: ['duckdb', 'postgres', 'mysql'], takesWire: true },
  load: {
    engines: ['duckdb', 'postgres', 'mysql'],
    takesWire: true,
    links: ({ url, options }) => [brigade('load', url, ...flagsOf(options))],
  },
  'dedupe | load': {
    engines: ['duckdb', 'postgres', 'mysql'],
    takesWire: true,
    links: ({ url, options }) => [brigade('dedupe'), brigade('load', url, ...flagsOf(options))],
  },
  run: {
    engines: ['duckdb', 'postgres', 'mysql'],
    takesWire: false,
    links: ({ url, options, steps }) => [
      brigade(
        'run',
        [...steps!, ['load', url, ...flagsOf(options)]]
          .map((words) => words.map(quoted).join(' '))
          .join(' | '),
      ),
    ],
  },
  'to-sql | psql': {
    engines: ['postgres'],
    takesWire: true,
    links: (job) => [toSql('postgres', job), psql(job.url)],
  },
  'to-sql | mysql': {
    engines: ['mysql'],
    takesWire: true,
    links: (job) => [toSql('mysql', job), mariadb(job.url)],
  },
  'to-sql | sqlite3': {
    engines: ['sqlite'],
    takesWire: true,
    links: (job) => [toSql('sqlite', job), sqlite3(job.url)],
  },
} as const satisfies Readonly<Record<string, Means>>;

export type MeansName = keyof typeof means;

/** What is known of a run that nothing happens to. */
export interface Pace {
  /** Until it takes its first line. */
  readonly startMs: number;
  readonly wholeMs: number;
  /** What it says to a server. */
  readonly messages: number;
  /** What its target takes on disk. */
  readonly fileBytes: number;
}

export interface Attempt {
  readonly means: Means;
  readonly target: TestTarget;
  readonly job: Job;
  readonly r: Random;
  readonly pace: Pace;
}

export interface Fault {
  readonly engines: readonly Engine[];
  readonly suits?: (means: Means) => boolean;
  meet(attempt: Attempt): Promise<Outcome>;
}

/** Runs it without a fault. */
export async function start(
  { means: how, target, job }: Pick<Attempt, 'means' | 'target' | 'job'>,
  options: ChainOptions = {},
): Promise<Outcome> {
  if (how.links === undefined) return called(target, job);
  return chain(how.links(job), { ...(how.takesWire ? { stdin: job.wire } : {}), ...options });
}

/** What the command would end with. */
async function called(target: TestTarget, { url, wire, options }: Job): Promise<Outcome> {
  const ended = (code: number, stderr: string) => ({ code, stderr, stdout: '', bytes: Buffer.alloc(0) });
  try {
    const { warnings } = await loadInto({ ...target, url }, chunksOf(wire), options);
    return ended(0, warnings.join('\n'));
  } catch (error) {
    if (error instanceof TemporaryError) return ended(75, error.message);
    if (error instanceof UserError) return ended(1, error.message);
    return ended(70, `this is a bug: ${(error as Error).stack}`);
  }
}

const ANY: readonly Engine[] = ['duckdb', 'postgres', 'mysql', 'sqlite'];
const isProcess = ({ links }: Means) => links !== undefined;
const SERVERS: readonly Engine[] = ['postgres', 'mysql'];

/** Somewhere up to `most`; rather early, since what remains of a stream takes less, and so do batches. */
const early = (r: Random, least: number, most: number): number =>
  r.int(least, r.int(least, Math.max(least, Math.ceil(most * 1.05))));

/** Mostly while it works, now and then before that. */
const moment = ({ r, pace: { startMs, wholeMs } }: Attempt): number =>
  r.chance(0.1) ? r.int(0, startMs) : early(r, startMs, wholeMs);

const signalled = (signal: NodeJS.Signals) => (attempt: Attempt) => {
  const [ms, who] = [moment(attempt), attempt.r.int(0, 1)];
  return start(attempt, {
    started: (processes) => {
      const all: ChildProcess[] = [...processes.values()];
      setTimeout(() => all[who % all.length]!.kill(signal), ms).unref();
    },
  });
};

/** Something done to the server in the middle of it. */
const meanwhile = (what: (target: TestTarget) => Promise<unknown>) => async (attempt: Attempt) => {
  let done: Promise<unknown> = Promise.resolve();
  const timer = setTimeout(() => {
    done = what(attempt.target);
  }, moment(attempt));
  const outcome = await start(attempt);
  clearTimeout(timer);
  await done;
  return outcome;
};

const through = (fates: readonly ('before' | 'after' | 'fail')[]) => async (attempt: Attempt) => {
  const { r, pace, target } = attempt;
  const [at, fate] = [early(r, 1, pace.messages), r.pick(fates)];
  const proxy = await startFaultProxy(target.url, (n) => (n === at ? fate : 'pass'));
  try {
    const { job } = attempt;
    const steps = job.steps?.map((words) =>
      words.map((word) => (word === `@${target.url}` ? `@${proxy.url}` : word)),
    );
    return await start({
      ...attempt,
      job: { ...job, url: proxy.url, ...(steps === undefined ? {} : { steps }) },
    });
  } finally {
    proxy.close();
  }
};

export const faults = {
  'killed at any moment': { engines: ANY, suits: isProcess, meet: signalled('SIGKILL') },
  'stopped at any moment': { engines: ANY, suits: isProcess, meet: signalled('SIGTERM') },
  'cut off at any byte': {
    engines: ANY,
    suits: ({ takesWire }) => takesWire,
    meet: (attempt) => {
      const { job, r } = attempt;
      const wire = job.wire.subarray(0, r.int(0, job.wire.length - 1));
      return start({ ...attempt, job: { ...job, wire } });
    },
  },
  'on a disk that is full at any byte': {
    engines: ['duckdb'],
    suits: isProcess,
    meet: (attempt) => {
      const { means: how, r, pace } = attempt;
      // Its log is smaller than the file.
      const blocks = r.int(0, early(r, 0, pace.fileBytes / 512));
      const links = (given: Job) => how.links!(given).map((link) => within(blocks, link));
      return start({ ...attempt, means: { ...how, links } });
    },
  },
  'disconnected at any message': { engines: SERVERS, meet: through(['before', 'after']) },
  'told that a statement fails': { engines: SERVERS, meet: through(['fail']) },
  'thrown out by the server': {
    engines: SERVERS,
    meet: meanwhile(async ({ name, url }) => {
      if (name === 'postgres')
        return query(
          url,
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
        );
      const others = await mariadbQuery(
        url,
        'SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()',
      );
      // It may be gone by now.
      return Promise.allSettled(others.map(([id]) => mariadbQuery(url, `KILL ${id}`)));
    }),
  },
  'given too little time by the server': {
    engines: ['postgres'],
    meet: (attempt) => {
      const { job, r } = attempt;
      const timeout = encodeURIComponent(`-c statement_timeout=${r.int(1, 6)}`);
      return start({ ...attempt, job: { ...job, url: `${job.url}?options=${timeout}` } });
    },
  },
  'left by a server that crashes': {
    engines: ['postgres'],
    meet: meanwhile(async ({ url }) => {
      const found = await query(
        url,
        'SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
      );
      // All of the server ends with one of its processes, and begins anew from its log.
      for (const { pid } of found) process.kill(Number(pid), 'SIGKILL');
      for (let tries = 0; tries < 300; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        const isUp = await query(url, 'SELECT 1').then(
          () => true,
          () => false,
        );
        if (isUp) return;
      }
    }),
  },
} as const satisfies Readonly<Record<string, Fault>>;
