/**
 * Maps items in order while up to `ahead` of them are under way at once: requests overlap, results do not overtake one
 * another, and a result leaves as soon as it and all before it are there, also when the next item is still to come. Memory
 * grows with `ahead` only. `map` is called in order; the first failure ends it.
 */
export async function* mapAhead<T, R>(
  input: AsyncIterable<T> | Iterable<T>,
  ahead: number,
  map: (item: T) => Promise<R> | R,
): AsyncGenerator<R> {
  const iterator = Symbol.asyncIterator in input ? input[Symbol.asyncIterator]() : input[Symbol.iterator]();
  const pending: Promise<R>[] = [];
  let reading: Promise<IteratorResult<T>> | undefined;
  let done = false;
  try {
    while (!done || pending.length > 0) {
      if (!done && pending.length < ahead) {
        reading ??= quiet(Promise.resolve(iterator.next()));
        const oldest = pending[0]?.then(() => undefined);
        const read = await (oldest === undefined ? reading : Promise.race([reading, oldest]));
        if (read !== undefined) {
          reading = undefined;
          if (read.done === true) done = true;
          else pending.push(quiet(Promise.resolve(map(read.value))));
          continue;
        }
      }
      const result = await pending[0]!;
      pending.shift();
      yield result;
    }
  } finally {
    if (!done) {
      const closing = quiet(Promise.resolve(iterator.return?.()));
      // A read under way may wait for input that never comes.
      if (reading === undefined) await closing;
    }
  }
}

/** A failure that is awaited later is not "unhandled" until then. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
