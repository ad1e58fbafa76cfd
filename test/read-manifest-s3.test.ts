import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
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

test('an object of another bucket is read where files outside the root are allowed, and refused where not', async () => {
  const server = await s3Server();
  const avro = 'fixtures/drops/contentsquare/first/sync_1000/user_migrations/c197432b.avro';
  const users = {
    name: 'user_migrations',
    columns: ['from_user_id', 'to_user_id', 'time'],
    files: ['s3://acme-other/elsewhere/m.avro'],
    incremental: false,
  };
  await server.makeBucket('acme-one');
  await server.makeBucket('acme-other');
  await server.put('acme-one', 'manifests/7.json', JSON.stringify({ dump_id: 7, tables: [users] }));
  await server.put('acme-other', 'elsewhere/m.avro', readFileSync(avro));
  const s3 = { endpoint: server.endpoint, region: 'us-east-1', pathStyle: true };
  await assert.rejects(readDrop('s3://acme-one/', 'contentsquare', s3), {
    message:
      's3://acme-one/manifests/7.json tables[0].files[0]: expected a file below s3://acme-one/ (or --allow-outside), found s3://acme-other/elsewhere/m.avro',
  });
  const lines = await readDrop('s3://acme-one/', 'contentsquare', { ...s3, allowOutside: true });
  const files = lines.filter((line) => (line as { $: string }).$ === 'file');
  assert.deepEqual(files, [
    {
      $: 'file',
      uri: 's3://acme-other/elsewhere/m.avro',
      table: 'user_migrations',
      format: 'avro',
      bytes: readFileSync(avro).length,
      role: 'data',
      seq: 0,
    },
  ]);
});
