import { mismatch } from '../errors.ts';

/** Bytes of a file, pulled piece by piece, taken in the sizes a parser wants. */
export interface ByteSource {
  /** Where in the file the next byte is. */
  readonly offset: number;
  /** Bytes that are here without waiting. */
  readonly held: number;
  /** Waits until `bytes` are here; fewer only at the end of the file. */
  fill(bytes: number): Promise<number>;
  /** Exactly so many of the bytes held. */
  take(bytes: number): Uint8Array;
  /** The first piece of what is held, at most so many bytes. */
  takeSome(most: number): Uint8Array;
  /** Lets go of the input. */
  close(): Promise<void>;
}

export function byteSource(input: AsyncIterable<Uint8Array>): ByteSource {
  const pieces: Uint8Array[] = [];
  const iterator = input[Symbol.asyncIterator]();
  let held = 0;
  let offset = 0;
  let ended = false;

  const takeSome = (most: number): Uint8Array => {
    const [first] = pieces;
    if (first === undefined) return new Uint8Array(0);
    let taken = first;
    if (first.length > most) {
      taken = first.subarray(0, most);
      pieces[0] = first.subarray(most);
    } else pieces.shift();
    held -= taken.length;
    offset += taken.length;
    return taken;
  };

  return {
    get offset() {
      return offset;
    },
    get held() {
      return held;
    },
    async fill(bytes) {
      while (held < bytes && !ended) {
        const { done, value } = await iterator.next();
        if (done === true) ended = true;
        else if (value.length > 0) {
          pieces.push(value);
          held += value.length;
        }
      }
      return held;
    },
    take(bytes) {
      if ((pieces[0]?.length ?? 0) >= bytes) return takeSome(bytes);
      const whole = Buffer.allocUnsafe(bytes);
      for (let at = 0; at < bytes; ) {
        const piece = takeSome(bytes - at);
        if (piece.length === 0) throw new Error('took more bytes than are held');
        whole.set(piece, at);
        at += piece.length;
      }
      return whole;
    },
    takeSome,
    async close() {
      if (!ended) await iterator.return?.();
    },
  };
}

/** Takes so many bytes, waiting for them. Throws `UserError` with `place` when the file ends before. */
export async function takeAll(
  source: ByteSource,
  bytes: number,
  place: () => string,
  what: string,
): Promise<Uint8Array> {
  if (source.held < bytes && (await source.fill(bytes)) < bytes) {
    throw mismatch(place(), what, 'the end of the file');
  }
  return source.take(bytes);
}
