/** Runs a shell command and tells how long it took and how much memory its processes held at most. */

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface Measurement {
  readonly seconds: number;
  /** The largest sum of the resident memory of all its processes that was seen, in MiB. */
  readonly peakMiB: number;
}

const SAMPLE_MS = 15;

/** Runs `command` in bash with pipefail. Throws with its standard error when it fails. */
export function measure(command: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Measurement> {
  return new Promise((resolve, reject) => {
    const start = process.hrtime.bigint();
    const child = spawn('bash', ['-o', 'pipefail', '-c', command], {
      cwd,
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    let stderr = '';
    let peak = 0;
    child.stderr.on('data', (data) => {
      stderr = (stderr + data).slice(-4000);
    });
    const timer = setInterval(() => {
      peak = Math.max(peak, residentBytes(child.pid!));
    }, SAMPLE_MS);
    child.on('close', (code, signal) => {
      clearInterval(timer);
      const seconds = Number(process.hrtime.bigint() - start) / 1e9;
      if (code === 0) resolve({ seconds, peakMiB: peak / 2 ** 20 });
      else reject(new Error(`${command}\nexited with ${code ?? signal}: ${stderr}`));
    });
  });
}

// Of all processes of the group that the detached shell leads. The shell itself is left out, but not the command
// that it becomes where that is the only one.
function residentBytes(group: number): number {
  let sum = 0;
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const isShell = Number(entry) === group && stat.includes('(bash)');
      if (Number(fields[2]) === group && !isShell) sum += Number(fields[21]) * 4096;
    } catch {
      // The process has ended in the meantime.
    }
  }
  return sum;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
