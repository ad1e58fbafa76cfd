// From walked rows to the records of dedupe (_record.ts).

import { setShape, walkRows, walkedTo, ESCAPED } from './_walk';
import { sipHash, hashLow, hashHigh } from './_siphash';
import {
  orderCode, isExact, isUnknown, textRest, KIND_NUMBER, KIND_UUID, KIND_TEXT, KIND_ANY, KIND_BOOLEAN,
} from './_order-code';
import { HASH, INEXACT, STOPS, VOTE } from './_record';

const NONE: u32 = 0xffffffff;

// What `setRule` gets, in words.
const FIELD_COUNT: u32 = 0;
const KEY_COUNT: u32 = 4;
const TABLE_ID: u32 = 8;
const FAMILY_ID: u32 = 12;
const IS_CHILD: u32 = 16;
const BY_BATCH: u32 = 20;
const FIRST_ORDER: u32 = 24;
const SECOND_ORDER: u32 = 32;
const HAS_MORE_ORDER: u32 = 40;
const DELETE_FLAG: u32 = 44;
const HASHES_ROW: u32 = 48;
const VERSION: u32 = 52;
const BATCH: u32 = 56;
const FIELDS: u32 = 64;

let rule: u32 = 0;
let keys: u32 = 0;
let scratch: u32 = 0;
let scratchEnd: u32 = 0;
let key0: u64 = 0;
let key1: u64 = 0;

/** Where the rule of the present table stands, its key columns, room for the text of a key and for the shape of a row. */
export function setRule(at: u32, keysAt: u32, scratchAt: u32, scratchBytes: u32, shapeAt: u32): void {
  setShape(shapeAt);
  rule = at;
  keys = keysAt;
  scratch = scratchAt;
  scratchEnd = scratchAt + scratchBytes;
}

export function setSeed(low: u64, high: u64): void {
  key0 = low;
  key1 = high;
}

export function walk(from: u32, to: u32, out: u32, maxRows: u32): u32 {
  return walkRows(from, to, rule + FIELDS, load<u32>(rule, FIELD_COUNT), out, maxRows);
}

export function walked(): u32 {
  return walkedTo;
}

/** Where a new key begins. */
let cursor: u32 = 0;

// @ts-ignore: decorator
@inline
function isPlainInteger(at: u32, length: u32): bool {
  let from = at;
  let count = length;
  if (count > 1 && load<u8>(from) == 45) {
    from++;
    count--;
    if (load<u8>(from) == 48) return false;
  }
  if (count == 0 || count > 40 || (count > 1 && load<u8>(from) == 48)) return false;
  for (let i: u32 = 0; i < count; i++) if (<u32>load<u8>(from + i) - 48 > 9) return false;
  return true;
}

// @ts-ignore: decorator
@inline
function isUuid(at: u32, length: u32): bool {
  if (length != 36) return false;
  for (let i: u32 = 0; i < 36; i++) {
    const byte: u32 = load<u8>(at + i);
    const isDash = i == 8 || i == 13 || i == 18 || i == 23;
    if (isDash != (byte == 45)) return false;
  }
  return true;
}

/** Adds one column to the key; false if its value is not for this code to judge. */
function addKey(at: u32, lengthAndFlag: u32, kind: u32): bool {
  if (lengthAndFlag == 0 || (lengthAndFlag & ESCAPED)) return false;
  const first: u32 = load<u8>(at);
  if (first == 110 || first == 123 || first == 91) return false;
  const isString = first == 34;
  const from = isString ? at + 1 : at;
  const length = isString ? lengthAndFlag - 2 : lengthAndFlag;
  if (cursor + 16 + length > scratchEnd) return false;
  if (kind == KIND_UUID && isString && isUuid(from, length)) {
    store<u32>(cursor, 32);
    cursor += 4;
    for (let i: u32 = 0; i < 36; i++) {
      const byte: u32 = load<u8>(from + i);
      if (byte == 45) continue;
      store<u8>(cursor++, <u8>(byte >= 65 && byte <= 90 ? byte + 32 : byte));
    }
    return true;
  }
  const isWord = first == 116 || first == 102;
  const isText = kind == KIND_TEXT || kind == KIND_ANY;
  const isPlain = isString
    ? isText || (kind == KIND_NUMBER && isPlainInteger(from, length))
    : isWord
      ? isText || kind == KIND_BOOLEAN
      : (isText || kind == KIND_NUMBER) && isPlainInteger(from, length);
  if (!isPlain) return false;
  store<u32>(cursor, length);
  for (let k: u32 = 0; k < length; k += 16) v128.store(cursor + 4 + k, v128.load(from + k));
  cursor += 4 + length;
  return true;
}

/** The hash of the key that stands in the scratch, into a record. */
// @ts-ignore: decorator
@inline
function putHash(length: u32, record: u32): void {
  store<u64>(scratch + length, 0);
  sipHash(scratch, length, key0, key1);
  store<u64>(record, hashLow == 0 ? 1 : hashLow);
  store<u32>(record, <u32>hashHigh & HASH, 8);
}

export function hashScratch(length: u32, record: u32): void {
  putHash(length, record);
}

/** A hash of the bytes of a row, for telling repeated rows from different ones. */
export function rowHash(at: u32, length: u32): u64 {
  let hash: u64 = key0 ^ length;
  let i: u32 = 0;
  for (; i + 8 <= length; i += 8) {
    hash = (hash ^ load<u64>(at + i)) * 0xff51afd7ed558ccd;
    hash ^= hash >>> 32;
  }
  for (; i < length; i++) {
    hash = (hash ^ load<u8>(at + i)) * 0xc4ceb9fe1a85ec53;
    hash ^= hash >>> 29;
  }
  return hash ^ (hash >>> 33);
}

/** 1 and 0 as a boolean says, 2 for NULL, 3 if it is not for this code to judge. */
function truth(at: u32, lengthAndFlag: u32): u32 {
  if (lengthAndFlag == 0) return 2;
  let first: u32 = load<u8>(at);
  if (first == 110) return 2;
  if (lengthAndFlag == 3 && first == 34) {
    first = load<u8>(at + 1);
    return first == 48 ? 0 : first == 49 ? 1 : 3;
  }
  if (lengthAndFlag == 1) return first == 48 ? 0 : first == 49 ? 1 : 3;
  if (first == 116) return 1;
  if (first == 102) return 0;
  return 3;
}

let nullFlagCount: u32 = 0;

/** Rows with NULL as delete flag since the last call. */
export function nullFlags(): u32 {
  const count = nullFlagCount;
  nullFlagCount = 0;
  return count;
}

/**
 * Makes the records of walked rows: one each into `records`, a vote each into `votes` (subtables only), the code of
 * the table's version into `versions`. Into `unknown` go the indexes of the rows that are not for this code to
 * judge; their number is returned.
 */
export function digest(walkedRows: u32, count: u32, firstRow: u32, records: u32, votes: u32, versions: u32, unknown: u32): u32 {
  const stride = 16 + load<u32>(rule, FIELD_COUNT) * 8;
  const keyCount = load<u32>(rule, KEY_COUNT);
  const isChild = load<u32>(rule, IS_CHILD) != 0;
  const byBatch = load<u32>(rule, BY_BATCH) != 0;
  const first = load<u32>(rule, FIRST_ORDER);
  const second = load<u32>(rule, SECOND_ORDER);
  const flag = load<u32>(rule, DELETE_FLAG);
  const version = load<u32>(rule, VERSION);
  let unknowns: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const row = walkedRows + i * stride;
    const record = records + i * 32;
    if (load<u32>(row, 8) != 0 || !digestRow(row, record, votes + i * 32, versions + i * 8, keyCount, isChild, byBatch, first, second, flag, version)) {
      store<u32>(unknown + unknowns * 4, i);
      unknowns++;
    }
    store<u32>(record, firstRow + i, 12);
    store<u32>(votes + i * 32, firstRow + i, 12);
  }
  return unknowns;
}

// @ts-ignore: decorator
@inline
function at(row: u32, field: u32): u32 {
  return load<u32>(row + 16 + field * 8);
}

// @ts-ignore: decorator
@inline
function lengthOf(row: u32, field: u32): u32 {
  return load<u32>(row + 20 + field * 8);
}

// @ts-ignore: decorator
@inline
function digestRow(
  row: u32, record: u32, vote: u32, versionAt: u32, keyCount: u32, isChild: bool, byBatch: bool, first: u32, second: u32, flag: u32, version: u32,
): bool {
  let rank: u64 = 0;
  let tie: u64 = 0;
  let exact = true;
  if (version != NONE) {
    const code = orderCode(at(row, version), lengthOf(row, version), KIND_NUMBER, false);
    if (isUnknown) return false;
    store<u64>(versionAt, code);
  }
  if (first != NONE) {
    rank = orderCode(at(row, first), lengthOf(row, first), load<u32>(rule, FIRST_ORDER + 4), second == NONE && !byBatch);
    if (isUnknown) return false;
    exact = isExact && load<u32>(rule, HAS_MORE_ORDER) == 0;
    tie = second == NONE ? textRest : 0;
    // What tells a version of the top-level row must be exact, or it is not for this code to judge.
    if (isChild && !isExact) return false;
  }
  let seen: u64 = rank;
  let isNullFlag = false;
  if (byBatch) {
    tie = rank;
    if (second != NONE) exact = false;
    let deletes: u32 = 0;
    if (flag != NONE) {
      deletes = truth(at(row, flag), lengthOf(row, flag));
      if (deletes == 3) return false;
      if (deletes == 2) {
        isNullFlag = true;
        deletes = 0;
      }
    }
    rank = load<u64>(rule, BATCH) | (deletes == 1 ? 0 : 1);
    seen = rank;
  } else if (second != NONE) {
    tie = orderCode(at(row, second), lengthOf(row, second), load<u32>(rule, SECOND_ORDER + 4), false);
    if (isUnknown) return false;
    exact = exact && isExact;
  }
  if (load<u32>(rule, HASHES_ROW)) tie = rowHash(load<u32>(row), load<u32>(row, 4));

  if (isChild) {
    store<u32>(scratch, load<u32>(rule, FAMILY_ID));
    store<u32>(scratch, 0, 4);
    cursor = scratch + 8;
    for (let k: u32 = 0; k < keyCount; k++) {
      if (load<u32>(keys + k * 12, 8) == 0) continue;
      const field = load<u32>(keys + k * 12);
      if (!addKey(at(row, field), lengthOf(row, field), load<u32>(keys + k * 12, 4))) return false;
    }
    putHash(cursor - scratch, vote);
    store<u32>(vote, load<u32>(vote, 8) | VOTE, 8);
    store<u64>(vote, seen, 16);
    store<u64>(vote, 0, 24);
  }
  store<u32>(scratch, load<u32>(rule, TABLE_ID));
  store<u32>(scratch, isChild ? 1 : 0, 4);
  cursor = scratch + 8;
  if (isChild) {
    store<u64>(cursor, seen);
    cursor += 8;
  }
  for (let k: u32 = 0; k < keyCount; k++) {
    const field = load<u32>(keys + k * 12);
    if (!addKey(at(row, field), lengthOf(row, field), load<u32>(keys + k * 12, 4))) return false;
  }
  putHash(cursor - scratch, record);
  const flags = (exact ? 0 : INEXACT) | (load<u32>(rule, HASHES_ROW) ? STOPS : 0);
  store<u32>(record, load<u32>(record, 8) | flags, 8);
  store<u64>(record, rank, 16);
  store<u64>(record, tie, 24);
  if (isNullFlag) nullFlagCount++;
  return true;
}
