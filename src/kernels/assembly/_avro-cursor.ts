// Where reading and writing of a row stand, and why they stopped.

// What run() returns. From BAD_BRANCH on the input is broken and nothing behind it can be read.
export const DONE: u32 = 0;
export const FULL: u32 = 1;
export const MORE: u32 = 2;
export const BAD_ROW: u32 = 3;
export const CUT: u32 = 16;
export const BAD_BRANCH: u32 = 17;
export const BAD_LENGTH: u32 = 18;
export const BAD_VARINT: u32 = 19;
export const BAD_BOOLEAN: u32 = 20;
export const BAD_SYMBOL: u32 = 21;
export const BAD_INT: u32 = 22;
export const TOO_DEEP: u32 = 23;
export const TOO_MANY: u32 = 24;

// Why a row is bad that can be read to its end.
export const BAD_TIME: u32 = 1;
export const BAD_DECIMAL: u32 = 2;
export const TWICE: u32 = 3;

export let input: u32 = 0;
export let inputEnd: u32 = 0;
/** Bytes of the block behind `inputEnd`. */
export let inputLeft: u32 = 0;
export let output: u32 = 0;
/** Where the output must end: keys of maps are noted from the end of the room downwards. */
export let outputEnd: u32 = 0;
/** The most that one operation writes besides strings and bytes, its text included. */
export let margin: u32 = 0;

export function setMargin(bytes: u32): void {
  margin = bytes;
}

// @ts-ignore: decorator
@inline export function setWindow(end: u32, left: u32): void {
  inputEnd = end;
  inputLeft = left;
}

// @ts-ignore: decorator
@inline export function readTo(i: u32): void {
  input = i;
}

// @ts-ignore: decorator
@inline export function writeTo(o: u32): void {
  output = o;
}

// @ts-ignore: decorator
@inline export function endOutput(o: u32): void {
  outputEnd = o;
}

// @ts-ignore: decorator
@inline export function put(byte: u8): void {
  store<u8>(output++, byte);
}

export let badReason: u32 = 0;
export let badOperation: u32 = 0;
export let badNumber: i64 = 0;

export function forgetBad(): void {
  badReason = 0;
}

/** The input ended inside the value of operation p, or its bytes make no sense. */
export function fail(code: u32, p: u32, at: u32, found: i64): u32 {
  if (at > inputEnd) {
    if (inputLeft != 0) return MORE;
    code = CUT;
  }
  badOperation = p;
  badNumber = found;
  return code;
}

/** The value of operation p can be read, but there is no such value. */
export function spoil(why: u32, p: u32, found: i64): void {
  if (badReason != 0) return;
  badReason = why;
  badOperation = p;
  badNumber = found;
}

/** A length that is negative or reaches beyond the window. */
export function badLength(p: u32, at: u32, n: i64): u32 {
  if (at > inputEnd) return fail(CUT, p, at, 0);
  if (n < 0) return fail(BAD_LENGTH, p, at, n);
  return n > <i64>(inputEnd - at) + <i64>inputLeft ? fail(CUT, p, at, n) : MORE;
}
