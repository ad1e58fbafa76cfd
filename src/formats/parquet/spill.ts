import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { ParquetKernel } from '../../kernels/parquet.ts';
import { makeTemporaryDirectory, removeTemporaryDirectory } from '../temporary-files.ts';
import type { Span } from './encodings.ts';

/** Where the values of pages wait for which there is no room in memory: a temporary file, made when first needed. */
export interface Spill {
  /** Whether a region of so many bytes may be in memory. */
  hasRoom(region: string, bytes: number): boolean;
  /** Puts a piece of the kernel's memory away; it is read from the front on, a piece at a time. */
  put(span: Span): Promise<SpilledValues>;
  /** All that was put away has been read. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

export interface SpilledValues {
  /** Bytes not yet read. */
  readonly left: number;
  /** Reads up to `length` bytes on to `at` in the kernel's memory; how many they are. */
  read(at: number, length: number): Promise<number>;
}

/** How much memory pages may take together, but for the one being decompressed. */
const ROOM_BYTES = 112 * 2 ** 20;
/** A smaller page is not worth it. */
const LEAST_BYTES = 2 ** 20;

export function openSpill(kernel: ParquetKernel, roomBytes: number = ROOM_BYTES): Spill {
  let directory: string | undefined;
  let file: FileHandle | undefined;
  let written = 0;

  async function opened(): Promise<FileHandle> {
    if (file !== undefined) return file;
    directory = await makeTemporaryDirectory();
    file = await open(join(directory, 'pages'), 'wx+', 0o600);
    return file;
  }

  return {
    hasRoom: (region, bytes) =>
      bytes <= Math.max(LEAST_BYTES, kernel.capacity(region)) || kernel.size() + bytes <= roomBytes,
    async put({ at, end }) {
      const to = await opened();
      let position = written;
      for (let from = at; from < end; ) {
        const { bytesWritten } = await to.write(kernel.bytes, from, end - from, written);
        from += bytesWritten;
        written += bytesWritten;
      }
      const stop = written;
      return {
        get left() {
          return stop - position;
        },
        async read(into, length) {
          const { bytesRead } = await to.read(
            kernel.bytes,
            into,
            Math.min(length, stop - position),
            position,
          );
          position += bytesRead;
          return bytesRead;
        },
      };
    },
    async clear() {
      written = 0;
      await file?.truncate(0);
    },
    async close() {
      await file?.close();
      if (directory !== undefined) await removeTemporaryDirectory(directory);
    },
  };
}
