import { UserError } from '../errors.ts';
import { avro } from './avro.ts';
import { csv } from './csv.ts';
import type { Format } from './format.ts';
import { jsonl } from './jsonl.ts';
import { parquet } from './parquet.ts';

/** Every format, by name. */
export const formats = { csv, jsonl, avro, parquet } as const satisfies Readonly<Record<string, Format>>;

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
