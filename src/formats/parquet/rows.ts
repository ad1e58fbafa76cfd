import { isUtf8 } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';
import { mismatch } from '../../errors.ts';
import { openParquetKernel, PARQUET_STATUS, type ParquetKernel } from '../../kernels/parquet.ts';
import { runOfBytes, runOfRows } from '../../wire/run.ts';
import { RUN_BYTES, type Run, type TableLine } from '../../wire/types.ts';
import { firstInvalidUtf8 } from '../encoding.ts';
import type { FormatInput } from '../format.ts';
import { isKnownCodec } from './codecs.ts';
import { type Leaf, leafOf } from './leaf.ts';
import type { ParquetMetadata, RowGroup } from './metadata.ts';
import { type ColumnPages, columnPages } from './pages.ts';
import { openSpill, type Spill } from './spill.ts';

/** The columns, if the kernel reads all there is in the file; undefined if DuckDB has to. */
export function kernelLeaves({ schema, rowGroups }: ParquetMetadata): readonly Leaf[] | undefined {
  const leaves = schema.map(leafOf);
  const known = rowGroups.every(
    ({ chunks }) =>
      chunks.length === schema.length &&
      chunks.every(
        ({ path, codec, elsewhere }, at) =>
          !elsewhere && isKnownCodec(codec) && path.length === 1 && path[0] === schema[at]!.name,
      ),
  );
  return known && leaves.length > 0 && leaves.every((leaf) => leaf !== undefined) ? leaves : undefined;
}

const FIRST_OUTPUT = RUN_BYTES + 64 * 1024;
const MAX_ROW_BYTES = 512 * 2 ** 20;

/** The rows of a file, in its order; at least one run. Throws `UserError`; what was yielded before is right. */
export async function* readRows(
  file: FileHandle,
  metadata: ParquetMetadata,
  leaves: readonly Leaf[],
  { name, table: declared, context: { signal } }: FormatInput,
): AsyncIterable<Run> {
  const table: TableLine = { ...declared, columns: leaves.map(({ column }) => column) };
  if (metadata.rows === 0) yield runOfRows(table, []);
  const kernel = openParquetKernel(leaves.map(({ column, ...leaf }) => ({ name: column.name, ...leaf })));
  const spill = openSpill(kernel);
  let before = 0;
  try {
    for (const [at, group] of metadata.rowGroups.entries()) {
      if (group.rows === 0) continue;
      await spill.clear();
      const columns = openGroup(file, kernel, leaves, group, at, spill, name);
      for await (const { bytes, rows } of groupRows(kernel, columns, leaves, group, before, name, signal)) {
        before += rows;
        yield runOfBytes(table, bytes, rows);
      }
    }
  } finally {
    await spill.close();
  }
}

function openGroup(
  file: FileHandle,
  kernel: ParquetKernel,
  leaves: readonly Leaf[],
  group: RowGroup,
  number: number,
  spill: Spill,
  name: string,
): readonly ColumnPages[] {
  return leaves.map((leaf, index) => {
    const place = `${name} row group ${number + 1} column ${leaf.column.name}`;
    const chunk = group.chunks[index]!;
    if (chunk.values !== group.rows) throw mismatch(place, `${group.rows} values`, String(chunk.values));
    return columnPages(file, kernel, leaf, index, chunk, spill, place);
  });
}

async function* groupRows(
  kernel: ParquetKernel,
  pages: readonly ColumnPages[],
  leaves: readonly Leaf[],
  group: RowGroup,
  before: number,
  name: string,
  signal: AbortSignal,
): AsyncIterable<{ bytes: Uint8Array; rows: number }> {
  const { functions } = kernel;
  let outputBytes = FIRST_OUTPUT;
  let left = group.rows;
  let output = kernel.region('output', outputBytes);
  let held = output;
  let rows = 0;
  const take = (): { bytes: Uint8Array; rows: number } => {
    const bytes = Buffer.allocUnsafeSlow(held - output);
    kernel.bytes.copy(bytes, 0, output, held);
    if (!isUtf8(bytes)) throw invalidText(bytes, before, name);
    const taken = { bytes, rows };
    before += rows;
    held = output;
    rows = 0;
    return taken;
  };
  while (left > 0) {
    const status = functions.run(held, output + RUN_BYTES, output + outputBytes, left);
    held = functions.getOutputAt();
    rows += functions.getRows();
    left -= functions.getRows();
    if (status === PARQUET_STATUS.needPage) {
      signal.throwIfAborted();
      await pages[functions.getColumn()]!.next();
      continue;
    }
    if (status === PARQUET_STATUS.shortPage && (await pages[functions.getColumn()]!.refill())) continue;
    if (status === PARQUET_STATUS.full && held === output) {
      // One row that needs more room than there is.
      outputBytes *= 2;
      if (outputBytes > MAX_ROW_BYTES)
        throw mismatch(`${name} row ${before + 1}`, `at most ${MAX_ROW_BYTES / 2 ** 20} MiB`, 'more');
      output = held = kernel.region('output', outputBytes);
      continue;
    }
    if (status !== PARQUET_STATUS.full && status !== PARQUET_STATUS.done) {
      const { column } = leaves[functions.getColumn()]!;
      throw problem(status, `${name} row ${before + rows + 1} column ${column.name}`, column.type);
    }
    signal.throwIfAborted();
    yield take();
  }
  if (rows > 0) yield take();
}

function problem(status: number, place: string, type: string | undefined): Error {
  switch (status) {
    case PARQUET_STATUS.badLevels:
      return mismatch(place, 'a level for each value of the page', 'fewer, or bytes that are none');
    case PARQUET_STATUS.badIndices:
      return mismatch(place, 'the number of an entry of the dictionary', 'none, or one beyond its end');
    case PARQUET_STATUS.badValue:
      return mismatch(place, `a value of type ${type}`, 'bytes that are none');
    default:
      return mismatch(place, 'a value', 'the end of the page');
  }
}

// Every text leaves as it lies in the file, so wrong bytes in the output are wrong bytes in a text.
function invalidText(bytes: Buffer, before: number, name: string): Error {
  const at = firstInvalidUtf8(bytes);
  const start = bytes.subarray(0, at).lastIndexOf(10) + 1;
  let row = before + 1;
  for (let line = bytes.indexOf(10); line >= 0 && line < at; line = bytes.indexOf(10, line + 1)) row++;
  // The name of the member whose value it is in: the last one that begins outside of a text.
  const keys = bytes.toString('latin1', start, at).matchAll(/[{,]("(?:[^"\\]|\\.)*"):|"(?:[^"\\]|\\.)*"/g);
  const key = [...keys]
    .map((match) => match[1])
    .filter((text) => text !== undefined)
    .at(-1);
  const column = key === undefined ? '' : ` column ${JSON.parse(Buffer.from(key, 'latin1').toString())}`;
  return mismatch(`${name} row ${row}${column}`, 'text in UTF-8', `byte 0x${bytes[at]!.toString(16)}`);
}
