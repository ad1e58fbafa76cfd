// Parquet's hybrid of run lengths and bit packing
// (https://github.com/apache/parquet-format/blob/master/Encodings.md#RLE), a batch at a time.

// The state of a stream, HYBRID bytes long.
export const HYBRID: u32 = 24;
const AT: u32 = 0;
const END: u32 = 4;
const WIDTH: u32 = 8; // bits of a value, at most 32
const LEFT: u32 = 12; // values left in the run
const VALUE: u32 = 16; // of a run of equal values
const BIT: u32 = 20; // of a packed run: which bit of AT is next; else NOT_PACKED
const NOT_PACKED: u32 = 0xffffffff;

export function startHybrid(h: u32, at: u32, end: u32, width: u32): void {
  store<u32>(h, at, AT);
  store<u32>(h, end, END);
  store<u32>(h, width, WIDTH);
  store<u32>(h, 0, LEFT);
}

/** Reads the head of the next run; false where there is none. */
function nextRun(h: u32): bool {
  let at = load<u32>(h, AT);
  const end = load<u32>(h, END), width = load<u32>(h, WIDTH);
  let head: u64 = 0, shift: u64 = 0, b: u64;
  do {
    if (at >= end || shift > 35) return false;
    b = load<u8>(at++);
    head |= (b & 127) << shift;
    shift += 7;
  } while (b >= 128);
  const count = head >> 1;
  if (count == 0 || count > 0x0fffffff) return false;
  if ((head & 1) != 0) {
    store<u32>(h, <u32>count << 3, LEFT);
    store<u32>(h, 0, BIT);
  } else {
    const bytes = (width + 7) >> 3;
    if (bytes > end - at) return false;
    let value: u32 = 0;
    for (let k: u32 = 0; k < bytes; k++) value |= <u32>load<u8>(at + k) << (k << 3);
    at += bytes;
    store<u32>(h, <u32>count, LEFT);
    store<u32>(h, value, VALUE);
    store<u32>(h, NOT_PACKED, BIT);
  }
  store<u32>(h, at, AT);
  return true;
}

/** Writes the next `count` values to `to`, as u8 or as u32; false if there are not so many. May read 8 bytes too many. */
// @ts-ignore: decorator
@inline function expand(h: u32, count: u32, to: u32, size: u32): bool {
  const width = load<u32>(h, WIDTH);
  const mask = (<u64>1 << <u64>width) - 1;
  while (count != 0) {
    if (load<u32>(h, LEFT) == 0 && !nextRun(h)) return false;
    const left = load<u32>(h, LEFT);
    const n = min(count, left);
    const at = load<u32>(h, AT), bit = load<u32>(h, BIT);
    if (bit == NOT_PACKED) {
      const value = load<u32>(h, VALUE);
      if (size == 1) memory.fill(to, <u8>value, n);
      else for (let k: u32 = 0; k < n; k++) store<u32>(to + (k << 2), value);
    } else {
      let next = <u64>bit;
      // The last run of a page may be cut behind its last value.
      if (((next + <u64>n * <u64>width + 7) >> 3) > <u64>(load<u32>(h, END) - at)) return false;
      for (let k: u32 = 0; k < n; k++) {
        const value = (load<u64>(at + <u32>(next >> 3)) >> (next & 7)) & mask;
        if (size == 1) store<u8>(to + k, <u8>value);
        else store<u32>(to + (k << 2), <u32>value);
        next += <u64>width;
      }
      if (left == n) {
        const behind = at + <u32>(next >> 3);
        store<u32>(h, min(behind, load<u32>(h, END)), AT);
      } else if (next >= 0x40000000) {
        // Whole bytes go to AT, so that the count of bits stays small.
        store<u32>(h, at + <u32>(next >> 3), AT);
        store<u32>(h, <u32>next & 7, BIT);
      } else store<u32>(h, <u32>next, BIT);
    }
    store<u32>(h, left - n, LEFT);
    to += n * size;
    count -= n;
  }
  return true;
}

export function expandBytes(h: u32, count: u32, to: u32): bool {
  return expand(h, count, to, 1);
}

export function expandWords(h: u32, count: u32, to: u32): bool {
  return expand(h, count, to, 4);
}
