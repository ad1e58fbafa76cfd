/** Whether a file is whole, for readers that do not tell. */

import { createReadStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { mismatch } from '../errors.ts';
import type { FileLine } from '../wire/types.ts';
import { codecNamed, codecOfPath } from './codecs/index.ts';
import { formatOfPath } from './index.ts';

const QUOTE = 0x22;

/**
 * Reads a local file that an engine is about to read by itself, and throws `UserError` where the compressed data are
 * damaged or cut off, or a CSV file ends within quotes: DuckDB takes what it got of such a file for all of it. Constant memory;
 * nothing is read of files that need no such look.
 */
export async function checkSound({ uri, codec, format }: FileLine): Promise<void> {
  const path = fileURLToPath(uri);
  const packed =
    codec === undefined ? codecOfPath(path) : codec === 'none' ? undefined : codecNamed(codec, `file ${uri}`);
  const isCsv = (format ?? formatOfPath(path)?.name) === 'csv';
  if (packed === undefined && !isCsv) return;
  const raw = createReadStream(path, { highWaterMark: 2 ** 18 });
  let quotes = 0;
  for await (const piece of packed === undefined ? raw : packed.decompress(raw, uri)) {
    if (!isCsv) continue;
    for (let at = piece.indexOf(QUOTE); at !== -1; at = piece.indexOf(QUOTE, at + 1)) quotes++;
  }
  if (quotes % 2 === 1)
    throw mismatch(`file ${uri}`, 'an end of every quoted field', `an odd number of quotes (${quotes})`);
}
