// NDJSON rows on to lines of COPY's text format, with our own columns before theirs. Of a row that is not the usual one
// (_copy-row.ts) the members are found first, in whatever order they stand, then written in the order of the columns.
// The host (src/kernels/copy.ts) owns the memory and draws its layout there. Input is whole lines, each with its line feed.
import { AFTER, DUPLICATE, fail, found, foundEnd, NOT_OBJECT, problem, skipSpace, stringEnd, unexpected } from './_json';
import { column, fieldStop, kind, writeField, writeNull } from './_copy-field';
import { lineFeed, writeUsual } from './_copy-row';
import { copyPlain } from './_copy-text';
import { writeUnsigned } from './_decimal-text';
import { innerRow, isEscaped, stoppedAt } from './_escaped-row';
import { beginRow, columns, endOfGuess, entries, entryOf, rowNumber } from './_names';

export { addEntry, configure } from './_names';

// What `run` returns, besides the errors of _json.ts; src/kernels/copy.ts has the same table.
const NEED_INPUT: u32 = 0; // all lines are written
const FULL: u32 = 1; // no room for the next row
const NEW_NAME: u32 = 2; // `found` is a name, in its quotes, that no column has

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
    const end = lineFeed(start);
    // A byte becomes two at most; texts to be judged without their escapes lie behind.
    const size = end - start;
    needed = 3 * size + 32 * count + tailLength + 128;
    if (output + needed > outputEnd) return FULL;
    const first = copyPlain(tail, tail + tailLength, writeUnsigned(number, output));
    const scratch = first + 2 * size + 32 * count + 32;
    let o = writeUsual(start, end, count, scratch, first);
    if (o == 0) {
      const status = walk(start);
      if (status != 0) return status;
      o = write(scratch, first);
      if (o == 0) return problem;
    }
    store<u8>(o, 10);
    output = o + 1;
    i = at = end + 1;
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
  const escaped = isEscaped(i);
  if (escaped) {
    i = innerRow(i);
    if (i == 0) return unexpected(stoppedAt);
  }
  i = members(i);
  if (i == 0) return problem;
  i = skipSpace(i);
  if (escaped) {
    if (load<u8>(i) != 125) return unexpected(i);
    i = skipSpace(i + 1);
  }
  if (load<u8>(i) != 10) return fail(AFTER, i, i + 1);
  rowEnd = i + 1;
  return 0;
}

// The members of the object at `i`, into the fields: where it ends, 0 after `fail`.
function members(i: u32): u32 {
  beginRow();
  let guess = entries;
  i = skipSpace(i + 1);
  if (load<u8>(i) == 125) return i + 1;
  while (true) {
    const nameStart = i;
    let entry = guess;
    i = endOfGuess(guess, i);
    if (i == 0) {
      i = nameStart;
      if (load<u8>(i) != 34) { unexpected(i); return 0; }
      i = stringEnd(i + 1);
      if (i == 0) return 0;
      entry = entryOf(nameStart, i);
      if (entry == 0) { fail(NEW_NAME, nameStart, i); return 0; }
    }
    guess = entry + 16;
    const c = load<u32>(entry, 8), state = columns + 16 * c, field = fields + 16 * c;
    if (load<u32>(state, 4) == rowNumber) { fail(DUPLICATE, nameStart, i); return 0; }
    store<u32>(state, rowNumber, 4);
    i = skipSpace(i);
    if (load<u8>(i) != 58) { unexpected(i); return 0; }
    i = skipSpace(i + 1);
    store<u32>(field, i);
    i = fieldStop(i);
    if (i == 0) return 0;
    store<u32>(field, i, 4);
    store<u32>(field, kind, 8);
    i = skipSpace(i);
    const b: u32 = load<u8>(i);
    if (b == 125) return i + 1;
    if (b != 44) { unexpected(i); return 0; }
    i = skipSpace(i + 1);
  }
  return 0;
}

// Writes the fields of the row, each after a tab: where they end, 0 after `fail`.
function write(scratch: u32, o: u32): u32 {
  for (let c: u32 = 0; c < count; c++) {
    const field = fields + 16 * c;
    store<u8>(o++, 9);
    o = load<u32>(columns + 16 * c, 4) == rowNumber
      ? writeField(c, load<u32>(field), load<u32>(field, 4), load<u32>(field, 8), scratch, o)
      : writeNull(o);
    if (o == 0) return 0;
  }
  return o;
}
