// Whole values of JSON, where each ends: checked, or just passed over. Input ends in a line feed and 64 bytes of
// padding. A function that looks for an end returns 0 when there is none, after `fail`.
import { DEPTH, fail, literalEnd, MAX_DEPTH, NUMBER, skipSpace, stringEnd, unexpected } from './_json';

/** Of a string, from after its opening quote to after the other: most are short and have no escapes. */
// @ts-ignore: decorator
@inline export function shortStringEnd(i: u32): u32 {
  const v = v128.load(i);
  const escapes = v128.or(i8x16.eq(v, i8x16.splat(92)), i8x16.lt_u(v, i8x16.splat(32)));
  const m: u32 = i8x16.bitmask(v128.or(i8x16.eq(v, i8x16.splat(34)), escapes));
  return m != 0 && load<u8>(i + ctz(m)) == 34 ? i + ctz(m) + 1 : stringEnd(i);
}

/** Of a number: nothing is worked out about it but where it ends. */
export function numeralEnd(i: u32): u32 {
  const start = i;
  if (load<u8>(i) == 45) i++;
  let b: u32 = <u32>load<u8>(i) - 48;
  if (b > 9) { fail(NUMBER, start, i + 1); return 0; }
  i++;
  if (b == 0) {
    if (<u32>load<u8>(i) - 48 < 10) { fail(NUMBER, start, i + 1); return 0; }
  } else while (<u32>load<u8>(i) - 48 < 10) i++;
  if (load<u8>(i) == 46) {
    i++;
    if (<u32>load<u8>(i) - 48 > 9) { fail(NUMBER, start, i + 1); return 0; }
    while (<u32>load<u8>(i) - 48 < 10) i++;
  }
  if ((load<u8>(i) | 32) == 101) {
    i++;
    b = load<u8>(i);
    if (b == 45 || b == 43) i++;
    if (<u32>load<u8>(i) - 48 > 9) { fail(NUMBER, start, i + 1); return 0; }
    while (<u32>load<u8>(i) - 48 < 10) i++;
  }
  return i;
}

/** Of any value, all of which is checked; `depth` objects and arrays are open around it. */
export function valueEnd(i: u32, depth: u32): u32 {
  const b: u32 = load<u8>(i);
  if (b == 34) return stringEnd(i + 1);
  if (b == 45 || b - 48 < 10) return numeralEnd(i);
  if (b != 123 && b != 91) return literalEnd(i);
  if (depth >= MAX_DEPTH) { fail(DEPTH, i, i + 1); return 0; }
  i = skipSpace(i + 1);
  if (load<u8>(i) == b + 2) return i + 1;
  while (true) {
    if (b == 123) {
      if (load<u8>(i) != 34) { unexpected(i); return 0; }
      i = stringEnd(i + 1);
      if (i == 0) return 0;
      i = skipSpace(i);
      if (load<u8>(i) != 58) { unexpected(i); return 0; }
      i = skipSpace(i + 1);
    }
    i = valueEnd(i, depth + 1);
    if (i == 0) return 0;
    i = skipSpace(i);
    const c: u32 = load<u8>(i);
    if (c == b + 2) return i + 1;
    if (c != 44) { unexpected(i); return 0; }
    i = skipSpace(i + 1);
  }
}

// For each bit, whether the bits up to it are odd in number: of quotes, whether it lies in a string.
// @ts-ignore: decorator
@inline function oddUpTo(m: u32): u32 {
  m ^= m << 1;
  m ^= m << 2;
  m ^= m << 4;
  return m ^ (m << 8);
}

/**
 * Of an object or array that somebody has opened at `i - 1`: behind its last bracket, by counting brackets only, so
 * that what is within is still to be checked.
 */
export function passNested(i: u32): u32 {
  const LOW = i8x16.splat(32), OPEN = i8x16.splat(123), CLOSE = i8x16.splat(125);
  const Q = i8x16.splat(34), B = i8x16.splat(92), LF = i8x16.splat(10);
  let depth: u32 = 1;
  let inString: u32 = 0; // all bits, or none
  while (true) {
    const v = v128.load(i);
    if (v128.any_true(v128.or(i8x16.eq(v, B), i8x16.eq(v, LF)))) {
      // Byte by byte, until they are passed. No string is left in the middle of an escape.
      const b: u32 = load<u8>(i);
      if (inString != 0 || b == 34) {
        i = stringEnd(inString != 0 ? i : i + 1);
        if (i == 0) return 0;
        inString = 0;
        continue;
      }
      if (b == 10) { unexpected(i); return 0; }
      i++;
      if ((b | 32) == 123) depth++;
      else if ((b | 32) == 125 && --depth == 0) return i;
      continue;
    }
    const low = v128.or(v, LOW); // [ becomes {, ] becomes }
    const quotes: u32 = i8x16.bitmask(i8x16.eq(v, Q));
    const outside = ~(oddUpTo(quotes) ^ inString);
    const opening = <u32>i8x16.bitmask(i8x16.eq(low, OPEN)) & outside;
    let closing = <u32>i8x16.bitmask(i8x16.eq(low, CLOSE)) & outside;
    let closed = popcnt(closing);
    if (closed >= depth) {
      // It may end here: each closing bracket with the opening ones before it.
      closed = 0;
      for (; closing != 0; closing &= closing - 1) {
        const bit = ctz(closing);
        closed++;
        if (depth + popcnt(opening & ((1 << bit) - 1)) == closed) return i + bit + 1;
      }
    }
    depth += popcnt(opening) - closed;
    if ((popcnt(quotes) & 1) != 0) inString = ~inString;
    i += 16;
  }
}
