import { Decompress } from 'fzstd';
import { messageOf, mismatch, UserError } from '../../errors.ts';
import type { Codec } from '../format.ts';

/** Zstandard (RFC 8878), decompressed by fzstd. Throws `UserError` on a truncated or corrupt stream. */
export const zstd: Codec = {
  name: 'zstd',
  extensions: ['.zst', '.zstd'],
  detect: isZstd,
  async *decompress(bytes, name) {
    const output: Uint8Array[] = [];
    const stream = new Decompress((piece) => output.push(piece));
    let fed = 0;
    try {
      for await (const piece of bytes) {
        fed += piece.length;
        stream.push(piece);
        yield* output.splice(0);
      }
      stream.push(new Uint8Array(0), true);
    } catch (error) {
      if (error instanceof UserError) throw error;
      throw mismatch(`${name} (near offset ${fed})`, 'sound zstd data', messageOf(error), error);
    }
    yield* output.splice(0);
  },
};

// A frame, or a frame to be skipped.
function isZstd(head: Uint8Array): boolean {
  const frame = head[0] === 0x28 && head[1] === 0xb5;
  const skipped = (head[0]! & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18;
  return skipped || (frame && head[2] === 0x2f && head[3] === 0xfd);
}
