/** Decompresses one block whole; throws an Error that says what is wrong, or that it gives more than `maxBytes`. */
export type BlockDecompress = (block: Uint8Array, maxBytes: number) => Uint8Array;

// What comes out of a block is put together of pieces of this size, most of which are one block.
const PIECE_BYTES = 64 * 1024;

let zlib: Promise<typeof import('node:zlib')> | undefined;

/** Node's zlib, when something has to be decompressed. Asked for once: bundled, each `import()` copies all its names. */
export function loadZlib(): Promise<typeof import('node:zlib')> {
  zlib ??= import('node:zlib');
  return zlib;
}

/** How the blocks of an Avro file may be compressed, by the names of its specification; Snappy is the kernel's. */
export const blockCodecs: Readonly<Record<string, () => Promise<BlockDecompress>>> = {
  deflate: async () => {
    const { inflateRawSync } = await loadZlib();
    return (block, maxBytes) => inflateRawSync(block, { maxOutputLength: maxBytes, chunkSize: PIECE_BYTES });
  },
  zstandard: async () => (await import('./zstd.ts')).unzstd,
  bzip2: async () => {
    const { bunzip2 } = await import('./bzip2.ts');
    return (block, maxBytes) => bunzip2(block, 'block', maxBytes);
  },
};
