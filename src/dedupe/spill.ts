import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, UserError } from '../errors.ts';

/** Bytes put away in order: in memory up to a limit, beyond it in a file that nobody else can open. */
export interface Spill {
  readonly length: number;
  /** Keeps the bytes: pieces under 16 KiB as a copy; larger ones nobody may write to until `release` is called, if ever. */
  append(bytes: Uint8Array, release?: () => void): void;
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

/**
 * A new spill. Its file (mode 0600) is unlinked as soon as it is open, so that nothing stays behind, however the
 * process ends. Throws `UserError` when the folder cannot be written or is full.
 */
export function newSpill(folder: string | undefined, memoryBytes: number): Spill {
  const directory = folder ?? tmpdir();
  let file: number | undefined;
  /** Bytes in the file; the others are in `pieces`. */
  let written = 0;
  let pieces: Piece[] = [];
  let length = 0;
  /** Room behind the last piece, if that is a gathered one. */
  let room = 0;

  const guard = <T>(act: () => T): T => {
    try {
      return act();
    } catch (error) {
      throw new UserError(`cannot spill to ${directory}: ${messageOf(error)}`, { cause: error });
    }
  };
  const open = (): number => {
    const path = join(directory, `brigade-dedupe-${randomUUID()}`);
    const opened = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    return opened;
  };
  const flush = (): void => {
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
  const pieceAt = (position: number): number => {
    let low = 0;
    let high = pieces.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (pieces[middle]!.at <= position) low = middle;
      else high = middle - 1;
    }
    return low;
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
      if (length - written > (file === undefined ? memoryBytes : BLOCK)) flush();
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
      for (let i = pieceAt(position + filled); i < pieces.length && filled < target.length; i++) {
        const { at, bytes } = pieces[i]!;
        const from = position + filled - at;
        const part = bytes.subarray(from, from + target.length - filled);
        target.set(part, filled);
        filled += part.length;
      }
      return filled;
    },
    close() {
      if (file !== undefined) closeSync(file);
      file = undefined;
      pieces = [];
      length = written = room = 0;
    },
  };
}
