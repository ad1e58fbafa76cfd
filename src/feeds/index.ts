/** The table of feeds, by name. */

import { contentsquare as contentsquareListing } from './contentsquare.ts';
import { expandContentsquareManifest } from './contentsquare-manifest.ts';
import { exports } from './exports.ts';
import type { Feed } from './feed.ts';
import { STITCH_TEMPLATE, stitch as stitchListing } from './stitch.ts';
import { expandStitchWebhook } from './stitch-webhook.ts';
import { template } from './template.ts';
import { zenoti } from './zenoti.ts';

const contentsquare: Feed = { ...contentsquareListing, expand: expandContentsquareManifest };
const stitch: Feed = { ...stitchListing, expand: expandStitchWebhook(STITCH_TEMPLATE) };

export const feeds = { zenoti, contentsquare, stitch, exports, template } as const satisfies Readonly<
  Record<string, Feed>
>;

/** The feed of a name, or undefined. */
export function feedOf(name: string): Feed | undefined {
  return Object.hasOwn(feeds, name) ? feeds[name as keyof typeof feeds] : undefined;
}
