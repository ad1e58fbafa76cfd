// One value of a Parquet column of fixed width → JSON, in the same forms as the projection for DuckDB gives
// (src/formats/parquet/projection.ts). Writes up to 128 bytes.

import { writeDecimal } from './_decimal-bytes';
import { writeDouble, writeFloat, writePadded, writeSigned, writeUnsigned } from './_decimal-text';
import { floorDivide, writeDate, writeSeconds } from './_iso-time';
import { writeBase64, writeUuid } from './_json-text';

// What becomes of a column's values; src/kernels/parquet.ts has the same table.
export const TEXT: u32 = 0;
const BYTES: u32 = 1; // of any length, base64
const DECIMAL: u32 = 2; // of any length: scale, precision
const FIXED_DECIMAL: u32 = 3; // scale, precision
const FIXED_BYTES: u32 = 4;
const BOOLEAN: u32 = 5;
const INT: u32 = 6;
const UINT: u32 = 7; // a number
const UINT_TEXT: u32 = 8;
const BIGINT: u32 = 9;
const UBIGINT: u32 = 10;
const FLOAT: u32 = 11;
const DOUBLE: u32 = 12;
const HALF: u32 = 13;
const DECIMAL_32: u32 = 14; // scale
const DECIMAL_64: u32 = 15; // scale
const DATE: u32 = 16;
const TIME_32: u32 = 17; // milliseconds
const TIME_64: u32 = 18; // units a second
const TIMESTAMP: u32 = 19; // units a second, 1 if an instant
const INT96: u32 = 20;
const UUID: u32 = 21;

const NANOS_PER_DAY: i64 = 86400000000000;
/** Days before and after 1970 that 64 bits of microseconds reach; an INT96 beyond is one that its writer overflowed. */
const MICROS_DAYS: i64 = 106751991;

/** Nanoseconds since midnight, without zeros at the end. */
function writeClock(nanos: i64, o: u32): u32 {
  const fraction = <u32>(nanos % 1000000000);
  o = writeSeconds(<u32>(nanos / 1000000000), o);
  if (fraction == 0) return o;
  store<u8>(o, 46);
  o = writePadded(fraction, 9, o + 1);
  while (load<u8>(o - 1) == 48) o--;
  return o;
}

function writeMoment(days: i64, nanos: i64, o: u32): u32 {
  o = writeDate(days, o);
  store<u8>(o, 84);
  return writeClock(nanos, o + 1);
}

function writeInfinity(negative: bool, o: u32): u32 {
  if (negative) store<u8>(o++, 45);
  store<u64>(o, 0x7974696e69666e69); // infinity
  return o + 8;
}

function writeScaled(n: i64, scale: u32, o: u32): u32 {
  if (n < 0) {
    store<u8>(o++, 45);
    n = -n;
  }
  if (scale == 0) return writeUnsigned(<u64>n, o);
  let end = writeUnsigned(<u64>n, o);
  const digits = end - o;
  if (digits <= scale) {
    const zeros = scale + 1 - digits;
    memory.copy(o + zeros, o, digits);
    memory.fill(o, 48, zeros);
    end += zeros;
  }
  memory.copy(end - scale + 1, end - scale, scale);
  store<u8>(end - scale, 46);
  return end + 1;
}

/** A float16 as the float32 of the same value. */
function floatOfHalf(h: u32): u32 {
  const sign = (h & 0x8000) << 16, exponent = (h >> 10) & 31, fraction = h & 1023;
  if (exponent == 31) return sign | 0x7f800000 | (fraction << 13);
  if (exponent != 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  // Subnormal: fraction · 2^-24, which a float32 holds exactly.
  return sign | reinterpret<u32>(<f32>fraction * <f32>5.9604644775390625e-8);
}

/** A value of `n` bytes at `p`: where its JSON ends, or 0 if there is no such value. */
export function writeValue(code: u32, p: u32, n: u32, a: u32, b: u32, scratch: u32, o: u32): u32 {
  if (code == INT) return writeSigned(<i64>load<i32>(p), o);
  if (code == DOUBLE) return writeDouble(load<u64>(p), o);
  if (code == FLOAT) return writeFloat(load<u32>(p), o);
  if (code == HALF) return writeFloat(floatOfHalf(load<u16>(p)), o);
  if (code == UINT) return writeUnsigned(<u64>load<u32>(p), o);
  if (code == BOOLEAN) {
    const yes: u32 = load<u8>(p);
    store<u64>(o, yes != 0 ? 0x65757274 : 0x65736c6166);
    return o + 5 - u32(yes != 0);
  }
  store<u8>(o++, 34);
  if (code == BIGINT) o = writeSigned(load<i64>(p), o);
  else if (code == DECIMAL_32) o = writeScaled(<i64>load<i32>(p), a, o);
  else if (code == DECIMAL_64) o = writeScaled(load<i64>(p), a, o);
  else if (code == TIMESTAMP) {
    const count = load<i64>(p);
    if (count == i64.MAX_VALUE || count == -i64.MAX_VALUE) o = writeInfinity(count < 0, o);
    else {
      const perDay = <i64>a * 86400;
      const days = floorDivide(count, perDay);
      o = writeMoment(days, (count - days * perDay) * (1000000000 / <i64>a), o);
      if (b != 0) store<u8>(o++, 90);
    }
  } else if (code == DATE) {
    const days = load<i32>(p);
    o = days == i32.MAX_VALUE || days == -i32.MAX_VALUE ? writeInfinity(days < 0, o) : writeDate(<i64>days, o);
  } else if (code == TIME_32 || code == TIME_64) {
    const count = code == TIME_32 ? <i64>load<i32>(p) : load<i64>(p);
    if (count < 0 || count > <i64>a * 86400) return 0;
    o = writeClock(count * (1000000000 / <i64>a), o);
  } else if (code == INT96) {
    // Nanoseconds since midnight and the Julian day, of which 1970-01-01 is number 2440588.
    const nanos = load<i64>(p);
    const extra = floorDivide(nanos, NANOS_PER_DAY);
    const days = <i64>load<i32>(p, 8) - 2440588 + extra;
    if (days < -MICROS_DAYS || days > MICROS_DAYS) return 0;
    o = writeMoment(days, nanos - extra * NANOS_PER_DAY, o);
  } else if (code == UINT_TEXT) o = writeUnsigned(<u64>load<u32>(p), o);
  else if (code == UBIGINT) o = writeUnsigned(load<u64>(p), o);
  else if (code == UUID) o = writeUuid(p, o);
  else if (code == FIXED_BYTES || code == BYTES) o = writeBase64(p, n, o);
  else {
    o = writeDecimal(p, n, a, b, scratch, o);
    if (o == 0) return 0;
  }
  store<u8>(o++, 34);
  return o;
}
