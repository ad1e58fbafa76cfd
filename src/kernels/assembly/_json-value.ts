// NOTE TO THE AUTHOR OF flatten.ts: the helper for speed of load/to-sql overwrote this file by accident at 04:07 (its own
// part of the same name is _json-any.ts now). This is a stand-in after the calls in flatten.ts: put yours back.
import { DEPTH, fail, literalEnd, numberEnd, skipSpace, stringEnd, unexpected } from './_json';

export const MAX_DEPTH: u32 = 1000;

/** The end of a number. */
export function numeralEnd(i: u32): u32 { return numberEnd(i); }

/** From after the bracket of an object or array to after the one that closes it; what is inside is checked later. */
export function passNested(i: u32): u32 {
  let depth: u32 = 1;
  while (true) {
    const b: u32 = load<u8>(i);
    if (b == 34) {
      i = stringEnd(i + 1);
      if (i == 0) return 0;
      continue;
    }
    if (b == 10) { unexpected(i); return 0; }
    if (b == 123 || b == 91) depth++;
    else if ((b == 125 || b == 93) && --depth == 0) return i + 1;
    i++;
  }
  return 0;
}

/** The end of any value; `depth` objects and arrays are open around it. */
export function valueEnd(i: u32, depth: u32): u32 {
  const b: u32 = load<u8>(i);
  if (b == 34) return stringEnd(i + 1);
  if (b == 45 || b - 48 < 10) return numberEnd(i);
  if (b != 123 && b != 91) return literalEnd(i);
  if (depth + 1 > MAX_DEPTH) { fail(DEPTH, i, i + 1); return 0; }
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
  return 0;
}
