/** Queries for engines that are no TARGET: each row of their result is one text, a line as `brigade state` prints it. */

import { mismatch } from '../errors.ts';
import { ownTables, selectState } from '../merge/ledger.ts';
import type { Dialect } from './dialect.ts';
import { type DialectName, dialects } from './index.ts';
import { typeWithDigits } from './warehouse-drift.ts';

// Texts of the ledger and names hold no control characters; the engines' own JSON functions differ too much.
function jsonText(expression: string, dialect: Dialect): string {
  const { literal } = dialect;
  const [backslash, quote] = [literal('\\'), literal('"')];
  const escaped = `replace(replace(${expression}, ${backslash}, ${literal('\\\\')}), ${quote}, ${literal('\\"')})`;
  return joined([quote, escaped, quote], dialect);
}

// Without the settings of a session `||` is not the same everywhere.
const joined = (texts: readonly string[], { concat }: Dialect): string =>
  concat?.(texts) ?? texts.join(' || ');

function jsonObject(members: readonly (readonly [name: string, json: string])[], dialect: Dialect): string {
  const { literal } = dialect;
  const parts = members.flatMap(([name, json], i) => [literal(`${i === 0 ? '{' : ','}"${name}":`), json]);
  return joined([...parts, literal('}')], dialect);
}

/** A query for the cursors: of each scope, and each table of it, the newest group that was applied. */
export function cursorsQuery(name: DialectName, schema: string | undefined): string {
  const dialect: Dialect = dialects[name];
  const own = ownTables({ dialect, schema: schema ?? dialect.schema });
  const text = (column: string) => jsonText(`s.${column}`, dialect);
  const table = `CASE WHEN s.table_name = '' THEN 'null' ELSE ${text('table_name')} END`;
  const line = jsonObject(
    [
      ['feed', `coalesce(${text('feed')}, 'null')`],
      ['source', text('source')],
      ['scope', text('scope')],
      ['table', table],
      ['group', text('group_id')],
      ['files', `coalesce(s.files, 'null')`],
      ['rows', `coalesce(s.rows_read, 'null')`],
      ['applied_at', text('applied_at')],
    ],
    dialect,
  );
  return `SELECT ${line} AS line FROM (${selectState(own, dialect)}) s`;
}

interface Columns {
  readonly view: (schema: string) => string;
  /** The type as CREATE TABLE would have it. */
  readonly type: string;
}

const COLUMNS: Readonly<Record<Exclude<DialectName, 'spark'>, Columns>> = {
  duckdb: { view: () => 'information_schema.columns', type: 'c.data_type' },
  postgres: {
    view: () => 'information_schema.columns',
    type: `CASE WHEN c.data_type LIKE 'time%' AND c.datetime_precision < 6 THEN regexp_replace(c.data_type, ' ', '(' || CAST(c.datetime_precision AS text) || ') ') ELSE ${typeWithDigits(`'numeric'`, 'text')} END`,
  },
  // https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_COLUMNS.html
  redshift: { view: () => 'svv_columns', type: typeWithDigits(`'numeric'`, 'VARCHAR') },
  // https://docs.snowflake.com/en/sql-reference/info-schema/columns
  snowflake: { view: () => 'INFORMATION_SCHEMA.COLUMNS', type: typeWithDigits(`'NUMBER'`, 'VARCHAR') },
  // https://cloud.google.com/bigquery/docs/information-schema-columns
  bigquery: {
    view: (schema) => `${dialects.bigquery.identifier(schema)}.INFORMATION_SCHEMA.COLUMNS`,
    type: 'c.data_type',
  },
  // https://docs.databricks.com/aws/en/sql/language-manual/information-schema/columns
  databricks: { view: () => 'information_schema.columns', type: 'c.full_data_type' },
  // The comment is part of the type, see mysql.ts.
  mysql: {
    view: () => 'information_schema.columns',
    type: `concat(c.column_type, CASE WHEN c.column_comment IN ('json', 'timestamptz', 'uuid') THEN concat(' COMMENT ''', c.column_comment, '''') ELSE '' END)`,
  },
  // https://www.sqlite.org/pragma.html#pragfunc
  sqlite: {
    view: (schema) =>
      `(SELECT ${dialects.sqlite.literal(schema)} AS table_schema, m.name AS table_name, p.name AS column_name, p.type AS data_type, p.cid AS ordinal_position FROM ${dialects.sqlite.identifier(schema)}.sqlite_master m JOIN pragma_table_info(m.name, ${dialects.sqlite.literal(schema)}) p WHERE m.type = 'table')`,
    type: 'c.data_type',
  },
};

/** A query for the columns of all tables but our own, one a line, for `to-sql --target-schema`. */
export function columnsQuery(name: DialectName, schema: string | undefined): string {
  if (name === 'spark') {
    throw mismatch(
      '--schema',
      'an engine whose columns a query can list (of spark, DESCRIBE TABLE tells them)',
      name,
    );
  }
  const dialect: Dialect = dialects[name];
  const { view, type } = COLUMNS[name];
  const where = schema ?? dialect.schema;
  const line = jsonObject(
    [
      ['table', jsonText('c.table_name', dialect)],
      ['column', jsonText('c.column_name', dialect)],
      ['type', jsonText(type, dialect)],
    ],
    dialect,
  );
  return `SELECT ${line} AS line FROM ${view(where)} c WHERE c.table_schema = ${where === '' ? 'DATABASE()' : dialect.literal(where)} AND substr(lower(c.table_name), 1, 8) <> 'brigade_' ORDER BY c.table_name, c.ordinal_position`;
}

/** A query for the columns of one table, in order: `name`, and `type` as `columnsQuery` has it. */
export function columnsOf(name: Exclude<DialectName, 'spark'>, schema: string, table: string): string {
  const { view, type } = COLUMNS[name];
  const { literal }: Dialect = dialects[name];
  return `SELECT c.column_name AS name, ${type} AS type FROM ${view(schema)} c WHERE c.table_schema = ${literal(schema)} AND c.table_name = ${literal(table)} ORDER BY c.ordinal_position`;
}
