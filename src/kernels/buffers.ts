import type { KernelMemory } from './load.ts';

/**
 * The memory of a kernel that turns bytes into rows:
 *
 * ```
 * 0      1024        input                        output
 * | free | tables …  | unread bytes … | free | 64 | rows of one call … | 64 |
 *                      ^start           ^end
 * ```
 *
 * The 64 bytes after each buffer may be read and written without meaning, since kernels take 16 at a time.
 */
export interface KernelBuffers {
  /** The whole memory; made anew after each `reserve`. */
  readonly bytes: Buffer;
  readonly tables: number;
  /** The unread bytes. */
  readonly start: number;
  readonly end: number;
  readonly output: number;
  readonly outputEnd: number;
  /** Where `start` is in the file. */
  readonly offset: number;
  /** Makes the parts at least so large; keeps unread bytes and output (which may move), forgets the tables. */
  reserve(sizes: { readonly tables?: number; readonly input?: number; readonly output?: number }): void;
  /** Takes as much of `piece` (from `from` on) as there is room for; returns how much, 0 when full of unread bytes. */
  append(piece: Uint8Array, from: number): number;
  /** Everything before `position` has been read. */
  consume(position: number): void;
  /** Forgets the unread bytes; the next ones are those at `offset` of a file. */
  reset(offset: number): void;
}

const TABLES = 1024;
const PADDING = 64;
const PAGE = 65536;

/** Bytes a kernel reads and writes at a time, before anything larger is met: small enough for the processor's cache. */
export const FIRST_SIZES = { tables: 16 * 1024, input: 128 * 1024, output: 384 * 1024 };

export function kernelBuffers(memory: KernelMemory): KernelBuffers {
  let bytes = Buffer.from(memory.buffer);
  let sizes = { tables: 0, input: 0, output: 0 };
  let input = 0;
  let start = 0;
  let end = 0;
  let output = 0;
  let offset = 0;

  const reserve: KernelBuffers['reserve'] = (wanted) => {
    const next = {
      tables: aligned(Math.max(sizes.tables, wanted.tables ?? 0)),
      input: aligned(Math.max(sizes.input, wanted.input ?? 0)),
      output: aligned(Math.max(sizes.output, wanted.output ?? 0)),
    };
    const nextInput = TABLES + next.tables + PADDING;
    const nextOutput = nextInput + next.input + PADDING;
    const pages = Math.ceil((nextOutput + next.output + PADDING) / PAGE) - bytes.length / PAGE;
    if (pages > 0) {
      memory.grow(pages);
      bytes = Buffer.from(memory.buffer);
    }
    // Parts only move up, so the last one first.
    bytes.copyWithin(nextOutput, output, output + sizes.output);
    bytes.copyWithin(nextInput, start, end);
    end = nextInput + (end - start);
    input = start = nextInput;
    output = nextOutput;
    sizes = next;
  };
  reserve(FIRST_SIZES);

  return {
    get bytes() {
      return bytes;
    },
    get start() {
      return start;
    },
    get end() {
      return end;
    },
    get output() {
      return output;
    },
    get outputEnd() {
      return output + sizes.output;
    },
    get offset() {
      return offset;
    },
    tables: TABLES,
    reserve,
    append(piece, from) {
      if (start > input) {
        bytes.copyWithin(input, start, end);
        end = input + (end - start);
        start = input;
      }
      const taken = Math.min(piece.length - from, input + sizes.input - end);
      bytes.set(from === 0 && taken === piece.length ? piece : piece.subarray(from, from + taken), end);
      end += taken;
      return taken;
    },
    consume(position) {
      offset += position - start;
      start = position;
    },
    reset(at) {
      offset = at;
      start = end = input;
    },
  };
}

/** Rounded up to a multiple of 16, as many bytes as kernels take at a time. */
export function aligned(size: number): number {
  return Math.ceil(size / 16) * 16;
}
