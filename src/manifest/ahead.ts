/** What reading the input came to. */
type Read<T> = { readonly value: T } | { readonly end: true; readonly error?: unknown };

/**
 * Maps items in order while up to `ahead` of them are under way at once: requests overlap, results do not overtake
 * one another, and a result leaves as soon as it and all before it are there, also when the next item is still to
 * come. Memory grows with `ahead` only. `map` is called in order; the first failure in that order, of the input or of
 * `map`, ends it after all results before it.
 */
export async function* mapAhead<T, R>(
  input: AsyncIterable<T> | Iterable<T>,
  ahead: number,
  map: (item: T) => Promise<R> | R,
): AsyncGenerator<R> {
  const iterator = Symbol.asyncIterator in input ? input[Symbol.asyncIterator]() : input[Symbol.iterator]();
  const pending: Promise<R>[] = [];
  let reading: Promise<Read<T>> | undefined;
  let end: { readonly error?: unknown } | undefined;
  try {
    while (end === undefined || pending.length > 0) {
      if (end === undefined && pending.length < ahead) {
        reading ??= readNext(iterator);
        const read = await Promise.race(pending.length === 0 ? [reading] : [reading, settled(pending[0]!)]);
        if (read !== undefined) {
          reading = undefined;
          if ('end' in read) end = read;
          else pending.push(quiet(mapOne(map, read.value)));
          continue;
        }
      }
      const result = await pending[0]!;
      pending.shift();
      yield result;
    }
    if (end.error !== undefined) throw end.error;
  } finally {
    if (end === undefined) {
      const closing = quiet(Promise.resolve(iterator.return?.()));
      // A read under way may wait for input that never comes.
      if (reading === undefined) await closing;
    }
  }
}

async function readNext<T>(iterator: AsyncIterator<T> | Iterator<T>): Promise<Read<T>> {
  try {
    const { done, value } = await iterator.next();
    return done === true ? { end: true } : { value };
  } catch (error) {
    return { end: true, error };
  }
}

async function mapOne<T, R>(map: (item: T) => Promise<R> | R, item: T): Promise<R> {
  return map(item);
}

const settled = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    () => undefined,
  );

/** A failure that is awaited later is not "unhandled" until then. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
