import { randomUUID } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkMembers } from '../dialects/copy-text.ts';
import { duckdb } from '../dialects/duckdb.ts';
import { insertFiles, insertSpooled } from '../dialects/duckdb-read.ts';
import { type DuckDB, duckdbMessage, openDuckDB } from '../duckdb.ts';
import { messageOf, mismatch, TemporaryError, UserError } from '../errors.ts';
import { checkSound } from '../formats/sound.ts';
import type { Fill } from '../merge/engine.ts';
import type { Row } from '../wire/types.ts';
import type { Connection } from './connection.ts';
import { flagsByColumns } from './settled-flags.ts';
import { createSpool, type Segment } from './spool.ts';

/** Bytes of rows on disk before they go into the stage. */
const SPOOL_BYTES = 64 * 2 ** 20;

// Enough for the joins and sorts of a group of any size, which spill beyond it: a group's stages fill whatever is given,
// for all of them are there until it is committed. Without a limit DuckDB takes four fifths of the machine:
// https://duckdb.org/docs/stable/configuration/pragmas#memory-limit
const MEMORY_MB = 256;
// DuckDB works in vectors of 2,048 rows, several to a column at once, however few rows there are: 5,000 columns need more
// than 512 MB. Measured: https://duckdb.org/docs/stable/internals/vector
const NARROW_COLUMNS = 100;
const WIDE_MB = 512;
const WIDE_COLUMNS = 1000;
const MB_PER_COLUMN = 0.125;

/** Where a database being written spills: in a directory of its own beside it, readable by its owner only. */
const spillOf = (path: string) => `${path}.brigade-spill`;
/** Where a database is made that is not there yet. */
const draftsOf = (path: string) => `${path}.brigade-draft`;

// What our own statements can get wrong; anything else is about data, disk or the user, such as an index of his own.
const BUG = /^(Parser|Binder|Catalog|INTERNAL|Syntax) Error(?!: Cannot change the type of this column)/i;

/**
 * Makes an empty database elsewhere and gives it its name when it is whole, since half a file (a full disk, a kill) could
 * never be opened again. Where links are not to be had DuckDB makes it in its place.
 */
async function createDuckDBFile(path: string): Promise<void> {
  if (path === ':memory:' || existsSync(path)) return;
  const folder = draftsOf(path);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Of a folder that is not there, or not ours, opening tells.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return;
  }
  const draft = join(folder, randomUUID());
  try {
    (await openDuckDB(draft)).close();
    // Never over a file that another process has made meanwhile.
    linkSync(draft, path);
  } catch (error) {
    // Another process has made the file, and may have removed the folder since.
    if (existsSync(path)) return;
    if ((error as NodeJS.ErrnoException).syscall !== 'link') throw error;
  } finally {
    rmSync(draft, { force: true });
    try {
      rmdirSync(folder);
    } catch {
      // Another process has something in it, or has removed it.
    }
  }
}

/** Opens a DuckDB file, creating it where it is missing. Throws `TemporaryError` while another process has it. */
async function openDuckDBFile(path: string, readOnly = false): Promise<DuckDB> {
  try {
    if (!readOnly) await createDuckDBFile(path);
    const database = await openDuckDB(path, {
      threads: availableParallelism(),
      readOnly,
      memoryLimit: `${MEMORY_MB}MB`,
      ...(readOnly ? {} : { temporaryDirectory: spillOf(path) }),
    });
    // The database is ours alone from here on, so what lies there was left by a process that was killed.
    if (!readOnly) {
      for (const left of [draftsOf(path), spillOf(path)]) rmSync(left, { recursive: true, force: true });
      mkdirSync(spillOf(path), { mode: 0o700 });
    }
    return database;
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (/set lock on file|being used by another process|already open/i.test(messageOf(error))) {
      throw new TemporaryError(`${path}: expected a database that nobody else has open, found it locked`, {
        cause: error,
      });
    }
    throw new UserError(`${path}: ${duckdbMessage(error)}`, { cause: error });
  }
}

/** A connection to a DuckDB file for `load`. Rows reach stages by way of a spooled file that DuckDB reads itself. */
export function connectDuckDB(
  path: string,
  {
    schema = duckdb.schema,
    readOnly = false,
  }: { readonly schema: string | undefined; readonly readOnly?: boolean },
): Connection {
  let database: DuckDB | undefined;
  let widest = NARROW_COLUMNS;
  const spool = createSpool();

  async function execute<T>(sql: string, how: (db: DuckDB) => Promise<T>): Promise<T> {
    if (database === undefined) throw new Error('duckdb: a statement before open');
    try {
      return await how(database);
    } catch (error) {
      if (BUG.test(messageOf(error)))
        throw new Error(`${messageOf(error)}\n${sql.slice(0, 4000)}`, { cause: error });
      throw new UserError(duckdbMessage(error), { cause: error });
    }
  }
  const run = async (sql: string) => {
    await execute(sql, (db) => db.run(sql));
  };
  const rows = (sql: string) => execute(sql, async (db) => (await db.rows(sql)) as unknown as readonly Row[]);

  // What a table of so many columns needs.
  async function makeRoom({ columns }: Fill): Promise<void> {
    if (columns.length <= widest) return;
    widest = columns.length;
    const more = Math.ceil(Math.max(0, widest - WIDE_COLUMNS) * MB_PER_COLUMN);
    await run(`SET memory_limit = '${WIDE_MB + more}MB'`);
  }

  async function load(segment: Segment): Promise<void> {
    await makeRoom(segment.fill);
    await run(insertSpooled(segment.fill, segment.path, segment.longest));
    spool.discard(segment);
  }

  return {
    dialect: duckdb,
    takes: 'bytes',
    async open() {
      database ??= await openDuckDBFile(path, readOnly);
    },
    run,
    rows,
    async fill(fill, rowsOfOneTable) {
      checkMembers(fill, rowsOfOneTable);
      const segment = await spool.add(fill, rowsOfOneTable);
      if (segment.bytes < SPOOL_BYTES) return;
      for (const full of spool.take(fill.stage)) await load(full);
    },
    async fillFiles(fill, files, csv) {
      const paths = files.map(({ uri }) => {
        if (!uri.startsWith('file:'))
          throw mismatch(
            `file ${uri}`,
            'a local file for DuckDB to read by itself (or decode before this command)',
            'an object in S3',
          );
        return fileURLToPath(uri);
      });
      const statement = insertFiles(fill, files, paths, csv);
      for (const file of files) await checkSound(file);
      await makeRoom(fill);
      await run(statement);
    },
    async settle() {
      for (const segment of spool.take()) await load(segment);
    },
    async columns(table) {
      const found = await rows(
        `SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = current_database() AND schema_name = ${duckdb.literal(schema)} AND lower(table_name) = lower(${duckdb.literal(table)}) ORDER BY column_index`,
      );
      if (found.length === 0) return null;
      return found.map((row) => ({
        name: String(row['column_name']),
        sql: String(row['data_type']),
        type: duckdb.typeOf(String(row['data_type'])),
      }));
    },
    async tables() {
      const found = await rows(
        `SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = ${duckdb.literal(schema)} AND NOT temporary ORDER BY table_name`,
      );
      return found.map((row) => String(row['table_name']));
    },
    async hasSchema() {
      return (
        (await rows(`SELECT 1 AS x FROM duckdb_schemas() WHERE schema_name = ${duckdb.literal(schema)}`))
          .length > 0
      );
    },
    ...flagsByColumns(rows),
    undoes: true,
    async abandon() {
      for (const segment of spool.take()) spool.discard(segment);
      // Nothing is under way if the failure came before the transaction.
      await database?.run('ROLLBACK').catch(() => {});
    },
    async close() {
      await spool.close();
      if (database === undefined) return;
      database.close();
      database = undefined;
      if (!readOnly) rmSync(spillOf(path), { recursive: true, force: true });
    },
  };
}
