/**
 * fauxqs lists keys in the order of a locale and so loses some at the border of two pages; S3 lists them in the order
 * of their UTF-8 bytes. Importing this file makes the server do as S3 does.
 */

import { compareText } from '../../src/wire/order.ts';

interface Listing {
  readonly prefix?: string;
  readonly delimiter?: string;
  readonly maxKeys?: number;
  readonly startAfter?: string;
  readonly marker?: string;
}

interface Buckets {
  readonly buckets: ReadonlyMap<string, ReadonlyMap<string, { readonly key: string }>>;
  getObject(bucket: string, key: string): unknown;
}

// The package does not export its store.
const { S3Store } = (await import(
  new URL('../../node_modules/fauxqs/dist/s3/s3Store.js', import.meta.url).href
)) as { S3Store: { prototype: Record<string, unknown> } };

S3Store.prototype['listObjects'] = function listObjects(
  this: Buckets,
  bucket: string,
  { prefix = '', delimiter, maxKeys = 1000, startAfter, marker }: Listing = {},
) {
  const after = startAfter || marker || '';
  const found = this.buckets.get(bucket);
  // Raises the server's own error.
  if (found === undefined) return this.getObject(bucket, '');
  const keys = [...found.keys()].filter((key) => key.startsWith(prefix)).sort(compareText);
  const objects: unknown[] = [];
  const commonPrefixes = new Set<string>();
  for (const key of keys) {
    const cut = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
    const folder = cut < 0 ? undefined : key.slice(0, cut + 1);
    if (compareText(folder ?? key, after) <= 0 || (folder !== undefined && commonPrefixes.has(folder)))
      continue;
    if (objects.length + commonPrefixes.size >= maxKeys) {
      return { objects, commonPrefixes: [...commonPrefixes], isTruncated: true };
    }
    if (folder === undefined) objects.push(found.get(key));
    else commonPrefixes.add(folder);
  }
  return { objects, commonPrefixes: [...commonPrefixes], isTruncated: false };
};
