import { acquireCsvKernel, releaseCsvKernel } from '../kernels/csv.ts';
import type { Chunk, TableLine } from '../wire/types.ts';
import { csvDialect } from './csv-dialect.ts';
import { csvReader } from './csv-rows.ts';
import { openText } from './encoding.ts';
import type { FormatCode, FormatInput } from './format.ts';
import { readRows } from './row-reader.ts';

/**
 * Delimited text by RFC 4180, with any one-byte delimiter and CRLF, LF or CR as line ends. Values stay the text they
 * are. An unquoted empty field is NULL, a quoted one is not; `null` names another text for NULL instead. Lines with
 * nothing on them are skipped when there is more than one column. Memory: some hundred KiB, or a few times the
 * longest record where that is more.
 */
export const csv: FormatCode = {
  columns: readHeader,
  decode,
};

async function* decode(input: FormatInput): AsyncIterable<Chunk> {
  const dialect = csvDialect(input);
  const { pieces, base } = await openText(input.bytes, input.options.encoding, input.name);
  const kernel = acquireCsvKernel();
  try {
    yield* readRows(csvReader(kernel, input, dialect, base), pieces, input.context.signal);
  } finally {
    releaseCsvKernel(kernel);
  }
}

async function readHeader(input: FormatInput): Promise<TableLine['columns']> {
  const dialect = csvDialect(input);
  if (dialect.header === 'no') return undefined;
  const { pieces, base } = await openText(input.bytes, input.options.encoding, input.name);
  const kernel = acquireCsvKernel();
  try {
    const reader = csvReader(kernel, input, dialect, base);
    const header = (final: boolean): TableLine['columns'] | null => {
      const first = reader.first(final);
      return first === undefined ? null : first.header ? first.columns : undefined;
    };
    for await (const piece of pieces) {
      for (let from = 0; from < piece.length; ) {
        from += reader.append(piece, from);
        const columns = header(false);
        if (columns !== null) return columns;
      }
    }
    return header(true) ?? undefined;
  } finally {
    releaseCsvKernel(kernel);
  }
}
