import { createReadStream, createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import avro from 'avsc';

// 64-bit integers as strings: the only setting with which ids beyond 2^53 are exact.
const longType = avro.types.LongType.__with({
  fromBuffer: (buffer) => buffer.readBigInt64LE().toString(),
  toBuffer: () => Buffer.alloc(8),
  fromJSON: String,
  toJSON: String,
  isValid: () => true,
  compare: () => 0,
});
const toLines = new Transform({
  writableObjectMode: true,
  transform: (row, _, done) => done(null, `${JSON.stringify(row)}\n`),
});
const decoder = new avro.streams.BlockDecoder({
  parseHook: (schema) => avro.Type.forSchema(schema, { registry: { long: longType }, wrapUnions: false }),
});
await pipeline(
  createReadStream(process.argv[2]),
  decoder,
  toLines,
  createWriteStream(process.argv[3] ?? '/dev/null'),
);
