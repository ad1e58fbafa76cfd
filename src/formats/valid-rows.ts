import { isUtf8 } from 'node:buffer';
import { firstInvalidUtf8 } from './encoding.ts';

/** What a kernel did in one call: which input it has read, which output it has written. */
export interface KernelStep {
  readonly status: number;
  readonly at: number;
  readonly outputAt: number;
  readonly rows: number;
  readonly lines: number;
}

/** How many rows a call may write when their bytes are the limit. */
const ALL_ROWS = 0xffffffff;

/**
 * Lets a kernel write rows and checks that their input is UTF-8. If it is not, the call is repeated record by record
 * up to the one at fault; `invalid` is then where its first wrong byte is.
 */
export function validRows(
  memory: Uint8Array,
  from: number,
  output: number,
  call: (from: number, output: number, maxRows: number) => KernelStep,
): KernelStep & { readonly invalid?: number } {
  const step = call(from, output, ALL_ROWS);
  if (isUtf8(memory.subarray(from, step.at))) return step;
  let valid: KernelStep = { ...step, at: from, outputAt: output, rows: 0, lines: 0 };
  while (true) {
    const { status, at, outputAt, rows, lines } = call(valid.at, valid.outputAt, 1);
    const record = memory.subarray(valid.at, at);
    if (!isUtf8(record)) return { ...valid, invalid: valid.at + firstInvalidUtf8(record) };
    valid = { status, at, outputAt, rows: valid.rows + rows, lines: valid.lines + lines };
    if (rows === 0) return valid;
  }
}
