import { mismatch, type UserError } from '../errors.ts';
import type { Token } from './tokens.ts';

/** Walks over the tokens of a script, one statement at a time, and knows where it is for messages. */
export interface TokenCursor {
  readonly atEnd: boolean;
  /** The next token, or the one `ahead` after it; undefined at the end of the statement. */
  peek(ahead?: number): Token | undefined;
  next(): Token | undefined;
  /** Whether these keywords, in any case, come next; quoted names are no keywords. */
  sees(...words: readonly string[]): boolean;
  /** Takes these keywords if they come next. */
  take(...words: readonly string[]): boolean;
  takeSymbol(symbol: string): boolean;
  seesSymbol(symbol: string): boolean;
  /** Throws unless the symbol comes next. */
  expectSymbol(symbol: string, where: string): void;
  /** The place of the next token: `name line 3`. */
  place(): string;
  /** Steps over separators; to be called between statements. */
  skipSeparators(): void;
  /** The error of finding something else here. */
  unexpected(expected: string, from?: number): UserError;
  /** Index of the next token, for `unexpected`. */
  readonly index: number;
}

const SHOWN_CHARACTERS = 120;

export function tokenCursor(script: string, name: string, tokens: readonly Token[]): TokenCursor {
  let index = 0;
  const statementToken = (at: number) => {
    const token = tokens[at];
    return token === undefined || token.kind === 'separator' ? undefined : token;
  };
  const isWord = (token: Token | undefined, word: string) =>
    token?.kind === 'word' && token.text.toUpperCase() === word;
  const placeOf = (at: number) => `${name} line ${(tokens[at] ?? tokens.at(-1))?.line ?? 1}`;

  /** The text from a token to the end of its statement, on one line and cut short. */
  function textFrom(at: number): string {
    const first = statementToken(at);
    if (first === undefined)
      return tokens[at] === undefined ? 'the end of the script' : 'the end of the statement';
    let last = first;
    for (
      let i = at;
      statementToken(i) !== undefined && tokens[i]!.start - first.start < SHOWN_CHARACTERS;
      i++
    )
      last = tokens[i]!;
    const text = script.slice(first.start, last.end).replace(/\s+/g, ' ');
    return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
  }

  const cursor: TokenCursor = {
    get atEnd() {
      return index >= tokens.length;
    },
    get index() {
      return index;
    },
    peek: (ahead = 0) => {
      for (let i = index; i < index + ahead; i++) if (statementToken(i) === undefined) return undefined;
      return statementToken(index + ahead);
    },
    next: () => {
      const token = statementToken(index);
      if (token !== undefined) index++;
      return token;
    },
    sees: (...words) => words.every((word, i) => isWord(cursor.peek(i), word)),
    take: (...words) => {
      const seen = cursor.sees(...words);
      if (seen) index += words.length;
      return seen;
    },
    seesSymbol: (symbol) => {
      const token = statementToken(index);
      return token?.kind === 'symbol' && token.text === symbol;
    },
    takeSymbol: (symbol) => {
      const seen = cursor.seesSymbol(symbol);
      if (seen) index++;
      return seen;
    },
    expectSymbol: (symbol, where) => {
      if (!cursor.takeSymbol(symbol)) throw cursor.unexpected(`${symbol} ${where}`);
    },
    place: () => placeOf(index),
    skipSeparators: () => {
      while (tokens[index]?.kind === 'separator') index++;
    },
    unexpected: (expected, from = index) => mismatch(placeOf(from), expected, textFrom(from)),
  };
  return cursor;
}
