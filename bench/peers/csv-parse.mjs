// node csv-parse.mjs FILE|FOLDER [OUTPUT]
import { createReadStream, createWriteStream, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { parse } from 'csv-parse';

const [path, output = '/dev/null'] = process.argv.slice(2);
const files = statSync(path).isDirectory()
  ? readdirSync(path)
      .sort()
      .map((name) => join(path, name))
  : [path];
const out = createWriteStream(output);
for (const file of files) {
  const toLines = new Transform({
    writableObjectMode: true,
    transform: (row, _, done) => done(null, `${JSON.stringify(row)}\n`),
  });
  const unpack = file.endsWith('.gz') ? createGunzip() : new PassThrough();
  await pipeline(createReadStream(file), unpack, parse({ columns: true }), toLines, out, { end: false });
}
out.end();
