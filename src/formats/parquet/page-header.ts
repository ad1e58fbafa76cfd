import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { mismatch } from '../../errors.ts';
import { numberOf, readThrift, structOf, ThriftCut, type ThriftStruct } from './thrift.ts';

/** What stands before a page. */
export interface PageHeader {
  readonly kind: 'dictionary' | 'rows' | 'other';
  /** As it lies in the file, and decompressed, the levels included. */
  readonly compressedBytes: number;
  readonly bytes: number;
  readonly values: number;
  readonly encoding: number;
  readonly levelEncoding: number;
  readonly secondVersion: boolean;
  /** Of the second version: levels at its beginning, which are never compressed. */
  readonly levelBytes: number;
  /** The last of these, which say what is NULL. */
  readonly definitionBytes: number;
  readonly isCompressed: boolean;
  /** Throws `UserError` where the bytes in the file do not have the checksum that the header says, if it says one. */
  check(bytes: Uint8Array, place: string): void;
}

const FIRST_BYTES = 1024;
const MAX_HEADER_BYTES = 64 * 2 ** 20;
const MAX_PAGE_BYTES = 2 ** 30;

/** The header at `position`, and how long it is. */
export async function readPageHeader(
  file: FileHandle,
  position: number,
  place: string,
): Promise<{ header: PageHeader; length: number }> {
  // It may hold the least and the greatest text of its page.
  for (let size = FIRST_BYTES; ; size *= 16) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(size), 0, size, position);
    try {
      const { struct, end } = readThrift(buffer.subarray(0, bytesRead), 0);
      return { header: headerOf(struct, place), length: end };
    } catch (error) {
      if (error instanceof ThriftCut && bytesRead === size && size < MAX_HEADER_BYTES) continue;
      if (error instanceof ThriftCut || !isUserError(error))
        throw mismatch(
          place,
          'the header of a page',
          `bytes that are none (${(error as Error).message})`,
          error,
        );
      throw error;
    }
  }
}

function isUserError(error: unknown): boolean {
  return error instanceof Error && error.name === 'UserError';
}

function headerOf(struct: ThriftStruct, place: string): PageHeader {
  const type = numberOf(struct, 1);
  const bytes = numberOf(struct, 2) ?? -1;
  const compressedBytes = numberOf(struct, 3) ?? -1;
  const sum = numberOf(struct, 4);
  for (const size of [bytes, compressedBytes]) {
    if (size < 0 || size > MAX_PAGE_BYTES)
      throw mismatch(place, `a page of at most ${MAX_PAGE_BYTES} bytes`, String(size));
  }
  const second = structOf(struct, 8);
  const facts = (type === 0 ? structOf(struct, 5) : type === 2 ? structOf(struct, 7) : second) ?? {};
  const definitionBytes = type === 3 ? (numberOf(facts, 5) ?? 0) : 0;
  const levelBytes = type === 3 ? definitionBytes + (numberOf(facts, 6) ?? 0) : 0;
  if (definitionBytes < 0 || levelBytes < definitionBytes || levelBytes > Math.min(bytes, compressedBytes))
    throw mismatch(place, `levels of at most ${bytes} bytes`, String(levelBytes));
  const values = numberOf(facts, 1) ?? -1;
  const kind = type === 2 ? 'dictionary' : type === 0 || type === 3 ? 'rows' : 'other';
  if (kind !== 'other' && values < 0) throw mismatch(place, 'a number of values', String(values));
  return {
    kind,
    compressedBytes,
    bytes,
    values,
    encoding: numberOf(facts, type === 3 ? 4 : 2) ?? 0,
    levelEncoding: numberOf(facts, 3) ?? 0,
    secondVersion: type === 3,
    levelBytes,
    definitionBytes,
    isCompressed: type !== 3 || facts[7] !== false,
    check(content, where) {
      if (sum === undefined) return;
      const found = crc32(content);
      if (found !== sum >>> 0) throw mismatch(where, `a page with checksum ${hex(sum >>> 0)}`, hex(found));
    },
  };
}

const hex = (value: number): string => value.toString(16).padStart(8, '0');
