import { mismatch } from '../../errors.ts';
import type { ParquetKernel } from '../../kernels/parquet.ts';
import type { Leaf } from './leaf.ts';
import { PHYSICAL } from './metadata.ts';

/** A piece of the kernel's memory. */
export interface Span {
  readonly at: number;
  readonly end: number;
}

const ENCODINGS = {
  plain: 0,
  rle: 3,
  deltaBinaryPacked: 5,
  deltaLengthByteArray: 6,
  deltaByteArray: 7,
  byteStreamSplit: 9,
} as const;

const MAX_BYTES = 2 ** 30;

/**
 * The PLAIN form of the `values` of a page of at most `count` rows: where it lies. `region`: the name of the memory that
 * it may use. Throws `UserError`.
 */
export function placePlain(
  kernel: ParquetKernel,
  leaf: Leaf,
  encoding: number,
  values: Span,
  region: string,
  count: number,
  place: string,
): Span {
  const { functions } = kernel;
  const isBoolean = leaf.physical === PHYSICAL.boolean;
  const bad = (found: string): Error => mismatch(place, `values of the encoding ${nameOf(encoding)}`, found);

  // Numbers of `width` bytes from `at` on; `from` is where they stand, `next` what follows them.
  function deltas(at: number, width: number, name: string): { span: Span; next: number } {
    const total = functions.deltaCount(at, values.end);
    if (total < 0 || total > count) throw bad(`${total} values for ${count} rows`);
    const to = kernel.region(name, total * width);
    const end = functions.deltaValues(at, values.end, to, to + total * width, width);
    if (end === 0) throw bad('bytes that are none');
    return { span: { at: to, end }, next: functions.deltaEnd() };
  }

  switch (encoding) {
    case ENCODINGS.plain: {
      if (!isBoolean) return values;
      const at = kernel.region(region, 8 * (values.end - values.at));
      return { at, end: functions.unpackBooleans(values.at, values.end, at) };
    }
    case ENCODINGS.rle: {
      if (!isBoolean) break;
      const size = values.end - values.at < 4 ? 0 : kernel.bytes.readUInt32LE(values.at);
      if (size > values.end - values.at - 4) throw bad('a length beyond the page');
      const at = kernel.region(region, count);
      const found = functions.expandBooleans(values.at + 4, values.at + 4 + size, at, count);
      return { at, end: at + found };
    }
    case ENCODINGS.deltaBinaryPacked:
      if (leaf.physical !== PHYSICAL.int32 && leaf.physical !== PHYSICAL.int64) break;
      return deltas(values.at, leaf.width, region).span;
    case ENCODINGS.deltaLengthByteArray: {
      if (leaf.physical !== PHYSICAL.byteArray) break;
      const { span, next } = deltas(values.at, 4, 'lengths');
      const size = span.end - span.at + (values.end - next);
      const at = kernel.region(region, size);
      const end = functions.joinLengths(span.at, span.end, next, values.end, at, at + size);
      if (end === 0) throw bad('lengths beyond the page');
      return { at, end };
    }
    case ENCODINGS.deltaByteArray: {
      if (leaf.physical !== PHYSICAL.byteArray && leaf.physical !== PHYSICAL.fixed) break;
      const prefixes = deltas(values.at, 4, 'prefixes');
      const lengths = deltas(prefixes.next, 4, 'lengths');
      if (prefixes.span.end - prefixes.span.at !== lengths.span.end - lengths.span.at)
        throw bad('lengths that do not fit together');
      const size = functions.prefixedSize(prefixes.span.at, lengths.span.at, lengths.span.end);
      if (size > MAX_BYTES) throw bad(`${size} bytes`);
      const at = kernel.region(region, size);
      const end = functions.joinPrefixes(
        prefixes.span.at,
        lengths.span.at,
        lengths.span.end,
        lengths.next,
        values.end,
        at,
        at + size,
        leaf.width,
      );
      if (end === 0) throw bad('lengths beyond the page');
      return { at, end };
    }
    case ENCODINGS.byteStreamSplit: {
      if (leaf.width === 0 || isBoolean) break;
      const at = kernel.region(region, values.end - values.at);
      return { at, end: functions.joinStreams(values.at, values.end, at, leaf.width) };
    }
  }
  throw mismatch(place, 'an encoding that the column can have', nameOf(encoding));
}

function nameOf(encoding: number): string {
  return Object.entries(ENCODINGS).find(([, value]) => value === encoding)?.[0] ?? String(encoding);
}
