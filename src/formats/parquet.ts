import { randomUUID } from 'node:crypto';
import { open, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDB, duckdbMessage, openDuckDB, quoteName, quoteText } from '../duckdb.ts';
import { mismatch, UserError } from '../errors.ts';
import { runOfBytes, runOfRows } from '../wire/run.ts';
import { type Chunk, type Column, RUN_BYTES, type TableLine } from '../wire/types.ts';
import type { Format, FormatInput } from './format.ts';
import { checkEnds, type Footer, parquetScan, readFooter } from './parquet-footer.ts';
import { makeTemporaryDirectory, removeTemporaryDirectory } from './temporary-files.ts';

/**
 * Parquet, read by DuckDB.
 *
 * Rows leave it a range at a time, by `COPY (typed projection) TO` a temporary file: a streamed result would end
 * normally when the query fails midway. The next range is written while one is read, so that at most two files of
 * about 32 MiB lie in `TMPDIR`, and the first rows leave after a thousand. Order is the file's. All rows together
 * must be as many as the footer says. Peak memory follows DuckDB's buffers, not the file's size.
 *
 * Columns come typed from the file's schema: 64-bit and unsigned 32-bit integers and decimals as text; an INT96 is a
 * `timestamp` of microseconds; maps are `json`; a column of JSON or VARIANT is its JSON text.
 */
export const parquet: Format = {
  name: 'parquet',
  extensions: ['.parquet', '.parq', '.pqt'],
  // What follows the magic word is Thrift's compact protocol, which begins with no printable character.
  detect: (head) => /^PAR[1E](?:$|[^\t\n\r -~])/.test(Buffer.from(head.subarray(0, 5)).toString('latin1')),
  columns: (input) => withFile(input, async ({ footer }) => wireColumns(footer)),
  decode,
};

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

async function openFile(input: FormatInput): Promise<OpenFile> {
  const original = await input.path();
  await checkEnds(original, input.name);
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
      footer: await readFooter(database, path, input.name),
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

async function withFile<T>(input: FormatInput, use: (file: OpenFile) => Promise<T>): Promise<T> {
  const file = await openFile(input);
  try {
    return await use(file);
  } finally {
    await closeFile(file);
  }
}

function wireColumns(footer: Footer): readonly Column[] {
  return footer.columns.map(({ convert, ...column }) => column);
}

async function* decode(input: FormatInput): AsyncIterable<Chunk> {
  const { name, context } = input;
  const file = await openFile(input);
  const interrupt = () => file.database.interrupt();
  context.signal.addEventListener('abort', interrupt);
  let next: Promise<WrittenRange> | undefined;
  try {
    const { footer } = file;
    const table: TableLine = { ...input.table, columns: wireColumns(footer) };
    if (footer.rows === 0) yield runOfRows(table, []);
    let rows = 0;
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
      for await (const run of readRuns(range.path, table)) {
        rows += run.count;
        yield run;
      }
      await removeTemporaryDirectory(range.path);
    }
    if (rows !== footer.rows) throw mismatch(name, `${footer.rows} rows, as the footer says`, `${rows} rows`);
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
  // Without row numbers there are no ranges: the whole file is one.
  if (footer.columns.some(({ name }) => name.toLowerCase() === ROW_NUMBER)) return footer.rows;
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
  const where = whole ? '' : ` WHERE ${ROW_NUMBER} >= ${start} AND ${ROW_NUMBER} < ${end}`;
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

async function* readRuns(path: string, table: TableLine): AsyncIterable<ReturnType<typeof runOfBytes>> {
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
