// LZ4's raw block format, https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md, every step checked against both
// ends: what lies in a file may be broken or hostile.

let lengthEnd: u32 = 0;

/** A length of 15 and more, whose rest stands at i; 0 if it does not end. `lengthEnd` is what follows it. */
function longLength(i: u32, end: u32): u32 {
  let length: u32 = 15, b: u32;
  do {
    if (i >= end || length > 0x7fffff00) return 0;
    b = load<u8>(i++);
    length += b;
  } while (b == 255);
  lengthEnd = i;
  return length;
}

/** Decompresses from..fromEnd to exactly to..toEnd; false if they do not fit. Behind fromEnd 2 bytes must be readable. */
export function lz4(from: u32, fromEnd: u32, to: u32, toEnd: u32): bool {
  let i = from, o = to;
  while (i < fromEnd) {
    const token: u32 = load<u8>(i++);
    let length = token >> 4;
    if (length == 15) {
      length = longLength(i, fromEnd);
      if (length == 0) return false;
      i = lengthEnd;
    }
    if (length > fromEnd - i || length > toEnd - o) return false;
    memory.copy(o, i, length);
    i += length;
    o += length;
    // The last sequence has no copy.
    if (i == fromEnd) break;
    const offset: u32 = load<u16>(i);
    i += 2;
    if (i > fromEnd || offset == 0 || offset > o - to) return false;
    length = token & 15;
    if (length == 15) {
      length = longLength(i, fromEnd);
      if (length == 0) return false;
      i = lengthEnd;
    }
    length += 4;
    if (length > toEnd - o) return false;
    const source = o - offset;
    if (offset >= length) memory.copy(o, source, length);
    else for (let k: u32 = 0; k < length; k++) store<u8>(o + k, load<u8>(source + k));
    o += length;
  }
  return o == toEnd;
}
