/**
 * SQLite, 3.38 or newer. It has five kinds of values and turns what goes into a column into the kind that the column's
 * declared type suggests (https://www.sqlite.org/datatype3.html#determination_of_column_affinity), so that the names of
 * types here are chosen to leave every value as it is: decimals and times are text in one form each, which compares alike.
 */

import { UserError } from '../errors.ts';
import { type ColumnType, decimalDigits } from '../merge/lattice.ts';
import { type Dialect, doubleQuoted, singleQuoted } from './dialect.ts';
import { alterSqlite, parts } from './sqlite-alter.ts';
import { replacingViewSqlite } from './sqlite-view.ts';

const TYPES: Readonly<Record<string, string>> = {
  boolean: 'BOOLEAN',
  int: 'INT',
  bigint: 'BIGINT',
  float: 'DOUBLE',
  double: 'DOUBLE',
  text: 'TEXT',
  bytes: 'BLOB',
  date: 'DATE',
  time: 'TIME',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMPTZ',
  uuid: 'UUID',
  // A column declared JSON or DECIMAL would make a double of `1.10`.
  json: 'JSONTEXT',
};

const NAMES: Readonly<Record<string, ColumnType>> = {
  ...Object.fromEntries(Object.entries(TYPES).map(([type, sql]) => [sql, type as ColumnType])),
  DOUBLE: 'double',
  REAL: 'double',
  FLOAT: 'double',
  NUMERIC: 'double',
  INTEGER: 'bigint',
  DATETIME: 'timestamp',
};

function typeName(type: ColumnType): string {
  const digits = decimalDigits(type);
  return digits === undefined ? (TYPES[type] ?? 'TEXT') : `DECIMALTEXT(${digits.precision},${digits.scale})`;
}

function typeOf(sql: string): ColumnType | undefined {
  const name = sql.toUpperCase();
  const decimal = /^DECIMALTEXT\((\d+),(\d+)\)$/.exec(name);
  if (decimal !== null) return `decimal(${Number(decimal[1])},${Number(decimal[2])})`;
  const known = NAMES[name] ?? NAMES[/^\w+/.exec(name)?.[0] ?? ''];
  if (known !== undefined) return known;
  if (/INT/.test(name)) return 'bigint';
  if (/CHAR|CLOB|TEXT/.test(name)) return 'text';
  return /DEC|NUM/.test(name) ? 'double' : undefined;
}

/** Throws `UserError` for a name that does not survive the way through a script. */
function identifier(name: string): string {
  if (/[\0\r]/.test(name))
    throw new UserError(
      `the name ${JSON.stringify(name)}: expected none with NUL or a carriage return for sqlite`,
    );
  return doubleQuoted(name, 1024);
}

// The command strips carriage returns at the ends of lines, so a text with control characters is written in hexadecimal.
function literal(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (/[\x00-\x1f\x7f]/.test(text)) return `CAST(X'${Buffer.from(text).toString('hex')}' AS TEXT)`;
  return singleQuoted(text);
}

const fraction = (scale: number) => (scale === 0 ? '' : ` || '.${'0'.repeat(scale)}'`);

/** A statement, or an expression, that fails with a message: as a path into JSON it is refused and named. */
const raise = (message: string) => `json_extract('{}', ${message})`;

function fromText(x: string, to: ColumnType): string {
  const number = `CASE ${x} WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE ${x} END`;
  const digits = decimalDigits(to);
  if (digits !== undefined) {
    const { scale } = digits;
    const point = `instr(${x}, '.')`;
    const long =
      scale === 0
        ? `substr(${x}, 1, ${point} - 1)`
        : `substr(${x} || '${'0'.repeat(scale)}', 1, ${point} + ${scale})`;
    return `CASE WHEN ${point} > 0 THEN ${long} ELSE ${number}${fraction(scale)} END`;
  }
  switch (to) {
    case 'boolean':
      return `CASE ${x} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END`;
    case 'int':
    case 'bigint':
      return `CAST(${number} AS INTEGER)`;
    case 'float':
    case 'double':
      return `CAST(${number} AS REAL)`;
    case 'timestamp':
      return clock(x);
    case 'timestamptz':
      return zoned(x);
    default:
      return x;
  }
}

// `2024-01-31`, `2024-01-31T10:00`, `…:00`, `…:00.500` in the form of `exactText`.
function clock(x: string): string {
  const t = `replace(${x}, 'T', ' ')`;
  return `CASE WHEN length(${x}) = 10 THEN ${x} || ' 00:00:00' WHEN length(${x}) = 16 THEN ${t} || ':00' WHEN instr(${x}, '.') > 0 THEN rtrim(rtrim(${t}, '0'), '.') ELSE ${t} END`;
}

// The same with `Z`, `+02:00`, `+0200` or nothing after it, in UTC. `+00:00` sorts before a fraction, `Z` would not.
function zoned(x: string): string {
  const sign = (at: number) => `substr(${x}, ${at}, 1) IN ('+', '-')`;
  const length = `CASE WHEN ${x} LIKE '%Z' THEN 1 WHEN length(${x}) > 16 AND ${sign(-6)} AND substr(${x}, -3, 1) = ':' THEN 6 WHEN length(${x}) > 16 AND ${sign(-5)} THEN 5 ELSE 0 END`;
  const split = `SELECT substr(${x}, 1, length(${x}) - q.n) AS l, CASE q.n WHEN 0 THEN '' WHEN 1 THEN '' WHEN 5 THEN substr(${x}, -5, 3) || ':' || substr(${x}, -2) ELSE substr(${x}, -6) END AS z FROM (SELECT ${length} AS n) q`;
  return `(SELECT strftime('%Y-%m-%d %H:%M:%S', substr(c.l, 1, 19) || c.z) || substr(c.l, 20) || '+00:00' FROM (SELECT ${clock('p.l')} AS l, p.z FROM (${split}) p) c)`;
}

function toText(x: string, from: ColumnType, column = 'a column'): string {
  switch (from) {
    case 'boolean':
      return `CASE ${x} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE CAST(${x} AS TEXT) END`;
    case 'int':
    case 'bigint':
      return `CAST(${x} AS TEXT)`;
    case 'float':
    case 'double':
      // CAST writes 15 digits.
      return `CASE WHEN CAST(CAST(${x} AS TEXT) AS REAL) = ${x} THEN CAST(${x} AS TEXT) ELSE printf('%!.17g', ${x}) END`;
    case 'bytes':
      throw new UserError(`sqlite: ${column}: expected bytes to stay bytes, found text for it`);
    default:
      return x;
  }
}

function cast(x: string, from: ColumnType | 'staged text', to: ColumnType, column?: string): string {
  if (from === to) return x;
  if (from === 'staged text') return fromText(x, to);
  if (to === 'text' || to === 'json') return toText(x, from, column);
  const [was, is] = [decimalDigits(from), decimalDigits(to)];
  if (is !== undefined) {
    if (was === undefined) return `CAST(${x} AS TEXT)${fraction(is.scale)}`;
    if (was.scale === 0) return `${x}${fraction(is.scale)}`;
    return is.scale === was.scale ? x : `${x} || '${'0'.repeat(is.scale - was.scale)}'`;
  }
  if (to === 'double' || to === 'float') {
    const message = raise(`'expected a number that a ${to} can hold, found ' || ${x}`);
    const inexact =
      was !== undefined
        ? `length(trim(replace(replace(${x}, '-', ''), '.', ''), '0')) > 15`
        : `CAST(CAST(${x} AS REAL) AS INTEGER) <> ${x}`;
    if (was === undefined && from !== 'bigint') return `CAST(${x} AS REAL)`;
    return `CASE WHEN ${inexact} THEN ${message} ELSE CAST(${x} AS REAL) END`;
  }
  if (from === 'date') return `${x} || ' 00:00:00${to === 'timestamptz' ? '+00:00' : ''}'`;
  return to === 'timestamptz' ? `${x} || '+00:00'` : x;
}

// A decimal's digits with zeros before them compare like the number; those of a negative one are turned round.
function sortable(x: string, type: ColumnType): string {
  const digits = decimalDigits(type);
  if (digits === undefined) return x;
  const width = digits.precision + 2;
  const padded = (text: string) => `substr('${'0'.repeat(width)}' || ${text}, -${width})`;
  let turned = padded(`substr(${x}, 2)`);
  for (let digit = 0; digit < 10; digit++)
    turned = `replace(${turned}, '${digit}', '${String.fromCharCode(97 + 9 - digit)}')`;
  return `CASE WHEN ${x} LIKE '-%' THEN '0' || ${turned} ELSE '1' || ${padded(x)} END`;
}

export const sqlite: Dialect = {
  name: 'sqlite',
  schema: 'main',
  nameCase: 'keep',
  foldsCase: true,
  maxNameBytes: 1024,
  maxDecimalDigits: 1000,
  unlimitedDecimal: false,
  transactionalDdl: true,
  now: `strftime('%Y-%m-%d %H:%M:%f', 'now') || '+00:00'`,
  identifier,
  literal,
  type: typeName,
  typeOf,
  cast,
  bytewise: (expression) => `${expression} COLLATE BINARY`,
  sortable,
  nonZero: (expression) => `coalesce(CAST(${expression} AS REAL), 0) <> 0`,
  rowText: (expressions) => expressions.map((expression) => `quote(${expression})`).join(` || ',' || `),
  // RAISE() exists in triggers only, with a literal: https://www.sqlite.org/lang_createtrigger.html#the_raise_function
  check: (query) => `SELECT ${raise('m')} FROM (SELECT (${query}) AS m) WHERE m IS NOT NULL`,
  stageKeys: (unique, key) => {
    const own = unique === undefined ? [] : [unique];
    const keys = key.length === 0 ? [] : [[...key.map(({ id }) => id), ...own]];
    return [...(unique === undefined ? [] : [own]), ...keys].map((ids) => `UNIQUE (${ids.join(', ')})`);
  },
  dropStage: (table) => `DROP TABLE IF EXISTS temp.${table}`,
  // From the few rows that change to the many that there are: CROSS JOIN keeps that order.
  // https://www.sqlite.org/optoverview.html#manual_control_of_query_plans_using_cross_join
  deletes: 'rowid',
  keyIndex: (table, name, columns) => {
    const [schema, of] = parts(table);
    return `CREATE INDEX IF NOT EXISTS ${schema}.${identifier(name)} ON ${of} (${columns.map(({ id }) => id).join(', ')})`;
  },
  replacingView: (form) => replacingViewSqlite(form, { identifier, literal, check: sqlite.check }),
  // CREATE TABLE AS keeps only affinities: https://www.sqlite.org/lang_createtable.html#create_table_as_select_statements
  swap: 'where no statement makes a table of the definition of another',
  // A schema is an attached file, which is the user's to attach.
  createSchema: () => 'SELECT 1 WHERE FALSE',
  alter: (change) => alterSqlite(change, { identifier, literal, typeName, cast, check: sqlite.check }),
  begin: 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
  session: [],
};
