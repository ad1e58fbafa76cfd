// Hexadecimal digits.

// @ts-ignore: decorator
@inline function digit(n: u32): u32 {
  return n < 10 ? 48 + n : 87 + n;
}

/** The two digits of a byte, the first one lowest. */
// @ts-ignore: decorator
@inline export function hexPair(byte: u32): u32 {
  return digit(byte >> 4) | (digit(byte & 15) << 8);
}

/** One bit for each of 16 bytes that is a digit. */
// @ts-ignore: decorator
@inline function hexMask(i: u32): u32 {
  const v = v128.load(i);
  const isDigit = i8x16.lt_u(i8x16.sub(v, i8x16.splat(48)), i8x16.splat(10));
  const isLetter = i8x16.lt_u(i8x16.sub(v128.or(v, i8x16.splat(32)), i8x16.splat(97)), i8x16.splat(6));
  return i8x16.bitmask(v128.or(isDigit, isLetter));
}

/** Whether all of 32 bytes are digits. */
export function areHex32(i: u32): bool {
  return (hexMask(i) & hexMask(i + 16)) == 0xffff;
}

/** Whether the 36 bytes are a UUID with its four hyphens. */
export function isHyphenedUuid(i: u32): bool {
  if (load<u8>(i + 8) != 45 || load<u8>(i + 13) != 45 || load<u8>(i + 18) != 45 || load<u8>(i + 23) != 45) return false;
  // All but the hyphens' bits: bytes 0 to 15, 16 to 31, 20 to 35.
  return hexMask(i) == 0xdeff && hexMask(i + 16) == 0xff7b && hexMask(i + 20) == 0xfff7;
}
