import { messageOf, UserError } from '../errors.ts';
import { runOfRows } from '../wire/run.ts';
import type { Run } from '../wire/types.ts';
import { type Arena, INPUT, INPUT_BYTES, OUTPUT } from './arena.ts';
import type { LogEntry, RowLog } from './log.ts';

/** The lines of an entry's live rows. */
export function liveLines(
  arena: Arena,
  log: RowLog,
  entry: LogEntry,
  { live, veto }: { readonly live: number; readonly veto: number },
): Buffer {
  const { kernel } = arena;
  let row = entry.firstRow;
  if (entry.bytes <= INPUT_BYTES) {
    log.read(entry, arena.bytes.subarray(INPUT, INPUT + entry.bytes));
    return Buffer.from(
      arena.bytes.subarray(OUTPUT, kernel.copyLive(INPUT, INPUT + entry.bytes, row, live, veto, OUTPUT)),
    );
  }
  const bytes = Buffer.allocUnsafeSlow(entry.bytes);
  log.read(entry, bytes);
  const kept: Buffer[] = [];
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
  return Buffer.concat(kept);
}

/** The end of as many whole lines from `at` on as fit into the input; of one line if it does not fit. */
export function pieceEnd(bytes: Uint8Array, at: number): number {
  if (bytes.length - at <= INPUT_BYTES) return bytes.length;
  const last = bytes.lastIndexOf(10, at + INPUT_BYTES - 1);
  return last >= at ? last + 1 : bytes.indexOf(10, at + INPUT_BYTES) + 1;
}

// Leaves those of a single piece in the input.
function countLines(arena: Arena, bytes: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < bytes.length; at += INPUT_BYTES) {
    const piece = bytes.subarray(at, at + INPUT_BYTES);
    arena.bytes.set(piece, INPUT);
    count += arena.kernel.countLines(INPUT, INPUT + piece.length);
  }
  return count;
}

/**
 * A run with one line a row: the same one, or written anew if there are blank lines in it or the last has no line feed.
 * Its lines stand in the arena's input if they fit there.
 */
export function wholeLines(arena: Arena, run: Run, place: string): Run {
  const bytes = run.ndjson();
  if (bytes.at(-1) === 10 && countLines(arena, bytes) === run.count) return run;
  try {
    const anew = runOfRows(run.table, run.objects());
    countLines(arena, anew.ndjson());
    return anew;
  } catch (error) {
    throw new UserError(`${place}: expected a JSON object on each line: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
