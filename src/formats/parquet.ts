import { type FileHandle, open } from 'node:fs/promises';
import { mismatch } from '../errors.ts';
import type { Chunk, Column } from '../wire/types.ts';
import type { FormatCode, FormatInput } from './format.ts';
import { duckdbColumns, duckdbRows } from './parquet/duckdb.ts';
import { checkInt96 } from './parquet/int96.ts';
import { type ParquetMetadata, readMetadata } from './parquet/metadata.ts';
import { kernelLeaves, readRows } from './parquet/rows.ts';
import { checkSchema } from './parquet/schema.ts';

/**
 * Parquet. A file without nested columns is read by a kernel, whole pages at a time: memory is a page of each column.
 * Others (structs, lists, maps, intervals, VARIANT) are read by DuckDB. Order is the file's; all rows together must be
 * as many as the footer says.
 *
 * Columns come typed from the file's schema: 64-bit and unsigned 32-bit integers and decimals as text; an INT96 is a
 * `timestamp` of nanoseconds; maps are `json`; a column of JSON or VARIANT is its JSON text.
 */
export const parquet: FormatCode = {
  columns: columnsOf,
  decode,
};

async function* decode(input: FormatInput): AsyncIterable<Chunk> {
  const { name, context } = input;
  const file = await open(await input.path());
  try {
    const metadata = await metadataOf(file, name);
    const leaves = kernelLeaves(metadata);
    if (leaves === undefined) await checkInt96(file, metadata, name, context.signal);
    const runs = leaves === undefined ? duckdbRows(input, metadata) : readRows(file, metadata, leaves, input);
    let rows = 0;
    for await (const run of runs) {
      rows += run.count;
      yield run;
    }
    if (rows !== metadata.rows)
      throw mismatch(name, `${metadata.rows} rows, as the footer says`, `${rows} rows`);
  } finally {
    await file.close();
  }
}

async function columnsOf(input: FormatInput): Promise<readonly Column[]> {
  const file = await open(await input.path());
  try {
    const metadata = await metadataOf(file, input.name);
    return kernelLeaves(metadata)?.map(({ column }) => column) ?? (await duckdbColumns(input, metadata));
  } finally {
    await file.close();
  }
}

async function metadataOf(file: FileHandle, name: string): Promise<ParquetMetadata> {
  const metadata = await readMetadata(file, name);
  checkSchema(metadata.schema, name);
  return metadata;
}
