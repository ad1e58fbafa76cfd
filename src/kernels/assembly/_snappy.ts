// Snappy's raw block format, https://github.com/google/snappy/blob/main/format_description.txt, every step checked
// against both ends: what lies in a file may be broken or hostile.

const SNAPPY_OK: u32 = 0;
const SNAPPY_TRUNCATED: u32 = 1;
const SNAPPY_TOO_LONG: u32 = 2;
const SNAPPY_BAD_OFFSET: u32 = 3;
const SNAPPY_TOO_SHORT: u32 = 4;

/**
 * Decompresses the elements of a block (what follows its length) in from..fromEnd to exactly to..toEnd. Behind fromEnd 16 bytes
 * must be readable; behind toEnd 16 bytes may be overwritten.
 */
export function snappy(from: u32, fromEnd: u32, to: u32, toEnd: u32): u32 {
  let i = from, o = to;
  while (i < fromEnd) {
    const tag: u32 = load<u8>(i++);
    let length: u32, offset: u32;
    if ((tag & 3) == 0) {
      length = tag >> 2;
      if (length >= 60) {
        const bytes = length - 59;
        // The bytes beyond the end are padding, so the check may come after.
        length = load<u32>(i) & (<u32>0xffffffff >> ((4 - bytes) << 3));
        i += bytes;
        if (length == 0xffffffff) return SNAPPY_TOO_LONG;
      }
      length++;
      if (i > fromEnd || length > fromEnd - i) return SNAPPY_TRUNCATED;
      if (length > toEnd - o) return SNAPPY_TOO_LONG;
      if (length <= 16) v128.store(o, v128.load(i));
      else memory.copy(o, i, length);
      i += length;
      o += length;
      continue;
    }
    if ((tag & 3) == 1) {
      length = 4 + ((tag >> 2) & 7);
      offset = ((tag >> 5) << 8) | <u32>load<u8>(i);
      i += 1;
    } else if ((tag & 3) == 2) {
      length = 1 + (tag >> 2);
      offset = load<u16>(i);
      i += 2;
    } else {
      length = 1 + (tag >> 2);
      offset = load<u32>(i);
      i += 4;
    }
    if (i > fromEnd) return SNAPPY_TRUNCATED;
    if (offset == 0 || offset > o - to) return SNAPPY_BAD_OFFSET;
    if (length > toEnd - o) return SNAPPY_TOO_LONG;
    const end = o + length;
    let source = o - offset;
    if (offset >= 16) {
      // A copy is at most 64 bytes; writing up to 15 too many is mended by what follows, or lies behind toEnd.
      do {
        v128.store(o, v128.load(source));
        o += 16;
        source += 16;
      } while (o < end);
    } else {
      while (o < end) store<u8>(o++, load<u8>(source++));
    }
    o = end;
  }
  return o == toEnd ? SNAPPY_OK : SNAPPY_TOO_SHORT;
}
