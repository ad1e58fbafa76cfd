/** Finding groups whose id stands in the names of files. */

import { compareText } from '../wire/order.ts';
import type { ListContext } from './feed.ts';
import { type Delivery, type Found, inScope, type ListFiles, sortedFiles, sortedIds } from './found.ts';
import { compareIds, idNumber } from './group-id.ts';
import { type KeyTemplate, type KeyValues, roleValue } from './key-template.ts';

/** The groups below the given folders; holds the new files of one scope, or of all where the folders do not tell it. */
export async function* byFile(
  context: ListContext,
  template: KeyTemplate,
  folders: readonly { prefix: string; values: KeyValues }[],
  scopeOf: (values: KeyValues) => string | undefined,
  list: ListFiles,
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
  list: ListFiles,
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
