import { Decompress } from 'fzstd';
import { messageOf, mismatch } from '../../errors.ts';
import { openXxh64, type Xxh64 } from './xxh64.ts';

/** What stands before the blocks of a frame (RFC 8878, 3.1.1). */
export interface ZstdHeader {
  readonly bytes: Buffer;
  /** How many bytes come out of the frame, where it says so. */
  readonly contentBytes: number | undefined;
  readonly checksum: boolean;
}

/** One frame, a block at a time. */
export interface ZstdFrame {
  /** Whether four bytes of checksum follow the last block. */
  readonly checksum: boolean;
  /** How many bytes follow the three of a block's head. */
  blockBytes(head: Uint8Array): number;
  isLast(head: Uint8Array): boolean;
  block(head: Uint8Array, content: Uint8Array): readonly Uint8Array[];
  /** Checks size and checksum. */
  finish(checksum: Uint8Array | undefined): void;
}

/** The most that libzstd's own command accepts without being told. */
const MAX_WINDOW = 2 ** 27;
const MAX_BLOCK = 2 ** 17;
const CHECKSUM_FLAG = 4;

/** How long the header is from its descriptor on. */
export function zstdHeaderBytes(descriptor: number): number {
  const single = (descriptor >> 5) & 1;
  return 1 + (1 - single) + dictionaryBytes(descriptor) + sizeBytes(descriptor);
}

function dictionaryBytes(descriptor: number): number {
  return [0, 1, 2, 4][descriptor & 3] ?? 0;
}

function sizeBytes(descriptor: number): number {
  const single = (descriptor >> 5) & 1;
  return [single, 2, 4, 8][descriptor >> 6] ?? 0;
}

/** Reads a header, magic number included. Throws `UserError` for what we cannot or will not decompress. */
export function zstdHeader(bytes: Buffer, place: () => string): ZstdHeader {
  const descriptor = bytes.readUInt8(4);
  const single = (descriptor & 32) !== 0;
  if ((descriptor & 8) !== 0) throw mismatch(place(), 'a zstd frame of a known kind', 'a reserved bit');
  let at = single ? 5 : 6;
  const dictionary =
    dictionaryBytes(descriptor) === 0 ? 0 : bytes.readUIntLE(at, dictionaryBytes(descriptor));
  if (dictionary !== 0)
    throw mismatch(place(), 'a zstd frame without a dictionary', `one with dictionary ${dictionary}`);
  at += dictionaryBytes(descriptor);
  const sized = sizeBytes(descriptor);
  let contentBytes: number | undefined;
  if (sized === 8) contentBytes = Number(bytes.readBigUInt64LE(at));
  else if (sized > 0) contentBytes = bytes.readUIntLE(at, sized) + (sized === 2 ? 256 : 0);
  const descriptorByte = bytes.readUInt8(5);
  const windowBytes = single
    ? contentBytes!
    : 2 ** (10 + (descriptorByte >> 3)) * (1 + (descriptorByte & 7) / 8);
  if (windowBytes > MAX_WINDOW)
    throw mismatch(place(), `a zstd window of at most ${MAX_WINDOW} bytes`, String(windowBytes));
  return { bytes, contentBytes, checksum: (descriptor & CHECKSUM_FLAG) !== 0 };
}

let hash: Xxh64 | undefined;

export function openZstdFrame(header: ZstdHeader, place: () => string): ZstdFrame {
  const output: Uint8Array[] = [];
  const stream = new Decompress((piece) => {
    if (piece.length > 0) output.push(piece);
  });
  // The checksum is ours to check.
  const bytes = Buffer.from(header.bytes);
  bytes[4]! &= ~CHECKSUM_FLAG;
  let checker: Xxh64 | undefined;
  if (header.checksum) {
    // Frames of two files may be under way at once.
    checker = hash ?? openXxh64();
    hash = undefined;
    checker.begin();
  }
  let size = 0;
  const bits = (head: Uint8Array): number => head[0]! | (head[1]! << 8) | (head[2]! << 16);
  let pending: Uint8Array = bytes;

  return {
    checksum: header.checksum,
    isLast: (head) => (bits(head) & 1) === 1,
    blockBytes: (head) => {
      const kind = (bits(head) >> 1) & 3;
      const length = bits(head) >> 3;
      if (kind === 3) throw mismatch(place(), 'a zstd block of a known kind', 'a reserved one');
      if (length > MAX_BLOCK)
        throw mismatch(place(), `a zstd block of at most ${MAX_BLOCK} bytes`, String(length));
      return kind === 1 ? 1 : length;
    },
    block: (head, content) => {
      try {
        stream.push(Buffer.concat([pending, head, content]), (bits(head) & 1) === 1);
      } catch (error) {
        throw mismatch(place(), 'sound zstd data', messageOf(error), error);
      }
      pending = new Uint8Array(0);
      const pieces = output.splice(0);
      for (const piece of pieces) {
        size += piece.length;
        checker?.update(piece);
      }
      return pieces;
    },
    finish: (checksum) => {
      if (header.contentBytes !== undefined && size !== header.contentBytes) {
        throw mismatch(place(), `a zstd frame of ${header.contentBytes} bytes`, `${size} bytes`);
      }
      if (checker === undefined || checksum === undefined) return;
      const expected = Buffer.from(checksum).readUInt32LE();
      const found = checker.finish();
      if (found !== expected)
        throw mismatch(place(), `zstd data with the checksum ${hex(expected)}`, hex(found));
      hash = checker;
    },
  };
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}
