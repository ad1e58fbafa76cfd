import { controlLine } from './control.ts';
import { sameTable } from './grammar.ts';
import { type Chunk, type Control, isControl, type Run, type TableLine } from './types.ts';

const encoder = new TextEncoder();
const FLUSH_BYTES = 64 * 1024;

/**
 * The bytes of a wire. A `table` line is written wherever the rows that follow belong to another table, or to the
 * same one with other columns. Control lines are gathered up to 64 KiB, but never held while the next chunk is
 * awaited, so a slow stream's lines leave at once. `bare` writes rows only. With `release` a piece stays as it is only
 * until the next but one is asked for: a writer may still be writing one while it asks for the next.
 */
export async function* writeWire(
  chunks: AsyncIterable<Chunk>,
  options: { readonly bare?: boolean; readonly release?: boolean } = {},
): AsyncIterable<Uint8Array> {
  const tables = createTableWriter();
  let held = '';
  let written: Run | undefined;
  const input = chunks[Symbol.asyncIterator]();
  try {
    for (;;) {
      const turned = held === '' ? undefined : turnOver();
      const next = input.next();
      if (turned !== undefined && (await Promise.race([next, turned])) === PENDING) {
        yield encoder.encode(held);
        held = '';
      }
      const { done, value: chunk } = await next;
      if (done) break;
      if (isControl(chunk)) {
        if (!options.bare) held += line(tables.control(chunk));
        if (held.length < FLUSH_BYTES) continue;
        yield encoder.encode(held);
        held = '';
      } else if (chunk.count > 0) {
        if (!options.bare) held += line(tables.before(chunk.table));
        if (held !== '') yield encoder.encode(held);
        held = '';
        yield chunk.ndjson();
        if (options.release) {
          written?.release?.();
          written = chunk;
        }
      }
    }
    if (held !== '') yield encoder.encode(held);
  } catch (error) {
    // What was said before the failure is said, however soon it came.
    if (held !== '') yield encoder.encode(held);
    throw error;
  } finally {
    await input.return?.();
  }
}

const line = (control: Control | undefined) => (control === undefined ? '' : controlLine(control));

const PENDING = Symbol('pending');
let turn: Promise<typeof PENDING> | undefined;

// `PENDING` once the event loop has gone round. All who ask meanwhile wait for the same. To be asked before what is waited
// for is: then lines that wait leave before what comes a turn later.
function turnOver(): Promise<typeof PENDING> {
  turn ??= new Promise((resolve) => {
    setImmediate(() => {
      turn = undefined;
      resolve(PENDING);
    });
  });
  return turn;
}

/** Knows which table line stands last, and so which ones must be written. */
export function createTableWriter() {
  let current: TableLine | undefined;
  const outside = new Map<string, TableLine>();
  let written = outside;
  function say(table: TableLine): TableLine | undefined {
    if (current !== undefined && sameTable(current, table)) return undefined;
    current = table;
    const before = written.get(table.table) ?? outside.get(table.table);
    written.set(table.table, table);
    return before !== undefined && sameTable(before, table) ? { $: 'table', table: table.table } : table;
  }
  return {
    /** The line to write for a control chunk, if one is needed. */
    control(chunk: Control): Control | undefined {
      if (chunk.$ === 'table') return say(chunk);
      if (chunk.$ === 'group' || chunk.$ === 'commit') {
        current = undefined;
        written = chunk.$ === 'group' ? new Map() : outside;
      }
      return chunk;
    },
    /** The line to write before rows of a table, if one is needed. */
    before: say,
  };
}
