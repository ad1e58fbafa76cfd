import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readManifest } from '../src/commands/read-manifest.ts';
import { listGroups } from '../src/feeds/list.ts';
import { quietContext } from '../src/stage.ts';
import { type Chunk, isControl } from '../src/wire/types.ts';
import { s3Server } from './support/s3.ts';

process.env['AWS_ACCESS_KEY_ID'] = 'test';
process.env['AWS_SECRET_ACCESS_KEY'] = 'test';

const context = quietContext();

/** The listing of a sample drop, read; file lines and times without what differs between a folder and a bucket. */
async function readDrop(root: string, feed: string, s3: object = {}): Promise<readonly unknown[]> {
  const chunks: Chunk[] = [];
  const lines = listGroups(root, { feed, settle: 0, name: 'same', ...s3 })(context);
  for await (const chunk of readManifest(s3)(lines, context)) chunks.push(chunk);
  const prefix = chunks.find((chunk) => isControl(chunk) && chunk.$ === 'feed');
  assert.ok(prefix !== undefined && 'root' in prefix);
  return chunks.map((chunk) => {
    const { etag, modified, digest, ...rest } = chunk as unknown as Record<string, unknown>;
    return JSON.parse(JSON.stringify(rest).replaceAll(prefix.root, 'ROOT/'));
  });
}

for (const [feed, prefix] of [
  ['contentsquare', ''],
  ['exports', 'a/b/'],
] as const) {
  test(`a drop of ${feed} in a bucket is read as its copy in a folder is`, async () => {
    const server = await s3Server();
    const folder = `fixtures/drops/${feed}/first`;
    // Where the manifests of the sample say that it lies.
    const bucket = feed === 'contentsquare' ? 'acme-contentsquare' : 'acme-exports';
    await server.upload(bucket, folder, { prefix });
    const s3 = { endpoint: server.endpoint, region: 'us-east-1', pathStyle: true };
    const there = await readDrop(`s3://${bucket}/${prefix}`, feed, s3);
    assert.ok(there.length > 8);
    assert.deepEqual(there, await readDrop(folder, feed));
  });
}
