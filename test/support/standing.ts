/** All that stands in a target: columns with their types, rows, the ledger. What two ways of loading must agree on. */

import { openDuckDB } from '../../src/duckdb.ts';
import type { TestTarget } from './merging.ts';

/** Per table and view its columns with their types, and its rows in order. Our own tables without times, if filled. */
export type Standing = Readonly<
  Record<string, { readonly columns: readonly string[]; readonly rows: readonly string[] }>
>;

interface Form {
  /** Yields table, column, type. */
  readonly columns: string;
  /** Yields all else that a load could find: the order of columns, keys, indexes, views. */
  readonly rest: string;
  readonly text: string;
  readonly quote: (name: string) => string;
}

const doubled = (name: string) => `"${name.replaceAll('"', '""')}"`;

const FORMS: Readonly<Record<Exclude<TestTarget['name'], 'redshift'>, Form>> = {
  postgres: {
    columns: `SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v') AND a.attnum > 0 AND NOT a.attisdropped`,
    rest: `SELECT indexdef AS line FROM pg_indexes WHERE schemaname !~ '^pg_' AND schemaname <> 'information_schema' UNION ALL SELECT viewname || ' ' || definition FROM pg_views WHERE schemaname !~ '^pg_' AND schemaname <> 'information_schema' UNION ALL SELECT conrelid::regclass || ' ' || pg_get_constraintdef(k.oid) FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' UNION ALL SELECT c.relname || ' ' || string_agg(a.attname, ',' ORDER BY a.attnum) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v') AND a.attnum > 0 AND NOT a.attisdropped GROUP BY c.oid, c.relname`,
    text: 'text',
    quote: doubled,
  },
  duckdb: {
    columns: `SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = current_database() AND NOT internal`,
    rest: `SELECT sql AS line FROM duckdb_tables() WHERE database_name = current_database() AND NOT internal UNION ALL SELECT sql FROM duckdb_indexes() WHERE database_name = current_database() UNION ALL SELECT sql FROM duckdb_views() WHERE database_name = current_database() AND NOT internal`,
    text: 'VARCHAR',
    quote: doubled,
  },
  mysql: {
    columns: `SELECT table_name, column_name, concat_ws(' ', column_type, character_set_name, collation_name, column_comment, column_key) FROM information_schema.columns WHERE table_schema = DATABASE()`,
    rest: `SELECT concat_ws(' ', table_name, column_name, ordinal_position, is_nullable, column_default) AS line FROM information_schema.columns WHERE table_schema = DATABASE() UNION ALL SELECT concat_ws(' ', table_name, index_name, seq_in_index, column_name, non_unique) FROM information_schema.statistics WHERE table_schema = DATABASE()`,
    text: 'CHAR CHARACTER SET utf8mb4',
    quote: (name) => `\`${name.replaceAll('`', '``')}\``,
  },
  sqlite: {
    columns: `SELECT m.name AS t, p.name AS c, p.type AS y FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type IN ('table', 'view')`,
    rest: `SELECT sql AS line FROM sqlite_master`,
    text: 'TEXT',
    quote: doubled,
  },
};

const TIMES = new Set(['applied_at', 'deleted_at']);
const isOwn = (table: string) => table.toLowerCase().startsWith('brigade_');

/** All that a load could find, but times. */
export interface Everything {
  readonly tables: Standing;
  readonly rest: readonly string[];
}

export async function standing(target: TestTarget): Promise<Standing> {
  return visible(await looking(target, look));
}

export const everything = (target: TestTarget): Promise<Everything> =>
  looking(target, async (form, select) => ({
    tables: await look(form, select),
    rest: (await select(form.rest)).map(([line]) => line!).sort(),
  }));

/** What of all that a run is judged by: not the tables of ours that are empty. */
export const visible = (found: Standing): Standing =>
  Object.fromEntries(Object.entries(found).filter(([table, { rows }]) => !isOwn(table) || rows.length > 0));

async function looking<T>(
  target: TestTarget,
  how: (form: Form, select: TestTarget['select']) => Promise<T>,
): Promise<T> {
  if (target.name !== 'duckdb')
    return how(FORMS[target.name === 'redshift' ? 'postgres' : target.name], (sql) => target.select(sql));
  // Opened once for all queries.
  const database = await openDuckDB(target.url);
  try {
    return await how(FORMS.duckdb, async (sql) => {
      const found = await database.rows(`SELECT COLUMNS(*)::VARCHAR FROM (${sql})`);
      return found.map((row) => Object.values(row) as (string | null)[]);
    });
  } finally {
    database.close();
  }
}

async function look(form: Form, select: TestTarget['select']): Promise<Standing> {
  const tables = new Map<string, { name: string; type: string }[]>();
  for (const [table, name, type] of (await select(form.columns)) as [string, string, string][]) {
    if (isOwn(table) && TIMES.has(name)) continue;
    tables.set(table, [...(tables.get(table) ?? []), { name, type }]);
  }
  if (tables.size === 0) return {};
  const width = Math.max(...[...tables.values()].map((columns) => columns.length));
  const rows = new Map<string, string[]>();
  const parts = [...tables].map(([table, columns]) => {
    columns.sort((a, b) => (a.name < b.name ? -1 : 1));
    const values = columns.map(({ name }) => `CAST(${form.quote(name)} AS ${form.text})`);
    while (values.length < width) values.push('NULL');
    const named = [`'${table}'`, ...values].map((value, i) => `${value} AS c${i}`);
    return `SELECT ${named.join(', ')} FROM ${form.quote(table)}`;
  });
  for (const [table, ...values] of await select(parts.join(' UNION ALL ')))
    rows.set(table!, [
      ...(rows.get(table!) ?? []),
      JSON.stringify(values.slice(0, tables.get(table!)!.length)),
    ]);
  const entries = [...tables].map(([table, columns]) => [
    table,
    { columns: columns.map(({ name, type }) => `${name} ${type}`), rows: (rows.get(table) ?? []).sort() },
  ]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a! < b! ? -1 : 1))) as Standing;
}
