import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Delivery, deliver, type FeedName } from '../../src/demo/deliver.ts';

const made: string[] = [];
process.on('exit', () => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

/** A new empty folder, gone when the test file is through. */
export function scratch(name = 'test'): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), `brigade-${name}-`));
  made.push(folder);
  return folder;
}

/** A folder as a copy of the vendor's bucket after the given deliveries. */
export function drop(feed: FeedName, ...deliveries: readonly Delivery[]): string {
  const folder = scratch(feed);
  for (const delivery of deliveries) deliver(feed, delivery, folder);
  return folder;
}
