// The tokens of JSON (RFC 8259), where each ends. Input ends in a line feed, which no token goes beyond, so nothing here
// compares with the input's end. A function that looks for an end returns 0 when there is none, after `fail`.

// What is wrong with a row; src/kernels/jsonl.ts has the same table.
export const NOT_OBJECT: u32 = 6;
export const NOT_JSON: u32 = 7;
export const CUT: u32 = 8;
export const CONTROL: u32 = 9;
export const ESCAPE: u32 = 10;
export const SURROGATE: u32 = 11;
export const NUMBER: u32 = 12;
export const DEPTH: u32 = 13;
export const DUPLICATE: u32 = 14;
export const AFTER: u32 = 15;
export const WRONG_TYPE: u32 = 16;

/** How many objects and arrays may stand in each other. */
export const MAX_DEPTH: u32 = 1000;

/** What the last `fail` said: its code, and the bytes it is about. */
export let problem: u32 = 0;
export let found: u32 = 0;
export let foundEnd: u32 = 0;

export function fail(code: u32, from: u32, to: u32): u32 {
  found = from;
  foundEnd = to;
  problem = code;
  return code;
}

/** A byte that cannot stand here; a line feed means that the line ends too early. */
export function unexpected(i: u32): u32 { return fail(load<u8>(i) == 10 ? CUT : NOT_JSON, i, i + 1); }

// A line feed is not among them: it ends the row.
@inline function isSpace(b: u32): bool { return b == 32 || b == 9 || b == 13; }

// @ts-ignore: decorator
@inline export function skipSpace(i: u32): u32 {
  while (isSpace(load<u8>(i))) i++;
  return i;
}

@inline function hexDigit(i: u32): u32 {
  const b: u32 = load<u8>(i);
  if (b - 48 < 10) return b - 48;
  const l = (b | 32) - 97;
  return l < 6 ? l + 10 : 0x10000;
}

/** Of four hexadecimal digits. */
// @ts-ignore: decorator
@inline export function hex4(i: u32): u32 {
  return (hexDigit(i) << 12) | (hexDigit(i + 1) << 8) | (hexDigit(i + 2) << 4) | hexDigit(i + 3);
}

/** Whether the last string had a backslash in it. */
export let hasEscape: bool = false;

/** Of a string: from after the opening quote to after the closing one. */
export function stringEnd(i: u32): u32 {
  hasEscape = false;
  const Q = i8x16.splat(34), B = i8x16.splat(92), SPACE = i8x16.splat(32);
  while (true) {
    const v = v128.load(i);
    const m: u32 = i8x16.bitmask(v128.or(v128.or(i8x16.eq(v, Q), i8x16.eq(v, B)), i8x16.lt_u(v, SPACE)));
    if (m == 0) { i += 16; continue; }
    i += ctz(m);
    const b: u32 = load<u8>(i);
    if (b == 34) return i + 1;
    if (b != 92) { fail(b == 10 ? CUT : CONTROL, i, i + 1); return 0; }
    hasEscape = true;
    const e: u32 = load<u8>(i + 1);
    if (e == 117) {
      for (let k: u32 = 2; k < 6; k++) if (hexDigit(i + k) > 15) { fail(ESCAPE, i, i + k + 1); return 0; }
      const unit = hex4(i + 2);
      if ((unit & 0xf800) == 0xd800) {
        let low: u32 = 0;
        if ((unit & 0x0400) == 0 && load<u16>(i + 6) == 0x755c) {
          low = 0xdc00;
          for (let k: u32 = 8; k < 12; k++) if (hexDigit(i + k) > 15) { low = 0; break; }
          if (low != 0) low = hex4(i + 8);
        }
        if ((low & 0xfc00) != 0xdc00) { fail(SURROGATE, i, i + 6); return 0; }
        i += 12;
      } else i += 6;
    } else if (e == 34 || e == 92 || e == 47 || e == 98 || e == 102 || e == 110 || e == 114 || e == 116) i += 2;
    else { fail(ESCAPE, i, i + 2); return 0; }
  }
}

/** Of the last number: how many digits from the first to the last that is not 0; 0 if there is none. */
export let digits: u32 = 0;
/** The exponent of ten of the first of them, plus 1. */
export let magnitude: i32 = 0;
/** Whether it has neither point nor exponent. */
export let isWhole: bool = false;

export function numberEnd(i: u32): u32 {
  const start = i;
  if (load<u8>(i) == 45) i++;
  let b: u32 = <u32>load<u8>(i) - 48;
  if (b > 9) { fail(NUMBER, start, i + 1); return 0; }
  let count: u32 = 0, first: u32 = 0xffffffff, last: u32 = 0;
  if (b == 0) {
    i++;
    count = 1;
    if (<u32>load<u8>(i) - 48 < 10) { fail(NUMBER, start, i + 1); return 0; }
  } else {
    first = 0;
    while (b < 10) {
      if (b != 0) last = count;
      count++;
      i++;
      b = <u32>load<u8>(i) - 48;
    }
  }
  const point = count;
  let exponent: i32 = 0;
  isWhole = true;
  if (load<u8>(i) == 46) {
    isWhole = false;
    i++;
    b = <u32>load<u8>(i) - 48;
    if (b > 9) { fail(NUMBER, start, i + 1); return 0; }
    while (b < 10) {
      if (b != 0) {
        if (first == 0xffffffff) first = count;
        last = count;
      }
      count++;
      i++;
      b = <u32>load<u8>(i) - 48;
    }
  }
  if ((load<u8>(i) | 32) == 101) {
    isWhole = false;
    i++;
    const sign = load<u8>(i);
    if (sign == 45 || sign == 43) i++;
    b = <u32>load<u8>(i) - 48;
    if (b > 9) { fail(NUMBER, start, i + 1); return 0; }
    while (b < 10) {
      if (exponent < 1000000) exponent = exponent * 10 + b;
      i++;
      b = <u32>load<u8>(i) - 48;
    }
    if (sign == 45) exponent = -exponent;
  }
  digits = first == 0xffffffff ? 0 : last - first + 1;
  // An exponent beyond counting is beyond any double too.
  magnitude = abs(exponent) < 1000000 ? <i32>point - <i32>first + exponent : i32.MAX_VALUE;
  return i;
}

/** Of `true`, `false`, `null`. */
export function literalEnd(i: u32): u32 {
  const word = load<u32>(i);
  if (word == 0x65757274 || word == 0x6c6c756e) return i + 4;
  if (word == 0x736c6166 && load<u8>(i, 4) == 101) return i + 5;
  unexpected(i);
  return 0;
}
