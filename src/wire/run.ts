import { type Row, RUN_BYTES, type Run, type TableLine } from './types.ts';

const encoder = new TextEncoder();
const ESCAPED = '{"$":"row","row":';

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

// A run takes the smallest that holds it and fills at least a quarter of it, so that one that is never released holds
// little more than its lines.
const PIECES = [16 * 1024, 64 * 1024, RUN_BYTES + 64 * 1024].map((size) => ({ size, spare: [] as Buffer[] }));
const SPARE_PIECES = 4;

/**
 * A run of a copy of whole NDJSON lines. The memory of one that was released is taken again, which is far cheaper than
 * leaving it to the garbage collector, in time and in peak memory.
 */
export function runOfCopy(table: TableLine, lines: Uint8Array, count: number): Run {
  const { length } = lines;
  const pieces = PIECES.find(({ size }) => length <= size);
  if (pieces === undefined || 4 * length < pieces.size) {
    const copy = Buffer.allocUnsafeSlow(length);
    copy.set(lines);
    return runOfBytes(table, copy, count);
  }
  const { size, spare } = pieces;
  let memory: Buffer | undefined = spare.pop() ?? Buffer.allocUnsafeSlow(size);
  memory.set(lines);
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
  return Object.hasOwn(row, '$') ? `${ESCAPED}${json}}\n` : `${json}\n`;
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
