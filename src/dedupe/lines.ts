import { messageOf, UserError } from '../errors.ts';
import { runOfRows } from '../wire/run.ts';
import type { Run } from '../wire/types.ts';
import { type Arena, INPUT, INPUT_BYTES, OUTPUT } from './arena.ts';

/** The lines of live rows, the first of all lines being that of `firstRow`. */
export function liveLines(
  arena: Arena,
  bytes: Uint8Array,
  firstRow: number,
  live: number,
  veto: number,
): Uint8Array {
  const { kernel } = arena;
  const kept: Buffer[] = [];
  let row = firstRow;
  for (let at = 0; at < bytes.length; ) {
    const end = pieceEnd(bytes, at);
    if (end - at > INPUT_BYTES) {
      if (kernel.countLive(live, veto, row, 1) === 1) kept.push(Buffer.from(bytes.subarray(at, end)));
      row++;
    } else {
      arena.bytes.set(bytes.subarray(at, end), INPUT);
      const outputEnd = kernel.copyLive(INPUT, INPUT + end - at, row, live, veto, OUTPUT);
      kept.push(Buffer.from(arena.bytes.subarray(OUTPUT, outputEnd)));
      row += kernel.countLines(INPUT, INPUT + end - at);
    }
    at = end;
  }
  return kept.length === 1 ? kept[0]! : Buffer.concat(kept);
}

/** The end of as many whole lines from `at` on as fit into the input; of one line if it does not fit. */
export function pieceEnd(bytes: Uint8Array, at: number): number {
  if (bytes.length - at <= INPUT_BYTES) return bytes.length;
  const last = bytes.lastIndexOf(10, at + INPUT_BYTES - 1);
  return last >= at ? last + 1 : bytes.indexOf(10, at + INPUT_BYTES) + 1;
}

function countLines(arena: Arena, bytes: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < bytes.length; at += INPUT_BYTES) {
    const piece = bytes.subarray(at, at + INPUT_BYTES);
    arena.bytes.set(piece, INPUT);
    count += arena.kernel.countLines(INPUT, INPUT + piece.length);
  }
  return count;
}

/** The lines of a run, one a row; written anew if there are blank lines among them or the last has no line feed. */
export function wholeLines(arena: Arena, run: Run, place: string): Uint8Array {
  const bytes = run.ndjson();
  if (bytes.at(-1) === 10 && countLines(arena, bytes) === run.count) return bytes;
  try {
    return runOfRows(run.table, run.objects()).ndjson();
  } catch (error) {
    throw new UserError(`${place}: expected a JSON object on each line: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
