// A record of dedupe:
//
//   0  u64  hash of the key, low half (0: there is no record)
//   8  u32  hash of the key, 29 bits of the high half | STOPS | VOTE | INEXACT
//  12  u32  number of the row in the group
//  16  u64  rank: batch and delete flag, or the code of the first order column
//  24  u64  tie: the code of the second order column, the rest of a text, or the hash of the row
//
// STOPS: another row of this key and rank must be the same row. A row of a subtable gives two records: its own, and a
// VOTE on its top-level row's key, with what tells that row's version.

export const INEXACT: u32 = 0x80000000;
export const VOTE: u32 = 0x40000000;
export const STOPS: u32 = 0x20000000;
export const HASH: u32 = 0x1fffffff;
