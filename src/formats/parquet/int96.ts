import type { FileHandle } from 'node:fs/promises';
import { mismatch } from '../../errors.ts';
import { openParquetKernel, type ParquetKernel } from '../../kernels/parquet.ts';
import { isKnownCodec } from './codecs.ts';
import type { Span } from './encodings.ts';
import { type ColumnChunk, type ParquetMetadata, PHYSICAL, type SchemaNode } from './metadata.ts';
import { type Page, readPage } from './page.ts';

/**
 * Makes sure that DuckDB, which reads INT96 timestamps in microseconds, cuts nothing off them: looks at each of them
 * as it lies in the file. Throws `UserError` at the first with nanoseconds.
 */
export async function checkInt96(
  file: FileHandle,
  { schema, rowGroups }: ParquetMetadata,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const leaves = leavesOf(schema, []);
  if (!leaves.some(({ isInt96 }) => isInt96)) return;
  const kernel = openParquetKernel([]);
  for (const [group, { chunks }] of rowGroups.entries()) {
    for (const [at, leaf] of leaves.entries()) {
      const chunk = chunks[at];
      if (!leaf.isInt96 || chunk === undefined) continue;
      signal.throwIfAborted();
      await checkChunk(
        file,
        kernel,
        leaf,
        chunk,
        `${name} row group ${group + 1} column ${leaf.path.join('.')}`,
      );
    }
  }
}

interface NestedLeaf {
  readonly path: readonly string[];
  readonly isInt96: boolean;
  /** Whether pages of the first version have repetition levels, definition levels. */
  readonly levels: readonly boolean[];
}

function leavesOf(nodes: readonly SchemaNode[], above: readonly SchemaNode[]): NestedLeaf[] {
  return nodes.flatMap((node) => {
    const path = [...above, node];
    if (node.children.length > 0) return leavesOf(node.children, path);
    return {
      path: path.map(({ name }) => name),
      isInt96: node.type === PHYSICAL.int96,
      levels: [
        path.some(({ repetition }) => repetition === 2),
        path.some(({ repetition }) => repetition > 0),
      ],
    };
  });
}

async function checkChunk(
  file: FileHandle,
  kernel: ParquetKernel,
  leaf: NestedLeaf,
  chunk: ColumnChunk,
  place: string,
): Promise<void> {
  if (!isKnownCodec(chunk.codec))
    throw mismatch(place, 'INT96 timestamps in a codec that can be looked into', `codec ${chunk.codec}`);
  let position = chunk.offset;
  for (let values = 0; values < chunk.values; ) {
    const page = await readPage(file, kernel, chunk, position, place, () => 'page');
    position = page.next;
    const { kind, encoding } = page.header;
    if (kind === 'rows') values += page.header.values;
    // Pages of numbers of dictionary entries hold no values of their own.
    if (kind === 'dictionary' || (kind === 'rows' && encoding === PLAIN))
      checkValues(kernel.bytes, kind === 'rows' ? valuesOf(kernel.bytes, page, leaf) : page.span, place);
    else if (kind === 'rows' && encoding !== PLAIN_DICTIONARY && encoding !== RLE_DICTIONARY)
      throw mismatch(place, 'INT96 timestamps in PLAIN encoding or a dictionary', `encoding ${encoding}`);
  }
}

const PLAIN = 0;
const PLAIN_DICTIONARY = 2;
const RLE_DICTIONARY = 8;

function valuesOf(bytes: Buffer, { header, span }: Page, leaf: NestedLeaf): Span {
  if (header.secondVersion) return { at: span.at + header.levelBytes, end: span.end };
  let { at } = span;
  for (const present of leaf.levels) {
    if (present) at += 4 + (span.end - at < 4 ? 0 : bytes.readUInt32LE(at));
  }
  return { at: Math.min(at, span.end), end: span.end };
}

// The Julian day of 1970-01-01, and the days that 64 bits of microseconds reach.
const UNIX_DAY = 2440588;
const MICROS_DAYS = 106751991;

// The nanoseconds of the day come first, in 8 bytes.
function checkValues(bytes: Buffer, { at, end }: Span, place: string): void {
  for (let value = at; value + 12 <= end; value += 12) {
    const below = bytes.readUInt32LE(value);
    const above = bytes.readInt32LE(value + 4);
    if (Math.abs(bytes.readInt32LE(value + 8) - UNIX_DAY) > MICROS_DAYS)
      throw mismatch(place, 'timestamps of 64 bits of microseconds', 'one beyond');
    // 2^32 is 296 more than a multiple of 1,000.
    if (((above % 1000) * 296 + (below % 1000)) % 1000 !== 0)
      throw mismatch(
        place,
        'timestamps of at most microseconds in nested columns',
        'one with nanoseconds, which the reader would cut off',
      );
  }
}
