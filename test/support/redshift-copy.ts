/** Redshift's COPY from S3, as text for PostgreSQL's: https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { openDuckDB } from '../../src/duckdb.ts';
import { openStore } from '../../src/stores/index.ts';
import type { Store } from '../../src/stores/store.ts';
import { s3Server } from './s3.ts';
import { scratch } from './scratch.ts';

const COPY =
  /^COPY ("(?:[^"]|"")+") \((.*?)\) FROM '((?:[^'\\]|\\.|'')*)' IAM_ROLE (?:default|'[^']*')(?: REGION '[^']*')?( MANIFEST)? (.*?);?$/s;
const FAILED =
  "Load into table 'brigade_raw' failed.  Check 'sys_load_error_detail' system table for details.";
const MAX_TEXT_BYTES = 65_535;

type Ask = (sql: string) => Promise<(string | null)[][]>;
type Made = { readonly statement: string; readonly text: Buffer } | { readonly error: string };

/** One record that cannot be loaded. */
interface Fault {
  readonly file: string;
  readonly line: number;
  readonly column: string;
  readonly reason: string;
}

/** The rows that a COPY means, and PostgreSQL's statement for them; notes in the system tables what Redshift would. */
export async function pgCopyText(sql: string, ask: Ask): Promise<Made> {
  const match = COPY.exec(sql);
  if (match === null) return { error: `syntax error in ${sql}` };
  const [, table = '', list = '', from = '', manifest, options = ''] = match;
  const uri = from.replace(/\\(.)|''/g, (_, c: string | undefined) => c ?? "'");
  const store = await tests3();
  const columns = list.split(', ').map((name) => name.slice(1, -1).replaceAll('""', '"'));
  const types = new Map(
    (
      await ask(
        `SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = CAST(${quote(table)} AS regclass) AND attnum > 0`,
      )
    ).map(([name, type]) => [name!, type!]),
  );
  const files = manifest === undefined ? await withPrefix(store, uri) : await ofManifest(store, uri, options);
  if (typeof files === 'string') return { error: files };
  const id = (await ask(`SELECT nextval('pg_catalog.shim_copy')`))[0]![0];
  const lines: string[] = [];
  for (const file of files) {
    await ask(
      `INSERT INTO pg_catalog.shim_detail VALUES (${id}, pg_backend_pid(), ${quote(file.slice(0, 256))})`,
    );
    const records = await recordsOf(store, file, options);
    for (const [i, record] of records.entries()) {
      const made = textLine(record, columns, types, options, { file, line: i + 1 });
      if (typeof made === 'string') {
        lines.push(made);
        continue;
      }
      await ask(
        `INSERT INTO pg_catalog.shim_error (session_id, file_name, line_number, column_name, error_message) VALUES (pg_backend_pid(), ${quote(made.file.slice(0, 256))}, ${made.line}, ${quote(made.column)}, ${quote(made.reason)})`,
      );
      return { error: FAILED };
    }
  }
  return { statement: `COPY ${table} (${list}) FROM STDIN`, text: Buffer.from(lines.join('')) };
}

const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

async function tests3(): Promise<Store> {
  const { endpoint } = await s3Server();
  process.env['AWS_ACCESS_KEY_ID'] ??= 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] ??= 'test';
  return openStore({ endpoint, region: 'us-east-1', pathStyle: true });
}

async function bytesOf(store: Store, uri: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of store.read(uri)) pieces.push(piece);
  return Buffer.concat(pieces);
}

// Everything whose key begins so.
async function withPrefix(store: Store, uri: string): Promise<string[] | string> {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.*)$/s.exec(uri)!;
  const found: string[] = [];
  for await (const entry of store.list(`s3://${bucket}/`, { prefix: key! })) found.push(entry.uri);
  return found.length === 0 ? `The specified S3 prefix '${key}' does not exist` : found;
}

async function ofManifest(store: Store, uri: string, options: string): Promise<string[] | string> {
  const { entries } = JSON.parse((await bytesOf(store, uri)).toString('utf8')) as {
    entries: { url: string; mandatory?: boolean; meta?: { content_length: number } }[];
  };
  const files: string[] = [];
  for (const { url, mandatory, meta } of entries) {
    const found = await store.stat(url).catch(() => undefined);
    if (found === undefined && mandatory !== true) continue;
    if (found === undefined) return `Problem reading manifest file - S3ServiceException: ${url} is not there`;
    if (options.includes('PARQUET') && meta?.content_length !== found.bytes)
      return `File ${url} has size ${found.bytes}, the manifest says ${meta?.content_length}`;
    files.push(url);
  }
  return files;
}

async function recordsOf(store: Store, uri: string, options: string): Promise<(string | null)[][]> {
  const bytes = await bytesOf(store, uri);
  if (options.includes('PARQUET')) return parquetRecords(bytes);
  const delimiter = /DELIMITER '([^']*)'/.exec(options)?.[1]?.replace('\\t', '\t') ?? ',';
  const text = / GZIP\b/.test(options) ? gunzipSync(bytes) : bytes;
  return parse(text, { relax_column_count: true, delimiter }) as string[][];
}

async function parquetRecords(bytes: Buffer): Promise<(string | null)[][]> {
  const path = join(scratch('copy'), 'file.parquet');
  writeFileSync(path, bytes);
  const db = await openDuckDB(':memory:');
  try {
    const rows = await db.rows(`SELECT COLUMNS(*)::VARCHAR FROM read_parquet('${path}')`);
    return rows.map((row) => Object.values(row) as (string | null)[]);
  } finally {
    db.close();
  }
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function textLine(
  record: readonly (string | null)[],
  columns: readonly string[],
  types: ReadonlyMap<string, string>,
  options: string,
  place: { file: string; line: number },
): string | Fault {
  if (record.length > columns.length) return { ...place, column: '', reason: 'Extra column(s) found' };
  if (record.length < columns.length && !options.includes('FILLRECORD'))
    return { ...place, column: columns[record.length]!, reason: 'Delimiter not found' };
  const fields: string[] = [];
  for (const [i, column] of columns.entries()) {
    const field = record[i] ?? (options.includes('PARQUET') ? null : '');
    const isText = types.get(column)!.startsWith('character varying');
    if (isText && Buffer.byteLength(field ?? '') > MAX_TEXT_BYTES)
      return { ...place, column, reason: 'String length exceeds DDL length' };
    // Of a VARCHAR only if it is said; of other types always.
    const isNull = field === null || (field === '' && (!isText || options.includes('EMPTYASNULL')));
    fields.push(isNull ? '\\N' : field.replace(/[\\\n\r\t]/g, (c) => ESCAPES[c]!));
  }
  return `${fields.join('\t')}\n`;
}
