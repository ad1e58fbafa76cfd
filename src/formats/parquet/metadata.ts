import type { FileHandle } from 'node:fs/promises';
import { mismatch } from '../../errors.ts';
import {
  asStruct,
  listOf,
  numberOf,
  readThrift,
  structOf,
  type ThriftStruct,
  type ThriftValue,
  textOf,
} from './thrift.ts';

/**
 * The footer of a Parquet file (https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift):
 * what reading its rows needs, with the numbers that the specification gives to types, codecs and encodings.
 */
export interface ParquetMetadata {
  /** Of the whole file; what has been read must come to the same. */
  readonly rows: number;
  /** The columns of a row; the root itself is left out. */
  readonly schema: readonly SchemaNode[];
  readonly rowGroups: readonly RowGroup[];
}

export interface SchemaNode {
  readonly name: string;
  readonly children: readonly SchemaNode[];
  /** Physical type: 0 BOOLEAN, 1 INT32, 2 INT64, 3 INT96, 4 FLOAT, 5 DOUBLE, 6 BYTE_ARRAY, 7 FIXED_LEN_BYTE_ARRAY. */
  readonly type: number | undefined;
  readonly typeLength: number;
  /** 0 required, 1 optional, 2 repeated. */
  readonly repetition: number;
  readonly convertedType: number | undefined;
  readonly scale: number;
  readonly precision: number;
  /** The number of its field in the union LogicalType, and what stands there. */
  readonly logicalType: { readonly id: number; readonly parts: ThriftStruct } | undefined;
}

export interface RowGroup {
  readonly rows: number;
  readonly chunks: readonly ColumnChunk[];
}

/** The pages of one column in one row group. */
export interface ColumnChunk {
  readonly path: readonly string[];
  readonly codec: number;
  readonly encodings: readonly number[];
  readonly values: number;
  /** Where its first page begins, and how many bytes they all take, headers included. */
  readonly offset: number;
  readonly bytes: number;
  readonly uncompressedBytes: number;
  /** In another file, or encrypted. */
  readonly elsewhere: boolean;
}

export const PHYSICAL = {
  boolean: 0,
  int32: 1,
  int64: 2,
  int96: 3,
  float: 4,
  double: 5,
  byteArray: 6,
  fixed: 7,
} as const;

const MAGIC = 'PAR1';
const ENCRYPTED = 'PARE';
// A magic word at either end, and the length of the footer before the last.
const LEAST_BYTES = 12;

/** Reads the footer. Throws `UserError`; a file that was cut is told from one that is damaged. */
export async function readMetadata(file: FileHandle, name: string): Promise<ParquetMetadata> {
  const bytes = await footerBytes(file, name);
  try {
    return metadataOf(readThrift(bytes, 0).struct);
  } catch (error) {
    throw mismatch(
      name,
      'a readable Parquet file',
      `a footer that makes no sense (${(error as Error).message})`,
      error,
    );
  }
}

async function footerBytes(file: FileHandle, name: string): Promise<Uint8Array> {
  const { size } = await file.stat();
  const read = async (position: number, length: number) => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  };
  const head = size === 0 ? 'nothing' : (await read(0, 8)).toString('latin1', 0, 4);
  if (head === ENCRYPTED) throw mismatch(name, 'a Parquet file without encryption', 'an encrypted one');
  if (head !== MAGIC)
    throw mismatch(
      name,
      `a Parquet file, which begins with ${MAGIC}`,
      size === 0 ? 'an empty file' : JSON.stringify(head),
    );
  const tail = size < LEAST_BYTES ? Buffer.alloc(8) : await read(size - 8, 8);
  if (size < LEAST_BYTES || tail.toString('latin1', 4) !== MAGIC) {
    throw mismatch(name, `a Parquet footer and ${MAGIC} at the end`, `a file cut after ${size} bytes`);
  }
  const length = tail.readUInt32LE(0);
  if (length > size - LEAST_BYTES)
    throw mismatch(name, `a footer within ${size} bytes`, `one of ${length} bytes`);
  return read(size - 8 - length, length);
}

function metadataOf(struct: ThriftStruct): ParquetMetadata {
  const elements = structs(listOf(struct, 2));
  let at = 0;
  function node(depth: number): SchemaNode {
    const element = elements[at++];
    if (element === undefined || depth > 1000) throw new Error('expected a complete schema, found one cut');
    const children: SchemaNode[] = [];
    for (let left = numberOf(element, 5) ?? 0; left > 0; left--) children.push(node(depth + 1));
    const logical = Object.entries(structOf(element, 10) ?? {})[0];
    return {
      name: textOf(element, 4) ?? '',
      children,
      type: numberOf(element, 1),
      typeLength: numberOf(element, 2) ?? 0,
      repetition: numberOf(element, 3) ?? 0,
      convertedType: numberOf(element, 6),
      scale: numberOf(element, 7) ?? 0,
      precision: numberOf(element, 8) ?? 0,
      logicalType:
        logical === undefined ? undefined : { id: Number(logical[0]), parts: asStruct(logical[1]) ?? {} },
    };
  }
  const root = node(0);
  return {
    rows: needed(numberOf(struct, 3), 'a number of rows'),
    schema: root.children,
    rowGroups: structs(listOf(struct, 4)).map((group) => ({
      rows: needed(numberOf(group, 3), 'the rows of a row group'),
      chunks: structs(listOf(group, 1)).map(chunkOf),
    })),
  };
}

function chunkOf(chunk: ThriftStruct): ColumnChunk {
  const facts = structOf(chunk, 3) ?? {};
  const dictionary = numberOf(facts, 11) ?? 0;
  const data = numberOf(facts, 9) ?? 0;
  return {
    path: listOf(facts, 3).map((part) => (part instanceof Uint8Array ? Buffer.from(part).toString() : '')),
    codec: numberOf(facts, 4) ?? 0,
    encodings: listOf(facts, 2).filter((encoding) => typeof encoding === 'number'),
    values: numberOf(facts, 5) ?? 0,
    // Some writers say 0 where they have no dictionary.
    offset: dictionary > 0 && dictionary < data ? dictionary : data,
    bytes: numberOf(facts, 7) ?? 0,
    uncompressedBytes: numberOf(facts, 6) ?? 0,
    elsewhere: chunk[1] !== undefined || chunk[8] !== undefined || structOf(chunk, 3) === undefined,
  };
}

function structs(values: readonly ThriftValue[]): ThriftStruct[] {
  return values.map((value) => asStruct(value) ?? {});
}

function needed(value: number | undefined, what: string): number {
  if (value === undefined || value < 0) throw new Error(`expected ${what}, found ${value ?? 'none'}`);
  return value;
}
