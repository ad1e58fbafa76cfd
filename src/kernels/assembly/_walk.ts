// Finds chosen top-level members in NDJSON rows without building anything.
//
// Rows are whole lines. 64 bytes after the input belong to the walk, which ends every string there. A row that is
// not written compactly (blanks between tokens), that names a member with an escape or twice, or that is escaped
// itself (`{"$":"row",…}`) is only delimited and marked: whoever asked parses it.

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

/** The members of one row from `from` on, into `fields`; the position of its line feed, or 0 for a row to be parsed. */
// @ts-ignore: decorator
@inline
function walkRow(from: u32, names: u32, count: u32, fields: u32): u32 {
  let at = from;
  if (load<u8>(at++) != 123) return 0;
  if (load<u8>(at) == 125) return load<u8>(at + 1) == <u8>NEWLINE ? at + 1 : 0;
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
    if (load<u8>(at++) != 58) return 0;
    const value = at;
    let escaped: u32 = 0;
    let byte: u32 = load<u8>(at);
    if (byte == QUOTE) {
      at = stringEnd(at + 1) + 1;
      if (sawEscape) escaped = ESCAPED;
    } else if (byte == 123 || byte == 91) at = nestedEnd(at);
    else {
      while (at < end) {
        byte = load<u8>(at);
        if (byte == 44 || byte == 125 || byte <= 32) break;
        at++;
      }
    }
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
  return load<u8>(at) == <u8>NEWLINE ? at : 0;
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
    memory.fill(row, 0, stride);
    let lineFeed = walkRow(at, names, count, row + 16);
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
