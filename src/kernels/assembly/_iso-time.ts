// Dates and times in ISO 8601, without quotes.

import { writeUnsigned, writePadded } from './_decimal-text';

/** The day that `splitDays` was given. */
let year: i64 = 0;
let month: u32 = 0;
let day: u32 = 0;

// @ts-ignore: decorator
@inline export function floorDivide(a: i64, b: i64): i64 {
  const q = a / b;
  return a % b < 0 ? q - 1 : q;
}

/**
 * Days since 1970-01-01 as a day of the proleptic Gregorian calendar, with a year 0. The algorithm is Howard Hinnant's
 * `civil_from_days`.
 */
function splitDays(days: i64): void {
  const z = days + 719468;
  const era = floorDivide(z, 146097);
  const dayOfEra = <u32>(z - era * 146097);
  const yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365;
  const dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
  const shifted = (5 * dayOfYear + 2) / 153;
  day = dayOfYear - (153 * shifted + 2) / 5 + 1;
  month = shifted < 10 ? shifted + 3 : shifted - 9;
  year = <i64>yearOfEra + era * 400 + i64(month <= 2);
}

/** `-MM-DD` of the day that was split. */
function writeMonthDay(o: u32): u32 {
  store<u8>(o, 45);
  o = writePadded(month, 2, o + 1);
  store<u8>(o, 45);
  return writePadded(day, 2, o + 1);
}

/**
 * Days since 1970-01-01; years before 0000 with a sign and at least six digits, as ISO 8601 and JavaScript have it. Those
 * after 9999 have as many digits as they need, and no sign, since that is what databases read.
 */
export function writeDate(days: i64, o: u32): u32 {
  splitDays(days);
  if (year < 0) {
    store<u8>(o++, 45);
    o = year > -1000000 ? writePadded(<u32>-year, 6, o) : writeUnsigned(<u64>-year, o);
  } else o = year <= 9999 ? writePadded(<u32>year, 4, o) : writeUnsigned(<u64>year, o);
  return writeMonthDay(o);
}

/** Seconds since midnight, `HH:MM:SS`. */
export function writeSeconds(seconds: u32, o: u32): u32 {
  o = writePadded(seconds / 3600, 2, o);
  store<u8>(o, 58);
  o = writePadded((seconds / 60) % 60, 2, o + 1);
  store<u8>(o, 58);
  return writePadded(seconds % 60, 2, o + 1);
}

/** A count of 10^-digits seconds since midnight, less than a day. */
export function writeTime(count: i64, digits: u32, o: u32): u32 {
  const scale: i64 = digits == 3 ? 1000 : digits == 6 ? 1000000 : 1000000000;
  o = writeSeconds(<u32>(count / scale), o);
  store<u8>(o, 46);
  return writePadded(<u32>(count % scale), digits, o + 1);
}

/** A count of 10^-digits seconds since 1970-01-01T00:00. */
export function writeTimestamp(count: i64, digits: u32, o: u32): u32 {
  const perDay: i64 = digits == 3 ? 86400000 : digits == 6 ? 86400000000 : 86400000000000;
  const days = floorDivide(count, perDay);
  o = writeDate(days, o);
  store<u8>(o, 84);
  return writeTime(count - days * perDay, digits, o + 1);
}
