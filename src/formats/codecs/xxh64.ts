import { loadKernel } from '../../kernels/load.ts';

/** The running checksum of a Zstandard frame's content. */
export interface Xxh64 {
  begin(): void;
  update(bytes: Uint8Array): void;
  /** The lower 32 bits of the hash. */
  finish(): number;
}

interface Functions {
  heapBase(): number;
  begin(): void;
  update(from: number, to: number): number;
  finish(from: number, to: number): number;
}

export function openXxh64(): Xxh64 {
  const { functions, memory } = loadKernel<Functions>('xxh64', { initialPages: 4, maxPages: 4 });
  const view = Buffer.from(memory.buffer);
  const start = (functions.heapBase() + 31) & ~31;
  const room = view.length - start;
  // Up to 31 bytes wait at the start for those that make them 32.
  let held = 0;
  return {
    begin: () => {
      held = 0;
      functions.begin();
    },
    update: (bytes) => {
      for (let at = 0; at < bytes.length; ) {
        const part = bytes.subarray(at, at + room - held);
        view.set(part, start + held);
        at += part.length;
        const end = start + held + part.length;
        const taken = functions.update(start, end);
        held = end - taken;
        view.copyWithin(start, taken, end);
      }
    },
    finish: () => functions.finish(start, start + held) >>> 0,
  };
}
