/** Waits until the event loop has gone round: until what was made so far has been taken by whoever waits for it. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
