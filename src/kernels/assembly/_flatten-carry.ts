// What the rows of subtables have besides their own members: the key of the top-level row, the index on each array
// level, more members of the top-level row.
import { writeUnsigned } from './_decimal-text';
import { append, appendTo, copy, hasRoom, noRoom, out, root, table } from './_flatten-tables';

// Members of the top-level row, 16 bytes each: value, its length (0: absent), text before it, its length. The keys first.
let captures: u32 = 0;
let keyCount: u32 = 0;
let captureCount: u32 = 0;
let dollarCapture: u32 = 0;
// For each array level 16 bytes: `,"_sdc_level_<n>_id":`, its length, and the present index.
let levels: u32 = 0;
// The members as they go along, which the indexes stand between: `scratch` to `keyEnd` to `carriedEnd`.
let scratch: u32 = 0;
let scratchEnd: u32 = 0;
let keyEnd: u32 = 0;
let carriedEnd: u32 = 0;

/** Whether one of the members is called `$`. */
export let carriesDollar: bool = false;

export function setCaptures(capturesAt: u32, keys: u32, count: u32, dollar: u32, levelsAt: u32): void {
  captures = capturesAt;
  keyCount = keys;
  captureCount = count;
  dollarCapture = dollar;
  levels = levelsAt;
}

export function setScratch(at: u32, bytes: u32): void {
  scratch = at;
  scratchEnd = at + bytes;
}

export function forgetCaptures(): void {
  for (let k: u32 = 0; k < captureCount; k++) store<u32>(captures + 16 * k, 0, 4);
}

/** Notes that the value of the capture stands at the end of the row. */
// @ts-ignore: decorator
@inline export function capture(to: u32, length: u32): void {
  if (to == 0) return;
  store<u32>(to, out);
  store<u32>(to, length, 4);
}

/** Whether all members of the key are there. */
export function hasKey(): bool {
  for (let k: u32 = 0; k < keyCount; k++) {
    const member = captures + 16 * k;
    if (load<u32>(member, 4) == 0 || load<u8>(load<u32>(member)) == 110) return false;
  }
  return true;
}

/** The members that go along, into the scratch, while the top-level row still stands where it was written; false after `noRoom`. */
export function carry(): bool {
  let o = scratch;
  keyEnd = scratch;
  carriesDollar = false;
  for (let k: u32 = 0; k < captureCount; k++) {
    const member = captures + 16 * k;
    const value = load<u32>(member), length = load<u32>(member, 4);
    if (length != 0) {
      const textLength = load<u32>(member, 12);
      if (o + textLength + length + 64 > scratchEnd) { noRoom(root); return false; }
      copy(o, load<u32>(member, 8), textLength);
      o += textLength;
      copy(o, value, length);
      o += length;
      if (member == dollarCapture) carriesDollar = true;
    }
    if (k + 1 == keyCount) keyEnd = o;
  }
  carriedEnd = o;
  return true;
}

/** Begins the row of an element of an array on `level`; false after `noRoom`. */
export function writeCarried(level: u32, index: u32): bool {
  store<u32>(levels + 16 * level, index, 8);
  if (!hasRoom(carriedEnd - scratch)) { noRoom(table); return false; }
  append(scratch, keyEnd - scratch);
  for (let l: u32 = 0; l <= level; l++) {
    const entry = levels + 16 * l, length = load<u32>(entry, 4);
    if (!hasRoom(length + carriedEnd - keyEnd)) { noRoom(table); return false; }
    append(load<u32>(entry), length);
    appendIndex(load<u32>(entry, 8));
  }
  append(keyEnd, carriedEnd - keyEnd);
  return true;
}

// @ts-ignore: decorator
@inline function appendIndex(n: u32): void {
  // Most arrays are short.
  if (n >= 10) appendTo(writeUnsigned(n, out));
  else {
    store<u8>(out, <u8>(48 + n));
    appendTo(out + 1);
  }
}
