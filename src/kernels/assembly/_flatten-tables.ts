// The tables that rows go to, each with an area of the memory, and the row that is being written.
//
// What a record has written counts only when all of it has been: a record that needs something, or finds no room,
// leaves nothing.
import { escapeRow } from './_escaped-row';
import { fail } from './_json';

// A table, 48 bytes: rows from START on, whole records up to COMMITTED.
const START: usize = 0;
const AT: usize = 4;
const LIMIT: usize = 8;
const COMMITTED: usize = 12;
export const ROOT: usize = 16; // the node of its elements
const COMMITTED_ROWS: usize = 20;
const ROWS: usize = 24;
const RECORD: usize = 28; // the last record that touched it
const NEXT: usize = 32; // the next table that this record touched

const FULL: u32 = 4; // table `table` has no room for its rows of the record

/** The top-level table. */
export let root: u32 = 0;
let enough: u32 = 0;
let recordNumber: u32 = 0;
let touched: u32 = 0;

// Of the row being written: where it goes, where it ends so far, how far its table has room, whether it has a member `$`.
export let table: u32 = 0;
export let out: u32 = 0;
let limit: u32 = 0;
export let hasDollar: bool = false;

/** `enoughBytes`: how many bytes of rows are enough for a table. */
export function setTables(tables: u32, enoughBytes: u32): void {
  root = tables;
  enough = enoughBytes;
  recordNumber = 0;
}

export function beginRecord(): void {
  touched = 0;
  recordNumber++;
}

/** The tables forget the record. */
export function rollback(): void {
  for (let t = touched; t != 0; t = load<u32>(t, NEXT)) {
    store<u32>(t, load<u32>(t, COMMITTED), AT);
    store<u32>(t, load<u32>(t, COMMITTED_ROWS), ROWS);
  }
}

/** The record counts; whether one of its tables has enough. */
export function commit(): bool {
  let isEnough = false;
  for (let t = touched; t != 0; t = load<u32>(t, NEXT)) {
    const end = load<u32>(t, AT);
    store<u32>(t, end, COMMITTED);
    store<u32>(t, load<u32>(t, ROWS), COMMITTED_ROWS);
    if (end - load<u32>(t, START) >= enough) isEnough = true;
  }
  return isEnough;
}

/** Rows go to this table now. */
export function open(t: u32): void {
  if (load<u32>(t, RECORD) != recordNumber) {
    store<u32>(t, recordNumber, RECORD);
    store<u32>(t, touched, NEXT);
    touched = t;
  }
  table = t;
  out = load<u32>(t, AT);
  limit = load<u32>(t, LIMIT);
}

/** The rows of the open table end here. */
// @ts-ignore: decorator
@inline export function leave(): void {
  store<u32>(table, out, AT);
}

/** Back to a row that was left for those of another table. */
// @ts-ignore: decorator
@inline export function resume(t: u32, at: u32, dollar: bool): void {
  table = t;
  out = at;
  limit = load<u32>(t, LIMIT);
  hasDollar = dollar;
}

// @ts-ignore: decorator
@inline export function beginRow(dollar: bool): void {
  hasDollar = dollar;
}

// @ts-ignore: decorator
@inline export function noteDollar(): void {
  hasDollar = true;
}

// @ts-ignore: decorator
@inline export function hasRoom(length: u64): bool {
  return <u64>out + length + 64 <= <u64>limit;
}

/** Table `t` has no room. */
export function noRoom(t: u32): u32 {
  table = t;
  fail(FULL, 0, 0);
  return 0;
}

/** Copies a text of at least one byte; writes up to 15 bytes more. */
// @ts-ignore: decorator
@inline export function copy(to: u32, from: u32, length: u32): void {
  v128.store(to, v128.load(from));
  if (length > 16) {
    if (length > 256) memory.copy(to, from, length);
    else for (let k: u32 = 16; k < length; k += 16) v128.store(to + k, v128.load(from + k));
  }
}

/** Adds a text to the row, which has room for it. */
// @ts-ignore: decorator
@inline export function append(from: u32, length: u32): void {
  copy(out, from, length);
  out += length;
}

/** What stands up to there has been written to the row. */
// @ts-ignore: decorator
@inline export function appendTo(end: u32): void {
  out = end;
}

/** Ends the row that begins at `row`; its members all begin with a comma so far. */
// @ts-ignore: decorator
@inline export function close(row: u32): bool {
  if (!hasRoom(32)) { noRoom(table); return false; }
  if (out == row) store<u8>(out++, 123);
  else store<u8>(row, 123);
  store<u8>(out++, 125);
  if (hasDollar) out = escapeRow(row, out);
  store<u8>(out++, 10);
  store<u32>(table, load<u32>(table, ROWS) + 1, ROWS);
  return true;
}
