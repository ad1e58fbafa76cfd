import type { Chunk } from '../wire/types.ts';

/** A text file on its way through a kernel. */
export interface RowReader {
  /** Takes some of `piece` from `from` on; returns how many bytes. */
  append(piece: Uint8Array, from: number): number;
  /**
   * The next rows or reject of what has been appended; undefined when that is through. After it `more` is there already,
   * `none` for now, or this was the `end`. With `more`, rows may be held back until they fill a run.
   *
   * No generator: each closure of one is a class of its own to V8, and keeps what it has seen until all memory is
   * looked through; of thousands of small files that is much.
   */
  next(after: 'more' | 'none' | 'end'): Chunk | undefined;
}

/** All that a reader makes of the pieces of a file. */
export async function* readRows(
  reader: RowReader,
  pieces: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncIterable<Chunk> {
  for await (const piece of pieces) {
    signal.throwIfAborted();
    for (let from = 0; from < piece.length; ) {
      from += reader.append(piece, from);
      yield* chunks(reader, from < piece.length ? 'more' : 'none');
    }
  }
  yield* chunks(reader, 'end');
}

function* chunks(reader: RowReader, after: 'more' | 'none' | 'end'): Generator<Chunk> {
  for (let chunk = reader.next(after); chunk !== undefined; chunk = reader.next(after)) yield chunk;
}
