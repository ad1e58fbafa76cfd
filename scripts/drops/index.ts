import { rmSync } from 'node:fs';
import { makeContentsquare } from './contentsquare.ts';
import { makeExports } from './exports.ts';
import { makeStitch } from './stitch.ts';
import { makeZenoti } from './zenoti.ts';

/** Each writes `OUT/<feed>/first` and `second`; rows grow with the scale, memory does not. */
export const makers = {
  zenoti: makeZenoti,
  contentsquare: makeContentsquare,
  stitch: makeStitch,
  exports: makeExports,
} as const;

export interface MakeDropsOptions {
  readonly out: string;
  /** Multiplies the number of rows; default 1. */
  readonly scale?: number;
  /** Default: all. */
  readonly feeds?: readonly string[];
}

/** Makes the drops anew, the same bytes for the same scale every time. */
export async function makeDrops({
  out,
  scale = 1,
  feeds = Object.keys(makers),
}: MakeDropsOptions): Promise<void> {
  for (const [feed, make] of Object.entries(makers)) {
    if (!feeds.includes(feed)) continue;
    rmSync(`${out}/${feed}`, { recursive: true, force: true });
    await make(out, scale);
  }
}
