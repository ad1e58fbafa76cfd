import { isUtf8 } from 'node:buffer';
import { mismatch } from '../errors.ts';
import { snippet } from '../formats/bad-record.ts';
import { firstInvalidUtf8 } from '../formats/encoding.ts';
import { EACH_NAME_ONCE, jsonProblem } from '../formats/json-problem.ts';
import { FLATTEN_STATUS, type FlattenKernel } from '../kernels/flatten.ts';
import { isLineage } from '../wire/lineage.ts';
import { parseRow, runOfBytes } from '../wire/run.ts';
import type { Run, TableLine } from '../wire/types.ts';
import { areasOf, FULL_BYTES } from './areas.ts';
import { flattenInto } from './row.ts';
import { allTables, type Shape } from './shape.ts';
import { withoutNulls } from './withdrawn.ts';

/** Bytes that rows of all tables together may take before the largest leaves, besides those in the areas. */
const HELD_BYTES = 8 * FULL_BYTES;
/** Bytes of rows that the kernel gets at a time, unless a row is longer. */
const INPUT_BYTES = 128 * 1024;
/** How many rows ahead are looked at when row after row has something new. */
const MOST_AHEAD = 256;
const LF = 10;

/** Rows of one top-level table on their way to flat ones; order among the rows of one table is kept. */
export interface FlatRows {
  /** Takes the rows of a run; gives runs that are full, or that have to make room. */
  add(run: Run): Iterable<Run>;
  /** All there is: the top-level table first. */
  flush(): Iterable<Run>;
}

export interface FlatRowsOptions {
  /** The line under which the rows of a table leave now. */
  lineOf(table: Shape): TableLine;
  /** Called when the shape has grown. */
  learned(): void;
  /** How many rows of the table came before, for messages. */
  readonly before: number;
}

interface Held {
  readonly pieces: Buffer[];
  bytes: number;
  rows: number;
}

/**
 * Rows through the kernel, which knows as much as the shape. What is new to it, a name or a kind of value at a place,
 * is learnt by flattening that row as `flattenRow` does, with the same errors.
 */
export function flatRows(kernel: FlattenKernel, shape: Shape, options: FlatRowsOptions): FlatRows {
  const { buffers, functions } = kernel;
  const { lineOf } = options;
  const areas = areasOf(kernel, shape);
  const held = new Map<Shape, Held>();
  let heldBytes = 0;
  let rowsTaken = options.before;
  let inputBytes = INPUT_BYTES;
  let ahead = 1;
  areas.load();

  const place = (): string => `table ${shape.name} row ${rowsTaken + areas.rows(0) + 1}`;

  function take(index: number): void {
    const piece = areas.take(index);
    if (piece === undefined) return;
    const table = areas.program.tables[index]!;
    const known = held.get(table) ?? { pieces: [], bytes: 0, rows: 0 };
    known.pieces.push(piece.bytes);
    known.bytes += piece.bytes.length;
    known.rows += piece.rows;
    held.set(table, known);
    heldBytes += piece.bytes.length;
    if (table === shape) rowsTaken += piece.rows;
  }

  function takeAll(): void {
    for (const index of areas.program.tables.keys()) take(index);
  }

  function release(table: Shape): Run {
    const { pieces, bytes, rows } = held.get(table)!;
    held.delete(table);
    heldBytes -= bytes;
    const whole = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
    return runOfBytes(lineOf(table), withoutNulls(whole, withdrawnFrom(table)), rows);
  }

  // What subtables carry of the top-level row is withdrawn from them too.
  function withdrawnFrom(table: Shape): readonly string[] {
    const own = table.withdrawn();
    if (table === shape) return own;
    const above = shape.withdrawn();
    return above.length === 0 ? own : [...own, ...above.filter((name) => isCarried(name, shape))];
  }

  function* makeRoom(): Iterable<Run> {
    for (const [table, { bytes }] of held) if (bytes >= FULL_BYTES) yield release(table);
    while (heldBytes > HELD_BYTES) {
      const [table] = [...held].reduce((a, b) => (b[1].bytes > a[1].bytes ? b : a));
      yield release(table);
    }
  }

  // Learns from the row at `at` and some after it.
  function learn(at: number, end: number, isName: boolean): void {
    const known = versionOf(shape);
    if (isName) learnSpelling();
    for (let count = 0, from = at; count < ahead && from < end; count++) {
      const status = functions.check(from);
      const lineEnd = buffers.bytes.indexOf(LF, from) + 1;
      if (status !== 0) {
        if (count === 0) throw problem(status);
        break;
      }
      try {
        flattenInto(parseRow(buffers.bytes.toString('utf8', from, lineEnd)), shape, () => {});
      } catch (error) {
        // What is wrong with a row further on is said when it comes to that.
        if (count === 0) throw error;
        break;
      }
      from = lineEnd;
    }
    // JSON.parse takes the last of two members of one name; the kernel stumbled over the first.
    if (versionOf(shape) === known) throw mismatch(place(), EACH_NAME_ONCE, 'one twice');
    ahead = Math.min(4 * ahead, MOST_AHEAD);
    options.learned();
    areas.load();
  }

  // A name can be written with escapes that it does not need: `"n\u0061me"`.
  function learnSpelling(): void {
    const text = buffers.bytes.toString('utf8', functions.getFound(), functions.getFoundEnd());
    const name: string = JSON.parse(text);
    if (JSON.stringify(name) === text) return;
    const node = areas.program.nodeOf(functions.getNode());
    node.shape.spell([...node.path, name], text);
  }

  function problem(status: number): Error {
    const { bytes } = buffers;
    const found = functions.getFound();
    const rest = snippet(bytes.subarray(found, bytes.indexOf(LF, found)));
    const text = snippet(bytes.subarray(found, functions.getFoundEnd()));
    if (status === FLATTEN_STATUS.notRow)
      return mismatch(place(), 'a row whose first member is no $, or {"$":"row","row":…}', rest);
    const { expected, found: seen } = jsonProblem(status, rest, text);
    return mismatch(place(), expected, seen);
  }

  // The lines that stand in the input, as rows.
  function* write(): Iterable<Run> {
    let learnt = false;
    while (true) {
      const status = functions.run(buffers.start, buffers.end);
      buffers.consume(functions.getAt());
      switch (status) {
        case FLATTEN_STATUS.done:
          if (!learnt) ahead = 1;
          return;
        case FLATTEN_STATUS.enough:
          for (const index of areas.program.tables.keys()) if (areas.size(index) >= FULL_BYTES) take(index);
          break;
        case FLATTEN_STATUS.full: {
          const table = areas.program.indexOf(functions.getTable());
          if (areas.size(table) > 0) take(table);
          else {
            takeAll();
            areas.grow(table);
          }
          break;
        }
        case FLATTEN_STATUS.learn:
        case FLATTEN_STATUS.newName:
          takeAll();
          learnt = true;
          learn(buffers.start, buffers.end, status === FLATTEN_STATUS.newName);
          break;
        default:
          throw problem(status);
      }
      yield* makeRoom();
    }
  }

  return {
    *add(run) {
      const bytes = endedLines(run.ndjson());
      if (!isUtf8(bytes)) {
        const byte = bytes[firstInvalidUtf8(bytes)] ?? 0;
        throw mismatch(
          `table ${shape.name} from row ${rowsTaken + areas.rows(0) + 1} on`,
          'UTF-8',
          `byte 0x${byte.toString(16).padStart(2, '0')}`,
        );
      }
      for (let from = 0, to = 0; from < bytes.length; from = to) {
        to =
          from + INPUT_BYTES >= bytes.length
            ? bytes.length
            : bytes.lastIndexOf(LF, from + INPUT_BYTES - 1) + 1;
        if (to <= from) to = bytes.indexOf(LF, from) + 1;
        if (to - from > inputBytes) {
          inputBytes = to - from;
          takeAll();
          areas.reserveInput(inputBytes);
        }
        buffers.reset(0);
        buffers.append(bytes.subarray(from, to), 0);
        yield* write();
      }
    },
    *flush() {
      takeAll();
      for (const table of areas.program.tables) if (held.has(table)) yield release(table);
    },
  };
}

function endedLines(bytes: Uint8Array): Buffer {
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return lines.length === 0 || lines.at(-1) === LF ? lines : Buffer.concat([lines, Buffer.of(LF)]);
}

const isCarried = (name: string, shape: Shape): boolean =>
  name.startsWith('_sdc_') || isLineage(name) || shape.carried.includes(name);

const versionOf = (shape: Shape): number =>
  allTables(shape).reduce((total, table) => total + table.version, 0);
