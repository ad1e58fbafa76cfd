// From records (_record.ts) to the live row of every key: the winners' records in a row, and a hash table with open
// addressing that finds them:
//
//   index    8 bytes a slot: u32 of the hash that the slot's place does not tell, u32 number of the record + 1; 0: free
//   winners  records of 32 bytes, in the order in which their keys came first
//
// A slot is a quarter of a record, so that most of what is looked up at random stays in the processor's cache.

import { setBit } from './_live';
import { HASH, INEXACT, STOPS, VOTE } from './_record';

let index: u32 = 0;
let mask: u32 = 0;
let winners: u32 = 0;
let used: u32 = 0;
let limit: u32 = 0;
let keepsFirst: bool = false;

/** No winners yet, an index of `slots` (a power of two) at `indexAt`; it is full when there are `maxUsed`. */
export function setTable(indexAt: u32, slots: u32, winnersAt: u32, maxUsed: u32, first: bool): void {
  winners = winnersAt;
  used = 0;
  keepsFirst = first;
  setIndex(indexAt, slots, maxUsed);
}

/** Another index for the winners there are. */
export function setIndex(indexAt: u32, slots: u32, maxUsed: u32): void {
  index = indexAt;
  mask = slots - 1;
  limit = maxUsed;
  memory.fill(index, 0, slots << 3);
  for (let i: u32 = 0; i < used; i++) {
    const low = load<u64>(winners + (i << 5));
    let slot = firstSlot(low);
    while (load<u32>(slot, 4) != 0) slot = nextSlot(slot);
    setSlot(slot, low, i);
  }
}

export function usedWinners(): u32 {
  return used;
}

// @ts-ignore: decorator
@inline
function firstSlot(low: u64): u32 {
  return index + ((<u32>(low >>> 8) & mask) << 3);
}

// @ts-ignore: decorator
@inline
function nextSlot(slot: u32): u32 {
  return slot == index + (mask << 3) ? index : slot + 8;
}

// @ts-ignore: decorator
@inline
function setSlot(slot: u32, low: u64, winner: u32): void {
  store<u32>(slot, <u32>(low >>> 32));
  store<u32>(slot, winner + 1, 4);
}

/** The slot that `winnerOf` has found: of the winner, or a free one. */
let foundSlot: u32 = 0;

/** The winner of this key, 0 if there is none. */
// @ts-ignore: decorator
@inline
function winnerOf(low: u64, high: u32): u32 {
  let slot = firstSlot(low);
  let found: u32 = 0;
  while (true) {
    const number = load<u32>(slot, 4);
    if (number == 0) break;
    if (load<u32>(slot) == <u32>(low >>> 32)) {
      const winner = winners + ((number - 1) << 5);
      if (load<u64>(winner) == low && (load<u32>(winner, 8) & HASH) == high) {
        found = winner;
        break;
      }
    }
    slot = nextSlot(slot);
  }
  foundSlot = slot;
  return found;
}

/** Kept, so that the compiler keeps the loads. */
let touched: u32 = 0;

/**
 * Brings what `enter` will look up for these records into the processor's cache, all at once: one after the other it
 * would wait for memory each time.
 */
export function touch(records: u32, count: u32): void {
  let sum: u32 = 0;
  for (let i: u32 = 0; i < count; i++) sum += load<u32>(firstSlot(load<u64>(records + (i << 5))));
  for (let i: u32 = 0; i < count; i++) {
    const low = load<u64>(records + (i << 5));
    const slot = firstSlot(low);
    const number = load<u32>(slot, 4);
    if (number != 0 && load<u32>(slot) == <u32>(low >>> 32)) sum += load<u32>(winners + ((number - 1) << 5));
  }
  touched = sum;
}

// Why `enter` has stopped: the table is full, two rows must be compared from their text, two rows of one key differ
// though nothing tells which is newer, or a newer version of the table begins.
const FULL: u32 = 1;
const COMPARE: u32 = 2;
const CONFLICT: u32 = 3;
const NEWER: u32 = 4;

let reason: u32 = 0;
let stoppedWinner: u32 = 0;

export function stopReason(): u32 {
  return reason;
}

export function stopWinner(): u32 {
  return stoppedWinner;
}

// @ts-ignore: decorator
@inline
function take(winner: u32, record: u32): void {
  v128.store(winner, v128.load(record));
  v128.store(winner, v128.load(record, 16), 16);
}

/** Puts a record in the place of the winner that `enter` has stopped at. */
export function replace(winner: u32, record: u32): void {
  take(winner, record);
}

/**
 * Enters records from `from` on; returns the index of the one it stopped at, or `count`. Winners of rows
 * before `floor` are void. Records of rows whose bit is set in `veto` are passed over, and (with `versions`) those of
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
    const winner = winnerOf(low, flags & HASH);
    if (winner == 0) {
      if (used >= limit) {
        reason = FULL;
        return i;
      }
      setSlot(foundSlot, low, used);
      take(winners + (used << 5), record);
      used++;
      continue;
    }
    const incumbent = load<u32>(winner, 8);
    const isVote = (flags & VOTE) != 0;
    const hasVote = (incumbent & VOTE) != 0;
    if (load<u32>(winner, 12) < floor || (hasVote && !isVote)) {
      take(winner, record);
      continue;
    }
    if (isVote && !hasVote) continue;
    const rank = load<u64>(record, 16);
    const held = load<u64>(winner, 16);
    if (rank != held) {
      if (rank > held != keepsFirst) take(winner, record);
      continue;
    }
    const tie = load<u64>(record, 24);
    const heldTie = load<u64>(winner, 24);
    stoppedWinner = winner;
    if (flags & STOPS) {
      if (tie != heldTie) {
        reason = CONFLICT;
        return i;
      }
    } else if (tie != heldTie) {
      if (tie > heldTie != keepsFirst) take(winner, record);
      continue;
    }
    if ((flags | incumbent) & INEXACT) {
      reason = COMPARE;
      return i;
    }
    if (!keepsFirst && !isVote) take(winner, record);
  }
  return count;
}

/** Sets the bit of every winner. */
export function mark(live: u32): void {
  const end = winners + (used << 5);
  for (let winner = winners; winner < end; winner += 32) {
    if ((load<u32>(winner, 8) & VOTE) == 0) setBit(live, load<u32>(winner, 12));
  }
}

/**
 * Vetoes the rows of subtables whose version is not the winner's. Returns the index of a vote that must be compared
 * with its winner from their text, or `count`.
 */
export function check(votes: u32, from: u32, count: u32, veto: u32): u32 {
  for (let i = from; i < count; i++) {
    const vote = votes + (i << 5);
    const row = load<u32>(vote, 12);
    const winner = winnerOf(load<u64>(vote), load<u32>(vote, 8) & HASH);
    if (winner == 0 || load<u64>(winner, 16) != load<u64>(vote, 16)) {
      setBit(veto, row);
      continue;
    }
    if ((load<u32>(winner, 8) | load<u32>(vote, 8)) & INEXACT && load<u32>(winner, 12) != row) {
      stoppedWinner = winner;
      return i;
    }
  }
  return count;
}
