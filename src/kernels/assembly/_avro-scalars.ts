// Values of a fixed or small size, none of which writes more than 64 bytes.

import {
  BAD_BOOLEAN, BAD_INT, BAD_SYMBOL, BAD_TIME, BAD_VARINT, CUT, DONE, fail, input, inputEnd, output, readTo, spoil,
  writeTo,
} from './_avro-cursor';
import { BOOLEAN, DATE, DOUBLE, DURATION, ENUM, FLOAT, INT, LONG_NUMBER, TIME, TIMESTAMP, UUID } from './_avro-operations';
import { writeDouble, writeFloat, writePadded, writeSigned, writeUnsigned } from './_decimal-text';
import { writeDate, writeTime, writeTimestamp } from './_iso-time';
import { writeUuid } from './_json-text';
import { after, overlong, varint, zigzag } from './_varint';

/** Beyond it, on both sides, a double does not hold every integer. */
const MAX_SAFE: i64 = 9007199254740991;

export function scalar(p: u32, code: u32): u32 {
  let i = input, o = output;
  if (code == BOOLEAN) {
    const b: u32 = load<u8>(i++);
    if (b > 1) return fail(BAD_BOOLEAN, p, i, <i64>b);
    store<u64>(o, b != 0 ? 0x65757274 : 0x65736c6166);
    o += 5 - b;
  } else if (code == DOUBLE) {
    o = writeDouble(load<u64>(i), o);
    i += 8;
  } else if (code == FLOAT) {
    o = writeFloat(load<u32>(i), o);
    i += 4;
  } else if (code == UUID) {
    store<u8>(o, 34);
    o = writeUuid(i, o + 1);
    store<u8>(o++, 34);
    i += 16;
  } else if (code == DURATION) {
    o = writeDuration(i, o);
    i += 12;
  } else {
    const n = zigzag(varint(i));
    i = after;
    if (overlong) return fail(BAD_VARINT, p, i, 0);
    if (i > inputEnd) return fail(CUT, p, i, 0);
    if (code == INT || code == DATE || code == ENUM || (code == TIME && load<u32>(p, 16) == 3)) {
      if (n != <i64><i32>n) return fail(BAD_INT, p, i, n);
    }
    if (code == INT) o = writeSigned(n, o);
    else if (code == ENUM) {
      if (n < 0 || n >= <i64>load<u32>(p, 20)) return fail(BAD_SYMBOL, p, i, n);
      const symbol = load<u32>(p, 16) + (<u32>n << 3), size = load<u32>(symbol, 4);
      memory.copy(o, load<u32>(symbol), size);
      o += size;
    } else if (code == LONG_NUMBER && n <= MAX_SAFE && n >= -MAX_SAFE) o = writeSigned(n, o);
    else {
      store<u8>(o++, 34);
      if (code == DATE) o = writeDate(n, o);
      else if (code == TIME) {
        const digits = load<u32>(p, 16);
        const day: i64 = digits == 3 ? 86400000 : 86400000000;
        if (n < 0 || n >= day) spoil(BAD_TIME, p, n);
        else o = writeTime(n, digits, o);
      } else if (code == TIMESTAMP) {
        o = writeTimestamp(n, load<u32>(p, 16), o);
        if (load<u32>(p, 20) != 0) store<u8>(o++, 90);
      } else o = writeSigned(n, o);
      store<u8>(o++, 34);
    }
  }
  if (i > inputEnd) return fail(CUT, p, i, 0);
  readTo(i);
  writeTo(o);
  return DONE;
}

/** Months, days, milliseconds as an ISO 8601 duration. */
function writeDuration(i: u32, o: u32): u32 {
  store<u16>(o, 0x5022); // "P
  o = writeUnsigned(load<u32>(i), o + 2);
  store<u8>(o, 77);
  o = writeUnsigned(load<u32>(i + 4), o + 1);
  store<u16>(o, 0x5444); // DT
  const ms = load<u32>(i + 8);
  o = writeUnsigned(ms / 1000, o + 2);
  store<u8>(o, 46);
  o = writePadded(ms % 1000, 3, o + 1);
  store<u16>(o, 0x2253); // S"
  return o + 2;
}
