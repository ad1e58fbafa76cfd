import type { Chunk } from './wire/types.ts';

/** What a stage may touch outside its input and output. Passed in, so that tests and embedders bring their own. */
export interface Context {
  /** Aborts whatever is under way. */
  readonly signal: AbortSignal;
  /** One line for people, without a line feed. */
  warn(message: string): void;
  /** How far a command has come, for people who watch a terminal. */
  progress(message: string): void;
  /** The raw standard input, for a file called `-`. */
  stdin(): AsyncIterable<Uint8Array>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The middle of a pipeline. Order is kept; nothing is held longer than the stage's own description says. */
export type Stage = (input: AsyncIterable<Chunk>, context: Context) => AsyncIterable<Chunk>;

/** The beginning of a pipeline. */
export type Source = (context: Context) => AsyncIterable<Chunk>;

/** An end of a pipeline that keeps what it gets; resolves when all of it is safe. */
export type Sink = (input: AsyncIterable<Chunk>, context: Context) => Promise<void>;

/** An end of a pipeline that puts bytes out. */
export type Printer = (input: AsyncIterable<Chunk>, context: Context) => AsyncIterable<Uint8Array>;

/** One stage that does what the given ones do one after the other. */
export function compose(...stages: readonly Stage[]): Stage {
  return (input, context) => stages.reduce((chunks, stage) => stage(chunks, context), input);
}

/** A context that says nothing and is never aborted, for embedders that need no more. */
export function quietContext(parts: Partial<Context> = {}): Context {
  return {
    signal: new AbortController().signal,
    warn: () => {},
    progress: () => {},
    stdin: async function* () {},
    env: {},
    ...parts,
  };
}
