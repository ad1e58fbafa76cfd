// Any JSON value (RFC 8259), where it ends.
import { DEPTH, fail, literalEnd, MAX_DEPTH, numberEnd, stringEnd, unexpected } from './_json';
import { stack } from './_names';

let lines: bool = false; // a line feed is space too

@inline function space(i: u32): u32 {
  while (true) {
    const b = load<u8>(i);
    if (b != 32 && b != 9 && b != 13 && !(b == 10 && lines)) return i;
    i++;
  }
  return i;
}

/** Of the value at `i`; 0 after `fail`. `acrossLines`: what comes after it is no line feed, which is space inside. */
export function valueEnd(i: u32, acrossLines: bool): u32 {
  lines = acrossLines;
  let depth: u32 = 0;
  while (true) {
    // At a value.
    const b: u32 = load<u8>(i);
    if (b == 34) i = stringEnd(i + 1);
    else if (b == 45 || b - 48 < 10) i = numberEnd(i);
    else if (b == 123 || b == 91) {
      if (depth == MAX_DEPTH) { fail(DEPTH, i, i + 1); return 0; }
      store<u32>(stack + 4 * depth++, b);
      i = space(i + 1);
      if (load<u8>(i) != b + 2) {
        if (b == 123) {
          i = nameEnd(i);
          if (i == 0) return 0;
        }
        continue;
      }
      depth--;
      i++;
    } else i = literalEnd(i);
    if (i == 0) return 0;
    // After a value.
    while (true) {
      if (depth == 0) return i;
      const open = load<u32>(stack + 4 * (depth - 1));
      i = space(i);
      const b: u32 = load<u8>(i);
      if (b == 44) {
        i = space(i + 1);
        if (open == 123) {
          i = nameEnd(i);
          if (i == 0) return 0;
        }
        break;
      }
      if (b != open + 2) { unexpected(i); return 0; }
      i++;
      depth--;
    }
  }
  return i;
}

/** Whether the bytes are one JSON value and nothing else. Writes a zero behind them. */
export function isJson(start: u32, stop: u32): bool {
  store<u64>(stop, 0);
  lines = true;
  const from = space(start);
  if (from == stop) return false;
  const end = valueEnd(from, true);
  return end != 0 && space(end) == stop;
}

// A name and its colon: where the value begins.
function nameEnd(i: u32): u32 {
  if (load<u8>(i) != 34) { unexpected(i); return 0; }
  i = stringEnd(i + 1);
  if (i == 0) return 0;
  i = space(i);
  if (load<u8>(i) != 58) { unexpected(i); return 0; }
  return space(i + 1);
}
