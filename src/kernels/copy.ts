import { FIRST_SIZES, kernelBuffers } from './buffers.ts';
import { type KernelMemory, loadKernel } from './load.ts';

interface Functions {
  configure(
    slots: number,
    slotCount: number,
    entries: number,
    columns: number,
    columnCount: number,
    nested: number,
    nestedCount: number,
    stack: number,
  ): void;
  addEntry(index: number): void;
  prepare(fields: number, count: number, tail: number, tailBytes: number): void;
  run(input: number, inputEnd: number, output: number, outputEnd: number, row: number): number;
  look(input: number, inputEnd: number): number;
  getAt(): number;
  getOutputAt(): number;
  getRows(): number;
  getFound(): number;
  getFoundEnd(): number;
  getColumn(): number;
  getNeeded(): number;
}

/** What the kernel says when it stops; the same numbers as in assembly/copy.ts. */
const STATUS = {
  done: 0,
  full: 1,
  newName: 2,
  wrongValue: 17,
  nul: 18,
  surrogate: 11,
  duplicate: 14,
} as const;

/** What a column's values are checked for; the same numbers as in assembly/_plain-forms.ts. */
export const COPY_CODES = {
  text: 0,
  unknown: 1,
  boolean: 2,
  whole: 3,
  fixed: 4,
  decimal: 5,
  double: 6,
  date: 7,
  time: 8,
  timestamp: 9,
  timestamptz: 10,
  uuid: 11,
  bytes: 12,
  json: 13,
} as const;

export interface CopyColumn {
  readonly name: string;
  readonly code: number;
  /** Of decimals with limits: digits after the point. */
  readonly scale: number;
  /** Whether a text that does not have the plain form of its type is a value all the same. */
  readonly isValue: (text: string) => boolean;
}

/** Why a row could not be written: `row` counts from 0 in what was given, `found` is JSON, cut where it is long. */
export interface CopyProblem {
  readonly kind: 'value' | 'nul' | 'surrogate' | 'unlisted' | 'duplicate' | 'malformed';
  readonly row: number;
  readonly column: number;
  readonly found: string;
}

export interface CopyKernel {
  /**
   * The lines for whole NDJSON lines; the first one has the number `firstRow`, each has `tail` after its number.
   * `refuse` must throw.
   */
  lines(ndjson: Uint8Array, firstRow: number, tail: string, refuse: (problem: CopyProblem) => never): Buffer;
  /** Whether the lines are rows with members of these columns only, each once; values are not looked at. */
  look(ndjson: Uint8Array, refuse: (problem: CopyProblem) => never): void;
}

const MAX_DEPTH = 1000;
const NESTED = 16;
const LINE_FEED = 10;
/** A tail is two integers. */
const TAIL = 64;
const SHOWN = 1000;

/**
 * A kernel that writes rows with these columns as lines of COPY's text format.
 *
 * Its tables, one after the other at the beginning of the memory (buffers.ts):
 *
 * ```
 * | stack 4 × depth | slots 8 × N | entries 16 × (N + 1) | columns 16 × N | fields 16 × N | nested | tail | texts of the names |
 * ```
 */
export function createCopyKernel(given: readonly CopyColumn[]): CopyKernel {
  let memory: KernelMemory | undefined;
  const text = (start: number, stop: number) =>
    Buffer.from(memory!.buffer, start, stop - start).toString('utf8');
  const kernel = loadKernel<Functions>('copy', {
    initialPages: 16,
    maxPages: 65536,
    imports: {
      judge: (column, start, stop) => Number(given[column!]!.isValue(text(start!, stop!))),
      print: (start, stop, to) => {
        const number = Number(text(start!, stop!));
        const printed = Object.is(number, -0) ? '-0' : String(number);
        return to! + Buffer.from(memory!.buffer).write(printed, to!, 'latin1');
      },
    },
  });
  memory = kernel.memory;
  const { functions } = kernel;
  const buffers = kernelBuffers(memory);
  const names = given.map(({ name }, column) => ({ bytes: Buffer.from(JSON.stringify(name)), column }));
  let tailAt = 0;
  let fieldsAt = 0;

  function configure(): void {
    let capacity = 64;
    while (capacity <= 2 * names.length) capacity *= 2;
    const slots = buffers.tables + 4 * MAX_DEPTH;
    const entries = slots + 8 * capacity;
    const columns = entries + 16 * (capacity + 1);
    fieldsAt = columns + 16 * capacity;
    const nested = fieldsAt + 16 * capacity;
    tailAt = nested + 16 * NESTED;
    let at = tailAt + TAIL + 16;
    const textBytes = names.reduce((total, { bytes }) => total + bytes.length + 16, 0);
    buffers.reserve({ tables: at + textBytes - buffers.tables });
    buffers.bytes.fill(0, slots, nested);
    functions.configure(slots, 2 * capacity, entries, columns, capacity, nested, NESTED, buffers.tables);
    given.forEach(({ code, scale }, column) => {
      buffers.bytes.writeUInt32LE(code, columns + 16 * column + 8);
      buffers.bytes.writeUInt32LE(scale, columns + 16 * column + 12);
    });
    for (const [index, { bytes, column }] of names.entries()) {
      const entry = entries + 16 * index;
      buffers.bytes.set(bytes, at);
      buffers.bytes.writeUInt32LE(at, entry);
      buffers.bytes.writeUInt32LE(bytes.length, entry + 4);
      buffers.bytes.writeUInt32LE(column, entry + 8);
      functions.addEntry(index);
      at += bytes.length;
    }
    functions.prepare(fieldsAt, given.length, tailAt, 0);
  }
  configure();

  /** A name in another spelling than ours; whether a column has it. */
  function learn(spelling: Buffer): boolean {
    let name: unknown;
    try {
      name = JSON.parse(spelling.toString('utf8'));
    } catch {
      return false;
    }
    const column = given.findIndex((known) => known.name === name);
    if (column < 0) return false;
    names.push({ bytes: Buffer.from(spelling), column });
    configure();
    return true;
  }

  function problemOf(status: number, row: number): CopyProblem {
    const [start, stop] = [functions.getFound(), functions.getFoundEnd()];
    const found = text(start, Math.min(stop, start + SHOWN));
    const kinds: Readonly<Record<number, CopyProblem['kind']>> = {
      [STATUS.wrongValue]: 'value',
      [STATUS.nul]: 'nul',
      [STATUS.surrogate]: 'surrogate',
      [STATUS.newName]: 'unlisted',
      [STATUS.duplicate]: 'duplicate',
    };
    return { kind: kinds[status] ?? 'malformed', row, column: functions.getColumn(), found };
  }

  function take(ndjson: Uint8Array): void {
    buffers.reset(0);
    const ended = ndjson[ndjson.length - 1] === LINE_FEED;
    buffers.reserve({ input: Math.max(FIRST_SIZES.input, ndjson.length + 1) });
    buffers.append(ndjson, 0);
    if (!ended) buffers.append(Uint8Array.of(LINE_FEED), 0);
  }

  /** Learns the spelling at which the kernel stopped, if a column has that name. */
  function learnFound(rows: number, refuse: (problem: CopyProblem) => never): void {
    const spelling = Buffer.from(buffers.bytes.subarray(functions.getFound(), functions.getFoundEnd()));
    if (!learn(spelling)) refuse({ ...problemOf(STATUS.newName, rows), kind: 'unlisted' });
  }

  return {
    look(ndjson, refuse) {
      if (ndjson.length === 0) return;
      take(ndjson);
      let rows = 0;
      let { start } = buffers;
      while (true) {
        const status = functions.look(start, buffers.end);
        rows += functions.getRows();
        if (status === STATUS.done) break;
        buffers.consume(functions.getAt());
        if (status !== STATUS.newName) refuse(problemOf(status, rows));
        learnFound(rows, refuse);
        start = buffers.start;
      }
      buffers.reset(0);
    },
    lines(ndjson, firstRow, tail, refuse) {
      if (ndjson.length === 0) return Buffer.alloc(0);
      take(ndjson);
      const pieces: Buffer[] = [];
      let rows = 0;
      let { start } = buffers;
      let setTail = true;
      while (true) {
        if (setTail) {
          const bytes = buffers.bytes.write(tail, tailAt, 'latin1');
          functions.prepare(fieldsAt, given.length, tailAt, bytes);
          setTail = false;
        }
        const status = functions.run(start, buffers.end, buffers.output, buffers.outputEnd, firstRow + rows);
        const done = functions.getOutputAt();
        // Whoever gets the lines keeps them; the kernel's memory is written to again.
        if (done > buffers.output) pieces.push(Buffer.from(buffers.bytes.subarray(buffers.output, done)));
        rows += functions.getRows();
        if (status === STATUS.done) break;
        const consumed = functions.getAt();
        buffers.consume(consumed);
        if (status === STATUS.full) {
          const wanted = functions.getNeeded();
          if (wanted > buffers.outputEnd - buffers.output) buffers.reserve({ output: 2 * wanted });
        } else {
          if (status !== STATUS.newName) refuse(problemOf(status, rows));
          learnFound(rows, refuse);
          setTail = true;
        }
        start = buffers.start;
      }
      buffers.reset(0);
      return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
    },
  };
}
