import { type ColumnType, decimalDigits } from '../merge/lattice.ts';
import { type Dialect, doubleQuoted, replacingQuery, singleQuoted } from './dialect.ts';
import { checkTypes } from './drift.ts';
import { postgresSwap } from './postgres-swap.ts';

// https://www.postgresql.org/docs/current/datatype.html
const TYPES: Readonly<Record<string, string>> = {
  boolean: 'boolean',
  int: 'integer',
  bigint: 'bigint',
  decimal: 'numeric',
  float: 'real',
  double: 'double precision',
  text: 'text',
  bytes: 'bytea',
  date: 'date',
  time: 'time',
  timestamp: 'timestamp',
  timestamptz: 'timestamp with time zone',
  uuid: 'uuid',
  json: 'jsonb',
};

const NAMES: Readonly<Record<string, ColumnType>> = {
  ...Object.fromEntries(Object.entries(TYPES).map(([type, sql]) => [sql, type as ColumnType])),
  smallint: 'int',
  json: 'json',
  'timestamp without time zone': 'timestamp',
  'time without time zone': 'time',
};

// https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
const MAX_NAME_BYTES = 63;

function typeName(type: ColumnType): string {
  const digits = decimalDigits(type);
  return digits === undefined ? (TYPES[type] ?? 'text') : `numeric(${digits.precision},${digits.scale})`;
}

const quoted = (name: string) => doubleQuoted(name, MAX_NAME_BYTES);

const isNumber = (type: ColumnType) => /^(int|bigint|decimal|float|double)/.test(type);

function cast(x: string, from: ColumnType | 'staged text', to: ColumnType, column?: string): string {
  if (from === to) return x;
  const sql = typeName(to);
  if (from === 'staged text') {
    if (to === 'text') return x;
    if (isNumber(to)) {
      return `CAST(CASE ${x} WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE ${x} END AS ${sql})`;
    }
    return `CAST(${x} AS ${sql})`;
  }
  // A cast would write hexadecimal, and `encode` breaks lines.
  const base64 = `translate(encode(${x}, 'base64'), E'\\n', '')`;
  if (from === 'bytes' && to === 'text') return base64;
  // Only text can be cast to JSON: https://www.postgresql.org/docs/current/functions-json.html
  if (to === 'json' && from !== 'text') return `to_jsonb(${from === 'bytes' ? base64 : x})`;
  // There is a cast from boolean to integer only: https://www.postgresql.org/docs/current/datatype-boolean.html
  if (from === 'boolean' && isNumber(to)) return `CAST(CAST(${x} AS integer) AS ${sql})`;
  if ((from === 'bigint' || from.startsWith('decimal')) && (to === 'double' || to === 'float')) {
    const does = `${column === undefined ? '' : ` (${from}, column ${column})`} does not fit`;
    // Where the value does not survive, its text with a word after it makes the cast fail and name it.
    return `CASE WHEN CAST(CAST(${x} AS ${sql}) AS numeric) <> ${x} THEN CAST(${x} || ${singleQuoted(does)} AS ${sql}) ELSE CAST(${x} AS ${sql}) END`;
  }
  return `CAST(${x} AS ${sql})`;
}

// Digits of a second: https://www.postgresql.org/docs/current/datatype-datetime.html
const FEWER_DIGITS = /^(time|timestamp)\([0-5]\)(?= with(out)? time zone$)/;

const NATIVE = { names: NAMES, texts: ['character varying%', 'character(%'], decimals: ['numeric'] };

// Types of extensions and of the user's own are left to what the engine makes of them.
const columns = ({ table }: { readonly table: string }) =>
  `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid WHERE a.attrelid = ${singleQuoted(table)}::regclass AND a.attnum > 0 AND NOT a.attisdropped AND y.typnamespace = 'pg_catalog'::regnamespace`;

// No name or literal holds it.
const PLACEHOLDER = '\u0001';

/** An anonymous block, in quotes that it does not hold itself. */
function block(body: string): string {
  let tag = '$brigade$';
  for (let i = 0; body.includes(tag); i++) tag = `$brigade${i}$`;
  return `DO ${tag} ${body} ${tag}`;
}

const check = (query: string) =>
  block(`DECLARE m text; BEGIN m := (${query}); IF m IS NOT NULL THEN RAISE EXCEPTION '%', m; END IF; END`);

export const postgres: Dialect = {
  name: 'postgres',
  schema: 'public',
  // `select * from Bi_FactForms` is folded to lower case by PostgreSQL, so that is how names are stored.
  nameCase: 'lower',
  foldsCase: false,
  maxNameBytes: MAX_NAME_BYTES,
  maxDecimalDigits: 1000,
  unlimitedDecimal: true,
  transactionalDdl: true,
  batches: true,
  // https://www.postgresql.org/docs/current/sql-select.html#SQL-DISTINCT
  distinctOn: true,
  identifier: quoted,
  // With standard_conforming_strings (set below) a backslash is a backslash.
  literal: singleQuoted,
  type: typeName,
  typeOf: (sql) => {
    const decimal = /^numeric\((\d+),(\d+)\)$/.exec(sql);
    if (decimal !== null) return `decimal(${Number(decimal[1])},${Number(decimal[2])})`;
    if (/^(character varying|character|varchar|char|bpchar)\b/.test(sql)) return 'text';
    return NAMES[sql.replace(FEWER_DIGITS, '$1')];
  },
  narrow: (sql) => FEWER_DIGITS.test(sql),
  cast,
  bytewise: (expression) => `${expression} COLLATE "C"`,
  rowText: (expressions) => `CAST(ROW(${expressions.join(', ')}) AS text)`,
  check,
  // Held until the end of the transaction: https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADVISORY-LOCKS
  lock: (schema) => `SELECT pg_advisory_xact_lock(hashtext('brigade'), hashtext(${singleQuoted(schema)}))`,
  analyze: (table, columns) => `ANALYZE ${table} (${columns.join(', ')})`,
  keyIndex: (table, name, columns) =>
    `CREATE INDEX IF NOT EXISTS ${quoted(name)} ON ${table} (${columns.map(({ id }) => id).join(', ')})`,
  // Columns are named by PostgreSQL when it makes a view, and only their names can be replaced one by one.
  replacingView: (form) => {
    const { view, table, column, by, rest } = form;
    if (form.columns !== undefined)
      return [`CREATE OR REPLACE VIEW ${view} AS ${replacingQuery(form.columns, form, quoted)}`];
    const replaced = singleQuoted(`${by} AS ${quoted(column)}`);
    const list = `string_agg(CASE WHEN a.attname = ${singleQuoted(column)} THEN ${replaced} ELSE format('t.%I', a.attname) END, ', ' ORDER BY a.attnum)`;
    const columns = `(SELECT ${list} FROM pg_attribute a WHERE a.attrelid = ${singleQuoted(table)}::regclass AND a.attnum > 0 AND NOT a.attisdropped)`;
    return [
      block(
        `BEGIN EXECUTE ${singleQuoted(`CREATE OR REPLACE VIEW ${view} AS SELECT `)} || ${columns} || ${singleQuoted(` ${rest}`)}; END`,
      ),
    ];
  },
  // https://www.postgresql.org/docs/current/plpgsql-statements.html#PLPGSQL-STATEMENTS-EXECUTING-DYN
  forEachTable: (query, schema, statement) => {
    const pieces = statement(PLACEHOLDER).split(PLACEHOLDER).map(singleQuoted);
    const text = pieces.join(` || format('%I.%I', ${singleQuoted(schema)}, n) || `);
    return block(`DECLARE n text; BEGIN FOR n IN ${query} LOOP EXECUTE ${text}; END LOOP; END`);
  },
  swap: postgresSwap({ check, block }),
  createSchema: (schema) => `CREATE SCHEMA IF NOT EXISTS ${quoted(schema)}`,
  alter: (change) => {
    const { table, add, widen, ifMissing, isStage } = change;
    const parts = [
      ...add.map(
        ({ name, type }) => `ADD COLUMN ${isStage ? '' : 'IF NOT EXISTS '}${quoted(name)} ${typeName(type)}`,
      ),
      ...widen.map(
        ({ name, from, to }) =>
          `ALTER COLUMN ${quoted(name)} TYPE ${typeName(to)} USING ${cast(quoted(name), from, to)}`,
      ),
    ];
    return [
      ...(parts.length === 0 ? [] : [`ALTER TABLE ${table} ${parts.join(', ')}`]),
      ...(ifMissing ? checkTypes(change, { ...postgres, types: NATIVE, columns }) : []),
    ];
  },
  begin: 'BEGIN',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
  session: [
    `SET client_encoding = 'UTF8'`,
    `SET standard_conforming_strings = on`,
    `SET client_min_messages = warning`,
    // What is analyzed are stages, for their sizes and numbers of keys: 3,000 rows tell that.
    `SET default_statistics_target = 10`,
    `SET TimeZone = 'UTC'`,
    `SET DateStyle = 'ISO, YMD'`,
  ],
};
