// Parquet's encodings of values other than PLAIN and dictionaries, made PLAIN a page at a time
// (https://github.com/apache/parquet-format/blob/master/Encodings.md). Each function returns where it stopped writing,
// or 0 when the bytes make no sense. Behind the input 16 bytes must be readable.

import { expandBytes, HYBRID, startHybrid } from './_hybrid';
import { zigzag } from './_varint';

const stream: u32 = <u32>memory.data(24, 8);

let at: u32 = 0;
let end: u32 = 0;
let broken: bool = false;

function varint(): u64 {
  let value: u64 = 0, shift: u64 = 0, b: u64;
  do {
    if (at >= end || shift > 63) {
      broken = true;
      return 0;
    }
    b = load<u8>(at++);
    value |= (b & 127) << shift;
    shift += 7;
  } while (b >= 128);
  return value;
}

/** How many values a DELTA_BINARY_PACKED block says it holds; for the room they need. */
export function deltaCount(from: u32, fromEnd: u32): f64 {
  at = from;
  end = fromEnd;
  broken = false;
  varint();
  varint();
  const count = varint();
  return broken ? -1 : <f64>count;
}

/** DELTA_BINARY_PACKED → integers of `width` bytes, 4 or 8. `deltaEnd` is then where the block ends. */
export function deltaValues(from: u32, fromEnd: u32, to: u32, toEnd: u32, width: u32): u32 {
  at = from;
  end = fromEnd;
  broken = false;
  const blockSize = varint(), miniblocks = varint(), total = varint();
  let value = zigzag(varint());
  if (broken || miniblocks == 0 || miniblocks > 65536 || blockSize % miniblocks != 0 || blockSize > 0x10000000) return 0;
  const perMini = blockSize / miniblocks;
  if (perMini == 0 || perMini % 8 != 0 || total > <u64>(toEnd - to) / width) return 0;
  let left = total, o = to;
  if (left != 0) {
    if (width == 4) store<i32>(o, <i32>value);
    else store<i64>(o, value);
    o += width;
    left--;
  }
  while (left != 0) {
    const least = zigzag(varint());
    const widths = at;
    if (broken || miniblocks > <u64>(end - at)) return 0;
    at += <u32>miniblocks;
    for (let mini: u32 = 0; mini < <u32>miniblocks && left != 0; mini++) {
      const bits: u64 = load<u8>(widths + mini);
      if (bits > 64) return 0;
      const n = min(left, perMini);
      // The last miniblock may be cut behind its last value.
      if ((n * bits + 7) >> 3 > <u64>(end - at)) return 0;
      const mask: u64 = bits == 64 ? <u64>0xffffffffffffffff : (<u64>1 << bits) - 1;
      let bit: u64 = 0;
      for (let k: u64 = 0; k < n; k++) {
        const word = at + <u32>(bit >> 3), shift = bit & 7;
        let delta = load<u64>(word) >> shift;
        if (shift + bits > 64) delta |= <u64>load<u8>(word + 8) << (64 - shift);
        value += least + <i64>(delta & mask);
        if (width == 4) store<i32>(o, <i32>value);
        else store<i64>(o, value);
        o += width;
        bit += bits;
      }
      left -= n;
      at = <u32>min<u64>(<u64>at + (perMini * bits >> 3), <u64>end);
    }
  }
  return o;
}
export function deltaEnd(): u32 { return at; }

/** Lengths as i32 at lengths..lengthsEnd, the texts one after the other → each behind its length. */
export function joinLengths(lengths: u32, lengthsEnd: u32, from: u32, fromEnd: u32, to: u32, toEnd: u32): u32 {
  let o = to;
  for (let l = lengths; l < lengthsEnd; l += 4) {
    const length = load<u32>(l);
    if (length > fromEnd - from || toEnd - o < 4 || length > toEnd - o - 4) return 0;
    store<u32>(o, length);
    memory.copy(o + 4, from, length);
    from += length;
    o += 4 + length;
  }
  return o;
}

/** The bytes that `joinPrefixes` will write. */
export function prefixedSize(prefixes: u32, lengths: u32, lengthsEnd: u32): f64 {
  let size: u64 = 0;
  for (; lengths < lengthsEnd; lengths += 4, prefixes += 4) {
    size += 4 + <u64>load<u32>(lengths) + <u64>load<u32>(prefixes);
  }
  return <f64>size;
}

/** DELTA_BYTE_ARRAY: what each text shares with the one before it, and the rest. `fixed`: without lengths, of that size. */
export function joinPrefixes(
  prefixes: u32, lengths: u32, lengthsEnd: u32, from: u32, fromEnd: u32, to: u32, toEnd: u32, fixed: u32,
): u32 {
  const head: u32 = fixed != 0 ? 0 : 4;
  let o = to, before: u32 = 0, beforeLength: u32 = 0;
  for (; lengths < lengthsEnd; lengths += 4, prefixes += 4) {
    const length = load<u32>(lengths), prefix = load<u32>(prefixes);
    if (prefix > beforeLength || length > fromEnd - from) return 0;
    const whole = <u64>prefix + <u64>length;
    if (whole + head > <u64>(toEnd - o) || (fixed != 0 && whole != <u64>fixed)) return 0;
    if (head != 0) store<u32>(o, <u32>whole);
    o += head;
    memory.copy(o, before, prefix);
    memory.copy(o + prefix, from, length);
    from += length;
    before = o;
    beforeLength = <u32>whole;
    o += beforeLength;
  }
  return o;
}

/** BYTE_STREAM_SPLIT: all first bytes, then all second bytes, … → values of `width` bytes. */
export function joinStreams(from: u32, fromEnd: u32, to: u32, width: u32): u32 {
  const count = (fromEnd - from) / width;
  for (let stream: u32 = 0; stream < width; stream++) {
    const start = from + stream * count;
    for (let k: u32 = 0; k < count; k++) store<u8>(to + k * width + stream, load<u8>(start + k));
  }
  return to + count * width;
}

/** Booleans of one bit → bytes of 0 and 1. */
export function unpackBooleans(from: u32, fromEnd: u32, to: u32): u32 {
  for (; from < fromEnd; from++, to += 8) {
    const b: u32 = load<u8>(from);
    for (let k: u32 = 0; k < 8; k++) store<u8>(to + k, <u8>((b >> k) & 1));
  }
  return to;
}

/** Booleans in run lengths → bytes of 0 and 1: how many there are, `most` at most. */
export function expandBooleans(from: u32, fromEnd: u32, to: u32, most: u32): u32 {
  startHybrid(stream, from, fromEnd, 1);
  let count: u32 = 0;
  while (count < most && expandBytes(stream, 1, to + count)) count++;
  return count;
}
