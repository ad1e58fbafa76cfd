import { parseRow, rowLine, runOfBytes } from '../wire/run.ts';
import { type Row, RUN_BYTES, type Run, type TableLine } from '../wire/types.ts';
import type { Shape } from './shape.ts';

/** Bytes that rows of all tables together may take before the largest leaves. */
const TOTAL_BYTES = 8 * RUN_BYTES;

interface Buffer {
  lines: string[];
  bytes: number;
}

/** Rows on their way out, by table; order among the rows of one table is kept. */
export interface Buffers {
  put(table: Shape, row: Row): void;
  /** Runs that are full, or that have to make room. */
  full(): Iterable<Run>;
  /** All there is: the top-level table first. */
  flush(): Iterable<Run>;
}

const encoder = new TextEncoder();

/** Buffers whose runs stand under the line that `lineOf` gives when they leave. */
export function newBuffers(lineOf: (table: Shape) => TableLine): Buffers {
  const buffers = new Map<Shape, Buffer>();
  let total = 0;
  const take = (table: Shape, buffer: Buffer): Run => {
    const lines = withdraw(buffer.lines, table.withdrawn());
    const run = runOfBytes(lineOf(table), encoder.encode(lines.join('')), lines.length);
    total -= buffer.bytes;
    buffers.delete(table);
    return run;
  };
  return {
    put: (table, row) => {
      let buffer = buffers.get(table);
      if (buffer === undefined) {
        buffer = { lines: [], bytes: 0 };
        buffers.set(table, buffer);
      }
      const line = rowLine(row);
      buffer.lines.push(line);
      buffer.bytes += line.length;
      total += line.length;
    },
    full: function* () {
      for (const [table, buffer] of buffers) if (buffer.bytes >= RUN_BYTES) yield take(table, buffer);
      while (total > TOTAL_BYTES) {
        const [table, buffer] = [...buffers].reduce((a, b) => (b[1].bytes > a[1].bytes ? b : a));
        yield take(table, buffer);
      }
    },
    flush: function* () {
      for (const [table, buffer] of buffers) yield take(table, buffer);
    },
  };
}

// Rows that were written while a member met as NULL only could still be a scalar.
function withdraw(lines: readonly string[], names: readonly string[]): readonly string[] {
  if (names.length === 0) return lines;
  const marks = names.map((name) => `${JSON.stringify(name)}:null`);
  return lines.map((line) => {
    if (!marks.some((mark) => line.includes(mark))) return line;
    const row = parseRow(line);
    for (const name of names) if (row[name] === null) delete row[name];
    return rowLine(row);
  });
}
