import { mismatch } from '../errors.ts';
import { type ColumnType, decimalDigits } from '../merge/lattice.ts';
import { type Dialect, doubleQuoted, singleQuoted } from './dialect.ts';
import { postgres } from './postgres.ts';
import { type Bulk, booleanOf, castBy, refuseWidening, type Warehouse } from './warehouse.ts';
import { checkTypesRedshift } from './warehouse-drift.ts';
import { createGo } from './warehouse-script.ts';
import { CREATE_BRIGADE_VIEW, replacingViewRedshift } from './warehouse-view.ts';

// https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html
// VARCHAR is measured in bytes and has at most 65,535 of them; SUPER would not keep JSON's text as it is.
const TYPES: Readonly<Record<string, string>> = {
  boolean: 'BOOLEAN',
  int: 'INTEGER',
  bigint: 'BIGINT',
  float: 'REAL',
  double: 'DOUBLE PRECISION',
  text: 'VARCHAR(65535)',
  json: 'VARCHAR(65535)',
  uuid: 'VARCHAR(36)',
  bytes: 'VARBYTE(1024000)',
  date: 'DATE',
  time: 'TIME',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMPTZ',
};

// https://docs.aws.amazon.com/redshift/latest/dg/r_names.html
const MAX_NAME_BYTES = 127;

function typeName(type: ColumnType): string {
  const digits = decimalDigits(type);
  return digits === undefined
    ? (TYPES[type] ?? TYPES['text']!)
    : `DECIMAL(${digits.precision},${digits.scale})`;
}

const quoted = (name: string) => doubleQuoted(name.toLowerCase(), MAX_NAME_BYTES);

// A backslash in a text escapes, as in the PostgreSQL that Redshift descends from.
const literal = (text: string) => singleQuoted(text.replaceAll('\\', '\\\\'));

const castPlainly = castBy(typeName, (message, type) => `CAST(${message} AS ${typeName(type)})`);

// There is a cast from BOOLEAN to INTEGER, and none to text; VARBYTE as text is the bytes it has:
// https://docs.aws.amazon.com/redshift/latest/dg/r_Boolean_type.html
function cast(x: string, from: ColumnType | 'staged text', to: ColumnType): string {
  if (from === to) return x;
  if (from === 'boolean' && to === 'text')
    return `CASE WHEN ${x} THEN 'true' WHEN ${x} IS NOT NULL THEN 'false' END`;
  if (from === 'boolean') return castPlainly(`CAST(${x} AS INTEGER)`, 'int', to);
  if (from === 'bytes' && to === 'text') return `from_varbyte(${x}, 'hex')`;
  return castPlainly(x, from, to);
}

// As short as can be, since a text has no more than 65,535 bytes.
function rowText(expressions: readonly string[], types: readonly ColumnType[]): string {
  const texts = expressions.map((x, i) => {
    const text = types[i] === 'text' ? x : cast(x, types[i] ?? 'json', 'text');
    return `CASE WHEN ${x} IS NULL THEN 'n|,' ELSE 'v' || md5(${text}) || '|,' END`;
  });
  return texts.join(' || ');
}

// There are no indexes; files are loaded group by group.
const {
  analyze: _analyze,
  batches: _batches,
  distinctOn: _distinctOn,
  keyIndex: _keyIndex,
  ...parent
} = postgres;

/** Amazon Redshift: PostgreSQL's descendant, as far as it differs from it. */
export const redshift: Dialect = {
  ...parent,
  name: 'redshift',
  // Names in quotes are folded to lower case too, unless enable_case_sensitive_identifier is set:
  // https://docs.aws.amazon.com/redshift/latest/dg/r_enable_case_sensitive_identifier.html
  foldsCase: true,
  maxNameBytes: MAX_NAME_BYTES,
  // https://docs.aws.amazon.com/redshift/latest/dg/r_Numeric_types201.html
  maxDecimalDigits: 38,
  unlimitedDecimal: false,
  // ALTER COLUMN TYPE does not run within a transaction: https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
  transactionalDdl: false,
  // The others do, and are taken back with it: https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
  undoesDdl: true,
  unorderedFiles: true,
  // The syntax has no alias: https://docs.aws.amazon.com/redshift/latest/dg/r_DELETE.html
  deletes: 'bare',
  // CURRENT_TIMESTAMP runs on the leader node only, not where tables are:
  // https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions_leader_node_only.html
  now: 'getdate()',
  identifier: quoted,
  literal,
  type: typeName,
  typeOf: (sql) => {
    const name = sql.toLowerCase();
    if (name === 'super') return 'json';
    if (/^(varbyte|varbinary|binary varying)/.test(name)) return 'bytes';
    return parent.typeOf(name);
  },
  cast,
  bytewise: (expression) => expression,
  rowText,
  // There is no DO, and CALL takes no subquery: the query goes along as text.
  // https://docs.aws.amazon.com/redshift/latest/dg/c_PLpgSQL-statements.html
  check: (query) => `CALL brigade_check(${literal(query)})`,
  failure: (message) => `SELECT CAST(${message} AS INTEGER)`,
  // Held to the end of the transaction; the snapshot is taken by the first statement that reads, which comes after it:
  // https://docs.aws.amazon.com/redshift/latest/dg/r_LOCK.html
  // https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
  lock: (schema) => `LOCK TABLE ${quoted(schema)}.brigade_lock`,
  prepare: (schema) => [
    `SET search_path TO ${quoted(schema)}`,
    `CREATE TABLE IF NOT EXISTS ${quoted(schema)}.brigade_lock (n INTEGER)`,
    createGo(false, 'VARCHAR(64)'),
    // Two sessions that replace it at the same time would collide.
    postgres.begin,
    `LOCK TABLE ${quoted(schema)}.brigade_lock`,
    `CREATE OR REPLACE PROCEDURE brigade_check(query VARCHAR(65535)) AS $$ DECLARE message VARCHAR(65535); BEGIN EXECUTE query INTO message; IF message IS NOT NULL THEN RAISE EXCEPTION '%', message; END IF; END; $$ LANGUAGE plpgsql`,
    CREATE_BRIGADE_VIEW,
    postgres.commit,
  ],
  // Every transaction reads the snapshot of its beginning, in which there is no new table; and LIKE leaves keys behind.
  // https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation-serializable-isolation-troubleshooting.html
  // https://docs.aws.amazon.com/redshift/latest/dg/performing-a-deep-copy.html
  swap: 'where a transaction that reads meanwhile fails, since its snapshot has no such table',
  replacingView: (form) => replacingViewRedshift(form, { identifier: quoted, literal }),
  // https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_TABLES.html
  tablesView: 'svv_tables',
  createSchema: (schema) => `CREATE SCHEMA IF NOT EXISTS ${quoted(schema)}`,
  // One column a statement, and no IF NOT EXISTS: where the table is not known, a column that it lacks fails the merge.
  alter: (change) => {
    refuseWidening(change, 'redshift');
    if (change.ifMissing) return checkTypesRedshift(change, redshift);
    return change.add.map(
      ({ name, type }) => `ALTER TABLE ${change.table} ADD COLUMN ${quoted(name)} ${typeName(type)}`,
    );
  },
  session: [`SET timezone TO 'UTC'`, `SET datestyle TO 'ISO, YMD'`],
};

const NO_NULL = 'brigade: no text means NULL';
const COMPRESSION = { none: '', gzip: ' GZIP', zstd: ' ZSTD', bzip2: ' BZIP2' } as const;

/**
 * COPY takes what it is given for the beginning of keys (https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-source-s3.html):
 * what was loaded is therefore compared with what was meant. CSV goes into columns of text: COPY would cut decimals to
 * a column's scale (https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-conversion.html#copy-roundec).
 * NULL and an empty text are the same to it: with FILLRECORD alone a missing VARCHAR would become ''. Without NULL AS,
 * the text \N would be NULL.
 */
function load(bulk: Bulk): { statements: string[] } {
  const { raw, columns, uris, options, manifest } = bulk;
  const copyFrom = (uri: string, form: string) =>
    `COPY ${raw} (${columns.join(', ')}) FROM ${literal(uri)} ${access(bulk)} ${form}`;
  // The files of a manifest are read as they are named, so that there is nothing to compare.
  if (manifest !== undefined) return { statements: [copyFrom(manifest, `MANIFEST ${formOf(bulk)}`)] };
  const statements = uris.flatMap((uri) => {
    const copy = copyFrom(uri, formOf(bulk));
    if (options.vendorExact === true) return [copy];
    // https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_DETAIL.html
    const others = `SELECT ${literal(`file ${uri}: expected this file only, found also `)} || min(rtrim(d.file_name)) AS m FROM sys_load_detail d WHERE d.query_id = pg_last_copy_id() AND rtrim(d.file_name) <> ${literal(uri)} HAVING count(*) > 0`;
    return [copy, redshift.check(others)];
  });
  return { statements };
}

// Of columnar files the length must be told: https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html
function manifest({ files, format }: Bulk): string {
  const entries = files.map(({ uri, bytes }) => {
    if (format !== 'parquet') return { url: uri, mandatory: true };
    if (bytes === undefined) throw mismatch(`file ${uri}`, 'its size on the wire, for the manifest', 'none');
    return { url: uri, mandatory: true, meta: { content_length: bytes } };
  });
  return `${JSON.stringify({ entries })}\n`;
}

function access({ options: { iamRole = 'default', region } }: Bulk): string {
  const role = iamRole === 'default' ? 'IAM_ROLE default' : `IAM_ROLE ${literal(iamRole)}`;
  return region === undefined ? role : `${role} REGION ${literal(region)}`;
}

function formOf({ format, codec, csv, options }: Bulk): string {
  switch (format) {
    case 'csv':
      if (options.vendorExact === true) return `COMPUPDATE OFF CSV${COMPRESSION[codec]}`;
      return `FORMAT AS CSV DELIMITER ${literal(csv.delimiter === '\t' ? '\\t' : csv.delimiter).replace('\\\\t', '\\t')} FILLRECORD EMPTYASNULL NULL AS ${literal(NO_NULL)} COMPUPDATE OFF STATUPDATE OFF${COMPRESSION[codec]}`;
    case 'jsonl':
      return `FORMAT AS JSON 'auto ignorecase' COMPUPDATE OFF STATUPDATE OFF${COMPRESSION[codec]}`;
    case 'avro':
      return `FORMAT AS AVRO 'auto ignorecase' COMPUPDATE OFF STATUPDATE OFF`;
    case 'parquet':
      // By position, and only with a role: https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
      return 'FORMAT AS PARQUET';
  }
}

function value(text: string, type: ColumnType): string {
  if (type === 'boolean') return booleanOf(text);
  if (type === 'json' || type === 'uuid') return text;
  // https://docs.aws.amazon.com/redshift/latest/dg/r_TO_VARBYTE.html
  if (type === 'bytes') return `to_varbyte(${text}, 'base64')`;
  const trimmed = `trim(${text})`;
  return `CAST(${type === 'date' ? `substring(${trimmed}, 1, 10)` : trimmed} AS ${typeName(type)})`;
}

/** Redshift, reading files from S3; run by psql, whose first line makes it stop at an error. */
export const redshiftWarehouse: Warehouse = {
  dialect: redshift,
  start: ['\\set ON_ERROR_STOP on', '\\set QUIET on'],
  formats: ['csv', 'jsonl', 'parquet', 'avro'],
  codecs: ['none', 'gzip', 'zstd', 'bzip2'],
  schemes: ['s3://'],
  // https://docs.aws.amazon.com/redshift/latest/dg/pattern-matching-conditions-posix.html
  matches: (text, form) => `${text} ~ ${literal(`^(${form})$`)}`,
  value,
  load,
  manifest,
  vendorExact: true,
};
