import { ESCAPED_ROW } from './escaped-row.ts';
import { type Row, RUN_BYTES, type Run, type TableLine } from './types.ts';

const encoder = new TextEncoder();

/** A run made of whole NDJSON lines, which it owns from now on: nobody may write to the bytes again. */
export function runOfBytes(table: TableLine, bytes: Uint8Array, count: number): Run {
  let rows: readonly Row[] | undefined;
  return {
    table,
    count,
    ndjson: () => bytes,
    objects: () => {
      rows ??= parseRows(bytes);
      return rows;
    },
  };
}

/** What fits into memory that is used again: a run that is full, and its last row. */
export const PIECE_BYTES = RUN_BYTES + 64 * 1024;
// A run takes the smallest that holds it and fills at least a quarter of it, so that one that is never released holds
// little more than its lines.
const PIECES = [16 * 1024, 64 * 1024, PIECE_BYTES].map((size) => ({ size, spare: [] as Buffer[] }));
// As many as dedupe writes at a time, and a few more.
const SPARE_PIECES = 12;

/** A run of a copy of whole NDJSON lines. */
export function runOfCopy(table: TableLine, lines: Uint8Array, count: number): Run {
  return runFilledBy(table, lines.length, count, (memory) => memory.set(lines));
}

/**
 * A run of `length` bytes of whole NDJSON lines that `fill` writes, once and at once. The memory of one that was
 * released is taken again, which is far cheaper than leaving it to the garbage collector, in time and in peak memory.
 */
export function runFilledBy(
  table: TableLine,
  length: number,
  count: number,
  fill: (memory: Buffer) => void,
): Run {
  const pieces = PIECES.find(({ size }) => length <= size);
  if (pieces === undefined || 4 * length < pieces.size) {
    const memory = Buffer.allocUnsafeSlow(length);
    fill(memory);
    return runOfBytes(table, memory, count);
  }
  const { size, spare } = pieces;
  let memory: Buffer | undefined = spare.pop() ?? Buffer.allocUnsafeSlow(size);
  fill(memory.subarray(0, length));
  return {
    ...runOfBytes(table, memory.subarray(0, length), count),
    release: () => {
      if (memory !== undefined && spare.length < SPARE_PIECES) spare.push(memory);
      memory = undefined;
    },
  };
}

/** A run made of rows, which nobody may change from now on. */
export function runOfRows(table: TableLine, rows: readonly Row[]): Run {
  let bytes: Uint8Array | undefined;
  return {
    table,
    count: rows.length,
    ndjson: () => {
      bytes ??= encoder.encode(rows.map(rowLine).join(''));
      return bytes;
    },
    objects: () => rows,
  };
}

/** The line of a row, with its line feed; escaped if the row itself has a member `$`. */
export function rowLine(row: Row): string {
  const json = JSON.stringify(row);
  return Object.hasOwn(row, '$') ? `${ESCAPED_ROW}${json}}\n` : `${json}\n`;
}

/** The row that a line holds, unescaped. */
export function parseRow(line: string): Row {
  const row = toNullPrototype(JSON.parse(line));
  // Only an escaped row begins with `$`: any other line that does so is a control line.
  return row['$'] === 'row' && Object.keys(row)[0] === '$' ? toNullPrototype(row['row'] as Row) : row;
}

function parseRows(bytes: Uint8Array): Row[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  const rows: Row[] = [];
  for (const line of text.split('\n')) if (line.trim() !== '') rows.push(parseRow(line));
  return rows;
}

// A row's members are the vendor's names: `constructor` or `__proto__` must not find what Object has.
function toNullPrototype(row: Row): Row {
  return Object.setPrototypeOf(row, null);
}
