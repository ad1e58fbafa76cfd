import { randomUUID } from 'node:crypto';
import { open, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDB, duckdbMessage, openDuckDB, quoteName, quoteText } from '../../duckdb.ts';
import { mismatch, UserError } from '../../errors.ts';
import { runOfBytes, runOfRows } from '../../wire/run.ts';
import { type Column, RUN_BYTES, type Run, type TableLine } from '../../wire/types.ts';
import type { FormatInput } from '../format.ts';
import { makeTemporaryDirectory, removeTemporaryDirectory } from '../temporary-files.ts';
import { type Footer, parquetScan, readFooter } from './duckdb-footer.ts';
import type { ParquetMetadata } from './metadata.ts';

interface OpenFile {
  /** What messages call it. */
  readonly name: string;
  readonly database: DuckDB;
  readonly directory: string;
  readonly path: string;
  readonly footer: Footer;
}

const MEMORY_LIMIT = '512MB';
const FIRST_ROWS = 1024;
const RANGE_BYTES = 32 * 1024 * 1024;

async function openFile(input: FormatInput, metadata: ParquetMetadata): Promise<OpenFile> {
  const original = await input.path();
  const directory = await makeTemporaryDirectory();
  let database: DuckDB | undefined;
  try {
    // Under a name of ours, `*` and `[` in a path are no pattern to DuckDB.
    const path = join(directory, 'input.parquet');
    await symlink(original, path);
    database = await openDuckDB(':memory:', {
      memoryLimit: MEMORY_LIMIT,
      lean: true,
      temporaryDirectory: join(directory, 'spill'),
    });
    return {
      name: input.name,
      database,
      directory,
      path,
      footer: await readFooter(database, path, input.name, metadata),
    };
  } catch (error) {
    database?.close();
    await removeTemporaryDirectory(directory);
    throw readable(error, input.name);
  }
}

async function closeFile({ database, directory }: OpenFile): Promise<void> {
  database.close();
  await removeTemporaryDirectory(directory);
}

/** The columns of a file, as DuckDB reads it. */
export async function duckdbColumns(
  input: FormatInput,
  metadata: ParquetMetadata,
): Promise<readonly Column[]> {
  const file = await openFile(input, metadata);
  await closeFile(file);
  return wireColumns(file.footer);
}

function wireColumns(footer: Footer): readonly Column[] {
  return footer.columns.map(({ convert, ...column }) => column);
}

/**
 * The rows of a file, as DuckDB reads it: a range at a time, by `COPY (typed projection) TO` a temporary file, since a
 * streamed result would end normally when the query fails midway. The next range is written while one is read, so that
 * at most two files of about 32 MiB lie in `TMPDIR`, and the first rows leave after a thousand. Order is the file's.
 * Peak memory follows DuckDB's buffers, not the file's size.
 */
export async function* duckdbRows(input: FormatInput, metadata: ParquetMetadata): AsyncIterable<Run> {
  const { name, context } = input;
  const file = await openFile(input, metadata);
  const interrupt = () => file.database.interrupt();
  context.signal.addEventListener('abort', interrupt);
  let next: Promise<WrittenRange> | undefined;
  try {
    const { footer } = file;
    const table: TableLine = { ...input.table, columns: wireColumns(footer) };
    if (footer.rows === 0) yield runOfRows(table, []);
    let bytesPerRow: number | undefined;
    next = footer.rows > 0 ? writeRange(file, 0, rangeEnd(footer, 0, bytesPerRow)) : undefined;
    while (next !== undefined) {
      context.signal.throwIfAborted();
      const range: WrittenRange = await next;
      bytesPerRow = range.bytes / Math.max(1, range.end - range.start);
      next =
        range.end < footer.rows
          ? writeRange(file, range.end, rangeEnd(footer, range.end, bytesPerRow))
          : undefined;
      // It is awaited later; until then its failure is no unhandled one.
      next?.catch(() => {});
      yield* readRuns(range.path, table);
      await removeTemporaryDirectory(range.path);
    }
  } catch (error) {
    throw readable(error, name);
  } finally {
    context.signal.removeEventListener('abort', interrupt);
    // Left early, a range may still be on its way: it must be over before its database closes.
    file.database.interrupt();
    await next?.catch(() => {});
    await closeFile(file);
  }
}

interface WrittenRange {
  readonly path: string;
  readonly start: number;
  readonly end: number;
  readonly bytes: number;
}

// Where a range of rows ends: at the end of a row group if one is near, since a page is then decoded only once.
function rangeEnd(footer: Footer, start: number, bytesPerRow: number | undefined): number {
  const fitting = Math.max(1, Math.floor(RANGE_BYTES / Math.max(1, bytesPerRow ?? footer.bytesPerRow)));
  const wanted = bytesPerRow === undefined ? Math.min(FIRST_ROWS, fitting) : fitting;
  let groupEnd = 0;
  let end = start + wanted;
  for (const group of footer.rowGroups) {
    groupEnd += group;
    if (groupEnd <= start) continue;
    if (groupEnd > start + wanted * 1.5) break;
    end = groupEnd;
  }
  return Math.min(footer.rows, end);
}

const ROW_NUMBER = 'file_row_number';

async function writeRange(file: OpenFile, start: number, end: number): Promise<WrittenRange> {
  const { database, footer, directory } = file;
  const path = join(directory, `${randomUUID()}.ndjson`);
  await (await open(path, 'wx', 0o600)).close();
  const whole = start === 0 && end === footer.rows;
  const where = whole ? '' : rangeOf(footer, start, end);
  const copy = database.run(
    `COPY (SELECT ${selectList(footer)} FROM ${parquetScan(file.path)}${where}) TO ${quoteText(path)} (FORMAT json, USE_TMP_FILE false)`,
  );
  await copy.catch((error: unknown) => {
    throw readable(error, whole ? file.name : `${file.name} rows ${start + 1} to ${end}`);
  });
  const written = await open(path);
  const { size } = await written.stat().finally(() => written.close());
  return { path, start, end, bytes: size };
}

// A column of the name that DuckDB gives to the number of a row hides it; then rows are counted from the first one on.
function rangeOf({ columns }: Footer, start: number, end: number): string {
  return columns.some(({ name }) => name.toLowerCase() === ROW_NUMBER)
    ? ` LIMIT ${end - start} OFFSET ${start}`
    : ` WHERE ${ROW_NUMBER} >= ${start} AND ${ROW_NUMBER} < ${end}`;
}

// The columns of the wire; a row with a column `$` is escaped.
function selectList({ columns }: Footer): string {
  const values = columns.map(({ name, convert }) => ({
    name,
    sql: convert?.(quoteName(name)) ?? quoteName(name),
  }));
  if (!columns.some(({ name }) => name === '$'))
    return values.map(({ name, sql }) => `${sql} AS ${quoteName(name)}`).join(', ');
  const row = values.map(({ name, sql }) => `${quoteName(name)} := ${sql}`).join(', ');
  return `'row' AS "$", struct_pack(${row}) AS "row"`;
}

const LINE_FEED = 10;

async function* readRuns(path: string, table: TableLine): AsyncIterable<Run> {
  const file = await open(path);
  try {
    let rest: Uint8Array = new Uint8Array(0);
    for (;;) {
      // Each run owns its bytes, so each piece is new memory.
      const piece = Buffer.allocUnsafeSlow(rest.length + RUN_BYTES);
      piece.set(rest);
      const { bytesRead } = await file.read(piece, rest.length, RUN_BYTES);
      const filled = piece.subarray(0, rest.length + bytesRead);
      if (bytesRead === 0) {
        if (filled.length > 0)
          throw new UserError('expected whole lines from DuckDB, found a last one without line feed');
        return;
      }
      const end = filled.lastIndexOf(LINE_FEED) + 1;
      if (end > 0) yield runOfBytes(table, filled.subarray(0, end), countLines(filled.subarray(0, end)));
      rest = filled.subarray(end);
    }
  } finally {
    await file.close();
  }
}

function countLines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) count++;
  return count;
}

// What DuckDB says, without the names of our temporary files.
function readable(error: unknown, place: string): unknown {
  if (
    error instanceof UserError ||
    !(error instanceof Error) ||
    'code' in error ||
    error.name === 'AbortError'
  )
    return error;
  if (/^Out of Memory/.test(error.message)) {
    return new UserError(
      `${place}: expected to be read within ${MEMORY_LIMIT} of memory, found that DuckDB needs more`,
      { cause: error },
    );
  }
  const message = duckdbMessage(error).replace(
    /(?:(?:failed to read )?file )?["']?[^\s"']*input\.parquet["']?:? ?/gi,
    '',
  );
  return mismatch(place, 'a readable Parquet file', message, error);
}
