/** Cuts a SQL script into tokens: as much of SQL's lexical rules as schema scripts use. */

import { mismatch } from '../errors.ts';

export interface Token {
  /** `name` is a quoted identifier, `word` an unquoted one or a keyword. */
  readonly kind: 'word' | 'name' | 'string' | 'number' | 'symbol' | 'separator';
  /** A name without its quotes, everything else as it stands. */
  readonly text: string;
  /** Counted from 1. */
  readonly line: number;
  /** Half-open range in the script. */
  readonly start: number;
  readonly end: number;
}

const WORD = /[\p{L}_#@$][\p{L}\p{M}\p{N}_#@$]*/uy;
const NUMBER = /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const CLOSING: Readonly<Record<string, string>> = { '"': '"', '`': '`', '[': ']', "'": "'" };

/**
 * The tokens of a script, without blanks and comments (`--` to the end of the line, and block comments, which nest as
 * in PostgreSQL and Redshift). Statements end at `;`, or at a `GO` alone on its line. `name` stands before the line in messages.
 */
export function tokenize(script: string, name: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  const newlines = (from: number, to: number) => {
    for (let i = script.indexOf('\n', from); i !== -1 && i < to; i = script.indexOf('\n', i + 1)) line++;
  };
  const push = (kind: Token['kind'], text: string, end: number) => {
    tokens.push({ kind, text, line, start: at, end });
    newlines(at, end);
    at = end;
  };
  while (at < script.length) {
    const char = script[at]!;
    if (/\s|\uFEFF/u.test(char)) {
      if (char === '\n') line++;
      at++;
    } else if (script.startsWith('--', at)) {
      const end = script.indexOf('\n', at);
      at = end === -1 ? script.length : end;
    } else if (script.startsWith('/*', at)) {
      const end = commentEnd(script, at);
      if (end === -1)
        throw mismatch(`${name} line ${line}`, 'the end of a comment, */', 'the end of the script');
      newlines(at, end);
      at = end;
    } else if (CLOSING[char] !== undefined) {
      const quoted = readQuoted(script, at, CLOSING[char]);
      if (quoted === undefined)
        throw mismatch(`${name} line ${line}`, `a closing ${CLOSING[char]}`, 'the end of the script');
      push(char === "'" ? 'string' : 'name', quoted.text, quoted.end);
    } else if (matchAt(WORD, script, at)) {
      const end = WORD.lastIndex;
      const text = script.slice(at, end);
      push(isGo(script, text, at, end) ? 'separator' : 'word', text, end);
    } else if (matchAt(NUMBER, script, at)) {
      push('number', script.slice(at, NUMBER.lastIndex), NUMBER.lastIndex);
    } else {
      const symbol = String.fromCodePoint(script.codePointAt(at)!);
      push(symbol === ';' ? 'separator' : 'symbol', symbol, at + symbol.length);
    }
  }
  return tokens;
}

function matchAt(pattern: RegExp, script: string, at: number): boolean {
  pattern.lastIndex = at;
  return pattern.test(script);
}

function commentEnd(script: string, start: number): number {
  let depth = 0;
  for (let at = start; at < script.length; ) {
    if (script.startsWith('/*', at)) {
      depth++;
      at += 2;
    } else if (script.startsWith('*/', at)) {
      depth--;
      at += 2;
      if (depth === 0) return at;
    } else at++;
  }
  return -1;
}

/** A closing quote written twice stands for itself. */
function readQuoted(script: string, start: number, close: string): { text: string; end: number } | undefined {
  let text = '';
  for (let at = start + 1; ; ) {
    const end = script.indexOf(close, at);
    if (end === -1) return undefined;
    text += script.slice(at, end);
    if (script[end + 1] !== close) return { text, end: end + 1 };
    text += close;
    at = end + 2;
  }
}

function isGo(script: string, word: string, start: number, end: number): boolean {
  if (word.toUpperCase() !== 'GO') return false;
  const before = script.slice(script.lastIndexOf('\n', start) + 1, start);
  const after = script.slice(end, (script.indexOf('\n', end) + 1 || script.length + 1) - 1);
  return before.trim() === '' && /^[\s;]*(?:--.*)?$/.test(after);
}
