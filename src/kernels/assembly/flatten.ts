// De-nests NDJSON rows: objects fold into columns, arrays become rows of subtables. Values are copied as the bytes
// that they are. Input is whole lines. The host (src/flatten/program.ts) lays the tables out in memory and says there
// what stands in them; it owns the memory.
//
// A record is walked once for its own row, whose arrays are passed over, and then array by array, since the members
// that go along into subtables may stand behind the arrays. What a record has written counts only when all of it has
// been: a record that needs something, or finds no room, leaves nothing.
import { writeEscaped, escapedSize } from './_json-text';
import { AFTER, DEPTH, DUPLICATE, fail, found, foundEnd, literalEnd, NOT_OBJECT, problem, skipSpace, stringEnd, unexpected } from './_json';
import { MAX_DEPTH, numeralEnd, passNested, shortStringEnd, valueEnd } from './_json-value';

// What `run` returns, besides the errors of _json.ts; src/kernels/flatten.ts has the same table.
const DONE: u32 = 0;
const LEARN: u32 = 1; // the record at `at` has something at a place where nothing of that kind is known
const NEW_NAME: u32 = 2; // as LEARN: the name `found`, in its quotes, in the object of node `getNode`
const ENOUGH: u32 = 3; // a table has enough rows
const FULL: u32 = 4; // table `getTable` has no room for its rows of the record at `at`
const NOT_ROW: u32 = 17; // a line that begins with the member `$`, but is not an escaped row

// A node, 48 bytes: a path in the records of a table.
const FLAGS: usize = 0;
const KEY: usize = 4; // `,"name":` of its column
const KEY_LENGTH: usize = 8;
const CHILDREN: usize = 12; // the first entry of its object's names
const SUBTABLE: usize = 16; // of its array
const CAPTURE: usize = 20; // where to note the value, for subtables
const SEEN: usize = 24; // the last object it was seen in
const NODE: u32 = 48;

// Flags of a node: what may stand there, and what becomes of it. What has no flag stops the kernel.
const SCALAR: u32 = 1;
const NULL_WRITE: u32 = 2;
const NULL_OMIT: u32 = 4;
const OBJECT_OPEN: u32 = 8;
const OBJECT_RAW: u32 = 16;
const OBJECT_TEXT: u32 = 32;
const ARRAY_TABLE: u32 = 64;
const ARRAY_RAW: u32 = 128;
const ARRAY_TEXT: u32 = 256;
const DOLLAR: u32 = 512; // the column is called `$`

// An entry, 16 bytes: a name in an object. After the last one of an object comes one with a length of 1, which no
// name has.
const TEXT: usize = 0; // `"name":`, padded to 16
const TEXT_LENGTH: usize = 4;
const CHILD: usize = 8;
const PARENT: usize = 12;

// A table, 48 bytes: rows from START on, whole records up to COMMITTED.
const START: usize = 0;
const AT: usize = 4;
const LIMIT: usize = 8;
const COMMITTED: usize = 12;
const ROOT: usize = 16; // the node of its elements
const COMMITTED_ROWS: usize = 20;
const ROWS: usize = 24;
const RECORD: usize = 28; // the last record that touched it
const NEXT: usize = 32; // the next table that this record touched

let root: u32 = 0;
let nodes: u32 = 0;
let nodeCount: u32 = 0;
let slots: u32 = 0;
let slotMask: u32 = 0;
// Members for subtables, 16 bytes each: value, its length (0: absent), text before it, its length. The keys first.
let captures: u32 = 0;
let keyCount: u32 = 0;
let captureCount: u32 = 0;
let dollarCapture: u32 = 0;
// For each array level: `,"_sdc_level_<n>_id":`, its length, and the present index.
let levels: u32 = 0;
// Arrays of the record that are still to be opened: node, position.
let pending: u32 = 0;
let pendingEnd: u32 = 0;
let scratch: u32 = 0;
let scratchEnd: u32 = 0;
let enough: u32 = 0;

/** Tells where everything is: addresses, numbers of things, and how many bytes of rows are enough. */
export function configure(
  tables: u32, nodesAt: u32, nodesCount: u32, slotsAt: u32, slotCount: u32, capturesAt: u32, keys: u32, allCaptures: u32,
  dollar: u32, levelsAt: u32, pendingAt: u32, scratchAt: u32, scratchBytes: u32, enoughBytes: u32,
): void {
  root = tables;
  nodes = nodesAt;
  nodeCount = nodesCount;
  slots = slotsAt;
  slotMask = slotCount - 1;
  captures = capturesAt;
  keyCount = keys;
  captureCount = allCaptures;
  dollarCapture = dollar;
  levels = levelsAt;
  pending = pendingAt;
  scratch = scratchAt;
  scratchEnd = scratchAt + scratchBytes;
  enough = enoughBytes;
  objectNumber = 0;
  recordNumber = 0;
}

let at: u32 = 0;
let node: u32 = 0;
let table: u32 = 0;

/** Where the first line begins that has not been written. */
export function getAt(): u32 { return at; }
/** The bytes that the status is about. */
export function getFound(): u32 { return found; }
export function getFoundEnd(): u32 { return foundEnd; }
export function getNode(): u32 { return node; }
export function getTable(): u32 { return table; }

// Of the row being written: where it ends so far, how far its table has room, whether it has a member `$`.
let out: u32 = 0;
let limit: u32 = 0;
let wrapped: bool = false;

let recordNumber: u32 = 0;
let objectNumber: u32 = 0;
let touched: u32 = 0;
let isTop: bool = false;
let keyPart: u32 = 0; // where the members of subtable rows before the levels end in the scratch
let carriedEnd: u32 = 0;
let carriedDollar: bool = false;

// Writes up to 15 bytes more.
// @ts-ignore: decorator
@inline function copy(to: u32, from: u32, length: u32): void {
  v128.store(to, v128.load(from));
  if (length > 16) {
    if (length > 256) memory.copy(to, from, length);
    else for (let k: u32 = 16; k < length; k += 16) v128.store(to + k, v128.load(from + k));
  }
}

// @ts-ignore: decorator
@inline function isSame(text: u32, i: u32, length: u32): bool {
  while (length > 16) {
    if (v128.any_true(v128.xor(v128.load(text), v128.load(i)))) return false;
    text += 16;
    i += 16;
    length -= 16;
  }
  const mask: u32 = (1 << length) - 1;
  return (i8x16.bitmask(i8x16.eq(v128.load(text), v128.load(i))) & mask) == mask;
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

/** Puts an entry, filled in by the host, into the slots. */
export function addEntry(entry: u32): void {
  let slot = hashOf(load<u32>(entry, PARENT), load<u32>(entry, TEXT), load<u32>(entry, TEXT_LENGTH) - 1) & slotMask;
  while (load<u32>(slots + 4 * slot) != 0) slot = (slot + 1) & slotMask;
  store<u32>(slots + 4 * slot, entry);
}

// The entry of the name between the positions, in its quotes; 0 if there is none.
function entryOf(parent: u32, start: u32, stop: u32): u32 {
  const length = stop - start;
  let slot = hashOf(parent, start, length) & slotMask;
  while (true) {
    const entry = load<u32>(slots + 4 * slot);
    if (entry == 0) return 0;
    if (load<u32>(entry, PARENT) == parent && load<u32>(entry, TEXT_LENGTH) == length + 1) {
      if (isSame(load<u32>(entry, TEXT), start, length)) return entry;
    }
    slot = (slot + 1) & slotMask;
  }
}

function learn(place: u32, from: u32, to: u32): u32 {
  node = place;
  fail(LEARN, from, to);
  return 0;
}

// @ts-ignore: decorator
@inline function hasRoom(length: u32): bool {
  return out + length + 64 <= limit;
}

function noRoom(): u32 {
  fail(FULL, 0, 0);
  return 0;
}

/** Checks the record at `i` and the rest of its line: 0, or what is the matter. */
export function check(i: u32): u32 {
  i = skipSpace(i);
  if (load<u8>(i) != 123) return fail(NOT_OBJECT, i, i + 1);
  i = valueEnd(i, 0);
  if (i == 0) return problem;
  i = skipSpace(i);
  return load<u8>(i) == 10 ? 0 : fail(AFTER, i, i + 1);
}

/**
 * Writes the rows of the lines between `input` and `inputEnd` to their tables. Stops before a record that needs
 * something, and after one with which a table has enough.
 */
export function run(input: u32, inputEnd: u32): u32 {
  let i = input;
  if (objectNumber > 0x7fffffff) {
    for (let k: u32 = 0; k < nodeCount; k++) store<u32>(nodes + k * NODE, 0, SEEN);
    objectNumber = 0;
  }
  while (i < inputEnd) {
    at = i;
    i = skipSpace(i);
    if (load<u8>(i) == 10) {
      at = ++i;
      continue;
    }
    touched = 0;
    recordNumber++;
    i = record(i);
    if (i == 0) {
      // Its tables forget it.
      for (let t = touched; t != 0; t = load<u32>(t, NEXT)) {
        store<u32>(t, load<u32>(t, COMMITTED), AT);
        store<u32>(t, load<u32>(t, COMMITTED_ROWS), ROWS);
      }
      return problem;
    }
    at = i;
    let isEnough = false;
    for (let t = touched; t != 0; t = load<u32>(t, NEXT)) {
      const end = load<u32>(t, AT);
      store<u32>(t, end, COMMITTED);
      store<u32>(t, load<u32>(t, ROWS), COMMITTED_ROWS);
      if (end - load<u32>(t) >= enough) isEnough = true;
    }
    if (isEnough) return ENOUGH;
  }
  return DONE;
}

// The record at `i`: where the next line begins.
function record(i: u32): u32 {
  if (load<u8>(i) != 123) { fail(NOT_OBJECT, i, i + 1); return 0; }
  let isEscaped = false;
  const first = skipSpace(i + 1);
  if (load<u32>(first) << 8 == 0x22242200) {
    isEscaped = true;
    i = escapedRow(first + 3);
    if (i == 0) return 0;
  }
  for (let k: u32 = 0; k < captureCount; k++) store<u32>(captures + 16 * k, 0, 4);
  pendingEnd = pending;
  isTop = true;
  open(root);
  const row = out;
  wrapped = false;
  i = members(i + 1, load<u32>(root, ROOT), 1);
  if (i == 0) return 0;
  if (isEscaped) {
    i = skipSpace(i);
    if (load<u8>(i) != 125) { unexpected(i); return 0; }
    i++;
  }
  if (load<u8>(i) != 10) {
    i = skipSpace(i);
    if (load<u8>(i) != 10) { fail(AFTER, i, i + 1); return 0; }
  }
  // Before the row is closed, which may move it.
  if (pendingEnd != pending && !carry()) return 0;
  if (!close(row)) return 0;
  store<u32>(root, out, AT);
  isTop = false;
  for (let p = pending; p < pendingEnd; p += 8) {
    if (array(load<u32>(p, 4), load<u32>(p), 0, 2) == 0) return 0;
  }
  return i + 1;
}

// What follows the name `$`: where the row's own object opens.
function escapedRow(i: u32): u32 {
  const start = i;
  i = skipSpace(i);
  if (load<u8>(i) != 58) { fail(NOT_ROW, start, i + 1); return 0; }
  i = skipSpace(i + 1);
  if (load<u32>(i) != 0x776f7222 || load<u8>(i, 4) != 34) { fail(NOT_ROW, start, i + 1); return 0; }
  i = skipSpace(i + 5);
  if (load<u8>(i) != 44) { fail(NOT_ROW, start, i + 1); return 0; }
  i = skipSpace(i + 1);
  if (load<u32>(i) != 0x776f7222 || load<u8>(i, 4) != 34) { fail(NOT_ROW, start, i + 1); return 0; }
  i = skipSpace(i + 5);
  if (load<u8>(i) != 58) { fail(NOT_ROW, start, i + 1); return 0; }
  i = skipSpace(i + 1);
  if (load<u8>(i) != 123) { fail(NOT_ROW, start, i + 1); return 0; }
  return i;
}

// The members that go along into subtables, into the scratch; false if the key is not whole.
function carry(): bool {
  let o = scratch;
  carriedDollar = false;
  for (let k: u32 = 0; k < captureCount; k++) {
    const capture = captures + 16 * k;
    const value = load<u32>(capture), length = load<u32>(capture, 4);
    if (k < keyCount && (length == 0 || load<u8>(value) == 110)) {
      learn(load<u32>(root, ROOT), at, at);
      return false;
    }
    if (k == keyCount) keyPart = o;
    if (length == 0) continue;
    const textLength = load<u32>(capture, 12);
    if (o + textLength + length + 64 > scratchEnd) { table = root; noRoom(); return false; }
    copy(o, load<u32>(capture, 8), textLength);
    o += textLength;
    copy(o, value, length);
    o += length;
    if (capture == dollarCapture) carriedDollar = true;
  }
  if (captureCount == keyCount) keyPart = o;
  carriedEnd = o;
  return true;
}

// Rows go to this table now.
function open(t: u32): void {
  if (load<u32>(t, RECORD) != recordNumber) {
    store<u32>(t, recordNumber, RECORD);
    store<u32>(t, touched, NEXT);
    touched = t;
  }
  table = t;
  out = load<u32>(t, AT);
  limit = load<u32>(t, LIMIT);
}

// Ends the row that begins at `row`; its members all begin with a comma so far.
// @ts-ignore: decorator
@inline function close(row: u32): bool {
  if (!hasRoom(32)) { noRoom(); return false; }
  if (out == row) store<u8>(out++, 123);
  else store<u8>(row, 123);
  if (wrapped) wrap(row);
  store<u16>(out, 0x0a7d);
  out += 2;
  store<u32>(table, load<u32>(table, ROWS) + 1, ROWS);
  return true;
}

// Puts `{"$":"row","row":` before the row and `}` after it.
function wrap(row: u32): void {
  memory.copy(row + 17, row, out - row);
  store<u64>(row, 0x6f72223a2224227b);
  store<u64>(row, 0x22776f72222c2277, 8);
  store<u8>(row, 58, 16);
  out += 17;
  store<u8>(out++, 125);
}

// The members of the object of `parent`, from after its bracket to after the other one.
function members(i: u32, parent: u32, depth: u32): u32 {
  if (depth > MAX_DEPTH) { fail(DEPTH, i - 1, i); return 0; }
  const object = ++objectNumber;
  let guess = load<u32>(parent, CHILDREN);
  i = skipSpace(i);
  if (load<u8>(i) == 125) return i + 1;
  while (true) {
    const name = i;
    let entry = guess;
    const length = load<u32>(entry, TEXT_LENGTH);
    if (isSame(load<u32>(entry, TEXT), i, length)) i += length;
    else {
      if (load<u8>(i) != 34) { unexpected(i); return 0; }
      i = stringEnd(i + 1);
      if (i == 0) return 0;
      entry = entryOf(parent, name, i);
      if (entry == 0) {
        node = parent;
        fail(NEW_NAME, name, i);
        return 0;
      }
      i = skipSpace(i);
      if (load<u8>(i) != 58) { unexpected(i); return 0; }
      i++;
    }
    guess = entry + 16;
    const child = load<u32>(entry, CHILD);
    if (load<u32>(child, SEEN) == object) { fail(DUPLICATE, name, name + load<u32>(entry, TEXT_LENGTH) - 1); return 0; }
    store<u32>(child, object, SEEN);
    i = value(skipSpace(i), child, depth);
    if (i == 0) return 0;
    let b: u32 = load<u8>(i);
    if (b != 44) {
      i = skipSpace(i);
      b = load<u8>(i);
      if (b == 125) return i + 1;
      if (b != 44) { unexpected(i); return 0; }
    }
    i = skipSpace(i + 1);
  }
}

// The value at a node, to where it belongs; `depth` objects and arrays are open around it.
function value(i: u32, child: u32, depth: u32): u32 {
  const b: u32 = load<u8>(i), flags = load<u32>(child), start = i;
  if (b == 34) {
    i = shortStringEnd(i + 1);
    if (i == 0) return 0;
  } else if (b == 123) {
    if ((flags & OBJECT_OPEN) != 0) return members(i + 1, child, depth + 1);
    if ((flags & (OBJECT_RAW | OBJECT_TEXT)) == 0) return learn(child, i, i + 1);
    return nested(i, child, depth, (flags & OBJECT_TEXT) != 0);
  } else if (b == 91) {
    if ((flags & ARRAY_TABLE) != 0) {
      if (!isTop) return array(i, child, level + 1, depth + 1);
      store<u32>(pendingEnd, child);
      store<u32>(pendingEnd, i, 4);
      pendingEnd += 8;
      return passNested(i + 1);
    }
    if ((flags & (ARRAY_RAW | ARRAY_TEXT)) == 0) return learn(child, i, i + 1);
    return nested(i, child, depth, (flags & ARRAY_TEXT) != 0);
  } else if (b == 110) {
    i = literalEnd(i);
    if (i == 0) return 0;
    if ((flags & NULL_OMIT) != 0) return i;
    if ((flags & NULL_WRITE) == 0) return learn(child, start, i);
    return put(child, flags, start, i);
  } else {
    i = b == 45 || b - 48 < 10 ? numeralEnd(i) : literalEnd(i);
    if (i == 0) return 0;
  }
  if ((flags & SCALAR) == 0) return learn(child, start, i);
  return put(child, flags, start, i);
}

// A member, as the bytes that it is.
// @ts-ignore: decorator
@inline function put(child: u32, flags: u32, start: u32, stop: u32): u32 {
  const keyLength = load<u32>(child, KEY_LENGTH), length = stop - start;
  if (!hasRoom(keyLength + length)) return noRoom();
  copy(out, load<u32>(child, KEY), keyLength);
  out += keyLength;
  capture(child, length);
  copy(out, start, length);
  out += length;
  if ((flags & DOLLAR) != 0) wrapped = true;
  return stop;
}

// @ts-ignore: decorator
@inline function capture(child: u32, length: u32): void {
  const to = load<u32>(child, CAPTURE);
  if (to == 0) return;
  store<u32>(to, out);
  store<u32>(to, length, 4);
}

// An object or array that stays one value: JSON, or a text of it.
function nested(i: u32, child: u32, depth: u32, asText: bool): u32 {
  const start = i, flags = load<u32>(child);
  i = valueEnd(i, depth);
  if (i == 0) return 0;
  if (!asText) return put(child, flags, start, i);
  const keyLength = load<u32>(child, KEY_LENGTH);
  const size = escapedSize(start, i - start) + 2;
  if (<u64>out + keyLength + size + 64 > <u64>limit) return noRoom();
  copy(out, load<u32>(child, KEY), keyLength);
  out += keyLength;
  capture(child, <u32>size);
  store<u8>(out++, 34);
  out = writeEscaped(start, i - start, out);
  store<u8>(out++, 34);
  if ((flags & DOLLAR) != 0) wrapped = true;
  return i;
}

let level: u32 = 0; // of the array whose elements are being written

// The array that opens at `i`, which is level `ownLevel`: a row for each element.
function array(i: u32, child: u32, ownLevel: u32, depth: u32): u32 {
  if (depth > MAX_DEPTH) { fail(DEPTH, i, i + 1); return 0; }
  i = skipSpace(i + 1);
  if (load<u8>(i) == 93) return i + 1;
  const oldTable = table, oldOut = out, oldLimit = limit, oldWrapped = wrapped, oldLevel = level;
  const t = load<u32>(child, SUBTABLE);
  const element = load<u32>(t, ROOT);
  open(t);
  level = ownLevel;
  for (let index: u32 = 0; ; index++) {
    const row = out;
    wrapped = carriedDollar;
    store<u32>(levels + 16 * ownLevel, index, 8);
    if (!head(ownLevel)) return 0;
    const b: u32 = load<u8>(i);
    if (b == 123) i = members(i + 1, element, depth + 1);
    else if (b == 110) i = literalEnd(i);
    else i = value(i, element, depth);
    if (i == 0) return 0;
    if (!close(row)) return 0;
    i = skipSpace(i);
    const c: u32 = load<u8>(i);
    if (c == 93) break;
    if (c != 44) { unexpected(i); return 0; }
    i = skipSpace(i + 1);
  }
  store<u32>(t, out, AT);
  table = oldTable;
  out = oldOut;
  limit = oldLimit;
  wrapped = oldWrapped;
  level = oldLevel;
  return i + 1;
}

// What a row of a subtable begins with: the key, the indexes, the members that go along.
function head(ownLevel: u32): bool {
  if (!hasRoom(carriedEnd - scratch)) { noRoom(); return false; }
  copy(out, scratch, keyPart - scratch);
  out += keyPart - scratch;
  for (let l: u32 = 0; l <= ownLevel; l++) {
    const entry = levels + 16 * l, length = load<u32>(entry, 4);
    if (!hasRoom(length + carriedEnd - keyPart)) { noRoom(); return false; }
    copy(out, load<u32>(entry), length);
    out += length;
    putIndex(load<u32>(entry, 8));
  }
  copy(out, keyPart, carriedEnd - keyPart);
  out += carriedEnd - keyPart;
  return true;
}

// @ts-ignore: decorator
@inline function putIndex(n: u32): void {
  if (n < 10) {
    store<u8>(out++, <u8>(48 + n));
    return;
  }
  let digits: u32 = 1;
  for (let rest = n / 10; rest != 0; rest /= 10) digits++;
  out += digits;
  for (let k: u32 = 1; k <= digits; k++, n /= 10) store<u8>(out - k, <u8>(48 + n % 10));
}
