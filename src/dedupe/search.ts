/** The index of the last item that begins at `position` or before, of items in order; 0 if none does. */
export function lastUpTo<T>(items: readonly T[], startOf: (item: T) => number, position: number): number {
  let low = 0;
  let high = items.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (startOf(items[middle]!) <= position) low = middle;
    else high = middle - 1;
  }
  return low;
}
