import { mismatch } from '../../errors.ts';
import type { Codec } from '../format.ts';
import { isBzip2, isGzip, isSkipped, isZstd } from './magic.ts';

/** Every compression around a file, by name. A zip holds several files and is no codec: see zip.ts. */
export const codecs = {
  gzip: {
    name: 'gzip',
    extensions: ['.gz', '.gzip'],
    detect: isGzip,
    decompress: loaded(async () => (await import('./gzip.ts')).decompressGzip),
  },
  zstd: {
    name: 'zstd',
    extensions: ['.zst', '.zstd'],
    detect: (head) => isZstd(head) || isSkipped(head),
    decompress: loaded(async () => (await import('./zstd.ts')).decompressZstd),
  },
  bzip2: {
    name: 'bzip2',
    extensions: ['.bz2', '.bzip2'],
    detect: isBzip2,
    decompress: loaded(async () => (await import('./bzip2.ts')).decompressBzip2),
  },
} as const satisfies Readonly<Record<string, Codec>>;

// The code of a codec, loaded when it is first needed.
function loaded(load: () => Promise<Codec['decompress']>): Codec['decompress'] {
  return async function* (bytes, name) {
    yield* (await load())(bytes, name);
  };
}

export type CodecName = keyof typeof codecs;

export const codecNames = Object.keys(codecs) as readonly CodecName[];

/** The codec of a name. Throws `UserError` naming the place it stands at. */
export function codecNamed(name: string, place: string): Codec {
  if (!Object.hasOwn(codecs, name)) throw mismatch(place, `a codec (${codecNames.join(', ')})`, name);
  return codecs[name as CodecName];
}

/** The codec that a path's ending means. */
export function codecOfPath(path: string): Codec | undefined {
  const lower = path.toLowerCase();
  return Object.values<Codec>(codecs).find((codec) =>
    codec.extensions.some((extension) => lower.endsWith(extension)),
  );
}

/** The codec that only these first bytes of a file can mean. */
export function codecOfMagic(head: Uint8Array): Codec | undefined {
  return Object.values<Codec>(codecs).find((codec) => codec.detect(head));
}

/** A path without its codec's ending. */
export function withoutCodecEnding(path: string): string {
  const lower = path.toLowerCase();
  const extension = codecOfPath(path)?.extensions.find((ending) => lower.endsWith(ending));
  return extension === undefined ? path : path.slice(0, -extension.length);
}
