/** Finding the groups that a key template describes, without looking at what lies before the cursor. */

import { compareText } from '../wire/order.ts';
import type { ListContext } from './feed.ts';
import {
  type Delivery,
  type Found,
  inScope,
  type ListFiles,
  matching,
  newestOf,
  ROOT_SCOPE,
  sortedFiles,
  sortedIds,
} from './found.ts';
import { compareIds } from './group-id.ts';
import { type KeyTemplate, type KeyValues, roleValue } from './key-template.ts';
import { byFile } from './walk-files.ts';

export interface WalkOptions {
  /** The scope that a key's values mean; undefined as long as they do not tell. Default: the scope names, joined with `/`. */
  readonly scopeOf?: (values: KeyValues) => string | undefined;
  /** Names of the first level that are something else. */
  readonly skip?: (folder: string) => boolean;
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
  const list = matching(context, template, options.skip);
  yield* inFolders
    ? byFolder(context, template, folders, scopeOf, list)
    : byFile(context, template, folders, scopeOf, list);
}

/** The scope names of a template, joined with `/`; `root` if it has none. */
function namedScope(template: KeyTemplate, values: KeyValues): string | undefined {
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
  list: ListFiles,
): AsyncIterable<Delivery> {
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
  list: ListFiles,
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
