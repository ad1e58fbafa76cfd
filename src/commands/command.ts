import type { Context, Printer, Sink, Source, Stage } from '../stage.ts';
import type { Flags, OptionsOf } from './flags.ts';

interface CommandText<F extends Flags> {
  readonly name: string;
  /** One line: what it does. */
  readonly summary: string;
  /** What stands between the usage line and the flags: the semantics, in a few lines. */
  readonly details: string;
  /** Complete command lines, each of which works on the sample drops. */
  readonly examples: readonly string[];
  readonly flags: F;
  /** How its arguments are called in the usage line; absent: it takes none. `[FILE…]`, `URL`, `TARGET`. */
  readonly args?: string;
  /**
   * `files`: the arguments after the first `ownArgs` name files that are decoded before the command, and bytes on
   * standard input that are no wire are decoded too. Default: it reads the wire alone.
   */
  readonly reads?: 'wire' | 'files';
  /** How many leading arguments are not files (`TARGET`); default 0. */
  readonly ownArgs?: number;
}

/**
 * A command: its text and its factory. The options are the parsed flags; `args` what stood beside them. A factory
 * checks its options and throws `UsageError` before anything is read.
 */
export type Command<F extends Flags = Flags> = CommandText<F> &
  (
    | {
        readonly kind: 'source';
        make(options: OptionsOf<F>, args: readonly string[]): Source;
        /** Text for people instead of the wire, where the options ask for it; then the command stands alone. */
        print?(
          options: OptionsOf<F>,
          args: readonly string[],
        ): ((context: Context) => AsyncIterable<Uint8Array>) | undefined;
      }
    | { readonly kind: 'filter'; make(options: OptionsOf<F>, args: readonly string[]): Stage }
    | { readonly kind: 'printer'; make(options: OptionsOf<F>, args: readonly string[]): Printer }
    | { readonly kind: 'sink'; make(options: OptionsOf<F>, args: readonly string[]): Sink }
    /** Reads no wire: writes bytes to standard output; resolves to nothing when done. */
    | {
        readonly kind: 'action';
        make(options: OptionsOf<F>, args: readonly string[]): (context: Context) => AsyncIterable<Uint8Array>;
      }
  );

/** Gives a command's factory the types of its own flags. */
export function defineCommand<const F extends Flags>(command: Command<F>): Command<F> {
  return command;
}

/** All commands by name, each loaded when asked for. */
export type Registry = Readonly<Record<string, () => Promise<Command>>>;
