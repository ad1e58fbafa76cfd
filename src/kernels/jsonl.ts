import { isExactNumber } from '../wire/exact.ts';
import { FIRST_SIZES, type KernelBuffers, kernelBuffers } from './buffers.ts';
import { type KernelMemory, loadKernel } from './load.ts';

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

/** The JSONL kernel with its buffers; `functions` say in assembly/jsonl.ts what they do. */
export interface JsonlKernel {
  readonly buffers: KernelBuffers;
  readonly functions: Functions;
  /** Tells the names and flags of the columns that there are; what was told before does not count any more. */
  configure(names: readonly ColumnName[], flags: readonly number[]): void;
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
 * | stack 4 × depth | slots 4 × S | entries 16 × (N + 1) | columns 8 × C | nested 16 × n | texts of the names |
 * ```
 *
 * S is a power of two of at least twice N, the number of names; n one of twice the names of a row's objects.
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
  let told: { names: readonly ColumnName[]; flags: readonly number[] } = { names: [], flags: [] };

  function configure(names: readonly ColumnName[], flags: readonly number[]): void {
    told = { names, flags };
    const slotCount = 2 ** Math.ceil(Math.log2(2 * names.length + 2));
    const aligned = (size: number): number => Math.ceil(size / 16) * 16;
    const slots = buffers.tables + 4 * MAX_DEPTH;
    const entries = slots + aligned(4 * slotCount);
    const columns = entries + 16 * (names.length + 1);
    const nested = columns + aligned(8 * flags.length);
    let text = nested + 16 * nestedCount;
    const end = text + names.reduce((total, name) => total + aligned(name.text.length), 0);
    buffers.reserve({ tables: end - buffers.tables });
    const { bytes } = buffers;
    bytes.fill(0, slots, nested);
    functions.configure(
      slots,
      slotCount,
      entries,
      columns,
      flags.length,
      nested,
      nestedCount,
      buffers.tables,
    );
    flags.forEach((flag, index) => {
      bytes.writeUInt32LE(flag, columns + 8 * index);
    });
    names.forEach((name, index) => {
      const entry = entries + 16 * index;
      bytes.set(name.text, text);
      bytes.writeUInt32LE(text, entry);
      bytes.writeUInt32LE(name.text.length, entry + 4);
      bytes.writeUInt32LE(name.column, entry + 8);
      functions.addEntry(index);
      text += aligned(name.text.length);
    });
  }

  return {
    buffers,
    functions,
    configure,
    allowMoreNames() {
      if (nestedCount === MAX_NESTED) return false;
      nestedCount *= 4;
      configure(told.names, told.flags);
      return true;
    },
  };
}
