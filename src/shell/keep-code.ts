import { closeSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { LoadedPart } from './start.ts';

// V8 forgets the code of functions that have not run for long, those of the start first.
const LONGEST_RUN_MICROS = 1_000_000;

/**
 * Keeps the code of `parts` for later runs: that of all functions which this run, or one before it, has compiled. `use`
 * tells runs apart that need different code (the parts which they load, and whether they are cut short): each use writes once, and adds to what is
 * there. Does nothing after a failure, or where the files are another user's, or everybody's; never throws.
 */
export function keepCode(parts: readonly LoadedPart[], use: string): void {
  try {
    if (isWholeRun() && isOurs(import.meta.dirname)) for (const part of parts) keep(part, use);
  } catch {
    // A folder that cannot be written, a full disk: the next run compiles, too.
  }
}

function isWholeRun(): boolean {
  const { user, system } = process.cpuUsage();
  return (
    (process.exitCode === undefined || process.exitCode === 0) &&
    user + system < LONGEST_RUN_MICROS &&
    // Code made under other flags is refused by a run without: they would write in turn.
    process.execArgv.length === 0 &&
    !process.env['NODE_OPTIONS'] &&
    !process.env['NODE_V8_COVERAGE']
  );
}

// Files of one user in the folder of another could not be removed by that one.
function isOurs(folder: string): boolean {
  const { uid, mode } = statSync(folder);
  return process.geteuid === undefined || (uid === process.geteuid() && (mode & 0o002) === 0);
}

// The line before the code is as long as to leave it at a place that V8 reads without copying. A run beside this one finds
// the whole file or none. Nothing waits for the disk: what a crash leaves half-written has no two equal halves.
function keep({ script, cacheFile, key, uses }: LoadedPart, use: string): void {
  mkdirSync(dirname(cacheFile), { recursive: true, mode: 0o755 });
  const temporary = `${cacheFile}.${process.pid}`;
  const file = openSync(temporary, 'wx', 0o644);
  try {
    const code = script.createCachedData();
    const header = JSON.stringify({ key, uses: [...uses, use] });
    const line = `${header.padEnd(Math.ceil((header.length + 1) / 64) * 64 - 1)}\n`;
    writeFileSync(file, Buffer.concat([Buffer.from(line), code, code]));
    closeSync(file);
    renameSync(temporary, cacheFile);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
