/** What the database servers of the tests share: a user that may run them, a folder, a port, an end with the test. */

import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { scratch } from './scratch.ts';

// Servers refuse to run as root. `nobody` is on every system, so no user has to be made.
const NOBODY = 65_534;
const READY_MS = 30_000;

export interface ServerPlace {
  readonly folder: string;
  /** The folder of the data, which only the server's user reads. */
  readonly data: string;
  readonly isRoot: boolean;
  /** For `spawn`: who runs it. */
  readonly user: { readonly uid?: number; readonly gid?: number };
}

export function serverPlace(name: string): ServerPlace {
  const folder = scratch(name);
  chmodSync(folder, 0o755);
  const isRoot = process.getuid?.() === 0;
  const data = join(folder, 'data');
  mkdirSync(data, { mode: 0o700 });
  if (isRoot) chownSync(data, NOBODY, NOBODY);
  return { folder, data, isRoot, user: isRoot ? { uid: NOBODY, gid: NOBODY } : {} };
}

/**
 * Runs a shell script that ends its server when its standard input closes: also when this process is killed.
 * `args`: the script, then its `$0`, `$1` ….
 */
export function startServer(
  args: readonly string[],
  { data, user }: ServerPlace,
  env: NodeJS.ProcessEnv,
): void {
  const child = spawn('sh', ['-c', ...args], {
    ...user,
    env,
    cwd: data,
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
}

/** Asks until the server answers. Throws with its log when it does not. */
export async function untilReady({ data }: ServerPlace, ask: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + READY_MS;
  for (;;) {
    try {
      await ask();
      return;
    } catch (error) {
      if (Date.now() > deadline)
        throw new Error(`no answer: ${readFileSync(join(data, 'log'), 'utf8')}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** A port nobody listens on, below those that outgoing connections are given: so it is still free a moment later. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 30_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.on('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
