import { nextTurn } from '../wire/turn.ts';

/** Stands among the chunks where the next one is not there yet: what is buffered should leave. */
export const PAUSE = Symbol('pause');

/**
 * The same items, with `PAUSE` before each one that has to be waited for. What an input gives without leaving
 * this turn of the event loop counts as being there.
 */
export async function* withPauses<T>(input: AsyncIterable<T>): AsyncIterable<T | typeof PAUSE> {
  const iterator = input[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = iterator.next();
      let isHere = false;
      const seen = () => {
        isHere = true;
      };
      next.then(seen, seen);
      for (let tick = 0; tick < 8 && !isHere; tick++) await undefined;
      if (!isHere) await nextTurn();
      if (!isHere) yield PAUSE;
      const result = await next;
      if (result.done) return;
      yield result.value;
    }
  } finally {
    await iterator.return?.();
  }
}
