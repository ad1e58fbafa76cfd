import { inflateRawSync } from 'node:zlib';
import { bunzip2 } from './bzip2.ts';
import { unzstd } from './zstd.ts';

/** Decompresses one block whole; throws an Error that says what is wrong, or that it gives more than `maxBytes`. */
export type BlockDecompress = (block: Uint8Array, maxBytes: number) => Uint8Array;

/** How the blocks of an Avro file may be compressed, by the names of its specification; Snappy is the kernel's. */
export const blockCodecs: Readonly<Record<string, BlockDecompress>> = {
  deflate: (block, maxBytes) => inflateRawSync(block, { maxOutputLength: maxBytes }),
  zstandard: unzstd,
  bzip2: (block, maxBytes) => bunzip2(block, 'block', maxBytes),
};
