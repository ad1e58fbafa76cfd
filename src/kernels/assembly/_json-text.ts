// Texts and bytes as JSON strings. `o` is where to write; each function returns the end of what it has written and
// may write up to 16 bytes more. Reads up to 15 bytes behind its input.
import { hexPair } from './_hex';

/** The lanes that JSON.stringify would escape, as bits. */
// @ts-ignore: decorator
@inline function special(v: v128): i32 {
  const quote = i8x16.eq(v, i8x16.splat(34)), backslash = i8x16.eq(v, i8x16.splat(92));
  return i8x16.bitmask(v128.or(v128.or(quote, backslash), i8x16.lt_u(v, i8x16.splat(32))));
}

/** A byte below a space, a quote or a backslash, as JSON.stringify escapes it. */
export function writeEscape(b: u32, o: u32): u32 {
  let short: u32 = 0;
  if (b == 34 || b == 92) short = b;
  else if (b == 10) short = 110;
  else if (b == 13) short = 114;
  else if (b == 9) short = 116;
  else if (b == 8) short = 98;
  else if (b == 12) short = 102;
  if (short != 0) {
    store<u16>(o, <u16>(92 | (short << 8)));
    return o + 2;
  }
  store<u32>(o, 0x3030755c); // \u00
  store<u16>(o + 4, <u16>(hexPair(b)));
  return o + 6;
}

/** UTF-8 text, escaped as JSON.stringify does, without quotes. */
export function writeEscaped(i: u32, length: u32, o: u32): u32 {
  const end = i + length;
  while (i < end) {
    const v = v128.load(i);
    v128.store(o, v);
    const mask = special(v);
    const plain: u32 = mask == 0 ? 16 : ctz(mask);
    const left = end - i;
    if (plain >= left) return o + left;
    i += plain;
    o += plain;
    if (plain == 16) continue;
    o = writeEscape(load<u8>(i++), o);
  }
  return o;
}

/** How many bytes writeEscaped would write. */
export function escapedSize(i: u32, length: u32): u64 {
  const end = i + length;
  let size: u64 = length;
  for (; i < end; i += 16) {
    let mask = special(v128.load(i));
    const left = end - i;
    if (left < 16) mask &= (1 << left) - 1;
    while (mask != 0) {
      const b: u32 = load<u8>(i + <u32>ctz(mask));
      size += b == 34 || b == 92 || b == 8 || b == 9 || b == 10 || b == 12 || b == 13 ? 1 : 5;
      mask &= mask - 1;
    }
  }
  return size;
}

// @ts-ignore: decorator
@inline function base64Digit(n: u32): u32 {
  return n < 26 ? 65 + n : n < 52 ? 71 + n : n < 62 ? n - 4 : n == 62 ? 43 : 47;
}

/** Base64 with padding, without quotes. */
export function writeBase64(i: u32, length: u32, o: u32): u32 {
  for (; length >= 3; length -= 3, i += 3, o += 4) {
    const x = (<u32>load<u8>(i) << 16) | (<u32>load<u8>(i + 1) << 8) | <u32>load<u8>(i + 2);
    store<u32>(o, base64Digit(x >> 18) | (base64Digit((x >> 12) & 63) << 8) | (base64Digit((x >> 6) & 63) << 16) | (base64Digit(x & 63) << 24));
  }
  if (length == 1) {
    const x = <u32>load<u8>(i);
    store<u32>(o, base64Digit(x >> 2) | (base64Digit((x & 3) << 4) << 8) | 0x3d3d0000);
    o += 4;
  } else if (length == 2) {
    const x = (<u32>load<u8>(i) << 8) | <u32>load<u8>(i + 1);
    store<u32>(o, base64Digit(x >> 10) | (base64Digit((x >> 4) & 63) << 8) | (base64Digit((x & 15) << 2) << 16) | 0x3d000000);
    o += 4;
  }
  return o;
}

/** 16 bytes as a UUID, without quotes. */
export function writeUuid(i: u32, o: u32): u32 {
  for (let k: u32 = 0; k < 16; k++) {
    if (k == 4 || k == 6 || k == 8 || k == 10) store<u8>(o++, 45);
    const b: u32 = load<u8>(i + k);
    store<u16>(o, <u16>(hexPair(b)));
    o += 2;
  }
  return o;
}
