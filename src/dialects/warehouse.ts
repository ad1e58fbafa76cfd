/** Engines that read files by themselves and take no rows: what they have in common. */

import { mismatch, UserError } from '../errors.ts';
import type { CsvForm, Fill } from '../merge/engine.ts';
import { type ColumnType, decimalDigits } from '../merge/lattice.ts';
import type { FileLine } from '../wire/types.ts';
import type { Dialect, TableChange } from './dialect.ts';

/** How an engine gets at the files; the names are those of the flags. Never a key: those stay with the engine. */
export interface BulkOptions {
  /** Redshift: the role to read S3 with, an ARN or `default`. */
  readonly iamRole?: string;
  /** Redshift: the region of the bucket, where it is not that of the cluster. */
  readonly region?: string;
  /** Redshift, BigQuery: the folder in S3 for manifests (`s3://bucket/prefix`), so that one statement reads many files. */
  readonly scratch?: string;
  /** Snowflake. */
  readonly storageIntegration?: string;
  /** BigQuery: for files outside Google Cloud Storage. */
  readonly connection?: string;
  /** The vendor's own statements, with the vendor's own COPY. */
  readonly vendorExact?: boolean;
}

export type FileFormat = 'csv' | 'jsonl' | 'parquet' | 'avro';
export type FileCodec = 'none' | 'gzip' | 'zstd' | 'bzip2';

/** Files of one table, batch, format and codec that are to be brought into `raw`. */
export interface Bulk {
  readonly fill: Fill;
  readonly files: readonly FileLine[];
  readonly uris: readonly string[];
  readonly format: FileFormat;
  readonly codec: FileCodec;
  readonly csv: CsvForm;
  /** The address of what `manifest` made. */
  readonly manifest?: string;
  /** The table to load into, quoted: it exists, is empty, and has `columns`. */
  readonly raw: string;
  /** Quoted, in the order of the files. */
  readonly columns: readonly string[];
  /** The columns' types in `raw`; of CSV all text. */
  readonly types: readonly ColumnType[];
  readonly options: BulkOptions;
}

/** What is known of the rows in `raw` besides their columns. */
export interface Loaded {
  readonly statements: readonly string[];
  /** What `row_number()` orders by so that rows come in the order of their files; undefined: there is no such order. */
  readonly order?: string;
  /** A column that is NULL unless a row has more fields than it should. */
  readonly extra?: string;
}

/** An engine that loads files. */
export interface Warehouse {
  readonly dialect: Dialect;
  /** Said first of all, before any SQL. */
  readonly start: readonly string[];
  readonly formats: readonly FileFormat[];
  readonly codecs: readonly FileCodec[];
  /** The beginnings of the addresses that it can read. */
  readonly schemes: readonly string[];
  /** Columns that `raw` has besides those of the data, as CREATE TABLE names them; they come first. */
  readonly rawColumns?: readonly string[];
  /** Whether text has a form, wholly. `form`: see text-forms.ts. */
  matches(text: string, form: string): string;
  /** Text that has its type's form as a value. */
  value(text: string, type: ColumnType): string;
  load(bulk: Bulk): Loaded;
  /** A list of the files, to be read by the engine. */
  manifest?(bulk: Bulk): string;
  /** The statements of a transaction as one that undoes everything when one of them fails; default: just one after the other. */
  block?(statements: readonly string[]): string;
  /** How long a script may be; it is one query. */
  readonly maxScriptBytes?: number;
  /** Whether the vendor's own statements run there as they are. */
  readonly vendorExact: boolean;
}

/** The folder all of these lie in, with a slash at its end. */
export function commonFolder(uris: readonly string[]): string {
  let common = uris[0]!;
  for (const uri of uris) while (!uri.startsWith(common)) common = common.slice(0, -1);
  const folder = common.slice(0, common.lastIndexOf('/') + 1);
  if (/^[a-z0-9]+:\/+$/.test(folder))
    throw mismatch(
      `file ${uris[0]}`,
      'files of one bucket in a statement',
      uris.find((uri) => uri !== uris[0])!,
    );
  return folder;
}

/** Lists of at most `size`. */
export function chunked<T>(items: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let i = 0; i < items.length; i += size) chunks.push(items.slice(i, i + size));
  return chunks;
}

/** Refuses what `to-sql` cannot express for the engine. */
export function refuseWidening({ table, widen }: TableChange, engine: string): void {
  const [first] = widen;
  if (first === undefined) return;
  throw new UserError(
    `${engine}: table ${table} column ${first.name}: expected values that its type ${first.from} holds, found ${first.to}; ${engine} does not change a column's type this way: make a new column of that type in its place`,
  );
}

/** Casts by the engine's names of types. `raise`: an expression of the given type that fails with a message. */
export function castBy(
  typeName: (type: ColumnType) => string,
  raise: (message: string, type: ColumnType) => string,
): Dialect['cast'] {
  return (x, from, to) => {
    if (from === to) return x;
    const sql = typeName(to);
    if (from === 'staged text') return to === 'text' ? x : `CAST(${x} AS ${sql})`;
    if (typeName(from) === sql) return x;
    if (from === 'boolean' && decimalDigits(to) !== undefined)
      return `CAST(CAST(${x} AS ${typeName('bigint')}) AS ${sql})`;
    if ((from === 'bigint' || from.startsWith('decimal')) && (to === 'double' || to === 'float')) {
      const exact = typeName(from === 'bigint' ? 'decimal(38,0)' : from);
      const message = `'expected a number that a ${to} can hold, found ' || CAST(${x} AS ${typeName('text')})`;
      return `CASE WHEN CAST(CAST(${x} AS ${sql}) AS ${exact}) <> ${x} THEN ${raise(message, to)} ELSE CAST(${x} AS ${sql}) END`;
    }
    return `CAST(${x} AS ${sql})`;
  };
}

/** The value of a boolean in any of the forms it may have. */
export function booleanOf(text: string): string {
  return `CASE WHEN lower(trim(${text})) IN ('1', 't', 'y', 'true', 'yes') THEN TRUE WHEN ${text} IS NOT NULL THEN FALSE END`;
}

/** The types of the wire whose names an engine knows by heart: `DECIMAL(p,s)` is taken apart. */
export function typesBy(
  names: Readonly<Record<string, ColumnType>>,
  decimal: RegExp = /^(?:DECIMAL|NUMERIC|NUMBER|BIGNUMERIC)\((\d+)(?:, ?(\d+))?\)$/i,
): Dialect['typeOf'] {
  return (sql) => {
    const digits = decimal.exec(sql);
    if (digits !== null) return `decimal(${Number(digits[1])},${Number(digits[2] ?? 0)})`;
    return names[sql.toUpperCase()] ?? (/^(VARCHAR|CHAR|STRING|TEXT)\b/i.test(sql) ? 'text' : undefined);
  };
}
