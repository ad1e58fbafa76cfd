/**
 * Makes the sample drops: `npm run make:drops` writes fixtures/drops anew; `npm run make:drops -- --out DIR
 * --scale 20000` writes large ones for benchmarks, at constant memory; `--feed zenoti` only one.
 */

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeDrops, makers } from './drops/index.ts';

const { values } = parseArgs({
  options: { out: { type: 'string' }, scale: { type: 'string' }, feed: { type: 'string' } },
});
const out = values.out ?? fileURLToPath(new URL('../fixtures/drops', import.meta.url));
const scale = Number(values.scale ?? 1);
if (!Number.isSafeInteger(scale) || scale < 1) {
  throw new Error(`--scale: expected a whole number from 1, found ${values.scale}`);
}
if (values.feed !== undefined && !Object.hasOwn(makers, values.feed)) {
  throw new Error(`--feed: expected one of ${Object.keys(makers).join(', ')}, found ${values.feed}`);
}
await makeDrops({ out, scale, ...(values.feed === undefined ? {} : { feeds: [values.feed] }) });
