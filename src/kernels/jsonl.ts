import { isExactNumber } from '../wire/exact.ts';
import { aligned, FIRST_SIZES, type KernelBuffers, kernelBuffers } from './buffers.ts';
import { type KernelMemory, loadKernel } from './load.ts';
import type { TypeCode } from './types.ts';

/** What the kernel says when it stops; the same numbers as in assembly/jsonl.ts, _names.ts and _json.ts. */
export const JSONL_STATUS = {
  needInput: 0,
  rowsFull: 1,
  newName: 2,
  newType: 3,
  escapedNames: 4,
  manyNames: 5,
  notObject: 6,
  notJson: 7,
  cut: 8,
  control: 9,
  escape: 10,
  surrogate: 11,
  number: 12,
  depth: 13,
  duplicate: 14,
  after: 15,
  wrongType: 16,
} as const;

/** Which numbers of a column become strings; the same as in assembly/jsonl.ts. */
export const COLUMN_FLAGS = { asBigint: 1, asDecimal: 2, allStrings: 4, dollar: 8 } as const;

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
  run(
    input: number,
    inputEnd: number,
    output: number,
    enough: number,
    maxRows: number,
    namesCounted: number,
  ): number;
  getAt(): number;
  getOutputAt(): number;
  getRows(): number;
  getLines(): number;
  getFound(): number;
  getFoundEnd(): number;
  getColumn(): number;
  getMembers(): number;
}

/** A name as it stands in the input, with its quotes and escapes, and the index of the column it belongs to. */
export interface ColumnName {
  readonly text: Uint8Array;
  readonly column: number;
}

/** What is to become of a column's values. */
export interface ColumnState extends TypeCode {
  /** Which of its numbers become strings (`COLUMN_FLAGS`). */
  readonly flags: number;
}

/** The JSONL kernel with its buffers; `functions` say in assembly/jsonl.ts what they do. */
export interface JsonlKernel {
  readonly buffers: KernelBuffers;
  readonly functions: Functions;
  /** Tells all names and columns; what was told before does not count any more. */
  configure(names: readonly ColumnName[], states: readonly ColumnState[]): void;
  /** Tells what was added at the ends of the same lists, and the state of `column`, new or changed. */
  update(names: readonly ColumnName[], states: readonly ColumnState[], column: number): void;
  /** Makes room for four times as many names of nested objects in a row; false if that is too many. */
  allowMoreNames(): boolean;
}

const MAX_DEPTH = 1000;
const FIRST_NESTED = 4096;
const MAX_NESTED = 4 * 1024 * 1024;
const spare: JsonlKernel[] = [];

/** A kernel for one file, to be given back with `releaseJsonlKernel`. It knows no columns. */
export function acquireJsonlKernel(): JsonlKernel {
  const kernel = spare.pop() ?? createJsonlKernel();
  kernel.buffers.reset(0);
  kernel.configure([], []);
  return kernel;
}

export function releaseJsonlKernel(kernel: JsonlKernel): void {
  // One that a large row has blown up is better left to the garbage collector.
  const normal = 2 * (FIRST_SIZES.tables + FIRST_SIZES.input + OUTPUT_FACTOR * FIRST_SIZES.input);
  if (spare.length < 4 && kernel.buffers.bytes.length < normal) spare.push(kernel);
}

/** How many bytes of output a byte of input can become at most: `{"$":1}` is 26 bytes once it is wrapped. */
export const OUTPUT_FACTOR = 4;

/**
 * The tables, one after the other at the beginning of the memory (buffers.ts):
 *
 * ```
 * | stack 4 × depth | slots 8 × N | entries 16 × (N + 1) | columns 16 × N | nested 16 × n | texts of the names |
 * ```
 *
 * N, a power of two, is more than the number of names, of which there are at least as many as columns; n is more than
 * twice the number of names in the objects of a row.
 */
function createJsonlKernel(): JsonlKernel {
  let memory: KernelMemory | undefined;
  const isExact = (start: number, stop: number): number =>
    Number(isExactNumber(Buffer.from(memory!.buffer, start, stop - start).toString('latin1')));
  const kernel = loadKernel<Functions>('jsonl', { initialPages: 16, maxPages: 32768, imports: { isExact } });
  memory = kernel.memory;
  const { functions } = kernel;
  const buffers = kernelBuffers(memory);
  buffers.reserve({ output: OUTPUT_FACTOR * FIRST_SIZES.input });
  let nestedCount = FIRST_NESTED;
  let told: { names: readonly ColumnName[]; states: readonly ColumnState[] } = { names: [], states: [] };
  let toldNames = 0;
  let capacity = 0;
  let entries = 0;
  let columns = 0;
  let text = 0;
  let textEnd = 0;

  function addName({ text: bytes, column }: ColumnName): void {
    const entry = entries + 16 * toldNames;
    buffers.bytes.set(bytes, text);
    buffers.bytes.writeUInt32LE(text, entry);
    buffers.bytes.writeUInt32LE(bytes.length, entry + 4);
    buffers.bytes.writeUInt32LE(column, entry + 8);
    functions.addEntry(toldNames++);
    text += aligned(bytes.length);
  }

  function setState(column: number, { flags, code, limits }: ColumnState): void {
    const entry = columns + 16 * column;
    buffers.bytes.writeUInt32LE(flags, entry);
    buffers.bytes.writeUInt32LE(code, entry + 8);
    buffers.bytes.writeUInt32LE(limits, entry + 12);
  }

  function configure(names: readonly ColumnName[], states: readonly ColumnState[]): void {
    told = { names, states };
    capacity = 64;
    while (capacity <= 2 * names.length) capacity *= 2;
    const textBytes = 32 * capacity + 2 * names.reduce((total, name) => total + aligned(name.text.length), 0);
    const slots = buffers.tables + 4 * MAX_DEPTH;
    entries = slots + 8 * capacity;
    columns = entries + 16 * (capacity + 1);
    const nested = columns + 16 * capacity;
    text = nested + 16 * nestedCount;
    textEnd = text + textBytes;
    buffers.reserve({ tables: textEnd - buffers.tables });
    buffers.bytes.fill(0, slots, nested);
    functions.configure(slots, 2 * capacity, entries, columns, capacity, nested, nestedCount, buffers.tables);
    toldNames = 0;
    names.forEach(addName);
    states.forEach((state, column) => {
      setState(column, state);
    });
  }

  return {
    buffers,
    functions,
    configure,
    update(names, states, column) {
      const added = names.slice(toldNames);
      const bytes = added.reduce((total, name) => total + aligned(name.text.length), 0);
      if (names.length >= capacity || text + bytes > textEnd) {
        configure(names, states);
        return;
      }
      added.forEach(addName);
      setState(column, states[column]!);
    },
    allowMoreNames() {
      if (nestedCount === MAX_NESTED) return false;
      nestedCount *= 4;
      configure(told.names, told.states);
      return true;
    },
  };
}
