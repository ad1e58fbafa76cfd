/**
 * How the engines that read files by themselves look at the columns of a table before anything goes into it: their
 * assignments round, cut or re-zone without a word. What is too long or too large they refuse.
 */

import type { ColumnType } from '../merge/lattice.ts';
import type { Dialect, TableChange } from './dialect.ts';
import { checkTypes } from './drift.ts';
import { chunked } from './warehouse.ts';

type Forms = Pick<Dialect, 'identifier' | 'literal' | 'check' | 'foldsCase'>;

// Redshift's check is a text, and a text has no more than 65,535 bytes.
const MAX_COLUMNS_OF_A_CHECK = 200;

/** The type that information_schema tells, with the digits of the one called `name`. */
export const typeWithDigits = (name: string, text: string): string =>
  `CASE WHEN c.data_type = ${name} THEN c.data_type || '(' || CAST(c.numeric_precision AS ${text}) || ',' || CAST(c.numeric_scale AS ${text}) || ')' ELSE c.data_type END`;

const REDSHIFT: Readonly<Record<string, ColumnType>> = {
  boolean: 'boolean',
  smallint: 'int',
  integer: 'int',
  bigint: 'bigint',
  real: 'float',
  'double precision': 'double',
  super: 'json',
  'binary varying': 'bytes',
  varbyte: 'bytes',
  date: 'date',
  'time without time zone': 'time',
  'timestamp without time zone': 'timestamp',
  'timestamp with time zone': 'timestamptz',
};

/**
 * The view is asked within a procedure, and with no table of the user beside it.
 * https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_COLUMNS.html
 * What a numeric has too many digits after the point for is rounded:
 * https://docs.aws.amazon.com/redshift/latest/dg/r_Numeric_types201.html
 */
export function checkTypesRedshift(change: TableChange, forms: Forms): string[] {
  const { literal } = forms;
  return chunked(change.add, MAX_COLUMNS_OF_A_CHECK).flatMap((add) =>
    checkTypes(
      { ...change, add },
      {
        ...forms,
        types: { names: REDSHIFT, texts: ['character%', 'text'], decimals: ['numeric'] },
        columns: ({ path: [schema = '', table = ''] }) =>
          `SELECT c.column_name AS name, ${typeWithDigits(`'numeric'`, 'VARCHAR')} AS type FROM svv_columns c WHERE c.table_schema = ${literal(schema)} AND c.table_name = ${literal(table)}`,
      },
    ),
  );
}

const SNOWFLAKE: Readonly<Record<string, ColumnType>> = {
  BOOLEAN: 'boolean',
  FLOAT: 'double',
  DECFLOAT: 'decimal',
  VARIANT: 'json',
  BINARY: 'bytes',
  DATE: 'date',
  TIME: 'time',
  TIMESTAMP_NTZ: 'timestamp',
  TIMESTAMP_TZ: 'timestamptz',
  TIMESTAMP_LTZ: 'timestamptz',
};

/**
 * DATA_TYPE has the standard name without its parameters; how many digits of a second there are is not told.
 * https://docs.snowflake.com/en/sql-reference/info-schema/columns
 * https://docs.snowflake.com/en/sql-reference/data-type-conversion
 */
export function checkTypesSnowflake(change: TableChange, forms: Forms): string[] {
  const { literal } = forms;
  return checkTypes(change, {
    ...forms,
    types: { names: SNOWFLAKE, texts: ['TEXT', 'VARCHAR%'], decimals: ['NUMBER'] },
    columns: ({ path: [schema = '', table = ''] }) =>
      `SELECT c.column_name AS name, ${typeWithDigits(`'NUMBER'`, 'VARCHAR')} AS type FROM INFORMATION_SCHEMA.COLUMNS c WHERE c.table_schema = ${literal(schema)} AND c.table_name = ${literal(table)}`,
  });
}

/**
 * Parameters are part of the type there, with a space between them.
 * https://cloud.google.com/bigquery/docs/information-schema-columns
 * A NUMERIC(p,s) rounds what goes into it: https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#parameterized_decimal_type
 */
export function checkTypesBigquery(
  change: TableChange,
  forms: Forms & { readonly names: Readonly<Record<string, ColumnType>> },
): string[] {
  const { literal, identifier, names } = forms;
  return checkTypes(change, {
    ...forms,
    types: { names, texts: ['STRING%'], decimals: ['NUMERIC', 'BIGNUMERIC'] },
    columns: ({ path: [schema = '', table = ''] }) =>
      `SELECT c.column_name AS name, replace(c.data_type, ', ', ',') AS type FROM ${identifier(schema)}.INFORMATION_SCHEMA.COLUMNS c WHERE c.table_name = ${literal(table)}`,
  });
}

/**
 * Spark and Databricks without Unity Catalog list no columns; but an expression's type is known where it has no rows.
 * What a table lacks fails there, by name. https://spark.apache.org/docs/latest/api/sql/index.html#typeof
 * https://docs.databricks.com/aws/en/sql/language-manual/functions/typeof
 * Under the ANSI policy of assignments decimals are rounded, and times become dates:
 * https://spark.apache.org/docs/latest/sql-ref-ansi-compliance.html#store-assignment
 */
export function checkTypesSpark(
  change: TableChange,
  forms: Forms & { readonly names: Readonly<Record<string, ColumnType>> },
): string[] {
  const { literal, identifier } = forms;
  const types = Object.entries(forms.names).map(([name, type]) => [name.toLowerCase(), type] as const);
  return checkTypes(change, {
    ...forms,
    types: { names: Object.fromEntries(types), texts: ['string%'], decimals: ['decimal'] },
    columns: ({ table, names }) => {
      const cases = names.map((name) => `WHEN ${literal(name)} THEN typeof(t.${identifier(name)})`);
      const rows = names.map((name) => `(${literal(name)})`);
      return `SELECT n.name, CASE n.name ${cases.join(' ')} END AS type FROM (VALUES ${rows.join(', ')}) n (name) LEFT JOIN (SELECT * FROM ${table} WHERE 1 = 0) t ON 1 = 1`;
    },
  });
}
