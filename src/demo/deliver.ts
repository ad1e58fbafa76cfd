/** Puts the packed sample drops where a bucket's copy would lie, with the times at which the vendor wrote them. */

import { copyFileSync, mkdirSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const FEEDS = ['zenoti', 'contentsquare', 'stitch', 'exports'] as const;
export type FeedName = (typeof FEEDS)[number];
export type Delivery = 'first' | 'second';

/** The folder of the sample drops: beside `src` in a checkout, beside `dist` in the package. */
export const DROPS = join(import.meta.dirname, '../../fixtures/drops');

/** The paths of the files below a folder, with `/` between parts, sorted. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll('\\', '/'),
    )
    .sort();
}

/** When the vendor wrote a file of a delivery: what the longest prefix of its path says in `times.json`. */
export function deliveryTimes(): (path: string) => Date {
  const times = Object.entries(
    JSON.parse(readFileSync(join(DROPS, 'times.json'), 'utf8')) as Record<string, string>,
  );
  times.sort(([a], [b]) => b.length - a.length);
  return (path) => {
    const found = times.find(([prefix]) => path.startsWith(prefix));
    if (found === undefined) throw new Error(`times.json: no entry for ${path}`);
    return new Date(found[1]);
  };
}

/**
 * Copies one delivery of one feed over what lies in `into`, as a vendor adds to a bucket; returns the paths of the
 * files below `into`, in the order in which they were written.
 */
export function deliver(feed: FeedName, delivery: Delivery, into: string): string[] {
  const from = join(DROPS, feed, delivery);
  const writtenAt = deliveryTimes();
  const timed = filesBelow(from).map((path) => ({ path, at: writtenAt(`${feed}/${delivery}/${path}`) }));
  timed.sort((a, b) => a.at.getTime() - b.at.getTime());
  for (const { path, at } of timed) {
    const file = join(into, path);
    mkdirSync(dirname(file), { recursive: true });
    copyFileSync(join(from, path), file);
    utimesSync(file, at, at);
  }
  return timed.map(({ path }) => path);
}
