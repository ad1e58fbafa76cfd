import { mismatch } from '../errors.ts';
import { type ColumnType, decimalDigits } from '../merge/lattice.ts';
import { type Dialect, doubleQuoted, singleQuoted } from './dialect.ts';
import {
  type Bulk,
  booleanOf,
  castBy,
  chunked,
  commonFolder,
  type Loaded,
  refuseWidening,
  typesBy,
  type Warehouse,
} from './warehouse.ts';
import { checkTypesSnowflake } from './warehouse-drift.ts';
import { createGo } from './warehouse-script.ts';
import { replacingViewSnowflake } from './warehouse-view.ts';

// https://docs.snowflake.com/en/sql-reference/intro-summary-data-types
const TYPES: Readonly<Record<string, string>> = {
  boolean: 'BOOLEAN',
  int: 'NUMBER(10,0)',
  bigint: 'NUMBER(19,0)',
  float: 'FLOAT',
  double: 'FLOAT',
  text: 'VARCHAR',
  // A VARIANT would not keep JSON's text as it is.
  json: 'VARCHAR',
  uuid: 'VARCHAR(36)',
  bytes: 'BINARY',
  date: 'DATE',
  time: 'TIME(9)',
  timestamp: 'TIMESTAMP_NTZ(9)',
  timestamptz: 'TIMESTAMP_TZ(9)',
};

const NAMES: Readonly<Record<string, ColumnType>> = {
  BOOLEAN: 'boolean',
  FLOAT: 'double',
  DATE: 'date',
  VARIANT: 'json',
  OBJECT: 'json',
  ARRAY: 'json',
  ...Object.fromEntries(['TIME', 'TIME(9)'].map((name) => [name, 'time' as const])),
  ...Object.fromEntries(['TIMESTAMP_NTZ', 'TIMESTAMP_NTZ(9)'].map((name) => [name, 'timestamp' as const])),
  ...Object.fromEntries(
    ['TIMESTAMP_TZ', 'TIMESTAMP_TZ(9)', 'TIMESTAMP_LTZ', 'TIMESTAMP_LTZ(9)'].map((name) => [
      name,
      'timestamptz' as const,
    ]),
  ),
};

// https://docs.snowflake.com/en/sql-reference/identifiers-syntax
const MAX_NAME_BYTES = 255;

function typeName(type: ColumnType): string {
  const digits = decimalDigits(type);
  return digits === undefined ? (TYPES[type] ?? 'VARCHAR') : `NUMBER(${digits.precision},${digits.scale})`;
}

const quoted = (name: string) => doubleQuoted(name, MAX_NAME_BYTES);

// A backslash escapes: https://docs.snowflake.com/en/sql-reference/data-types-text#escape-sequences-in-single-quoted-string-constants
const literal = (text: string) => singleQuoted(text.replaceAll('\\', '\\\\')).replaceAll('\n', '\\n');

const digitsOf = (type: ColumnType) =>
  type === 'int'
    ? { precision: 10, scale: 0 }
    : type === 'bigint'
      ? { precision: 19, scale: 0 }
      : decimalDigits(type);

const typeOf = typesBy(NAMES);

/** Snowflake. */
export const snowflake: Dialect = {
  name: 'snowflake',
  schema: 'PUBLIC',
  // `select * from Bi_FactForms` is folded to upper case by Snowflake, so that is how names are stored.
  nameCase: 'upper',
  foldsCase: false,
  maxNameBytes: MAX_NAME_BYTES,
  maxDecimalDigits: 38,
  unlimitedDecimal: false,
  // Every DDL statement commits: https://docs.snowflake.com/en/sql-reference/transactions#ddl
  transactionalDdl: false,
  mergesWork: true,
  // https://docs.snowflake.com/en/sql-reference/sql/delete
  deletes: 'bare',
  identifier: quoted,
  literal,
  type: typeName,
  typeOf: (sql) => {
    if (/^NUMBER\(10, ?0\)$/.test(sql)) return 'int';
    if (/^NUMBER\(19, ?0\)$/.test(sql)) return 'bigint';
    return /^BINARY/.test(sql) ? 'bytes' : typeOf(sql);
  },
  cast: castBy(typeName, (message, type) => `CAST(${message} AS ${typeName(type)})`),
  // Text compares by the bytes of UTF-8 unless a column has a collation: https://docs.snowflake.com/en/sql-reference/collation
  bytewise: (expression) => expression,
  rowText: (expressions) =>
    `to_json(array_construct(${expressions.map((x) => `to_variant(${x})`).join(', ')}))`,
  // No function raises an error of one's own; a cast that fails quotes what it was given.
  // https://docs.snowflake.com/en/sql-reference/functions/to_decimal
  check: (query) => `SELECT to_number(q.m) FROM (${query}) q (m) WHERE q.m IS NOT NULL`,
  // Waits for the other transaction; then each statement sees what that one committed (READ COMMITTED).
  // https://docs.snowflake.com/en/sql-reference/transactions#resource-locking
  lock: (schema) => `UPDATE ${quoted(schema)}.BRIGADE_LOCK SET N = N + 1 WHERE 1 = 1`,
  prepare: (schema) => [
    `USE SCHEMA ${quoted(schema)}`,
    `CREATE TABLE IF NOT EXISTS ${quoted(schema)}.BRIGADE_LOCK (N NUMBER(38,0))`,
    `INSERT INTO ${quoted(schema)}.BRIGADE_LOCK (N) SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM ${quoted(schema)}.BRIGADE_LOCK)`,
    createGo(false, 'VARCHAR'),
  ],
  // https://docs.snowflake.com/en/sql-reference/sql/alter-table
  swap: 'where a swap commits by itself, so that what breaks off after it leaves a table that the ledger does not know',
  replacingView: (form) => replacingViewSnowflake(form, { identifier: quoted, literal }),
  createSchema: (schema) => `CREATE SCHEMA IF NOT EXISTS ${quoted(schema)}`,
  // Only more digits of the same scale: https://docs.snowflake.com/en/sql-reference/sql/alter-table-column
  alter: (change) => {
    const able = change.widen.filter(({ from, to }) => {
      const [a, b] = [digitsOf(from), digitsOf(to)];
      return a !== undefined && b !== undefined && a.scale === b.scale && a.precision <= b.precision;
    });
    refuseWidening({ ...change, widen: change.widen.filter((each) => !able.includes(each)) }, 'snowflake');
    return [
      ...change.add.map(
        ({ name, type }) =>
          `ALTER TABLE ${change.table} ADD COLUMN ${change.isStage ? '' : 'IF NOT EXISTS '}${quoted(name)} ${typeName(type)}`,
      ),
      ...able.map(
        ({ name, to }) =>
          `ALTER TABLE ${change.table} ALTER COLUMN ${quoted(name)} SET DATA TYPE ${typeName(to)}`,
      ),
      ...(change.ifMissing ? checkTypesSnowflake(change, snowflake) : []),
    ];
  },
  begin: 'BEGIN TRANSACTION',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
  session: [`ALTER SESSION SET TIMEZONE = 'UTC', AUTOCOMMIT = TRUE`],
};

// https://docs.snowflake.com/en/user-guide/data-load-considerations-load#lists-of-files
const MAX_FILES = 1000;
const COMPRESSION = { none: 'NONE', gzip: 'GZIP', zstd: 'ZSTD', bzip2: 'BZ2' } as const;

/**
 * CSV is read by position through a temporary stage, other formats by name. FORCE: the load history would skip a file
 * that was loaded before. https://docs.snowflake.com/en/sql-reference/sql/copy-into-table
 * Fields beyond those that are asked for would be dropped without a word (a COPY that transforms does not count
 * them), so one more is asked for.
 */
function load(bulk: Bulk): Loaded {
  const { options, uris } = bulk;
  if (options.storageIntegration === undefined)
    throw mismatch(`file ${uris[0]}`, '--storage-integration NAME for snowflake to read it with', 'none');
  const integration = quoted(options.storageIntegration.toUpperCase());
  const statements = chunked(uris, MAX_FILES).flatMap((some) => {
    const folder = commonFolder(some);
    const names = some.map((uri) => literal(uri.slice(folder.length))).join(', ');
    const url = literal(folder.replace(/^gs:/, 'gcs:'));
    return [
      `CREATE OR REPLACE TEMPORARY STAGE brigade_files URL = ${url} STORAGE_INTEGRATION = ${integration}`,
      `COPY INTO ${bulk.raw} ${copyForm(bulk, names)}`,
    ];
  });
  // Files come in the order of their names, as they were listed.
  const order = 'r."_brigade_file", r."_brigade_line"';
  return bulk.format === 'csv' ? { statements, order, extra: '"_brigade_extra"' } : { statements, order };
}

function copyForm({ format, codec, csv, columns }: Bulk, names: string): string {
  const always = 'FORCE = TRUE ON_ERROR = ABORT_STATEMENT PURGE = FALSE';
  if (format === 'csv') {
    const fields = columns.map((_, i) => `f.$${i + 1}`);
    const into = ['"_brigade_file"', '"_brigade_line"', '"_brigade_extra"', ...columns].join(', ');
    return `(${into}) FROM (SELECT METADATA$FILENAME, METADATA$FILE_ROW_NUMBER, f.$${columns.length + 1}, ${fields.join(', ')} FROM @brigade_files f) FILES = (${names}) FILE_FORMAT = (TYPE = CSV COMPRESSION = ${COMPRESSION[codec]} FIELD_DELIMITER = ${literal(csv.delimiter)} FIELD_OPTIONALLY_ENCLOSED_BY = '"' ESCAPE_UNENCLOSED_FIELD = NONE EMPTY_FIELD_AS_NULL = TRUE NULL_IF = () SKIP_HEADER = 0) ${always}`;
  }
  const type = {
    jsonl: `TYPE = JSON COMPRESSION = ${COMPRESSION[codec]}`,
    parquet: 'TYPE = PARQUET USE_LOGICAL_TYPE = TRUE BINARY_AS_TEXT = FALSE',
    avro: 'TYPE = AVRO',
  }[format];
  return `FROM @brigade_files FILES = (${names}) FILE_FORMAT = (${type}) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE INCLUDE_METADATA = ("_brigade_file" = METADATA$FILENAME, "_brigade_line" = METADATA$FILE_ROW_NUMBER) ${always}`;
}

function value(text: string, type: ColumnType): string {
  if (type === 'boolean') return booleanOf(text);
  if (type === 'json' || type === 'uuid') return text;
  if (type === 'bytes') return `to_binary(${text}, 'BASE64')`;
  const trimmed = `trim(${text})`;
  if (type === 'date') return `CAST(substr(${trimmed}, 1, 10) AS DATE)`;
  if (type === 'timestamptz')
    return `CAST(regexp_replace(${trimmed}, ' ?UTC$', 'Z', 1, 1, 'i') AS ${typeName(type)})`;
  return `CAST(${trimmed} AS ${typeName(type)})`;
}

// Without the block a client that goes on after an error would commit what came before and after it.
// https://docs.snowflake.com/en/developer-guide/snowflake-scripting/exceptions
function block(statements: readonly string[]): string {
  const body = `BEGIN\n${statements.map((statement) => `  ${statement};\n`).join('')}EXCEPTION\n  WHEN OTHER THEN\n    ROLLBACK;\n    RAISE;\nEND;`;
  return body.includes('$$') ? `EXECUTE IMMEDIATE ${literal(body)}` : `EXECUTE IMMEDIATE $$\n${body}\n$$`;
}

/** Snowflake, reading files through a storage integration; run by `snowsql` or `snow sql`. */
export const snowflakeWarehouse: Warehouse = {
  dialect: snowflake,
  start: [],
  formats: ['csv', 'jsonl', 'parquet', 'avro'],
  codecs: ['none', 'gzip', 'zstd', 'bzip2'],
  schemes: ['s3://', 'gs://', 'gcs://', 'azure://'],
  rawColumns: ['"_brigade_file" VARCHAR', '"_brigade_line" NUMBER(38,0)', '"_brigade_extra" VARCHAR'],
  // The whole text must match: https://docs.snowflake.com/en/sql-reference/functions/regexp_like
  matches: (text, form) => `regexp_like(${text}, ${literal(form)})`,
  value,
  load,
  block,
  vendorExact: false,
};
