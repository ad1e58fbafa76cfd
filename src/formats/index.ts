import { UserError } from '../errors.ts';
import { nextTurn } from '../wire/turn.ts';
import type { Format, FormatCode } from './format.ts';

/** Every format, by name. */
export const formats = {
  csv: {
    name: 'csv',
    extensions: ['.csv', '.tsv', '.psv'],
    fleetingPieces: true,
    detect: () => false,
    ...loaded(async () => (await import('./csv.ts')).csv),
  },
  jsonl: {
    name: 'jsonl',
    extensions: ['.jsonl', '.ndjson', '.json'],
    fleetingPieces: true,
    // After a byte order mark and white space.
    detect: (head) => /^(\xef\xbb\xbf)?[ \t\r\n]*\{/.test(beginning(head, 4096)),
    decode: loaded(async () => (await import('./jsonl.ts')).jsonl).decode,
  },
  avro: {
    name: 'avro',
    extensions: ['.avro'],
    detect: (head) => beginning(head, 4) === 'Obj\x01',
    ...loaded(async () => (await import('./avro.ts')).avro),
  },
  parquet: {
    name: 'parquet',
    extensions: ['.parquet', '.parq', '.pqt'],
    // What follows the magic word is Thrift's compact protocol, which begins with no printable character.
    detect: (head) => /^PAR[1E](?:$|[^\t\n\r -~])/.test(beginning(head, 5)),
    ...loaded(async () => (await import('./parquet.ts')).parquet),
  },
} as const satisfies Readonly<Record<string, Format>>;

// The code of a format, loaded when it is first needed: the first row of a file should not wait for the others'.
function loaded(load: () => Promise<FormatCode>): Required<FormatCode> {
  let code: Promise<FormatCode> | undefined;
  const once = (): Promise<FormatCode> => {
    code ??= load();
    return code;
  };
  return {
    columns: async (input) => (await once()).columns?.(input),
    async *decode(input) {
      // What was said of the file leaves before: its reader may want no more.
      if (code === undefined) await nextTurn();
      input.context.signal.throwIfAborted();
      yield* (await once()).decode(input);
    },
  };
}

function beginning(head: Uint8Array, bytes: number): string {
  return Buffer.from(head.subarray(0, bytes)).toString('latin1');
}

export type FormatName = keyof typeof formats;

export const formatNames = Object.keys(formats) as readonly FormatName[];

/** The name as one of ours. Throws `UserError` naming the place it stands at. */
export function formatNamed(name: string, place: string): FormatName {
  if (!Object.hasOwn(formats, name)) {
    throw new UserError(`${place}: expected a format (${formatNames.join(', ')}), found ${name}`);
  }
  return name as FormatName;
}

/** The format that a path's ending means (any codec's ending taken off before), with the ending's length. */
export function formatOfPath(
  path: string,
): { readonly name: FormatName; readonly ending: number } | undefined {
  const lower = path.toLowerCase();
  for (const name of formatNames) {
    for (const extension of formats[name].extensions)
      if (lower.endsWith(extension)) return { name, ending: extension.length };
  }
  return undefined;
}

/** The format that only these first bytes of a file can mean. */
export function formatOfMagic(head: Uint8Array): FormatName | undefined {
  return formatNames.find((name) => formats[name].detect(head));
}

/** What a text is taken for when neither its name nor magic bytes tell: JSONL if it begins with `{`, else CSV. */
export function formatOfText(head: Uint8Array): FormatName {
  const start = Buffer.from(head.subarray(0, 1024))
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart();
  return start.startsWith('{') ? 'jsonl' : 'csv';
}
