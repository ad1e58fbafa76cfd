/** A source of bytes whose beginning has been looked at. */
export interface Peeked {
  /** Up to 4 KiB, fewer if a line ends or the source ends before. */
  readonly head: Uint8Array;
  /** All bytes from the first on; to be asked for once. */
  bytes(): AsyncIterable<Uint8Array>;
  /** Lets go of the source, read to its end or not. */
  close(): Promise<void>;
}

const HEAD_BYTES = 4096;
const LINE_FEED = 10;

/**
 * Reads until the head tells what the bytes are. No magic bytes of ours hold a line feed, so a line is enough: waiting
 * for more would hold up the first row of a slow stream.
 */
export async function peekBytes(source: AsyncIterable<Uint8Array>): Promise<Peeked> {
  const input = source[Symbol.asyncIterator]();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await input.next();
    if (done) break;
    // A copy of a piece that is not enough: the source may use its memory again.
    const isEnough = length + value.length >= HEAD_BYTES || value.includes(LINE_FEED);
    pieces.push(isEnough ? value : Buffer.from(value));
    length += value.length;
    if (isEnough) break;
  }
  const head = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  return {
    head: head.subarray(0, HEAD_BYTES),
    bytes: () => all(pieces, input),
    close: async () => {
      await input.return?.();
    },
  };
}

async function* all(pieces: Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncIterable<Uint8Array> {
  yield* pieces.splice(0);
  for (;;) {
    const { done, value } = await rest.next();
    if (done) return;
    yield value;
  }
}

/** The same bytes from a source that may use the memory of a piece again once the next one is asked for. */
export async function* lasting(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  for await (const piece of bytes) yield Buffer.from(piece);
}
