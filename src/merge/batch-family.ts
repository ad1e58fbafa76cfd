/** What must be known of rows with a table version, and of subtables, before groups of them can share a transaction. */

import { runOfBytes } from '../wire/run.ts';
import { type Chunk, isControl, type Row, type Run, type TableLine } from '../wire/types.ts';
import { sourceKey } from './subtable.ts';

export interface Family {
  /** The versions of whole tables that rows carry, as text. */
  readonly versions: ReadonlySet<string>;
  /** Rows of a subtable whose parent's row is not in the group: what becomes of them depends on the target. */
  readonly orphans: boolean;
}

/** Reads the rows of a group that belong together. */
export function familyOf(chunks: readonly Chunk[], lines: readonly TableLine[]): Family {
  const versions = new Set<string>();
  const parents = new Map<string, string[]>();
  for (const { parent, key } of lines) {
    const names = sourceKey((key ?? []).map((name) => ({ name }))).map(({ name }) => parentColumn(name));
    if (parent !== undefined) parents.set(parent, names.sort());
  }
  const known = new Set<string>();
  const wanted = new Set<string>();
  let strange = false;
  const id = (parent: string, row: Row, columnOf: (name: string) => string) =>
    JSON.stringify([parent, ...parents.get(parent)!.map((name) => String(row[columnOf(name)] ?? null))]);
  for (const run of chunks) {
    if (isControl(run)) continue;
    const { table, parent, version, key = [] } = run.table;
    if (version === undefined && parent === undefined && !parents.has(table)) continue;
    if (parent === undefined && parents.has(table)) strange ||= key.length !== parents.get(table)!.length;
    const named = new Map(
      key.map((name) => [parent === undefined ? name.toLowerCase() : parentColumn(name), name]),
    );
    for (const row of rowsOf(run)) {
      if (version !== undefined) versions.add(String(row[version] ?? null));
      if (parent !== undefined) wanted.add(id(parent, row, (name) => named.get(name) ?? ''));
      else if (parents.has(table)) known.add(id(table, row, (name) => named.get(name) ?? ''));
    }
  }
  return { versions, orphans: strange || [...wanted].some((each) => !known.has(each)) };
}

// The name of a parent's key column, in lower case, by that of its copy in a subtable.
const parentColumn = (name: string) => name.toLowerCase().replace(/^_sdc_source_key_/, '');

// A run keeps its rows once they were asked for.
const rowsOf = (run: Run): readonly Row[] => runOfBytes(run.table, run.ndjson(), run.count).objects();
