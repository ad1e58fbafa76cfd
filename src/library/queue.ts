import type { Items } from './input.ts';

/** Hands what is written into a stream on to whoever iterates, one batch at a time. */
export interface ItemQueue {
  readonly items: Items;
  /** `done` is called when the batch has been taken, or is not wanted any more. */
  write(batch: readonly unknown[], done: () => void): void;
  /** Nothing more comes. */
  end(): void;
  /** Nothing more is wanted: whatever is written from now on passes unseen. */
  stop(): void;
}

type Result = IteratorResult<readonly unknown[]>;
const OVER: Result = { done: true, value: undefined };

export function createQueue(): ItemQueue {
  let waiting: ((result: Result) => void) | undefined;
  let queued: { batch: readonly unknown[]; done: () => void } | undefined;
  let ended = false;
  let stopped = false;
  function next(): Promise<Result> {
    if (queued !== undefined) {
      const { batch, done } = queued;
      queued = undefined;
      done();
      return Promise.resolve({ done: false, value: batch });
    }
    if (ended) return Promise.resolve(OVER);
    return new Promise((resolve) => {
      waiting = resolve;
    });
  }
  function stop(): void {
    stopped = true;
    queued?.done();
    queued = undefined;
  }
  return {
    items: {
      [Symbol.asyncIterator]: () => ({
        next,
        return: async () => {
          stop();
          return OVER;
        },
      }),
    },
    write(batch, done) {
      if (stopped) return done();
      if (waiting === undefined) {
        queued = { batch, done };
        return;
      }
      const resolve = waiting;
      waiting = undefined;
      resolve({ done: false, value: batch });
      done();
    },
    end() {
      ended = true;
      waiting?.(OVER);
      waiting = undefined;
    },
    stop,
  };
}
