/** What a kernel's `snappy` says, by the statuses of assembly/_snappy.ts. */
export const SNAPPY_PROBLEMS: readonly string[] = [
  '',
  'an element that reaches beyond the block',
  'more bytes than the block says',
  'a copy from before the beginning',
  'fewer bytes than the block says',
];

/** The length before a Snappy block, and its own bytes. */
export function snappyLength(block: Uint8Array): [number | undefined, number] {
  let size = 0;
  for (let i = 0; i < 5; i++) {
    const byte = block[i];
    if (byte === undefined) return [undefined, 0];
    size += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) return size < 2 ** 32 ? [size, i + 1] : [undefined, 0];
  }
  return [undefined, 0];
}
