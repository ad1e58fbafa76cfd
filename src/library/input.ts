import { UserError } from '../errors.ts';
import type { Context } from '../stage.ts';
import { createGrammar } from '../wire/grammar.ts';
import { readWire } from '../wire/read.ts';
import { runOfRows } from '../wire/run.ts';
import type { Chunk, Control, Row, TableLine } from '../wire/types.ts';

const BARE: TableLine = { $: 'table', table: 'rows' };

/**
 * What is written into a stream, as chunks. Buffers and strings are bytes (of a file if `decodeBytes` is given and
 * they do not begin with a control line, else of the wire); objects are lines of the wire, or rows where the first
 * of them is none. The first item decides which.
 */
export async function* readItems(
  items: AsyncIterable<readonly unknown[]>,
  context: Context,
  decodeBytes?: (context: Context) => AsyncIterable<Chunk>,
): AsyncIterable<Chunk> {
  const input = items[Symbol.asyncIterator]();
  const first = await input.next();
  const all: AsyncIterable<readonly unknown[]> = {
    async *[Symbol.asyncIterator]() {
      if (!first.done) yield first.value;
      yield* { [Symbol.asyncIterator]: () => input };
    },
  };
  const isBytes = first.done || first.value[0] instanceof Uint8Array || typeof first.value[0] === 'string';
  if (!isBytes) yield* linesToChunks(all);
  else if (decodeBytes !== undefined) yield* decodeBytes({ ...context, stdin: () => bytesOf(all) });
  else yield* readWire(bytesOf(all));
}

async function* bytesOf(items: AsyncIterable<readonly unknown[]>): AsyncIterable<Uint8Array> {
  for await (const batch of items) {
    for (const item of batch) {
      if (item instanceof Uint8Array) yield item;
      else if (typeof item === 'string') yield Buffer.from(item);
      else throw new UserError(`stream: expected bytes like the first write, found ${typeof item}`);
    }
  }
}

async function* linesToChunks(items: AsyncIterable<readonly unknown[]>): AsyncIterable<Chunk> {
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
