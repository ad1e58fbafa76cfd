/**
 * MySQL (8.0.19 or newer) and MariaDB (10.6 or newer), in the forms that both understand.
 * https://dev.mysql.com/doc/refman/8.4/en/ and https://mariadb.com/kb/en/documentation/
 */

import { mismatch, UserError } from '../errors.ts';
import { type ColumnType, decimalDigits } from '../merge/lattice.ts';
import { type Dialect, type KeyColumn, replacingQuery, shortened, singleQuoted } from './dialect.ts';
import { alterMysql, replacingViewMysql } from './mysql-alter.ts';

// The collation that tells all texts apart, also `a` from `a ` (utf8mb4_bin does not), goes by other names on either
// side. MySQL reads the first comment, MariaDB the second: it skips those of versions from 50700 to 99999.
// https://mariadb.com/kb/en/comment-syntax/#executable-comment-syntax
const EXACT = '/*!80017 utf8mb4_0900_bin *//*M! utf8mb4_nopad_bin */';

const TEXT = `LONGTEXT CHARACTER SET utf8mb4 COLLATE ${EXACT}`;

// A type that there is none for is the nearest one, with the wire's name as its comment. JSON stays text, since MySQL's
// own type rewrites numbers and order. DATETIME, since TIMESTAMP ends in 2038. DOUBLE also for `float`: a FLOAT is
// printed with six digits. https://dev.mysql.com/doc/refman/8.4/en/data-types.html
const TYPES: Readonly<Record<string, string>> = {
  boolean: 'TINYINT(1)',
  int: 'INT',
  bigint: 'BIGINT',
  float: 'DOUBLE',
  double: 'DOUBLE',
  text: TEXT,
  bytes: 'LONGBLOB',
  date: 'DATE',
  time: 'TIME(6)',
  timestamp: 'DATETIME(6)',
  timestamptz: `DATETIME(6) COMMENT 'timestamptz'`,
  uuid: `CHAR(36) CHARACTER SET ascii COLLATE ascii_bin COMMENT 'uuid'`,
  json: `${TEXT} COMMENT 'json'`,
};

const NAMES: Readonly<Record<string, ColumnType>> = {
  boolean: 'boolean',
  tinyint: 'int',
  smallint: 'int',
  mediumint: 'int',
  int: 'int',
  bigint: 'bigint',
  float: 'float',
  double: 'double',
  tinyblob: 'bytes',
  blob: 'bytes',
  mediumblob: 'bytes',
  longblob: 'bytes',
  varbinary: 'bytes',
  date: 'date',
  'time(6)': 'time',
  'datetime(6)': 'timestamp',
  // Without six digits it would round, so that it has to be widened before a time goes into it.
  datetime: 'date',
  'timestamp(6)': 'timestamptz',
  char: 'text',
  varchar: 'text',
  tinytext: 'text',
  text: 'text',
  mediumtext: 'text',
  longtext: 'text',
  json: 'json',
};

// https://dev.mysql.com/doc/refman/8.4/en/precision-math-decimal-characteristics.html
const MAX_DIGITS = 65;
const MAX_SCALE = 30;

function typeName(type: ColumnType): string {
  const digits = decimalDigits(type);
  if (digits === undefined) return TYPES[type] ?? TEXT;
  const { precision, scale } = digits;
  if (precision > MAX_DIGITS || scale > MAX_SCALE)
    throw new UserError(
      `mysql: expected a decimal of at most ${MAX_DIGITS} digits, ${MAX_SCALE} of them after the point, found ${type}`,
    );
  return `DECIMAL(${precision},${scale})`;
}

/** `sql`: a COLUMN_TYPE, with ` COMMENT '…'` after it where the comment names a type of the wire. */
// Digits of a second: https://dev.mysql.com/doc/refman/8.4/en/fractional-seconds.html
const FEWER_DIGITS = /^time(\([0-5]\))?$/;

function typeOf(sql: string): ColumnType | undefined {
  const comment = /COMMENT '(json|timestamptz|uuid)'$/i.exec(sql)?.[1];
  if (comment !== undefined) return comment.toLowerCase() as ColumnType;
  const name = sql.toLowerCase();
  const decimal = /^decimal\((\d+),(\d+)\)/.exec(name);
  if (decimal !== null) return `decimal(${Number(decimal[1])},${Number(decimal[2])})`;
  if (/^tinyint\(1\)$/.test(name)) return 'boolean';
  const [word = ''] = /^\w+/.exec(name) ?? [];
  if (/\bunsigned\b/.test(name)) return word === 'bigint' ? 'decimal(20,0)' : 'bigint';
  if (FEWER_DIGITS.test(name)) return 'time';
  const [timed] = /^(datetime|time|timestamp)(\(\d\))?$/.exec(name) ?? [];
  return NAMES[timed?.replace(/^datetime\([1-5]\)$/, 'datetime') ?? word];
}

// https://dev.mysql.com/doc/refman/8.4/en/identifier-length.html: characters, not bytes.
const MAX_NAME = 64;

/** Throws `UserError` for what no identifier may hold: https://dev.mysql.com/doc/refman/8.4/en/identifiers.html */
function identifier(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (/[\x00-\x1f\u{10000}-\u{10ffff}]/u.test(name))
    throw mismatch(
      `the name ${JSON.stringify(name)}`,
      'no control characters and none beyond U+FFFF, which MySQL takes in no name',
      'one of them',
    );
  return `\`${shortened(name, MAX_NAME, (text) => text.length).replaceAll('`', '``')}\``;
}

// Clients read line ends and backslashes in their own way, so a text with any of them is written in hexadecimal.
function literal(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (/[\\\x00-\x1f\x7f]/.test(text)) return `_utf8mb4 X'${Buffer.from(text).toString('hex')}'`;
  return singleQuoted(text);
}

const textCast = (x: string) => `CAST(${x} AS CHAR)`;
const hasFraction = (x: string) =>
  `(CASE WHEN ${x} LIKE '%.%' THEN trim(TRAILING '.' FROM trim(TRAILING '0' FROM ${x})) ELSE ${x} END)`;

/** A value in the text that the wire has for it. */
function toText(x: string, from: ColumnType): string {
  switch (from) {
    case 'text':
    case 'json':
    case 'uuid':
      return x;
    case 'boolean':
      return `CASE ${x} WHEN 0 THEN 'false' WHEN 1 THEN 'true' ELSE ${textCast(x)} END`;
    case 'bytes':
      return `replace(to_base64(${x}), char(10 USING utf8mb4), '')`;
    case 'time':
    case 'timestamp':
      return hasFraction(textCast(x));
    case 'timestamptz':
      return `concat(${hasFraction(textCast(x))}, 'Z')`;
    case 'int':
    case 'bigint':
      // In a view it would else have the collation of whoever asks.
      return `CAST(${x} AS CHAR CHARACTER SET utf8mb4) COLLATE ${EXACT}`;
    default:
      return textCast(x);
  }
}

/** Text whose values were seen to be of the type. */
function fromText(x: string, to: ColumnType): string {
  const digits = decimalDigits(to);
  const number = `CASE ${x} WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE ${x} END`;
  if (digits !== undefined) return `CAST(${number} AS ${typeName(to)})`;
  switch (to) {
    case 'boolean':
      return `CASE ${x} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END`;
    case 'int':
    case 'bigint':
      return `CAST(CAST(${number} AS DECIMAL(65,30)) AS SIGNED)`;
    case 'float':
    case 'double':
      return `CAST(${number} AS DOUBLE)`;
    case 'date':
      return `CAST(${x} AS DATE)`;
    case 'time':
      return `CAST(${x} AS TIME(6))`;
    case 'timestamp':
      return `CAST(${x} AS DATETIME(6))`;
    case 'timestamptz':
      return zoned(x);
    case 'bytes':
      return `from_base64(${x})`;
    default:
      return x;
  }
}

// `…Z`, `…+02:00`, `…+0200` or without a zone, which is UTC. CONVERT_TZ leaves alone what TIMESTAMP does not hold.
function zoned(x: string): string {
  const local = (length: number) => `CAST(left(${x}, char_length(${x}) - ${length}) AS DATETIME(6))`;
  const shifted = (length: number) =>
    `${local(length)} - INTERVAL (CASE substr(${x}, -${length}, 1) WHEN '-' THEN -1 ELSE 1 END * (CAST(substr(${x}, ${1 - length}, 2) AS SIGNED) * 60 + CAST(right(${x}, 2) AS SIGNED))) MINUTE`;
  return `CASE WHEN ${x} LIKE '%Z' THEN ${local(1)} WHEN ${x} REGEXP '[+-][0-9]{2}:[0-9]{2}$' THEN ${shifted(6)} WHEN ${x} REGEXP ':.*[+-][0-9]{4}$' THEN ${shifted(5)} ELSE CAST(${x} AS DATETIME(6)) END`;
}

function cast(x: string, from: ColumnType | 'staged text', to: ColumnType): string {
  if (from === to) return x;
  if (from === 'staged text') return fromText(x, to);
  if (to === 'text' || to === 'json') return toText(x, from);
  if (to === 'double' || to === 'float') {
    if (from !== 'bigint' && !from.startsWith('decimal')) return `CAST(${x} AS DOUBLE)`;
    const { scale } = decimalDigits(from) ?? { scale: 0 };
    // In strict mode the second cast fails and names the value.
    return `CASE WHEN CAST(CAST(${x} AS DOUBLE) AS DECIMAL(65,${scale})) <> ${x} THEN CAST(concat(${x}, ' does not fit') AS DOUBLE) ELSE CAST(${x} AS DOUBLE) END`;
  }
  if (to.startsWith('decimal')) return `CAST(${x} AS ${typeName(to)})`;
  if (from === 'date') return `CAST(${x} AS DATETIME(6))`;
  return x;
}

// Of a column that an index takes only with a length.
const PREFIX = 96;
const isLong = (type: ColumnType) => /^(text|json|bytes)$/.test(type);
const indexed = (columns: readonly KeyColumn[]) =>
  columns.map(({ id, type }) => id + (isLong(type) ? `(${PREFIX})` : '')).join(', ');

// There is no statement that fails with a message outside of stored programs on both sides (MariaDB prepares SIGNAL, MySQL
// does not), but a variable that takes a few words only names the one it refuses, up to 200 bytes of it.
// https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html#error_er_wrong_value_for_var
const check = (query: string) =>
  `SET SESSION completion_type = coalesce((${query}), @@SESSION.completion_type)`;

/** What the lock's message begins with, for a connection to tell it from others. */
export const LOCKED = 'expected nobody else to be merging into ';

// Locks belong to the server, not to a database, and their names have at most 64 characters. (MySQL 9.6 has no SHA1 any more.)
const lockName = (schema: string) =>
  `concat('brigade ', left(sha2(${schema === '' ? 'DATABASE()' : literal(schema)}, 256), 40))`;
const LOCK_SECONDS = 600;

export const mysql: Dialect = {
  name: 'mysql',
  schema: '',
  // Names of tables match by case on Linux and not elsewhere: https://dev.mysql.com/doc/refman/8.4/en/identifier-case-sensitivity.html
  nameCase: 'lower',
  foldsCase: true,
  maxNameBytes: MAX_NAME,
  maxDecimalDigits: MAX_DIGITS,
  unlimitedDecimal: false,
  // https://dev.mysql.com/doc/refman/8.4/en/implicit-commit.html
  transactionalDdl: false,
  // https://dev.mysql.com/doc/refman/8.4/en/temporary-table-problems.html (MariaDB does)
  opensOnce: true,
  now: 'CURRENT_TIMESTAMP(6)',
  nullsLast: true,
  deletes: 'join',
  updates: 'join',
  identifier,
  literal,
  type: typeName,
  typeOf,
  narrow: (sql) => FEWER_DIGITS.test(sql.toLowerCase()),
  cast,
  bytewise: (expression) => expression,
  withoutZeros: (expression) => `trim(LEADING '0' FROM ${expression})`,
  concat: (texts) => `concat(${texts.join(', ')})`,
  rowText: (expressions) =>
    `concat(${expressions.map((x) => `coalesce(concat(length(${x}), ':', ${x}), '-')`).join(', ')})`,
  check,
  keyText: (characters) => `VARCHAR(${characters}) CHARACTER SET utf8mb4 COLLATE ${EXACT}`,
  // Joins go by indexes or compare all with all.
  stageKeys: (unique, key) => [
    ...(unique === undefined ? [] : [`UNIQUE (${unique})`]),
    ...(key.length === 0 ? [] : [`INDEX (${indexed(key)})`]),
  ],
  dropStage: (table) => `DROP TEMPORARY TABLE IF EXISTS ${table}`,
  keyClause: (columns) => `INDEX brigade_key (${indexed(columns)})`,
  sessionLock: {
    take: (schema) =>
      check(
        `SELECT CASE WHEN coalesce(GET_LOCK(${lockName(schema)}, ${LOCK_SECONDS}), 0) = 0 THEN ${singleQuoted(LOCKED)} || ${schema === '' ? 'DATABASE()' : literal(schema)} || ', found its lock held' END`,
      ),
    release: (schema) => `DO RELEASE_LOCK(${lockName(schema)})`,
  },
  replacingView: (form) =>
    form.columns === undefined
      ? replacingViewMysql(form, { identifier, literal })
      : [`CREATE OR REPLACE VIEW ${form.view} AS ${replacingQuery(form.columns, form, identifier)}`],
  // https://dev.mysql.com/doc/refman/8.4/en/rename-table.html
  swap: 'where a rename commits by itself, so that what breaks off after it leaves a table that the ledger does not know',
  createSchema: (schema) => `CREATE DATABASE IF NOT EXISTS ${identifier(schema)}`,
  alter: (change) => alterMysql(change, { identifier, literal, typeName, cast, check, prefix: PREFIX }),
  begin: 'START TRANSACTION',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
  session: [
    `SET NAMES utf8mb4 COLLATE ${EXACT}`,
    // Strict, so that nothing is cut to fit; ANSI_QUOTES is left out, since no name of ours is in double quotes.
    `SET SESSION sql_mode = 'STRICT_ALL_TABLES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'`,
    // How long a list of columns may be, which otherwise is cut off.
    `SET SESSION group_concat_max_len = 16777216`,
    `SET SESSION time_zone = '+00:00', SESSION lock_wait_timeout = ${LOCK_SECONDS}, SESSION innodb_lock_wait_timeout = ${LOCK_SECONDS}`,
  ],
};
