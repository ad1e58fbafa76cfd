import { createReadStream, createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import Papa from 'papaparse';

const toLines = new Transform({
  writableObjectMode: true,
  transform: (row, _, done) => done(null, `${JSON.stringify(row)}\n`),
});
await pipeline(
  createReadStream(process.argv[2]),
  Papa.parse(Papa.NODE_STREAM_INPUT, { header: true }),
  toLines,
  createWriteStream(process.argv[3] ?? '/dev/null'),
);
