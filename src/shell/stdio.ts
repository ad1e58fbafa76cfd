import { fstatSync, read, write, writeSync } from 'node:fs';
import { codeOf } from '../errors.ts';

// What a pipe holds.
const PIECE_BYTES = 64 * 1024;
const BUSY_MS = 2;

/** The reader of standard output has left. */
export class ReaderLeft extends Error {}

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

export async function openOutput(signal: AbortSignal): Promise<Output> {
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
  let writing: Promise<void> | undefined;
  const flush = async (): Promise<void> => {
    await writing;
    writing = undefined;
  };
  return {
    async write(bytes) {
      await flush();
      writing = writeAll(bytes, signal);
      // The next of many full pieces is made while this one waits for its reader. Behind a small one there may be
      // nothing for long, and a reader that has left should be noticed before.
      if (bytes.length < PIECE_BYTES) return flush();
      writing.catch(() => {});
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

async function neverWaits(descriptor: number): Promise<boolean> {
  const kind = fstatSync(descriptor);
  return kind.isFile() || (kind.isCharacterDevice() && !(await isTerminal(descriptor)));
}

/** Whether a descriptor is a terminal. Only where it can be one is Node's `tty` loaded, with streams and sockets. */
export async function isTerminal(descriptor: number): Promise<boolean> {
  return fstatSync(descriptor).isCharacterDevice() && (await import('node:tty')).isatty(descriptor);
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
        else if (code === 'EPIPE')
          reject(new ReaderLeft('the reader of standard output has left', { cause: error }));
        else if (error !== null) reject(error);
        else resolve(bytes);
      });
    attempt();
  });
}
