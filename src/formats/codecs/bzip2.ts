import { mismatch } from '../../errors.ts';
import { loadKernel } from '../../kernels/load.ts';
import type { Codec } from '../format.ts';
import { isBzip2 } from './magic.ts';

/**
 * Bzip2 by the kernel of that name: any number of streams, the CRC of each block and stream checked. Throws
 * `UserError` on a truncated or corrupt file. Memory: about 8 MiB.
 */
export const decompressBzip2: Codec['decompress'] = async function* (bytes, name) {
  const decoder = openBzip2(name);
  for await (const piece of bytes) {
    decoder.push(piece);
    yield* decoder.decode(false);
  }
  yield* decoder.decode(true);
};

/** Decompresses a whole file or block; throws when more than `maxBytes` come out of it. */
export function bunzip2(bytes: Uint8Array, name: string, maxBytes: number): Buffer {
  const decoder = openBzip2(name);
  decoder.push(bytes);
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (const piece of decoder.decode(true)) {
    size += piece.length;
    if (size > maxBytes) throw mismatch(name, `at most ${maxBytes} bytes in a block`, 'more');
    pieces.push(piece);
  }
  return Buffer.concat(pieces, size);
}

interface Functions {
  heapBase(): number;
  setup(table: number): void;
  begin(): void;
  read(fromBits: number, end: number, maxBytes: number): number;
  write(to: number, end: number): number;
  positionBits(): number;
  outputAt(): number;
}

interface Bzip2Decoder {
  push(bytes: Uint8Array): void;
  /** What can be decompressed of the bytes pushed; all of it when they are the last. */
  decode(last: boolean): Iterable<Uint8Array>;
}

const PAGE = 64 * 1024;
const MAX_PAGES = 32768;
const TABLE_BYTES = 900_000 * 4;
const OUTPUT_BYTES = 128 * 1024;
/** More than nearly every compressed block; one that is larger is read again with twice as much. */
const FIRST_ATTEMPT = 1_000_000;
const PADDING = 16;

const MORE = 1;
const BLOCK = 2;
const STREAM_END = 3;

const PROBLEMS: Readonly<Record<number, readonly [string, string]>> = {
  16: ['the beginning of a bzip2 block', 'something else'],
  17: ['a bzip2 block of version 0.9.5 or later', 'a randomised one'],
  18: ['sound bzip2 coding tables', 'impossible ones'],
  19: ['sound bzip2 data', 'something impossible'],
  20: ['bzip2 data of the CRC given', 'data with another CRC'],
};

function openBzip2(name: string): Bzip2Decoder {
  const { functions, memory } = loadKernel<Functions>('bzip2', { initialPages: 96, maxPages: MAX_PAGES });
  const table = (functions.heapBase() + 15) & ~15;
  const output = table + TABLE_BYTES;
  const input = output + OUTPUT_BYTES + PADDING;
  functions.setup(table);
  let view = Buffer.from(memory.buffer);
  // Unread are the bits from `at` to the byte `end`; all addresses are those of the kernel's memory.
  let at = input * 8;
  let end = input;
  let dropped = 0;
  let level = 0;
  let streams = 0;
  let enough = FIRST_ATTEMPT;

  const push = (bytes: Uint8Array): void => {
    const from = Math.floor(at / 8);
    if (from > input) {
      view.copyWithin(input, from, end);
      dropped += from - input;
      at -= (from - input) * 8;
      end -= from - input;
    }
    const missing = end + bytes.length + PADDING - view.length;
    if (missing > 0) {
      memory.grow(Math.ceil(missing / PAGE));
      view = Buffer.from(memory.buffer);
    }
    view.set(bytes, end);
    end += bytes.length;
  };
  const place = (): string => `${name} (offset ${dropped + Math.floor(at / 8) - input} of the bzip2)`;
  const held = (): number => end - Math.floor(at / 8);

  /** The four bytes before a stream; false when there is no further one. */
  const readHeader = (last: boolean): boolean => {
    if (held() === 0 && streams > 0) return false;
    if (held() < 4) {
      if (last) throw mismatch(place(), 'a bzip2 stream', 'the end of the file');
      return false;
    }
    const from = at / 8;
    const head = view.subarray(from, from + 4);
    if (!isBzip2(head)) {
      throw mismatch(
        place(),
        streams === 0 ? 'a bzip2 stream' : 'another bzip2 stream or the end',
        'other bytes',
      );
    }
    level = head[3]! - 0x30;
    at += 32;
    streams++;
    functions.begin();
    return true;
  };

  function* decode(last: boolean): Iterable<Uint8Array> {
    for (;;) {
      if (level === 0 && !readHeader(last)) return;
      if (!last && held() < enough) return;
      const status = functions.read(at, end, level * 100_000);
      if (status === MORE) {
        if (last) throw mismatch(place(), 'the rest of a bzip2 block', 'the end of the file');
        enough = held() * 2;
        return;
      }
      enough = FIRST_ATTEMPT;
      if (status !== BLOCK && status !== STREAM_END) throw problem(status);
      const next = functions.positionBits();
      if (status === STREAM_END) {
        at = Math.ceil(next / 8) * 8;
        level = 0;
        continue;
      }
      for (let more = true; more; ) {
        const written = functions.write(output, output + OUTPUT_BYTES);
        if (written !== 0 && written !== MORE) throw problem(written);
        more = written === MORE;
        const size = functions.outputAt() - output;
        if (size > 0) yield Buffer.copyBytesFrom(view, output, size);
      }
      at = next;
    }
  }
  const problem = (status: number): Error => {
    const [expected, found] = PROBLEMS[status] ?? ['bzip2 data', 'something else'];
    return mismatch(place(), expected, found);
  };
  return { push, decode };
}
