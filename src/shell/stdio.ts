import { constants, fstatSync, openSync, read, type Stats, statSync, write, writeSync } from 'node:fs';
import { codeOf } from '../errors.ts';

// What a pipe holds.
const PIECE_BYTES = 64 * 1024;
const BUSY_MS = 2;

/** The reader of standard output has left. */
export class ReaderLeft extends Error {
  /** How many pieces it was given. */
  readonly pieces: number;

  constructor(pieces: number, cause: unknown) {
    super('the reader of standard output has left', { cause });
    this.pieces = pieces;
  }
}

/**
 * Standard input in pieces. Read by descriptor: `process.stdin` costs several times as much. Each piece is its own
 * memory, so that runs may keep it.
 */
export async function* standardInput(signal: AbortSignal): AsyncIterable<Uint8Array> {
  for (;;) {
    const buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
    const bytesRead = await transfer(signal, (done) => read(0, buffer, 0, PIECE_BYTES, null, done));
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Standard output. */
export interface Output {
  /**
   * Writes a piece, which must stay as it is until the next one has been taken: writing it may go on meanwhile. Throws
   * `ReaderLeft` when the reader is gone, if need be at the next call.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Waits until everything is written. */
  flush(): Promise<void>;
}

/** Opens standard output. `onLeave` hears at once that its reader has left. */
export async function openOutput(
  signal: AbortSignal,
  onLeave?: (error: ReaderLeft) => void,
): Promise<Output> {
  // A file or /dev/null takes everything at once; going round by the thread pool would cost more than the write.
  if (await neverWaits(1)) {
    return {
      async write(bytes) {
        signal.throwIfAborted();
        for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at, bytes.length - at);
      },
      flush: async () => {},
    };
  }
  let pieces = 0;
  const leave = (cause?: unknown): ReaderLeft => {
    const error = new ReaderLeft(pieces, cause);
    onLeave?.(error);
    return error;
  };
  const failed = (error: unknown): never => {
    throw codeOf(error) === 'EPIPE' ? leave(error) : error;
  };
  // A small piece is written sooner than a thread is started to wait for it.
  const unblocked = openUnblocked(1);
  const writeNow = (bytes: Uint8Array): number => {
    if (unblocked === undefined) return 0;
    try {
      return writeSync(unblocked, bytes);
    } catch (error) {
      return codeOf(error) === 'EAGAIN' ? 0 : failed(error);
    }
  };
  let writing: Promise<void> | undefined;
  const flush = async (): Promise<void> => {
    await writing;
    writing = undefined;
  };
  return {
    async write(bytes) {
      await flush();
      signal.throwIfAborted();
      const written = bytes.length < PIECE_BYTES ? writeNow(bytes) : 0;
      if (written < bytes.length) writing = writeAll(bytes.subarray(written), signal).catch(failed);
      pieces++;
      // The next of many full pieces is made while this one waits for its reader. Behind a small one there may be
      // nothing for long, and a reader that has left should be noticed before.
      if (bytes.length < PIECE_BYTES) return flush();
      writing?.catch(() => {});
    },
    flush,
  };
}

async function writeAll(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const from = at;
    at += await transfer(signal, (done) => write(1, bytes, from, bytes.length - from, null, done));
  }
}

// The same pipe under a descriptor whose calls never wait, as Linux gives it; the pipe's other users wait as before.
function openUnblocked(descriptor: number): number | undefined {
  if (!fstatSync(descriptor).isFIFO()) return undefined;
  try {
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    // Another system, another user's pipe, or a reader who has left, as writing will tell.
    return undefined;
  }
}

async function neverWaits(descriptor: number): Promise<boolean> {
  const kind = fstatSync(descriptor);
  return kind.isFile() || (kind.isCharacterDevice() && !(await isTerminal(descriptor)));
}

/** Whether a descriptor is a terminal. Only where it can be one is Node's `tty` loaded, with streams and sockets. */
export async function isTerminal(descriptor: number): Promise<boolean> {
  const found = fstatSync(descriptor);
  return found.isCharacterDevice() && !isNullDevice(found) && (await import('node:tty')).isatty(descriptor);
}

function isNullDevice({ rdev }: Stats): boolean {
  return statSync('/dev/null', { throwIfNoEntry: false })?.rdev === rdev;
}

type Done = (error: NodeJS.ErrnoException | null, bytes: number) => void;

// One call on a descriptor: again while it would block, over when the signal says so.
function transfer(signal: AbortSignal, call: (done: Done) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const attempt = () =>
      call((error, bytes) => {
        const code = codeOf(error);
        if (code === 'EAGAIN') {
          setTimeout(attempt, BUSY_MS);
          return;
        }
        signal.removeEventListener('abort', onAbort);
        if (code === 'EOF') resolve(0);
        else if (error !== null) reject(error);
        else resolve(bytes);
      });
    attempt();
  });
}
