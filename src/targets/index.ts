import { existsSync } from 'node:fs';
import type { BulkOptions } from '../dialects/warehouse.ts';
import { mismatch } from '../errors.ts';
import type { Cursor } from '../feeds/feed.ts';
import { LEDGER, ownTables, selectState } from '../merge/ledger.ts';
import type { Context } from '../stage.ts';
import type { Scratch } from '../stores/scratch.ts';
import type { Connection } from './connection.ts';
import { connectDuckDB } from './duckdb.ts';
import { connectMysql } from './mysql.ts';
import { connectPostgres } from './postgres.ts';
import { connectRedshift } from './redshift.ts';
import { parseTarget, type Target } from './target.ts';

export interface ConnectOptions {
  readonly schema: string | undefined;
  /** Nothing will be written. */
  readonly readOnly?: boolean;
  /** How an engine that takes files gets at them. */
  readonly bulk?: BulkOptions;
  readonly scratch?: Scratch;
}

/** A connection to a target; nothing is opened before `open`. */
export function connect(target: Target, given: ConnectOptions, context: Context): Connection {
  const options = { ...given, schema: given.schema ?? target.schema };
  switch (target.kind) {
    case 'duckdb':
      return connectDuckDB(target.path, options);
    case 'postgres':
      return connectPostgres(target.url, options, context);
    case 'redshift':
      return connectRedshift(
        target.url,
        { schema: options.schema, bulk: options.bulk ?? {}, scratch: options.scratch },
        context,
      );
    case 'mysql':
      return connectMysql(target.url, options, context);
  }
}

/** What the ledger says of one table of a scope, or of the scope itself. */
export interface State extends Cursor {
  readonly feed: string;
  readonly source: string;
  readonly scope: string;
  readonly files: number;
  readonly rows: number;
  /** ISO 8601 instant. */
  readonly applied_at: string;
}

export interface StateOptions {
  /** The schema the tables are in; default: the dialect's. */
  readonly schema?: string;
}

/**
 * How far everything in a target has been applied: the newest group of each scope, and of each table of it. A target
 * without ledger, or a DuckDB file that is not there, has no state. The target is closed again before this returns.
 */
export function readState(text: string, context: Context, options: StateOptions = {}): Promise<State[]> {
  return reading(text, context, options, [], async (connection, schema) => {
    const { dialect } = connection;
    if ((await connection.columns(LEDGER)) === null) return [];
    const own = ownTables({ dialect, schema: schema ?? dialect.schema });
    const rows = await connection.rows(selectState(own, dialect));
    return (rows ?? []).map((row) => ({
      feed: String(row['feed']),
      source: String(row['source']),
      scope: String(row['scope']),
      ...(row['table_name'] === '' ? {} : { table: String(row['table_name']) }),
      group: String(row['group_id']),
      files: Number(row['files']),
      rows: Number(row['rows_read']),
      applied_at: instant(String(row['applied_at'])),
    }));
  });
}

/** A table of a target with its columns, their types as the engine writes them. */
export interface TableSchema {
  readonly table: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

/** The tables of a target and their columns, for `to-sql --target-schema`; our own tables are left out. */
export function readSchema(
  text: string,
  context: Context,
  options: StateOptions = {},
): Promise<TableSchema[]> {
  return reading(text, context, options, [], async (connection) => {
    const tables: TableSchema[] = [];
    for (const table of await connection.tables()) {
      if (table.startsWith('brigade_')) continue;
      const columns = (await connection.columns(table)) ?? [];
      tables.push({ table, columns: columns.map(({ name, sql }) => ({ name, type: sql })) });
    }
    return tables;
  });
}

async function reading<T>(
  text: string,
  context: Context,
  options: StateOptions,
  nothing: T,
  read: (connection: Connection, schema: string | undefined) => Promise<T>,
): Promise<T> {
  const target = parseTarget(text, context);
  const schema = options.schema ?? target.schema;
  if (target.kind === 'duckdb' && !existsSync(target.path)) return nothing;
  const connection = connect(target, { schema, readOnly: true }, context);
  try {
    await connection.open();
    for (const statement of connection.dialect.session) await connection.run(statement);
    return await read(connection, schema);
  } finally {
    await connection.close();
  }
}

function instant(text: string): string {
  const date = new Date(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'));
  if (Number.isNaN(date.getTime())) throw mismatch('brigade_ledger', 'an instant in applied_at', text);
  return date.toISOString();
}
