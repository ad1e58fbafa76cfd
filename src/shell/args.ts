import type { Command } from '../commands/command.ts';
import { flagName } from '../commands/flags.ts';
import { UsageError } from '../errors.ts';
import { didYouMean } from './suggest.ts';

export interface ParsedArgs {
  readonly options: Readonly<Record<string, unknown>>;
  readonly args: readonly string[];
  readonly help: boolean;
}

/**
 * Turns the words after a command's name into its options and arguments. Throws `UsageError`. Node's `parseArgs` would do
 * as well, and takes a millisecond to load.
 */
export function parseWords(command: Command, words: readonly string[]): ParsedArgs {
  const flags = new Map(
    Object.entries(command.flags).map(([option, flag]) => [flagName(option), { option, flag }]),
  );
  const given = new Map<string, string[]>();
  const args: string[] = [];
  let help = false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === '--') {
      args.push(...words.slice(at + 1));
      break;
    }
    if (word === '-' || !word.startsWith('-')) {
      args.push(word);
      continue;
    }
    if (word === '--help' || word === '-h') {
      help = true;
      continue;
    }
    const equals = word.indexOf('=');
    const written = equals < 0 ? word : word.slice(0, equals);
    const name = written.slice(2);
    const entry = written.startsWith('--') ? flags.get(name) : undefined;
    if (entry === undefined)
      throw new UsageError(`unknown flag ${written}${didYouMean(written.replace(/^-+/, ''), flags.keys())}`);
    const { value: expected } = entry.flag;
    let value = equals < 0 ? undefined : word.slice(equals + 1);
    if (expected === undefined && value !== undefined)
      throw new UsageError(`--${name}: expected no value, found ${value}`);
    if (expected !== undefined) value ??= words[++at];
    if (expected !== undefined && value === undefined)
      throw new UsageError(`--${name}: expected ${expected} after it, found nothing`);
    given.set(name, [...(given.get(name) ?? []), value ?? '']);
  }
  if (args.length > 0 && command.args === undefined)
    throw new UsageError(`expected no arguments, found ${args[0]}`);
  const options = Object.fromEntries(
    [...given].map(([name, texts]) => {
      const { option, flag } = flags.get(name)!;
      return [option, flag.parse(texts.join(','), name)];
    }),
  );
  return { options, args, help };
}

/** Splits a pipeline into commands of words, by the rules of a shell for quotes, backslashes and `|`. */
export function splitPipeline(text: string): string[][] {
  const pipeline: string[][] = [[]];
  let word: string | undefined;
  let quote = '';
  const endWord = () => {
    if (word !== undefined) pipeline.at(-1)!.push(word);
    word = undefined;
  };
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (quote !== '') {
      if (char === quote) quote = '';
      else if (char === '\\' && quote === '"' && /["\\$`]/.test(text[at + 1] ?? ''))
        word = (word ?? '') + text[++at];
      else word = (word ?? '') + char;
    } else if (char === "'" || char === '"') {
      quote = char;
      word ??= '';
    } else if (char === '\\' && at + 1 < text.length) {
      at++;
      if (text[at] !== '\n') word = (word ?? '') + text[at];
    } else if (/\s/.test(char)) {
      endWord();
    } else if (char === '|') {
      endWord();
      pipeline.push([]);
    } else if (/[<>&;`()$*?]/.test(char)) {
      throw new UsageError(
        `pipeline: expected words, quotes and |, found ${char} (quote it, or use the shell's own pipe)`,
      );
    } else {
      word = (word ?? '') + char;
    }
  }
  if (quote !== '') throw new UsageError(`pipeline: expected a closing ${quote}, found the end`);
  endWord();
  const empty = pipeline.findIndex((words) => words.length === 0);
  if (empty >= 0) throw new UsageError(`pipeline: expected a command at place ${empty + 1}, found nothing`);
  return pipeline;
}
