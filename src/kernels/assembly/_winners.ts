// From records (_record.ts) to the live row of every key: a hash table with open addressing.

import { setBit } from './_live';
import { HASH, INEXACT, STOPS, VOTE } from './_record';

let table: u32 = 0;
let mask: u32 = 0;
let used: u32 = 0;
let limit: u32 = 0;
let keepsFirst: bool = false;

/** An empty table of `slots` (a power of two) at `from`; it is full when `maxUsed` are taken. */
export function setTable(from: u32, slots: u32, maxUsed: u32, first: bool): void {
  table = from;
  mask = slots - 1;
  used = 0;
  limit = maxUsed;
  keepsFirst = first;
  memory.fill(from, 0, slots << 5);
}

export function usedSlots(): u32 {
  return used;
}

// @ts-ignore: decorator
@inline
function slotOf(low: u64, high: u32): u32 {
  let slot = table + ((<u32>(low >>> 8) & mask) << 5);
  const last = table + (mask << 5);
  while (true) {
    const taken = load<u64>(slot);
    if (taken == 0 || (taken == low && (load<u32>(slot, 8) & HASH) == high)) return slot;
    slot = slot == last ? table : slot + 32;
  }
}

// Why `enter` has stopped: the table is full, two rows must be compared from their text, two rows of one key differ
// though nothing tells which is newer, or a newer version of the table begins.
const FULL: u32 = 1;
const COMPARE: u32 = 2;
const CONFLICT: u32 = 3;
const NEWER: u32 = 4;

let reason: u32 = 0;
let stoppedSlot: u32 = 0;

export function stopReason(): u32 {
  return reason;
}

export function stopSlot(): u32 {
  return stoppedSlot;
}

// @ts-ignore: decorator
@inline
function take(slot: u32, record: u32): void {
  memory.copy(slot, record, 32);
}

/** Puts a record into a slot that `enter` has stopped at. */
export function replace(slot: u32, record: u32): void {
  take(slot, record);
}

/**
 * Enters records from `from` on; returns the index of the one it stopped at, or `count`. Slots of rows before
 * `floor` are void. Records of rows whose bit is set in `veto` are passed over, and (with `versions`) those of
 * a version below `newest`.
 */
export function enter(records: u32, from: u32, count: u32, floor: u32, veto: u32, versions: u32, newest: u64): u32 {
  for (let i = from; i < count; i++) {
    const record = records + (i << 5);
    const row = load<u32>(record, 12);
    if (load<u64>(record) == 0) continue;
    if (veto != 0 && (load<u8>(veto + (row >> 3)) & (1 << (row & 7))) != 0) continue;
    if (versions != 0) {
      const version = load<u64>(versions + (i << 3));
      if (version < newest) continue;
      if (version > newest) {
        reason = NEWER;
        return i;
      }
    }
    const low = load<u64>(record);
    const flags = load<u32>(record, 8);
    const slot = slotOf(low, flags & HASH);
    if (load<u64>(slot) == 0) {
      if (used >= limit) {
        reason = FULL;
        return i;
      }
      used++;
      take(slot, record);
      continue;
    }
    const incumbent = load<u32>(slot, 8);
    const isVote = (flags & VOTE) != 0;
    const hasVote = (incumbent & VOTE) != 0;
    if (load<u32>(slot, 12) < floor || (hasVote && !isVote)) {
      take(slot, record);
      continue;
    }
    if (isVote && !hasVote) continue;
    const rank = load<u64>(record, 16);
    const held = load<u64>(slot, 16);
    if (rank != held) {
      if (rank > held != keepsFirst) take(slot, record);
      continue;
    }
    const tie = load<u64>(record, 24);
    const heldTie = load<u64>(slot, 24);
    stoppedSlot = slot;
    if (flags & STOPS) {
      if (tie != heldTie) {
        reason = CONFLICT;
        return i;
      }
    } else if (tie != heldTie) {
      if (tie > heldTie != keepsFirst) take(slot, record);
      continue;
    }
    if ((flags | incumbent) & INEXACT) {
      reason = COMPARE;
      return i;
    }
    if (!keepsFirst && !isVote) take(slot, record);
  }
  return count;
}

/** Copies taken slots, from slot `from` on, to `out`, at most `max`; `dumpedTo` says where to go on. */
export function dump(from: u32, out: u32, max: u32): u32 {
  let count: u32 = 0;
  let i = from;
  for (; i <= mask && count < max; i++) {
    const slot = table + (i << 5);
    if (load<u64>(slot) == 0) continue;
    memory.copy(out + (count << 5), slot, 32);
    count++;
  }
  dumped = i;
  return count;
}

let dumped: u32 = 0;

export function dumpedTo(): u32 {
  return dumped;
}

/** Sets the bit of every winner. */
export function mark(live: u32): void {
  const end = table + ((mask + 1) << 5);
  for (let slot = table; slot < end; slot += 32) {
    if (load<u64>(slot) != 0 && (load<u32>(slot, 8) & VOTE) == 0) setBit(live, load<u32>(slot, 12));
  }
}

/**
 * Vetoes the rows of subtables whose version is not the winner's. Returns the index of a vote that must be compared
 * with its slot from their text, or `count`.
 */
export function check(votes: u32, from: u32, count: u32, veto: u32): u32 {
  for (let i = from; i < count; i++) {
    const vote = votes + (i << 5);
    const row = load<u32>(vote, 12);
    const slot = slotOf(load<u64>(vote), load<u32>(vote, 8) & HASH);
    if (load<u64>(slot) == 0 || load<u64>(slot, 16) != load<u64>(vote, 16)) {
      setBit(veto, row);
      continue;
    }
    if ((load<u32>(slot, 8) | load<u32>(vote, 8)) & INEXACT && load<u32>(slot, 12) != row) {
      stoppedSlot = slot;
      return i;
    }
  }
  return count;
}
