// NDJSON lines, each checked to be one JSON object, on to rows: a line leaves as it came, except that numbers which
// a double cannot hold become strings and a row with a member `$` is escaped. The host (src/kernels/jsonl.ts) owns
// the memory and draws its layout there. Input is whole lines, each with its line feed.
import { escapeRow } from './_escaped-row';
import { isExactNumber, isInt64 } from './_exact-number';
import {
  AFTER, DUPLICATE, fail, found, foundEnd, hasEscape, isWhole, literalEnd, NOT_OBJECT, numberEnd, problem, skipSpace,
  stringEnd, unexpected, WRONG_TYPE,
} from './_json';
import { forgetNested, nestedEnd, nestedEscapes, nestedNames } from './_jsonl-nested';
import { flush, output, put, quote, segment, setOutput, setSegment } from './_jsonl-output';
import { beginRow, columns, endOfGuess, entries, entryOf, rowNumber } from './_names';
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

let at: u32 = 0;
let rows: u32 = 0;
let lines: u32 = 0;
let column: u32 = 0;
let names: u32 = 0; // of the row itself

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
export function getMembers(): u32 { return names + nestedNames; }

let rowOutput: u32 = 0; // where the row will begin once it is copied
let rowEnd: u32 = 0; // where the row's object ends
let afterLine: u32 = 0; // after its line feed
let altered: bool = false; // the line feed does not follow the object directly

/**
 * Writes the lines between `input` and `inputEnd` as rows from `outputStart` on, until they reach `enough` or
 * `maxRows`. The output must have room for four times the input. Stops before a line that needs something.
 * `namesCounted`: the host has counted the names in the first row, and each is there once.
 */
export function run(input: u32, inputEnd: u32, outputStart: u32, enough: u32, maxRows: u32, namesCounted: bool): u32 {
  let i = input;
  setOutput(outputStart);
  setSegment(input);
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
      setSegment(start);
      if (load<u8>(start) == 10) {
        at = i = start + 1;
        setSegment(i);
        lines++;
        continue;
      }
    }
    const oldSegment = segment, oldOutput = output;
    rowOutput = output + (start - segment);
    status = row(start);
    if (status == 0 && nestedEscapes && !(namesCounted && rows == 0)) status = fail(ESCAPED_NAMES, start, rowEnd);
    if (status != 0) {
      // What has been written of this row does not count.
      setSegment(oldSegment);
      setOutput(oldOutput);
      break;
    }
    i = at = afterLine;
    if (altered) {
      flush(rowEnd);
      put(10);
      setSegment(i);
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
  forgetNested();
  names = 0;
  let hasDollar = false, guess = entries;
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
    names++;
    guess = entry + 16;
    column = load<u32>(entry, 8);
    const state = columns + 16 * column;
    const flags = load<u32>(state);
    if (load<u32>(state, 4) == rowNumber) return fail(DUPLICATE, nameStart, i);
    store<u32>(state, rowNumber, 4);
    if ((flags & DOLLAR) != 0) hasDollar = true;
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
  if (hasDollar) {
    // That is rare, so what has been written of the row is moved.
    flush(rowEnd);
    setOutput(escapeRow(rowOutput, output));
    altered = true;
  }
  return 0;
}
