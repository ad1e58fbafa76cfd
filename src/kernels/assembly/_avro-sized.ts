// Values whose bytes are counted: strings, bytes, decimals.

import {
  badLength, BAD_DECIMAL, BAD_VARINT, DONE, fail, FULL, input, inputEnd, margin, output, outputEnd, put, readTo, spoil,
  writeTo,
} from './_avro-cursor';
import { BYTES } from './_avro-operations';
import { writeDecimal } from './_decimal-bytes';
import { escapedSize, writeBase64, writeEscaped } from './_json-text';
import { after, overlong, varint, zigzag } from './_varint';

let scratch: u32 = 0;

/** Room for `writeDecimal`. */
export function setScratch(address: u32): void {
  scratch = address;
}

export let length: u32 = 0;
/** The length before bytes that lie in the window; they begin at `input` then. */
function readLength(p: u32): u32 {
  const n = zigzag(varint(input));
  if (overlong) return fail(BAD_VARINT, p, after, 0);
  readTo(after);
  if (input > inputEnd || n < 0 || n > <i64>(inputEnd - input)) return badLength(p, input, n);
  length = <u32>n;
  return DONE;
}

/** The room for a string of n bytes, which may all need escaping. */
// @ts-ignore: decorator
@inline export function fits(i: u32, n: u32, o: u32, limit: u32): bool {
  return <u64>o + <u64>n * 6 <= <u64>limit || <u64>o + escapedSize(i, n) <= <u64>limit;
}

export function string(p: u32): u32 {
  const status = readLength(p);
  if (status != DONE) return status;
  const o = output;
  if (!fits(input, length, o, outputEnd - margin)) return FULL;
  store<u8>(o, 34);
  writeTo(writeEscaped(input, length, o + 1));
  put(34);
  readTo(input + length);
  return DONE;
}

export function bytes(p: u32, code: u32): u32 {
  let n = load<u32>(p, 16);
  if (code == BYTES) {
    const status = readLength(p);
    if (status != DONE) return status;
    n = length;
  } else if (n > inputEnd - input) return badLength(p, input, n);
  if (<u64>output + <u64>n * 2 > <u64>(outputEnd - margin)) return FULL;
  put(34);
  writeTo(writeBase64(input, n, output));
  put(34);
  readTo(input + n);
  return DONE;
}

/** An exact decimal; the host counts the digits of the precision into `margin`. */
export function decimal(p: u32): u32 {
  let n = load<u32>(p, 24);
  if (n == 0xffffffff) {
    const status = readLength(p);
    if (status != DONE) return status;
    n = length;
  } else if (n > inputEnd - input) return badLength(p, input, n);
  const scale = load<u32>(p, 16), precision = load<u32>(p, 20);
  const end = input + n;
  store<u8>(output, 34);
  const o = writeDecimal(input, n, scale, precision, scratch, output + 1);
  readTo(end);
  if (o == 0) {
    spoil(BAD_DECIMAL, p, 0);
    return DONE;
  }
  store<u8>(o, 34);
  writeTo(o + 1);
  return DONE;
}
