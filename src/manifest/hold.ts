import { type Chunk, isControl, type TableLine } from '../wire/types.ts';
import { needsKey } from './table.ts';

/** Lines held back while the tables are looked at: some 20 MB. */
const HELD_LINES = 20_000;

export interface HoldOptions {
  readonly heldLines?: number;
  /** Makes the error for all tables whose merge needs a key and that have none. */
  fail(tables: readonly TableLine[]): Promise<Error> | Error;
}

/**
 * Passes lines on unchanged, once it is known that their tables have the keys that their merges need. The first `heldLines`
 * lines (or all up to the first row) are held until then, so that nothing has left when a table of theirs lacks one. In a longer
 * listing a table may come up later: then too the rest is read, so that one error names all such tables, and since its
 * group is not committed, nothing of it stays. Memory grows with `heldLines` and the number of tables only.
 */
export async function* holdForKeys(
  input: AsyncIterable<Chunk>,
  { heldLines = HELD_LINES, fail }: HoldOptions,
): AsyncGenerator<Chunk> {
  const missing = new Map<string, TableLine>();
  let held: Chunk[] | undefined = [];
  try {
    for await (const chunk of input) {
      if (lacksKey(chunk)) missing.set(chunk.table, chunk);
      // It fails in any case: from here on only the names count.
      if (missing.size > 0) held = undefined;
      else if (held === undefined) yield chunk;
      else {
        held.push(chunk);
        if (held.length < heldLines && isControl(chunk)) continue;
        yield* held;
        held = undefined;
      }
    }
  } catch (error) {
    // The first failure stands; what broke after it may be its own story.
    if (missing.size === 0) throw error;
  }
  if (missing.size > 0) throw await fail([...missing.values()]);
  yield* held ?? [];
}

function lacksKey(chunk: Chunk): chunk is TableLine {
  return isControl(chunk) && chunk.$ === 'table' && chunk.key === undefined && needsKey(chunk);
}
