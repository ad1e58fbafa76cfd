// One value of a row as a field of COPY's text format.
import { digits, fail, foundEnd, hasEscape, isWhole, magnitude, numberEnd, problem, stringEnd, SURROGATE } from './_json';
import { copyBytes, copyEscaped, copyPlain, copyUnescaped, hasNulEscape, sawNul } from './_copy-text';
import { isJson, valueEnd } from './_json-any';
import { columns } from './_names';
import { BYTES, DECIMAL, DOUBLE, isPlain, JSON, TEXT, UNKNOWN } from './_plain-forms';

const WRONG_VALUE: u32 = 17; // `found` is no value of the column's type
const NUL: u32 = 18;

// What a value is.
export const STRING: u32 = 1;
const ESCAPED: u32 = 2; // a string with a backslash in it
const ODD: u32 = 4; // a number that JavaScript would print in another form, such as 1.0 and 1e3
export const NULL: u32 = 8;

/** Whether a text is a value of the column's type. */
// @ts-ignore: decorator
@external("env", "judge")
declare function judge(column: u32, start: u32, stop: u32): bool;
/** Writes a number at `to` as JavaScript prints it; the end of it. */
// @ts-ignore: decorator
@external("env", "print")
declare function print(start: u32, stop: u32, to: u32): u32;

/** The column of the last field. */
export let column: u32 = 0;
/** What the last `fieldStop` has passed is. */
export let kind: u32 = 0;

/** Of the value at `i`, where it ends; 0 after `fail`. */
export function fieldStop(i: u32): u32 {
  const b: u32 = load<u8>(i), start = i;
  kind = 0;
  if (b == 34) {
    i = stringEnd(i + 1);
    kind = hasEscape ? STRING | ESCAPED : STRING;
  } else if (b == 45 || b - 48 < 10) {
    i = numberEnd(i);
    if (i != 0 && !isWhole && (<i32>digits <= magnitude || digits == 0 || hasExponent(start, i))) kind = ODD;
  } else {
    i = valueEnd(i, false);
    if (b == 110) kind = NULL;
  }
  return i;
}

function hasExponent(i: u32, stop: u32): bool {
  for (; i < stop; i++) if ((load<u8>(i) | 32) == 101) return true;
  return false;
}

// @ts-ignore: decorator
@inline export function writeNull(o: u32): u32 {
  store<u16>(o, 0x4e5c); // \N
  return o + 2;
}

/**
 * Writes the value between `start` and `stop`, which `fieldStop` said is `what`, as field `c`: the end of it, or 0 after
 * `fail`. From `scratch` on there is room for its text without escapes.
 */
export function writeField(c: u32, start: u32, stop: u32, what: u32, scratch: u32, o: u32): u32 {
  if (what == NULL) return writeNull(o);
  const entry = columns + 16 * c, code = load<u32>(entry, 8);
  column = c;
  if (code <= UNKNOWN) {
    if (what == STRING) return copyPlain(start + 1, stop - 1, o);
    if ((what & STRING) != 0) {
      o = copyUnescaped(start + 1, stop - 1, o, false);
      if (sawNul) { fail(NUL, start, stop); return 0; }
      return o;
    }
    if (what == ODD && code != TEXT) return print(start, stop, o);
    return copyEscaped(start, stop, o);
  }
  if (code == JSON) return json(start, stop, what, scratch, o);
  const from = start, to = stop;
  if ((what & STRING) != 0) {
    start++;
    stop--;
    if ((what & ESCAPED) != 0) {
      stop = copyUnescaped(start, stop, scratch, true);
      start = scratch;
    }
  } else if (what == ODD && code != DECIMAL && code != DOUBLE) {
    stop = print(start, stop, scratch);
    start = scratch;
  }
  if (code == BYTES) {
    o = (what & STRING) != 0 ? copyBytes(start, stop, o) : 0;
    if (o == 0) fail(WRONG_VALUE, from, to);
    return o;
  }
  if (!isPlain(code, load<u32>(entry, 12), start, stop) && !judge(c, start, stop)) {
    fail(WRONG_VALUE, from, to);
    return 0;
  }
  return copyEscaped(start, stop, o);
}

// A value of a JSON column: a string that holds JSON is that JSON, any other value is itself.
function json(start: u32, stop: u32, what: u32, scratch: u32, o: u32): u32 {
  let from = start, to = stop;
  if ((what & STRING) != 0) {
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
