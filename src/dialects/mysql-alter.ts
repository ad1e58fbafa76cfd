/** How MySQL and MariaDB change the columns of a table; every statement commits by itself and may come again. */

import { type ColumnType, decimalDigits } from '../merge/lattice.ts';
import type { Dialect, ReplacingView, TableChange } from './dialect.ts';

interface Forms extends Pick<Dialect, 'identifier' | 'literal' | 'cast' | 'check'> {
  readonly typeName: (type: ColumnType) => string;
  /** Characters of a long text that an index takes. */
  readonly prefix: number;
}

export function alterMysql(change: TableChange, forms: Forms): string[] {
  const { table, add, widen, ifMissing, isStage } = change;
  if (ifMissing)
    return [...add.flatMap((column) => addMissing(table, column, forms)), ...checkTypes(change, forms)];
  const { identifier, typeName } = forms;
  const rewritten = widen.filter(isRewritten);
  const modified = widen.filter((column) => !isRewritten(column));
  const toText = modified.filter(({ to }) => to === 'text' || to === 'json');
  const parts = modified
    .filter((column) => !toText.includes(column))
    .map(({ name, to }) => `MODIFY COLUMN ${identifier(name)} ${typeName(to)}`);
  return [
    ...add.flatMap((column) =>
      isStage ? [addColumn(table, column, forms)] : addMissing(table, column, forms),
    ),
    ...modified.flatMap((column) => checkExact(table, column, forms)),
    ...(parts.length === 0 ? [] : [`ALTER TABLE ${table} ${parts.join(', ')}`]),
    ...toText.flatMap((column) => modifyToText(table, column, forms)),
    ...rewritten.flatMap((column) =>
      isStage ? rewrite(table, column, forms) : rewriteOnce(table, column, forms),
    ),
  ];
}

type Widening = TableChange['widen'][number];

// MODIFY would make `1` of a true and drop the zone of an instant.
function isRewritten({ from, to }: Widening): boolean {
  if (to !== 'text' && to !== 'json') return false;
  return !/^(int|bigint|decimal|date$|uuid|text|json)/.test(from);
}

// Into a column of its own, which then takes the place of the old one in one step.
function rewrite(table: string, { name, from, to }: Widening, forms: Forms): string[] {
  const { identifier, typeName, cast } = forms;
  const [column, type] = [identifier(name), typeName(to)];
  const made = identifier(`_brigade_${name}`);
  return [
    `ALTER TABLE ${table} ADD COLUMN ${made} ${type} AFTER ${column}`,
    `UPDATE ${table} SET ${made} = ${cast(column, from, to)}`,
    `ALTER TABLE ${table} DROP COLUMN ${column}, CHANGE COLUMN ${made} ${column} ${type}`,
  ];
}

// Of a load that was killed in between the new column may be there already; of a script that is run again all may be done.
function rewriteOnce(table: string, widening: Widening, forms: Forms): string[] {
  const { identifier, literal } = forms;
  const column = identifier(widening.name);
  const isOld = `SELECT count(*) FROM information_schema.columns WHERE ${tableIs(table, forms)} AND column_name = ${literal(nameOf(column))} AND data_type <> 'longtext'`;
  return rewrite(table, widening, forms).flatMap((statement, i) => {
    const left = i === 0 ? `(${countOf(table, `_brigade_${widening.name}`, forms)}) = 0 AND ` : '';
    return prepared(`CASE WHEN ${left}(${isOld}) = 1 THEN ${literal(statement)} ELSE 'DO 0' END`);
  });
}

// MODIFY rounds without a word.
function checkExact(
  table: string,
  { name, from, to }: Widening,
  { identifier, literal, check }: Forms,
): string[] {
  if ((to !== 'double' && to !== 'float') || !(from === 'bigint' || from.startsWith('decimal'))) return [];
  const x = `t.${identifier(name)}`;
  const { scale } = decimalDigits(from) ?? { scale: 0 };
  return [
    check(
      `SELECT ${literal(`column ${name}: expected numbers that a ${to} can hold, found `)} || CAST(${x} AS CHAR) FROM ${table} t WHERE CAST(CAST(${x} AS DOUBLE) AS DECIMAL(65,${scale})) <> ${x} LIMIT 1`,
    ),
  ];
}

// A column of the key's index needs a length in it once it is text.
function modifyToText(table: string, { name, to }: Widening, forms: Forms): string[] {
  const { identifier, literal, typeName, prefix } = forms;
  const is = `column_name = ${literal(name)}`;
  const part = `concat('\`', replace(column_name, '\`', '\`\`'), '\`', CASE WHEN ${is} OR sub_part IS NOT NULL THEN '(${prefix})' ELSE '' END)`;
  const index = `SELECT CASE WHEN sum(${is}) > 0 THEN concat(', DROP INDEX brigade_key, ADD INDEX brigade_key (', group_concat(${part} ORDER BY seq_in_index SEPARATOR ', '), ')') ELSE '' END FROM information_schema.statistics WHERE ${tableIs(table, forms)} AND index_name = 'brigade_key'`;
  const modify = literal(`ALTER TABLE ${table} MODIFY COLUMN ${identifier(name)} ${typeName(to)}`);
  return prepared(`concat(${modify}, (${index}))`);
}

type Added = TableChange['add'][number];

const addColumn = (table: string, { name, type }: Added, { identifier, typeName }: Forms): string =>
  `ALTER TABLE ${table} ADD COLUMN ${identifier(name)} ${typeName(type)}`;

// There is no ADD COLUMN IF NOT EXISTS in MySQL.
function addMissing(table: string, column: Added, forms: Forms): string[] {
  const statement = forms.literal(addColumn(table, column, forms));
  return prepared(`CASE WHEN (${countOf(table, column.name, forms)}) = 0 THEN ${statement} ELSE 'DO 0' END`);
}

/** Yields 1 if the table has the column, else 0. */
function countOf(table: string, name: string, forms: Forms): string {
  const { identifier, literal } = forms;
  return `SELECT count(*) FROM information_schema.columns WHERE ${tableIs(table, forms)} AND column_name = ${literal(nameOf(identifier(name)))}`;
}

/** A view of the columns that the table has when the statements are run. */
export function replacingViewMysql(
  { view, table, column, by, rest }: ReplacingView,
  forms: Pick<Forms, 'identifier' | 'literal'>,
): string[] {
  const { identifier, literal } = forms;
  const id = `concat('\`', replace(column_name, '\`', '\`\`'), '\`')`;
  const replaced = literal(`${by} AS ${identifier(column)}`);
  const list = `group_concat(CASE WHEN column_name = ${literal(column)} THEN ${replaced} ELSE concat('t.', ${id}) END ORDER BY ordinal_position SEPARATOR ', ')`;
  const columns = `SELECT ${list} FROM information_schema.columns WHERE ${tableIs(table, forms)}`;
  return prepared(
    `concat(${literal(`CREATE OR REPLACE VIEW ${view} AS SELECT `)}, (${columns}), ${literal(` ${rest}`)})`,
  );
}

/** Runs the statement that an expression yields. */
export function prepared(expression: string): string[] {
  return [
    `SET @brigade_sql = ${expression}`,
    'PREPARE brigade FROM @brigade_sql',
    'EXECUTE brigade',
    'DEALLOCATE PREPARE brigade',
  ];
}

const TEXTS = `c.data_type IN ('char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext')`;
const INSTANT = `c.data_type = 'datetime' AND c.datetime_precision = 6`;

// What a column may be like so that values of a type go into it without being altered (what does not fit fails).
function holds(type: ColumnType): string {
  const digits = decimalDigits(type);
  const plain = `(${TEXTS} AND c.column_comment NOT IN ('json', 'uuid'))`;
  if (digits !== undefined)
    return `(c.data_type = 'decimal' AND c.numeric_scale >= ${digits.scale}) OR ${plain}`;
  switch (type) {
    case 'boolean':
      return `c.data_type IN ('tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal', 'double')`;
    case 'int':
      return `c.data_type IN ('tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal', 'double') OR ${plain}`;
    case 'bigint':
      return `c.data_type IN ('tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal') OR ${plain}`;
    case 'float':
    case 'double':
      return `c.data_type = 'double'`;
    case 'bytes':
      return `c.data_type IN ('tinyblob', 'blob', 'mediumblob', 'longblob', 'varbinary')`;
    case 'date':
      return `c.data_type IN ('date', 'datetime')`;
    case 'time':
      return `c.data_type = 'time' AND c.datetime_precision = 6`;
    case 'timestamp':
      return `${INSTANT} AND c.column_comment <> 'timestamptz'`;
    case 'timestamptz':
      return `(${INSTANT} AND c.column_comment = 'timestamptz') OR (c.data_type = 'timestamp' AND c.datetime_precision = 6)`;
    case 'uuid':
      return `c.column_comment = 'uuid' OR ${plain}`;
    case 'json':
      return `c.column_comment = 'json' OR c.data_type = 'json' OR ${plain}`;
    default:
      return plain;
  }
}

// The engine would take `007` for 7, and drop what a column is too narrow for, as warnings at most.
function checkTypes({ table, add }: TableChange, forms: Forms): string[] {
  if (add.length === 0) return [];
  const { literal, check } = forms;
  const wrong = add.map(
    ({ name, type }) =>
      `WHEN c.column_name = ${literal(name)} AND NOT (${holds(type)}) THEN ${literal(type)}`,
  );
  const of = literal(`table ${nameOf(table)} column `);
  const hint = `(--target-schema has columns widened)`;
  return [
    check(
      `SELECT concat(${of}, q.name, ': expected a column for ', q.wanted, ', found ', q.found, ' ${hint}') FROM (SELECT c.column_name AS name, c.column_type AS found, CASE ${wrong.join(' ')} END AS wanted FROM information_schema.columns c WHERE ${tableIs(table, forms)}) q WHERE q.wanted IS NOT NULL LIMIT 1`,
    ),
  ];
}

const QUALIFIED = /^(?:`((?:[^`]|``)*)`\.)?`((?:[^`]|``)*)`$/;

const nameOf = (table: string): string => QUALIFIED.exec(table)![2]!.replaceAll('``', '`');

/** The condition that names a table in information_schema. */
function tableIs(table: string, { literal }: Pick<Forms, 'literal'>): string {
  const schema = QUALIFIED.exec(table)![1];
  const of = schema === undefined ? 'DATABASE()' : literal(schema.replaceAll('``', '`'));
  return `table_schema = ${of} AND table_name = ${literal(nameOf(table))}`;
}
