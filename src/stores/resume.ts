/** Reading on where a connection broke. */

/** A body as one request gave it: its pieces, and the offset in the object at which it must end. */
export interface Body {
  readonly pieces: AsyncIterable<Uint8Array>;
  readonly end: number;
}

/** How long to wait, and how often to try. */
export interface Patience {
  /** Milliseconds without a byte, while one is waited for, after which a connection counts as stalled. */
  readonly idleMs: number;
  /** Milliseconds before the first new attempt; doubles with each, up to `maxDelayMs`, halved at random. */
  readonly delayMs: number;
  readonly maxDelayMs: number;
  /** Failures in a row without a byte between them. */
  readonly attempts: number;
  /** Attempts of one request before its failure counts as one here; the SDK waits between them. */
  readonly requestAttempts: number;
  /** Failures in one object at all. */
  readonly maxFailures: number;
}

export const PATIENCE: Patience = {
  idleMs: 60_000,
  delayMs: 200,
  maxDelayMs: 20_000,
  attempts: 8,
  requestAttempts: 5,
  maxFailures: 200,
};

/** The error of a body that ended before its end, or brought no byte for too long. */
function broken(code: 'ECONNRESET' | 'ETIMEDOUT', message: string): Error {
  return Object.assign(new Error(message), { code });
}

/**
 * The bytes from `start` on, opened anew at the byte reached whenever a body breaks off, stalls or is cut short.
 * Ends where the body said it would; a longer body is an error. Memory: one piece. Throws the last error when
 * `attempts` in a row brought nothing, and at once those that `isTemporary` denies.
 */
export async function* resume(
  open: (at: number, signal: AbortSignal) => Promise<Body>,
  {
    start,
    patience,
    isTemporary,
    signal,
  }: { start: number; patience: Patience; isTemporary: (error: unknown) => boolean; signal?: AbortSignal },
): AsyncIterable<Uint8Array> {
  let at = start;
  let end: number | undefined;
  let inRow = 0;
  let failures = 0;
  for (;;) {
    signal?.throwIfAborted();
    const attempt = new AbortController();
    const stop = () => attempt.abort(signal?.reason);
    signal?.addEventListener('abort', stop, { once: true });
    try {
      const body = await open(at, attempt.signal);
      end ??= body.end;
      for await (const piece of untilIdle(body.pieces, patience.idleMs, attempt)) {
        if (at + piece.length > end) throw new RangeError(`expected ${end} bytes, found more`);
        inRow = 0;
        at += piece.length;
        yield piece;
      }
      if (at === end) return;
      throw broken('ECONNRESET', `the connection ended at byte ${at} of ${end}`);
    } catch (error) {
      signal?.throwIfAborted();
      inRow += 1;
      failures += 1;
      if (!isTemporary(error) || inRow >= patience.attempts || failures >= patience.maxFailures) throw error;
    } finally {
      signal?.removeEventListener('abort', stop);
      attempt.abort();
    }
    const longest = Math.min(patience.maxDelayMs, patience.delayMs * 2 ** (inRow - 1));
    await pause(longest * (0.5 + Math.random() / 2), signal);
  }
}

// The clock only runs while a piece is waited for: a slow consumer is no stall.
async function* untilIdle(
  pieces: AsyncIterable<Uint8Array>,
  idleMs: number,
  attempt: AbortController,
): AsyncIterable<Uint8Array> {
  const iterator = pieces[Symbol.asyncIterator]();
  try {
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const idle = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(broken('ETIMEDOUT', `no byte came for ${idleMs / 1000} s`)), idleMs);
      });
      const { done, value } = await Promise.race([iterator.next(), idle]).finally(() => clearTimeout(timer));
      if (done) return;
      yield value;
    }
  } finally {
    attempt.abort();
    // Not awaited: the return of a stalled stream may wait for the byte that never comes.
    iterator.return?.()?.catch(() => {});
  }
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
