import type { FileHandle } from 'node:fs/promises';
import { mismatch } from '../../errors.ts';
import type { ParquetKernel } from '../../kernels/parquet.ts';
import { decompressPage } from './codecs.ts';
import type { Span } from './encodings.ts';
import type { ColumnChunk } from './metadata.ts';
import { type PageHeader, readPageHeader } from './page-header.ts';

export interface Page {
  readonly header: PageHeader;
  /** Where it lies decompressed in the kernel's memory, its levels first. */
  readonly span: Span;
  /** The name of that memory. */
  readonly region: string;
  /** Where the next page begins in the file. */
  readonly next: number;
}

/** Reads the page at `position` into the region that `regionOf` names. Throws `UserError`. */
export async function readPage(
  file: FileHandle,
  kernel: ParquetKernel,
  chunk: ColumnChunk,
  position: number,
  place: string,
  regionOf: (header: PageHeader) => string,
): Promise<Page> {
  const { header, length } = await readPageHeader(file, position, place);
  const { kind, compressedBytes, bytes, levelBytes } = header;
  const start = position + length;
  const next = start + compressedBytes;
  if (kind === 'other') return { header, region: '', span: { at: 0, end: 0 }, next };
  const region = regionOf(header);
  const at = kernel.region(region, bytes);
  const span = { at, end: at + bytes };
  const isCompressed = header.isCompressed && chunk.codec !== 0;
  if (!isCompressed && compressedBytes !== bytes)
    throw mismatch(place, `a page of ${bytes} bytes`, `one of ${compressedBytes}`);
  const input = isCompressed ? kernel.region('input', compressedBytes) : at;
  await readInto(file, kernel, { at: input, length: compressedBytes }, start, place);
  header.check(kernel.bytes.subarray(input, input + compressedBytes), place);
  if (!isCompressed) return { header, region, span, next };
  // Of a page of the second version, the levels before the values are not compressed.
  kernel.bytes.copy(kernel.bytes, at, input, input + levelBytes);
  const from = { at: input + levelBytes, end: input + compressedBytes };
  decompressPage(kernel, chunk.codec, from, { at: at + levelBytes, end: span.end }, place);
  return { header, region, span, next };
}

async function readInto(
  file: FileHandle,
  kernel: ParquetKernel,
  { at, length }: { readonly at: number; readonly length: number },
  from: number,
  place: string,
): Promise<void> {
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(kernel.bytes, at + done, length - done, from + done);
    if (bytesRead === 0)
      throw mismatch(place, `a page of ${length} bytes`, `the end of the file after ${done}`);
    done += bytesRead;
  }
}
