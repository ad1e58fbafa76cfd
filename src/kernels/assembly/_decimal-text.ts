// Numbers as the shortest text that reads back as the same number, in the form JavaScript prints.
//
// The shortest digits of a double or float by Raffaello Giulietti's Schubfach ("The Schubfach way to render doubles",
// 2020): one multiplication by a 128-bit power of ten for the number and one for each end of its rounding interval.

/** Where the host has put ceil(10^k · 2^-(floor(log2(10^k)) - 127)) for k = -292 … 324, low and high half. */
let powers: u32 = 0;
export function setPowers(address: u32): void {
  powers = address;
}

/** The 8 decimal digits of x < 10^8 as numbers 0–9, the most significant in the lowest byte. */
// @ts-ignore: decorator
@inline function digits8(x: u32): u64 {
  const high = x / 10000;
  let v: u64 = <u64>high | (<u64>(x - high * 10000) << 32);
  const hundreds = ((v * 10486) >> 20) & 0x0000007f0000007f;
  v = hundreds | ((v - hundreds * 100) << 16);
  const tens = ((v * 103) >> 10) & 0x000f000f000f000f;
  return tens | ((v - tens * 10) << 8);
}

// @ts-ignore: decorator
@inline function writeLeading(x: u32, o: u32): u32 {
  const d = digits8(x);
  const skip = min<u64>(ctz(d) >> 3, 7);
  store<u64>(o, (d | 0x3030303030303030) >> (skip << 3));
  return o + 8 - <u32>skip;
}

// @ts-ignore: decorator
@inline function writeAll8(x: u32, o: u32): u32 {
  store<u64>(o, digits8(x) | 0x3030303030303030);
  return o + 8;
}

/** Decimal text of an unsigned integer; writes up to 24 bytes from o, returns the end. */
export function writeUnsigned(u: u64, o: u32): u32 {
  if (u < 100000000) return writeLeading(<u32>u, o);
  if (u < 10000000000000000) {
    const q = u / 100000000;
    return writeAll8(<u32>(u - q * 100000000), writeLeading(<u32>q, o));
  }
  const q = u / 10000000000000000;
  const r = u - q * 10000000000000000;
  const m = r / 100000000;
  return writeAll8(<u32>(r - m * 100000000), writeAll8(<u32>m, writeLeading(<u32>q, o)));
}

export function writeSigned(n: i64, o: u32): u32 {
  if (n >= 0) return writeUnsigned(<u64>n, o);
  store<u8>(o, 45);
  return writeUnsigned(0 - <u64>n, o + 1);
}

/** x < 10^width, with leading zeros; width at most 9. */
export function writePadded(x: u32, width: u32, o: u32): u32 {
  for (let at = o + width; at > o; ) {
    const q = x / 10;
    store<u8>(--at, <u8>(48 + (x - q * 10)));
    x = q;
  }
  return o + width;
}

let highHalf: u64 = 0;
/** The low half of a 128-bit product; the high half is in `highHalf`. */
// @ts-ignore: decorator
@inline function multiply(a: u64, b: u64): u64 {
  const a0 = a & 0xffffffff, a1 = a >> 32, b0 = b & 0xffffffff, b1 = b >> 32;
  const p00 = a0 * b0, p01 = a0 * b1, p10 = a1 * b0;
  const middle = (p00 >> 32) + (p01 & 0xffffffff) + (p10 & 0xffffffff);
  highHalf = a1 * b1 + (p01 >> 32) + (p10 >> 32) + (middle >> 32);
  return (p00 & 0xffffffff) | (middle << 32);
}

/** The integer part of power · c / 2^128, its last bit set if anything was cut off. */
// @ts-ignore: decorator
@inline function roundToOdd(low: u64, high: u64, c: u64): u64 {
  multiply(low, c);
  const x1 = highHalf;
  const product = multiply(high, c);
  const y0 = product + x1;
  const y1 = highHalf + u64(y0 < product);
  return y1 | u64(y0 > 1);
}

// @ts-ignore: decorator
@inline function roundToOdd32(power: u64, c: u64): u64 {
  // Only 32 of the bits below the point count, as in the paper.
  const below = multiply(power, c) >> 32;
  return highHalf | u64(below > 1);
}

let digits: u64 = 0;
let exponent: i32 = 0;

// @ts-ignore: decorator
@inline function choose(lower: u64, vb: u64, upper: u64, k: i32): void {
  const s = vb >> 2;
  if (s >= 10) {
    const tenth = s / 10;
    const down = lower <= 40 * tenth, up = 40 * tenth + 40 <= upper;
    if (down != up) {
      digits = tenth + u64(up);
      exponent = k + 1;
      return;
    }
  }
  const down = lower <= 4 * s, up = 4 * s + 4 <= upper;
  exponent = k;
  if (down != up) {
    digits = s + u64(up);
    return;
  }
  const middle = 4 * s + 2;
  digits = s + u64(vb > middle || (vb == middle && (s & 1) != 0));
}

// @ts-ignore: decorator
@inline function shortest(c: u64, q: i32, closer: bool, single: bool): void {
  const odd = c & 1;
  const k = (q * 1262611 - (closer ? 524031 : 0)) >> 22;
  const h = <u64>(q + ((-k * 1741647) >> 19) + 1);
  const power = powers + <u32>((292 - k) << 4);
  const low = load<u64>(power), high = load<u64>(power, 8);
  const left = (4 * c - 2 + u64(closer)) << h, middle = (4 * c) << h, right = (4 * c + 2) << h;
  if (single) {
    const g = high + u64(low != 0);
    choose(roundToOdd32(g, left) + odd, roundToOdd32(g, middle), roundToOdd32(g, right) - odd, k);
  } else {
    choose(roundToOdd(low, high, left) + odd, roundToOdd(low, high, middle), roundToOdd(low, high, right) - odd, k);
  }
}

/** Places `digits` · 10^`exponent` as ECMAScript's Number::toString does. */
function place(o: u32): u32 {
  while (digits % 10 == 0) {
    digits /= 10;
    exponent++;
  }
  const end = writeUnsigned(digits, o);
  const length = <i32>(end - o);
  const point = length + exponent;
  if (exponent >= 0 && point <= 21) {
    memory.fill(end, 48, <u32>exponent);
    return end + <u32>exponent;
  }
  if (point > 0 && point <= 21) {
    memory.copy(o + <u32>point + 1, o + <u32>point, <u32>(length - point));
    store<u8>(o + <u32>point, 46);
    return end + 1;
  }
  if (point > -6 && point <= 0) {
    const zeros = <u32>(2 - point);
    memory.copy(o + zeros, o, <u32>length);
    memory.fill(o, 48, zeros);
    store<u8>(o + 1, 46);
    return end + zeros;
  }
  let at = end;
  if (length > 1) {
    memory.copy(o + 2, o + 1, <u32>(length - 1));
    store<u8>(o + 1, 46);
    at++;
  }
  let e = point - 1;
  store<u8>(at++, 101);
  store<u8>(at++, e < 0 ? 45 : 43);
  if (e < 0) e = -e;
  return writeUnsigned(<u64>e, at);
}

/** `"NaN"`, `"Infinity"`, `"-Infinity"`, with the quotes. */
function writeNonFinite(nan: bool, negative: bool, o: u32): u32 {
  if (nan) {
    store<u32>(o, 0x4e614e22); // "NaN
    store<u8>(o + 4, 34);
    return o + 5;
  }
  store<u8>(o++, 34);
  if (negative) store<u8>(o++, 45);
  store<u64>(o, 0x7974696e69666e49); // Infinity
  store<u8>(o + 8, 34);
  return o + 9;
}

/** A double as JSON; writes up to 40 bytes from o, returns the end. */
export function writeDouble(bits: u64, o: u32): u32 {
  const negative = <i64>bits < 0;
  const significand = bits & 0xfffffffffffff;
  const biased = <i32>((bits >> 52) & 0x7ff);
  if (biased == 0x7ff) return writeNonFinite(significand != 0, negative, o);
  if (negative) store<u8>(o++, 45);
  if ((bits << 1) == 0) {
    store<u8>(o, 48);
    return o + 1;
  }
  const c = biased != 0 ? significand | 0x10000000000000 : significand;
  const q = (biased != 0 ? biased : 1) - 1075;
  if (biased != 0 && q <= 0 && q > -53 && (c & ((<u64>1 << <u64>(-q)) - 1)) == 0) return writeUnsigned(c >> <u64>(-q), o);
  shortest(c, q, significand == 0 && biased > 1, false);
  return place(o);
}

/** A float as JSON: the shortest text that reads back as the same float. */
export function writeFloat(bits: u32, o: u32): u32 {
  const negative = <i32>bits < 0;
  const significand = bits & 0x7fffff;
  const biased = <i32>((bits >> 23) & 0xff);
  if (biased == 0xff) return writeNonFinite(significand != 0, negative, o);
  if (negative) store<u8>(o++, 45);
  if ((bits << 1) == 0) {
    store<u8>(o, 48);
    return o + 1;
  }
  const c = <u64>(biased != 0 ? significand | 0x800000 : significand);
  const q = (biased != 0 ? biased : 1) - 150;
  if (biased != 0 && q <= 0 && q > -24 && (c & ((<u64>1 << <u64>(-q)) - 1)) == 0) return writeUnsigned(c >> <u64>(-q), o);
  shortest(c, q, significand == 0 && biased > 1, true);
  return place(o);
}
