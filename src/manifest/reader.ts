/** The middle of `read-manifest`: every line becomes what it stands for. */

import { type Catalog, catalogTable } from '../catalog.ts';
import { mismatch, UserError } from '../errors.ts';
import { DEFINITIONS_FORMAT } from '../feeds/contentsquare-manifest.ts';
import type { Feed, TableDefaults } from '../feeds/feed.ts';
import { applySchema, EMPTY_SCHEMA, type Schema, schemaTable } from '../schema/schema.ts';
import { readSchemaScript } from '../schema/script.ts';
import { scriptText } from '../schema/text.ts';
import type { Context } from '../stage.ts';
import type { Store } from '../stores/store.ts';
import {
  type Chunk,
  type Column,
  type DdlLine,
  type FeedLine,
  type FileLine,
  isControl,
  type TableLine,
} from '../wire/types.ts';
import { fetchBody } from './body.ts';
import { needsKey, tableLine } from './table.ts';

/** What reading needs from outside. */
export interface ReaderParts {
  readonly store: Store;
  readonly context: Context;
  readonly catalog: Catalog | undefined;
  readonly allowOutside: boolean;
  /** How the keys of objects are made up that a webhook body names, unless as the feed does it. */
  readonly template?: string | undefined;
  /** Throws `UserError` for a feed that nobody knows. */
  feedOf(name: string): Feed;
  /** The columns that a file's header, schema or footer gives; undefined where it does not say. */
  headerOf(file: FileLine, feed: Feed | undefined): Promise<readonly Column[] | undefined>;
  /** The columns of a file's first row; undefined of an empty file. */
  firstRowOf(file: FileLine, feed: Feed | undefined): Promise<readonly Column[] | undefined>;
}

/**
 * A reader takes lines one by one, in order, and promises what each becomes; promises may be fetched in any order and overlap. What has to be
 * known in order (feed, group, schema) is settled when a line is taken.
 */
export interface LineReader {
  read(chunk: Chunk): Promise<readonly Chunk[]>;
}

export function createLineReader(parts: ReaderParts): LineReader {
  const { store, context, catalog } = parts;
  let feedLine: FeedLine | undefined;
  let feed: Feed | undefined;
  let schema: Promise<Schema> = Promise.resolve(EMPTY_SCHEMA);
  /** The scope of the group where we stand. */
  let scope: string | undefined;
  // Scripts without any statement: named where what they should have said is missed.
  const silent: string[] = [];
  // What table lines upstream said outside of groups, and which tables have a line where we stand.
  const said = new Map<string, TableLine>();
  const outside = new Set<string>();
  const inside = new Set<string>();

  async function readDdl(line: DdlLine, known: Promise<Schema>): Promise<{ line: DdlLine; schema: Schema }> {
    const sql = line.sql ?? scriptText(await fetchBody(store, line.uri, line.etag), line.uri);
    const statements = readSchemaScript(sql, line.uri);
    if (statements.length === 0) silent.push(line.uri);
    return { line: { ...line, sql }, schema: applySchema(await known, statements, line.uri) };
  }

  async function describe(
    table: string,
    known: Schema,
    { file, line, vendorKey, scope: within }: Described,
  ): Promise<TableLine> {
    const entry = catalogTable(catalog, table);
    const inSchema = schemaTable(known, table);
    let columns = line?.columns ?? inSchema?.columns;
    if (line?.columns === undefined && inSchema?.alteredOnlyAt !== undefined) {
      throw mismatch(inSchema.alteredOnlyAt, `a script before it that creates table ${table}`, 'none');
    }
    if (columns === undefined && file !== undefined) columns = await headerColumns(file, table, entry);
    if (columns === undefined && file?.format === 'csv') columns = catalogColumns(entry.columns);
    const defaults = feed?.table(table, columns) ?? NOTHING;
    const sources = {
      table,
      said: line,
      vendorKey,
      columns,
      schemaKey: inSchema?.key,
      defaults,
      catalog: entry,
    };
    const described = tableLine(sources);
    if (columns !== undefined && described.key === undefined && file !== undefined && needsKey(described))
      checkSubtable(file, described, within);
    if (columns !== undefined || described.key !== undefined || file === undefined || !needsKey(described))
      return described;
    // The name alone does not tell the key; what is in a row may (Stitch's `__sdc_primary_key`).
    const { key } = feed?.table(table, await parts.firstRowOf(file, feed)) ?? NOTHING;
    return key === undefined ? described : tableLine({ ...sources, defaults: { ...defaults, key } });
  }

  // A subtable is known by its columns; its name alone may be that of a table of its own.
  function checkSubtable({ uri }: FileLine, { table, columns }: TableLine, within: string | undefined): void {
    const top = within === undefined ? undefined : feed?.topLevelOf?.(within, table);
    if (top === undefined) return;
    throw mismatch(
      uri,
      `the columns of a subtable of ${top} (_sdc_source_key_…, _sdc_level_0_id …), or in the catalog a key for ${table}`,
      (columns ?? []).map(({ name }) => name).join(', '),
    );
  }

  /** Where scripts give the columns and there is none for a table, row 1 is believed to be a header only if it holds the key. */
  async function headerColumns(file: FileLine, table: string, entry: ReturnType<typeof catalogTable>) {
    const isScripted = feed?.ddl !== undefined;
    if (isScripted && entry.columns !== undefined) return undefined;
    if (!isScripted) return parts.headerOf(file, feed);
    const columns = await parts.headerOf(file, feed).catch((error: unknown) => {
      // What is no header is data.
      if (error instanceof UserError && error.message.startsWith(`${file.uri} line 1: `)) return undefined;
      throw error;
    });
    const names = new Set((columns ?? []).map((column) => column.name.toLowerCase()));
    const key = entry.key ?? feed?.table(table, columns).key ?? [];
    if (key.length > 0 && key.every((name) => names.has(name.toLowerCase()))) return columns;
    const empty = silent.find((uri) => stemOf(uri).toLowerCase() === table.toLowerCase());
    if (empty !== undefined) throw mismatch(empty, `a statement that creates table ${table}`, 'none');
    throw mismatch(
      file.uri,
      `a schema script that creates table ${table}, or a header with its key`,
      'neither',
    );
  }

  async function readFile(
    file: FileLine,
    table: string,
    known: Promise<Schema>,
    about: Omit<Described, 'file'>,
  ): Promise<readonly Chunk[]> {
    const described = await describe(table, await known, { ...about, file });
    const saysNothing = described.columns === undefined && described.key === undefined;
    return isEmpty(file) && saysNothing && needsKey(described) ? [file] : [described, file];
  }

  async function expand(file: FileLine, known: Promise<Schema>, alone: boolean): Promise<readonly Chunk[]> {
    if (feedLine === undefined || feed?.expand === undefined) {
      throw mismatch(
        file.uri,
        'a manifest only in a feed that has manifests',
        feedLine === undefined ? 'no feed line' : `feed ${feedLine.feed}`,
      );
    }
    const chunks: Chunk[] = [];
    const { allowOutside, template } = parts;
    const manifest = {
      ...context,
      store,
      feed: feedLine,
      allowOutside,
      ...(template === undefined ? {} : { template }),
    };
    for await (const chunk of feed.expand(file, manifest)) {
      const isFrame = isControl(chunk) && (chunk.$ === 'group' || chunk.$ === 'commit');
      if (alone || !isFrame) chunks.push(chunk);
    }
    const schemaNow = await known;
    const described = chunks.map((chunk, i) => {
      if (!isControl(chunk) || chunk.$ !== 'table') return chunk;
      const first = chunks.slice(i).find((other): other is FileLine => isFileOf(other, chunk.table));
      return describe(chunk.table, schemaNow, { file: first, line: chunk, vendorKey: chunk.key });
    });
    return Promise.all(described);
  }

  return {
    read(chunk) {
      if (!isControl(chunk)) return Promise.resolve([chunk]);
      const known = schema;
      switch (chunk.$) {
        case 'feed':
          feedLine = chunk;
          feed = parts.feedOf(chunk.feed);
          return Promise.resolve([chunk]);
        case 'ddl': {
          const read = readDdl(chunk, known);
          schema = read.then((result) => result.schema);
          schema.catch(() => {});
          // What was said of a table may have changed.
          outside.clear();
          inside.clear();
          return read.then((result) => [result.line]);
        }
        case 'group':
          scope = chunk.scope;
          inside.clear();
          return Promise.resolve([chunk]);
        case 'commit':
          scope = undefined;
          return Promise.resolve([chunk]);
        case 'table':
          (scope === undefined ? outside : inside).add(chunk.table);
          if (scope === undefined) said.set(chunk.table, chunk);
          return known.then(async (now) => [await describe(chunk.table, now, { line: chunk })]);
        case 'file': {
          if (chunk.role === 'manifest') {
            return chunk.format === DEFINITIONS_FORMAT
              ? Promise.resolve([chunk])
              : expand(chunk, known, scope === undefined);
          }
          const { table } = chunk;
          if (
            table === undefined ||
            chunk.role === 'rejects' ||
            inside.has(table) ||
            (scope === undefined && outside.has(table))
          ) {
            return Promise.resolve([chunk]);
          }
          // The next file may say what an empty one does not.
          if (!isEmpty(chunk)) (scope === undefined ? outside : inside).add(table);
          return readFile(chunk, table, known, { line: said.get(table), scope });
        }
        default:
          return Promise.resolve([chunk]);
      }
    },
  };
}

interface Described {
  /** The first file of the table. */
  readonly file?: FileLine | undefined;
  /** What a line upstream or a manifest said. */
  readonly line?: TableLine | undefined;
  readonly vendorKey?: readonly string[] | undefined;
  readonly scope?: string | undefined;
}

const stemOf = (uri: string): string => decodeURIComponent(/([^/]*?)(\.[^/.]*)?$/.exec(uri)![1]!);

const isEmpty = (file: FileLine) => file.bytes === 0;

const isFileOf = (chunk: Chunk, table: string) =>
  isControl(chunk) && chunk.$ === 'file' && chunk.table === table;

const NOTHING: TableDefaults = {};

function catalogColumns(columns: ReturnType<typeof catalogTable>['columns']): readonly Column[] | undefined {
  if (columns === undefined) return undefined;
  return Object.keys(columns).map((name) => ({ name }));
}
