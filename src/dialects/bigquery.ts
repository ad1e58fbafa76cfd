import { mismatch, UserError } from '../errors.ts';
import { type ColumnType, decimalDigits } from '../merge/lattice.ts';
import { type Dialect, shortened } from './dialect.ts';
import {
  type Bulk,
  booleanOf,
  castBy,
  type Loaded,
  refuseWidening,
  typesBy,
  type Warehouse,
} from './warehouse.ts';
import { checkTypesBigquery } from './warehouse-drift.ts';
import { createGo } from './warehouse-script.ts';
import { replacingViewBigquery } from './warehouse-view.ts';

// https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types
const TYPES: Readonly<Record<string, string>> = {
  boolean: 'BOOL',
  int: 'INT64',
  bigint: 'INT64',
  float: 'FLOAT64',
  double: 'FLOAT64',
  text: 'STRING',
  // A JSON column would not keep its text, and cannot be compared.
  json: 'STRING',
  uuid: 'STRING',
  bytes: 'BYTES',
  date: 'DATE',
  time: 'TIME',
  timestamp: 'DATETIME',
  timestamptz: 'TIMESTAMP',
};

const NAMES: Readonly<Record<string, ColumnType>> = {
  BOOL: 'boolean',
  BOOLEAN: 'boolean',
  INT64: 'bigint',
  FLOAT64: 'double',
  BYTES: 'bytes',
  DATE: 'date',
  TIME: 'time',
  DATETIME: 'timestamp',
  TIMESTAMP: 'timestamptz',
  JSON: 'json',
  NUMERIC: 'decimal(38,9)',
  BIGNUMERIC: 'decimal(76,38)',
};

// https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#column_names
const MAX_NAME_BYTES = 300;

// https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#parameterized_decimal_type
function typeName(type: ColumnType): string {
  const digits = decimalDigits(type);
  if (digits === undefined) return TYPES[type] ?? 'STRING';
  const { precision, scale } = digits;
  const fits = (whole: number, fraction: number) => precision - scale <= whole && scale <= fraction;
  if (fits(29, 9)) return `NUMERIC(${precision},${scale})`;
  if (fits(38, 38)) return `BIGNUMERIC(${precision},${scale})`;
  throw new UserError(
    `bigquery: expected a decimal of at most 38 digits before and 38 after the point, found ${type}`,
  );
}

const quoted = (name: string) => `\`${shortened(name, MAX_NAME_BYTES).replace(/[\\`]/g, '\\$&')}\``;

// https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#string_and_bytes_literals
const literal = (text: string) =>
  `'${text.replace(/[\\']/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r')}'`;

const isWider = (from: ColumnType, to: ColumnType): boolean => {
  const [a, b] = [
    from === 'bigint' ? decimalDigits('decimal(19,0)') : decimalDigits(from),
    decimalDigits(to),
  ];
  return (
    a !== undefined && b !== undefined && a.scale <= b.scale && a.precision - a.scale <= b.precision - b.scale
  );
};

const castPlainly = castBy(typeName, (message) => `error(${message})`);

/** BigQuery, whose schemas are datasets. */
export const bigquery: Dialect = {
  name: 'bigquery',
  schema: 'brigade',
  nameCase: 'keep',
  // Columns' names match in any case, tables' do not: https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#case_sensitivity
  foldsCase: true,
  maxNameBytes: MAX_NAME_BYTES,
  maxDecimalDigits: 38,
  unlimitedDecimal: false,
  // Within a transaction only temporary tables are made: https://cloud.google.com/bigquery/docs/transactions#statements_supported_in_transactions
  transactionalDdl: false,
  unorderedFiles: true,
  mergesWork: true,
  identifier: quoted,
  literal,
  // "You can escape \\, _, or % using two backslashes"; there is no ESCAPE.
  // https://cloud.google.com/bigquery/docs/reference/standard-sql/operators#like_operator
  likeEscape: '\\',
  type: typeName,
  typeOf: typesBy(NAMES),
  cast: (x, from, to) => (from === 'bytes' && to === 'text' ? `to_hex(${x})` : castPlainly(x, from, to)),
  bytewise: (expression) => expression,
  rowText: (expressions) => `to_json_string(struct(${expressions.join(', ')}))`,
  // https://cloud.google.com/bigquery/docs/reference/standard-sql/debugging_functions#error
  check: (query) =>
    `SELECT if(q.m IS NULL, NULL, error(q.m)) FROM (SELECT (${query}) AS m) q WHERE q.m IS NOT NULL`,
  // Keys are said but never checked: https://cloud.google.com/bigquery/docs/primary-foreign-keys
  primaryKey: (columns) => `PRIMARY KEY (${columns}) NOT ENFORCED`,
  // Of two transactions that change one table, the second is cancelled: https://cloud.google.com/bigquery/docs/transactions#transaction_concurrency
  lock: (schema) => `UPDATE ${quoted(schema)}.brigade_lock SET n = n + 1 WHERE 1 = 1`,
  prepare: (schema) => [
    `CREATE TABLE IF NOT EXISTS ${quoted(schema)}.brigade_lock (n INT64)`,
    `INSERT INTO ${quoted(schema)}.brigade_lock (n) SELECT 0 FROM (SELECT 1 AS one) o WHERE NOT EXISTS (SELECT 1 FROM ${quoted(schema)}.brigade_lock)`,
    createGo(false, 'STRING'),
  ],
  swap: 'whose transactions take no change of tables',
  replacingView: (form) => replacingViewBigquery(form, { identifier: quoted, literal }),
  createSchema: (schema) => `CREATE SCHEMA IF NOT EXISTS ${quoted(schema)}`,
  // https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language#alter_column_set_data_type_statement
  alter: (change) => {
    const { table, add, widen, isStage } = change;
    // Both are INT64.
    const changes = widen.filter(({ from, to }) => typeName(from) !== typeName(to));
    refuseWidening({ ...change, widen: changes.filter(({ from, to }) => !isWider(from, to)) }, 'bigquery');
    // One statement, since a table takes few changes in a short time: https://cloud.google.com/bigquery/quotas#standard_tables
    const parts = add.map(
      ({ name, type }) => `ADD COLUMN ${isStage ? '' : 'IF NOT EXISTS '}${quoted(name)} ${typeName(type)}`,
    );
    return [
      ...(parts.length === 0 ? [] : [`ALTER TABLE ${table} ${parts.join(', ')}`]),
      ...changes.map(
        ({ name, to }) => `ALTER TABLE ${table} ALTER COLUMN ${quoted(name)} SET DATA TYPE ${typeName(to)}`,
      ),
      ...(change.ifMissing ? checkTypesBigquery(change, { ...bigquery, names: NAMES }) : []),
    ];
  },
  begin: 'BEGIN TRANSACTION',
  commit: 'COMMIT TRANSACTION',
  // A script that fails has its transaction rolled back: https://cloud.google.com/bigquery/docs/transactions#error_handling
  rollback: '',
  session: [],
};

// https://cloud.google.com/bigquery/docs/reference/standard-sql/load-statements
function load(bulk: Bulk): Loaded {
  const { raw, columns, types, uris, options, manifest } = bulk;
  const star = uris.find((uri) => uri.includes('*'));
  if (star !== undefined)
    throw mismatch(
      `file ${star}`,
      'a name without *, which bigquery takes for a wildcard (or decode before this command)',
      star,
    );
  const foreign = uris.find((uri) => !uri.startsWith('gs://'));
  if (foreign !== undefined && options.connection === undefined)
    throw mismatch(
      `file ${foreign}`,
      '--connection PROJECT.REGION.NAME for bigquery to read it with',
      'none',
    );
  const list = columns.map((name, i) => `${name} ${typeName(types[i]!)}`).join(', ');
  const named =
    manifest === undefined
      ? [`uris = [${uris.map(literal).join(', ')}]`]
      : [`uris = [${literal(manifest)}]`, `file_set_spec_type = 'NEW_LINE_DELIMITED_MANIFEST'`];
  const from = [...named, ...formatOptions(bulk)].join(', ');
  const by =
    options.connection === undefined || foreign === undefined
      ? ''
      : ` WITH CONNECTION ${connectionName(options.connection)}`;
  return { statements: [`LOAD DATA INTO TEMP TABLE ${raw} (${list}) FROM FILES (${from})${by}`] };
}

// One address a line, all of the manifest's own bucket:
// https://cloud.google.com/bigquery/docs/reference/standard-sql/load-statements#load_option_list
function manifest({ uris, options }: Bulk): string {
  const bucket = /^[a-z]\w*:\/\/[^/]*\//.exec(options.scratch ?? '')?.[0] ?? '';
  for (const uri of uris) {
    if (!uri.startsWith(bucket))
      throw mismatch(`file ${uri}`, `a file in the bucket of --scratch, for a manifest of bigquery`, bucket);
    if (/[\r\n]/.test(uri))
      throw mismatch(`file ${JSON.stringify(uri)}`, 'a name of one line, for a manifest', 'a line feed');
  }
  return `${uris.join('\n')}\n`;
}

const connectionName = (name: string) => `\`${name.replace(/[\\`]/g, '\\$&')}\``;

function formatOptions({ format, codec, csv }: Bulk): string[] {
  const compression = codec === 'gzip' ? [`compression = 'GZIP'`] : [];
  switch (format) {
    case 'csv':
      return [
        `format = 'CSV'`,
        `field_delimiter = ${literal(csv.delimiter)}`,
        'allow_jagged_rows = TRUE',
        'allow_quoted_newlines = TRUE',
        'skip_leading_rows = 0',
        `encoding = 'UTF-8'`,
        'max_bad_records = 0',
        ...compression,
      ];
    case 'jsonl':
      return [`format = 'NEWLINE_DELIMITED_JSON'`, 'max_bad_records = 0', ...compression];
    case 'avro':
      return [`format = 'AVRO'`, 'enable_logical_types = TRUE'];
    case 'parquet':
      return [`format = 'PARQUET'`];
  }
}

function value(text: string, type: ColumnType): string {
  if (type === 'boolean') return booleanOf(text);
  if (type === 'json' || type === 'uuid') return text;
  if (type === 'bytes') return `from_base64(${text})`;
  const trimmed = `trim(${text})`;
  return `CAST(${type === 'date' ? `substr(${trimmed}, 1, 10)` : trimmed} AS ${typeName(type)})`;
}

/** BigQuery, loading files by LOAD DATA; run as one script by `bq query`, which ends at the first error. */
export const bigqueryWarehouse: Warehouse = {
  dialect: bigquery,
  start: [],
  formats: ['csv', 'jsonl', 'parquet', 'avro'],
  codecs: ['none', 'gzip'],
  schemes: ['gs://', 's3://', 'azure://'],
  matches: (text, form) => `regexp_contains(${text}, ${literal(`^(${form})$`)})`,
  value,
  load,
  manifest,
  // "Maximum unresolved GoogleSQL query length": https://cloud.google.com/bigquery/quotas#query_jobs
  maxScriptBytes: 1_048_576,
  vendorExact: false,
};
