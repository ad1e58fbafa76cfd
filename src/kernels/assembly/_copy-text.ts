// Texts as fields of COPY's text format: a backslash, a line feed, a return and a tab get a backslash before them.
// https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2
// `o` is where to write; each function returns the end of what it has written, may write up to 16 bytes more, and
// writes at most two bytes for one.
import { hexPair } from './_hex';
import { hex4 } from './_json';

/** Bytes that need nothing, also up to 16 of what follows. */
// @ts-ignore: decorator
@inline export function copyPlain(i: u32, stop: u32, o: u32): u32 {
  const end = o + (stop - i);
  while (o < end) {
    v128.store(o, v128.load(i));
    i += 16;
    o += 16;
  }
  return end;
}

// @ts-ignore: decorator
@inline function escaped(byte: u32, o: u32): u32 {
  if (byte == 92 || byte == 10 || byte == 13 || byte == 9) {
    const letter: u32 = byte == 92 ? 92 : byte == 10 ? 110 : byte == 13 ? 114 : 116;
    store<u16>(o, <u16>(92 | (letter << 8)));
    return o + 2;
  }
  store<u8>(o, <u8>byte);
  return o + 1;
}

/** Any text. */
export function copyEscaped(i: u32, stop: u32, o: u32): u32 {
  const backslash = i8x16.splat(92), space = i8x16.splat(32);
  while (i < stop) {
    const v = v128.load(i);
    v128.store(o, v);
    const mask: u32 = i8x16.bitmask(v128.or(i8x16.eq(v, backslash), i8x16.lt_u(v, space)));
    const plain: u32 = mask == 0 ? 16 : ctz(mask);
    const left = stop - i;
    if (plain >= left) return o + left;
    i += plain;
    o += plain;
    if (plain < 16) o = escaped(load<u8>(i++), o);
  }
  return o;
}

/** Whether a NUL was met by the last `copyUnescaped`. */
export let sawNul: bool = false;

/** The inside of a JSON string whose escapes are right, as the text it means: escaped for COPY, or (`raw`) as it is. */
export function copyUnescaped(i: u32, stop: u32, o: u32, raw: bool): u32 {
  const backslash = i8x16.splat(92);
  sawNul = false;
  while (i < stop) {
    const v = v128.load(i);
    v128.store(o, v);
    const mask: u32 = i8x16.bitmask(i8x16.eq(v, backslash));
    const plain: u32 = mask == 0 ? 16 : ctz(mask);
    const left = stop - i;
    if (plain >= left) return o + left;
    i += plain;
    o += plain;
    if (plain == 16) continue;
    const e: u32 = load<u8>(i + 1);
    i += 2;
    if (e != 117) {
      const byte: u32 = e == 110 ? 10 : e == 116 ? 9 : e == 114 ? 13 : e == 98 ? 8 : e == 102 ? 12 : e;
      if (raw) store<u8>(o++, <u8>byte);
      else o = escaped(byte, o);
      continue;
    }
    let code = hex4(i);
    i += 4;
    if (code < 0x80) {
      if (code == 0) sawNul = true;
      if (raw) store<u8>(o++, <u8>code);
      else o = escaped(code, o);
    } else if (code < 0x800) {
      store<u16>(o, <u16>(0x80c0 | (code >> 6) | ((code & 63) << 8)));
      o += 2;
    } else if ((code & 0xfc00) != 0xd800) {
      store<u32>(o, 0x8080e0 | (code >> 12) | (((code >> 6) & 63) << 8) | ((code & 63) << 16));
      o += 3;
    } else {
      code = 0x10000 + ((code & 0x3ff) << 10) + (hex4(i + 2) & 0x3ff);
      i += 6;
      store<u32>(o, 0x808080f0 | (code >> 18) | (((code >> 12) & 63) << 8) | (((code >> 6) & 63) << 16) | ((code & 63) << 24));
      o += 4;
    }
  }
  return o;
}

/** Whether JSON has the escape of a NUL in one of its strings. */
export function hasNulEscape(i: u32, stop: u32): bool {
  for (; i < stop; i++) {
    if (load<u8>(i) != 92) continue;
    i++;
    // As u32, little-endian: 0000.
    if (load<u8>(i) == 117 && load<u32>(i + 1) == 0x30303030) return true;
  }
  return false;
}

// @ts-ignore: decorator
@inline function sextet(b: u32): u32 {
  if (b - 65 < 26) return b - 65;
  if (b - 97 < 26) return b - 71;
  if (b - 48 < 10) return b + 4;
  return b == 43 ? 62 : b == 47 ? 63 : 0x1000000;
}

/** Base64 with padding as `\x…` in hexadecimal; 0 if it is none. */
export function copyBytes(i: u32, stop: u32, o: u32): u32 {
  if (((stop - i) & 3) != 0) return 0;
  store<u32>(o, 0x785c5c); // \\x
  o += 3;
  for (; i < stop; i += 4) {
    const c: u32 = load<u8>(i + 2), d: u32 = load<u8>(i + 3);
    const last = i + 4 == stop;
    const padding: u32 = last && d == 61 ? (c == 61 ? 2 : 1) : 0;
    const n = (sextet(load<u8>(i)) << 18) | (sextet(load<u8>(i + 1)) << 12) |
      ((padding == 2 ? 0 : sextet(c)) << 6) | (padding > 0 ? 0 : sextet(d));
    if (n > 0xffffff || (sextet(load<u8>(i)) | sextet(load<u8>(i + 1))) > 63) return 0;
    store<u16>(o, <u16>hexPair(n >> 16));
    store<u16>(o + 2, <u16>hexPair((n >> 8) & 255));
    store<u16>(o + 4, <u16>hexPair(n & 255));
    o += 6 - 2 * padding;
  }
  return o;
}
