/** What a delivery did to the tables: a snapshot before against one after. For small databases: all is in memory. */

import { openDuckDB, quoteName } from '../duckdb.ts';
import { cell, type Table } from './align.ts';

export type Snapshot = ReadonlyMap<string, Table>;

export interface Change {
  readonly table: string;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  readonly newColumns: readonly string[];
  /** A few rows, a line each: `+` inserted, `~` updated, `-` deleted. */
  readonly examples: readonly string[];
}

const EXAMPLES_PER_KIND = 2;
const CHANGED_COLUMNS = 2;
const SHOWN_COLUMNS = 4;
const KEY_COLUMNS = 2;

/** Every table of a DuckDB file but our own, as text, in a fixed order; empty if there is no such file. */
export async function snapshot(path: string): Promise<Snapshot> {
  const database = await openDuckDB(path, { readOnly: true });
  try {
    const names = await database.rows(
      `SELECT table_name AS name FROM duckdb_tables() WHERE database_name = current_database()
       AND NOT starts_with(table_name, 'brigade_') ORDER BY lower(table_name)`,
    );
    const tables = new Map<string, Table>();
    for (const { name } of names) {
      const table = String(name);
      const result = await database.run(`SELECT COLUMNS(*)::VARCHAR FROM ${quoteName(table)} ORDER BY ALL`);
      const columns = await database.rows(
        `SELECT name FROM pragma_table_info(${`'${table.replaceAll("'", "''")}'`}) ORDER BY cid`,
      );
      tables.set(table, {
        columns: columns.map((column) => String(column['name'])),
        rows: (await result.getRows()) as (string | null)[][],
      });
    }
    return tables;
  } finally {
    database.close();
  }
}

/**
 * The differences, a table each, tables without any left out. Rows are told apart by the key; of a table without one,
 * a changed row counts as deleted and inserted.
 */
export function compare(
  before: Snapshot,
  after: Snapshot,
  keyOf: (table: string) => readonly string[],
): Change[] {
  const changes: Change[] = [];
  for (const [table, now] of after) {
    const change = compareTable(
      table,
      before.get(table) ?? { columns: now.columns, rows: [] },
      now,
      keyOf(table),
    );
    if (change.inserted + change.updated + change.deleted + change.newColumns.length > 0)
      changes.push(change);
  }
  return changes;
}

function compareTable(table: string, before: Table, after: Table, key: readonly string[]): Change {
  const columns = after.columns;
  const places = columns.map((name) => before.columns.indexOf(name));
  const old = before.rows.map((row) => places.map((place) => (place < 0 ? null : row[place]!)));
  const keyPlaces = key.map((name) =>
    columns.findIndex((column) => column.toLowerCase() === name.toLowerCase()),
  );
  const hasKey = key.length > 0 && !keyPlaces.includes(-1);
  const identity = (row: readonly (string | null)[]): string =>
    JSON.stringify(hasKey ? keyPlaces.map((place) => row[place]) : row);

  const gone = new Map<string, (string | null)[][]>();
  for (const row of old) {
    const same = gone.get(identity(row));
    if (same === undefined) gone.set(identity(row), [row]);
    else same.push(row);
  }
  const inserted: (readonly (string | null)[])[] = [];
  const updated: string[] = [];
  for (const row of after.rows) {
    const was = gone.get(identity(row))?.pop();
    if (was === undefined) inserted.push(row);
    else if (JSON.stringify(was) !== JSON.stringify(row))
      updated.push(describeUpdate(columns, keyPlaces, was, row));
  }
  const deleted = [...gone.values()].flat();
  const shown = (row: readonly (string | null)[]): string => {
    const lead = hasKey ? shortestFirst(keyPlaces, row) : [];
    const filled = telling(columns).filter((place) => row[place] !== null && !lead.includes(place));
    return [...lead, ...filled]
      .slice(0, SHOWN_COLUMNS)
      .map((place) => named(columns, row, place))
      .join('  ');
  };
  return {
    table,
    inserted: inserted.length,
    updated: updated.length,
    deleted: deleted.length,
    newColumns: columns.filter((name) => !before.columns.includes(name)),
    examples: [
      ...inserted.slice(0, EXAMPLES_PER_KIND).map((row) => `+ ${shown(row)}`),
      ...updated.slice(0, EXAMPLES_PER_KIND).map((text) => `~ ${text}`),
      ...deleted.slice(0, EXAMPLES_PER_KIND).map((row) => `- ${shown(row)}`),
    ],
  };
}

function describeUpdate(
  columns: readonly string[],
  keyPlaces: readonly number[],
  was: readonly (string | null)[],
  row: readonly (string | null)[],
): string {
  const changed = telling(columns).filter((place) => was[place] !== row[place]);
  const parts = changed
    .slice(0, CHANGED_COLUMNS)
    .map((place) => `${columns[place]}: ${cell(was[place]!)} → ${cell(row[place]!)}`);
  if (changed.length > CHANGED_COLUMNS) parts.push(`… ${changed.length - CHANGED_COLUMNS} more`);
  const key = shortestFirst(keyPlaces, row).slice(0, KEY_COLUMNS);
  return [...key.map((place) => named(columns, row, place)), ...parts].join('  ');
}

/** Of a key of a number and a UUID, people want the number. */
function shortestFirst(keyPlaces: readonly number[], row: readonly (string | null)[]): number[] {
  return [...keyPlaces].sort((a, b) => (row[a] ?? '').length - (row[b] ?? '').length);
}

/** The places of the columns; what a loader has added says least, so it comes last. */
function telling(columns: readonly string[]): number[] {
  const places = columns.map((_, place) => place);
  const isAdded = (place: number): boolean => columns[place]!.startsWith('_sdc_');
  return [...places.filter((place) => !isAdded(place)), ...places.filter(isAdded)];
}

function named(columns: readonly string[], row: readonly (string | null)[], place: number): string {
  return `${columns[place]}=${cell(row[place]!)}`;
}
