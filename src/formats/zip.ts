import { crc32 } from 'node:zlib';
import { messageOf, mismatch, UserError } from '../errors.ts';
import { compareText } from '../wire/order.ts';

/** A file inside a zip. */
export interface ZipMember {
  /** Its path in the zip. */
  readonly path: string;
  readonly size: number;
  /** Its decompressed bytes; throws `UserError` if they are not what the zip's directory says (size, CRC-32). */
  bytes(): AsyncIterable<Uint8Array>;
}

/**
 * The data members of a zip on disk, in byte order of their paths. Folders and what packers hide in a zip
 * (`__MACOSX/`, `.DS_Store`) are left out. A member is to be read before the next is asked for. Memory: the zip's directory.
 * Throws `UserError`, with `name` for the zip.
 */
export async function* zipMembers(path: string, name: string): AsyncIterable<ZipMember> {
  const { openPromise } = await import('yauzl');
  const broken = (place: string, error: unknown) =>
    error instanceof UserError ? error : mismatch(place, 'a whole zip file', messageOf(error), error);
  const zip = await openPromise(path, { autoClose: false, lazyEntries: true }).catch((error) => {
    throw broken(name, error);
  });
  try {
    const entries = [];
    try {
      for await (const entry of zip.eachEntry()) if (!isHidden(entry.fileName)) entries.push(entry);
    } catch (error) {
      throw broken(name, error);
    }
    entries.sort((a, b) => compareText(a.fileName, b.fileName));
    for (const entry of entries) {
      const place = `${name}!${entry.fileName}`;
      if (entry.isEncrypted()) throw mismatch(place, 'a member without encryption', 'an encrypted one');
      yield {
        path: entry.fileName,
        size: entry.uncompressedSize,
        async *bytes() {
          let crc = 0;
          try {
            for await (const piece of (await zip.openReadStreamPromise(entry)) as AsyncIterable<Buffer>) {
              crc = crc32(piece, crc);
              yield piece;
            }
          } catch (error) {
            throw broken(place, error);
          }
          if (crc !== entry.crc32) throw mismatch(place, `bytes with the CRC ${hex(entry.crc32)}`, hex(crc));
        },
      };
    }
  } finally {
    zip.close();
  }
}

function isHidden(path: string): boolean {
  return path.endsWith('/') || path.split('/').some((part) => part === '__MACOSX' || part.startsWith('.'));
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}
