import { UserError } from '../errors.ts';
import { parseControl } from './control.ts';
import { createGrammar, type Grammar } from './grammar.ts';
import { runOfBytes } from './run.ts';
import type { Chunk, TableLine } from './types.ts';

export interface ReadWireOptions {
  /** What messages call the input. */
  readonly name?: string;
  /** Takes rows without any control line as rows of this table; the end of input is then the end of the stream. */
  readonly bare?: TableLine;
}

const LF = 10;
const CR = 13;
const SPACE = 32;
const QUOTE = 34;
const DOLLAR = 36;
const COLON = 58;
const BRACE = 123;

/**
 * The chunks of a wire, from its bytes in pieces of any size. Rows leave in runs, which close at a control line
 * and at the end of each piece; their bytes are whole lines, without blank ones and carriage returns.
 * Memory: one piece and the longest line. Throws `UserError` with the line number on a line that does not belong
 * where it stands, and when the input ends without an `end` line.
 */
export async function* readWire(
  bytes: AsyncIterable<Uint8Array>,
  options: ReadWireOptions = {},
): AsyncIterable<Chunk> {
  const name = options.name ?? 'input';
  const grammar = createGrammar();
  if (options.bare !== undefined) grammar.accept(options.bare, name);
  let rest: Uint8Array[] = [];
  let lines = 0;
  for await (const piece of bytes) {
    const cut = piece.lastIndexOf(LF) + 1;
    if (cut === 0) {
      if (piece.length > 0) rest.push(piece);
      continue;
    }
    let block = rest.length === 0 ? piece.subarray(0, cut) : Buffer.concat([...rest, piece.subarray(0, cut)]);
    rest = cut < piece.length ? [piece.subarray(cut)] : [];
    if (lines === 0 && block[0] === 0xef && block[1] === 0xbb && block[2] === 0xbf) block = block.subarray(3);
    lines = yield* readBlock(block, lines, name, grammar);
  }
  if (rest.length > 0) {
    throw new UserError(
      `${name} line ${lines + 1}: expected a line feed at the end of the line, found the end of input${CUT}`,
    );
  }
  if (options.bare !== undefined) yield { $: 'end', groups: 0 };
  else if (!grammar.ended)
    throw new UserError(`${name} line ${lines + 1}: expected an end line, found the end of input${CUT}`);
}

const CUT = ' (a command before this one failed or was cut off)';

function* readBlock(
  block: Uint8Array,
  linesBefore: number,
  name: string,
  grammar: Grammar,
): Generator<Chunk, number> {
  let lines = linesBefore;
  let runStart = 0;
  let count = 0;
  let at = 0;
  const where = () => `${name} line ${lines + 1}`;
  const run = (to: number) => {
    const table = grammar.rowTable(`${name} line ${lines + 1 - count}`);
    return runOfBytes(table, block.subarray(runStart, to), count);
  };
  while (at < block.length) {
    const end = block.indexOf(LF, at);
    const kind = classify(block, at, end);
    if (kind === 'row') {
      count++;
    } else {
      if (count > 0) yield run(at);
      count = 0;
      runStart = end + 1;
      if (kind === 'control') {
        yield grammar.accept(parseControl(decode(block, at, end), where()), where());
      } else if (kind === 'untidy') {
        const row = tidy(block, at, end);
        if (row.length > 1) {
          if (row[0] !== BRACE) {
            throw new UserError(
              `${where()}: expected a JSON object, found ${JSON.stringify(decode(row, 0, Math.min(row.length - 1, 40)))}`,
            );
          }
          const again = classify(row, 0, row.length - 1);
          if (again === 'control')
            yield grammar.accept(parseControl(decode(row, 0, row.length - 1), where()), where());
          else yield runOfBytes(grammar.rowTable(where()), row, 1);
        }
      }
    }
    lines++;
    at = end + 1;
  }
  if (count > 0) yield run(block.length);
  return lines;
}

// `{"$":"` is what writers write; Miller and Python put spaces around the colon. An escaped row is a row.
function classify(block: Uint8Array, start: number, end: number): 'row' | 'control' | 'untidy' {
  if (block[start] !== BRACE || block[end - 1] === CR) return 'untidy';
  let at = skipSpaces(block, start + 1);
  if (block[at] !== QUOTE || block[at + 1] !== DOLLAR || block[at + 2] !== QUOTE) return 'row';
  at = skipSpaces(block, at + 3);
  if (block[at] !== COLON) return 'row';
  at = skipSpaces(block, at + 1);
  const word =
    block[at] === QUOTE &&
    block[at + 1] === 114 &&
    block[at + 2] === 111 &&
    block[at + 3] === 119 &&
    block[at + 4] === QUOTE;
  return word ? 'row' : 'control';
}

function skipSpaces(block: Uint8Array, at: number): number {
  let next = at;
  while (block[next] === SPACE) next++;
  return next;
}

// The line without blanks around it, with its line feed.
function tidy(block: Uint8Array, start: number, end: number): Uint8Array {
  let from = start;
  let to = end;
  const blank = (byte: number | undefined) => byte === SPACE || byte === CR || byte === 9;
  while (from < to && blank(block[from])) from++;
  while (to > from && blank(block[to - 1])) to--;
  const line = new Uint8Array(to - from + 1);
  line.set(block.subarray(from, to));
  line[to - from] = LF;
  return line;
}

function decode(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}
