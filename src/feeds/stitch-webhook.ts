/**
 * The bodies of Stitch's webhooks, which say what was loaded where: the loading notification of the S3 destination (`tables: [{account:
 * [{name, pk}]}]`, Stitch, "Amazon S3") and the later post-load hook (`tables: [{s3_objects, …}]`, its version 1.0).
 */

import { createHash } from 'node:crypto';
import { mismatch } from '../errors.ts';
import { mapAhead } from '../manifest/ahead.ts';
import {
  asList,
  asObject,
  asText,
  asTexts,
  type BodyValue,
  fetchBody,
  isAbsent,
  parseBody,
  wrong,
} from '../manifest/body.ts';
import { type ListedPlace, listedPlace } from '../manifest/place.ts';
import { scriptText } from '../schema/text.ts';
import { normaliseRoot } from '../stores/index.ts';
import type { Entry, Store } from '../stores/store.ts';
import { compareText } from '../wire/order.ts';
import { type Chunk, type FileLine, type GroupLine, WIRE_VERSION } from '../wire/types.ts';
import type { Feed, ManifestContext } from './feed.ts';
import { fileKind } from './file-kind.ts';
import { compareIds } from './group-id.ts';
import { type KeyTemplate, type KeyValues, parseTemplate, roleValue } from './key-template.ts';

/** One table of a body. */
interface WebhookTable {
  /** As the body calls it; its objects' keys tell what it is called here. */
  readonly name: string;
  /** Object keys, or `bucket/key`, or `s3://` URLs; `[csv|jsonl]` in them stands for the one that is there. */
  readonly objects: readonly string[];
  /** The primary key, where the body tells it. */
  readonly key?: readonly string[];
}

export interface WebhookBody {
  readonly integration?: string;
  readonly bucket?: string;
  /** The table that all others were cut from. */
  readonly rootTable?: string;
  readonly tables: readonly WebhookTable[];
}

/** Reads a body of either form. `name` stands in messages. Throws `UserError` with the path of what is wrong. */
export function readStitchWebhook(body: string, name: string): WebhookBody {
  const webhook = asObject(parseBody(body, name));
  const integration = optional(webhook.at('integration_name'), asText);
  const bucket = optional(webhook.at('s3_bucket'), asText);
  const rootTable = optional(webhook.at('destination_root_table_name'), asText);
  return {
    ...(rootTable === undefined ? {} : { rootTable }),
    ...(integration === undefined ? {} : { integration }),
    ...(bucket === undefined ? {} : { bucket }),
    tables: asList(webhook.at('tables')).flatMap((entry) => {
      const isNewer = Object.hasOwn(asObject(entry).self.value as object, 's3_objects');
      return isNewer ? [newerTable(entry)] : olderTables(entry);
    }),
  };
}

const optional = <T>(body: BodyValue, read: (body: BodyValue) => T): T | undefined =>
  isAbsent(body) ? undefined : read(body);

/** `{"destination_table_name": "orders", "s3_objects": ["bucket/orders/0_1563294550038.jsonl"], "primary_keys": ["id"]}` */
function newerTable(entry: BodyValue): WebhookTable {
  const table = asObject(entry);
  const named = ['destination_table_name', 'source_table_name', 'table_name', 'name'].find(
    (member) => !isAbsent(table.at(member)),
  );
  const key = optional(table.at('primary_keys'), asTexts) ?? optional(table.at('pk'), asTexts);
  return {
    name: asText(table.at(named ?? 'destination_table_name')),
    // Null when every row was rejected.
    objects: optional(table.at('s3_objects'), asTexts) ?? [],
    ...(key === undefined || key.length === 0 ? {} : { key }),
  };
}

/** `{"account": [{"name": "salesforce-prod/account/1_1519235654474.[csv|jsonl]", "pk": ["id"]}]}` */
function olderTables(entry: BodyValue): readonly WebhookTable[] {
  const tables = asObject(entry);
  if (tables.names.length === 0) throw wrong(entry, 'a table');
  return tables.names.map((name) => {
    const objects = asList(tables.at(name)).map(asObject);
    const keys = objects.map((object) => optional(object.at('pk'), asTexts) ?? []);
    const key = keys[0] ?? [];
    const other = keys.findIndex((names) => names.join('\0') !== key.join('\0'));
    if (other !== -1) {
      throw mismatch(
        objects[other]!.at('pk').place,
        `the same key for all files of table ${name}, (${key.join(', ')})`,
        `(${keys[other]!.join(', ')})`,
      );
    }
    return {
      name,
      objects: objects.map((object) => asText(object.at('name'))),
      ...(key.length > 0 ? { key } : {}),
    };
  });
}

/** One object that a body names, found in the store. */
interface Loaded {
  readonly table: string;
  readonly key: readonly string[] | undefined;
  readonly scope: string;
  readonly group: string;
  readonly entry: Entry;
}

/**
 * The lines of a webhook body: for every scope, and every load of it in numeric order, a group with the tables' lines (with the
 * body's key) and files. `after` is the load before it in the same body; what came before that a body cannot know. `defaultTemplate` is how
 * keys are made up unless the context says otherwise. Throws `UserError` on a bad body, a key that does not follow the template, an object
 * outside the root or not there. Holds the body.
 */
export function expandStitchWebhook(defaultTemplate: string): NonNullable<Feed['expand']> {
  return async function* (file, context) {
    const name = file.uri;
    const body = readStitchWebhook(scriptText(await fetchBody(context.store, name, file.etag), name), name);
    const template = parseTemplate(context.template ?? defaultTemplate, { deep: ['table_name', 'table'] });
    const loaded = await findObjects(body, name, template, context);
    const scopes = grouped(loaded, (object) => object.scope);
    for (const scope of [...scopes.keys()].sort(compareText)) {
      const groups = grouped(scopes.get(scope)!, (object) => object.group);
      let after: string | null = null;
      for (const group of [...groups.keys()].sort(compareIds)) {
        yield* groupLines({ $: 'group', feed: context.feed.feed, scope, group, after }, groups.get(group)!);
        after = group;
      }
    }
  };
}

function* groupLines(line: GroupLine, objects: readonly Loaded[]): Generator<Chunk> {
  const { feed, scope, group } = line;
  yield line;
  const declared = new Set<string>();
  const digest = createHash('sha256');
  let files = 0;
  for (const { table, key, entry } of objects) {
    if (!declared.has(table)) yield { $: 'table', table, ...(key === undefined ? {} : { key }) };
    declared.add(table);
    const { uri, path, bytes, etag, modified } = entry;
    const file: FileLine = {
      $: 'file',
      uri,
      table,
      ...fileKind(path),
      bytes,
      etag,
      modified,
      role: 'data',
      seq: files,
    };
    // As in the commit of a listing.
    digest.update(`${JSON.stringify([uri, bytes, etag])}\n`);
    files += 1;
    yield file;
  }
  yield { $: 'commit', feed, scope, group, files, digest: digest.digest('hex') };
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

const OBJECTS_AT_ONCE = 8;

async function findObjects(
  body: WebhookBody,
  name: string,
  template: KeyTemplate,
  context: ManifestContext,
): Promise<readonly Loaded[]> {
  const { root } = context.feed;
  const tops = new Set([body.rootTable ?? '', ...body.tables.map((table) => table.name)]);
  const named = body.tables.flatMap((table) =>
    [...new Set(table.objects)].map((object) => ({ table, object })),
  );
  const find = async ({ table, object }: (typeof named)[number]): Promise<Loaded> => {
    const place = `${name} table ${table.name}`;
    const url = objectUrl(object, body.bucket, root);
    const entry = await findObject(
      listedPlace(url, { root, allowOutside: context.allowOutside, place }),
      context,
      place,
    );
    const values = template.match(entry.path);
    if (values === undefined) {
      throw mismatch(place, `an object key such as ${template.text} (--template tells another)`, entry.path);
    }
    const path = roleValue(template, 'table', values)!;
    return {
      entry,
      table: path.replaceAll('/', '__'),
      key: table.key,
      scope: [...scopesOf(template, values), topOf(path, tops)].join('/'),
      group: roleValue(template, 'group', values)!,
    };
  };
  const loaded: Loaded[] = [];
  for await (const found of mapAhead(named, OBJECTS_AT_ONCE, find)) loaded.push(found);
  // The order of a listing, so that both give a group the same digest.
  return loaded.sort((a, b) => compareText(a.entry.path, b.entry.path));
}

/** `key` of the older form and `bucket/key` of the newer one as a URL. */
function objectUrl(object: string, bucket: string | undefined, root: string): string {
  if (/^(?:s3[an]?|file):\/\//i.test(object)) return object;
  const known = bucket ?? /^s3:\/\/([^/]+)\//.exec(root)?.[1];
  if (known === undefined) return `s3://${object}`;
  return object.startsWith(`${known}/`) ? `s3://${object}` : `s3://${known}/${object}`;
}

function scopesOf(template: KeyTemplate, values: KeyValues): readonly string[] {
  return template.parts.filter((part) => part.role === 'scope').map((part) => values[part.name]!);
}

/** The table that others were cut from: `contacts` of `contacts/personas`, `orders` of `orders__order_items` if the body has it. */
function topOf(table: string, tops: ReadonlySet<string>): string {
  const first = table.split('/')[0]!;
  for (let cut = first.indexOf('__', 1); cut > 0; cut = first.indexOf('__', cut + 1)) {
    if (tops.has(first.slice(0, cut))) return first.slice(0, cut);
  }
  return first;
}

/** The object itself; of `…[csv|jsonl]` the one that is there. Its `path` is the key below the root. */
async function findObject(
  { uri, root, path }: ListedPlace,
  { store }: ManifestContext,
  place: string,
): Promise<Entry> {
  const match = /\[([^[\]|]+(?:\|[^[\]|]+)+)\]/.exec(path);
  if (match === null) return { ...(await store.stat(uri)), path };
  const prefix = path.slice(0, match.index);
  const wanted = match[1]!
    .split('|')
    .map((choice) => prefix + choice + path.slice(match.index + match[0].length));
  for await (const entry of store.list(root, { prefix })) if (wanted.includes(entry.path)) return entry;
  throw mismatch(place, `an object ${wanted.join(' or ')} below ${root}`, 'neither');
}

export interface WebhookLinesOptions {
  readonly store: Store;
  readonly root?: string;
  readonly name?: string;
}

/**
 * The wire that stands for files holding webhook bodies, in the order of the loads: the feed, a `file` line of role `manifest` for each,
 * and the end. The root is by default the bucket that the first body names.
 */
export async function* webhookLines(
  paths: readonly string[],
  { store, root, name }: WebhookLinesOptions,
): AsyncGenerator<Chunk> {
  const normal = normaliseRoot(root ?? (await bucketOf(paths[0]!, store)));
  yield { $: 'feed', wire: WIRE_VERSION, feed: 'stitch', source: name ?? `stitch:${normal}`, root: normal };
  for (const uri of paths) yield { $: 'file', uri, format: 'json', role: 'manifest' };
  yield { $: 'end', groups: 0 };
}

async function bucketOf(path: string, store: Store): Promise<string> {
  const { bucket, tables } = readStitchWebhook(scriptText(await fetchBody(store, path), path), path);
  const found =
    bucket ??
    tables
      .flatMap((table) => table.objects)[0]
      ?.replace(/^s3[an]?:\/\//i, '')
      .split('/')[0];
  if (found === undefined) throw mismatch(path, 's3_bucket (or --root URL)', 'neither');
  return `s3://${found}/`;
}
