// Finds chosen top-level members in NDJSON rows without building anything. Most rows have the members of the row before
// them in the same order: the names of that row are kept, so that they need not be looked for again.
//
// Rows are whole lines. 64 bytes after the input belong to the walk, which ends every string there. A row that is
// not written compactly (blanks between tokens), that names a member with an escape or twice, or that is escaped
// itself (`{"$":"row",…}`) is only delimited and marked: whoever asked parses it.

import { isName } from './_is-name';

/** Of a field's length: the value is a string with a backslash in it. */
export const ESCAPED: u32 = 0x80000000;

const QUOTE: u32 = 34;
const BACKSLASH: u32 = 92;
const NEWLINE: u32 = 10;

let end: u32 = 0;
let sawEscape: bool = false;
/** Where the rows not yet walked begin. */
export let walkedTo: u32 = 0;

/** From the byte after an opening quote to the closing one. */
// @ts-ignore: decorator
@inline
function stringEnd(from: u32): u32 {
  const quotes = i8x16.splat(<i8>QUOTE);
  const backslashes = i8x16.splat(<i8>BACKSLASH);
  let at = from;
  sawEscape = false;
  while (at < end) {
    const bytes = v128.load(at);
    const hits: i32 = i8x16.bitmask(v128.or(i8x16.eq(bytes, quotes), i8x16.eq(bytes, backslashes)));
    if (hits == 0) {
      at += 16;
      continue;
    }
    at += ctz(hits);
    if (load<u8>(at) == <u8>QUOTE) return at;
    sawEscape = true;
    at += 2;
  }
  return end;
}

// @ts-ignore: decorator
@inline
function equal(a: u32, b: u32, length: u32): bool {
  for (let i: u32 = 0; i < length; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false;
  return true;
}

/** The end of an object or array, just behind its last bracket; `end` if there is none. */
function nestedEnd(from: u32): u32 {
  let depth: i32 = 0;
  let at = from;
  while (at < end) {
    const byte: u32 = load<u8>(at);
    if (byte == QUOTE) {
      at = stringEnd(at + 1) + 1;
      continue;
    }
    if (byte == 123 || byte == 91) depth++;
    else if (byte == 125 || byte == 93) {
      depth--;
      if (depth == 0) return at + 1;
    }
    at++;
  }
  return end;
}

/** The end of a value that begins with `byte` and is no string; `end` if there is none. */
// @ts-ignore: decorator
@inline
function otherEnd(from: u32, byte: u32): u32 {
  if (byte == 123 || byte == 91) return nestedEnd(from);
  let at = from;
  while (at < end) {
    const next: u32 = load<u8>(at);
    if (next == 44 || next == 125 || next <= 32) break;
    at++;
  }
  return at;
}

// The shape of the last row that was walked member by member: 16 bytes for each member (text of its name in quotes,
// length, field, 0), then the texts.
const MEMBERS: u32 = 128;
const TEXTS: u32 = 12 * 1024;
let shape: u32 = 0;
/** 0: none is known. */
let members: u32 = 0;
let hasAllFields: bool = false;

/** Where a shape may be kept, of 16 bytes for 128 members and 12 KiB for their names. */
export function setShape(at: u32): void {
  shape = at;
  members = 0;
}

/** Forgets the shape, whose fields are those of other names. */
export function forgetShape(): void {
  members = 0;
}

// The first `count` members stand in the shape, their names still in the row: copies them.
function keepShape(count: u32, fields: u32): void {
  let text = shape + 16 * MEMBERS;
  let found: u32 = 0;
  if (count > MEMBERS) return;
  for (let m: u32 = 0; m < count; m++) {
    const member = shape + 16 * m, length = load<u32>(member, 4);
    if (text + length > shape + 16 * MEMBERS + TEXTS - 16) return;
    memory.copy(text, load<u32>(member), length);
    store<u32>(member, text);
    text += length;
    if (load<u32>(member, 8) < fields) found++;
  }
  members = count;
  hasAllFields = found == fields;
}

/** As `walkRow`, of a row of the shape; 0 for any other. */
// @ts-ignore: decorator
@inline
function walkShape(from: u32, count: u32, fields: u32): u32 {
  const quotes = i8x16.splat(<i8>QUOTE), backslashes = i8x16.splat(<i8>BACKSLASH);
  const last = shape + 16 * members;
  let at = from;
  let before: u32 = 123;
  for (let member = shape; member < last; member += 16) {
    const length = load<u32>(member, 4);
    if (load<u8>(at) != before || !isName(load<u32>(member), length, at + 1)) return 0;
    before = 44;
    at += length + 1;
    if (load<u8>(at++) != 58) return 0;
    const value = at;
    let escaped: u32 = 0;
    const byte: u32 = load<u8>(at);
    if (byte == QUOTE) {
      at++;
      while (true) {
        const bytes = v128.load(at);
        const hits: u32 = i8x16.bitmask(v128.or(i8x16.eq(bytes, quotes), i8x16.eq(bytes, backslashes)));
        if (hits != 0) {
          at += ctz(hits);
          break;
        }
        at += 16;
      }
      if (load<u8>(at) != <u8>QUOTE) {
        at = stringEnd(at);
        escaped = ESCAPED;
      }
      at++;
    } else at = otherEnd(at, byte);
    if (at >= end || at == value) return 0;
    const field = load<u32>(member, 8);
    if (field < count) {
      store<u32>(fields + field * 8, value);
      store<u32>(fields + field * 8, (at - value) | escaped, 4);
    }
  }
  return load<u16>(at) == 0x0a7d ? at + 1 : 0;
}

/** The members of one row from `from` on, into `fields`; the position of its line feed, or 0 for a row to be parsed. */
// @ts-ignore: decorator
@inline
function walkRow(from: u32, names: u32, count: u32, fields: u32): u32 {
  let at = from;
  if (load<u8>(at++) != 123) return 0;
  if (load<u8>(at) == 125) return load<u8>(at + 1) == <u8>NEWLINE ? at + 1 : 0;
  let seen: u32 = 0;
  members = 0;
  while (true) {
    const name = at;
    if (load<u8>(at) != <u8>QUOTE) return 0;
    at = stringEnd(at + 1) + 1;
    if (at >= end || sawEscape) return 0;
    const length = at - name;
    if (length == 3 && load<u8>(name + 1) == 36) return 0;
    let field = count;
    for (let i: u32 = 0; i < count; i++) {
      if (load<u32>(names + i * 8, 4) == length && equal(load<u32>(names + i * 8), name, length)) {
        field = i;
        break;
      }
    }
    if (seen < MEMBERS) {
      store<u32>(shape + 16 * seen, name);
      store<u32>(shape + 16 * seen, length, 4);
      store<u32>(shape + 16 * seen, field, 8);
    }
    seen++;
    if (load<u8>(at++) != 58) return 0;
    const value = at;
    let escaped: u32 = 0;
    let byte: u32 = load<u8>(at);
    if (byte == QUOTE) {
      at = stringEnd(at + 1) + 1;
      if (sawEscape) escaped = ESCAPED;
    } else at = otherEnd(at, byte);
    if (at >= end || at == value) return 0;
    if (field < count) {
      if (load<u32>(fields + field * 8) != 0) return 0;
      store<u32>(fields + field * 8, value);
      store<u32>(fields + field * 8, (at - value) | escaped, 4);
    }
    byte = load<u8>(at++);
    if (byte == 44) continue;
    if (byte == 125) break;
    return 0;
  }
  if (load<u8>(at) != <u8>NEWLINE) return 0;
  keepShape(seen, count);
  return at;
}

/**
 * Walks up to `maxRows` rows between `from` and `to` (just behind a line feed). `names` holds the position and length
 * of each wanted name in its quotes. Into `out`, for each row: its position, its length with the line feed, whether
 * it has to be parsed, 0, then position and length (with ESCAPED) of each field's value; 0, 0 where it is absent.
 */
export function walkRows(from: u32, to: u32, names: u32, count: u32, out: u32, maxRows: u32): u32 {
  const stride = 16 + count * 8;
  let at = from;
  let row = out;
  let rows: u32 = 0;
  end = to;
  memory.fill(to, <u8>QUOTE, 64);
  while (at < to && rows < maxRows) {
    if (!hasAllFields) memory.fill(row + 16, 0, stride - 16);
    v128.store(row, i64x2.splat(0));
    let lineFeed: u32 = members == 0 ? 0 : walkShape(at, count, row + 16);
    if (lineFeed == 0) {
      memory.fill(row + 16, 0, stride - 16);
      lineFeed = walkRow(at, names, count, row + 16);
    }
    if (lineFeed == 0 || lineFeed >= to) {
      lineFeed = at;
      while (lineFeed < to && load<u8>(lineFeed) != <u8>NEWLINE) lineFeed++;
      store<u32>(row, 1, 8);
    }
    store<u32>(row, at);
    at = lineFeed + 1;
    store<u32>(row, at - load<u32>(row), 4);
    row += stride;
    rows++;
  }
  walkedTo = at;
  return rows;
}
