// A row that has a member `$` is escaped on the wire, `{"$":"row","row":{…}}`, since a line that begins with that member
// is a control line (docs/wire.md).
import { skipSpace } from './_json';

/** Where the last `innerRow` found something else. */
export let stoppedAt: u32 = 0;

/** Whether the object at `i` has `$` as its first member. */
// @ts-ignore: decorator
@inline export function isEscaped(i: u32): bool {
  return (load<u32>(skipSpace(i + 1)) & 0xffffff) == 0x222422; // "$"
}

// @ts-ignore: decorator
@inline function passByte(byte: u32): bool {
  stoppedAt = skipSpace(stoppedAt);
  if (load<u8>(stoppedAt) != byte) return false;
  stoppedAt++;
  return true;
}

// @ts-ignore: decorator
@inline function passWord(): bool {
  stoppedAt = skipSpace(stoppedAt);
  if (load<u32>(stoppedAt) != 0x776f7222 || load<u8>(stoppedAt, 4) != 34) return false; // "row"
  stoppedAt += 5;
  return true;
}

/** Of an object at `i` whose first member is `$`: where the row within opens, 0 if it is no escaped row. */
export function innerRow(i: u32): u32 {
  stoppedAt = skipSpace(i + 1) + 3;
  const isRow = passByte(58) && passWord() && passByte(44) && passWord() && passByte(58) && passByte(123);
  return isRow ? stoppedAt - 1 : 0;
}

/** Escapes the row between two positions, 18 bytes behind which may be written; the new end. */
export function escapeRow(row: u32, end: u32): u32 {
  memory.copy(row + 17, row, end - row);
  store<u64>(row, 0x6f72223a2224227b); // {"$":"ro
  store<u64>(row, 0x22776f72222c2277, 8); // w","row"
  store<u8>(row, 58, 16);
  store<u8>(end + 17, 125);
  return end + 18;
}
