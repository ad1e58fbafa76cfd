import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import parquet from 'parquetjs-lite';

const reader = await parquet.ParquetReader.openFile(process.argv[2]);
const cursor = reader.getCursor();
const out = createWriteStream(process.argv[3] ?? '/dev/null');
const plain = (_, value) => (typeof value === 'bigint' ? String(value) : value);
for (let row = await cursor.next(); row; row = await cursor.next()) {
  if (!out.write(`${JSON.stringify(row, plain)}\n`)) await once(out, 'drain');
}
out.end();
await reader.close();
