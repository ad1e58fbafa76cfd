// Avro records → NDJSON: a schema compiled to a table of operations (_avro-operations.ts), interpreted here.
//
// The host (src/formats/avro-kernel.ts) owns the memory and draws its layout there. Behind the input 32 bytes must be
// readable. A row that does not fit into the input or output at hand leaves no trace: its start is where the next call
// goes on.

import {
  BAD_BRANCH, BAD_LENGTH, BAD_ROW, BAD_VARINT, badLength, badNumber, badOperation, badReason, CUT, DONE, endOutput, fail,
  forgetBad, FULL, input, inputEnd, inputLeft, margin, output, outputEnd, put, readTo, setMargin, setWindow, TOO_DEEP,
  TOO_MANY, writeTo,
} from './_avro-cursor';
import { distinct, noteKey } from './_avro-keys';
import {
  ARRAY, BYTES, DECIMAL, FIXED, LONG, MAP, NOT_NULLABLE, NULL, RECORD, SIZE, STRING, UNION,
} from './_avro-operations';
import { scalar } from './_avro-scalars';
import { bytes, decimal, fits, length, setScratch, string } from './_avro-sized';
import { copy16 } from './_copy16';
import { setPowers, writeSigned } from './_decimal-text';
import { writeEscaped } from './_json-text';
import { after, forgetOverlong, overlong, varint, zigzag } from './_varint';

export { snappy } from './_snappy';

const MAX_DEPTH: u32 = 512;
const MAX_EMPTY_ITEMS: i64 = 65536;

let depth: u32 = 0;
let rowsDone: u32 = 0;
let badRow: u32 = 0;

export function inputAt(): u32 { return input; }
export function outputAt(): u32 { return output; }
export function rows(): u32 { return rowsDone; }
/** Of a bad row: why it is one, and where it begins. */
export function reason(): u32 { return badReason; }
export function rowAt(): u32 { return badRow; }
/** The operation whose value is wrong. */
export function operation(): u32 { return badOperation; }
/** The number that was wrong, as a double: for messages only. */
export function number(): f64 { return <f64>badNumber; }
export function heapBase(): u32 { return <u32>__heap_base; }

/** `marginBytes`: the most that one operation writes besides strings and bytes, its text included. */
export function setup(powersAddress: u32, scratchAddress: u32, marginBytes: u32): void {
  setPowers(powersAddress);
  setScratch(scratchAddress);
  setMargin(marginBytes);
}

/** Members of a record: its operations from p, n of them, each with the text before its value. */
function members(p: u32, n: u32): u32 {
  let i = input, o = output;
  const end = inputEnd, limit = outputEnd - margin;
  for (; n != 0; n--, p += SIZE) {
    if (o > limit) return FULL;
    const text = load<u32>(p, 8), length = load<u32>(p, 12);
    copy16(o, text, length);
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
      readTo(i);
      writeTo(o);
      const status = value(p, code);
      if (status != DONE) return status;
      i = input;
      o = output;
    }
  }
  readTo(i);
  writeTo(o);
  return DONE;
}

/** A value without a text before it: an item, a branch. */
function nullable(p: u32): u32 {
  const nullByte: u32 = load<u8>(p, 1);
  if (nullByte != NOT_NULLABLE) {
    const branch: u32 = load<u8>(input);
    readTo(input + 1);
    if (input > inputEnd) return fail(CUT, p, input, 0);
    if (branch == nullByte) return value(p, NULL);
    if (branch > 2 || (branch & 1) != 0) return fail(BAD_BRANCH, p, input, <i64>(branch >> 1));
  }
  return value(p, load<u8>(p));
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
  writeTo(output + 4);
  return DONE;
}

function record(p: u32): u32 {
  const count = load<u32>(p, 20);
  if (count == 0) put(123);
  else {
    const status = members(load<u32>(p, 16), count);
    if (status != DONE) return status;
  }
  put(125);
  return DONE;
}

let items: i64 = 0;
/** The head of a block of items; each takes at least `least` bytes. */
function readItems(p: u32, least: u32): u32 {
  let n = zigzag(varint(input));
  if (overlong) return fail(BAD_VARINT, p, after, 0);
  readTo(after);
  if (n < 0) {
    n = 0 - n;
    varint(input);
    if (overlong) return fail(BAD_VARINT, p, after, 0);
    readTo(after);
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
  put(91);
  let first = true;
  while (true) {
    let status = readItems(p, least);
    if (status != DONE) return status;
    if (items == 0) break;
    for (let n = items; n != 0; n--) {
      if (!first) put(44);
      first = false;
      status = nullable(item);
      if (status != DONE) return status;
    }
  }
  put(93);
  return DONE;
}

function map(p: u32): u32 {
  const item = load<u32>(p, 16), keys = outputEnd;
  put(123);
  while (true) {
    let status = readItems(p, 1);
    if (status != DONE) return status;
    if (items == 0) break;
    for (let n = items; n != 0; n--) {
      if (output + margin + 8 > outputEnd) return FULL;
      if (keys != outputEnd) put(44);
      status = string(p);
      if (status != DONE) return status;
      noteKey(input - length, length);
      put(58);
      status = nullable(item);
      if (status != DONE) return status;
    }
  }
  put(125);
  const status = distinct(p, outputEnd, (keys - outputEnd) >> 3);
  endOutput(keys);
  return status;
}

function union(p: u32): u32 {
  const branch = zigzag(varint(input));
  if (overlong) return fail(BAD_VARINT, p, after, 0);
  readTo(after);
  if (input > inputEnd) return fail(CUT, p, input, 0);
  if (branch < 0 || branch >= <i64>load<u32>(p, 20)) return fail(BAD_BRANCH, p, input, branch);
  return nullable(load<u32>(p, 16) + <u32>branch * SIZE);
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
  setWindow(inputTo, left);
  readTo(inputFrom);
  writeTo(outputFrom);
  forgetOverlong();
  forgetBad();
  rowsDone = 0;
  while (rowsDone < count) {
    const i = input, o = output;
    if (o >= outputSoft) return FULL;
    endOutput(outputTo);
    depth = 0;
    const status = members(operations, memberCount);
    if (status == DONE && badReason == 0) {
      store<u64>(output, tail);
      writeTo(output + tailBytes);
      rowsDone++;
      continue;
    }
    badRow = i;
    writeTo(o);
    if (status == DONE) {
      rowsDone++;
      return BAD_ROW;
    }
    if (status < CUT) readTo(i);
    return status;
  }
  return DONE;
}
