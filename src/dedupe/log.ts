import { parseRow } from '../wire/run.ts';
import type { Row, TableLine } from '../wire/types.ts';
import type { TableRule } from './rules.ts';
import { newSpill } from './spill.ts';

/** Rows that came in one piece and stand under one line. */
export interface LogEntry {
  readonly line: TableLine;
  readonly rule: TableRule;
  readonly batch: bigint;
  /** The number of its first row in the group. */
  readonly firstRow: number;
  count: number;
  readonly position: number;
  bytes: number;
}

/** The rows of a group in order of arrival, as bytes; a file takes what does not fit in memory. */
export interface RowLog {
  readonly entries: readonly LogEntry[];
  readonly rows: number;
  append(line: TableLine, rule: TableRule, batch: bigint, bytes: Uint8Array, count: number): LogEntry;
  read(entry: LogEntry): Uint8Array;
  /** One row, with the entry it is in. */
  row(row: number): { readonly entry: LogEntry; readonly value: Row };
  close(): void;
}

/** Small runs of one line are joined up to this size. */
const ENTRY_BYTES = 128 * 1024;

/** A new, empty log that keeps up to `memoryBytes` in memory. */
export function newRowLog(folder: string | undefined, memoryBytes: number): RowLog {
  const spill = newSpill(folder, memoryBytes);
  const entries: LogEntry[] = [];
  let rows = 0;
  let cached: { entry: LogEntry; bytes: Uint8Array; lines: string[] } | undefined;

  const read = (entry: LogEntry): Uint8Array => {
    const bytes = Buffer.allocUnsafeSlow(entry.bytes);
    spill.read(entry.position, bytes);
    return bytes;
  };
  const entryOf = (row: number): LogEntry => {
    let low = 0;
    let high = entries.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (entries[middle]!.firstRow <= row) low = middle;
      else high = middle - 1;
    }
    return entries[low]!;
  };
  return {
    entries,
    get rows() {
      return rows;
    },
    append(line, rule, batch, bytes, count) {
      const position = spill.length;
      spill.append(bytes);
      const last = entries.at(-1);
      rows += count;
      if (
        last !== undefined &&
        last.line === line &&
        last.rule === rule &&
        last.batch === batch &&
        last.bytes + bytes.length <= ENTRY_BYTES
      ) {
        last.count += count;
        last.bytes += bytes.length;
        return last;
      }
      const entry = { line, rule, batch, firstRow: rows - count, count, position, bytes: bytes.length };
      entries.push(entry);
      return entry;
    },
    read,
    row(row) {
      const entry = entryOf(row);
      if (cached?.entry !== entry || cached.bytes.length !== entry.bytes) {
        const bytes = read(entry);
        cached = {
          entry,
          bytes,
          lines: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8').split('\n'),
        };
      }
      return { entry, value: parseRow(cached.lines[row - entry.firstRow]!) };
    },
    close() {
      cached = undefined;
      spill.close();
    },
  };
}
