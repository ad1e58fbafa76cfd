/** A listing in numbers, for people. */

import { type Chunk, type FileLine, type GroupLine, isControl } from '../wire/types.ts';

interface Count {
  groups: number;
  first: string;
  last: string;
  files: number;
  bytes: number;
  newest: string | undefined;
}

const HEADINGS = ['scope', 'table', 'groups', 'first', 'last', 'files', 'bytes'] as const;
/** Columns of numbers, which align on the right. */
const RIGHT = new Set([2, 3, 4, 5, 6]);

/**
 * An aligned text of a listing: a line per scope and one per table in it, with groups, first and last group, files
 * and bytes (of the files as they lie in the store). Memory: a few numbers per scope and table.
 */
export async function summaryOf(chunks: AsyncIterable<Chunk>): Promise<string> {
  const scopes = new Map<string, Map<string, Count>>();
  let group: GroupLine | undefined;
  for await (const chunk of chunks) {
    if (!isControl(chunk)) continue;
    if (chunk.$ === 'group') {
      group = chunk;
      note(scopes, chunk, '');
    } else if (chunk.$ === 'file' && group !== undefined) {
      note(scopes, group, '', chunk);
      note(scopes, group, chunk.table ?? `(${chunk.role ?? 'data'})`, chunk);
    }
  }
  const rows: string[][] = [[...HEADINGS]];
  for (const [scope, tables] of scopes) {
    for (const [table, { groups, first, last, files, bytes }] of tables) {
      rows.push([
        table === '' ? scope : '',
        table,
        `${groups}`,
        first,
        last,
        `${files}`,
        bytes.toLocaleString('en-US'),
      ]);
    }
  }
  if (rows.length === 1) return 'nothing new\n';
  const widths = HEADINGS.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (RIGHT.has(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join('  ');
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('');
}

function note(
  scopes: Map<string, Map<string, Count>>,
  { scope, group }: GroupLine,
  table: string,
  file?: FileLine,
): void {
  const tables = scopes.get(scope) ?? new Map<string, Count>();
  scopes.set(scope, tables);
  const count = tables.get(table) ?? {
    groups: 0,
    first: group,
    last: group,
    files: 0,
    bytes: 0,
    newest: undefined,
  };
  tables.set(table, count);
  if (count.newest !== group) count.groups += 1;
  count.newest = group;
  count.last = group;
  if (file === undefined) return;
  count.files += 1;
  count.bytes += file.bytes ?? 0;
}
