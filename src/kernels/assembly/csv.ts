// CSV records to NDJSON rows, 16 bytes at a time: copy, look for a byte that needs care, go on at that byte.
// The host (src/kernels/csv.ts) owns the memory and draws its layout there. Every buffer is followed by at least
// 64 bytes that may be read and written without meaning.
import { copy16 } from './_copy16';
import { writeEscape } from './_json-text';
import { isTyped } from './_typed';

export { endedByCr, getFieldCount, getLineCount, getNext, getTextEnd, measure, startMeasure } from './_csv-measure';

// What `run` returns; src/kernels/csv.ts has the same table.
const NEED_INPUT: u32 = 0; // all whole records are written
const ROWS_FULL: u32 = 1; // enough for a run
const OUTPUT_FULL: u32 = 2; // the record at `at` does not fit into the output that is left
const TOO_FEW: u32 = 3;
const TOO_MANY: u32 = 4;
const BARE_QUOTE: u32 = 5;
const AFTER_QUOTE: u32 = 6;
const UNTERMINATED: u32 = 7;
const NUL: u32 = 8;
const BARE_CR: u32 = 9;
const WRONG_TYPE: u32 = 10;

const QUOTE: u32 = 34;
const LF: u32 = 10;
const CR: u32 = 13;

let delimiter: u32 = 44;
let columns: u32 = 0;
let count: u32 = 0;
let nullText: u32 = 0;
let nullLength: u32 = 0;
let quotedEmptyIsNull: bool = false;
let crEnds: bool = false;
let closing: u32 = 0x0a7d;
let closingLength: u32 = 2;

/**
 * `columnTable`: for each column 16 bytes: where its key text is, the length of that, its type, the type's limits.
 * `closingBytes`: what ends a row, its first byte lowest.
 */
export function configure(
  delimiterByte: u32, columnTable: u32, columnCount: u32, nullAt: u32, nullBytes: u32,
  emptyIsNull: bool, lonelyCr: bool, closingBytes: u32, closingBytesLength: u32,
): void {
  delimiter = delimiterByte;
  columns = columnTable;
  count = columnCount;
  nullText = nullAt;
  nullLength = nullBytes;
  quotedEmptyIsNull = emptyIsNull;
  crEnds = lonelyCr;
  closing = closingBytes;
  closingLength = closingBytesLength;
}

let at: u32 = 0;
let outputAt: u32 = 0;
let rows: u32 = 0;
let lines: u32 = 0;
let column: u32 = 0;
let found: u32 = 0;
let foundEnd: u32 = 0;

/** Where the first record begins that has not been written. */
export function getAt(): u32 { return at; }
/** The end of the rows written. */
export function getOutputAt(): u32 { return outputAt; }
export function getRows(): u32 { return rows; }
/** Line ends in what has been read before `at`. */
export function getLines(): u32 { return lines; }
/** Of an error: the column it is in. */
export function getColumn(): u32 { return column; }
/** Of an error: the byte it is at; of a wrong type: the field's text. */
export function getFound(): u32 { return found; }
export function getFoundEnd(): u32 { return foundEnd; }

@inline function isNullText(start: u32, length: u32): bool {
  if (length != nullLength) return false;
  for (let k: u32 = 0; k < length; k++) if (load<u8>(start + k) != load<u8>(nullText + k)) return false;
  return true;
}

@inline function fail(code: u32, c: u32, from: u32, to: u32): u32 {
  column = c;
  found = from;
  foundEnd = to;
  return code;
}

/**
 * Writes the whole records between `input` and `inputEnd` as rows from `output` on, until they reach `enough`
 * bytes or `maxRows`. `final`: nothing comes after `inputEnd`. Stops before a record that is not right.
 */
export function run(input: u32, inputEnd: u32, output: u32, enough: u32, outputEnd: u32, final: bool, maxRows: u32): u32 {
  const D = i8x16.splat(<i8>delimiter), Q = i8x16.splat(34), B = i8x16.splat(92), SPACE = i8x16.splat(32);
  const limit = outputEnd - 64;
  let i = input, o = output;
  at = input;
  outputAt = output;
  rows = 0;
  lines = 0;
  while (true) {
    if (i >= inputEnd) return NEED_INPUT;
    if (o >= enough || rows == maxRows) return ROWS_FULL;
    let b: u32 = load<u8>(i);
    // An empty line says nothing, unless there is but one column.
    if (count > 1) {
      if (b == LF) { at = ++i; lines++; continue; }
      if (b == CR) {
        if (i + 1 >= inputEnd && !final) return NEED_INPUT;
        if (i + 1 < inputEnd && load<u8>(i + 1) == LF) { at = i += 2; lines++; continue; }
        if (crEnds) { at = ++i; lines++; continue; }
      }
    }
    let c: u32 = 0, entry = columns, newLines: u32 = 1;
    while (true) {
      if (c >= count) return fail(TOO_MANY, c, i, i);
      const key = load<u32>(entry), keyLength = load<u32>(entry, 4), type = load<u32>(entry, 8);
      if (o + keyLength > limit) return OUTPUT_FULL;
      copy16(o, key, keyLength);
      o += keyLength;
      const opening = o;
      store<u8>(o++, 34);
      let start = i, stop: u32, isNull: bool;
      if (i < inputEnd && load<u8>(i) == QUOTE) {
        let closed = false;
        start = ++i;
        while (true) {
          const v = v128.load(i);
          v128.store(o, v);
          const m: u32 = i8x16.bitmask(v128.or(v128.or(i8x16.eq(v, Q), i8x16.eq(v, B)), i8x16.lt_u(v, SPACE)));
          if (m == 0) {
            i += 16;
            o += 16;
            if (i >= inputEnd || o > limit) break;
            continue;
          }
          const k = ctz(m);
          i += k;
          o += k;
          if (i >= inputEnd || o > limit) break;
          b = load<u8>(i);
          if (b == QUOTE) {
            if (i + 1 < inputEnd && load<u8>(i + 1) == QUOTE) {
              store<u16>(o, 0x225c);
              o += 2;
              i += 2;
              continue;
            }
            closed = true;
            break;
          }
          if (b == 0) return fail(NUL, c, i, i + 1);
          if (b == LF) newLines++;
          else if (b == CR && !(i + 1 < inputEnd && load<u8>(i + 1) == LF)) newLines++;
          o = writeEscape(b, o);
          i++;
        }
        if (!closed) {
          if (i < inputEnd) return OUTPUT_FULL;
          return final ? fail(UNTERMINATED, c, start - 1, start) : NEED_INPUT;
        }
        stop = i++;
        b = LF;
        if (i < inputEnd) {
          b = load<u8>(i);
          if (b != delimiter && b != LF && b != CR) return fail(AFTER_QUOTE, c, i, i + 1);
        } else if (!final) return NEED_INPUT;
        isNull = stop == start && quotedEmptyIsNull;
      } else {
        while (true) {
          const v = v128.load(i);
          v128.store(o, v);
          const m: u32 = i8x16.bitmask(
            v128.or(v128.or(i8x16.eq(v, D), i8x16.lt_u(v, SPACE)), v128.or(i8x16.eq(v, Q), i8x16.eq(v, B))),
          );
          if (m == 0) {
            i += 16;
            o += 16;
            if (i >= inputEnd || o > limit) break;
            continue;
          }
          const k = ctz(m);
          i += k;
          o += k;
          if (i >= inputEnd) break;
          b = load<u8>(i);
          if (b == delimiter || b == LF || b == CR) break;
          if (b == QUOTE) return fail(BARE_QUOTE, c, i, i + 1);
          if (b == 0) return fail(NUL, c, i, i + 1);
          if (o > limit) break;
          o = writeEscape(b, o);
          i++;
        }
        if (i >= inputEnd) {
          if (!final) return NEED_INPUT;
          o -= i - inputEnd;
          i = inputEnd;
          b = LF;
        } else if (o > limit) return OUTPUT_FULL;
        stop = i;
        isNull = isNullText(start, stop - start);
      }
      if (isNull) {
        store<u32>(opening, 0x6c6c756e);
        o = opening + 4;
      } else {
        if (type != 0 && !isTyped(type, load<u32>(entry, 12), start, stop)) return fail(WRONG_TYPE, c, start, stop);
        store<u8>(o++, 34);
      }
      if (b == delimiter) {
        i++;
        c++;
        entry += 16;
        continue;
      }
      // The end of the record; at the end of the input it needs no line end.
      if (i < inputEnd) {
        if (b == CR) {
          if (i + 1 >= inputEnd) {
            if (!final) return NEED_INPUT;
            if (!crEnds) return fail(BARE_CR, c, i, i + 1);
          } else if (load<u8>(i + 1) == LF) i++;
          else if (!crEnds) return fail(BARE_CR, c, i, i + 1);
        }
        i++;
      }
      if (c + 1 != count) return fail(TOO_FEW, c, i, i);
      store<u32>(o, closing);
      o += closingLength;
      break;
    }
    rows++;
    lines += newLines;
    at = i;
    outputAt = o;
  }
}
