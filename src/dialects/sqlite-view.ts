/** How SQLite makes a view of all columns of a table. https://www.sqlite.org/lang_createview.html */

import { type Dialect, type ReplacingView, replacingQuery } from './dialect.ts';
import { parts } from './sqlite-alter.ts';

export function replacingViewSqlite(
  form: ReplacingView,
  { identifier, literal, check }: Pick<Dialect, 'identifier' | 'literal' | 'check'>,
): string[] {
  const [schema, view] = parts(form.view);
  const [, table] = parts(form.table);
  // A file is attached by a name of today, so that a view must not name the schema that it is in.
  const rest = form.rest.replaceAll(`${schema}."`, '"');
  const query = replacingQuery(form.columns ?? form.expected, { ...form, rest }, identifier);
  const name = (quoted: string) => literal(quoted.slice(1, -1).replaceAll('""', '"'));
  const columnsOf = (quoted: string) => `pragma_table_info(${name(quoted)}, ${name(schema)})`;
  const taken = literal(
    `table ${table.slice(1, -1)}: expected the name ${view.slice(1, -1)} free for its view (or --identity off), found a table`,
  );
  const free = check(
    `SELECT ${taken} FROM ${schema}.sqlite_master WHERE type = 'table' AND lower(name) = lower(${name(view)})`,
  );
  if (form.columns !== undefined)
    return [free, `DROP VIEW IF EXISTS ${form.view}`, `CREATE VIEW ${form.view} AS ${query}`];
  // Nothing is conditional in SQLite: that a view lacks a column can only be told.
  const lacking = `${literal(`view ${view.slice(1, -1)}: expected the column `)} || i.name || ', found none (--target-schema has it added)'`;
  return [
    free,
    `CREATE VIEW IF NOT EXISTS ${form.view} AS ${query}`,
    check(
      `SELECT ${lacking} FROM ${columnsOf(table)} i WHERE NOT EXISTS (SELECT 1 FROM ${columnsOf(view)} v WHERE lower(v.name) = lower(i.name)) LIMIT 1`,
    ),
  ];
}
