import { createReadStream, createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import csv from 'csv-parser';

const toLines = new Transform({
  writableObjectMode: true,
  transform: (row, _, done) => done(null, `${JSON.stringify(row)}\n`),
});
await pipeline(
  createReadStream(process.argv[2]),
  csv(),
  toLines,
  createWriteStream(process.argv[3] ?? '/dev/null'),
);
