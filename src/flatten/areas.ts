import { aligned } from '../kernels/buffers.ts';
import type { FlattenKernel } from '../kernels/flatten.ts';
import { type Program, programOf, TABLE } from './program.ts';
import type { Shape } from './shape.ts';

/** Bytes of one table's rows that make a run: fewer than elsewhere, for there may be many tables at once. */
export const FULL_BYTES = 128 * 1024;
/** Bytes that the areas of all tables take together, unless there are very many tables or large records. */
const TOTAL_BYTES = 8 * FULL_BYTES;
/** Room behind a whole run, so that few records meet the end of their area. */
const SLACK_BYTES = FULL_BYTES / 8;
const LEAST_BYTES = 4096;

/** What the kernel has written of a table. */
interface Piece {
  readonly bytes: Buffer;
  readonly rows: number;
}

/**
 * The kernel's memory while it works on the rows of one shape: what it knows, and an area for the rows of each table.
 *
 * ```
 * | program | scratch | input | area of the top-level table | areas of its subtables … |
 * ```
 */
export interface Areas {
  /** In the order of their areas; the top-level one first. */
  readonly program: Program;
  /** Tells the kernel all that the shape knows by now; what is in the areas is forgotten. */
  load(): void;
  /** Makes room for a line of that many bytes; what is in the areas is forgotten. */
  reserveInput(bytes: number): void;
  /** Makes the area of a table twice as large; what is in the areas is forgotten. */
  grow(table: number): void;
  size(table: number): number;
  rows(table: number): number;
  /** Empties the area of a table. */
  take(table: number): Piece | undefined;
}

export function areasOf(kernel: FlattenKernel, shape: Shape): Areas {
  const { buffers, functions } = kernel;
  const grown = new Map<Shape, number>();
  let program = programOf(shape, buffers.tables);
  const addressOf = (table: number): number => buffers.tables + TABLE.size * table;
  const get = (table: number, field: number): number => buffers.bytes.readUInt32LE(addressOf(table) + field);
  const set = (table: number, fields: readonly number[], value: number): void => {
    for (const field of fields) buffers.bytes.writeUInt32LE(value, addressOf(table) + field);
  };
  const areaBytes = (table: Shape): number => {
    const share = Math.max(LEAST_BYTES, Math.floor(TOTAL_BYTES / program.tables.length));
    return grown.get(table) ?? aligned(Math.min(FULL_BYTES + SLACK_BYTES, share));
  };

  function place(): void {
    const { bytes, tables, places, entries, carriedBytes } = program;
    const scratch = buffers.tables + aligned(bytes.length);
    const scratchBytes = areaBytes(shape) + carriedBytes;
    const sizes = tables.map(areaBytes);
    buffers.reserve({
      tables: scratch + scratchBytes - buffers.tables,
      output: sizes.reduce((total, size) => total + size, 0),
    });
    buffers.bytes.set(bytes, buffers.tables);
    let area = buffers.output;
    for (const [table, size] of sizes.entries()) {
      set(table, [TABLE.start, TABLE.at, TABLE.committed], area);
      area += size;
      set(table, [TABLE.limit], area);
    }
    functions.configure(...places, scratch, scratchBytes, FULL_BYTES);
    for (const entry of entries) functions.addEntry(entry);
  }

  return {
    get program() {
      return program;
    },
    load() {
      program = programOf(shape, buffers.tables);
      place();
    },
    reserveInput(bytes) {
      buffers.reserve({ input: bytes });
      place();
    },
    grow(table) {
      const of = program.tables[table]!;
      grown.set(of, 2 * areaBytes(of));
      place();
    },
    size: (table) => get(table, TABLE.committed) - get(table, TABLE.start),
    rows: (table) => get(table, TABLE.committedRows),
    take(table) {
      const start = get(table, TABLE.start);
      const end = get(table, TABLE.committed);
      const rows = get(table, TABLE.committedRows);
      if (end === start) return undefined;
      const bytes = Buffer.allocUnsafeSlow(end - start);
      buffers.bytes.copy(bytes, 0, start, end);
      set(table, [TABLE.at, TABLE.committed], start);
      set(table, [TABLE.rows, TABLE.committedRows], 0);
      return { bytes, rows };
    },
  };
}
