import type { Dialect } from './dialect.ts';
import { spark, sparkLiteral, sparkValue } from './spark.ts';
import {
  type Bulk,
  chunked,
  commonFolder,
  type Loaded,
  refuseWidening,
  type Warehouse,
} from './warehouse.ts';

/** Databricks: Spark SQL on Delta tables, as far as it differs from it. */
export const databricks: Dialect = {
  ...spark,
  name: 'databricks',
  // https://docs.databricks.com/aws/en/sql/language-manual/delta-delete-from
  deletes: 'alias',
  alter: (change) => {
    refuseWidening(change, 'databricks');
    return spark.alter(change);
  },
  // https://docs.databricks.com/aws/en/sql/language-manual/parameters/ansi_mode
  session: [`SET TIME ZONE 'UTC'`, 'SET ANSI_MODE = TRUE'],
};

// https://docs.databricks.com/aws/en/sql/language-manual/delta-copy-into
const MAX_FILES = 1000;

/**
 * COPY INTO by position: columns of a file without header are called _c0, _c1 … in it, as many as its first row has;
 * FAILFAST refuses rows of another width, which would be cut or filled. Force: files that were loaded before would be
 * skipped.
 */
function load(bulk: Bulk): Loaded {
  const { raw, uris } = bulk;
  const statements = chunked(uris, MAX_FILES).map((some) => {
    const folder = commonFolder(some);
    const names = some.map((uri) => sparkLiteral(uri.slice(folder.length))).join(', ');
    const { list, file, options } = formOf(bulk);
    const said = Object.entries(options).map(([name, value]) => `'${name}' = ${sparkLiteral(value)}`);
    return `COPY INTO ${raw} FROM (SELECT ${list} FROM ${sparkLiteral(folder)}) FILEFORMAT = ${file} FILES = (${names}) FORMAT_OPTIONS (${said.join(', ')}) COPY_OPTIONS ('force' = 'true', 'mergeSchema' = 'false')`;
  });
  return { statements, order: 'monotonically_increasing_id()' };
}

function formOf({ format, csv, columns, types }: Bulk): {
  list: string;
  file: string;
  options: Readonly<Record<string, string>>;
} {
  const named = columns
    .map((name, i) => `CAST(${name} AS ${databricks.type(types[i]!)}) AS ${name}`)
    .join(', ');
  switch (format) {
    case 'csv':
      return {
        list: columns.map((name, i) => `CAST(_c${i} AS STRING) AS ${name}`).join(', '),
        file: 'CSV',
        options: {
          sep: csv.delimiter,
          header: 'false',
          inferSchema: 'false',
          mergeSchema: 'false',
          quote: '"',
          escape: '"',
          multiLine: 'true',
          encoding: 'UTF-8',
          mode: 'FAILFAST',
          unescapedQuoteHandling: 'RAISE_ERROR',
        },
      };
    case 'jsonl':
      return { list: named, file: 'JSON', options: { mode: 'FAILFAST', primitivesAsString: 'true' } };
    case 'avro':
      return { list: named, file: 'AVRO', options: { mergeSchema: 'true' } };
    case 'parquet':
      return { list: named, file: 'PARQUET', options: { mergeSchema: 'true' } };
  }
}

/** Databricks, loading files by COPY INTO; a SQL warehouse runs the script and ends at the first error. */
export const databricksWarehouse: Warehouse = {
  dialect: databricks,
  start: [],
  formats: ['csv', 'jsonl', 'parquet', 'avro'],
  codecs: ['none', 'gzip', 'zstd', 'bzip2'],
  schemes: ['s3://', 'gs://', 'abfss://', 'dbfs:/', '/Volumes/'],
  matches: (text, form) => `${text} RLIKE ${sparkLiteral(`^(${form})\\z`)}`,
  value: sparkValue,
  load,
  vendorExact: false,
};
