/// <reference path="./snappyjs.d.ts" />

/** Writing Avro object container files by avsc, with Snappy blocks and longs of any size. */

import { createHash } from 'node:crypto';
import { createWriteStream, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, deflateRawSync } from 'node:zlib';
import avro from 'avsc';
import { compress } from 'snappyjs';

/** An Avro long is 64 bits, zigzag; avsc hands its bytes over unpacked, little-endian. */
const longType = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
});

type Callback = (error: Error | null, bytes?: Buffer) => void;

const CODECS: Readonly<Record<string, (bytes: Buffer, done: Callback) => void>> = {
  null: (bytes, done) => done(null, bytes),
  deflate: (bytes, done) => done(null, deflateRawSync(bytes)),
  // Avro 1.11 specification, "snappy": each block is followed by the CRC32 of the uncompressed bytes, big-endian.
  snappy: (bytes, done) => {
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(bytes));
    done(null, Buffer.concat([compress(bytes), sum]));
  },
};

type AvroValue = null | string | bigint;
export type AvroRecord = Readonly<Record<string, AvroValue>>;

/** A field: a bare type, or a nullable union when its name ends in `?`. */
export interface AvroFile {
  readonly name: string;
  readonly fields: Readonly<Record<string, 'long' | 'long?' | 'string' | 'string?'>>;
  readonly records: Iterable<AvroRecord>;
  readonly codec?: keyof typeof CODECS;
}

/** Writes one file. The sync marker comes from the path, so that the bytes are the same every time. */
export async function writeAvro(root: string, path: string, file: AvroFile): Promise<void> {
  const fields = Object.entries(file.fields).map(([name, type]) =>
    type.endsWith('?') ? { name, type: ['null', type.slice(0, -1)], default: null } : { name, type },
  );
  const schema = { type: 'record', name: file.name, namespace: 'com.heap.export', fields } as avro.Schema;
  const type = avro.Type.forSchema(schema, { registry: { long: longType } });
  const encoder = new avro.streams.BlockEncoder(type, {
    codec: file.codec ?? 'snappy',
    codecs: CODECS as never,
    blockSize: 16 * 1024,
    syncMarker: createHash('md5').update(path).digest(),
  } as never);
  mkdirSync(dirname(join(root, path)), { recursive: true });
  await pipeline(Readable.from(file.records), encoder, createWriteStream(join(root, path)));
}
