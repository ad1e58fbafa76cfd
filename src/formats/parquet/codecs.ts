import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { messageOf, mismatch } from '../../errors.ts';
import type { ParquetKernel } from '../../kernels/parquet.ts';
import { SNAPPY_PROBLEMS, snappyLength } from '../../kernels/snappy.ts';
import { unzstd } from '../codecs/zstd.ts';
import type { Span } from './encodings.ts';

/** https://github.com/apache/parquet-format/blob/master/Compression.md; those left out are read by DuckDB, or not at all. */
const CODECS = { none: 0, snappy: 1, gzip: 2, brotli: 4, zstd: 6, lz4Raw: 7 } as const;

const NODE_CODECS: Readonly<Record<number, (bytes: Uint8Array, maxBytes: number) => Uint8Array>> = {
  [CODECS.gzip]: (bytes, maxOutputLength) => gunzipSync(bytes, { maxOutputLength }),
  [CODECS.brotli]: (bytes, maxOutputLength) => brotliDecompressSync(bytes, { maxOutputLength }),
  [CODECS.zstd]: unzstd,
};

export function isKnownCodec(codec: number): boolean {
  return Object.values<number>(CODECS).includes(codec);
}

/** Decompresses one span of the kernel's memory to exactly fill another. Throws `UserError`. */
export function decompressPage(
  kernel: ParquetKernel,
  codec: number,
  from: Span,
  to: Span,
  place: string,
): void {
  const problem = problemOf(kernel, codec, from, to);
  if (problem !== undefined)
    throw mismatch(place, `a page of ${to.end - to.at} bytes once decompressed`, problem);
}

function problemOf(kernel: ParquetKernel, codec: number, from: Span, to: Span): string | undefined {
  const { functions, bytes } = kernel;
  const size = to.end - to.at;
  // Some writers compress nothing to nothing.
  if (size === 0 && from.at === from.end) return undefined;
  const compressed = bytes.subarray(from.at, from.end);
  if (codec === CODECS.snappy) {
    const [length, head] = snappyLength(compressed);
    if (length !== size) return length === undefined ? 'no length' : `one of ${length}`;
    const status = functions.snappy(from.at + head, from.end, to.at, to.end);
    return status === 0 ? undefined : SNAPPY_PROBLEMS[status];
  }
  if (codec === CODECS.lz4Raw)
    return functions.lz4(from.at, from.end, to.at, to.end) === 0 ? 'no LZ4 block of that size' : undefined;
  const decompress = NODE_CODECS[codec];
  if (decompress === undefined) return `codec ${codec}`;
  try {
    const found = decompress(compressed, Math.max(1, size));
    if (found.length !== size) return `one of ${found.length}`;
    bytes.set(found, to.at);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
