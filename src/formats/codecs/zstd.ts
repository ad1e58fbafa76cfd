import { mismatch } from '../../errors.ts';
import { type ByteSource, byteSource, takeAll } from '../byte-source.ts';
import type { Codec } from '../format.ts';
import { isSkipped, isZstd } from './magic.ts';
import { openZstdFrame, zstdHeader, zstdHeaderBytes } from './zstd-frame.ts';

/**
 * Zstandard (RFC 8878): any number of frames, those to be skipped among them; content size and checksum are checked
 * where a frame has them. Throws `UserError` on a truncated or corrupt file, a dictionary, or a window above 128 MiB.
 * Memory: the window.
 *
 * The frames are taken apart here and their blocks decompressed by fzstd, which checks neither. The zstd of node:zlib
 * (Node 22.23, 24) ends without an error behind the first frame when another follows in the same write, and in Node 22
 * also where a file was cut; the frames' checks would be needed all the same.
 */
export const decompressZstd: Codec['decompress'] = async function* (bytes, name) {
  const source = byteSource(bytes);
  try {
    let frames = 0;
    while (frames === 0 || source.held > 0 || (await source.fill(1)) > 0) {
      yield* oneFrame(source, name, frames++);
    }
  } finally {
    await source.close();
  }
};

async function* oneFrame(source: ByteSource, name: string, frames: number): AsyncIterable<Uint8Array> {
  const place = (): string => `${name} (offset ${source.offset} of the zstd)`;
  const take = (size: number, what: string): Promise<Uint8Array> => takeAll(source, size, place, what);
  const at = place();
  const magic = await take(4, 'a zstd frame');
  if (isSkipped(magic)) {
    for (let left = Buffer.from(await take(4, 'the size of a frame')).readUInt32LE(); left > 0; ) {
      if (source.held === 0 && (await source.fill(1)) === 0)
        throw mismatch(place(), 'the rest of a frame', 'the end of the file');
      left -= source.takeSome(left).length;
    }
    return;
  }
  if (!isZstd(magic))
    throw mismatch(at, frames === 0 ? 'a zstd frame' : 'another zstd frame or the end', 'other bytes');
  const descriptor = await take(1, 'the header of a frame');
  const rest = await take(zstdHeaderBytes(descriptor[0]!) - 1, 'the header of a frame');
  const frame = openZstdFrame(zstdHeader(Buffer.concat([magic, descriptor, rest]), place), place);
  for (;;) {
    const head = await take(3, 'a block of a frame');
    const size = frame.blockBytes(head);
    const content = await take(size, `the ${size} bytes of a block`);
    yield* frame.block(head, content);
    if (frame.isLast(head)) break;
  }
  frame.finish(frame.checksum ? await take(4, 'the checksum of a frame') : undefined);
}

/** Decompresses a whole block of frames; throws when more than `maxBytes` come out of it. */
export function unzstd(bytes: Uint8Array, maxBytes: number): Buffer {
  const pieces: Uint8Array[] = [];
  let size = 0;
  let at = 0;
  const place = (): string => `offset ${at}`;
  const take = (count: number, what: string): Uint8Array => {
    if (bytes.length - at < count) throw mismatch(place(), what, 'the end');
    at += count;
    return bytes.subarray(at - count, at);
  };
  while (at < bytes.length || at === 0) {
    const magic = take(4, 'a zstd frame');
    if (isSkipped(magic)) {
      take(Buffer.from(take(4, 'the size of a frame')).readUInt32LE(), 'the rest of a frame');
      continue;
    }
    if (!isZstd(magic)) throw mismatch(place(), 'a zstd frame', 'other bytes');
    const descriptor = take(1, 'the header of a frame');
    const rest = take(zstdHeaderBytes(descriptor[0]!) - 1, 'the header of a frame');
    const frame = openZstdFrame(zstdHeader(Buffer.concat([magic, descriptor, rest]), place), place);
    for (let last = false; !last; ) {
      const head = take(3, 'a block of a frame');
      for (const piece of frame.block(head, take(frame.blockBytes(head), 'the bytes of a block'))) {
        size += piece.length;
        if (size > maxBytes) throw mismatch(place(), `at most ${maxBytes} bytes`, 'more');
        pieces.push(piece);
      }
      last = frame.isLast(head);
    }
    frame.finish(frame.checksum ? take(4, 'the checksum of a frame') : undefined);
  }
  return Buffer.concat(pieces, size);
}
