/** How SQLite changes the columns of a table. https://www.sqlite.org/lang_altertable.html */

import { type ColumnType, decimalDigits } from '../merge/lattice.ts';
import type { Dialect, TableChange } from './dialect.ts';

interface Forms extends Pick<Dialect, 'identifier' | 'literal' | 'cast' | 'check'> {
  readonly typeName: (type: ColumnType) => string;
}

export function alterSqlite(change: TableChange, forms: Forms): string[] {
  const { table, add, widen, ifMissing, index: known } = change;
  // Nothing is conditional in SQLite: what is missing can only be told.
  if (ifMissing) return checkColumns(change, forms);
  const { identifier, typeName } = forms;
  const index = widen.length === 0 || known === undefined ? undefined : identifier(known.name);
  const [schema, of] = parts(table);
  return [
    ...add.map(({ name, type }) => `ALTER TABLE ${table} ADD COLUMN ${identifier(name)} ${typeName(type)}`),
    // No column that an index names can be dropped.
    ...(index === undefined ? [] : [`DROP INDEX IF EXISTS ${schema}.${index}`]),
    ...widen.flatMap((column) => rewrite(table, column, forms)),
    ...(index === undefined
      ? []
      : [`CREATE INDEX ${schema}.${index} ON ${of} (${known!.columns.map(({ id }) => id).join(', ')})`]),
  ];
}

// The type of a column does not change, so another takes its place.
function rewrite(
  table: string,
  { name, from, to }: TableChange['widen'][number],
  { identifier, typeName, cast }: Forms,
): string[] {
  const column = identifier(name);
  const made = identifier(`_brigade_${name}`);
  return [
    `ALTER TABLE ${table} ADD COLUMN ${made} ${typeName(to)}`,
    `UPDATE ${table} SET ${made} = ${cast(column, from, to, name)}`,
    `ALTER TABLE ${table} DROP COLUMN ${column}`,
    `ALTER TABLE ${table} RENAME COLUMN ${made} TO ${column}`,
  ];
}

const INTEGERS = ['INT', 'BIGINT', 'INTEGER'];
const TAKES: Readonly<Record<string, readonly string[]>> = {
  boolean: ['BOOLEAN', ...INTEGERS],
  int: INTEGERS,
  bigint: INTEGERS,
  float: ['DOUBLE', 'REAL', 'FLOAT'],
  double: ['DOUBLE', 'REAL', 'FLOAT'],
  timestamp: ['TIMESTAMP', 'DATETIME'],
  json: ['JSONTEXT', 'TEXT'],
  uuid: ['UUID', 'TEXT'],
};

// A column of another type would take the value all the same, and might alter it.
function checkColumns({ table, add }: TableChange, { literal, typeName, check }: Forms): string[] {
  if (add.length === 0) return [];
  const [schema, of] = parts(table);
  const text = (quoted: string) => literal(quoted.slice(1, -1).replaceAll('""', '"'));
  const wanted = add.map(({ name, type }) => {
    const takes = decimalDigits(type) === undefined ? TAKES[type] : undefined;
    return `(${literal(name)}, ${literal(type)}, ${literal(`|${[typeName(type), ...(takes ?? [])].join('|')}|`)})`;
  });
  const message = `${literal(`table ${of.slice(1, -1)} column `)} || w.column1 || ': expected a column for ' || w.column2 || ', found ' || coalesce(nullif(i.type, ''), 'none') || ' (--target-schema has columns added and widened)'`;
  const fits = `instr(w.column3, '|' || upper(i.type) || '|') > 0 OR (w.column2 = 'text' AND upper(i.type) LIKE '%CHAR%')`;
  return [
    check(
      `SELECT ${message} FROM (VALUES ${wanted.join(', ')}) w LEFT JOIN pragma_table_info(${text(of)}, ${text(schema)}) i ON lower(i.name) = lower(w.column1) WHERE i.name IS NULL OR NOT (${fits}) LIMIT 1`,
    ),
  ];
}

const QUALIFIED = /^("(?:[^"]|"")*")\.("(?:[^"]|"")*")$/;

/** The schema and the table of a qualified name, quoted; of a name alone, that of the temporary tables. */
export function parts(table: string): [string, string] {
  const match = QUALIFIED.exec(table);
  return match === null ? ['"temp"', table] : [match[1]!, match[2]!];
}
