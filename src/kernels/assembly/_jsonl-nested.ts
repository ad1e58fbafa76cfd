// Objects and arrays inside a row.
import { isExactNumber } from './_exact-number';
import { DEPTH, fail, hasEscape, literalEnd, MAX_DEPTH, numberEnd, skipSpace, stringEnd, unexpected } from './_json';
import { quote } from './_jsonl-output';
import { addNested, newObject, stack } from './_names';

/** Names in the objects of the row, and whether one of them has an escape. */
export let nestedNames: u32 = 0;
export let nestedEscapes: bool = false;

export function forgetNested(): void {
  nestedNames = 0;
  nestedEscapes = false;
}

/** Where the object or array that opens at `i` ends; 0 after `fail`. Numbers in it that a double cannot hold become strings. */
export function nestedEnd(i: u32): u32 {
  let depth: u32 = 0; // on the stack, which the row's own object is not
  while (true) {
    // At a value.
    const b: u32 = load<u8>(i);
    if (b == 34) {
      i = stringEnd(i + 1);
      if (i == 0) return 0;
    } else if (b == 45 || b - 48 < 10) {
      const start = i;
      i = numberEnd(i);
      if (i == 0) return 0;
      if (!isExactNumber(start, i)) quote(start, i);
    } else if (b == 123 || b == 91) {
      if (depth + 2 > MAX_DEPTH) { fail(DEPTH, i, i + 1); return 0; }
      const object = b == 123 ? newObject() : 0;
      store<u32>(stack + 4 * depth++, object);
      i = skipSpace(i + 1);
      if (load<u8>(i) != b + 2) {
        if (b == 123) {
          i = nestedName(i, object);
          if (i == 0) return 0;
        }
        continue;
      }
      depth--;
      i++;
    } else {
      i = literalEnd(i);
      if (i == 0) return 0;
    }
    // After a value.
    while (true) {
      if (depth == 0) return i;
      const object = load<u32>(stack + 4 * (depth - 1));
      i = skipSpace(i);
      const b: u32 = load<u8>(i);
      if (b == 44) {
        i = skipSpace(i + 1);
        if (object != 0) {
          i = nestedName(i, object);
          if (i == 0) return 0;
        }
        break;
      }
      if (b != (object != 0 ? 125 : 93)) { unexpected(i); return 0; }
      i++;
      depth--;
    }
  }
}

// A name and its colon: where the value begins.
function nestedName(i: u32, object: u32): u32 {
  if (load<u8>(i) != 34) { unexpected(i); return 0; }
  const start = i;
  i = stringEnd(i + 1);
  if (i == 0) return 0;
  nestedNames++;
  if (hasEscape) nestedEscapes = true;
  const code = addNested(object, start, i);
  if (code != 0) { fail(code, start, i); return 0; }
  i = skipSpace(i);
  if (load<u8>(i) != 58) { unexpected(i); return 0; }
  return skipSpace(i + 1);
}
