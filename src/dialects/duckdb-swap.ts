/**
 * How DuckDB puts a new table in the place of another; all of it can be rolled back. Views name the table they read, so
 * that they read the new one. https://duckdb.org/docs/stable/sql/statements/transactions
 */

import { type Dialect, type SwapForms, type SwapPair, singleQuoted } from './dialect.ts';

export function duckdbSwap({ check }: Pick<Dialect, 'check'>): SwapForms {
  return {
    begin: (pair) => [check(obstacle(pair))],
    // Types and collations of the columns go along, and nothing else:
    // https://duckdb.org/docs/stable/sql/statements/create_table#create-table--as-select-ctas
    make: ({ target, shadow }) => [`CREATE TABLE ${shadow} AS SELECT * FROM ${target} WHERE FALSE`],
    take: ({ target, shadow, nameId, oldId, old }) => [
      `ALTER TABLE ${target} RENAME TO ${oldId}`,
      `ALTER TABLE ${shadow} RENAME TO ${nameId}`,
      `DROP TABLE ${old}`,
    ],
  };
}

// https://duckdb.org/docs/stable/sql/meta/duckdb_table_functions
function obstacle({ table, schema, name }: SwapPair): string {
  const is = `database_name = current_database() AND schema_name = ${singleQuoted(schema)} AND lower(table_name) = lower(${singleQuoted(name)})`;
  const things = [
    `SELECT 'index ' || index_name AS found FROM duckdb_indexes() WHERE ${is}`,
    `SELECT 'constraint ' || constraint_text FROM duckdb_constraints() WHERE ${is}`,
    `SELECT 'a default of column ' || column_name FROM duckdb_columns() WHERE ${is} AND column_default IS NOT NULL`,
  ];
  const message = singleQuoted(
    `table ${table}: expected nothing that a table in its place would break or lack, found `,
  );
  return `SELECT ${message} || found || ' (--swap copy leaves it as it is)' FROM (${things.join(' UNION ALL ')}) o LIMIT 1`;
}
