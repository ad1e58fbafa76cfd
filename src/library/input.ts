import { UserError } from '../errors.ts';
import { peekBytes } from '../formats/peek.ts';
import { createGrammar } from '../wire/grammar.ts';
import { readWire } from '../wire/read.ts';
import { runOfRows } from '../wire/run.ts';
import type { Chunk, Control, Row, TableLine } from '../wire/types.ts';

/** What is written into a stream: bytes or objects, as many at a time as have gathered. */
export type Items = AsyncIterable<readonly unknown[]>;

/** How a stage takes bytes that are no wire. */
export interface RawInput {
  /** Whether bytes that begin so are a file. */
  isRaw(head: Uint8Array): boolean;
  /** The chunks that stand for the file, whose bytes are `bytes`. */
  open(bytes: () => AsyncIterable<Uint8Array>): AsyncIterable<Chunk>;
}

const BARE: TableLine = { $: 'table', table: 'rows' };

/**
 * What is written into a stream, as chunks. Buffers and strings are bytes: of a file where `raw` says so, of bare
 * rows where they begin with one, else of the wire. Objects are lines of the wire, or rows where the first of them
 * is none. The first item decides which.
 */
export async function* readItems(items: Items, raw?: RawInput): AsyncIterable<Chunk> {
  const input = items[Symbol.asyncIterator]();
  const first = await input.next();
  async function* all(): Items {
    if (!first.done) yield first.value;
    yield* { [Symbol.asyncIterator]: () => input };
  }
  if (!first.done && !(first.value[0] instanceof Uint8Array) && typeof first.value[0] !== 'string') {
    yield* linesToChunks(all());
    return;
  }
  const { head, bytes } = await peekBytes(bytesOf(all()));
  if (raw?.isRaw(head)) yield* raw.open(bytes);
  else
    yield* readWire(
      bytes(),
      /^\s*\{\s*(?!"\$")/.test(Buffer.from(head).toString('latin1')) ? { bare: BARE } : {},
    );
}

async function* bytesOf(items: Items): AsyncIterable<Uint8Array> {
  for await (const batch of items) {
    for (const item of batch) {
      if (item instanceof Uint8Array) yield item;
      else if (typeof item === 'string') yield Buffer.from(item);
      else throw new UserError(`stream: expected bytes like the first write, found ${typeof item}`);
    }
  }
}

async function* linesToChunks(items: Items): AsyncIterable<Chunk> {
  const grammar = createGrammar();
  let bare: boolean | undefined;
  let count = 0;
  let rows: Row[] = [];
  const where = () => `line ${count}`;
  function* flush(): Generator<Chunk> {
    if (rows.length > 0) yield runOfRows(grammar.rowTable(where()), rows);
    rows = [];
  }
  for await (const batch of items) {
    for (const item of batch) {
      count++;
      if (typeof item !== 'object' || item === null || item instanceof Uint8Array) {
        throw new UserError(`stream: expected objects like the first write, found ${typeof item}`);
      }
      const line = item as Row;
      const isControl = typeof line['$'] === 'string' && line['$'] !== 'row';
      bare ??= !isControl;
      if (bare && count === 1) yield grammar.accept(BARE, where());
      if (isControl) {
        yield* flush();
        yield grammar.accept(line as unknown as Control, where());
      } else {
        rows.push(line['$'] === 'row' ? (line['row'] as Row) : line);
      }
    }
    yield* flush();
  }
  if (bare !== false) yield { $: 'end', groups: 0 };
  else if (!grammar.ended)
    throw new UserError(`${where()}: expected an end line, found the end of the stream`);
}
