// XXH64 with seed 0, the checksum of Zstandard frames: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md

const P1: u64 = 0x9e3779b185ebca87;
const P2: u64 = 0xc2b2ae3d27d4eb4f;
const P3: u64 = 0x165667b19e3779f9;
const P4: u64 = 0x85ebca77c2b2ae63;
const P5: u64 = 0x27d4eb2f165667c5;

let a: u64 = 0;
let b: u64 = 0;
let c: u64 = 0;
let d: u64 = 0;
let total: u64 = 0;

export function heapBase(): u32 { return <u32>__heap_base; }

export function begin(): void {
  a = P1 + P2;
  b = P2;
  c = 0;
  d = 0 - P1;
  total = 0;
}

// @ts-ignore: decorator
@inline function round(accumulator: u64, lane: u64): u64 {
  return rotl<u64>(accumulator + lane * P2, 31) * P1;
}

// @ts-ignore: decorator
@inline function merge(accumulator: u64, lane: u64): u64 {
  return (accumulator ^ round(0, lane)) * P1 + P4;
}

/** Takes bytes in multiples of 32; the address of the first byte not taken. */
export function update(from: u32, to: u32): u32 {
  let i = from;
  for (; to - i >= 32; i += 32) {
    a = round(a, load<u64>(i));
    b = round(b, load<u64>(i, 8));
    c = round(c, load<u64>(i, 16));
    d = round(d, load<u64>(i, 24));
  }
  total += <u64>(i - from);
  return i;
}

/** The lower 32 bits of the hash, after the last bytes, fewer than 32. */
export function finish(from: u32, to: u32): u32 {
  let h = P5;
  if (total >= 32) {
    h = rotl<u64>(a, 1) + rotl<u64>(b, 7) + rotl<u64>(c, 12) + rotl<u64>(d, 18);
    h = merge(merge(merge(merge(h, a), b), c), d);
  }
  h += total + <u64>(to - from);
  let i = from;
  for (; to - i >= 8; i += 8) h = rotl<u64>(h ^ round(0, load<u64>(i)), 27) * P1 + P4;
  for (; to - i >= 4; i += 4) h = rotl<u64>(h ^ (<u64>load<u32>(i) * P1), 23) * P2 + P3;
  for (; i < to; i++) h = rotl<u64>(h ^ (<u64>load<u8>(i) * P5), 11) * P1;
  h = (h ^ (h >> 33)) * P2;
  h = (h ^ (h >> 29)) * P3;
  return <u32>(h ^ (h >> 32));
}
