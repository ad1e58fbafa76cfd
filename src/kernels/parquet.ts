import { type Kernel, loadKernel } from './load.ts';
import { POWERS_BYTES, powersOfTen } from './powers.ts';
import { closingText, keyTexts } from './row-texts.ts';

/** What becomes of a column's values; the same numbers as in assembly/_parquet-values.ts. */
export const PARQUET_CODES = {
  text: 0,
  bytes: 1,
  decimal: 2,
  fixedDecimal: 3,
  fixedBytes: 4,
  boolean: 5,
  int: 6,
  uint: 7,
  uintText: 8,
  bigint: 9,
  ubigint: 10,
  float: 11,
  double: 12,
  half: 13,
  decimal32: 14,
  decimal64: 15,
  date: 16,
  time32: 17,
  time64: 18,
  timestamp: 19,
  int96: 20,
  uuid: 21,
} as const;

/** What `run` says; the same numbers as in assembly/parquet.ts. */
export const PARQUET_STATUS = {
  done: 0,
  full: 1,
  needPage: 2,
  badLevels: 3,
  badIndices: 4,
  badValue: 5,
  shortPage: 6,
} as const;

interface Functions {
  readonly columnBytes: { readonly value: number };
  readonly batchRows: { readonly value: number };
  heapBase(): number;
  configure(
    powers: number,
    scratch: number,
    columns: number,
    count: number,
    closing: bigint,
    closingBytes: number,
  ): void;
  setPage(
    column: number,
    count: number,
    levels: number,
    levelsEnd: number,
    at: number,
    end: number,
    inDictionary: number,
    width: number,
  ): void;
  setDictionary(
    column: number,
    count: number,
    from: number,
    end: number,
    entries: number,
    to: number,
    toEnd: number,
  ): number;
  getValues(column: number): number;
  getValuesEnd(column: number): number;
  setValues(column: number, at: number, end: number): void;
  run(output: number, enough: number, outputEnd: number, maxRows: number): number;
  getOutputAt(): number;
  getRows(): number;
  getColumn(): number;
  snappy(from: number, fromEnd: number, to: number, toEnd: number): number;
  lz4(from: number, fromEnd: number, to: number, toEnd: number): number;
  deltaCount(from: number, end: number): number;
  deltaValues(from: number, end: number, to: number, toEnd: number, width: number): number;
  deltaEnd(): number;
  joinLengths(
    lengths: number,
    lengthsEnd: number,
    from: number,
    fromEnd: number,
    to: number,
    toEnd: number,
  ): number;
  prefixedSize(prefixes: number, lengths: number, lengthsEnd: number): number;
  joinPrefixes(
    prefixes: number,
    lengths: number,
    lengthsEnd: number,
    from: number,
    fromEnd: number,
    to: number,
    toEnd: number,
    fixed: number,
  ): number;
  joinStreams(from: number, end: number, to: number, width: number): number;
  expandBooleans(from: number, end: number, to: number, count: number): number;
  unpackBooleans(from: number, end: number, to: number): number;
}

export interface ParquetColumn {
  readonly name: string;
  readonly code: number;
  readonly width: number;
  readonly first: number;
  readonly second: number;
  readonly nullable: boolean;
}

/**
 * The Parquet kernel for one row shape; `functions` say in assembly/parquet.ts what they do. Its memory:
 *
 * ```
 * heapBase
 * | powers of ten | scratch | columns | keys | levels and indices of a batch | regions … |
 * ```
 *
 * A region is a piece of memory with a name (`output`, `page 3`); it grows by moving, without what was in it.
 */
export interface ParquetKernel {
  readonly functions: Functions;
  /** The whole memory; made anew when a region grows. */
  readonly bytes: Buffer;
  /** Where the region of that name lies, of `size` bytes at least and 64 more that have no meaning. */
  region(name: string, size: number): number;
  /** How many bytes that region has. */
  capacity(name: string): number;
  /** The bytes of everything. */
  size(): number;
}

const PAGE = 65536;
const MAX_PAGES = 32768; // 2 GiB
const SCRATCH_BYTES = 8192;
const PADDING = 64;

const align = (address: number): number => Math.ceil(address / 64) * 64;

/** `RangeError` when 2 GiB are not enough. */
export function openParquetKernel(columns: readonly ParquetColumn[]): ParquetKernel {
  const { functions, memory }: Kernel<Functions> = loadKernel<Functions>('parquet', {
    initialPages: 4,
    maxPages: MAX_PAGES,
  });
  let bytes = Buffer.from(memory.buffer);
  let top = align(functions.heapBase());

  function take(size: number): number {
    const at = top;
    top = align(at + size + PADDING);
    const pages = Math.ceil(top / PAGE) - bytes.length / PAGE;
    if (pages > 0) {
      memory.grow(pages);
      bytes = Buffer.from(memory.buffer);
    }
    return at;
  }

  const powers = take(POWERS_BYTES);
  bytes.set(powersOfTen(), powers);
  const scratch = take(SCRATCH_BYTES);
  const entryBytes = functions.columnBytes.value;
  const batch = functions.batchRows.value;
  const table = take(columns.length * entryBytes);
  const names = columns.map(({ name }) => name);
  for (const [at, key] of keyTexts(names).entries()) {
    const { code, width, first, second, nullable } = columns[at]!;
    const text = take(key.length);
    const levels = take(batch);
    const indices = take(4 * batch);
    bytes.set(key, text);
    const words = [code, width, first, second, text, key.length, Number(nullable), 0, 0, levels, indices];
    for (const [word, value] of words.entries())
      bytes.writeUInt32LE(value, table + at * entryBytes + 4 * word);
  }
  const closing = closingText(names);
  const closingWord = Buffer.concat([closing], 8).readBigUInt64LE();
  functions.configure(powers, scratch, table, columns.length, closingWord, closing.length);

  const regions = new Map<string, { at: number; size: number }>();
  const free: { at: number; size: number }[] = [];
  return {
    functions,
    get bytes() {
      return bytes;
    },
    region(name, size) {
      const own = regions.get(name);
      if (own !== undefined && own.size >= size) return own.at;
      if (own !== undefined) free.push(own);
      const fitting = free
        .filter((region) => region.size >= size)
        .reduce<(typeof free)[0] | undefined>(
          (best, region) => (best && best.size <= region.size ? best : region),
          undefined,
        );
      if (fitting !== undefined) free.splice(free.indexOf(fitting), 1);
      // The next page is seldom of the very same size.
      const wanted = align(size + (size >> 4));
      const region = fitting ?? { at: take(wanted), size: wanted };
      regions.set(name, region);
      return region.at;
    },
    capacity: (name) => regions.get(name)?.size ?? 0,
    size: () => top,
  };
}
