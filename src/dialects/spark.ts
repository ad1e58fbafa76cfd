import { mismatch } from '../errors.ts';
import { type ColumnType, decimalDigits } from '../merge/lattice.ts';
import { type Dialect, shortened } from './dialect.ts';
import {
  type Bulk,
  booleanOf,
  castBy,
  chunked,
  type Loaded,
  refuseWidening,
  typesBy,
  type Warehouse,
} from './warehouse.ts';
import { checkTypesSpark } from './warehouse-drift.ts';
import { createGo } from './warehouse-script.ts';
import { replacingViewSpark } from './warehouse-view.ts';

// https://spark.apache.org/docs/latest/sql-ref-datatypes.html
const TYPES: Readonly<Record<string, string>> = {
  boolean: 'BOOLEAN',
  int: 'INT',
  bigint: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  text: 'STRING',
  json: 'STRING',
  uuid: 'STRING',
  // There is no time of day.
  time: 'STRING',
  bytes: 'BINARY',
  date: 'DATE',
  timestamp: 'TIMESTAMP_NTZ',
  timestamptz: 'TIMESTAMP',
};

const NAMES: Readonly<Record<string, ColumnType>> = {
  BOOLEAN: 'boolean',
  TINYINT: 'int',
  SMALLINT: 'int',
  INT: 'int',
  BIGINT: 'bigint',
  FLOAT: 'float',
  DOUBLE: 'double',
  BINARY: 'bytes',
  DATE: 'date',
  TIMESTAMP_NTZ: 'timestamp',
  TIMESTAMP: 'timestamptz',
};

const MAX_NAME_BYTES = 255;

function typeName(type: ColumnType): string {
  const digits = decimalDigits(type);
  return digits === undefined ? (TYPES[type] ?? 'STRING') : `DECIMAL(${digits.precision},${digits.scale})`;
}

const quoted = (name: string) => `\`${shortened(name, MAX_NAME_BYTES).replaceAll('`', '``')}\``;

// Two quotes would be two texts, one after the other: https://spark.apache.org/docs/latest/sql-ref-literals.html#string-literal
export const sparkLiteral = (text: string) =>
  `'${text.replace(/[\\']/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t')}'`;

const castPlainly = castBy(typeName, (message, type) => `CAST(raise_error(${message}) AS ${typeName(type)})`);

/**
 * Spark SQL on tables that take MERGE: Delta Lake or Iceberg, whichever tables are by default. Every statement commits
 * by itself; one that is repeated changes nothing, and the ledger comes last.
 */
export const spark: Dialect = {
  name: 'spark',
  schema: 'default',
  nameCase: 'keep',
  // https://spark.apache.org/docs/latest/sql-ref-identifier.html
  foldsCase: true,
  maxNameBytes: MAX_NAME_BYTES,
  maxDecimalDigits: 38,
  unlimitedDecimal: false,
  transactionalDdl: false,
  unorderedFiles: true,
  permanentStages: true,
  mergesWork: true,
  // Delta Lake's DELETE takes no subquery: https://docs.delta.io/latest/delta-update.html
  deletes: 'merge',
  identifier: quoted,
  literal: sparkLiteral,
  type: typeName,
  typeOf: typesBy(NAMES),
  cast: (x, from, to) => (from === 'bytes' && to === 'text' ? `hex(${x})` : castPlainly(x, from, to)),
  bytewise: (expression) => expression,
  rowText: (expressions) => `to_json(struct(${expressions.join(', ')}))`,
  // https://spark.apache.org/docs/latest/api/sql/index.html#raise_error
  check: (query) => `SELECT raise_error(q.m) FROM (${query}) q (m) WHERE q.m IS NOT NULL`,
  // ltrim takes its arguments the other way round: https://spark.apache.org/docs/latest/api/sql/index.html#ltrim
  withoutZeros: (expression) => `trim(LEADING '0' FROM ${expression})`,
  primaryKey: () => undefined,
  prepare: (schema) => [`USE ${quoted(schema)}`, createGo(true, 'STRING')],
  swap: 'which has no transaction of a table and the ledger',
  replacingView: (form) => replacingViewSpark(form, { identifier: quoted, literal: sparkLiteral }),
  createSchema: (schema) => `CREATE SCHEMA IF NOT EXISTS ${quoted(schema)}`,
  // No IF NOT EXISTS: where the table is not known, a column that it lacks fails the check.
  alter: (change) => {
    refuseWidening(change, 'spark');
    if (change.ifMissing) return checkTypesSpark(change, { ...spark, names: NAMES });
    if (change.add.length === 0) return [];
    const columns = change.add.map(({ name, type }) => `${quoted(name)} ${typeName(type)}`);
    return [`ALTER TABLE ${change.table} ADD COLUMNS (${columns.join(', ')})`];
  },
  begin: '',
  commit: '',
  rollback: '',
  // Without ANSI a number that is too large becomes NULL: https://spark.apache.org/docs/latest/sql-ref-ansi-compliance.html
  session: [`SET TIME ZONE 'UTC'`, 'SET spark.sql.ansi.enabled = true'],
};

const VIEWS = 50;

/**
 * Each file is a temporary view: https://spark.apache.org/docs/latest/sql-data-sources-csv.html
 * Rows that are too short get NULLs, which is wanted; what a row has too much would be dropped, so the views have a
 * column more.
 */
function load(bulk: Bulk): Loaded {
  const { raw, columns, types, format, uris } = bulk;
  const isCsv = format === 'csv';
  const names = isCsv ? [...columns, '_brigade_extra'] : columns;
  const statements = chunked(uris, VIEWS).flatMap((some) => {
    const selects = some.map((_, i) => `SELECT ${selected(isCsv, names, types)} FROM brigade_file_${i + 1}`);
    return [
      ...some.map((uri, i) => fileView(bulk, uri, i + 1, names)),
      `INSERT INTO ${raw} (${[...(isCsv ? [] : ['_brigade_extra']), ...names].join(', ')}) ${selects.join(' UNION ALL ')}`,
    ];
  });
  return {
    statements,
    order: 'monotonically_increasing_id()',
    ...(isCsv ? { extra: '_brigade_extra' } : {}),
  };
}

function selected(isCsv: boolean, names: readonly string[], types: readonly ColumnType[]): string {
  if (isCsv) return names.join(', ');
  return ['CAST(NULL AS STRING)', ...names.map((name, i) => `CAST(${name} AS ${typeName(types[i]!)})`)].join(
    ', ',
  );
}

function fileView(
  { format, codec, csv, columns }: Bulk,
  uri: string,
  n: number,
  names: readonly string[],
): string {
  const path = uri.replace(/^s3:/, 's3a:');
  if (/[*?{}[\]\\]/.test(path))
    throw mismatch(
      `file ${uri}`,
      'a name without *?{}[]\\, which spark takes for a pattern (or decode before this command)',
      uri,
    );
  const ending = {
    none: /\.(csv|txt|jsonl|ndjson|json)$|\/[^./]*$/i,
    gzip: /\.gz$/i,
    bzip2: /\.bz2$/i,
    zstd: /\.zst$/i,
  }[codec];
  if ((format === 'csv' || format === 'jsonl') && !ending.test(path))
    throw mismatch(`file ${uri}`, `a name whose ending tells spark how it is compressed (${codec})`, uri);
  const options: Record<string, string> = { path };
  const view = `CREATE OR REPLACE TEMPORARY VIEW brigade_file_${n}`;
  const said = () =>
    Object.entries(options)
      .map(([name, value]) => `${name} ${sparkLiteral(value)}`)
      .join(', ');
  const listed = (all: readonly string[]) => all.map((name) => `${name} STRING`).join(', ');
  switch (format) {
    case 'csv':
      Object.assign(options, {
        sep: csv.delimiter,
        header: 'false',
        quote: '"',
        // A quote in a field is doubled; Spark's default is a backslash before it.
        escape: '"',
        multiLine: 'true',
        encoding: 'UTF-8',
        mode: 'PERMISSIVE',
        unescapedQuoteHandling: 'RAISE_ERROR',
        maxCharsPerColumn: '-1',
        maxColumns: '100000',
      });
      return `${view} (${listed(names)}) USING csv OPTIONS (${said()})`;
    case 'jsonl':
      Object.assign(options, { mode: 'FAILFAST', primitivesAsString: 'true' });
      return `${view} (${listed(columns)}) USING json OPTIONS (${said()})`;
    default:
      return `${view} USING ${format} OPTIONS (${said()})`;
  }
}

export function sparkValue(text: string, type: ColumnType): string {
  if (type === 'boolean') return booleanOf(text);
  if (type === 'json' || type === 'uuid' || type === 'time') return text;
  if (type === 'bytes') return `unbase64(${text})`;
  const trimmed = `trim(${text})`;
  return `CAST(${type === 'date' ? `substr(${trimmed}, 1, 10)` : trimmed} AS ${typeName(type)})`;
}

/** Spark, reading files as tables; run by `spark-sql -f`, which ends at the first error. */
export const sparkWarehouse: Warehouse = {
  dialect: spark,
  start: [],
  formats: ['csv', 'jsonl', 'parquet', 'avro'],
  codecs: ['none', 'gzip', 'zstd', 'bzip2'],
  schemes: ['s3://', 's3a://', 'gs://', 'abfss://', 'hdfs://', 'file://'],
  rawColumns: ['_brigade_extra STRING'],
  // `$` would let a line feed at the end pass.
  matches: (text, form) => `${text} RLIKE ${sparkLiteral(`^(${form})\\z`)}`,
  value: sparkValue,
  load,
  vendorExact: false,
};
