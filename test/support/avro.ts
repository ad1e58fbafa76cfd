/// <reference path="../../scripts/drops/snappyjs.d.ts" />

/** Writes Avro files by hand around rows that avsc has encoded, and decodes files in memory. */

import { execFileSync, spawnSync } from 'node:child_process';
import { crc32, deflateRawSync } from 'node:zlib';
import avsc from 'avsc';
import { compress as snappy } from 'snappyjs';
import { avro } from '../../src/formats/avro.ts';
import type { FormatInput, FormatOptions } from '../../src/formats/format.ts';
import { quietContext } from '../../src/stage.ts';
import { type Chunk, type Column, isControl, type RejectLine } from '../../src/wire/types.ts';

/** 64-bit longs as BigInt, unions always wrapped; so that nothing is guessed. */
const longType = avsc.types.LongType.__with({
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

const typeHook = (schema: unknown): avsc.Type | undefined =>
  schema === 'long' || (schema as { type?: unknown }).type === 'long' ? longType : undefined;

export function typeOf(schema: unknown): avsc.Type {
  return avsc.Type.forSchema(schema as avsc.Schema, { typeHook, wrapUnions: true });
}

export interface AvroParts {
  readonly schema: unknown;
  readonly codec: string;
  readonly blocks: readonly { readonly count: number; readonly data: Buffer }[];
}

/** Without the command `bzip2` there are no blocks of that codec to be written. */
export const hasBzip2 = spawnSync('bzip2', ['--version'], { input: '' }).error === undefined;

/** The marker behind each block. */
export const SYNC = Buffer.from('00ff0102030405060708090a0b0c0d0e', 'hex');

/** An Avro long. */
export function varint(n: number | bigint): Buffer {
  let rest = BigInt.asUintN(64, (BigInt(n) << 1n) ^ (BigInt(n) >> 63n));
  const bytes: number[] = [];
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

const text = (value: string): Buffer => Buffer.concat([varint(Buffer.byteLength(value)), Buffer.from(value)]);

/** An object container file, as the specification draws it. */
export function avroFile({ schema, codec, blocks }: AvroParts): Buffer {
  return Buffer.concat([
    Buffer.from('Obj\x01', 'latin1'),
    varint(2),
    text('avro.schema'),
    text(JSON.stringify(schema)),
    text('avro.codec'),
    text(codec),
    varint(0),
    SYNC,
    ...blocks.flatMap(({ count, data }) => {
      const stored = compressBlock(codec, data);
      return [varint(count), varint(stored.length), stored, SYNC];
    }),
  ]);
}

function compressBlock(codec: string, data: Buffer): Buffer {
  if (codec === 'deflate') return deflateRawSync(data);
  if (codec === 'snappy') {
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(data));
    return Buffer.concat([snappy(data), sum]);
  }
  if (codec === 'zstandard') return zstdStored(data);
  if (codec === 'bzip2') return execFileSync('bzip2', ['-c'], { input: data });
  return data;
}

/** A Zstandard frame (RFC 8878) of raw blocks, without checksum: there is no compressor in Node 20. */
function zstdStored(data: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from('28b52ffd0040', 'hex')];
  for (let at = 0; ; at += 1000) {
    const part = data.subarray(at, at + 1000);
    const head = Buffer.alloc(3);
    head.writeUIntLE((part.length << 3) | (at + 1000 >= data.length ? 1 : 0), 0, 3);
    parts.push(head, part);
    if (at + 1000 >= data.length) return Buffer.concat(parts);
  }
}

export interface DecodedAvro {
  readonly input: FormatInput;
  readonly chunks: readonly Chunk[];
  readonly rejects: readonly RejectLine[];
  readonly text: string;
  readonly count: number;
  readonly columns: readonly Column[] | undefined;
}

/** Decodes a file given in pieces, as table `t` with the columns declared. */
export async function decodeAvro(
  parts: Iterable<Uint8Array>,
  { columns, ...options }: FormatOptions & { columns?: readonly Column[] } = {},
): Promise<DecodedAvro> {
  const input: FormatInput = {
    name: 'x.avro',
    uri: 'file:///x.avro',
    bytes: (async function* () {
      yield* parts;
    })(),
    path: async () => '',
    table: { $: 'table', table: 't', ...(columns === undefined ? {} : { columns }) },
    options,
    context: quietContext(),
  };
  const chunks: Chunk[] = [];
  let lines = '';
  let count = 0;
  let found: readonly Column[] | undefined;
  for await (const chunk of avro.decode(input)) {
    chunks.push(chunk);
    if (isControl(chunk)) {
      if (chunk.$ === 'table') found = chunk.columns;
      continue;
    }
    lines += Buffer.from(chunk.ndjson()).toString();
    count += chunk.count;
    found = chunk.table.columns;
  }
  const rejects = chunks.filter((chunk) => isControl(chunk) && chunk.$ === 'reject') as RejectLine[];
  return { input, chunks, rejects, text: lines, count, columns: found };
}

/** The rows decoded, unescaped. */
export function rowsOf(decoded: DecodedAvro): unknown[] {
  return decoded.chunks.flatMap((chunk) =>
    isControl(chunk) ? [] : chunk.objects().map((row) => ({ ...row })),
  );
}

export function pieces(bytes: Uint8Array, size: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) parts.push(bytes.subarray(at, at + size));
  return parts;
}
