/** What is applied as one: a group, or a loose body. Gathers what the wire says of it until its end. */

import type { Dialect } from '../dialects/dialect.ts';
import type { EofLine, FeedLine, FileLine, GroupLine, RejectLine, TableLine } from '../wire/types.ts';
import type { Place } from './names.ts';
import type { MergeOptions } from './options.ts';
import type { Lineage, StagedTable } from './staged.ts';

export interface Unit {
  /** Undefined: a loose body, without ledger and cursor. */
  readonly group: GroupLine | undefined;
  readonly startedMs: number;
  /** By the wire's name, in the order in which they were met. */
  readonly tables: Map<string, StagedTable>;
  /** Data files that nobody has decoded (so far), in order. */
  readonly undecoded: Map<string, FileLine>;
  /** The table of each file. */
  readonly fileTables: Map<string, string>;
  files: number;
  bytes: number;
  read: number;
  decoded: boolean;
  rejected: number;
  /** Of the last file line. */
  batch: string;
  readonly lineage: Lineage | undefined;
  /** Several groups that are applied together. */
  readonly grouped: boolean;
}

export function newUnit(
  group: GroupLine | undefined,
  nowMs: number,
  lineage?: Lineage,
  grouped = false,
): Unit {
  return {
    group,
    startedMs: nowMs,
    tables: new Map(),
    undecoded: new Map(),
    fileTables: new Map(),
    files: 0,
    bytes: 0,
    read: 0,
    decoded: false,
    rejected: 0,
    batch: '0',
    lineage,
    grouped,
  };
}

/** What messages call a unit. */
export function unitName({ group }: Pick<Unit, 'group'>): string {
  return group === undefined ? 'loose rows' : `${group.feed} ${group.scope} ${group.group}`;
}

/** Where a unit stands in its stream. */
export function placeOf(group: GroupLine | undefined, feed: FeedLine | undefined): Place {
  return { feed: feed?.feed ?? group?.feed, source: feed?.source, scope: group?.scope };
}

/** What is to be kept of where a unit's rows came from. */
export function lineageOf(
  group: GroupLine | undefined,
  { lineage = 'off' }: MergeOptions,
): Lineage | undefined {
  if (lineage === 'off') return undefined;
  return { load: unitName({ group }), files: lineage === 'file' };
}

const fileId = ({ uri, member }: { readonly uri: string; readonly member?: string }) =>
  member === undefined ? uri : `${uri}!${member}`;

export function addFile(unit: Unit, file: FileLine): void {
  unit.files++;
  unit.bytes += file.bytes ?? 0;
  unit.batch = file.batch ?? '0';
  if (file.table === undefined || file.role === 'manifest' || file.role === 'rejects') return;
  unit.undecoded.set(fileId(file), file);
  unit.fileTables.set(fileId(file), file.table);
  unit.fileTables.set(file.uri, file.table);
}

/** The table of the file that is through, if it has one. */
export function addEof(unit: Unit, eof: EofLine): string | undefined {
  unit.decoded = true;
  unit.read += eof.rows;
  unit.undecoded.delete(fileId(eof));
  // A zip is listed as one file and decoded as its members.
  unit.undecoded.delete(eof.uri);
  return unit.fileTables.get(fileId(eof)) ?? unit.fileTables.get(eof.uri);
}

export function addReject(unit: Unit, reject: RejectLine): string | undefined {
  unit.rejected++;
  return unit.fileTables.get(reject.uri);
}

export function stagedTable(unit: Unit, line: TableLine, target: string, dialect: Dialect): StagedTable {
  let table = unit.tables.get(line.table);
  if (table === undefined) {
    const n = unit.tables.size + 1;
    table = {
      n,
      name: line.table,
      line,
      target,
      stage: dialect.identifier(`brigade_stage_${n}`),
      created: false,
      columns: new Map(),
      shapes: 0,
      rows: 0,
      files: 0,
      read: undefined,
      rejected: 0,
      batches: new Set(),
      declaredOnly: false,
      promised: new Map(),
      lastShape: undefined,
      lineage: unit.lineage,
      grouped: unit.grouped,
    };
    unit.tables.set(line.table, table);
  }
  table.line = line;
  return table;
}

/** Takes the columns that a table line speaks of into account. */
export function promise(table: StagedTable, line: TableLine): void {
  for (const column of line.columns ?? []) table.promised.set(column.name, column);
}
