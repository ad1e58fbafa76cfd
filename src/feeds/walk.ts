/** Finding the groups that a key template describes, without looking at what lies before the cursor. */

import { globMatch } from '../catalog.ts';
import type { Entry } from '../stores/store.ts';
import { compareText } from '../wire/order.ts';
import type { ListContext, ListedFile } from './feed.ts';
import { fileKind } from './file-kind.ts';
import { compareIds, idNumber } from './group-id.ts';
import { type KeyTemplate, type KeyValues, roleValue } from './key-template.ts';

/** The scope of feeds whose root is one line of groups. */
export const ROOT_SCOPE = 'root';

/** A file whose key the template describes. */
export interface Found {
  readonly entry: Entry;
  readonly values: KeyValues;
}

/** One group as it lies in the store, complete or not. */
export interface Delivery {
  readonly scope: string;
  readonly group: string;
  /** No later group of this scope is there. */
  readonly isLast: boolean;
  /** All its files, in order; each call lists anew unless they are held. */
  files(): AsyncIterable<Found>;
}

export interface WalkOptions {
  /** The scope that a key's values mean; undefined as long as they do not tell. Default: the scope names, joined with `/`. */
  readonly scopeOf?: (values: KeyValues) => string | undefined;
  /** Folder names of the first level that are something else. */
  readonly skip?: (folder: string) => boolean;
}

/** Whether `--scope` lets a scope through. */
export function inScope(context: ListContext, scope: string): boolean {
  const globs = context.options.scope?.split(',');
  return globs === undefined || globs.some((glob) => globMatch(glob.trim(), scope));
}

/** The file line of an entry; what its name tells, unless the feed knows better. */
export function listedFile(entry: Entry, parts: Partial<ListedFile>): ListedFile {
  const { uri, path, bytes, etag, modified } = entry;
  const { table, ...others } = parts;
  return {
    uri,
    ...(table === undefined ? {} : { table }),
    ...fileKind(path),
    bytes,
    etag,
    modified,
    role: 'data',
    ...others,
  };
}

/**
 * The groups of a template after the cursor (and those before it that `after` lets through), scope by scope in
 * byte order, in numeric order within a scope. Where the group is the name of a folder, folders are listed level by
 * level and the files of one group at a time; memory then holds the ids of the new groups and one table's files.
 * Where it stands in a file's name, the new files of one scope are held.
 */
export async function* walkGroups(
  context: ListContext,
  template: KeyTemplate,
  options: WalkOptions = {},
): AsyncIterable<Delivery> {
  const levels = template.segments.map((segment) => new Set(segment.parts.map((part) => part.role)));
  const groupLevel = levels.findIndex((roles) => roles.has('group'));
  const scopeLevel = levels.findLastIndex((roles) => roles.has('scope'));
  const lastFolder = levels.length - 2;
  const inFolders = groupLevel <= lastFolder && scopeLevel <= lastFolder;
  const depth =
    Math.min(inFolders ? Math.max(groupLevel, scopeLevel) : Math.min(scopeLevel, lastFolder), lastFolder) + 1;
  const scopeOf = options.scopeOf ?? ((values: KeyValues) => namedScope(template, values));
  const folders: { prefix: string; values: KeyValues }[] = [];
  for await (const folder of descend(context, template, depth, options)) folders.push(folder);
  yield* inFolders
    ? byFolder(context, template, folders, scopeOf)
    : byFile(context, template, folders, scopeOf);
}

/** The scope names of a template, joined with `/`; `root` if it has none. */
export function namedScope(template: KeyTemplate, values: KeyValues): string | undefined {
  const names = template.parts.filter((part) => part.role === 'scope').map((part) => part.name);
  const texts = names.map((name) => values[name]);
  return texts.includes(undefined) ? undefined : texts.join('/') || ROOT_SCOPE;
}

/** The folders at a depth of the template, in byte order, with what their names tell. */
export async function* descend(
  context: ListContext,
  template: KeyTemplate,
  depth: number,
  { skip }: WalkOptions = {},
): AsyncIterable<{ prefix: string; values: KeyValues }> {
  async function* below(
    level: number,
    prefix: string,
    values: KeyValues,
  ): AsyncIterable<{ prefix: string; values: KeyValues }> {
    if (level >= depth) return yield { prefix, values };
    const literal = template.segments[level]!.literal;
    if (literal !== undefined) return yield* below(level + 1, `${prefix}${literal}/`, values);
    for await (const folder of context.store.folders(context.root, prefix)) {
      const name = folder.slice(0, -1);
      if (level === 0 && skip?.(name)) continue;
      const found = template.matchFolder(level, name, values);
      if (found !== undefined) yield* below(level + 1, prefix + folder, found);
    }
  }
  yield* below(0, '', {});
}

async function* byFolder(
  context: ListContext,
  template: KeyTemplate,
  folders: readonly { prefix: string; values: KeyValues }[],
  scopeOf: (values: KeyValues) => string | undefined,
): AsyncIterable<Delivery> {
  const list = matching(context, template);
  const scopes = new Map<string, Map<string, string[]>>();
  for (const { prefix, values } of folders) {
    const scope = scopeOf(values)!;
    context.noteScope(scope);
    if (!inScope(context, scope)) continue;
    const groups = scopes.get(scope) ?? new Map<string, string[]>();
    scopes.set(scope, groups);
    const group = roleValue(template, 'group', values)!;
    groups.set(group, [...(groups.get(group) ?? []), prefix]);
  }
  for (const scope of [...scopes.keys()].sort(compareText)) {
    const groups = scopes.get(scope)!;
    const ids = sortedIds(groups.keys());
    const files = (group: string) => filesBelow(template, groups.get(group)!, list);
    for (const group of await selected(
      context,
      scope,
      ids,
      async (id) => (await newestOf(files(id))).modified,
    )) {
      yield { scope, group, isLast: group === ids.at(-1), files: () => files(group) };
    }
  }
}

const sortedIds = (ids: Iterable<string>): string[] => [...ids].sort(compareIds);

// The groups after the cursor; before it those that changed within `--lookback`, as far back as that goes.
async function selected(
  context: ListContext,
  scope: string,
  ids: readonly string[],
  newest: (id: string) => Promise<string>,
): Promise<readonly string[]> {
  const cursor = context.cursor(scope);
  if (cursor === null) return ids;
  let first = ids.findIndex((id) => compareIds(id, cursor) > 0);
  if (first < 0) first = ids.length;
  const lookback = context.options.lookback ?? 0;
  while (lookback > 0 && first > 0 && Date.parse(await newest(ids[first - 1]!)) >= context.nowMs - lookback)
    first -= 1;
  return ids.slice(first);
}

// Sorted by table, batch, path. Keys come in byte order: a table's files lie together if its folder is above the batch's.
async function* filesBelow(
  template: KeyTemplate,
  prefixes: readonly string[],
  list: (prefix: string) => AsyncIterable<Found>,
): AsyncIterable<Found> {
  const levelOf = (role: string) =>
    template.segments.findIndex(({ parts }) => parts.some((part) => part.role === role));
  const isTableFirst = levelOf('batch') < 0 || levelOf('table') < levelOf('batch');
  const held: Found[] = [];
  for (const prefix of prefixes) {
    for await (const file of list(prefix)) {
      const table = roleValue(template, 'table', file.values);
      const last = held.at(-1);
      if (isTableFirst && last !== undefined && roleValue(template, 'table', last.values) !== table)
        yield* sortedFiles(template, held.splice(0));
      held.push(file);
    }
  }
  yield* sortedFiles(template, held);
}

// The files below a prefix that the template describes; says once if there are others.
function matching(
  context: ListContext,
  template: KeyTemplate,
): (prefix: string, startAfter?: string) => AsyncIterable<Found> {
  let hasWarned = false;
  return async function* list(prefix, startAfter) {
    for await (const entry of context.store.list(context.root, {
      prefix,
      ...(startAfter === undefined ? {} : { startAfter }),
    })) {
      const values = template.match(entry.path);
      if (values !== undefined) yield { entry, values };
      else if (!hasWarned) {
        hasWarned = true;
        context.warn(
          `${entry.uri} is left out, since its key is not of the form ${template.text}; others like it too`,
        );
      }
    }
  };
}

async function* byFile(
  context: ListContext,
  template: KeyTemplate,
  folders: readonly { prefix: string; values: KeyValues }[],
  scopeOf: (values: KeyValues) => string | undefined,
): AsyncIterable<Delivery> {
  const buckets = new Map<string, string[]>();
  for (const { prefix, values } of folders) {
    const scope = scopeOf(values);
    if (scope !== undefined && !inScope(context, scope)) {
      context.noteScope(scope);
      continue;
    }
    buckets.set(scope ?? '', [...(buckets.get(scope ?? '') ?? []), prefix]);
  }
  const list = matching(context, template);
  for (const bucket of [...buckets.keys()].sort(compareText)) {
    const scopes = new Map<string, Map<string, Found[]>>();
    for (const prefix of buckets.get(bucket)!) {
      for await (const file of newFiles(context, template, prefix, list, (values) => scopeOf(values)!)) {
        const scope = scopeOf(file.values)!;
        context.noteScope(scope);
        if (!inScope(context, scope)) continue;
        const groups = scopes.get(scope) ?? new Map<string, Found[]>();
        scopes.set(scope, groups);
        const group = roleValue(template, 'group', file.values)!;
        const files = groups.get(group);
        if (files === undefined) groups.set(group, [file]);
        else files.push(file);
      }
    }
    for (const scope of [...scopes.keys()].sort(compareText)) {
      const groups = scopes.get(scope)!;
      const ids = sortedIds(groups.keys());
      for (const group of ids) {
        const files = sortedFiles(template, groups.get(group)!);
        yield { scope, group, isLast: group === ids.at(-1), files: () => held(files) };
      }
    }
  }
}

async function* held<T>(items: readonly T[]): AsyncIterable<T> {
  yield* items;
}

/** Old files in a row after which jumping over the rest costs less than reading on. */
const OLD_IN_A_ROW = 200;
const HIGHEST = '\u{10ffff}';

// The files after the cursor, or before it but changed within `--lookback`. Over old loads of Stitch, whose time in
// milliseconds keeps its 13 digits until 2286 and so sorts as text, the listing jumps.
async function* newFiles(
  context: ListContext,
  template: KeyTemplate,
  prefix: string,
  list: (prefix: string, startAfter?: string) => AsyncIterable<Found>,
  scopeOf: (values: KeyValues) => string,
): AsyncIterable<Found> {
  const { lookback = 0 } = context.options;
  const isTime = template.parts.some(({ name }) => name === 'timestamp_loaded');
  let startAfter: string | undefined;
  do {
    let old = 0;
    const from = startAfter;
    startAfter = undefined;
    for await (const file of list(prefix, from)) {
      const group = roleValue(template, 'group', file.values)!;
      const cursor = context.cursor(scopeOf(file.values));
      const bound =
        cursor !== null && isTime && lookback > 0 ? String(idNumber(cursor) - BigInt(lookback)) : cursor;
      const isOld = bound !== null && compareIds(group, bound) <= 0;
      if (
        !isOld ||
        (!isTime && lookback > 0 && Date.parse(file.entry.modified) >= context.nowMs - lookback)
      ) {
        old = 0;
        yield file;
        continue;
      }
      old += 1;
      if (old < OLD_IN_A_ROW || !isTime || group.length !== 13 || bound.length !== 13) continue;
      const next = file.entry.path.slice(0, file.entry.path.lastIndexOf(group)) + bound + HIGHEST;
      if (compareText(next, file.entry.path) <= 0) continue;
      startAfter = next;
      break;
    }
  } while (startAfter !== undefined);
}

function sortedFiles(template: KeyTemplate, files: Found[]): Found[] {
  const keys = new Map(
    files.map((file) => [file, idNumber(roleValue(template, 'batch', file.values) ?? '0')]),
  );
  return files.sort((a, b) => {
    const tables = compareText(
      roleValue(template, 'table', a.values)!,
      roleValue(template, 'table', b.values)!,
    );
    if (tables !== 0) return tables;
    const [x, y] = [keys.get(a)!, keys.get(b)!];
    return x < y ? -1 : x > y ? 1 : compareText(a.entry.path, b.entry.path);
  });
}

/** The newest time of change among files, and how many there are. */
export async function newestOf(files: AsyncIterable<Found>): Promise<{ modified: string; count: number }> {
  let modified = '';
  let count = 0;
  for await (const { entry } of files) {
    if (entry.modified > modified) modified = entry.modified;
    count += 1;
  }
  return { modified, count };
}
