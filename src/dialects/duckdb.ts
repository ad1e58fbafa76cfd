import { UserError } from '../errors.ts';
import { type ColumnType, decimalDigits } from '../merge/lattice.ts';
import { type Dialect, doubleQuoted, replacingQuery, singleQuoted } from './dialect.ts';
import { checkTypes } from './drift.ts';
import { duckdbSwap } from './duckdb-swap.ts';
import { DATE, INSTANT, TIME, TIMESTAMP } from './time-forms.ts';

// https://duckdb.org/docs/stable/sql/data_types/overview
const TYPES: Readonly<Record<string, string>> = {
  boolean: 'BOOLEAN',
  int: 'INTEGER',
  bigint: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  text: 'VARCHAR',
  bytes: 'BLOB',
  date: 'DATE',
  time: 'TIME',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMP WITH TIME ZONE',
  uuid: 'UUID',
  json: 'JSON',
};

const NAMES: Readonly<Record<string, ColumnType>> = {
  ...Object.fromEntries(Object.entries(TYPES).map(([type, sql]) => [sql, type as ColumnType])),
  TINYINT: 'int',
  SMALLINT: 'int',
  UTINYINT: 'int',
  USMALLINT: 'int',
  UINTEGER: 'bigint',
  UBIGINT: 'decimal(20,0)',
  HUGEINT: 'decimal(38,0)',
};

// 38 digits: https://duckdb.org/docs/stable/sql/data_types/numeric#fixed-point-decimals
const MAX_DIGITS = 38;

function typeName(type: ColumnType): string {
  const digits = decimalDigits(type);
  if (digits === undefined) return TYPES[type] ?? TYPES['text']!;
  if (digits.precision > MAX_DIGITS) {
    throw new UserError(`duckdb: expected a decimal of at most ${MAX_DIGITS} digits, found ${type}`);
  }
  return `DECIMAL(${digits.precision},${digits.scale})`;
}

const like = (x: string, form: RegExp): string => `regexp_full_match(${x}, '${form.source}')`;

// A number beyond a double's range would become infinite, one too near to zero would become zero.
const inRange = (x: string, sql: string): string =>
  `CASE WHEN isinf(TRY_CAST(${x} AS ${sql})) THEN ${x} ILIKE '%inf%' WHEN TRY_CAST(${x} AS ${sql}) = 0 THEN NOT regexp_matches(${x}, '^[^eE]*[1-9]') ELSE TRUE END`;

// DuckDB's casts round (`1.5` as an integer is 2), cut (a seventh digit of a second), drop (a zone) and read more
// than numbers (`0x10`, `1_000`); what the engine would alter is therefore told apart by the form of the text.
function wellFormed(x: string, type: ColumnType): string {
  const digits = decimalDigits(type);
  if (digits !== undefined) {
    return `regexp_full_match(${x}, '\\s*[+-]?(\\d+\\.?\\d{0,${digits.scale}}0*|\\.\\d{1,${Math.max(digits.scale, 1)}}0*)\\s*')`;
  }
  switch (type) {
    case 'int':
    case 'bigint':
      return `regexp_full_match(${x}, '\\s*[+-]?\\d+\\s*')`;
    case 'float':
    case 'double':
      return `regexp_full_match(${x}, '(?i)[+-]?((\\d+\\.?\\d*|\\.\\d+)(e[+-]?\\d+)?|inf(inity)?|nan)') AND ${inRange(x, typeName(type))}`;
    case 'date':
      return like(x, DATE);
    case 'time':
      return like(x, TIME);
    case 'timestamp':
      return like(x, TIMESTAMP);
    case 'timestamptz':
      return like(x, INSTANT);
    default:
      return 'TRUE';
  }
}

// DuckDB 1.5 takes 25 µs to read a text as a decimal of more than 18 digits, but 50 ns by way of a narrower type.
function readDecimal(x: string, { precision, scale }: { precision: number; scale: number }): string {
  const sql = typeName(`decimal(${precision},${scale})`);
  if (precision <= 18 || scale > 18) return `TRY_CAST(${x} AS ${sql})`;
  const narrow = `TRY_CAST(${x} AS DECIMAL(18,${scale}))`;
  return `CASE WHEN ${narrow} IS NOT NULL THEN CAST(${narrow} AS ${sql}) WHEN contains(${x}, '.') THEN TRY_CAST(${x} AS ${sql}) ELSE TRY_CAST(TRY_CAST(${x} AS HUGEINT) AS ${sql}) END`;
}

function read(x: string, type: ColumnType): string {
  const digits = decimalDigits(type);
  if (digits !== undefined) return readDecimal(x, digits);
  // https://duckdb.org/docs/stable/sql/expressions/try
  if (type === 'bytes') return `TRY(from_base64(${x}))`;
  const value = `TRY_CAST(${x} AS ${typeName(type)})`;
  if (type !== 'timestamptz') return value;
  // What it does not read: `z`, UTC or an offset after a space, hours and minutes alone before any of them.
  const offset = `replace(regexp_replace(upper(${x}), ' ?(UTC|Z)$', '+00'), ' +', '+')`;
  const full = `regexp_replace(replace(${offset}, ' -', '-'), '([T ]\\d+:\\d+)([+-])', '\\1:00\\2')`;
  return `coalesce(${value}, TRY_CAST(${full} AS ${typeName(type)}))`;
}

function parse(x: string, type: ColumnType, place: string): string {
  if (type === 'text') return x;
  if (type === 'json') return `CASE WHEN json_valid(${x}) THEN CAST(${x} AS JSON) ELSE to_json(${x}) END`;
  const expected = type === 'bytes' ? 'bytes in base64' : type;
  const refuse = `error(${place} || ': expected ${expected}, found ' || CAST(to_json(${x}) AS VARCHAR))`;
  return `CASE WHEN ${x} IS NULL THEN NULL WHEN ${wellFormed(x, type)} THEN coalesce(${read(x, type)}, ${refuse}) ELSE ${refuse} END`;
}

const isInexact = (type: ColumnType) => type === 'bigint' || type.startsWith('decimal');

function cast(x: string, from: ColumnType | 'staged text', to: ColumnType, column?: string): string {
  if (from === to) return x;
  const sql = typeName(to);
  if (from === 'staged text') {
    if (to === 'text') return x;
    if (to === 'int' || to === 'bigint' || to.startsWith('decimal') || to === 'double') {
      const number = `CASE ${x} WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE ${x} END`;
      const digits = decimalDigits(to);
      const slow = `CAST(${number} AS ${sql})`;
      return digits === undefined ? slow : `coalesce(${readDecimal(x, digits)}, ${slow})`;
    }
    return `CAST(${x} AS ${sql})`;
  }
  // The wire's text of bytes: a cast would write those that are no ASCII as `\x00`.
  if (from === 'bytes' && to === 'text') return `to_base64(${x})`;
  if (from === 'bytes' && to === 'json') return `to_json(to_base64(${x}))`;
  if (isInexact(from) && (to === 'double' || to === 'float')) {
    const said = `${column === undefined ? '' : `column ${column}: `}expected a number that a ${to} can hold, found the ${from} `;
    return `CASE WHEN CAST(CAST(${x} AS ${sql}) AS ${typeName(from === 'bigint' ? 'decimal(38,0)' : from)}) <> ${x} THEN error(${singleQuoted(said)} || ${x}) ELSE CAST(${x} AS ${sql}) END`;
  }
  return `CAST(${x} AS ${sql})`;
}

const identifier = (name: string): string => doubleQuoted(name, 1024);

// The `duckdb` command drops a carriage return at the end of a line of its script, within quotes too.
// Escapes: https://duckdb.org/docs/stable/sql/data_types/literal_types#escape-string-literals
function literal(text: string): string {
  if (!text.includes('\r')) return singleQuoted(text);
  return `E${singleQuoted(text.replaceAll('\\', '\\\\')).replaceAll('\r', '\\r')}`;
}

// Of a second: https://duckdb.org/docs/stable/sql/data_types/timestamp
const FEWER_DIGITS = /^TIMESTAMP_M?S$/;

const NATIVE = { names: NAMES, texts: ['ENUM(%'], decimals: ['DECIMAL'] };

// https://duckdb.org/docs/stable/guides/meta/describe
const columns = ({ table }: { readonly table: string }) =>
  `SELECT column_name AS name, column_type AS type FROM (DESCRIBE ${table})`;

// https://duckdb.org/docs/stable/sql/functions/utility#errormessage
const check = (query: string) => `SELECT error(m) FROM (${query}) q(m) WHERE m IS NOT NULL`;

export const duckdb: Dialect = {
  name: 'duckdb',
  schema: 'main',
  // Names match in any case there, so they keep the vendor's.
  nameCase: 'keep',
  foldsCase: true,
  maxNameBytes: 1024,
  maxDecimalDigits: MAX_DIGITS,
  unlimitedDecimal: false,
  transactionalDdl: true,
  batches: true,
  identifier,
  literal,
  type: typeName,
  typeOf: (sql) => {
    const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(sql);
    if (FEWER_DIGITS.test(sql)) return 'timestamp';
    return decimal === null ? NAMES[sql] : `decimal(${Number(decimal[1])},${Number(decimal[2])})`;
  },
  narrow: (sql) => FEWER_DIGITS.test(sql),
  cast,
  parse,
  bytewise: (expression) => expression,
  rowText: (expressions) => `CAST(ROW(${expressions.join(', ')}) AS VARCHAR)`,
  check,
  // https://duckdb.org/docs/stable/sql/expressions/star#replace-clause
  replacingView: (form) => {
    const { view, columns, column, by, rest } = form;
    const query =
      columns === undefined
        ? `SELECT t.* REPLACE (${by} AS ${identifier(column)}) ${rest}`
        : replacingQuery(columns, form, identifier);
    return [`CREATE OR REPLACE VIEW ${view} AS ${query}`];
  },
  swap: duckdbSwap({ check }),
  createSchema: (schema) => `CREATE SCHEMA IF NOT EXISTS ${identifier(schema)}`,
  alter: (change) => {
    const { table, add, widen, ifMissing, isStage } = change;
    return [
      ...add.map(
        ({ name, type }) =>
          `ALTER TABLE ${table} ADD COLUMN ${isStage ? '' : 'IF NOT EXISTS '}${identifier(name)} ${typeName(type)}`,
      ),
      ...widen.map(({ name, from, to }) => {
        const column = identifier(name);
        return `ALTER TABLE ${table} ALTER COLUMN ${column} TYPE ${typeName(to)} USING ${cast(column, from, to)}`;
      }),
      ...(ifMissing ? checkTypes(change, { ...duckdb, types: NATIVE, columns }) : []),
    ];
  },
  begin: 'BEGIN TRANSACTION',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
  session: [`SET TimeZone = 'UTC'`],
};
