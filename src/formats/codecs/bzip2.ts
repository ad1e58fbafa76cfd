import { createRequire } from 'node:module';
import { messageOf, mismatch } from '../../errors.ts';
import type { Codec } from '../format.ts';

/** Bzip2, decompressed whole by seek-bzip. Throws `UserError` on a truncated or corrupt stream. */
export const bzip2: Codec = {
  name: 'bzip2',
  extensions: ['.bz2'],
  detect: (head) =>
    head[0] === 0x42 && head[1] === 0x5a && head[2] === 0x68 && head[3]! >= 0x31 && head[3]! <= 0x39,
  async *decompress(bytes, name) {
    const pieces: Uint8Array[] = [];
    for await (const piece of bytes) pieces.push(piece);
    yield bunzip2(Buffer.concat(pieces), name);
  },
};

interface SeekBzip {
  decode(input: Buffer, output?: undefined, multistream?: boolean): Buffer;
}

/** Decompresses all of a bzip2 file or block. */
export function bunzip2(bytes: Buffer, name: string): Buffer {
  const { decode } = createRequire(import.meta.url)('seek-bzip') as SeekBzip;
  try {
    return decode(bytes, undefined, true);
  } catch (error) {
    throw mismatch(name, 'sound bzip2 data', messageOf(error), error);
  }
}
