import type { FileHandle } from 'node:fs/promises';
import { mismatch } from '../../errors.ts';
import type { ParquetKernel } from '../../kernels/parquet.ts';
import { placePlain, type Span } from './encodings.ts';
import type { Leaf } from './leaf.ts';
import type { ColumnChunk } from './metadata.ts';
import { readPage } from './page.ts';
import type { PageHeader } from './page-header.ts';
import type { Spill, SpilledValues } from './spill.ts';

/** A column on its way through one row group. */
export interface ColumnPages {
  /** Gives the kernel the next page of rows. Throws `UserError` on anything that is not right. */
  next(): Promise<void>;
  /** Gives it more values of the page; false if there are none. */
  refill(): Promise<boolean>;
}

// https://github.com/apache/parquet-format/blob/master/Encodings.md
const PLAIN = 0;
const PLAIN_DICTIONARY = 2;
const RLE = 3;
const RLE_DICTIONARY = 8;

/** The memory of a page that is looked at once. */
const SHARED = 'raw';
/** Of values on disk, so many bytes are in memory. */
const WINDOW_BYTES = 256 * 1024;

/** `place`: what messages call the chunk; `index`: the column's number in the kernel. */
export function columnPages(
  file: FileHandle,
  kernel: ParquetKernel,
  leaf: Leaf,
  index: number,
  chunk: ColumnChunk,
  spill: Spill,
  place: string,
): ColumnPages {
  const { functions } = kernel;
  let position = chunk.offset;
  let rows = 0;
  let hasDictionary = false;
  // Values of the page that wait on disk.
  let spilled: SpilledValues | undefined;
  const own = (what: string): string => `${what} ${index}`;

  function setDictionary(count: number, { at, end }: Span): void {
    const entries = kernel.region(own('entries'), 8 * count);
    for (let room = (end - at) * 1.25 + 32 * count + 1024; ; room *= 2) {
      const text = kernel.region(own('texts'), room);
      const status = functions.setDictionary(index, count, at, end, entries, text, text + room);
      if (status === 1)
        throw mismatch(
          place,
          `a dictionary of ${count} values of type ${leaf.column.type}`,
          'bytes that are none',
        );
      if (status !== 0) break;
    }
    hasDictionary = true;
  }

  function setPage(count: number, levels: Span, values: Span, width?: number): void {
    const inDictionary = Number(width !== undefined);
    functions.setPage(index, count, levels.at, levels.end, values.at, values.end, inDictionary, width ?? 0);
  }

  // A page in memory that other columns use too: what is needed of it later goes elsewhere.
  function keep(name: string, { at, end }: Span): Span {
    const to = kernel.region(own(name), end - at);
    kernel.bytes.copyWithin(to, at, end);
    return { at: to, end: to + (end - at) };
  }

  async function setRows(page: RowsPage, isOwn: boolean): Promise<void> {
    const { count, encoding, values } = page;
    const levels = isOwn ? page.levels : keep('levels', page.levels);
    if (encoding === PLAIN_DICTIONARY || encoding === RLE_DICTIONARY) {
      if (!hasDictionary) throw mismatch(place, 'a dictionary before its first page', 'none');
      const { at, end } = isOwn ? values : keep('page', values);
      // A page of nothing but NULL may have no byte at all.
      const width = end > at ? kernel.bytes[at]! : 0;
      if (width > 32) throw mismatch(place, 'dictionary numbers of at most 32 bits', `${width}`);
      setPage(count, levels, { at: Math.min(at + 1, end), end }, width);
      return;
    }
    const plain = placePlain(kernel, leaf, encoding, values, isOwn ? own('plain') : 'plain', count, place);
    if (!isOwn) spilled = await spill.put(plain);
    setPage(count, levels, isOwn ? plain : { at: plain.at, end: plain.at });
  }

  return {
    async next() {
      spilled = undefined;
      for (;;) {
        const page = await readPage(file, kernel, chunk, position, place, ({ kind, bytes }) =>
          kind === 'rows' && spill.hasRoom(own('page'), bytes) ? own('page') : SHARED,
        );
        const { header, span } = page;
        position = page.next;
        if (header.kind === 'dictionary') {
          if (header.encoding !== PLAIN && header.encoding !== PLAIN_DICTIONARY)
            throw mismatch(place, 'a dictionary of PLAIN values', `encoding ${header.encoding}`);
          if (header.values > header.bytes + 1)
            throw mismatch(place, `a dictionary of at most ${header.bytes} values`, String(header.values));
          setDictionary(header.values, span);
        } else if (header.kind === 'rows' && header.values > 0) {
          if (header.values > chunk.values - rows)
            throw mismatch(place, `${chunk.values} values`, `${rows + header.values} at least`);
          rows += header.values;
          await setRows(
            rowsPage(kernel.bytes, header, span, leaf.nullable, place),
            page.region === own('page'),
          );
          return;
        }
      }
    },
    async refill() {
      if (spilled === undefined || spilled.left === 0) return false;
      const at = functions.getValues(index);
      const rest = functions.getValuesEnd(index) - at;
      // Moved or not, what was in the region is still there.
      const size = Math.max(WINDOW_BYTES, 2 * rest);
      const window = kernel.region(own('window'), size);
      kernel.bytes.copyWithin(window, at, at + rest);
      const read = await spilled.read(window + rest, size - rest);
      functions.setValues(index, window, window + rest + read);
      return read > 0;
    },
  };
}

interface RowsPage {
  readonly count: number;
  readonly encoding: number;
  /** What says which values are NULL. */
  readonly levels: Span;
  readonly values: Span;
}

function rowsPage(
  bytes: Buffer,
  header: PageHeader,
  { at, end }: Span,
  nullable: boolean,
  place: string,
): RowsPage {
  const { values: count, encoding } = header;
  const behind = at + header.levelBytes;
  if (!nullable || header.secondVersion)
    return {
      count,
      encoding,
      levels: { at: behind - header.definitionBytes, end: behind },
      values: { at: behind, end },
    };
  if (header.levelEncoding !== RLE)
    throw mismatch(place, 'levels in RLE encoding', `encoding ${header.levelEncoding}`);
  const size = end - at < 4 ? 0 : bytes.readUInt32LE(at);
  const levels = { at: at + 4, end: at + 4 + size };
  if (levels.end > end) throw mismatch(place, `levels of at most ${end - at - 4} bytes`, String(size));
  return { count, encoding, levels, values: { at: levels.end, end } };
}
