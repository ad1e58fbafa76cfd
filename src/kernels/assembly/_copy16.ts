/** Copies at least one byte, 16 at a time: up to 15 more are read and written, which have no meaning. */
// @ts-ignore: decorator
@inline export function copy16(to: u32, from: u32, length: u32): void {
  let k: u32 = 0;
  do {
    v128.store(to + k, v128.load(from + k));
    k += 16;
  } while (k < length);
}
