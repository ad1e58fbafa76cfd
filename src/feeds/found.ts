/** Files and groups as they lie in a store, and the order they are taken in. */

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

/** Lists the files below a prefix that belong to groups, all of them or those after a key. */
export type ListFiles = (prefix: string, startAfter?: string) => AsyncIterable<Found>;

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

/** Ids in numeric order. */
export const sortedIds = (ids: Iterable<string>): string[] => [...ids].sort(compareIds);

/** The files below a prefix that the template describes; says once if there are others than those to `skip`. */
export function matching(
  context: ListContext,
  template: KeyTemplate,
  skip?: (name: string) => boolean,
): ListFiles {
  let hasWarned = false;
  return async function* list(prefix, startAfter) {
    for await (const entry of context.store.list(context.root, {
      prefix,
      ...(startAfter === undefined ? {} : { startAfter }),
    })) {
      const values = template.match(entry.path);
      if (values !== undefined) yield { entry, values };
      else if (!hasWarned && skip?.(entry.path.split('/', 1)[0]!) !== true) {
        hasWarned = true;
        context.warn(
          `${entry.uri} is left out, since its key is not of the form ${template.text}; others like it too`,
        );
      }
    }
  };
}

/** The files of a group by table, batch and path; sorts in place. */
export function sortedFiles(template: KeyTemplate, files: Found[]): Found[] {
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
