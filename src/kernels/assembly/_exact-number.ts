// Which numbers JavaScript would not keep.
import { digits, magnitude } from './_json';

/** Whether the literal between two positions keeps its value in a double (src/wire/exact.ts). */
// @ts-ignore: decorator
@external("env", "isExact")
declare function isExact(start: u32, stop: u32): bool;

/**
 * Whether the number just read keeps its value in a double. With up to 15 digits it always does, with more than 17
 * never, for that is a double's precision (IEEE 754), unless the exponent nears the end of its range.
 */
// @ts-ignore: decorator
@inline export function isExactNumber(start: u32, stop: u32): bool {
  if (digits == 0) return true;
  if (magnitude > -290 && magnitude < 300) {
    if (digits <= 15) return true;
    if (digits > 17) return false;
  }
  return isExact(start, stop);
}

/** Whether the digits between two positions, with a sign perhaps, are a 64-bit integer. */
export function isInt64(start: u32, stop: u32): bool {
  const negative = load<u8>(start) == 45;
  if (negative) start++;
  if (stop - start > 19) return false;
  let value: u64 = 0;
  for (let i = start; i < stop; i++) value = value * 10 + (<u64>load<u8>(i) - 48);
  return value <= <u64>i64.MAX_VALUE + u64(negative);
}
