import { existsSync } from 'node:fs';
import { mismatch } from '../errors.ts';
import type { Cursor } from '../feeds/feed.ts';
import { LEDGER, ownTables, selectState } from '../merge/ledger.ts';
import type { Context } from '../stage.ts';
import type { Connection } from './connection.ts';
import { connectDuckDB } from './duckdb.ts';
import { connectPostgres } from './postgres.ts';
import { parseTarget, type Target } from './target.ts';

export interface ConnectOptions {
  readonly schema: string | undefined;
  /** Nothing will be written. */
  readonly readOnly?: boolean;
}

/** A connection to a target; nothing is opened before `open`. */
export function connect(target: Target, options: ConnectOptions, context: Context): Connection {
  switch (target.kind) {
    case 'duckdb':
      return connectDuckDB(target.path, options);
    case 'postgres':
      return connectPostgres(target.url, options, context);
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

/**
 * How far everything in a target has been applied: the newest group of each scope, and of each table of it. A target
 * without ledger, or a DuckDB file that is not there, has no state. The target is closed again before this returns.
 */
export async function readState(
  text: string,
  context: Context,
  options: { readonly schema?: string } = {},
): Promise<State[]> {
  const target = parseTarget(text, context);
  if (target.kind === 'duckdb' && !existsSync(target.path)) return [];
  const connection = connect(target, { schema: options.schema, readOnly: true }, context);
  const { dialect } = connection;
  const schema = options.schema ?? dialect.schema;
  try {
    await connection.open();
    if ((await connection.columns(LEDGER)) === null) return [];
    for (const statement of dialect.session) await connection.run(statement);
    const rows = await connection.rows(selectState(ownTables({ dialect, schema }), dialect));
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
  } finally {
    await connection.close();
  }
}

function instant(text: string): string {
  const date = new Date(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'));
  if (Number.isNaN(date.getTime())) throw mismatch('brigade_ledger', 'an instant in applied_at', text);
  return date.toISOString();
}
