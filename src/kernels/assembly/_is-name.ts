/** Whether the name, which is not empty, stands at `i`. Both may be read up to 15 bytes beyond it. */
// @ts-ignore: decorator
@inline export function isName(name: u32, length: u32, i: u32): bool {
  let k: u32 = 0;
  for (; k + 16 < length; k += 16) {
    if (v128.any_true(v128.xor(v128.load(name + k), v128.load(i + k)))) return false;
  }
  const differ = ~i8x16.bitmask(i8x16.eq(v128.load(name + k), v128.load(i + k)));
  return (differ << (32 - (length - k))) == 0;
}
