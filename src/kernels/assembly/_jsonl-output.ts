// The rows as they leave: input that is copied in pieces as large as can be, with something between them here and there.

/** The end of what has been written. */
export let output: u32 = 0;
/** Input from here on is still to be copied. */
export let segment: u32 = 0;

// @ts-ignore: decorator
@inline export function setOutput(o: u32): void {
  output = o;
}

// @ts-ignore: decorator
@inline export function setSegment(i: u32): void {
  segment = i;
}

// @ts-ignore: decorator
@inline export function flush(to: u32): void {
  memory.copy(output, segment, to - segment);
  output += to - segment;
  segment = to;
}

// @ts-ignore: decorator
@inline export function put(byte: u8): void {
  store<u8>(output++, byte);
}

/** Makes a number a string. */
export function quote(start: u32, stop: u32): void {
  flush(start);
  put(34);
  flush(stop);
  put(34);
}
