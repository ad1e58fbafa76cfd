/** One step at a time that goes on while its caller does something else. */

export interface Behind {
  /** Begins a step when the one before is through. Throws what that one threw. */
  start(step: () => Promise<void>): Promise<void>;
  /** Waits for the step that is under way. Throws what it throws, once. */
  settle(): Promise<void>;
}

/** `atOnce`: each step is waited for where it is begun, for those whose order with what the caller does is to be seen. */
export function createBehind({ atOnce = false }: { readonly atOnce?: boolean } = {}): Behind {
  let running: Promise<void> | undefined;
  const settle = async (): Promise<void> => {
    const step = running;
    running = undefined;
    await step;
  };
  return {
    settle,
    async start(step) {
      await settle();
      running = step();
      if (atOnce) return settle();
      // Heard of by whoever waits for it.
      running.catch(() => {});
    },
  };
}
