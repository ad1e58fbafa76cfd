// SipHash-1-3 with a key of 128 bits and a result of 128 (Aumasson and Bernstein, https://www.aumasson.jp/siphash/):
// whoever chooses the values cannot choose their hashes. Hashes whole words: the caller pads with zeros.

/** The two halves of the last result. */
export let hashLow: u64 = 0;
export let hashHigh: u64 = 0;

/** Hashes `length` bytes, which zeros follow up to a whole word. */
export function sipHash(at: u32, length: u32, key0: u64, key1: u64): void {
  let v0 = key0 ^ 0x736f6d6570736575;
  let v1 = key1 ^ 0x646f72616e646f6d ^ 0xee;
  let v2 = key0 ^ 0x6c7967656e657261;
  let v3 = key1 ^ 0x7465646279746573;
  const words = (length + 7) >> 3;
  // A round each: the words, the length, three for the lower half, three for the upper one. All in one loop, so that
  // the state stays in registers.
  for (let step: u32 = 0; step < words + 7; step++) {
    const word: u64 = step < words ? load<u64>(at + (step << 3)) : step == words ? <u64>length : 0;
    v3 ^= word;
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
    v0 ^= word;
    if (step == words) v2 ^= 0xee;
    else if (step == words + 3) {
      hashLow = v0 ^ v1 ^ v2 ^ v3;
      v1 ^= 0xdd;
    }
  }
  hashHigh = v0 ^ v1 ^ v2 ^ v3;
}
