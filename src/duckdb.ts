import type { DuckDBConnection, DuckDBMaterializedResult, DuckDBResultReader } from '@duckdb/node-api';
import { messageOf, UserError } from './errors.ts';

/** An open database. */
export interface DuckDB {
  readonly connection: DuckDBConnection;
  /** Runs one or several statements; the result is that of the last one, whole in memory. Errors are thrown. */
  run(sql: string): Promise<DuckDBMaterializedResult>;
  /** The rows of a query, each an object by column name; for small results only. */
  rows(sql: string): Promise<Record<string, unknown>[]>;
  /** Ends what is running. */
  interrupt(): void;
  close(): void;
}

export interface DuckDBOptions {
  /** Default 1: a stage is one of several that share the machine. */
  readonly threads?: number;
  /** What DuckDB may allocate, in its own words (`'512MB'`); it fails or spills beyond. */
  readonly memoryLimit?: string;
  /** Where it spills; without it, it does not. */
  readonly temporaryDirectory?: string;
  readonly readOnly?: boolean;
  /** Gives freed memory back to the system at once: a quarter slower, but two thirds of the peak over many queries. */
  readonly lean?: boolean;
}

let loading: Promise<typeof import('@duckdb/node-api')> | undefined;

/**
 * The DuckDB module: an optional dependency of 68 MB that takes 180 ms to import, so it is loaded when first needed.
 * Throws `UserError` where it is not installed.
 */
function loadDuckDB(): Promise<typeof import('@duckdb/node-api')> {
  loading ??= import('@duckdb/node-api').catch((error: unknown) => {
    loading = undefined;
    throw new UserError(
      `DuckDB could not be loaded, which .duckdb files and nested Parquet need: npm install @duckdb/node-api (${firstLine(messageOf(error))})`,
      { cause: error },
    );
  });
  return loading;
}

/** Opens a database file, or one in memory. No extension is ever fetched from the network. */
export async function openDuckDB(path = ':memory:', options: DuckDBOptions = {}): Promise<DuckDB> {
  const { DuckDBInstance } = await loadDuckDB();
  const instance = await DuckDBInstance.create(path, {
    threads: String(options.threads ?? 1),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    // Every file is read once; a cache of it would only fill the memory limit.
    enable_external_file_cache: 'false',
    ...(options.memoryLimit === undefined ? {} : { memory_limit: options.memoryLimit }),
    ...(options.temporaryDirectory === undefined ? {} : { temp_directory: options.temporaryDirectory }),
    ...(options.lean
      ? { allocator_flush_threshold: '1MB', allocator_bulk_deallocation_flush_threshold: '1MB' }
      : {}),
    ...(options.readOnly ? { access_mode: 'READ_ONLY' } : {}),
  });
  const connection = await instance.connect();
  await connection.run(`SET TimeZone = 'UTC'`);
  return {
    connection,
    // Never a streamed result: it ends normally when the query fails midway (seen with 1.5.6).
    run: (sql) => connection.run(sql),
    rows: async (sql) => {
      const reader: DuckDBResultReader = await connection.runAndReadAll(sql);
      return reader.getRowObjects() as Record<string, unknown>[];
    },
    interrupt: () => connection.interrupt(),
    close: () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** A name as SQL. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as SQL. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The one line of a DuckDB error that says what is wrong, without the name of the error's class; of a CSV file, where. */
export function duckdbMessage(error: unknown): string {
  const text = messageOf(error).replace(/^(?:[A-Z][A-Za-z-]*(?: [A-Za-z-]+)* Error: )+/, '');
  const file = /^ {2}file = (.+)$/m.exec(text)?.[1];
  if (file === undefined) return firstLine(text);
  const line = /^CSV Error on Line: (\d+)/.exec(text);
  const place = line === null ? '' : ` line ${line[1]}`;
  const what = CSV_FAULT.exec(text)?.[0] ?? firstLine(text);
  return `file ${file}${place}: DuckDB: ${what} (decode before this command may read it, or tell more)`;
}

// After the line of the file, which may be of any length.
const CSV_FAULT =
  /^(Expected Number of Columns: |Value with unterminated quote|Invalid unicode|Maximum line size).*$/m;

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.trim();
}
