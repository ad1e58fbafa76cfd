import { rowLine, runOfBytes } from '../wire/run.ts';
import { RUN_BYTES, type Row, type Run, type TableLine } from '../wire/types.ts';
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
    const run = runOfBytes(lineOf(table), encoder.encode(buffer.lines.join('')), buffer.lines.length);
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
