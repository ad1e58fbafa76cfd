// Integers of variable length: seven bits a byte, the lowest first (https://avro.apache.org/docs/1.12.0/specification/#primitive-types).

/** The place behind the last varint. */
export let after: u32 = 0;
/** Whether one had more than 64 bits. */
export let overlong: bool = false;

export function forgetOverlong(): void {
  overlong = false;
}

/** The 64 bits of the varint at i; up to 10 bytes are read, whatever they are. */
export function varint(i: u32): u64 {
  const word = load<u64>(i);
  const ends = ~word & 0x8080808080808080;
  if (ends != 0) {
    const last = <u32>ctz(ends);
    after = i + (last >> 3) + 1;
    let x = word & (<u64>0x7f7f7f7f7f7f7f7f >> (56 - (last - 7)));
    x = (x & 0x007f007f007f007f) | ((x & 0x7f007f007f007f00) >> 1);
    x = (x & 0x00003fff00003fff) | ((x & 0x3fff00003fff0000) >> 2);
    return (x & 0x000000000fffffff) | ((x & 0x0fffffff00000000) >> 4);
  }
  let x: u64 = 0, shift: u64 = 0, b: u64;
  do {
    b = load<u8>(i++);
    x |= (b & 127) << shift;
    shift += 7;
  } while (b >= 128 && shift < 70);
  if (b >= 128 || (shift == 70 && b > 1)) overlong = true;
  after = i;
  return x;
}

/** The signed integer that those bits mean. */
// @ts-ignore: decorator
@inline export function zigzag(x: u64): i64 {
  return <i64>(x >>> 1) ^ -<i64>(x & 1);
}
