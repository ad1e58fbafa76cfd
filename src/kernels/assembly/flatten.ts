// De-nests NDJSON rows: objects fold into columns, arrays become rows of subtables. Values are copied as the bytes
// that they are. Input is whole lines. The host (src/flatten/areas.ts) owns the memory and draws its layout there.
//
// A record is walked once for its own row, whose arrays are passed over, and then array by array, since the members
// that go along into subtables may stand behind the arrays.
import { innerRow, isEscaped, stoppedAt } from './_escaped-row';
import {
  capture, carriesDollar, carry, forgetCaptures, hasKey, setCaptures, setScratch, writeCarried,
} from './_flatten-carry';
import {
  ARRAY_RAW, ARRAY_TABLE, ARRAY_TEXT, CAPTURE, CHILD, DOLLAR, ENTRIES, ENTRY_BYTES, entryOf, FLAGS, KEY, KEY_LENGTH,
  newObject, NULL_OMIT, NULL_WRITE, OBJECT_OPEN, OBJECT_RAW, OBJECT_TEXT, renumberObjects, SCALAR, SEEN, setNodes,
  SUBTABLE, TEXT, TEXT_LENGTH,
} from './_flatten-nodes';
import {
  append, appendTo, beginRecord, beginRow, close, commit, hasDollar, hasRoom, leave, noRoom, noteDollar, open, out,
  resume, rollback, root, ROOT, setTables, table,
} from './_flatten-tables';
import {
  AFTER, DEPTH, DUPLICATE, fail, found, foundEnd, literalEnd, MAX_DEPTH, NOT_OBJECT, problem, skipSpace, stringEnd,
  unexpected,
} from './_json';
import { escapedSize, writeEscaped } from './_json-text';
import { numeralEnd, passNested, shortStringEnd, valueEnd } from './_json-value';
import { isName } from './_is-name';

export { addEntry } from './_flatten-nodes';

// What `run` returns, besides the errors of _json.ts and FULL of _flatten-tables.ts; src/kernels/flatten.ts has the same
// table.
const DONE: u32 = 0;
const LEARN: u32 = 1; // the record at `at` has something at a place where nothing of that kind is known
const NEW_NAME: u32 = 2; // as LEARN: the name `found`, in its quotes, in the object of node `getNode`
const ENOUGH: u32 = 3; // a table has enough rows
const NOT_ROW: u32 = 17; // a line that begins with the member `$`, but is not an escaped row

// Arrays of the record that are still to be opened: node, position.
let pending: u32 = 0;
let pendingEnd: u32 = 0;

/** Tells where everything is: addresses, numbers of things, and how many bytes of rows are enough. */
export function configure(
  tables: u32, nodes: u32, nodeCount: u32, slots: u32, slotCount: u32, captures: u32, keys: u32, allCaptures: u32,
  dollar: u32, levels: u32, pendingAt: u32, scratch: u32, scratchBytes: u32, enoughBytes: u32,
): void {
  setTables(tables, enoughBytes);
  setNodes(nodes, nodeCount, slots, slotCount);
  setCaptures(captures, keys, allCaptures, dollar, levels);
  setScratch(scratch, scratchBytes);
  pending = pendingAt;
}

let at: u32 = 0;
let node: u32 = 0;

/** Where the first line begins that has not been written. */
export function getAt(): u32 { return at; }
/** The bytes that the status is about. */
export function getFound(): u32 { return found; }
export function getFoundEnd(): u32 { return foundEnd; }
export function getNode(): u32 { return node; }
export function getTable(): u32 { return table; }

function learn(place: u32, from: u32, to: u32): u32 {
  node = place;
  fail(LEARN, from, to);
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
  renumberObjects();
  while (i < inputEnd) {
    at = i;
    i = skipSpace(i);
    if (load<u8>(i) == 10) {
      at = ++i;
      continue;
    }
    beginRecord();
    i = record(i);
    if (i == 0) {
      rollback();
      return problem;
    }
    at = i;
    if (commit()) return ENOUGH;
  }
  return DONE;
}

// True while the top-level row is written, whose arrays wait.
let isTop: bool = false;
let level: u32 = 0; // of the array whose elements are being written

// The record at `i`: where the next line begins.
function record(i: u32): u32 {
  if (load<u8>(i) != 123) { fail(NOT_OBJECT, i, i + 1); return 0; }
  const escaped = isEscaped(i);
  if (escaped) {
    const inner = innerRow(i);
    if (inner == 0) { fail(NOT_ROW, i, stoppedAt + 1); return 0; }
    i = inner;
  }
  forgetCaptures();
  pendingEnd = pending;
  isTop = true;
  open(root);
  const row = out;
  beginRow(false);
  i = members(i + 1, load<u32>(root, ROOT), 1);
  if (i == 0) return 0;
  if (escaped) {
    i = skipSpace(i);
    if (load<u8>(i) != 125) { unexpected(i); return 0; }
    i++;
  }
  if (load<u8>(i) != 10) {
    i = skipSpace(i);
    if (load<u8>(i) != 10) { fail(AFTER, i, i + 1); return 0; }
  }
  if (pendingEnd != pending) {
    if (!hasKey()) return learn(load<u32>(root, ROOT), at, at);
    // Before the row is closed, which may move it.
    if (!carry()) return 0;
  }
  if (!close(row)) return 0;
  leave();
  isTop = false;
  for (let p = pending; p < pendingEnd; p += 8) {
    if (array(load<u32>(p, 4), load<u32>(p), 0, 2) == 0) return 0;
  }
  return i + 1;
}

// The members of the object of `parent`, from after its bracket to after the other one.
function members(i: u32, parent: u32, depth: u32): u32 {
  if (depth > MAX_DEPTH) { fail(DEPTH, i - 1, i); return 0; }
  const object = newObject();
  let guess = load<u32>(parent, ENTRIES);
  i = skipSpace(i);
  if (load<u8>(i) == 125) return i + 1;
  while (true) {
    const name = i;
    let entry = guess;
    const length = load<u32>(entry, TEXT_LENGTH);
    if (isName(load<u32>(entry, TEXT), length, i)) i += length;
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
    guess = entry + ENTRY_BYTES;
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
  const b: u32 = load<u8>(i), flags = load<u32>(child, FLAGS), start = i;
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
  const length = stop - start;
  if (!putKey(child, flags, length)) return 0;
  append(start, length);
  return stop;
}

// The text before a member's value; false if the row has no room for both.
// @ts-ignore: decorator
@inline function putKey(child: u32, flags: u32, length: u64): bool {
  const keyLength = load<u32>(child, KEY_LENGTH);
  if (!hasRoom(keyLength + length)) { noRoom(table); return false; }
  append(load<u32>(child, KEY), keyLength);
  capture(load<u32>(child, CAPTURE), <u32>length);
  if ((flags & DOLLAR) != 0) noteDollar();
  return true;
}

// An object or array that stays one value: JSON, or a text of it.
function nested(i: u32, child: u32, depth: u32, asText: bool): u32 {
  const start = i, flags = load<u32>(child, FLAGS);
  i = valueEnd(i, depth);
  if (i == 0) return 0;
  if (!asText) return put(child, flags, start, i);
  const length = i - start;
  if (!putKey(child, flags, escapedSize(start, length) + 2)) return 0;
  store<u8>(out, 34);
  const end = writeEscaped(start, length, out + 1);
  store<u8>(end, 34);
  appendTo(end + 1);
  return i;
}

// The array that opens at `i`, which is level `ownLevel`: a row for each element.
function array(i: u32, child: u32, ownLevel: u32, depth: u32): u32 {
  if (depth > MAX_DEPTH) { fail(DEPTH, i, i + 1); return 0; }
  i = skipSpace(i + 1);
  if (load<u8>(i) == 93) return i + 1;
  const oldTable = table, oldOut = out, oldDollar = hasDollar, oldLevel = level;
  const subtable = load<u32>(child, SUBTABLE);
  const element = load<u32>(subtable, ROOT);
  open(subtable);
  level = ownLevel;
  for (let index: u32 = 0; ; index++) {
    const row = out;
    beginRow(carriesDollar);
    if (!writeCarried(ownLevel, index)) return 0;
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
  leave();
  resume(oldTable, oldOut, oldDollar);
  level = oldLevel;
  return i + 1;
}
