import { createGunzip } from 'node:zlib';
import { codeOf, messageOf, mismatch } from '../../errors.ts';
import type { Codec } from '../format.ts';
import { isGzip } from './magic.ts';

/** Compressed bytes handed over at a time: at most about 16 MiB come out of them. */
const STEP_BYTES = 16 * 1024;

/**
 * Gzip (RFC 1952): any number of members, CRC and length of each checked by zlib. Zero bytes behind the last member are
 * padding; anything else there, or a cut, throws `UserError`.
 */
export const decompressGzip: Codec['decompress'] = async function* (bytes, name) {
  const gunzip = createGunzip({ chunkSize: 128 * 1024 });
  const output: Uint8Array[] = [];
  let failure: unknown;
  let ended = false;
  let fed = 0;
  let begun = false;
  let wake = (): void => {};
  gunzip.on('data', (piece: Uint8Array) => output.push(piece));
  gunzip.on('error', (error) => {
    failure = error;
    wake();
  });
  gunzip.on('end', () => {
    ended = true;
    wake();
  });
  const settled = (start: (done: () => void) => void): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
      start(resolve);
    });
  const check = (): void => {
    if (failure !== undefined) throw explain(failure, name, Math.max(gunzip.bytesWritten, fed), begun);
  };
  const feed = async (step: Uint8Array): Promise<void> => {
    // From then on a wrong header is that of a later member.
    if (fed === 0 && step.length > 1) begun = isGzip(step);
    // Zlib takes zero bytes behind a member for padding and stops there.
    if (ended) checkPadding(step, fed, name);
    else await settled((done) => gunzip.write(step, done));
    check();
    fed += step.length;
    if (ended && gunzip.bytesWritten > fed - step.length) {
      checkPadding(step.subarray(gunzip.bytesWritten - (fed - step.length)), gunzip.bytesWritten, name);
    }
  };
  let feeding: Promise<void> | undefined;
  try {
    for await (const piece of bytes) {
      for (let at = 0; at < piece.length; at += STEP_BYTES) {
        await feeding;
        const inflated = output.splice(0);
        // Goes on in the thread pool while what came of the step before is looked at.
        feeding = feed(piece.subarray(at, at + STEP_BYTES));
        feeding.catch(() => {});
        yield* inflated;
      }
      // Nothing is held back while the next piece is waited for.
      await feeding;
      yield* output.splice(0);
    }
    if (!ended) await settled(() => gunzip.end());
    check();
    yield* output.splice(0);
  } finally {
    gunzip.destroy();
  }
};

function checkPadding(rest: Uint8Array, offset: number, name: string): void {
  const at = rest.findIndex((byte) => byte !== 0);
  if (at >= 0) throw garbage(name, offset + at);
}

function garbage(name: string, offset: number, cause?: unknown): Error {
  return mismatch(
    `${name} (offset ${offset} of the gzip)`,
    'another member or the end',
    'other bytes',
    cause,
  );
}

function explain(error: unknown, name: string, offset: number, begun: boolean): Error {
  const message = messageOf(error);
  if (codeOf(error) === 'Z_BUF_ERROR') {
    return mismatch(
      `${name} (offset ${offset} of the gzip)`,
      'the rest of a gzip member',
      'the end of the file',
      error,
    );
  }
  if (message === 'incorrect header check' && (begun || offset > 0)) return garbage(name, offset, error);
  return mismatch(`${name} (near offset ${offset} of the gzip)`, 'sound gzip data', message, error);
}
