import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

const file = await asyncBufferFromFile(process.argv[2]);
const metadata = await parquetMetadataAsync(file);
const out = createWriteStream(process.argv[3] ?? '/dev/null');
const plain = (_, value) => (typeof value === 'bigint' ? String(value) : value);
let start = 0;
for (const group of metadata.row_groups) {
  const end = start + Number(group.num_rows);
  for (const row of await parquetReadObjects({ file, metadata, compressors, rowStart: start, rowEnd: end })) {
    if (!out.write(`${JSON.stringify(row, plain)}\n`)) await once(out, 'drain');
  }
  start = end;
}
out.end();
