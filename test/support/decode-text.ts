import type { FormatCode, FormatOptions } from '../../src/formats/format.ts';
import { quietContext } from '../../src/stage.ts';
import { type Column, isControl, type RejectLine, type Row, type TableLine } from '../../src/wire/types.ts';

export interface DecodeCase {
  readonly pieces: readonly Uint8Array[];
  readonly columns?: readonly Column[];
  readonly options?: FormatOptions;
}

export interface Decoded {
  readonly rows: Row[];
  /** The table line each row stood under. */
  readonly tables: TableLine[];
  readonly rejects: RejectLine[];
  readonly text: string;
  /** The message of the error it ended with. */
  readonly error?: string;
}

export function formatInput({ pieces, columns, options = {} }: DecodeCase) {
  return {
    name: 'file',
    uri: 'file:///file',
    bytes: (async function* () {
      yield* pieces;
    })(),
    path: () => Promise.reject(new Error('not asked for')),
    table: { $: 'table', table: 't', ...(columns === undefined ? {} : { columns }) } as TableLine,
    options,
    context: quietContext(),
  };
}

/** Everything a format makes of a file. */
export async function decodeText(format: FormatCode, given: DecodeCase): Promise<Decoded> {
  const decoded = { rows: [] as Row[], tables: [] as TableLine[], rejects: [] as RejectLine[], text: '' };
  try {
    for await (const chunk of format.decode(formatInput(given))) {
      if (!isControl(chunk)) {
        const rows = chunk.objects();
        if (rows.length !== chunk.count) throw new Error(`run of ${chunk.count} holds ${rows.length} rows`);
        decoded.rows.push(...rows);
        decoded.tables.push(...rows.map(() => chunk.table));
        decoded.text += Buffer.from(chunk.ndjson()).toString('utf8');
      } else if (chunk.$ === 'reject') decoded.rejects.push(chunk);
      else throw new Error(`unexpected control line ${chunk.$}`);
    }
    return decoded;
  } catch (error) {
    if (!(error instanceof Error) || !['UserError', 'UsageError'].includes(error.name)) throw error;
    return { ...decoded, error: error.message };
  }
}

/** The bytes in one piece, in two at every offset, and byte by byte. */
export function* cuts(bytes: Uint8Array): Iterable<Uint8Array[]> {
  yield [bytes];
  for (let at = 1; at < bytes.length; at++) yield [bytes.slice(0, at), bytes.slice(at)];
  yield Array.from(bytes, (_, at) => bytes.slice(at, at + 1));
}

/** The bytes in pieces of `size`. */
export function piecesOf(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.slice(at * size, (at + 1) * size),
  );
}
