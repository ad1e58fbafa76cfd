/**
 * A script for an engine that reads the files by itself. There are no conditionals that all clients know: what is
 * decided stands in a small table, the stages of tables that were merged before are emptied, and what changes without
 * staged rows asks that table.
 */

import { mismatch } from '../errors.ts';
import { BATCH, type CsvForm, type Fill, ROW, SHAPE } from '../merge/engine.ts';
import type { ColumnType } from '../merge/lattice.ts';
import type { FileLine } from '../wire/types.ts';
import { type Script, type ScriptOptions, schemaColumns } from './script.ts';
import { textForm } from './text-forms.ts';
import type { Bulk, FileCodec, FileFormat, Warehouse } from './warehouse.ts';

const GO = 'brigade_go';

/** Makes the script of an engine. */
export function warehouseScript(warehouse: Warehouse): (options: ScriptOptions) => Script {
  const { dialect } = warehouse;
  return ({ write, targetSchema, bulk = {} }) => {
    const said = new Set<string>();
    let opened = false;
    let transaction: string[] | undefined;
    const start = () => {
      if (!opened) for (const line of warehouse.start) write(`${line}\n`);
      opened = true;
    };
    const say = (sql: string) => {
      if (sql !== '') write(`${sql};\n`);
    };
    const raw = dialect.identifier('brigade_raw');
    const run = (sql: string) => {
      if (/^(CREATE|ALTER) .* IF NOT EXISTS /.test(sql)) {
        if (said.has(sql)) return;
        said.add(sql);
      }
      if (warehouse.block === undefined) return say(sql);
      if (sql === dialect.begin) transaction = [];
      if (transaction === undefined) return say(sql);
      transaction.push(sql);
      if (sql !== dialect.commit) return;
      say(warehouse.block(transaction));
      transaction = undefined;
    };
    return {
      dialect,
      takes: 'objects',
      async open() {
        start();
        if (bulk.vendorExact === true && !warehouse.vendorExact)
          throw mismatch('--vendor-exact', 'redshift, whose statements they are', dialect.name);
      },
      run: async (sql) => run(sql),
      rows: async () => undefined,
      fill: (fill) =>
        Promise.reject(
          mismatch(
            `table ${fill.table}`,
            `files for ${dialect.name} to read by itself (leave decode out, or write the rows to files with stage before this command)`,
            'rows on the wire',
          ),
        ),
      async fillFiles(fill, files, csv) {
        const loading = bulkOf(warehouse, fill, files, csv, raw, bulk);
        const rawColumns = loading.columns.map((name, i) => `${name} ${dialect.type(loading.types[i]!)}`);
        const create = dialect.permanentStages === true ? 'CREATE TABLE' : 'CREATE TEMPORARY TABLE';
        const loaded = warehouse.load(loading);
        say(`DROP TABLE IF EXISTS ${raw}`);
        say(`${create} ${raw} (${[...(warehouse.rawColumns ?? []), ...rawColumns].join(', ')})`);
        for (const statement of loaded.statements) say(statement);
        if (loading.format === 'csv' && bulk.vendorExact !== true)
          for (const query of checks(warehouse, loading, loaded.extra)) say(dialect.check(query));
        say(insertRaw(warehouse, loading, loaded.order));
        say(`DROP TABLE ${raw}`);
      },
      settle: async () => {},
      columns: async (table) => schemaColumns(targetSchema, table, dialect),
      hasSchema: async () => undefined,
      async decide(flags) {
        if (flags.length === 0) return;
        const rows = flags.map(
          ({ name, condition }) =>
            `SELECT ${dialect.literal(name)} AS flag FROM (SELECT 1 AS one) o WHERE ${condition}`,
        );
        run(`DELETE FROM ${GO} WHERE 1 = 1`);
        run(`INSERT INTO ${GO} (flag) ${rows.join(' UNION ALL ')}`);
      },
      when: (_flag, body) => body(),
      guard: (flag) => `EXISTS (SELECT 1 FROM ${GO} WHERE flag = ${dialect.literal(flag)})`,
      async abandon(reason) {
        start();
        // Of a transaction that is still being put together nothing was written.
        if (warehouse.block === undefined) say(dialect.rollback);
        transaction = undefined;
        const message = dialect.literal(`the script was cut off: ${reason}`);
        say(dialect.failure?.(message) ?? dialect.check(`SELECT ${message} AS m`));
      },
    };
  };
}

/** The table that says what is new; part of what a warehouse prepares. */
export function createGo(permanent: boolean, text: string): string {
  return `CREATE ${permanent ? '' : 'TEMPORARY '}TABLE IF NOT EXISTS ${GO} (flag ${text})`;
}

function bulkOf(
  { dialect, formats, codecs, schemes }: Warehouse,
  fill: Fill,
  files: readonly FileLine[],
  csv: CsvForm,
  raw: string,
  options: Bulk['options'],
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
  if (wrong.length > 0) {
    const where = notHeader === undefined ? '' : ` WHERE ${notHeader}`;
    queries.push(
      `SELECT min(q.m) AS m FROM (SELECT CASE ${wrong.join(' ')} END AS m FROM ${raw} r${where}) q`,
    );
  }
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
