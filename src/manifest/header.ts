/** What the header of one file says of its columns, from as few of its bytes as possible. */

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Feed } from '../feeds/feed.ts';
import type { Format } from '../formats/format.ts';
import { type FormatName, formats } from '../formats/index.ts';
import { openFiles } from '../formats/read-file.ts';
import { makeTemporaryDirectory, removeTemporaryDirectory } from '../formats/temporary-files.ts';
import type { Context } from '../stage.ts';
import type { Store } from '../stores/store.ts';
import { type Column, type FileLine, isControl } from '../wire/types.ts';

export interface HeaderOptions {
  readonly store: Store;
  readonly context: Context;
  /** How the feed writes its CSV files. */
  readonly csv: Feed['csv'] | undefined;
}

/**
 * The columns of a file: of its Avro schema, Parquet footer or CSV header; of a zip the first member's; undefined for formats that do not say.
 * Throws `UserError` when the file is damaged or not there.
 */
export async function readHeader(
  file: FileLine,
  { store, context, csv }: HeaderOptions,
): Promise<readonly Column[] | undefined> {
  // A format that does not say need not be asked.
  const format: Format | undefined = formats[file.format as FormatName];
  if (format?.columns === undefined && file.format !== undefined) return undefined;
  const isRemoteParquet =
    file.format === 'parquet' && file.member === undefined && store.localPath(file.uri) === undefined;
  if (!isRemoteParquet) return columnsOf(file, store, context, csv);
  const directory = await makeTemporaryDirectory();
  try {
    const path = join(directory, 'footer.parquet');
    await copyEnds(file, store, path);
    return await columnsOf(file, { ...store, localPath: () => path }, context, csv);
  } finally {
    await removeTemporaryDirectory(directory);
  }
}

async function columnsOf(file: FileLine, store: Store, context: Context, csv: Feed['csv'] | undefined) {
  for await (const opened of openFiles(file, { store, context, formatOptions: csv ?? {} })) {
    return await opened.columns({ $: 'table', table: file.table ?? '' });
  }
  return undefined;
}

/** The members of a file's first row, where no header tells the columns; undefined of an empty file. */
export async function readFirstRow(
  file: FileLine,
  { store, context, csv }: HeaderOptions,
): Promise<readonly Column[] | undefined> {
  for await (const opened of openFiles(file, { store, context, formatOptions: csv ?? {} })) {
    for await (const chunk of opened.decode({ $: 'table', table: file.table ?? '' })) {
      if (isControl(chunk) || chunk.count === 0) continue;
      return Object.keys(chunk.objects()[0]!).map((name) => ({ name }));
    }
  }
  return undefined;
}

const END_BYTES = 64 * 1024;

/** A Parquet footer stands at the end of its file, its length 8 bytes before it; between the two ends the copy has a hole. */
async function copyEnds(file: FileLine, store: Store, path: string): Promise<void> {
  const bytes = file.bytes ?? (await store.stat(file.uri)).bytes;
  const etag = file.etag === undefined ? {} : { etag: file.etag };
  const copy = await open(path, 'wx+', 0o600);
  try {
    const copyRange = async (start: number, end: number) => {
      let position = start;
      for await (const piece of store.read(file.uri, { start, end, ...etag })) {
        await copy.write(piece, 0, piece.length, position);
        position += piece.length;
      }
    };
    await copy.truncate(bytes);
    const tail = Math.max(0, bytes - END_BYTES);
    await copyRange(0, Math.min(8, bytes));
    await copyRange(tail, bytes);
    const last = Buffer.alloc(8);
    await copy.read(last, 0, 8, Math.max(0, bytes - 8));
    const footer = bytes - 8 - last.readUInt32LE(0);
    if (footer > 0 && footer < tail) await copyRange(footer, tail);
  } finally {
    await copy.close();
  }
}
