// NDJSON rows on to lines of COPY's text format, with our own columns before theirs. A row's members are found first,
// in whatever order they stand, then written in the order of the columns. The host (src/kernels/copy.ts) owns the memory
// and draws its layout there. Input is whole lines, each with its line feed.
import {
  AFTER, digits, DUPLICATE, fail, found, foundEnd, hasEscape, isWhole, magnitude, NOT_OBJECT, numberEnd, problem,
  skipSpace, stringEnd, SURROGATE, unexpected,
} from './_json';
import { copyBytes, copyEscaped, copyPlain, copyUnescaped, hasNulEscape, sawNul } from './_copy-text';
import { writeUnsigned } from './_decimal-text';
import { isJson, valueEnd } from './_json-any';
import { beginRow, columns, entries, entryOf, rowNumber } from './_names';
import { BYTES, DECIMAL, DOUBLE, isPlain, JSON, TEXT, UNKNOWN } from './_plain-forms';

export { addEntry, configure } from './_names';

// What `run` returns, besides the errors of _json.ts; src/kernels/copy.ts has the same table.
const NEED_INPUT: u32 = 0; // all lines are written
const FULL: u32 = 1; // no room for the next row
const NEW_NAME: u32 = 2; // `found` is a name, in its quotes, that no column has
const WRONG_VALUE: u32 = 17; // `found` is no value of the column's type
const NUL: u32 = 18;

// What a value is, in `kind` of a field.
const STRING: u32 = 1;
const ESCAPED: u32 = 2; // a string with a backslash in it
const ODD: u32 = 4; // a number that JavaScript would print in another form, such as 1.0 and 1e3
const NULL: u32 = 8;

/** Whether a text is a value of the column's type. */
// @ts-ignore: decorator
@external("env", "judge")
declare function judge(column: u32, start: u32, stop: u32): bool;
/** Writes a number at `to` as JavaScript prints it; the end of it. */
// @ts-ignore: decorator
@external("env", "print")
declare function print(start: u32, stop: u32, to: u32): u32;

let fields: u32 = 0; // start, stop, kind, 0 of each column's value in the row
let count: u32 = 0; // of columns
let tail: u32 = 0; // what follows the row's number in each line
let tailLength: u32 = 0;

export function prepare(fieldTable: u32, columnCount: u32, tailText: u32, tailBytes: u32): void {
  fields = fieldTable;
  count = columnCount;
  tail = tailText;
  tailLength = tailBytes;
}

let at: u32 = 0;
let rows: u32 = 0;
let output: u32 = 0;
let column: u32 = 0;
let needed: u32 = 0;
let rowEnd: u32 = 0;

/** Where the first line begins that has not been written. */
export function getAt(): u32 { return at; }
/** The end of the lines written. */
export function getOutputAt(): u32 { return output; }
export function getRows(): u32 { return rows; }
export function getFound(): u32 { return found; }
export function getFoundEnd(): u32 { return foundEnd; }
export function getColumn(): u32 { return column; }
/** Of FULL: how much room the row wants. */
export function getNeeded(): u32 { return needed; }

/** Writes the lines between `input` and `inputEnd`, the first one with the number `row`. Stops before a line that needs something. */
export function run(input: u32, inputEnd: u32, outputStart: u32, outputEnd: u32, row: f64): u32 {
  let i = input, number = <u64>row;
  at = input;
  output = outputStart;
  rows = 0;
  while (i < inputEnd) {
    const start = skipSpace(i);
    if (load<u8>(start) == 10) {
      at = i = start + 1;
      continue;
    }
    let status = walk(start);
    if (status != 0) return status;
    // A byte becomes two at most; texts to be judged without their escapes lie behind.
    const size = rowEnd - start;
    needed = 3 * size + 32 * count + tailLength + 128;
    if (output + needed > outputEnd) return FULL;
    const before = output;
    output = copyPlain(tail, tail + tailLength, writeUnsigned(number, output));
    status = write(output + 2 * size + 32 * count + 32);
    if (status != 0) {
      output = before;
      return status;
    }
    i = at = rowEnd;
    rows++;
    number++;
  }
  return NEED_INPUT;
}

/** Looks at the members of the lines between `input` and `inputEnd` and writes nothing. Stops before a line with one that no column has. */
export function look(input: u32, inputEnd: u32): u32 {
  let i = input;
  at = input;
  rows = 0;
  while (i < inputEnd) {
    const start = skipSpace(i);
    if (load<u8>(start) == 10) {
      at = i = start + 1;
      continue;
    }
    const status = walk(start);
    if (status != 0) return status;
    i = at = rowEnd;
    rows++;
  }
  return NEED_INPUT;
}

// Finds the members of the row at `i`, up to after its line feed.
function walk(i: u32): u32 {
  if (load<u8>(i) != 123) return fail(NOT_OBJECT, i, i + 1);
  const inner = innerRow(i);
  if (inner == 0) return problem;
  i = members(inner);
  if (i == 0) return problem;
  i = skipSpace(i);
  if (inner != rowStart) {
    if (load<u8>(i) != 125) return unexpected(i);
    i = skipSpace(i + 1);
  }
  if (load<u8>(i) != 10) return fail(AFTER, i, i + 1);
  rowEnd = i + 1;
  return 0;
}

let rowStart: u32 = 0;

// A row whose first member is `$` is the wrapping of another one: where that begins.
function innerRow(i: u32): u32 {
  rowStart = i;
  const name = skipSpace(i + 1);
  if ((load<u32>(name) & 0xffffff) != 0x222422) return i; // "$"
  let j = skipSpace(name + 3);
  if (load<u8>(j) != 58) { unexpected(j); return 0; }
  j = skipSpace(j + 1);
  // "row"
  if (load<u32>(j) != 0x776f7222 || load<u8>(j + 4) != 34) { unexpected(j); return 0; }
  j = skipSpace(j + 5);
  if (load<u8>(j) != 44) { unexpected(j); return 0; }
  j = skipSpace(j + 1);
  if (load<u32>(j) != 0x776f7222 || load<u8>(j + 4) != 34) { unexpected(j); return 0; }
  j = skipSpace(j + 5);
  if (load<u8>(j) != 58) { unexpected(j); return 0; }
  j = skipSpace(j + 1);
  if (load<u8>(j) != 123) { fail(NOT_OBJECT, j, j + 1); return 0; }
  return j;
}

// The members of the object at `i`, into the fields: where it ends, 0 after `fail`.
function members(i: u32): u32 {
  beginRow();
  let guess = entries;
  i = skipSpace(i + 1);
  if (load<u8>(i) == 125) return i + 1;
  while (true) {
    const nameStart = i;
    if (load<u8>(i) != 34) { unexpected(i); return 0; }
    i = stringEnd(i + 1);
    if (i == 0) return 0;
    const entry = entryOf(nameStart, i, guess);
    if (entry == 0) { fail(NEW_NAME, nameStart, i); return 0; }
    guess = entry + 16;
    const c = load<u32>(entry, 8), state = columns + 16 * c, field = fields + 16 * c;
    if (load<u32>(state, 4) == rowNumber) { fail(DUPLICATE, nameStart, i); return 0; }
    store<u32>(state, rowNumber, 4);
    i = skipSpace(i);
    if (load<u8>(i) != 58) { unexpected(i); return 0; }
    i = skipSpace(i + 1);
    store<u32>(field, i);
    let b: u32 = load<u8>(i), kind: u32 = 0;
    if (b == 34) {
      i = stringEnd(i + 1);
      kind = hasEscape ? STRING | ESCAPED : STRING;
    } else if (b == 45 || b - 48 < 10) {
      const start = i;
      i = numberEnd(i);
      if (i != 0 && !isWhole && (<i32>digits <= magnitude || digits == 0 || hasExponent(start, i))) kind = ODD;
    } else {
      i = valueEnd(i, false);
      if (b == 110) kind = NULL;
    }
    if (i == 0) return 0;
    store<u32>(field, i, 4);
    store<u32>(field, kind, 8);
    i = skipSpace(i);
    b = load<u8>(i);
    if (b == 125) return i + 1;
    if (b != 44) { unexpected(i); return 0; }
    i = skipSpace(i + 1);
  }
  return 0;
}

function hasExponent(i: u32, stop: u32): bool {
  for (; i < stop; i++) if ((load<u8>(i) | 32) == 101) return true;
  return false;
}

// Writes the fields of the row: 0, or what is the matter.
function write(scratch: u32): u32 {
  let o = output;
  for (let c: u32 = 0; c < count; c++) {
    const state = columns + 16 * c, field = fields + 16 * c;
    const kind = load<u32>(field, 8);
    store<u8>(o++, 9);
    if (load<u32>(state, 4) != rowNumber || kind == NULL) {
      store<u16>(o, 0x4e5c); // \N
      o += 2;
      continue;
    }
    const code = load<u32>(state, 8);
    let start = load<u32>(field), stop = load<u32>(field, 4);
    column = c;
    if (code <= UNKNOWN) {
      if (kind == STRING) o = copyPlain(start + 1, stop - 1, o);
      else if ((kind & STRING) != 0) {
        o = copyUnescaped(start + 1, stop - 1, o, false);
        if (sawNul) return fail(NUL, start, stop);
      } else if (kind == ODD && code != TEXT) o = print(start, stop, o);
      else o = copyEscaped(start, stop, o);
      continue;
    }
    if (code == JSON) {
      o = json(start, stop, kind, scratch, o);
      if (o == 0) return problem;
      continue;
    }
    const from = start, to = stop;
    if ((kind & STRING) != 0) {
      start++;
      stop--;
      if ((kind & ESCAPED) != 0) {
        stop = copyUnescaped(start, stop, scratch, true);
        start = scratch;
      }
    } else if (kind == ODD && code != DECIMAL && code != DOUBLE) {
      stop = print(start, stop, scratch);
      start = scratch;
    }
    if (code == BYTES) {
      o = (kind & STRING) != 0 ? copyBytes(start, stop, o) : 0;
      if (o == 0) return fail(WRONG_VALUE, from, to);
      continue;
    }
    if (!isPlain(code, load<u32>(state, 12), start, stop) && !judge(c, start, stop)) {
      return fail(WRONG_VALUE, from, to);
    }
    o = copyEscaped(start, stop, o);
  }
  store<u8>(o++, 10);
  output = o;
  return 0;
}

// A value of a JSON column: a string that holds JSON is that JSON, any other value is itself.
function json(start: u32, stop: u32, kind: u32, scratch: u32, o: u32): u32 {
  let from = start, to = stop;
  if ((kind & STRING) != 0) {
    const end = copyUnescaped(start + 1, stop - 1, scratch, true);
    if (isJson(scratch, end)) {
      from = scratch;
      to = end;
    } else if (end > scratch && problem == SURROGATE && foundEnd > scratch && foundEnd <= end + 6) {
      fail(SURROGATE, start, stop);
      return 0;
    }
  }
  if (hasNulEscape(from, to)) { fail(NUL, start, stop); return 0; }
  return copyEscaped(from, to, o);
}
