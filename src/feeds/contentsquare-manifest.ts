/**
 * Contentsquare Data Connect's manifests: one JSON file per dump, which lists the dump's tables, their columns and files. Only
 * listed files count; `incremental: false` makes all earlier data of the table invalid (Contentsquare, "Amazon S3").
 */

import { mismatch, UserError } from '../errors.ts';
import { mapAhead } from '../manifest/ahead.ts';
import {
  asBoolean,
  asInteger,
  asList,
  asObject,
  asText,
  asTexts,
  type BodyValue,
  fetchBody,
  isAbsent,
  parseBody,
} from '../manifest/body.ts';
import { listedPlace } from '../manifest/place.ts';
import { scriptText } from '../schema/text.ts';
import type { Entry } from '../stores/store.ts';
import type { Chunk, Column, FileLine } from '../wire/types.ts';
import type { ManifestContext } from './feed.ts';

interface ContentsquareTable {
  readonly name: string;
  readonly columns: readonly string[];
  /** Full URLs, in the order in which they apply. */
  readonly files: readonly string[];
  /** False: a fresh copy, all earlier data of this table is invalid. */
  readonly incremental: boolean;
}

export interface ContentsquareManifest {
  /** An integer, as text. */
  readonly dumpId: string;
  readonly tables: readonly ContentsquareTable[];
  /** URLs of files that define the properties. */
  readonly propertyDefinitions: readonly string[];
}

/** Marks the file of property definitions, whose role is `manifest` too: nothing is to be expanded there. */
export const DEFINITIONS_FORMAT = 'property-definitions';

/** The table that is always delivered whole, whatever its manifest says. */
const ALWAYS_FULL = 'user_migrations';

/** The only columns of type long; all others are strings. */
const LONG_COLUMNS: ReadonlySet<string> = new Set(['user_id', 'event_id', 'session_id']);

const STATS_AT_ONCE = 16;

/** Reads a manifest's body. `name` (its URI) stands in messages. Throws `UserError` with the path of what is wrong. */
export function readContentsquareManifest(body: string, name: string): ContentsquareManifest {
  const manifest = asObject(parseBody(body, name));
  const tables = asList(manifest.at('tables')).map(asObject);
  const definitions = [manifest, ...tables].map((object) => object.at('property_definitions'));
  const read = {
    dumpId: asInteger(manifest.at('dump_id')),
    tables: tables.map((table) => ({
      name: asText(table.at('name')),
      columns: asTexts(table.at('columns')),
      files: asTexts(table.at('files')),
      incremental: asBoolean(table.at('incremental')),
    })),
    propertyDefinitions: [...new Set(definitions.filter((value) => !isAbsent(value)).map(asText))],
  };
  refuseDoubles(
    asList(manifest.at('tables')),
    read.tables.map((table) => table.name),
  );
  for (const [i, table] of read.tables.entries())
    refuseDoubles(asList(tables[i]!.at('columns')), table.columns);
  return read;
}

function refuseDoubles(values: readonly BodyValue[], names: readonly string[]): void {
  const seen = new Set<string>();
  for (const [i, name] of names.entries()) {
    if (seen.has(name)) throw mismatch(values[i]!.place, 'every name once', `${name} again`);
    seen.add(name);
  }
}

/** The types the vendor states; a file's own schema may know better. */
function contentsquareColumns(names: readonly string[]): readonly Column[] {
  return names.map((name) => ({ name, type: LONG_COLUMNS.has(name) ? 'bigint' : 'text' }));
}

/**
 * The `table` and `file` lines of a manifest, in its order: a table's line, then its files, with size, ETag and time of each as
 * the store has them now. A full copy's line says so, also without any file. Tables in `superseded` are left out: a later full copy replaces
 * what is here. Files of property definitions follow with the role `manifest`. Throws `UserError` on a bad body, on a file outside the root
 * and on one that is not there. Holds the manifest, not the data.
 */
export async function* expandContentsquareManifest(
  file: FileLine,
  context: ManifestContext,
): AsyncGenerator<Chunk> {
  const { store, allowOutside, feed } = context;
  const body = scriptText(await fetchBody(store, file.uri, file.etag), file.uri);
  const manifest = readContentsquareManifest(body, file.uri);
  const superseded = new Set(file.superseded ?? []);
  const find = async ({ listed, where }: { listed: string; where: string }): Promise<Entry> => {
    const place = `${file.uri} ${where}`;
    const { uri } = listedPlace(listed, {
      root: feed.root,
      allowOutside,
      place,
      mark: `sync_${manifest.dumpId}/`,
    });
    return store.stat(uri).catch((error) => Promise.reject(atPlace(place, error)));
  };
  for (const [i, table] of manifest.tables.entries()) {
    if (superseded.has(table.name)) continue;
    const full = !table.incremental || table.name === ALWAYS_FULL;
    yield {
      $: 'table',
      table: table.name,
      columns: contentsquareColumns(table.columns),
      ...(full ? { full } : {}),
    };
    const named = table.files.map((listed, k) => ({ listed, where: `tables[${i}].files[${k}]` }));
    for await (const { uri, bytes, etag, modified } of mapAhead(named, STATS_AT_ONCE, find)) {
      yield { $: 'file', uri, table: table.name, format: 'avro', bytes, etag, modified, role: 'data' };
    }
  }
  for (const listed of manifest.propertyDefinitions) {
    const { uri, bytes, etag, modified } = await find({ listed, where: 'property_definitions' });
    yield { $: 'file', uri, format: DEFINITIONS_FORMAT, bytes, etag, modified, role: 'manifest' };
  }
}

/** Says which manifest names the file that cannot be had. */
function atPlace(place: string, error: unknown): unknown {
  const isPlain = error instanceof UserError && error.exitCode === 1;
  return isPlain ? new UserError(`${place}: ${error.message}`, { cause: error }) : error;
}
