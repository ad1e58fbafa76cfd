// Finding the end of one record, in as many steps as its bytes arrive: for a file's first record, for one larger
// than a step, and for one that is not right (so quotes out of place are taken for text).

const QUOTE: u32 = 34;
const LF: u32 = 10;
const CR: u32 = 13;

const FIELD: u32 = 0; // at the start of a field
const PLAIN: u32 = 1;
const QUOTED: u32 = 2;
const QUOTE_IN_QUOTED: u32 = 3;
const AFTER_CR: u32 = 4;

let delimiter: u32 = 44;
let state: u32 = FIELD;
let afterCr: bool = false; // inside quotes
let next: u32 = 0;
let textEnd: u32 = 0;
let fields: u32 = 0;
let lines: u32 = 0;
let lastEnd: u32 = 0;

/** Before the first `measure` of a record. */
export function startMeasure(delimiterByte: u32): void {
  delimiter = delimiterByte;
  state = FIELD;
  afterCr = false;
  fields = 1;
  lines = 0;
}

/** Where the next record begins; before the end is found, where to go on. */
export function getNext(): u32 { return next; }
/** Where the record's text ends. */
export function getTextEnd(): u32 { return textEnd; }
export function getFieldCount(): u32 { return fields; }
/** Its line ends, also those in quotes. */
export function getLineCount(): u32 { return lines; }
/** Whether the record ended in a CR without LF. */
export function endedByCr(): bool { return lastEnd == CR; }

/**
 * Goes on from `i`, which is where the last call stopped (`getNext`). True when the record's end is found. `final`:
 * nothing comes after `inputEnd`. `anyCr`: a CR without LF ends a record.
 */
export function measure(i: u32, inputEnd: u32, final: bool, anyCr: bool): bool {
  let s = state;
  while (i < inputEnd) {
    const b: u32 = load<u8>(i);
    if (s == AFTER_CR) {
      if (b == LF) return endRecord(i - 1, i + 1, LF);
      if (anyCr) return endRecord(i - 1, i, CR);
      s = PLAIN;
    }
    i++;
    if (s == QUOTED) {
      if (b == QUOTE) s = QUOTE_IN_QUOTED;
      else if (b == CR || (b == LF && !afterCr)) lines++;
      afterCr = b == CR;
    } else if (b == LF) return endRecord(i - 1, i, LF);
    else if (b == CR) s = AFTER_CR;
    else if (b == delimiter) {
      fields++;
      s = FIELD;
    } else if (b == QUOTE && (s == FIELD || s == QUOTE_IN_QUOTED)) s = QUOTED;
    else s = PLAIN;
  }
  next = i;
  state = s;
  if (!final) return false;
  if (s == AFTER_CR) return endRecord(inputEnd - 1, inputEnd, CR);
  textEnd = inputEnd;
  lastEnd = 0;
  return true;
}

// The record ends in `by`, behind `end`.
function endRecord(end: u32, nextAt: u32, by: u32): bool {
  textEnd = end;
  next = nextAt;
  lastEnd = by;
  lines++;
  return true;
}
