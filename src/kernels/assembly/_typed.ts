// Whether the text of a field is a value of its column's type. The text itself is passed on as it stands.
// The numbers are those in src/kernels/types.ts.
import { areHex32, isHyphenedUuid } from './_hex';

export const BOOLEAN: u32 = 1;
const INT: u32 = 2;
const BIGINT: u32 = 3;
const DECIMAL: u32 = 4;
const DOUBLE: u32 = 5;
const DATE: u32 = 6;
const TIME: u32 = 7;
const TIMESTAMP: u32 = 8;
const UUID: u32 = 9;

const NO_LIMITS: u32 = 0xffffffff;

@inline function digit(i: u32): u32 { return <u32>load<u8>(i) - 48; }
@inline function isDigit(i: u32): bool { return digit(i) < 10; }
/** The letter at `i` in lower case. */
@inline function letter(i: u32): u32 { return <u32>load<u8>(i) | 32; }

/** `limits`: of decimals, digits before the point in the upper half, after it in the lower. */
export function isTyped(type: u32, limits: u32, start: u32, stop: u32): bool {
  if (start == stop) return false;
  switch (type) {
    case BOOLEAN: return isBoolean(start, stop);
    case INT: return isInteger(start, stop, 10, 2147483647);
    case BIGINT: return isInteger(start, stop, 19, 9223372036854775807);
    case DECIMAL: return isDecimal(start, stop, limits);
    case DOUBLE: return isDecimal(start, stop, NO_LIMITS) || isNotFinite(start, stop);
    case DATE: return stop - start == 10 && isDate(start);
    case TIME: return timeEnd(start, stop) == stop;
    case TIMESTAMP: return isTimestamp(start, stop);
    case UUID: return isUuid(start, stop);
    default: return true;
  }
}

// 0 1 t f true false yes no, in any case.
function isBoolean(start: u32, stop: u32): bool {
  const length = stop - start;
  const first = letter(start);
  if (length == 1) {
    const b = load<u8>(start);
    return b == 48 || b == 49 || first == 116 || first == 102;
  }
  if (length == 2) return first == 110 && letter(start + 1) == 111;
  const next = letter(start + 1), third = letter(start + 2);
  if (length == 3) return first == 121 && next == 101 && third == 115;
  const fourth = letter(start + 3);
  if (length == 4) return first == 116 && next == 114 && third == 117 && fourth == 101;
  return length == 5 && first == 102 && next == 97 && third == 108 && fourth == 115 && letter(start + 4) == 101;
}

function isInteger(start: u32, stop: u32, maxDigits: u32, max: u64): bool {
  let i = start;
  const sign = load<u8>(i);
  const negative = sign == 45;
  if (negative || sign == 43) i++;
  if (i == stop) return false;
  while (i + 1 < stop && load<u8>(i) == 48) i++;
  if (stop - i > maxDigits) return false;
  let value: u64 = 0;
  for (; i < stop; i++) {
    const d = digit(i);
    if (d > 9) return false;
    value = value * 10 + d;
  }
  return value <= max + u64(negative);
}

// Digits with at most one point, an exponent perhaps. With limits: no digit but 0 beyond them, for it would be rounded.
function isDecimal(start: u32, stop: u32, limits: u32): bool {
  let i = start;
  const sign = load<u8>(i);
  if (sign == 45 || sign == 43) i++;
  let digits: i32 = 0, point: i32 = -1, first: i32 = -1, last: i32 = -1;
  for (; i < stop; i++) {
    const b: u32 = load<u8>(i);
    if (b == 46) {
      if (point >= 0) return false;
      point = digits;
      continue;
    }
    const d = b - 48;
    if (d > 9) break;
    if (d != 0) {
      if (first < 0) first = digits;
      last = digits;
    }
    digits++;
  }
  if (digits == 0) return false;
  if (point < 0) point = digits;
  let exponent: i32 = 0;
  if (i < stop) {
    if (letter(i) != 101) return false;
    i++;
    let down = false;
    if (i < stop && (load<u8>(i) == 45 || load<u8>(i) == 43)) down = load<u8>(i++) == 45;
    if (i == stop) return false;
    for (; i < stop; i++) {
      const d = digit(i);
      if (d > 9) return false;
      if (exponent < 100000) exponent = exponent * 10 + d;
    }
    if (down) exponent = -exponent;
  }
  if (limits == NO_LIMITS || first < 0) return true;
  // Places before the point of the first digit that counts, and after it of the last one.
  const before = point + exponent - first, after = last + 1 - point - exponent;
  return before <= <i32>(limits >> 16) && after <= <i32>(limits & 0xffff);
}

// NaN, Infinity, inf, with a sign perhaps, in any case.
function isNotFinite(start: u32, stop: u32): bool {
  let i = start;
  const sign = load<u8>(i);
  if (sign == 45 || sign == 43) i++;
  const length = stop - i;
  if (length != 3 && length != 8) return false;
  const a = letter(i), b = letter(i + 1), c = letter(i + 2);
  if (length == 3) return (a == 110 && b == 97 && c == 110) || (a == 105 && b == 110 && c == 102);
  return a == 105 && b == 110 && c == 102 && letter(i + 3) == 105 && letter(i + 4) == 110 && letter(i + 5) == 105 &&
    letter(i + 6) == 116 && letter(i + 7) == 121;
}

@inline function two(i: u32): u32 {
  const tens = digit(i), ones = digit(i + 1);
  return tens > 9 || ones > 9 ? 1000 : tens * 10 + ones;
}

// YYYY-MM-DD, a day that exists.
function isDate(i: u32): bool {
  const century = two(i), years = two(i + 2), month = two(i + 5), day = two(i + 8);
  if (century > 99 || years > 99 || load<u8>(i + 4) != 45 || load<u8>(i + 7) != 45) return false;
  if (month - 1 > 11 || day - 1 > 30) return false;
  if (day <= 28) return true;
  if (month == 2) {
    const year = century * 100 + years;
    return day == 29 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  }
  return day <= 30 || !(month == 4 || month == 6 || month == 9 || month == 11);
}

// HH:MM, HH:MM:SS or HH:MM:SS.f…: where it ends, 0 if it is none.
function timeEnd(i: u32, stop: u32): u32 {
  if (i + 5 > stop || two(i) > 23 || load<u8>(i + 2) != 58 || two(i + 3) > 59) return 0;
  i += 5;
  if (i == stop || load<u8>(i) != 58) return i;
  if (i + 3 > stop || two(i + 1) > 59) return 0;
  i += 3;
  if (i == stop || load<u8>(i) != 46) return i;
  const point = i++;
  while (i < stop && isDigit(i)) i++;
  return i == point + 1 ? 0 : i;
}

// A date, then perhaps a time after a space or T, then perhaps Z or an offset (+hh, +hhmm, +hh:mm).
function isTimestamp(start: u32, stop: u32): bool {
  if (stop - start < 10 || !isDate(start)) return false;
  let i = start + 10;
  if (i == stop) return true;
  const between = load<u8>(i);
  if (between != 32 && (between | 32) != 116) return false;
  i = timeEnd(i + 1, stop);
  if (i == 0) return false;
  if (i == stop) return true;
  if (load<u8>(i) == 32 && i + 1 < stop) i++;
  if (letter(i) == 122) return i + 1 == stop;
  const sign = load<u8>(i++);
  if (sign != 43 && sign != 45) return false;
  const length = stop - i;
  if (length < 2 || two(i) > 15) return false;
  if (length == 2) return true;
  if (length == 4) return two(i + 2) <= 59;
  return length == 5 && load<u8>(i + 2) == 58 && two(i + 3) <= 59;
}

// 32 hexadecimal digits, with or without the four hyphens.
function isUuid(start: u32, stop: u32): bool {
  const length = stop - start;
  return length == 36 ? isHyphenedUuid(start) : length == 32 && areHex32(start);
}
