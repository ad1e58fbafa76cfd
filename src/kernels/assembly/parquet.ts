// Pages of Parquet columns → NDJSON rows, for columns that are not nested. The host (src/kernels/parquet.ts) brings the
// pages, one of each column at a time, decompressed and their values PLAIN or numbers of dictionary entries; here they
// become rows. A dictionary's entries are made JSON once.

import { copy16 } from './_copy16';
import { setPowers } from './_decimal-text';
import { expandBytes, expandWords, startHybrid } from './_hybrid';
import { escapedSize, writeEscaped } from './_json-text';
import { TEXT, writeValue } from './_parquet-values';

export { lz4 } from './_lz4';
export {
  deltaCount, deltaEnd, deltaValues, expandBooleans, joinLengths, joinPrefixes, joinStreams, prefixedSize,
  unpackBooleans,
} from './_parquet-encodings';
export { snappy } from './_snappy';

// A column, COLUMN bytes long.
const COLUMN: u32 = 128;
const CODE: u32 = 0; // _parquet-values.ts
const WIDTH: u32 = 4; // bytes of a value; 0: each has its length before it
const FIRST: u32 = 8; // two arguments of the code
const SECOND: u32 = 12;
const KEY: u32 = 16; // the text before a value
const KEY_LENGTH: u32 = 20;
const NULLABLE: u32 = 24;
const DICTIONARY: u32 = 28; // entries of (text, length), and how many
const ENTRIES: u32 = 32;
const LEVELS: u32 = 36; // of the batch: 1 where there is a value, u8 each
const INDICES: u32 = 40; // of the batch: u32 each
// Of the page:
const IN_DICTIONARY: u32 = 44;
const LEFT: u32 = 48; // rows not yet in a batch
const AT: u32 = 52; // the next value, or the next of INDICES
const END: u32 = 56;
const BEFORE: u32 = 60; // AT before the row
const LEVEL_STREAM: u32 = 64;
const INDEX_STREAM: u32 = 88;

const BATCH: u32 = 1024;
const MARGIN: u32 = 192; // room for any value but texts and bytes

// What run() returns.
const DONE: u32 = 0;
const FULL: u32 = 1;
const NEED_PAGE: u32 = 2; // of `column`
const BAD_LEVELS: u32 = 3;
const BAD_INDICES: u32 = 4;
const BAD_VALUE: u32 = 5;
const SHORT_PAGE: u32 = 6; // the next value of `column` ends beyond its values: there may be more of them elsewhere

let columns: u32 = 0;
let columnCount: u32 = 0;
let closing: u64 = 0;
let closingLength: u32 = 0;
let scratch: u32 = 0;
let output: u32 = 0;
let rows: u32 = 0;
let column: u32 = 0;
let batchAt: u32 = 0;
let batchEnd: u32 = 0;

export const columnBytes: u32 = COLUMN;
export const batchRows: u32 = BATCH;
export function heapBase(): u32 { return <u32>__heap_base; }
/** The end of the rows written, and how many they are. */
export function getOutputAt(): u32 { return output; }
export function getRows(): u32 { return rows; }
/** The column that the status is about. */
export function getColumn(): u32 { return column; }

export function configure(
  powersAt: u32, scratchAt: u32, columnsAt: u32, count: u32, closingText: u64, closingBytes: u32,
): void {
  setPowers(powersAt);
  scratch = scratchAt;
  columns = columnsAt;
  columnCount = count;
  closing = closingText;
  closingLength = closingBytes;
  batchAt = batchEnd = 0;
}

/**
 * A page of a column: `count` rows; where they may be NULL, levels in levelsAt..levelsEnd. Values are PLAIN in at..end,
 * or numbers of entries, `width` bits each.
 */
export function setPage(c: u32, count: u32, levelsAt: u32, levelsEnd: u32, at: u32, end: u32, inDictionary: bool, width: u32): void {
  const p = columns + c * COLUMN;
  store<u32>(p, count, LEFT);
  store<u32>(p, u32(inDictionary), IN_DICTIONARY);
  store<u32>(p, at, AT);
  store<u32>(p, end, END);
  if (load<u32>(p, NULLABLE) != 0) startHybrid(p + LEVEL_STREAM, levelsAt, levelsEnd, 1);
  if (inDictionary) startHybrid(p + INDEX_STREAM, at, end, width);
}

/** The next PLAIN value of a column, and where its values end. */
export function getValues(c: u32): u32 { return load<u32>(columns + c * COLUMN, AT); }
export function getValuesEnd(c: u32): u32 { return load<u32>(columns + c * COLUMN, END); }
/** The values of the page go on at..end. */
export function setValues(c: u32, at: u32, end: u32): void {
  store<u32>(columns + c * COLUMN, at, AT);
  store<u32>(columns + c * COLUMN, end, END);
}

/**
 * Makes the `count` PLAIN values at from..end the dictionary of column c: entries at `entries`, their JSON at to..toEnd.
 * Where the JSON ends, 0 if it needs more room, 1 if the values make no sense.
 */
export function setDictionary(c: u32, count: u32, from: u32, end: u32, entries: u32, to: u32, toEnd: u32): u32 {
  const p = columns + c * COLUMN;
  const code = load<u32>(p, CODE), width = load<u32>(p, WIDTH);
  let i = from, o = to;
  for (let k: u32 = 0; k < count; k++) {
    let n = width;
    if (n == 0) {
      if (end - i < 4) return 1;
      n = load<u32>(i);
      i += 4;
    }
    if (n > end - i) return 1;
    const start = o;
    o = writeAny(p, code, i, n, o, toEnd);
    if (o <= 1) return o;
    i += n;
    store<u32>(entries + (k << 3), start);
    store<u32>(entries + (k << 3), o - start, 4);
  }
  store<u32>(p, entries, DICTIONARY);
  store<u32>(p, count, ENTRIES);
  return o;
}

/** A value of n bytes at i: where its JSON ends, 0 without room, 1 if it is none. */
// @ts-ignore: decorator
@inline function writeAny(p: u32, code: u32, i: u32, n: u32, o: u32, limit: u32): u32 {
  if (code == TEXT) {
    if (<u64>o + <u64>n * 6 + 32 > <u64>limit && <u64>o + escapedSize(i, n) + 32 > <u64>limit) return 0;
    store<u8>(o, 34);
    o = writeEscaped(i, n, o + 1);
    store<u8>(o, 34);
    return o + 1;
  }
  if (<u64>o + <u64>n * 2 + MARGIN > <u64>limit) return 0;
  const end = writeValue(code, i, n, load<u32>(p, FIRST), load<u32>(p, SECOND), scratch, o);
  return end == 0 ? 1 : end;
}

/** Levels and dictionary numbers of the next rows of each column, as many as all pages have. */
function nextBatch(): u32 {
  let count = BATCH;
  for (let c: u32 = 0; c < columnCount; c++) {
    const left = load<u32>(columns + c * COLUMN, LEFT);
    if (left == 0) {
      column = c;
      return NEED_PAGE;
    }
    count = min(count, left);
  }
  for (let c: u32 = 0, p = columns; c < columnCount; c++, p += COLUMN) {
    column = c;
    store<u32>(p, load<u32>(p, LEFT) - count, LEFT);
    let present = count;
    if (load<u32>(p, NULLABLE) != 0) {
      const levels = load<u32>(p, LEVELS);
      if (!expandBytes(p + LEVEL_STREAM, count, levels)) return BAD_LEVELS;
      present = 0;
      let any: u32 = 0;
      for (let k: u32 = 0; k < count; k++) {
        const level = <u32>load<u8>(levels + k);
        any |= level;
        present += level;
      }
      // A run of equal levels has a whole byte for them.
      if (any > 1) return BAD_LEVELS;
    }
    if (load<u32>(p, IN_DICTIONARY) == 0) continue;
    const indices = load<u32>(p, INDICES), entries = load<u32>(p, ENTRIES);
    if (!expandWords(p + INDEX_STREAM, present, indices)) return BAD_INDICES;
    let largest: u32 = 0;
    for (let k: u32 = 0; k < present; k++) largest = max(largest, load<u32>(indices + (k << 2)));
    if (present != 0 && largest >= entries) return BAD_INDICES;
    store<u32>(p, indices, AT);
  }
  batchAt = 0;
  batchEnd = count;
  return DONE;
}

/** Puts the columns before c back to where they were before the row. */
function undo(c: u32): void {
  for (let p = columns; c != 0; c--, p += COLUMN) store<u32>(p, load<u32>(p, BEFORE), AT);
}

function writeRow(r: u32, limit: u32): u32 {
  let o = output;
  for (let c: u32 = 0, p = columns; c < columnCount; c++, p += COLUMN) {
    const length = load<u32>(p, KEY_LENGTH);
    let at = load<u32>(p, AT);
    store<u32>(p, at, BEFORE);
    if (<u64>o + length + 64 > <u64>limit) return full(c);
    copy16(o, load<u32>(p, KEY), length);
    o += length;
    if (load<u32>(p, NULLABLE) != 0 && load<u8>(load<u32>(p, LEVELS) + r) == 0) {
      store<u32>(o, 0x6c6c756e);
      o += 4;
      continue;
    }
    if (load<u32>(p, IN_DICTIONARY) != 0) {
      const entry = load<u32>(p, DICTIONARY) + (load<u32>(at) << 3);
      const size = load<u32>(entry, 4);
      if (<u64>o + size + 32 > <u64>limit) return full(c);
      copy16(o, load<u32>(entry), size);
      o += size;
      store<u32>(p, at + 4, AT);
      continue;
    }
    const end = load<u32>(p, END);
    let n = load<u32>(p, WIDTH);
    if (n == 0) {
      if (end - at < 4) return short(c);
      n = load<u32>(at);
      at += 4;
    }
    if (n > end - at) return short(c);
    o = writeAny(p, load<u32>(p, CODE), at, n, o, limit);
    if (o == 0) return full(c);
    if (o == 1) {
      column = c;
      return BAD_VALUE;
    }
    store<u32>(p, at + n, AT);
  }
  store<u64>(o, closing);
  output = o + closingLength;
  return DONE;
}

function full(c: u32): u32 {
  undo(c);
  return FULL;
}

function short(c: u32): u32 {
  undo(c);
  column = c;
  return SHORT_PAGE;
}

/** Writes rows from outputFrom on until `enough` is passed, never beyond outputEnd, at most maxRows. */
export function run(outputFrom: u32, enough: u32, outputEnd: u32, maxRows: u32): u32 {
  output = outputFrom;
  rows = 0;
  while (rows < maxRows) {
    if (batchAt == batchEnd) {
      const status = nextBatch();
      if (status != DONE) return status;
    }
    if (output >= enough) return FULL;
    const status = writeRow(batchAt, outputEnd);
    if (status != DONE) return status;
    batchAt++;
    rows++;
  }
  return DONE;
}
