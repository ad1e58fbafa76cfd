import { acquireJsonlKernel, releaseJsonlKernel } from '../kernels/jsonl.ts';
import type { Chunk } from '../wire/types.ts';
import { openText } from './encoding.ts';
import type { FormatCode, FormatInput } from './format.ts';
import { jsonlReader } from './jsonl-rows.ts';
import { readRows } from './row-reader.ts';

/**
 * A JSON object on each line; blank lines count for nothing. Rows leave as the bytes they came as, except that a
 * number whose value a double would change becomes a string (after its column has been given the type `bigint` or
 * `decimal`), as does every number of a column so declared. A run's columns are the names that the file's rows have
 * had so far, in the order in which they came. Memory: some hundred KiB, or a few times the longest line where that
 * is more.
 */
export const jsonl: FormatCode = { decode };

async function* decode(input: FormatInput): AsyncIterable<Chunk> {
  const { pieces, base } = await openText(input.bytes, input.options.encoding, input.name);
  const kernel = acquireJsonlKernel();
  try {
    yield* readRows(jsonlReader(kernel, input, base), pieces, input.context.signal);
  } finally {
    releaseJsonlKernel(kernel);
  }
}
