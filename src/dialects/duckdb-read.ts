/** How DuckDB reads rows from files of its own: the spooled rows of the wire, or the vendor's files as they lie. */

import { mismatch } from '../errors.ts';
import { BATCH, type CsvForm, type Fill, ROW, SHAPE, type StageColumn } from '../merge/engine.ts';
import type { FileLine } from '../wire/types.ts';
import { doubleQuoted, singleQuoted } from './dialect.ts';
import { duckdb } from './duckdb.ts';

/** Fills a stage from `from`, a relation whose columns are text and called as on the wire. */
export function insertParsed(
  fill: Fill,
  from: string,
  own: { row: string; batch: string; shape: string; told?: string },
): string {
  const targets = fill.columns.map(({ target }) => duckdb.identifier(target));
  const values = fill.columns.map((column) => parsed(fill, column, own.told ?? own.row));
  return `INSERT INTO ${fill.stage} (${[ROW, BATCH, SHAPE, ...targets].join(', ')}) SELECT ${[own.row, own.batch, own.shape, ...values].join(', ')} FROM ${from}`;
}

/** A column of what is read, called as on the wire, at any length. */
export const wireName = (name: string): string => doubleQuoted(name, Number.POSITIVE_INFINITY);

function parsed(fill: Fill, { name, type }: StageColumn, row: string): string {
  const value = `r.${wireName(name)}`;
  if (type === undefined) return value;
  const place = `${singleQuoted(`table ${fill.table} row `)} || CAST(${row} + 1 AS VARCHAR) || ${singleQuoted(` column ${name}`)}`;
  return duckdb.parse!(value, type, place);
}

/** A spooled file of rows. */
export function insertSpooled(fill: Fill, path: string, longestLine: number): string {
  const own = [ROW, BATCH].map((name) => `${singleQuoted(name)}: 'BIGINT'`);
  const columns = [
    ...own,
    `${singleQuoted(SHAPE)}: 'INTEGER'`,
    ...fill.columns.map(({ name }) => `${singleQuoted(name)}: 'VARCHAR'`),
  ];
  const size = Math.max(16 * 2 ** 20, longestLine + 1);
  const from = `read_json(${singleQuoted(path)}, format = 'newline_delimited', columns = {${columns.join(', ')}}, maximum_object_size = ${size}) r`;
  return insertParsed(fill, from, { row: `r.${ROW}`, batch: `r.${BATCH}`, shape: `r.${SHAPE}` });
}

/**
 * The vendor's files, all of one format. DuckDB's defaults would take `""` for NULL and fail on the shorter rows of an
 * older schema (https://duckdb.org/docs/stable/data/csv/overview), hence the options. Exactly the listed files are read.
 */
export function insertFiles(
  fill: Fill,
  files: readonly FileLine[],
  paths: readonly string[],
  csv: CsvForm,
): string {
  const [first] = files;
  const { format = formatOf(first!.uri), codec } = first!;
  const list = `[${paths.map(singleQuoted).join(', ')}]`;
  const place = `file ${first!.uri}`;
  const compression = compressionOf(codec, first!, format);
  const own = {
    row: `${fill.firstRow} + row_number() OVER () - 1`,
    batch: fill.batch,
    shape: String(fill.shape),
  };
  // The number is settled first: messages name it, and a window may not stand within them.
  const numbered = (from: string, condition = '') =>
    `(SELECT ${own.row} AS ${ROW}, f.* FROM ${from} f${condition}) r`;
  // Files begin far apart, so that all rows of one come before those of the next.
  const read = { ...own, row: `r.${ROW}`, told: `r.${ROW} - ${fill.firstRow}` };
  switch (format) {
    case 'csv': {
      const options = `delim = ${singleQuoted(csv.delimiter)}, quote = '"', escape = '"', nullstr = '', allow_quoted_nulls = ${csv.emptyIsNull}, strict_mode = true, parallel = false, compression = '${compression}'`;
      if (csv.header === 'yes') {
        // Given columns, DuckDB goes by position and skips the header unread: only detection goes by its names. Nothing
        // else is left to detect, and rows of another width than the header's are errors.
        const from = `read_csv(${list}, auto_detect = true, header = true, skip = 0, comment = '', ${options}, union_by_name = true, all_varchar = true)`;
        const named = `(SELECT to_json(p) AS json FROM (SELECT * FROM ${from} LIMIT 1) p)`;
        return insertParsed(
          fill,
          numbered(
            from,
            allListed(fill, place, named, (name) => `lower(${name})`),
          ),
          read,
        );
      }
      const columns = fill.columns.map(({ name }) => `${singleQuoted(name)}: 'VARCHAR'`).join(', ');
      const from = `read_csv(${list}, auto_detect = false, header = false, null_padding = true, ${options}, columns = {${columns}})`;
      return insertParsed(fill, numbered(from, csv.header === 'auto' ? notHeader(fill) : ''), read);
    }
    case 'jsonl': {
      // Its JSON reader calls `none` by another name than its CSV reader.
      const json = compression === 'none' ? 'uncompressed' : compression;
      const columns = fill.columns.map(({ name }) => `${singleQuoted(name)}: 'VARCHAR'`).join(', ');
      return insertParsed(
        fill,
        numbered(
          `read_json(${list}, format = 'newline_delimited', compression = '${json}', columns = {${columns}})`,
          allListed(
            fill,
            place,
            `read_json(${list}, format = 'newline_delimited', records = false, compression = '${json}', columns = {json: 'JSON'})`,
            (name) => name,
          ),
        ),
        read,
      );
    }
    case 'parquet': {
      const columns = fill.columns.map(
        ({ name }) => `CAST(${duckdb.identifier(name)} AS VARCHAR) AS ${duckdb.identifier(name)}`,
      );
      return insertParsed(
        fill,
        numbered(
          `(SELECT ${columns.join(', ')} FROM read_parquet(${list}, union_by_name = true))`,
          allListed(
            fill,
            place,
            `(SELECT to_json(p) AS json FROM (SELECT * FROM read_parquet(${list}, union_by_name = true) LIMIT 1) p)`,
            (name) => `lower(${name})`,
          ) + nothingCut(fill, place, list),
        ),
        read,
      );
    }
    default:
      throw mismatch(
        place,
        'CSV, JSONL or Parquet for DuckDB to read by itself (or decode before this command)',
        format,
      );
  }
}

// Reading by columns leaves out what no column lists, without a word: https://duckdb.org/docs/stable/data/json/loading_json
function allListed(fill: Fill, place: string, objects: string, fold: (name: string) => string): string {
  const listed = fill.columns.map(({ name }) => fold(singleQuoted(name))).join(', ');
  const message = `${singleQuoted(`table ${fill.table}, ${place}: expected only columns that its table line lists, found one called `)} || CAST(to_json(min(k)) AS VARCHAR)`;
  return ` WHERE (SELECT CASE WHEN count(*) > 0 THEN error(${message}) ELSE 0 END FROM (SELECT unnest(json_keys(json)) AS k FROM ${objects}) WHERE ${fold('k')} NOT IN (${listed})) = 0`;
}

// Seen with DuckDB 1.5.6: it reads these Parquet types, cuts nanoseconds off and rounds wide decimals.
function nothingCut(fill: Fill, place: string, list: string): string {
  const message = `${singleQuoted(`table ${fill.table}, ${place}: expected types that DuckDB reads without cutting them (or decode before this command), found `)} || min(CASE WHEN type = 'INT96' THEN type ELSE logical_type END || ' in column ' || name)`;
  return ` AND (SELECT CASE WHEN count(*) > 0 THEN error(${message}) ELSE 0 END FROM parquet_schema(${list}) WHERE type = 'INT96' OR regexp_matches(logical_type, '^Time(stamp)?Type\\(isAdjustedToUTC=1, .*NANOS=Nano') OR TRY_CAST(regexp_extract(logical_type, '^DecimalType\\(.*precision=([0-9]+)', 1) AS INTEGER) > 38) = 0`;
}

// A row in which every field is the name of its column is the header that the feed may write.
function notHeader(fill: Fill): string {
  const [first] = fill.columns;
  const is = fill.columns.map(({ name }) => {
    const id = `f.${duckdb.identifier(name)}`;
    return `(${id} IS NULL OR lower(${id}) = ${singleQuoted(name.toLowerCase())})`;
  });
  return ` WHERE NOT coalesce(f.${duckdb.identifier(first!.name)} IS NOT NULL AND ${is.join(' AND ')}, FALSE)`;
}

function formatOf(uri: string): string {
  const name = uri.toLowerCase().replace(/\.(gz|gzip|zst|zstd|bz2|zip)$/, '');
  if (name.endsWith('.csv')) return 'csv';
  if (/\.(jsonl|ndjson|json)$/.test(name)) return 'jsonl';
  return /\.(parquet|avro)$/.exec(name)?.[1] ?? 'unknown';
}

function compressionOf(codec: string | undefined, file: FileLine, format: string): string {
  const named =
    codec ??
    (/\.gz(ip)?$/i.test(file.uri)
      ? 'gzip'
      : /\.zst(d)?$/i.test(file.uri)
        ? 'zstd'
        : /\.(zip|bz2)$/i.exec(file.uri)?.[1]);
  if (format === 'parquet' || named === undefined || named === 'none') return 'none';
  if (named === 'gzip' || named === 'zstd') return named;
  throw mismatch(
    `file ${file.uri}`,
    'gzip or zstd for DuckDB to read by itself (or decode before this command)',
    named,
  );
}
