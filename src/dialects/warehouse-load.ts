/** How an engine that reads files by itself brings them into a stage: a table of raw text, its checks, and the casts. */

import { mismatch } from '../errors.ts';
import { BATCH, type CsvForm, type Fill, ROW, SHAPE } from '../merge/engine.ts';
import type { ColumnType } from '../merge/lattice.ts';
import type { Scratch } from '../stores/scratch.ts';
import type { FileLine } from '../wire/types.ts';
import { textForm } from './text-forms.ts';
import {
  type Bulk,
  type BulkOptions,
  chunked,
  type FileCodec,
  type FileFormat,
  type Warehouse,
} from './warehouse.ts';

// Redshift's check is a text, and a text has no more than 65,535 bytes.
const MAX_COLUMNS_OF_A_CHECK = 60;

/** What rows on the wire are refused with. */
export function refuseRows(fill: Fill, { dialect }: Warehouse): Error {
  return mismatch(
    `table ${fill.table}`,
    `files for ${dialect.name} to read by itself (leave decode out, or write the rows to files with stage before this command)`,
    'rows on the wire',
  );
}

/** Files of one table, batch, format and codec, and how the engine gets at them. */
export interface Loading {
  readonly fill: Fill;
  readonly files: readonly FileLine[];
  readonly csv: CsvForm;
  readonly options: BulkOptions;
  /** Where lists of files are written, for engines that read such. */
  readonly scratch?: Scratch | undefined;
}

/** The statements that bring files into their stage. Throws `UserError` for files that the engine cannot read. */
export async function loadStatements(warehouse: Warehouse, loading: Loading): Promise<string[]> {
  const { dialect } = warehouse;
  const { options, scratch } = loading;
  const raw = dialect.identifier('brigade_raw');
  const bulk = bulkOf(warehouse, loading, raw);
  const rawColumns = bulk.columns.map((name, i) => `${name} ${dialect.type(bulk.types[i]!)}`);
  const create = dialect.permanentStages === true ? 'CREATE TABLE' : 'CREATE TEMPORARY TABLE';
  const list = scratch === undefined ? undefined : warehouse.manifest?.(bulk);
  const loaded = warehouse.load(list === undefined ? bulk : { ...bulk, manifest: await scratch!.put(list) });
  const isChecked = bulk.format === 'csv' && options.vendorExact !== true;
  return [
    `DROP TABLE IF EXISTS ${raw}`,
    `${create} ${raw} (${[...(warehouse.rawColumns ?? []), ...rawColumns].join(', ')})`,
    ...loaded.statements,
    ...(isChecked ? checks(warehouse, bulk, loaded.extra).map((query) => dialect.check(query)) : []),
    insertRaw(warehouse, bulk, loaded.order),
    `DROP TABLE ${raw}`,
  ];
}

function bulkOf(
  { dialect, formats, codecs, schemes }: Warehouse,
  { fill, files, csv, options }: Loading,
  raw: string,
): Bulk {
  const [first] = files;
  const place = `file ${first!.uri}${first!.member === undefined ? '' : ` member ${first!.member}`}`;
  const able = (what: string, found: string) =>
    mismatch(
      place,
      `${what} for ${dialect.name} to read by itself (or decode, then stage, before this command)`,
      found,
    );
  for (const { uri } of files) {
    if (!schemes.some((scheme) => uri.startsWith(scheme)))
      throw able(`an address that begins with ${schemes.join(' or ')}`, uri);
  }
  const format = formatOf(first!);
  if (!formats.includes(format as FileFormat)) throw able(formats.join(', '), format);
  const codec = format === 'csv' || format === 'jsonl' ? codecOf(first!) : 'none';
  if (first!.member !== undefined || !codecs.includes(codec as FileCodec))
    throw able(codecs.join(', '), first!.member === undefined ? codec : 'a zip member');
  const nested = fill.columns.find(({ type }) => type === 'json');
  if (format === 'jsonl' && nested !== undefined)
    throw able('JSON lines without nested values', `${nested.name}, which may hold them`);
  return {
    fill,
    files,
    uris: files.map(({ uri }) => uri),
    format: format as FileFormat,
    codec: codec as FileCodec,
    csv,
    raw,
    columns: fill.columns.map(({ target }) => dialect.identifier(target)),
    types: fill.columns.map(({ type }) =>
      format === 'csv' && options.vendorExact !== true ? 'text' : (type ?? 'text'),
    ),
    options,
  };
}

function formatOf({ uri, format }: FileLine): string {
  if (format !== undefined) return format;
  const name = uri.toLowerCase().replace(/\.(gz|gzip|zst|zstd|bz2|zip)$/, '');
  if (/\.(jsonl|ndjson|json)$/.test(name)) return 'jsonl';
  return /\.(csv|parquet|avro)$/.exec(name)?.[1] ?? 'unknown';
}

const CODECS: Readonly<Record<string, FileCodec | 'zip'>> = {
  gz: 'gzip',
  gzip: 'gzip',
  zst: 'zstd',
  zstd: 'zstd',
  bz2: 'bzip2',
  zip: 'zip',
};

function codecOf({ uri, codec }: FileLine): string {
  return codec ?? CODECS[/\.(\w+)$/.exec(uri.toLowerCase())?.[1] ?? ''] ?? 'none';
}

/** What must hold of raw text before it is cast; messages name the file, or the first of them. */
function checks({ dialect, matches }: Warehouse, bulk: Bulk, extra: string | undefined): string[] {
  const { fill, files, csv, columns, raw } = bulk;
  const others = files.length === 1 ? '' : ` (or one of ${files.length - 1} more)`;
  const place = `table ${fill.table} file ${files[0]!.uri}${others}`;
  const queries: string[] = [];
  const notHeader = csv.header === 'no' ? undefined : `NOT ${isHeader(bulk, dialect.literal)}`;
  if (csv.header === 'yes') {
    const message = dialect.literal(
      `${place}: expected the header ${fill.columns.map(({ name }) => name).join(',')} in each file`,
    );
    queries.push(
      `SELECT CASE WHEN count(*) <> ${files.length} THEN ${message} END AS m FROM ${raw} r WHERE ${isHeader(bulk, dialect.literal)}`,
    );
  }
  const wrong = fill.columns.flatMap(({ name, type }, i) => {
    const form = type === undefined ? undefined : textForm(type);
    if (form === undefined) return [];
    const x = csv.emptyIsNull ? `nullif(r.${columns[i]}, '')` : `r.${columns[i]}`;
    const message = `${dialect.literal(`${place} column ${name}: expected ${type}, found `)} || ${x}`;
    return [`WHEN ${x} IS NOT NULL AND NOT ${matches(`lower(trim(${x}))`, form)} THEN ${message}`];
  });
  if (extra !== undefined) {
    const message = dialect.literal(`${place}: expected ${columns.length} fields, found more`);
    wrong.unshift(`WHEN r.${extra} IS NOT NULL THEN ${message}`);
  }
  const where = notHeader === undefined ? '' : ` WHERE ${notHeader}`;
  for (const some of chunked(wrong, MAX_COLUMNS_OF_A_CHECK))
    queries.push(
      `SELECT min(q.m) AS m FROM (SELECT CASE ${some.join(' ')} END AS m FROM ${raw} r${where}) q`,
    );
  return queries;
}

// A row in which every field is the name of its column.
function isHeader({ fill, columns }: Bulk, literal: (text: string) => string): string {
  const is = fill.columns.map(
    ({ name }, i) => `coalesce(lower(r.${columns[i]}), '') = ${literal(name.toLowerCase())}`,
  );
  return `(${is.join(' AND ')})`;
}

function insertRaw({ dialect, value }: Warehouse, bulk: Bulk, order: string | undefined): string {
  const { fill, format, csv, columns, raw, options } = bulk;
  const asText = format === 'csv' && options.vendorExact !== true;
  const values = fill.columns.map(({ type }, i) => {
    const x = `r.${columns[i]}`;
    const text = asText && csv.emptyIsNull ? `nullif(${x}, '')` : x;
    return asText && type !== undefined && (type as ColumnType) !== 'text' ? value(text, type) : text;
  });
  const number = `${fill.firstRow} + row_number() OVER (${order === undefined ? '' : `ORDER BY ${order}`}) - 1`;
  const where = asText && csv.header !== 'no' ? ` WHERE NOT ${isHeader(bulk, dialect.literal)}` : '';
  return `INSERT INTO ${fill.stage} (${[ROW, BATCH, SHAPE, ...columns].join(', ')}) SELECT ${[number, fill.batch, fill.shape, ...values].join(', ')} FROM ${raw} r${where}`;
}
