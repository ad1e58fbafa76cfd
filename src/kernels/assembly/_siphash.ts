// SipHash-1-3 with a key of 128 bits and a result of 128 (Aumasson and Bernstein, https://www.aumasson.jp/siphash/):
// whoever chooses the values cannot choose their hashes. Hashes whole words: the caller pads with zeros.

/** The two halves of the last result. */
export let hashLow: u64 = 0;
export let hashHigh: u64 = 0;

let v0: u64 = 0;
let v1: u64 = 0;
let v2: u64 = 0;
let v3: u64 = 0;

// @ts-ignore: decorator
@inline
function round(): void {
  v0 += v1;
  v1 = rotl(v1, 13) ^ v0;
  v0 = rotl(v0, 32);
  v2 += v3;
  v3 = rotl(v3, 16) ^ v2;
  v0 += v3;
  v3 = rotl(v3, 21) ^ v0;
  v2 += v1;
  v1 = rotl(v1, 17) ^ v2;
  v2 = rotl(v2, 32);
}

/** Hashes `length` bytes, which zeros follow up to a whole word. */
export function sipHash(at: u32, length: u32, key0: u64, key1: u64): void {
  v0 = key0 ^ 0x736f6d6570736575;
  v1 = key1 ^ 0x646f72616e646f6d ^ 0xee;
  v2 = key0 ^ 0x6c7967656e657261;
  v3 = key1 ^ 0x7465646279746573;
  const words = (length + 7) >> 3;
  for (let i: u32 = 0; i < words; i++) {
    const word = load<u64>(at + (i << 3));
    v3 ^= word;
    round();
    v0 ^= word;
  }
  const last: u64 = <u64>length;
  v3 ^= last;
  round();
  v0 ^= last;
  v2 ^= 0xee;
  round();
  round();
  round();
  hashLow = v0 ^ v1 ^ v2 ^ v3;
  v1 ^= 0xdd;
  round();
  round();
  round();
  hashHigh = v0 ^ v1 ^ v2 ^ v3;
}
