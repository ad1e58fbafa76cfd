import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { scratch } from './scratch.ts';

/** The folder of the executables that the package installs. They run `dist`, which `npm test` builds first. */
export const BIN = fileURLToPath(new URL('../../bin', import.meta.url));
const COMMANDS = ['brigade', 'ls-groups', 'read-manifest', 'decode', 'flatten', 'dedupe', 'to-sql'];

export interface RunOptions {
  readonly stdin?: string | Uint8Array | Readable;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: a new empty folder. */
  readonly cwd?: string;
  /** Milliseconds after which the process is killed and the test fails; default: 60,000. */
  readonly timeoutMs?: number;
  /** Sees the process as soon as it runs. */
  readonly started?: (child: ChildProcess) => void;
}

export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  /** 128 + n when a signal ended it, as a shell says it. */
  readonly code: number;
  readonly bytes: Buffer;
}

/** Runs one executable of the package: `command('decode', ['a.csv'])`; `brigade` takes the others' names too. */
export function command(
  name: string,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<Outcome> {
  return program(process.execPath, [join(BIN, `${name}.cjs`), ...args], options);
}

/** Runs a line of shell in which the package's executables are on the PATH and any failure fails the line. */
export function shell(line: string, options: RunOptions = {}): Promise<Outcome> {
  return program('bash', ['-o', 'pipefail', '-c', line], options);
}

let path: string | undefined;

// The names without `.cjs`, as npm makes them when it installs the package; and `query`, to look into targets.
function commandPath(): string {
  if (path !== undefined) return path;
  path = join(scratch('bin'), 'bin');
  mkdirSync(path);
  for (const name of COMMANDS) {
    writeFileSync(
      join(path, name),
      `#!/bin/sh\nexec "${process.execPath}" "${join(BIN, `${name}.cjs`)}" "$@"\n`,
    );
    chmodSync(join(path, name), 0o755);
  }
  const query = fileURLToPath(new URL('query.ts', import.meta.url));
  const tsx = import.meta.resolve('tsx');
  writeFileSync(
    join(path, 'query'),
    `#!/bin/sh\nexec "${process.execPath}" --import "${tsx}" "${query}" "$@"\n`,
  );
  chmodSync(join(path, 'query'), 0o755);
  return path;
}

/** The environment of a command: nothing of the developer's own AWS or PostgreSQL settings. */
function environment(env: RunOptions['env']): NodeJS.ProcessEnv {
  const kept = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(AWS_|PG|NODE_|npm_)/.test(name)),
  );
  return {
    ...kept,
    PATH: `${commandPath()}${delimiter}${process.env['PATH']}`,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
    TZ: 'UTC',
    ...env,
  };
}

/** Runs any program, in the environment of the package's own. */
export function program(file: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const cwd = options.cwd ?? scratch('cwd');
  const timeoutMs = options.timeoutMs ?? 60_000;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, env: environment(options.env), stdio: ['pipe', 'pipe', 'pipe'] });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(
        new Error(`${file} ${args.join(' ')}: still running after ${timeoutMs} ms\n${Buffer.concat(stderr)}`),
      );
    }, timeoutMs);
    child.stdout.on('data', (piece: Buffer) => stdout.push(piece));
    child.stderr.on('data', (piece: Buffer) => stderr.push(piece));
    // A command that does not read its input closes it: no fault of the test.
    child.stdin.on('error', () => {});
    if (options.stdin instanceof Readable) options.stdin.pipe(child.stdin);
    else child.stdin.end(options.stdin ?? '');
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const bytes = Buffer.concat(stdout);
      resolve({
        stdout: bytes.toString('utf8'),
        stderr: Buffer.concat(stderr).toString('utf8'),
        code: code ?? 128 + (SIGNALS[signal ?? 'SIGKILL'] ?? 0),
        bytes,
      });
    });
    options.started?.(child);
  });
}

const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGKILL: 9,
  SIGPIPE: 13,
  SIGTERM: 15,
};
