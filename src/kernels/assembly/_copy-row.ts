// The usual row: its members stand in the order of the columns, every column once, and no space is between them. It is
// written while it is read, in one go; any other row, and any that is not right, is left to whoever finds members first.
import { fieldStop, kind, writeField } from './_copy-field';
import { isName } from './_is-name';
import { columns, entries } from './_names';
import { isPlain, BYTES, UNKNOWN } from './_plain-forms';

/** The line feed that ends the line at `i`. */
export function lineFeed(i: u32): u32 {
  const LF = i8x16.splat(10);
  while (true) {
    const m: u32 = i8x16.bitmask(i8x16.eq(v128.load(i), LF));
    if (m != 0) return i + ctz(m);
    i += 16;
  }
}

/**
 * Writes the fields of the row at `i`, which ends at the line feed `end`, each after a tab. The end of them; 0 if this
 * is no usual row.
 */
export function writeUsual(i: u32, end: u32, count: u32, scratch: u32, o: u32): u32 {
  const Q = i8x16.splat(34), B = i8x16.splat(92), SPACE = i8x16.splat(32);
  // A row whose first member is `$` is the wrapping of another one.
  if (load<u32>(i) == 0x2224227b) return 0;
  let before: u32 = 123;
  for (let c: u32 = 0; c < count; c++) {
    const entry = entries + 16 * c, length = load<u32>(entry, 4);
    if (load<u8>(i) != before || !isName(load<u32>(entry), length, i + 1)) return 0;
    i += length + 1;
    if (load<u8>(i++) != 58) return 0;
    store<u8>(o++, 9);
    before = 44;
    const start = i, opening = o;
    if (load<u8>(i) == 34) {
      i++;
      // A line feed is below a space, so that this does not leave the row.
      while (true) {
        const v = v128.load(i);
        v128.store(o, v);
        const m: u32 = i8x16.bitmask(v128.or(v128.or(i8x16.eq(v, Q), i8x16.eq(v, B)), i8x16.lt_u(v, SPACE)));
        if (m != 0) {
          i += ctz(m);
          o += ctz(m);
          break;
        }
        i += 16;
        o += 16;
      }
      if (load<u8>(i) == 34) {
        const column = columns + 16 * c, code = load<u32>(column, 8);
        if (code <= UNKNOWN || (code < BYTES && isPlain(code, load<u32>(column, 12), start + 1, i))) {
          i++;
          continue;
        }
      }
      i = start;
      o = opening;
    }
    i = fieldStop(i);
    if (i == 0) return 0;
    o = writeField(c, start, i, kind, scratch, o);
    if (o == 0) return 0;
  }
  return count != 0 && load<u8>(i) == 125 && i + 1 == end ? o : 0;
}
