// The names that stand in a row: those of the row itself, each with its column, and those of the objects inside it.
import { isName } from './_is-name';
import { DUPLICATE } from './_json';

export const MANY_NAMES: u32 = 5; // more nested names than the table for them holds

// Names of columns: hash slots of u32 (index + 1, 0: free), entries of 16 bytes (text, length, column, 0) and after
// them one of length 0, columns of 16 bytes (flags, the row it was last
// seen in, type, the type's limits).
let slots: u32 = 0;
let slotMask: u32 = 0;
export let entries: u32 = 0;
export let columns: u32 = 0;
let columnCount: u32 = 0;
// Names in nested objects: hash slots of 16 bytes (object, hash, text, length).
let nested: u32 = 0;
let nestedMask: u32 = 0;
/** The open objects and arrays: u32 each, 0 for an array, else the object's number. */
export let stack: u32 = 0;

/** The tables have moved or grown. */
export function configure(
  slotTable: u32, slotCount: u32, entryTable: u32, columnTable: u32, columnTableCount: u32,
  nestedTable: u32, nestedTableCount: u32, stackAt: u32,
): void {
  slots = slotTable;
  slotMask = slotCount - 1;
  entries = entryTable;
  columns = columnTable;
  columnCount = columnTableCount;
  nested = nestedTable;
  nestedMask = nestedTableCount - 1;
  stack = stackAt;
  forgetObjects();
  forgetRows();
}

// Numbers of rows and objects do not come again, so that what earlier ones left in the tables counts for nothing.
export let rowNumber: u32 = 0;
let objectNumber: u32 = 0;
let firstObject: u32 = 0;
let nestedNames: u32 = 0;

function forgetObjects(): void {
  memory.fill(nested, 0, 16 * (nestedMask + 1));
  objectNumber = 0;
}

function forgetRows(): void {
  for (let c: u32 = 0; c < columnCount; c++) store<u32>(columns + 16 * c, 0, 4);
  rowNumber = 0;
}

export function beginRow(): void {
  if (objectNumber > 0x7fffffff) forgetObjects();
  if (rowNumber > 0x7fffffff) forgetRows();
  rowNumber++;
  firstObject = objectNumber + 1;
  nestedNames = 0;
}

export function newObject(): u32 { return ++objectNumber; }

// Reads up to 7 bytes beyond the name, which do not count.
@inline function hashOf(start: u32, length: u32): u32 {
  let h: u64 = length;
  let i = start;
  let rest = length;
  for (; rest >= 8; rest -= 8, i += 8) h = (h ^ load<u64>(i)) * 0x9e3779b97f4a7c15;
  if (rest != 0) h = (h ^ (load<u64>(i) << <u64>(64 - 8 * rest))) * 0x9e3779b97f4a7c15;
  h ^= h >> 29;
  return <u32>(h >> 16);
}

/** Where the name at `start` ends if it is that of an entry, to the byte; else 0. Such a name is sound JSON. */
// @ts-ignore: decorator
@inline export function endOfGuess(guess: u32, start: u32): u32 {
  const length = load<u32>(guess, 4);
  return length != 0 && isName(load<u32>(guess), length, start) ? start + length : 0;
}

/** The entry of a name in its quotes, 0 if there is none. */
export function entryOf(start: u32, stop: u32): u32 {
  const length = stop - start;
  let slot = hashOf(start, length) & slotMask;
  while (true) {
    const index = load<u32>(slots + 4 * slot);
    if (index == 0) return 0;
    const entry = entries + 16 * (index - 1);
    if (load<u32>(entry, 4) == length && isName(load<u32>(entry), length, start)) return entry;
    slot = (slot + 1) & slotMask;
  }
}

/** Puts the entry of that index, filled in by the host, into the slots. */
export function addEntry(index: u32): void {
  const entry = entries + 16 * index;
  let slot = hashOf(load<u32>(entry), load<u32>(entry, 4)) & slotMask;
  while (load<u32>(slots + 4 * slot) != 0) slot = (slot + 1) & slotMask;
  store<u32>(slots + 4 * slot, index + 1);
}

/** Remembers a name of a nested object: 0, or DUPLICATE, or MANY_NAMES. */
export function addNested(object: u32, start: u32, stop: u32): u32 {
  if (++nestedNames * 2 > nestedMask) return MANY_NAMES;
  const length = stop - start, hash = hashOf(start, length) ^ (object * 0x9e3779b1);
  let slot = hash & nestedMask;
  while (true) {
    const entry = nested + 16 * slot;
    const owner = load<u32>(entry);
    // What an earlier row left is free.
    if (owner < firstObject) {
      store<u32>(entry, object);
      store<u32>(entry, hash, 4);
      store<u32>(entry, start, 8);
      store<u32>(entry, length, 12);
      return 0;
    }
    if (owner == object && load<u32>(entry, 4) == hash && load<u32>(entry, 12) == length) {
      if (isName(load<u32>(entry, 8), length, start)) return DUPLICATE;
    }
    slot = (slot + 1) & nestedMask;
  }
}
