// NDJSON lines, each checked to be one JSON object, on to rows: a line leaves as it came, except that numbers which
// a double cannot hold become strings and a row with a member `$` is wrapped. The host (src/kernels/jsonl.ts) owns
// the memory and draws its layout there. Input is whole lines, each with its line feed.
import {
  AFTER, DEPTH, digits, DUPLICATE, fail, found, foundEnd, hasEscape, isWhole, literalEnd, magnitude, NOT_OBJECT,
  numberEnd, problem, skipSpace, stringEnd, unexpected, WRONG_TYPE,
} from './_json';
import { addNested, beginRow, columns, endOfGuess, entries, entryOf, newObject, rowNumber, stack } from './_names';
import { BOOLEAN, isTyped } from './_typed';

export { addEntry, configure } from './_names';

// What `run` returns, besides the errors of _json.ts; src/kernels/jsonl.ts has the same table.
const NEED_INPUT: u32 = 0; // all lines are written
const ROWS_FULL: u32 = 1; // enough for a run
const NEW_NAME: u32 = 2; // `found` is a name of the row, in its quotes, that no column has
const NEW_TYPE: u32 = 3; // `found` is a number that must become a string, in a column whose flags do not allow that
const ESCAPED_NAMES: u32 = 4; // nested names with escapes: the host must count them, `getMembers` is how many

// Flags of a column.
const AS_BIGINT: u32 = 1; // inexact 64-bit integers become strings
const AS_DECIMAL: u32 = 2; // all inexact numbers become strings
const ALL_STRINGS: u32 = 4; // all numbers become strings
const DOLLAR: u32 = 8; // the column is called `$`

const MAX_DEPTH: u32 = 1000;

/** Whether the literal between two positions keeps its value in a double (src/wire/exact.ts). */
// @ts-ignore: decorator
@external("env", "isExact")
declare function isExact(start: u32, stop: u32): bool;

let at: u32 = 0;
let rows: u32 = 0;
let lines: u32 = 0;
let column: u32 = 0;
let members: u32 = 0;

/** Where the first line begins that has not been written. */
export function getAt(): u32 { return at; }
/** The end of the rows written. */
export function getOutputAt(): u32 { return output; }
export function getRows(): u32 { return rows; }
/** Lines before `at`, blank ones too. */
export function getLines(): u32 { return lines; }
/** The bytes that the status is about. */
export function getFound(): u32 { return found; }
export function getFoundEnd(): u32 { return foundEnd; }
/** The column of NEW_TYPE and WRONG_TYPE. */
export function getColumn(): u32 { return column; }
/** How many names stand in the row and in its objects. */
export function getMembers(): u32 { return members; }

let output: u32 = 0;
let segment: u32 = 0; // input from here on is still to be copied to the output
let rowOutput: u32 = 0; // where the row will begin once it is copied
let rowEnd: u32 = 0; // where the row's object ends
let afterLine: u32 = 0; // after its line feed
let altered: bool = false; // the line feed does not follow the object directly
let escapedNames: bool = false;

@inline function flush(to: u32): void {
  memory.copy(output, segment, to - segment);
  output += to - segment;
  segment = to;
}

function quote(start: u32, stop: u32): void {
  flush(start);
  store<u8>(output++, 34);
  flush(stop);
  store<u8>(output++, 34);
}

/**
 * Writes the lines between `input` and `inputEnd` as rows from `outputStart` on, until they reach `enough` or
 * `maxRows`. The output must have room for four times the input. Stops before a line that needs something.
 * `namesCounted`: the host has counted the names in the first row, and each is there once.
 */
export function run(input: u32, inputEnd: u32, outputStart: u32, enough: u32, maxRows: u32, namesCounted: bool): u32 {
  let i = input;
  output = outputStart;
  segment = input;
  at = input;
  rows = 0;
  lines = 0;
  let status = NEED_INPUT;
  while (i < inputEnd) {
    if (output + (i - segment) >= enough || rows == maxRows) { status = ROWS_FULL; break; }
    let start = i;
    if (load<u8>(i) != 123) {
      // Space before a row, and a line with nothing else on it, is left out.
      flush(i);
      start = skipSpace(i);
      segment = start;
      if (load<u8>(start) == 10) {
        segment = at = i = start + 1;
        lines++;
        continue;
      }
    }
    const oldSegment = segment, oldOutput = output;
    rowOutput = output + (start - segment);
    status = row(start);
    if (status == 0 && escapedNames && !(namesCounted && rows == 0)) status = fail(ESCAPED_NAMES, start, rowEnd);
    if (status != 0) {
      // What has been written of this row does not count.
      segment = oldSegment;
      output = oldOutput;
      break;
    }
    i = at = afterLine;
    if (altered) {
      flush(rowEnd);
      store<u8>(output++, 10);
      segment = i;
    }
    rows++;
    lines++;
  }
  if (segment < at) flush(at);
  return status;
}

// The row whose object begins at `i`, and the rest of its line: 0, or what is the matter.
function row(i: u32): u32 {
  beginRow();
  members = 0;
  escapedNames = false;
  let wrapped = false, guess = entries;
  if (load<u8>(i) != 123) return fail(NOT_OBJECT, i, i + 1);
  i = skipSpace(i + 1);
  if (load<u8>(i) == 125) i++;
  else while (true) {
    const nameStart = i;
    let entry = guess;
    // Most often it is the name after the last one.
    i = endOfGuess(guess, i);
    if (i == 0) {
      i = nameStart;
      if (load<u8>(i) != 34) return unexpected(i);
      i = stringEnd(i + 1);
      if (i == 0) return problem;
      entry = entryOf(nameStart, i);
      if (entry == 0) return fail(NEW_NAME, nameStart, i);
    }
    members++;
    guess = entry + 16;
    column = load<u32>(entry, 8);
    const state = columns + 16 * column;
    const flags = load<u32>(state);
    if (load<u32>(state, 4) == rowNumber) return fail(DUPLICATE, nameStart, i);
    store<u32>(state, rowNumber, 4);
    if ((flags & DOLLAR) != 0) wrapped = true;
    i = skipSpace(i);
    if (load<u8>(i) != 58) return unexpected(i);
    i = skipSpace(i + 1);
    let b: u32 = load<u8>(i);
    const start = i, type = load<u32>(state, 8);
    if (b == 34) {
      i = stringEnd(i + 1);
      if (i == 0) return problem;
      // One with escapes is left to the target to judge.
      if (type != 0 && !hasEscape && !isTyped(type, load<u32>(state, 12), start + 1, i - 1)) {
        return fail(WRONG_TYPE, start, i);
      }
    } else if (b == 45 || b - 48 < 10) {
      i = numberEnd(i);
      if (i == 0) return problem;
      if (type != 0 && !isTyped(type, load<u32>(state, 12), start, i)) return fail(WRONG_TYPE, start, i);
      if ((flags & ALL_STRINGS) != 0) quote(start, i);
      else if (!isExactNumber(start, i)) {
        const enough = isWhole && isInt64(start, i) ? AS_BIGINT | AS_DECIMAL : AS_DECIMAL;
        if ((flags & enough) == 0) return fail(NEW_TYPE, start, i);
        quote(start, i);
      }
    } else {
      i = b == 123 || b == 91 ? nestedEnd(i) : literalEnd(i);
      if (i == 0) return problem;
      // null is of every type.
      if (type != 0 && b != 110 && !(type == BOOLEAN && (b == 116 || b == 102))) return fail(WRONG_TYPE, start, i);
    }
    i = skipSpace(i);
    b = load<u8>(i);
    if (b == 125) {
      i++;
      break;
    }
    if (b != 44) return unexpected(i);
    i = skipSpace(i + 1);
  }
  rowEnd = i;
  altered = load<u8>(i) != 10;
  if (altered) {
    i = skipSpace(i);
    if (load<u8>(i) != 10) return fail(AFTER, i, i + 1);
  }
  afterLine = i + 1;
  if (wrapped) wrap();
  return 0;
}

// Puts `{"$":"row","row":` before the row and `}` after it. That is rare, so what has been written of it is moved.
function wrap(): void {
  flush(rowEnd);
  memory.copy(rowOutput + 17, rowOutput, output - rowOutput);
  store<u64>(rowOutput, 0x6f72223a2224227b);
  store<u64>(rowOutput, 0x22776f72222c2277, 8);
  store<u8>(rowOutput, 58, 16);
  output += 17;
  store<u8>(output++, 125);
  altered = true;
}

// Where the object or array that opens at `i` ends.
function nestedEnd(i: u32): u32 {
  let depth: u32 = 0; // on the stack, which the row's own object is not
  while (true) {
    // At a value.
    const b: u32 = load<u8>(i);
    if (b == 34) {
      i = stringEnd(i + 1);
      if (i == 0) return 0;
    } else if (b == 45 || b - 48 < 10) {
      const start = i;
      i = numberEnd(i);
      if (i == 0) return 0;
      if (!isExactNumber(start, i)) quote(start, i);
    } else if (b == 123 || b == 91) {
      if (depth + 2 > MAX_DEPTH) { fail(DEPTH, i, i + 1); return 0; }
      const object = b == 123 ? newObject() : 0;
      store<u32>(stack + 4 * depth++, object);
      i = skipSpace(i + 1);
      if (load<u8>(i) != b + 2) {
        if (b == 123) {
          i = nestedName(i, object);
          if (i == 0) return 0;
        }
        continue;
      }
      depth--;
      i++;
    } else {
      i = literalEnd(i);
      if (i == 0) return 0;
    }
    // After a value.
    while (true) {
      if (depth == 0) return i;
      const object = load<u32>(stack + 4 * (depth - 1));
      i = skipSpace(i);
      const b: u32 = load<u8>(i);
      if (b == 44) {
        i = skipSpace(i + 1);
        if (object != 0) {
          i = nestedName(i, object);
          if (i == 0) return 0;
        }
        break;
      }
      if (b != (object != 0 ? 125 : 93)) { unexpected(i); return 0; }
      i++;
      depth--;
    }
  }
}

// A name and its colon: where the value begins.
function nestedName(i: u32, object: u32): u32 {
  if (load<u8>(i) != 34) { unexpected(i); return 0; }
  const start = i;
  i = stringEnd(i + 1);
  if (i == 0) return 0;
  members++;
  if (hasEscape) escapedNames = true;
  const code = addNested(object, start, i);
  if (code != 0) { fail(code, start, i); return 0; }
  i = skipSpace(i);
  if (load<u8>(i) != 58) { unexpected(i); return 0; }
  return skipSpace(i + 1);
}

// Whether the number just read keeps its value in a double. With up to 15 digits it always does, with more than 17
// never, for that is a double's precision (IEEE 754), unless the exponent nears the end of its range.
@inline function isExactNumber(start: u32, stop: u32): bool {
  if (digits == 0) return true;
  if (magnitude > -290 && magnitude < 300) {
    if (digits <= 15) return true;
    if (digits > 17) return false;
  }
  return isExact(start, stop);
}

function isInt64(start: u32, stop: u32): bool {
  const negative = load<u8>(start) == 45;
  if (negative) start++;
  if (stop - start > 19) return false;
  let value: u64 = 0;
  for (let i = start; i < stop; i++) value = value * 10 + (<u64>load<u8>(i) - 48);
  return value <= <u64>i64.MAX_VALUE + u64(negative);
}
