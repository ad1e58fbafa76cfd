import { parseRow } from '../wire/run.ts';
import type { Row, TableLine } from '../wire/types.ts';
import type { TableRule } from './rules.ts';
import { lastUpTo } from './search.ts';
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
  /** Adds rows, whose bytes nobody may write to until `release` is called. */
  append(line: TableLine, rule: TableRule, batch: bigint, rows: LoggedRows): void;
  /** To be waited for between appends, so that memory keeps within bounds. */
  caughtUp(): Promise<void> | undefined;
  /** Fills `target`, which has room for the entry's bytes. */
  read(entry: LogEntry, target: Uint8Array): void;
  /** The rows of an entry, in order. */
  rowsOf(entry: LogEntry): Iterable<Row>;
  /** One row, with the entry it is in. */
  row(row: number): { readonly entry: LogEntry; readonly value: Row };
  close(): void;
}

interface LoggedRows {
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly release?: (() => void) | undefined;
}

/** Small runs of one line are joined up to this size. */
const ENTRY_BYTES = 128 * 1024;

/** A new, empty log that keeps up to `memoryBytes` in memory. */
export function newRowLog(folder: string | undefined, memoryBytes: number): RowLog {
  const spill = newSpill({ folder, memoryBytes, behind: true });
  const entries: LogEntry[] = [];
  let rows = 0;
  let cached: { entry: LogEntry; bytes: number; lines: string[] } | undefined;

  const linesOf = (entry: LogEntry): string[] => {
    const bytes = Buffer.allocUnsafeSlow(entry.bytes);
    spill.read(entry.position, bytes);
    return bytes.toString('utf8').split('\n');
  };
  return {
    entries,
    get rows() {
      return rows;
    },
    append(line, rule, batch, { bytes, count, release }) {
      const position = spill.length;
      spill.append(bytes, release);
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
        return;
      }
      entries.push({ line, rule, batch, firstRow: rows - count, count, position, bytes: bytes.length });
    },
    caughtUp: spill.caughtUp,
    read: (entry, target) => {
      spill.read(entry.position, target.subarray(0, entry.bytes));
    },
    *rowsOf(entry) {
      const lines = linesOf(entry);
      for (let index = 0; index < entry.count; index++) yield parseRow(lines[index]!);
    },
    row(row) {
      const entry = entries[lastUpTo(entries, ({ firstRow }) => firstRow, row)]!;
      if (cached?.entry !== entry || cached.bytes !== entry.bytes)
        cached = { entry, bytes: entry.bytes, lines: linesOf(entry) };
      return { entry, value: parseRow(cached.lines[row - entry.firstRow]!) };
    },
    close() {
      cached = undefined;
      spill.close();
    },
  };
}
