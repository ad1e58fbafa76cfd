import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeDrops } from '../scripts/drops/index.ts';
import { DROPS, deliver, deliveryTimes, FEEDS, filesBelow } from '../src/demo/deliver.ts';
import { openDuckDB, quoteText } from '../src/duckdb.ts';
import { scratch } from './support/scratch.ts';

const MAX_BYTES = 1_000_000;

test('the sample drops are what the script makes', async () => {
  const made = scratch('drops');
  await makeDrops({ out: made });
  const committed = filesBelow(DROPS).filter((path) => path.includes('/'));
  assert.deepEqual(filesBelow(made), committed);
  for (const path of committed) {
    // Another version of DuckDB or zlib may write other bytes that say the same.
    if (path.endsWith('.parquet'))
      assert.deepEqual(await parquetRows(join(made, path)), await parquetRows(join(DROPS, path)), path);
    else if (!path.endsWith('.zip') && !path.endsWith('.avro'))
      assert.deepEqual(readFileSync(join(made, path)), readFileSync(join(DROPS, path)), path);
  }
});

test('the sample drops are small enough to be packed', () => {
  const bytes = filesBelow(DROPS).reduce((sum, path) => sum + statSync(join(DROPS, path)).size, 0);
  assert.ok(bytes < MAX_BYTES, `${bytes} bytes`);
});

test('a delivery has the times at which the vendor wrote it, the oldest first', () => {
  const folder = scratch('delivery');
  const writtenAt = deliveryTimes();
  for (const feed of FEEDS) {
    const root = join(folder, feed);
    for (const delivery of ['first', 'second'] as const) {
      const times = deliver(feed, delivery, root).map((path) => {
        const at = statSync(join(root, path)).mtime;
        assert.deepEqual(at, writtenAt(`${feed}/${delivery}/${path}`));
        return at.getTime();
      });
      assert.deepEqual(
        times,
        [...times].sort((a, b) => a - b),
      );
    }
  }
});

async function parquetRows(path: string): Promise<unknown> {
  const database = await openDuckDB();
  try {
    return (
      await database.run(
        `SELECT COLUMNS(*)::VARCHAR FROM read_parquet(${quoteText(path)}, hive_partitioning = false)`,
      )
    ).getRows();
  } finally {
    database.close();
  }
}
