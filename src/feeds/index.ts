/** The table of feeds, by name. */

import { contentsquare } from './contentsquare.ts';
import { exports } from './exports.ts';
import type { Feed } from './feed.ts';
import { stitch } from './stitch.ts';
import { template } from './template.ts';
import { zenoti } from './zenoti.ts';

export const feeds = { zenoti, contentsquare, stitch, exports, template } as const satisfies Readonly<
  Record<string, Feed>
>;

export type FeedName = keyof typeof feeds;

/** The feed of a name, or undefined. */
export function feedOf(name: string): Feed | undefined {
  return Object.hasOwn(feeds, name) ? feeds[name as FeedName] : undefined;
}
