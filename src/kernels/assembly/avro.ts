// Avro records → NDJSON: a schema compiled to a table of operations (src/formats/avro-program.ts), interpreted here.
//
// The host lays out the memory: operations, texts, output, input. Behind the input 32 bytes must be readable. A row
// that does not fit into the input or output at hand leaves no trace: its start is where the next call goes on.

import { writeDecimal } from './_decimal-bytes';
import { setPowers, writeDouble, writeFloat, writePadded, writeSigned, writeUnsigned } from './_decimal-text';
import { writeDate, writeTime, writeTimestamp } from './_iso-time';
import { escapedSize, writeBase64, writeEscaped, writeUuid } from './_json-text';
import { snappyElements } from './_snappy';

// An operation: u8 code, u8 union byte of null (0, 2; 255: not nullable), then at 8 the text before the value and its
// length, at 16 up to four arguments.
const SIZE: u32 = 32;
const NOT_NULLABLE: u32 = 255;

const NULL: u32 = 0;
const STRING: u32 = 1;
const LONG: u32 = 2;
const INT: u32 = 3;
const BOOLEAN: u32 = 4;
const DOUBLE: u32 = 5;
const FLOAT: u32 = 6;
const BYTES: u32 = 7;
const FIXED: u32 = 8; // size
const ENUM: u32 = 9; // table of (text, length), count
const RECORD: u32 = 10; // operations, count
const ARRAY: u32 = 11; // operation, least bytes of an item
const MAP: u32 = 12; // operation
const UNION: u32 = 13; // operations, count
const LONG_NUMBER: u32 = 14;
const DATE: u32 = 15;
const TIME: u32 = 16; // digits
const TIMESTAMP: u32 = 17; // digits, 1 if an instant
const DECIMAL: u32 = 18; // scale, precision, size of a fixed or 0xffffffff
const UUID: u32 = 19;
const DURATION: u32 = 20;

// What run() returns. From BAD_BRANCH on the input is broken and nothing behind it can be read.
const DONE: u32 = 0;
const FULL: u32 = 1;
const MORE: u32 = 2;
const BAD_ROW: u32 = 3;
const CUT: u32 = 16;
const BAD_BRANCH: u32 = 17;
const BAD_LENGTH: u32 = 18;
const BAD_VARINT: u32 = 19;
const BAD_BOOLEAN: u32 = 20;
const BAD_SYMBOL: u32 = 21;
const BAD_INT: u32 = 22;
const TOO_DEEP: u32 = 23;
const TOO_MANY: u32 = 24;

// Why a row is bad that can be read to its end.
const BAD_TIME: u32 = 1;
const BAD_DECIMAL: u32 = 2;
const TWICE: u32 = 3;

const MAX_DEPTH: u32 = 512;
const MAX_EMPTY_ITEMS: i64 = 65536;

let input: u32 = 0;
let output: u32 = 0;
let inputEnd: u32 = 0;
let inputLeft: u32 = 0;
/** Where the output must end: keys of maps are noted from the end of the room downwards. */
let outputEnd: u32 = 0;
let margin: u32 = 0;
let scratch: u32 = 0;
let depth: u32 = 0;

let rowsDone: u32 = 0;
let badReason: u32 = 0;
let badOperation: u32 = 0;
let badInput: u32 = 0;
let badNumber: i64 = 0;
let badRowInput: u32 = 0;

export function inputAt(): u32 { return input; }
export function outputAt(): u32 { return output; }
export function rows(): u32 { return rowsDone; }
export function reason(): u32 { return badReason; }
export function operation(): u32 { return badOperation; }
export function errorAt(): u32 { return badInput; }
export function rowAt(): u32 { return badRowInput; }
/** The number that was wrong, as a double: for messages only. */
export function number(): f64 { return <f64>badNumber; }
export function heapBase(): u32 { return <u32>__heap_base; }

/** `marginBytes`: the most that one operation writes besides strings and bytes, its text included. */
export function setup(powersAddress: u32, scratchAddress: u32, marginBytes: u32): void {
  setPowers(powersAddress);
  scratch = scratchAddress;
  margin = marginBytes;
}

/** The input ended inside the value of operation p, or its bytes make no sense. */
function fail(code: u32, p: u32, at: u32, found: i64): u32 {
  if (at > inputEnd) {
    if (inputLeft != 0) return MORE;
    code = CUT;
  }
  badOperation = p;
  badInput = at;
  badNumber = found;
  return code;
}

function spoil(why: u32, p: u32, at: u32, found: i64): void {
  if (badReason != 0) return;
  badReason = why;
  badOperation = p;
  badInput = at;
  badNumber = found;
}

/** A length that is negative or reaches beyond the window. */
function badLength(p: u32, at: u32, n: i64): u32 {
  if (at > inputEnd) return fail(CUT, p, at, 0);
  if (n < 0) return fail(BAD_LENGTH, p, at, n);
  return n > <i64>(inputEnd - at) + <i64>inputLeft ? fail(CUT, p, at, n) : MORE;
}

let after: u32 = 0;
let overlong: bool = false;
/** The 64 bits of a varint at i; `after` is the place behind it. Sets `overlong` if it has more than 64 bits. */
function varint(i: u32): u64 {
  const word = load<u64>(i);
  const ends = ~word & 0x8080808080808080;
  if (ends != 0) {
    const last = <u32>ctz(ends);
    after = i + (last >> 3) + 1;
    let x = word & (<u64>0x7f7f7f7f7f7f7f7f >> (56 - (last - 7)));
    x = (x & 0x007f007f007f007f) | ((x & 0x7f007f007f007f00) >> 1);
    x = (x & 0x00003fff00003fff) | ((x & 0x3fff00003fff0000) >> 2);
    return (x & 0x000000000fffffff) | ((x & 0x0fffffff00000000) >> 4);
  }
  let x: u64 = 0, shift: u64 = 0, b: u64;
  do {
    b = load<u8>(i++);
    x |= (b & 127) << shift;
    shift += 7;
  } while (b >= 128 && shift < 70);
  if (b >= 128 || (shift == 70 && b > 1)) overlong = true;
  after = i;
  return x;
}

// @ts-ignore: decorator
@inline function zigzag(x: u64): i64 {
  return <i64>(x >>> 1) ^ -<i64>(x & 1);
}

/** The room for a string of n bytes, which may all need escaping. */
// @ts-ignore: decorator
@inline function fits(i: u32, n: u32, o: u32, limit: u32): bool {
  return <u64>o + <u64>n * 6 <= <u64>limit || <u64>o + escapedSize(i, n) <= <u64>limit;
}

/** Members of a record: its operations from p, n of them, each with the text before its value. */
function members(p: u32, n: u32): u32 {
  let i = input, o = output;
  const end = inputEnd, limit = outputEnd - margin;
  for (; n != 0; n--, p += SIZE) {
    if (o > limit) return FULL;
    const text = load<u32>(p, 8), length = load<u32>(p, 12);
    let k: u32 = 0;
    do {
      v128.store(o + k, v128.load(text + k));
      k += 16;
    } while (k < length);
    o += length;
    const nullByte: u32 = load<u8>(p, 1);
    if (nullByte != NOT_NULLABLE) {
      const branch: u32 = load<u8>(i++);
      if (branch == nullByte) {
        store<u32>(o, 0x6c6c756e);
        o += 4;
        if (i > end) return fail(CUT, p, i, 0);
        continue;
      }
      if (branch > 2 || (branch & 1) != 0) return fail(BAD_BRANCH, p, i, <i64>(branch >> 1));
    }
    const code: u32 = load<u8>(p);
    if (code == STRING) {
      let length: i64 = load<u8>(i++);
      if (length >= 128) {
        length = <i64>varint(i - 1);
        i = after;
        if (overlong) return fail(BAD_VARINT, p, i, 0);
      }
      length = zigzag(<u64>length);
      if (i > end || length < 0 || length > <i64>(end - i)) return badLength(p, i, length);
      if (!fits(i, <u32>length, o, limit)) return FULL;
      store<u8>(o, 34);
      o = writeEscaped(i, <u32>length, o + 1);
      store<u8>(o++, 34);
      i += <u32>length;
    } else if (code == LONG) {
      const n = zigzag(varint(i));
      if (overlong) return fail(BAD_VARINT, p, after, 0);
      i = after;
      store<u8>(o, 34);
      o = writeSigned(n, o + 1);
      store<u8>(o++, 34);
      if (i > end) return fail(CUT, p, i, 0);
    } else {
      if (i > end) return fail(CUT, p, i, 0);
      input = i;
      output = o;
      const status = value(p, code);
      if (status != DONE) return status;
      i = input;
      o = output;
    }
  }
  input = i;
  output = o;
  return DONE;
}

/** A value without a text before it: an item, a branch. */
function nullable(p: u32): u32 {
  const nullByte: u32 = load<u8>(p, 1);
  if (nullByte != NOT_NULLABLE) {
    const branch: u32 = load<u8>(input++);
    if (input > inputEnd) return fail(CUT, p, input, 0);
    if (branch == nullByte) return value(p, NULL);
    if (branch > 2 || (branch & 1) != 0) return fail(BAD_BRANCH, p, input, <i64>(branch >> 1));
  }
  return value(p, load<u8>(p));
}

let length: u32 = 0;
/** The length before bytes that lie in the window; they begin at `input` then. */
function readLength(p: u32): u32 {
  const n = zigzag(varint(input));
  if (overlong) return fail(BAD_VARINT, p, after, 0);
  input = after;
  if (input > inputEnd || n < 0 || n > <i64>(inputEnd - input)) return badLength(p, input, n);
  length = <u32>n;
  return DONE;
}

function value(p: u32, code: u32): u32 {
  if (output > outputEnd - margin) return FULL;
  if (code <= STRING) return code == NULL ? nothing() : string(p);
  if (code == BYTES || code == FIXED) return bytes(p, code);
  if (code >= RECORD && code <= UNION) {
    if (++depth > MAX_DEPTH) return fail(TOO_DEEP, p, input, MAX_DEPTH);
    const status = code == RECORD ? record(p) : code == ARRAY ? array(p) : code == MAP ? map(p) : union(p);
    depth--;
    return status;
  }
  if (code == DECIMAL) return decimal(p);
  return scalar(p, code);
}

function nothing(): u32 {
  store<u32>(output, 0x6c6c756e);
  output += 4;
  return DONE;
}

function string(p: u32): u32 {
  const status = readLength(p);
  if (status != DONE) return status;
  const o = output;
  if (!fits(input, length, o, outputEnd - margin)) return FULL;
  store<u8>(o, 34);
  output = writeEscaped(input, length, o + 1);
  store<u8>(output++, 34);
  input += length;
  return DONE;
}

function bytes(p: u32, code: u32): u32 {
  let n = load<u32>(p, 16);
  if (code == BYTES) {
    const status = readLength(p);
    if (status != DONE) return status;
    n = length;
  } else if (n > inputEnd - input) return badLength(p, input, n);
  if (<u64>output + <u64>n * 2 > <u64>(outputEnd - margin)) return FULL;
  store<u8>(output, 34);
  output = writeBase64(input, n, output + 1);
  store<u8>(output++, 34);
  input += n;
  return DONE;
}

function record(p: u32): u32 {
  const count = load<u32>(p, 20);
  if (count == 0) store<u8>(output++, 123);
  else {
    const status = members(load<u32>(p, 16), count);
    if (status != DONE) return status;
  }
  store<u8>(output++, 125);
  return DONE;
}

let items: i64 = 0;
/** The head of a block of items; each takes at least `least` bytes. */
function readItems(p: u32, least: u32): u32 {
  let n = zigzag(varint(input));
  if (overlong) return fail(BAD_VARINT, p, after, 0);
  input = after;
  if (n < 0) {
    n = 0 - n;
    varint(input);
    if (overlong) return fail(BAD_VARINT, p, after, 0);
    input = after;
  }
  if (input > inputEnd) return fail(CUT, p, input, 0);
  if (n < 0) return fail(BAD_LENGTH, p, input, n);
  if (least == 0) {
    if (n > MAX_EMPTY_ITEMS) return fail(TOO_MANY, p, input, n);
  } else if (n > <i64>(inputEnd - input) + <i64>inputLeft) return fail(CUT, p, input, n);
  items = n;
  return DONE;
}

function array(p: u32): u32 {
  const item = load<u32>(p, 16), least = load<u32>(p, 20);
  store<u8>(output++, 91);
  let first = true;
  while (true) {
    let status = readItems(p, least);
    if (status != DONE) return status;
    if (items == 0) break;
    for (let n = items; n != 0; n--) {
      if (!first) store<u8>(output++, 44);
      first = false;
      status = nullable(item);
      if (status != DONE) return status;
    }
  }
  store<u8>(output++, 93);
  return DONE;
}

function map(p: u32): u32 {
  const item = load<u32>(p, 16), keys = outputEnd;
  store<u8>(output++, 123);
  while (true) {
    let status = readItems(p, 1);
    if (status != DONE) return status;
    if (items == 0) break;
    for (let n = items; n != 0; n--) {
      if (output + margin + 8 > outputEnd) return FULL;
      if (keys != outputEnd) store<u8>(output++, 44);
      const at = input;
      status = string(p);
      if (status != DONE) return status;
      outputEnd -= 8;
      store<u32>(outputEnd, input - length);
      store<u32>(outputEnd, length, 4);
      store<u8>(output++, 58);
      status = nullable(item);
      if (status != DONE) return status;
    }
  }
  store<u8>(output++, 125);
  const status = distinct(p, outputEnd, (keys - outputEnd) >> 3);
  outputEnd = keys;
  return status;
}

// @ts-ignore: decorator
@inline function sameKey(a: u32, b: u32): bool {
  const n = load<u32>(a, 4);
  return n == load<u32>(b, 4) && memory.compare(load<u32>(a), load<u32>(b), n) == 0;
}

/** Whether the keys noted at `keys` differ; the room between the output and them holds a hash table meanwhile. */
function distinct(p: u32, keys: u32, count: u32): u32 {
  if (count <= 8) {
    for (let a: u32 = 1; a < count; a++) {
      for (let b: u32 = 0; b < a; b++) if (sameKey(keys + (a << 3), keys + (b << 3))) return twice(p, keys + (b << 3));
    }
    return DONE;
  }
  const slots = <u32>1 << (33 - <u32>clz(count));
  const table = (output + margin + 3) & ~3;
  if (<u64>table + (<u64>slots << 2) > <u64>keys) return FULL;
  memory.fill(table, 0, slots << 2);
  for (let a: u32 = 0; a < count; a++) {
    const key = keys + (a << 3);
    let hash: u32 = 2166136261;
    for (let i = load<u32>(key), end = i + load<u32>(key, 4); i < end; i++) hash = (hash ^ <u32>load<u8>(i)) * 16777619;
    hash ^= hash >> 15;
    while (true) {
      const slot = table + ((hash & (slots - 1)) << 2);
      const other = load<u32>(slot);
      if (other == 0) {
        store<u32>(slot, key);
        break;
      }
      if (sameKey(key, other)) return twice(p, key);
      hash++;
    }
  }
  return DONE;
}

function twice(p: u32, key: u32): u32 {
  spoil(TWICE, p, load<u32>(key), <i64>load<u32>(key, 4));
  return DONE;
}

function union(p: u32): u32 {
  const branch = zigzag(varint(input));
  if (overlong) return fail(BAD_VARINT, p, after, 0);
  input = after;
  if (input > inputEnd) return fail(CUT, p, input, 0);
  if (branch < 0 || branch >= <i64>load<u32>(p, 20)) return fail(BAD_BRANCH, p, input, branch);
  return nullable(load<u32>(p, 16) + <u32>branch * SIZE);
}

/** Everything of a fixed or small size, none of which writes more than 64 bytes. */
function scalar(p: u32, code: u32): u32 {
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
    } else if (code == LONG_NUMBER && n <= 9007199254740991 && n >= -9007199254740991) o = writeSigned(n, o);
    else {
      store<u8>(o++, 34);
      if (code == DATE) o = writeDate(n, o);
      else if (code == TIME) {
        const digits = load<u32>(p, 16);
        const day: i64 = digits == 3 ? 86400000 : 86400000000;
        if (n < 0 || n >= day) spoil(BAD_TIME, p, i, n);
        else o = writeTime(n, digits, o);
      } else if (code == TIMESTAMP) {
        o = writeTimestamp(n, load<u32>(p, 16), o);
        if (load<u32>(p, 20) != 0) store<u8>(o++, 90);
      } else o = writeSigned(n, o);
      store<u8>(o++, 34);
    }
  }
  if (i > inputEnd) return fail(CUT, p, i, 0);
  input = i;
  output = o;
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

/** An exact decimal; the host counts the digits of the precision into `margin`. */
function decimal(p: u32): u32 {
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
  input = end;
  if (o == 0) {
    spoil(BAD_DECIMAL, p, end, 0);
    return DONE;
  }
  store<u8>(o, 34);
  output = o + 1;
  return DONE;
}

/**
 * Reads up to `count` rows from inputFrom..inputTo, behind which `left` bytes of the same block are still to come, and
 * writes them from outputFrom on until outputSoft is passed, never beyond outputTo. `operations`, `members` and `tail`
 * (up to 8 bytes, in `tailBytes`) describe a row.
 */
export function run(
  inputFrom: u32, inputTo: u32, left: u32, outputFrom: u32, outputSoft: u32, outputTo: u32,
  operations: u32, memberCount: u32, tail: u64, tailBytes: u32, count: u32,
): u32 {
  input = inputFrom;
  output = outputFrom;
  inputEnd = inputTo;
  inputLeft = left;
  rowsDone = 0;
  overlong = false;
  badReason = 0;
  while (rowsDone < count) {
    const i = input, o = output;
    if (o >= outputSoft) return FULL;
    outputEnd = outputTo;
    depth = 0;
    const status = members(operations, memberCount);
    if (status == DONE && badReason == 0) {
      store<u64>(output, tail);
      output += tailBytes;
      rowsDone++;
      continue;
    }
    badRowInput = i;
    output = o;
    if (status == DONE) {
      rowsDone++;
      return BAD_ROW;
    }
    if (status < CUT) input = i;
    return status;
  }
  return DONE;
}

/** Decompresses a Snappy block (behind its length) of known size; the statuses are those of _snappy.ts. */
export function snappy(from: u32, fromEnd: u32, to: u32, toEnd: u32): u32 {
  return snappyElements(from, fromEnd, to, toEnd);
}
