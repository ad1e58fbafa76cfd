// Big-endian two's complement of any length → exact decimal text.

import { writePadded } from './_decimal-text';

/** Room that `writeDecimal` works in. */
const SCRATCH: u32 = 8192;
const MAX_BYTES: u32 = 1792;

/** Writes n bytes at i with `scale` digits behind the point; 0 if they have more than `precision` digits. */
export function writeDecimal(i: u32, n: u32, scale: u32, precision: u32, scratch: u32, o: u32): u32 {
  const end = i + n;
  const negative = n != 0 && load<i8>(i) < 0;
  const sign: u32 = negative ? 255 : 0;
  while (i < end && load<u8>(i) == sign) i++;
  n = end - i;
  if (n > MAX_BYTES) return 0;
  // The magnitude in 32-bit limbs, the lowest first.
  const limbs = scratch;
  let count = (n >> 2) + 1;
  memory.fill(limbs, 0, count << 2);
  for (let k: u32 = 0; k < n; k++) store<u8>(limbs + k, load<u8>(end - 1 - k) ^ sign);
  if (negative) {
    for (let k: u32 = 0; k < count; k++) {
      const limb = load<u32>(limbs + (k << 2)) + 1;
      store<u32>(limbs + (k << 2), limb);
      if (limb != 0) break;
    }
  }
  // Groups of nine digits, from the end of the scratch room downwards.
  let at = scratch + SCRATCH - 16;
  const last = at;
  while (count != 0) {
    let rest: u64 = 0;
    for (let k = count; k != 0; k--) {
      const x = (rest << 32) | <u64>load<u32>(limbs + ((k - 1) << 2));
      store<u32>(limbs + ((k - 1) << 2), <u32>(x / 1000000000));
      rest = x % 1000000000;
    }
    while (count != 0 && load<u32>(limbs + ((count - 1) << 2)) == 0) count--;
    at -= 9;
    writePadded(<u32>rest, 9, at);
  }
  while (at < last && load<u8>(at) == 48) at++;
  const digits = last - at;
  if (digits > precision) return 0;
  if (negative) store<u8>(o++, 45);
  if (digits > scale) {
    const whole = digits - scale;
    memory.copy(o, at, whole);
    o += whole;
    at += whole;
  } else store<u8>(o++, 48);
  if (scale == 0) return o;
  store<u8>(o++, 46);
  const behind = min(digits, scale);
  memory.fill(o, 48, scale - behind);
  memory.copy(o + scale - behind, at, behind);
  return o + scale;
}
