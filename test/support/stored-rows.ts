/** Rows as files on the tests' S3 server, for engines that take files only. */

import { csvLines } from '../../scripts/drops/write.ts';
import { textOf } from '../../src/merge/engine.ts';
import { type Chunk, isControl } from '../../src/wire/types.ts';
import { s3Server } from './s3.ts';

let buckets = 0;

/** The stream with each run of rows as a CSV file of its own; NULL is an empty field. */
export async function* storedRows(input: AsyncIterable<Chunk>): AsyncIterable<Chunk> {
  const server = await s3Server();
  const bucket = `rows-${buckets++}`;
  await server.makeBucket(bucket);
  let files = 0;
  for await (const chunk of input) {
    if (isControl(chunk)) {
      yield chunk;
      continue;
    }
    const { table } = chunk;
    const names = (table.columns ?? []).map(({ name }) => name);
    const records = chunk.objects().map((row) => names.map((name) => textOf(row[name])));
    const key = `${files++}.csv`;
    const text = [...csvLines([names, ...records])].join('');
    await server.put(bucket, key, text);
    yield table;
    yield {
      $: 'file',
      uri: `s3://${bucket}/${key}`,
      table: table.table,
      format: 'csv',
      bytes: Buffer.byteLength(text),
      etag: key,
      modified: '2026-01-01T00:00:00Z',
    };
  }
}
