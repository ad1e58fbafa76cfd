import { csv } from '../formats/csv.ts';
import type { FormatOptions } from '../formats/format.ts';
import { quietContext } from '../stage.ts';
import { isControl, type Row } from '../wire/types.ts';

/**
 * The rows of a CSV text that is in memory, in order, each with a null prototype; NULL is null. Throws `UserError`
 * with the line of the first record that cannot be read. For files of any size, use `decode`.
 */
export async function parseCsv(bytes: Uint8Array | string, options: FormatOptions = {}): Promise<Row[]> {
  const whole = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  const rows: Row[] = [];
  const input = {
    name: 'csv',
    uri: '-',
    bytes: once(whole),
    path: () => Promise.reject(new Error('CSV is read from first to last')),
    table: { $: 'table', table: 'rows' },
    options: { ...options, onError: 'stop' },
    context: quietContext(),
  } as const;
  for await (const chunk of csv.decode(input)) if (!isControl(chunk)) rows.push(...chunk.objects());
  return rows;
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}
