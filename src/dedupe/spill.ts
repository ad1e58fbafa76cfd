import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readSync, unlinkSync, writeSync, writev } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf, UserError } from '../errors.ts';
import { lastUpTo } from './search.ts';

/** Bytes put away in order: in memory up to a limit, beyond it in a file that nobody else can open. */
export interface Spill {
  readonly length: number;
  /** Keeps the bytes: pieces under 16 KiB as a copy; larger ones nobody may write to until `release` is called, if ever. */
  append(bytes: Uint8Array, release?: () => void): void;
  /** Waits until what is behind is no more than a little (of a spill that writes `behind`). Throws when that failed. */
  caughtUp(): Promise<void> | undefined;
  /** Fills `target` from `position` on; returns how many bytes there were. */
  read(position: number, target: Uint8Array): number;
  close(): void;
}

interface Piece {
  readonly at: number;
  bytes: Uint8Array;
  readonly release?: (() => void) | undefined;
}

/** Smaller pieces are gathered, so that neither memory nor system calls go by their number. */
const SMALL = 16 * 1024;
const BLOCK = 256 * 1024;
/** What is written at a time behind the back of whoever appends, and how much of that may wait. */
const BEHIND_BLOCK = 1024 * 1024;
const BEHIND_BYTES = 3 * BEHIND_BLOCK;

const writeVector = promisify(writev);

interface SpillOptions {
  readonly folder: string | undefined;
  readonly memoryBytes: number;
  /** Write in the thread pool. Whoever appends then waits for `caughtUp` now and again. */
  readonly behind?: boolean;
}

/**
 * A new spill. Its file (mode 0600) is unlinked as soon as it is open, so that nothing stays behind, however the
 * process ends. Throws `UserError` when the folder cannot be written or is full.
 */
export function newSpill({ folder, memoryBytes, behind = false }: SpillOptions): Spill {
  const directory = folder ?? tmpdir();
  let file: number | undefined;
  /** Bytes in the file; the others are in `pieces`. */
  let written = 0;
  let pieces: Piece[] = [];
  let length = 0;
  /** Room behind the last piece, if that is a gathered one. */
  let room = 0;
  let writing: Promise<void> | undefined;
  let failure: unknown;

  const failed = (error: unknown): UserError =>
    new UserError(`cannot spill to ${directory}: ${messageOf(error)}`, { cause: error });
  const guard = <T>(act: () => T): T => {
    try {
      return act();
    } catch (error) {
      throw failed(error);
    }
  };
  const open = (): number => {
    const path = join(directory, `brigade-dedupe-${randomUUID()}`);
    const opened = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    return opened;
  };
  const writeNow = (): void => {
    guard(() => {
      file ??= open();
      for (const { bytes, at, release } of pieces) {
        for (let done = 0; done < bytes.length; )
          done += writeSync(file, bytes, done, bytes.length - done, at + done);
        release?.();
      }
    });
    written = length;
    pieces = [];
    room = 0;
  };
  // Pieces stay where they are read until they are in the file.
  const writeBehind = async (opened: number): Promise<void> => {
    while (length - written >= BEHIND_BLOCK) {
      const batch = pieces.slice();
      room = 0;
      let left = batch.map(({ bytes }) => bytes);
      for (let at = written; left.length > 0; ) {
        const { bytesWritten } = await writeVector(opened, left, at);
        at += bytesWritten;
        left = after(left, bytesWritten);
      }
      pieces = pieces.slice(batch.length);
      for (const { bytes, release } of batch) {
        written += bytes.length;
        release?.();
      }
    }
  };
  const startWriting = (): void => {
    file ??= guard(open);
    if (failure !== undefined) return;
    writing ??= writeBehind(file)
      .catch((error) => {
        failure = failed(error);
      })
      .finally(() => {
        writing = undefined;
      });
  };
  const gather = (bytes: Uint8Array): void => {
    const last = pieces.at(-1);
    if (last === undefined || room < bytes.length) {
      const block = Buffer.allocUnsafeSlow(BLOCK);
      block.set(bytes);
      pieces.push({ at: length, bytes: block.subarray(0, bytes.length) });
      room = BLOCK - bytes.length;
    } else {
      const { buffer, byteOffset, length: filled } = last.bytes;
      last.bytes = new Uint8Array(buffer, byteOffset, filled + bytes.length);
      last.bytes.set(bytes, filled);
      room -= bytes.length;
    }
  };

  return {
    get length() {
      return length;
    },
    append(bytes, release) {
      if (bytes.length === 0) return;
      if (bytes.length < SMALL) {
        gather(bytes);
        release?.();
      } else {
        pieces.push({ at: length, bytes, release });
        room = 0;
      }
      length += bytes.length;
      // Once there is a file nothing is gained by holding much back.
      if (length - written <= (file === undefined ? memoryBytes : behind ? BEHIND_BLOCK : BLOCK)) return;
      if (behind) startWriting();
      else writeNow();
    },
    caughtUp() {
      if (failure !== undefined) return Promise.reject(failure);
      if (writing === undefined || length - written <= BEHIND_BYTES) return undefined;
      return writing.then(() => {
        if (failure !== undefined) throw failure;
      });
    },
    read(position, target) {
      let filled = 0;
      const wanted = Math.min(target.length, written - position);
      while (filled < wanted) {
        const count = guard(() => readSync(file!, target, filled, wanted - filled, position + filled));
        if (count === 0)
          throw new UserError(
            `expected ${written} bytes spilled to ${directory}, found ${position + filled}`,
          );
        filled += count;
      }
      const first = lastUpTo(pieces, ({ at }) => at, position + filled);
      for (let i = first; i < pieces.length && filled < target.length; i++) {
        const { at, bytes } = pieces[i]!;
        const from = position + filled - at;
        const part = bytes.subarray(from, from + target.length - filled);
        target.set(part, filled);
        filled += part.length;
      }
      return filled;
    },
    close() {
      const opened = file;
      if (writing !== undefined) void writing.then(() => closeSync(opened!));
      else if (opened !== undefined) closeSync(opened);
      file = undefined;
      pieces = [];
      length = written = room = 0;
    },
  };
}

/** What is left to write of the pieces after so many bytes. */
function after(pieces: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let done = bytes;
  let first = 0;
  while (first < pieces.length && done >= pieces[first]!.length) done -= pieces[first++]!.length;
  const left = pieces.slice(first);
  if (done > 0) left[0] = left[0]!.subarray(done);
  return left;
}
