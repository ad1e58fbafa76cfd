import { mismatch } from '../errors.ts';
import { type AvroType, parseAvroSchema } from './avro-schema.ts';
import { type ByteSource, takeAll } from './byte-source.ts';

/** The beginning of an object container file (Avro 1.12 specification, "Object Container Files"). */
export interface AvroHeader {
  readonly schema: AvroType;
  readonly codec: string;
  /** The 16 bytes after each block. */
  readonly sync: Uint8Array;
}

const MAGIC = Buffer.from('Obj\x01', 'latin1');
/** The schema of a table with thousands of documented columns is below a megabyte. */
const MAX_METADATA = 64 * 2 ** 20;

/** Reads the header and not a byte more than it needs. Throws `UserError`. */
export async function readAvroHeader(source: ByteSource, name: string): Promise<AvroHeader> {
  const place = (): string => `${name} header (offset ${source.offset})`;
  const magic = await takeAll(source, 4, place, 'an Avro file');
  if (!MAGIC.equals(magic))
    throw mismatch(`${name} header`, 'an Avro file ("Obj" 0x01)', `0x${Buffer.from(magic).toString('hex')}`);
  const entries = new Map<string, Uint8Array>();
  const limit = source.offset + MAX_METADATA;
  for (;;) {
    let count = await takeLong(source, place, 'the number of metadata entries');
    if (count === 0) break;
    if (count < 0) {
      count = -count;
      await takeLong(source, place, 'the size of the metadata');
    }
    for (; count > 0; count--) {
      const key = Buffer.from(await takeText(source, place, limit, 'a metadata key')).toString('utf8');
      const value = await takeText(source, place, limit, `the metadata value ${JSON.stringify(key)}`);
      if (entries.has(key))
        throw mismatch(place(), 'one metadata value of a key', `${JSON.stringify(key)} twice`);
      entries.set(key, Uint8Array.from(value));
    }
  }
  const sync = Uint8Array.from(await takeAll(source, 16, place, 'a sync marker'));
  const json = entries.get('avro.schema');
  if (json === undefined) throw mismatch(`${name} header`, 'a schema ("avro.schema")', 'none');
  const codec = Buffer.from(entries.get('avro.codec') ?? []).toString('utf8');
  return {
    schema: parseAvroSchema(Buffer.from(json).toString('utf8'), `${name} schema`),
    codec: codec === '' ? 'null' : codec,
    sync,
  };
}

async function takeText(
  source: ByteSource,
  place: () => string,
  limit: number,
  what: string,
): Promise<Uint8Array> {
  const length = await takeLong(source, place, `the length of ${what}`);
  if (length < 0 || length > limit - source.offset) {
    throw mismatch(place(), `${what} of at most ${MAX_METADATA} bytes`, `a length of ${length}`);
  }
  return takeAll(source, length, place, what);
}

/** Takes an Avro long (a zigzag varint), waiting for it; up to 2^53, beyond that whatever is nearest. */
export async function takeLong(source: ByteSource, place: () => string, what: string): Promise<number> {
  let size = 0;
  for (let power = 1, bytes = 0; ; power *= 128) {
    if (source.held === 0 && (await source.fill(1)) === 0)
      throw mismatch(place(), what, 'the end of the file');
    const byte = source.take(1)[0]!;
    if (++bytes > 10) throw mismatch(place(), what, 'an integer of more than 10 bytes');
    size += (byte & 127) * power;
    if (byte < 128) break;
  }
  return size % 2 === 1 ? -(size + 1) / 2 : size / 2;
}
