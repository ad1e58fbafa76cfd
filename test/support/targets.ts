/** Looking into targets: every table but our own, as the model says it. */

import pg from 'pg';
import { openDuckDB, quoteName } from '../../src/duckdb.ts';
import type { ModelRow } from './model.ts';

export type Tables = ReadonlyMap<string, readonly ModelRow[]>;

/** The tables of a DuckDB file, values as text. */
export async function duckdbTables(path: string): Promise<Tables> {
  const database = await openDuckDB(path, { readOnly: true });
  try {
    return await collect(
      async (sql) => database.rows(sql),
      `SELECT table_name AS name FROM duckdb_tables() WHERE NOT starts_with(table_name, 'brigade_')`,
      (name) => `SELECT COLUMNS(*)::VARCHAR FROM ${quoteName(name)}`,
    );
  } finally {
    database.close();
  }
}

/** The tables of a PostgreSQL database, values as text. */
export async function postgresTables(url: string): Promise<Tables> {
  const client = new pg.Client({
    connectionString: url,
    // The server's own text of every value.
    types: { getTypeParser: () => (value: unknown) => value } as never,
  });
  await client.connect();
  try {
    await client.query(`SET TimeZone = 'UTC'`);
    return await collect(
      async (sql) => (await client.query(sql)).rows,
      `SELECT tablename AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND tablename NOT LIKE 'brigade\\_%'`,
      (name) => `SELECT * FROM ${quoteName(name)}`,
    );
  } finally {
    await client.end();
  }
}

async function collect(
  rows: (sql: string) => Promise<Record<string, unknown>[]>,
  list: string,
  all: (name: string) => string,
): Promise<Tables> {
  const tables = new Map<string, ModelRow[]>();
  for (const { name } of await rows(list)) {
    tables.set(String(name), (await rows(all(String(name)))) as ModelRow[]);
  }
  return tables;
}

/**
 * Tables in one form for comparison: names in lower case, NULLs left out, values that engines print differently made
 * alike, rows sorted. Tables without rows are left out.
 */
export function canonical(tables: Tables): Record<string, string[]> {
  const entries = [...tables].map(([name, rows]) => {
    const lines = rows.map((row) => {
      const members = Object.entries(row)
        .filter(([, value]) => value !== null)
        .map(([column, value]) => [column.toLowerCase(), canonicalValue(value!)] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1));
      return JSON.stringify(Object.fromEntries(members));
    });
    return [name.toLowerCase(), lines.sort()] as const;
  });
  const filled = entries.filter(([, rows]) => rows.length > 0).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(filled);
}

function canonicalValue(value: string): string {
  if (value === 't' || value === 'f') return value === 't' ? 'true' : 'false';
  const time = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d+))?(\+00(?::00)?|Z)?$/.exec(value);
  if (time === null) return value;
  const fraction = (time[3] ?? '').replace(/0+$/, '');
  return `${time[1]} ${time[2]}${fraction === '' ? '' : `.${fraction}`}${time[4] === undefined ? '' : 'Z'}`;
}
