// What the host knows of the records' shape (src/flatten/program.ts lays it out): nodes, and the names that lead from
// one to the next.
import { isName } from './_is-name';

// A node, 48 bytes: a path in the records of a table.
export const FLAGS: usize = 0;
export const KEY: usize = 4; // `,"name":` of its column
export const KEY_LENGTH: usize = 8;
export const ENTRIES: usize = 12; // the first name of its object
export const SUBTABLE: usize = 16; // of its array
export const CAPTURE: usize = 20; // where to note the value, for subtables
export const SEEN: usize = 24; // the last object it was seen in
const NODE_BYTES: u32 = 48;

// Flags of a node: what may stand there, and what becomes of it. What has no flag stops the kernel.
export const SCALAR: u32 = 1;
export const NULL_WRITE: u32 = 2;
export const NULL_OMIT: u32 = 4;
export const OBJECT_OPEN: u32 = 8;
export const OBJECT_RAW: u32 = 16;
export const OBJECT_TEXT: u32 = 32;
export const ARRAY_TABLE: u32 = 64;
export const ARRAY_RAW: u32 = 128;
export const ARRAY_TEXT: u32 = 256;
export const DOLLAR: u32 = 512; // the column is called `$`

// An entry, 16 bytes: a name in an object. Those of one object stand together; after the last one comes one with a length of 1,
// which no name has.
export const TEXT: usize = 0; // `"name":`, padded to 16
export const TEXT_LENGTH: usize = 4;
export const CHILD: usize = 8;
const PARENT: usize = 12;
export const ENTRY_BYTES: u32 = 16;

let nodes: u32 = 0;
let nodeCount: u32 = 0;
// A hash table of names: u32 each, 0 where it is free.
let slots: u32 = 0;
let slotMask: u32 = 0;

export function setNodes(nodesAt: u32, count: u32, slotsAt: u32, slotCount: u32): void {
  nodes = nodesAt;
  nodeCount = count;
  slots = slotsAt;
  slotMask = slotCount - 1;
  objectNumber = 0;
}

let objectNumber: u32 = 0;

/** A number that no node has been seen in. */
// @ts-ignore: decorator
@inline export function newObject(): u32 { return ++objectNumber; }

/** Keeps the numbers of objects from running out. */
export function renumberObjects(): void {
  if (objectNumber <= 0x7fffffff) return;
  for (let k: u32 = 0; k < nodeCount; k++) store<u32>(nodes + k * NODE_BYTES, 0, SEEN);
  objectNumber = 0;
}

function hashOf(parent: u32, start: u32, length: u32): u32 {
  let h: u64 = length ^ (<u64>parent << 32);
  let i = start;
  let rest = length;
  for (; rest >= 8; rest -= 8, i += 8) h = (h ^ load<u64>(i)) * 0x9e3779b97f4a7c15;
  if (rest != 0) h = (h ^ (load<u64>(i) << <u64>(64 - 8 * rest))) * 0x9e3779b97f4a7c15;
  h ^= h >> 29;
  h *= 0x9e3779b97f4a7c15;
  return <u32>(h >> 32);
}

/** Puts a name, filled in by the host, into the slots. */
export function addEntry(entry: u32): void {
  let slot = hashOf(load<u32>(entry, PARENT), load<u32>(entry, TEXT), load<u32>(entry, TEXT_LENGTH) - 1) & slotMask;
  while (load<u32>(slots + 4 * slot) != 0) slot = (slot + 1) & slotMask;
  store<u32>(slots + 4 * slot, entry);
}

/** The entry of the name between the positions, in its quotes; 0 if there is none. */
export function entryOf(parent: u32, start: u32, stop: u32): u32 {
  const length = stop - start;
  let slot = hashOf(parent, start, length) & slotMask;
  while (true) {
    const entry = load<u32>(slots + 4 * slot);
    if (entry == 0) return 0;
    if (load<u32>(entry, PARENT) == parent && load<u32>(entry, TEXT_LENGTH) == length + 1) {
      if (isName(load<u32>(entry, TEXT), length, start)) return entry;
    }
    slot = (slot + 1) & slotMask;
  }
}
