import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** A directory of its own under the system's directory for temporary files (`TMPDIR`), readable by its owner only. */
export async function makeTemporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'bucket-brigade-'));
}

/** Removes it with all it holds; no error if it is gone already. */
export async function removeTemporaryDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}

/**
 * Writes bytes into a new file with mode 0600, piece by piece, and gives its path. Throws what the bytes throw, what
 * the file system throws, and when the signal aborts; the file is left for whoever removes the directory.
 */
export async function spool(
  bytes: AsyncIterable<Uint8Array>,
  path: string,
  signal: AbortSignal,
): Promise<string> {
  // As bytes, not objects: an object stream would count pieces, not their sizes.
  const source = Readable.from(bytes, { objectMode: false });
  await pipeline(source, createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal });
  return path;
}
