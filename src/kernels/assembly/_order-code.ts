// Order values as 64-bit codes: a higher code is a newer value; equal codes of exact values are equal values.
// src/dedupe/codes.ts makes the same codes for the values that are left to it.
//
//   0            NULL
//   1            numbers below -2^60 (not exact)
//   2 …          integers from -2^60 to 2^63 - 1; other numbers as the integer below them (not exact)
//   NUMBER_END   numbers above (not exact)
//   INSTANT ± 2^59   microseconds since 1970; finer ones as the one below them (not exact)
//   TEXT …       6 bytes, then the length up to 7; exact up to 6 bytes

export const NUMBER: u64 = (1 << 60) + 2;
export const INSTANT: u64 = (1 << 63) + (1 << 61);
export const TEXT: u64 = (1 << 63) + (1 << 62);

export const KIND_NUMBER: u32 = 0;
export const KIND_BOOLEAN: u32 = 1;
export const KIND_INSTANT: u32 = 2;
export const KIND_UUID: u32 = 4;
export const KIND_TEXT: u32 = 5;
export const KIND_ANY: u32 = 6;

/** Whether the last code stands for one value only. */
export let isExact: bool = true;
/** Bytes 6 to 13 of the last text. */
export let textRest: u64 = 0;
/** Whether the last value is not for this code to judge. */
export let isUnknown: bool = false;

// @ts-ignore: decorator
@inline
function digits(at: u32, count: u32): i32 {
  let value: i32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const digit = <i32>load<u8>(at + i) - 48;
    if (<u32>digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** The code of an integer of at most 18 digits, or of 19 that fit; 0 if the bytes are none. */
function integerCode(at: u32, length: u32): u64 {
  const negative = load<u8>(at) == 45;
  const from = negative ? at + 1 : at;
  const count = negative ? length - 1 : length;
  if (count == 0 || count > 19) return 0;
  let value: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const digit = <u32>load<u8>(from + i) - 48;
    if (digit > 9) return 0;
    value = value * 10 + digit;
  }
  if (!negative) return value >> 63 ? 0 : NUMBER + value;
  return value > <u64>1 << 60 ? 0 : NUMBER - value;
}

// Days since 1970 in the proleptic Gregorian calendar, years counted from March. In 32 bits, whose divisions are fast.
function daysOf(year: i32, month: i32, day: i32): i32 {
  const y = year - (month <= 2 ? 1 : 0);
  const era = y / 400;
  const yearOfEra = y - era * 400;
  const dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719468;
}

/** The code of `YYYY-MM-DD` or `YYYY-MM-DD[T ]HH:MM:SS[.ffffff][Z]`; 0 for any other text. */
function instantCode(at: u32, length: u32): u64 {
  if (length < 10 || load<u8>(at + 4) != 45 || load<u8>(at + 7) != 45) return 0;
  const year = digits(at, 4);
  const month = digits(at + 5, 2);
  const day = digits(at + 8, 2);
  if (year < 1 || month < 1 || month > 12 || day < 0) return 0;
  let micros: i64 = <i64>daysOf(year, month, day) * 86400000000;
  if (length == 10) return <u64>(<i64>INSTANT + micros);
  if (length < 19 || (load<u8>(at + 10) != 84 && load<u8>(at + 10) != 32)) return 0;
  if (load<u8>(at + 13) != 58 || load<u8>(at + 16) != 58) return 0;
  const hour = digits(at + 11, 2);
  const minute = digits(at + 14, 2);
  const second = digits(at + 17, 2);
  if ((hour | minute | second) < 0) return 0;
  micros += (<i64>hour * 3600 + minute * 60 + second) * 1000000;
  let left = load<u8>(at + length - 1) == 90 ? length - 20 : length - 19;
  if (left == 0) return <u64>(<i64>INSTANT + micros);
  if (left < 2 || left > 7 || load<u8>(at + 19) != 46) return 0;
  let fraction = digits(at + 20, left - 1);
  if (fraction < 0) return 0;
  for (; left < 7; left++) fraction *= 10;
  return <u64>(<i64>INSTANT + micros + fraction);
}

function textCode(at: u32, length: u32): u64 {
  let head: u64 = 0;
  for (let i: u32 = 0; i < 6; i++) head = (head << 8) | (i < length ? <u64>load<u8>(at + i) : 0);
  textRest = 0;
  for (let i: u32 = 6; i < 14; i++) textRest = (textRest << 8) | (i < length ? <u64>load<u8>(at + i) : 0);
  return TEXT + ((head << 8) | (length < 7 ? length : 7));
}

/** The code of a value as it stands in JSON; `alone`: no other column follows, so that `textRest` is looked at. */
export function orderCode(at: u32, lengthAndFlag: u32, kind: u32, alone: bool): u64 {
  isExact = true;
  isUnknown = false;
  textRest = 0;
  if (lengthAndFlag == 0) return 0;
  const first: u32 = load<u8>(at);
  if (first == 110) return 0;
  const isString = first == 34;
  if (lengthAndFlag & 0x80000000) {
    isUnknown = true;
    return 0;
  }
  const from = isString ? at + 1 : at;
  const length = isString ? lengthAndFlag - 2 : lengthAndFlag;
  let code: u64 = 0;
  if (length > 0 && (kind == KIND_NUMBER || kind == KIND_ANY)) code = integerCode(from, length);
  if (code == 0 && isString && (kind == KIND_INSTANT || kind == KIND_ANY)) code = instantCode(from, length);
  if (code == 0 && isString && kind == KIND_TEXT) {
    code = textCode(from, length);
    isExact = length <= 6 || (alone && length <= 14);
  }
  if (code == 0) isUnknown = true;
  return code;
}
