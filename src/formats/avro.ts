import { messageOf, mismatch, type UserError } from '../errors.ts';
import { runOfBytes } from '../wire/run.ts';
import { nextTurn } from '../wire/turn.ts';
import type { Chunk, TableLine } from '../wire/types.ts';
import { avroColumns, declaredTypes, rowRecord } from './avro-columns.ts';
import { type AvroHeader, readAvroHeader, takeLong } from './avro-header.ts';
import { type AvroKernel, type AvroStep, MAX_ROW_BYTES, openAvroKernel } from './avro-kernel.ts';
import { type LineCollector, lineCollector, type Position } from './avro-lines.ts';
import { type ByteSource, byteSource, takeAll } from './byte-source.ts';
import { blockCodecs, loadZlib } from './codecs/blocks.ts';
import type { FormatCode, FormatInput } from './format.ts';

/** The most bytes a block may have when decompressed; each is held whole unless it is stored as it is. */
const MAX_BLOCK_BYTES = 512 * 2 ** 20;
/** The most bytes of a compressed block. */
const MAX_COMPRESSED_BYTES = 2 ** 30;
/** Rows without any byte that a block may claim to hold. */
const MAX_EMPTY_ROWS = 1e6;
/** Bytes of a block that the kernel gets at a time. */
const WINDOW_BYTES = 256 * 1024;
// The first rows leave after little, as from other formats: V8 would compile the kernel a second time for more.
const FIRST_WINDOW_BYTES = 4 * 1024;
const NOTHING = new Uint8Array(0);

/**
 * Avro object container files → NDJSON, by the kernel `avro`. The file's own schema decides names, order and types;
 * a long or decimal is a string, bytes and fixed are base64, times are ISO 8601 with as many decimals as their unit,
 * a duration is `P1M2DT3.004S`. Inside `json` columns (maps, unions of unlike types, recursive records) a long is a
 * number as long as a double holds it exactly. A file whose schema is no record gives rows with the column `value`.
 * Rows leave in the file's order. Memory: a window of 256 KiB over stored blocks, a whole block over compressed ones.
 */
export const avro: FormatCode = {
  async columns(input) {
    const source = byteSource(input.bytes);
    try {
      return columnsOf(await readAvroHeader(source, input.name), input);
    } finally {
      await source.close();
    }
  },
  async *decode(input) {
    const source = byteSource(input.bytes);
    try {
      yield* decodeFile(source, input);
    } finally {
      await source.close();
    }
  },
};

function columnsOf(header: AvroHeader, { name, table }: FormatInput): NonNullable<TableLine['columns']> {
  const row = rowRecord(header.schema);
  const tooMany = (): Error => mismatch(`${name} schema`, 'at most 20000 columns', 'more');
  return declaredTypes(avroColumns(row, tooMany), table.columns);
}

async function* decodeFile(source: ByteSource, input: FormatInput): AsyncIterable<Chunk> {
  const { name, table: declared, context } = input;
  const header = await readAvroHeader(source, name);
  const table: TableLine = { ...declared, columns: columnsOf(header, input) };
  // The columns leave before what costs most at the start: the kernel, and what blocks are decompressed with.
  yield runOfBytes(table, NOTHING, 0);
  await nextTurn();
  context.signal.throwIfAborted();
  const kernel = openAvroKernel(rowRecord(header.schema));
  const lines = lineCollector(kernel, table, input);
  const at: Position = { block: 0, offset: 0, rowsBefore: 0, rowsDone: 0 };
  const place = (): string => `${name} block ${at.block} (offset ${at.offset})`;

  for (;;) {
    // What is written leaves before anything is waited for.
    if (source.held < 20) yield* lines.flush(at);
    if (source.held === 0 && (await source.fill(1)) === 0) break;
    context.signal.throwIfAborted();
    at.block++;
    at.offset = source.offset;
    const count = await takeLong(source, place, 'the number of its rows');
    const size = await takeLong(source, place, 'its size');
    if (count < 0) throw mismatch(place(), 'the number of its rows', String(count));
    if (size < 0) throw mismatch(place(), 'its size', String(size));
    if (kernel.program.leastBytes === 0 && count > MAX_EMPTY_ROWS) {
      throw mismatch(place(), `at most ${MAX_EMPTY_ROWS} rows without bytes`, String(count));
    }
    const block: Block = { source, kernel, lines, at, count, size, place };
    yield* header.codec === 'null' ? storedBlock(block) : compressedBlock(block, header.codec);
    if (source.held < 16) yield* lines.flush(at);
    const sync = await takeAll(source, 16, place, 'a sync marker behind it');
    if (!header.sync.every((byte, index) => byte === sync[index])) {
      throw mismatch(place(), `the sync marker ${hex(header.sync)} behind it`, hex(sync));
    }
    at.rowsBefore += at.rowsDone;
    at.rowsDone = 0;
  }
  yield* lines.flush(at);
}

/** A block about to be read. */
interface Block {
  readonly source: ByteSource;
  readonly kernel: AvroKernel;
  readonly lines: LineCollector;
  readonly at: Position;
  /** How many rows and bytes it says it has. */
  readonly count: number;
  readonly size: number;
  readonly place: () => string;
}

/** A block as it is: any size of it passes through the window. */
async function* storedBlock({ source, kernel, lines, at, count, size, place }: Block): AsyncIterable<Chunk> {
  kernel.clear();
  let left = size;
  let step: AvroStep = { kind: 'more' };
  while (step.kind !== 'done') {
    if (step.kind === 'more' && left > 0) {
      // Whatever is here is tried at once, but a row larger than the window only when twice as much of it is here.
      const held = kernel.held();
      if (held > MAX_ROW_BYTES) throw tooLong(place, at);
      const wanted = Math.min(left, Math.max(WINDOW_BYTES, held));
      const least = held < WINDOW_BYTES ? 1 : wanted;
      for (let got = 0; got < wanted; ) {
        if (source.held === 0) {
          if (got >= least) break;
          yield* lines.flush(at);
          if ((await source.fill(1)) === 0) throw cut(place, size);
        }
        const piece = source.takeSome(wanted - got);
        kernel.push(piece);
        got += piece.length;
        left -= piece.length;
      }
    }
    step = kernel.step(count - at.rowsDone, left);
    yield* lines.after(step, at, place);
  }
  checkEmpty(kernel.held() + left, place);
}

async function* compressedBlock(
  { source, kernel, lines, at, count, size, place }: Block,
  codec: string,
): AsyncIterable<Chunk> {
  if (size > MAX_COMPRESSED_BYTES)
    throw mismatch(place(), `a size of at most ${MAX_COMPRESSED_BYTES} bytes`, String(size));
  if (source.held < size) {
    yield* lines.flush(at);
    if ((await source.fill(size)) < size) throw cut(place, size);
  }
  const bytes = source.take(size);
  kernel.clear();
  const content =
    codec === 'snappy' ? await unsnap(kernel, bytes, place) : await decompress(bytes, codec, place);
  let pushed = 0;
  let step: AvroStep = { kind: 'more' };
  while (step.kind !== 'done') {
    if (step.kind === 'more' && pushed < content.length) {
      const isFirst = pushed === 0 && at.rowsBefore === 0;
      const wanted = isFirst ? FIRST_WINDOW_BYTES : Math.max(WINDOW_BYTES, kernel.held());
      if (wanted > MAX_ROW_BYTES) throw tooLong(place, at);
      kernel.push(content.subarray(pushed, pushed + wanted));
      pushed = Math.min(content.length, pushed + wanted);
    }
    step = kernel.step(count - at.rowsDone, content.length - pushed);
    yield* lines.after(step, at, place);
    if (step.kind === 'more' && at.rowsBefore === 0) yield* lines.flush(at);
  }
  checkEmpty(kernel.held() + content.length - pushed, place);
}

/** Decompresses into the kernel itself, and checks the CRC-32 of the content that stands behind each block. */
async function unsnap(kernel: AvroKernel, block: Uint8Array, place: () => string): Promise<Uint8Array> {
  if (block.length < 4) throw mismatch(place(), 'a Snappy block and its CRC', `${block.length} bytes`);
  const wrong = kernel.pushSnappy(block.subarray(0, -4), MAX_BLOCK_BYTES);
  if (wrong !== undefined) throw mismatch(place(), 'sound Snappy data', wrong);
  const expected = Buffer.from(block.subarray(-4)).readUInt32BE();
  const { crc32 } = await loadZlib();
  const found = crc32(kernel.view());
  if (found !== expected) throw mismatch(place(), `content with the CRC ${hexOf(expected)}`, hexOf(found));
  return NOTHING;
}

async function decompress(block: Uint8Array, codec: string, place: () => string): Promise<Uint8Array> {
  const load = Object.hasOwn(blockCodecs, codec) ? blockCodecs[codec] : undefined;
  if (load === undefined) {
    throw mismatch(
      place(),
      `a codec of ${['null', 'snappy', ...Object.keys(blockCodecs)].join(', ')}`,
      codec,
    );
  }
  try {
    return (await load())(block, MAX_BLOCK_BYTES);
  } catch (error) {
    throw mismatch(place(), `sound ${codec} data`, messageOf(error), error);
  }
}

function cut(place: () => string, size: number): UserError {
  return mismatch(place(), `its ${size} bytes`, 'the end of the file');
}

function tooLong(place: () => string, at: Position): UserError {
  const row = at.rowsBefore + at.rowsDone + 1;
  return mismatch(`${place()} row ${row}`, `a row of at most ${MAX_ROW_BYTES / 2 ** 20} MiB`, 'more');
}

function checkEmpty(bytes: number, place: () => string): void {
  if (bytes > 0) throw mismatch(place(), 'its end after its last row', `${bytes} more bytes`);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function hexOf(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}
