import type { Catalog } from '../catalog.ts';
import { underCatalog } from '../catalog-stage.ts';
import type { Command, Registry } from '../commands/command.ts';
import { UsageError } from '../errors.ts';
import { peekBytes } from '../formats/peek.ts';
import type { Context, Stage } from '../stage.ts';
import { readWire } from '../wire/read.ts';
import type { Chunk } from '../wire/types.ts';
import { parseWords } from './args.ts';
import { didYouMean } from './suggest.ts';

/** One command of a pipeline, its words read. */
export interface Step {
  readonly command: Command;
  readonly options: Readonly<Record<string, unknown>>;
  readonly args: readonly string[];
}

/** What a pipeline ends in: a wire, bytes, or something done elsewhere. */
export type Outcome =
  | { readonly kind: 'wire'; readonly chunks: AsyncIterable<Chunk>; readonly bare: boolean }
  | { readonly kind: 'bytes'; readonly bytes: AsyncIterable<Uint8Array> }
  | { readonly kind: 'done'; readonly done: Promise<void> };

/** The context of a pipeline whose first command may read standard input. */
export interface PipelineContext extends Context {
  /** Whether standard input is a terminal: then a command that would read it shows its usage instead. */
  stdinIsTerminal(): Promise<boolean>;
  /** `warn` in the name of one command of the pipeline. */
  warnAs(command: string, message: string): void;
  /** The commands that `run` may put together. */
  readonly registry: Registry;
}

/** Finds a command. Throws `UsageError` with the nearest name. */
export async function findCommand(name: string, registry: Registry): Promise<Command> {
  const find = Object.hasOwn(registry, name) ? registry[name] : undefined;
  if (find === undefined)
    throw new UsageError(`unknown command ${name}${didYouMean(name, Object.keys(registry))}`);
  return find();
}

/** Reads the words of one command of a pipeline. */
export async function readStep(words: readonly string[], registry: Registry): Promise<Step> {
  const named = words[0] === 'brigade' ? words.slice(1) : words;
  const [name, ...rest] = named;
  if (name === undefined) throw new UsageError('expected a command after brigade, found nothing');
  const command = await findCommand(name, registry);
  const { options, args } = parseWords(command, rest);
  return { command, options, args };
}

/** Puts commands together and starts them; nothing runs before the outcome is read. Throws `UsageError`. */
export async function startPipeline(steps: readonly Step[], context: PipelineContext): Promise<Outcome> {
  const [first, ...others] = steps;
  if (first === undefined) throw new UsageError('expected a command, found none');
  for (const { command } of steps.slice(0, -1)) {
    if (command.kind !== 'source' && command.kind !== 'filter')
      throw new UsageError(`expected ${command.name} to be the last command`);
  }
  for (const { command, args } of others) {
    if (command.kind === 'source' || command.kind === 'action')
      throw new UsageError(`expected ${command.name} to be the first command`);
    if (fileArgs(command, args).length > 0) {
      throw new UsageError(
        `${command.name}: expected no file after a |, found ${fileArgs(command, args)[0]}`,
      );
    }
  }
  const last = steps.at(-1)!;
  if (first.command.kind === 'action') {
    return {
      kind: 'bytes',
      bytes: named(
        first.command.name,
        first.command.make(first.options, first.args)(voiced(context, first.command.name, context)),
      ),
    };
  }
  let input: Input;
  const text =
    first.command.kind === 'source' && steps.length === 1
      ? first.command.print?.(first.options, first.args)
      : undefined;
  if (text !== undefined) return { kind: 'bytes', bytes: named(first.command.name, text(context)) };
  if (first.command.kind === 'source') {
    input = {
      chunks: named(
        first.command.name,
        first.command.make(first.options, first.args)(voiced(context, first.command.name, context)),
      ),
      context,
      bare: false,
    };
  } else {
    input = await openInput(first, context);
  }
  let { chunks } = input;
  for (const { command, options, args } of steps) {
    if (command.kind !== 'source' && options['catalog'] !== undefined)
      chunks = underCatalog(options['catalog'] as Catalog)(chunks, context);
    if (command.kind === 'filter')
      chunks = named(
        command.name,
        command.make(options, args)(chunks, voiced(input.context, command.name, context)),
      );
  }
  if (last.command.kind === 'printer') {
    return {
      kind: 'bytes',
      bytes: named(
        last.command.name,
        last.command.make(last.options, last.args)(chunks, voiced(input.context, last.command.name, context)),
      ),
    };
  }
  if (last.command.kind === 'sink') {
    const done = last.command.make(last.options, last.args)(
      chunks,
      voiced(input.context, last.command.name, context),
    );
    return { kind: 'done', done: done.catch((error) => Promise.reject(blame(error, last.command.name))) };
  }
  return { kind: 'wire', chunks, bare: input.bare || last.options['bare'] === true };
}

interface Input {
  readonly chunks: AsyncIterable<Chunk>;
  readonly context: PipelineContext;
  /** The rows came without control lines, and leave so. */
  readonly bare: boolean;
}

// The context of one command: what it warns of goes out under its name.
function voiced(context: Context, name: string, { warnAs }: PipelineContext): Context {
  return { ...context, warn: (message) => warnAs(name, message) };
}

function fileArgs(command: Command, args: readonly string[]): readonly string[] {
  return command.reads === 'files' ? args.slice(command.ownArgs ?? 0) : [];
}

async function openInput(step: Step, context: PipelineContext): Promise<Input> {
  const { command, options, args } = step;
  const files = fileArgs(command, args);
  if (files.length > 0) return { chunks: await decoded(step, files, context), context, bare: false };
  if (command.reads !== 'files' && args.length > (command.ownArgs ?? 0))
    return { chunks: nothing(), context, bare: false };
  if (await context.stdinIsTerminal()) {
    throw new UsageError(
      `expected input from a pipe or file, found a terminal (brigade ${command.name} --help tells how)`,
    );
  }
  const peeked = await peekBytes(context.stdin());
  const replay = { ...context, stdin: peeked.bytes };
  const { sniff } = await import('../commands/decode.ts');
  const raw =
    command.name === 'decode' && options['format'] !== undefined
      ? 'raw'
      : command.reads === 'files'
        ? sniff(peeked.head)
        : 'wire';
  if (raw === 'wire' || raw === 'empty')
    return { chunks: named(command.name, readWire(peeked.bytes())), context, bare: false };
  const isSink = command.kind === 'sink' || command.kind === 'printer';
  if (isSink && options['bare'] !== true) {
    throw new UsageError(
      'expected the wire (control lines and an end), found bare data: a cut would go unseen; --bare takes it all the same',
    );
  }
  if (raw === 'jsonl' && command.kind === 'filter' && command.name !== 'decode') {
    if (command.name === 'flatten')
      throw new UsageError(
        'expected the wire (flatten needs table lines), found bare rows: put decode before it',
      );
    const table = { $: 'table', table: 'rows' } as const;
    return { chunks: named(command.name, readWire(peeked.bytes(), { bare: table })), context, bare: true };
  }
  return { chunks: await decoded(step, ['-'], replay), context: replay, bare: false };
}

// The files as chunks: their lines for decode itself, their rows for any other command.
async function decoded(
  { command, options }: Step,
  files: readonly string[],
  context: PipelineContext,
): Promise<AsyncIterable<Chunk>> {
  const { fileLines, decode } = await import('../commands/decode.ts');
  const lines = fileLines(files);
  if (command.name === 'decode') return lines;
  const { table, columns, catalog } = options as Parameters<typeof decode>[0] & object;
  const known = Object.fromEntries(
    Object.entries({ table, columns, catalog }).filter(([, value]) => value !== undefined),
  );
  return named('decode', (decode(known) as Stage)(lines, voiced(context, 'decode', context)));
}

async function* nothing(): AsyncIterable<Chunk> {}

const blamed = new WeakMap<object, string>();

/** The command in which an error arose. */
export function blamedCommand(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null ? blamed.get(error) : undefined;
}

function blame(error: unknown, name: string): unknown {
  if (typeof error === 'object' && error !== null && !blamed.has(error)) blamed.set(error, name);
  return error;
}

// Remembers in which command an error arose: the innermost one, since it sees the error first.
async function* named<T>(name: string, items: AsyncIterable<T>): AsyncIterable<T> {
  try {
    yield* items;
  } catch (error) {
    throw blame(error, name);
  }
}
