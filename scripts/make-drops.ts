/**
 * Makes the sample drops: `npm run make:drops` (that is `tsx scripts/make-drops.ts`) writes fixtures/drops anew;
 * `-- --out DIR --scale 20000` writes large ones for benchmarks, at constant memory; `--feed zenoti` only one.
 */

import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeContentsquare } from './drops/contentsquare.ts';
import { makeExports } from './drops/exports.ts';
import { makeStitch } from './drops/stitch.ts';
import { makeZenoti } from './drops/zenoti.ts';

const FEEDS = {
  zenoti: makeZenoti,
  contentsquare: makeContentsquare,
  stitch: makeStitch,
  exports: makeExports,
} as const;

const { values } = parseArgs({
  options: { out: { type: 'string' }, scale: { type: 'string' }, feed: { type: 'string' } },
});
const out = values.out ?? fileURLToPath(new URL('../fixtures/drops', import.meta.url));
const scale = Number(values.scale ?? 1);
if (!Number.isSafeInteger(scale) || scale < 1)
  throw new Error(`--scale: expected a whole number from 1, found ${values.scale}`);

for (const [feed, make] of Object.entries(FEEDS)) {
  if (values.feed !== undefined && values.feed !== feed) continue;
  rmSync(`${out}/${feed}`, { recursive: true, force: true });
  await make(out, scale);
}
