/** What one unit has staged of one table, and what its columns have turned out to be. */

import type { Dialect } from '../dialects/dialect.ts';
import { mismatch, type UserError } from '../errors.ts';
import { LINEAGE_FILE, LINEAGE_ROW } from '../wire/lineage.ts';
import type { Column, Run, TableLine } from '../wire/types.ts';
import type { StageColumn } from './engine.ts';
import {
  type ColumnType,
  columnType,
  joinTypes,
  newObserved,
  type Observed,
  observe,
  observedType,
} from './lattice.ts';
import { checkText, columnName, type NameCase } from './names.ts';

export interface StagedColumn {
  readonly name: string;
  readonly target: string;
  /** The type that the stream says; absent where it does not. */
  declared: ColumnType | undefined;
  /** What has been seen, of a column that is staged as text. */
  observed: Observed | undefined;
  /** The type of an observed column where that was settled by looking at its rows before they were staged. */
  settled?: { readonly type: ColumnType | undefined };
  /** The sets of columns it belongs to. */
  readonly shapes: Set<number>;
}

export interface StagedTable {
  /** Its number in the unit. */
  readonly n: number;
  readonly name: string;
  /** As it was said last. */
  line: TableLine;
  /** Unquoted. */
  readonly target: string;
  /** Quoted; exists once `created`. */
  readonly stage: string;
  created: boolean;
  readonly columns: Map<string, StagedColumn>;
  shapes: number;
  rows: number;
  files: number;
  /** Rows that the files were said to hold; undefined where nobody said. */
  read: number | undefined;
  rejected: number;
  /** Those in which it has rows. */
  readonly batches: Set<string>;
  /** Columns that a table line spoke of, with or without rows that have them. */
  readonly promised: Map<string, Column>;
  /** Of rows without declared columns: the shape of the last ones. */
  lastShape: Shape | undefined;
  /** Said before any group and not mentioned since: it gets its columns, and nothing else happens to it. */
  declaredOnly: boolean;
  readonly lineage: Lineage | undefined;
  /** It has the rows of several groups, told apart by their batch (see `GROUP_STRIDE`). */
  readonly grouped: boolean;
}

/** What is kept of where rows came from. */
export interface Lineage {
  /** What `_brigade_load` says. */
  readonly load: string;
  /** Their file and place in it, too, which the rows must hold. */
  readonly files: boolean;
}

/** A set of columns under which rows stand, as the stage takes them. */
export interface Shape {
  readonly index: number;
  /** In the order of the table line. */
  readonly columns: readonly StagedColumn[];
  /** At least one column's values must be looked at. */
  readonly observes: boolean;
}

/** What a change of columns asks of a stage that exists. */
export interface StageChange {
  readonly add: readonly StagedColumn[];
  readonly widen: readonly {
    readonly column: StagedColumn;
    readonly from: ColumnType;
    readonly to: ColumnType;
  }[];
}

/** The type of a column in the stage: text while it is not known. */
export const stageType = (column: StagedColumn): ColumnType =>
  column.observed === undefined ? (column.declared ?? 'text') : 'text';

export function stageColumn(column: StagedColumn): StageColumn {
  return {
    name: column.name,
    target: column.target,
    type: column.observed === undefined ? column.declared : undefined,
  };
}

/**
 * Takes a set of columns into the table: the shape for rows under it, and what the stage lacks for it. Throws
 * `UserError` when two columns would have one name in the target.
 */
export function addShape(
  table: StagedTable,
  columns: readonly Column[],
  dialect: Dialect,
  nameCase: NameCase,
): { shape: Shape; change: StageChange } {
  const index = table.shapes++;
  const add: StagedColumn[] = [];
  const widen: { column: StagedColumn; from: ColumnType; to: ColumnType }[] = [];
  const members: StagedColumn[] = [];
  for (const given of columns) {
    let type = columnType(given);
    // Only the values tell how many digits such a decimal needs.
    if (type === 'decimal' && !dialect.unlimitedDecimal) type = undefined;
    let column = table.columns.get(given.name);
    if (column === undefined) {
      column = {
        name: given.name,
        target: columnName(given.name, { dialect, nameCase }),
        declared: type,
        observed: type === undefined ? newObserved() : undefined,
        shapes: new Set(),
      };
      checkName(table, column, dialect);
      table.columns.set(given.name, column);
      add.push(column);
    } else {
      const from = stageType(column);
      if (type === undefined && column.observed === undefined) column.observed = newObserved();
      else if (type !== undefined) {
        column.declared = column.declared === undefined ? type : joinTypes(column.declared, type);
      }
      const to = stageType(column);
      if (from !== to) widen.push({ column, from, to });
    }
    column.shapes.add(index);
    members.push(column);
  }
  const observes = members.some((column) => column.observed !== undefined);
  return { shape: { index, columns: members, observes }, change: { add, widen } };
}

function checkName(table: StagedTable, column: StagedColumn, dialect: Dialect): void {
  checkText(column.name, `table ${table.name}`);
  const isFile = column.name === LINEAGE_FILE || column.name === LINEAGE_ROW;
  if (isFile && table.lineage?.files !== true) {
    throw mismatch(`table ${table.name}`, `--lineage file, to keep the column ${column.name}`, 'none');
  }
  if (!isFile && column.name.toLowerCase().startsWith('_brigade_')) {
    throw mismatch(`table ${table.name}`, 'column names that do not begin with _brigade_', column.name);
  }
  const fold = (name: string) => (dialect.foldsCase ? name.toLowerCase() : name);
  for (const other of table.columns.values()) {
    if (fold(other.target) === fold(column.target)) {
      throw mismatch(
        `table ${table.name}`,
        `columns of different names in ${dialect.name}`,
        `${other.name} and ${column.name}${dialect.foldsCase ? '' : ' (--name-case keep leaves them apart)'}`,
      );
    }
  }
}

/** Throws if rows under these columns do not say where they are from, though that is to be kept. */
export function checkLineage(table: StagedTable, columns: readonly Column[]): void {
  if (table.lineage?.files !== true) return;
  for (const name of [LINEAGE_FILE, LINEAGE_ROW]) {
    if (columns.some((column) => column.name === name)) continue;
    throw mismatch(`table ${table.name}`, `rows with ${name} for --lineage file (decode --lineage)`, 'none');
  }
}

/** The names that rows without declared columns have, beyond those known. */
export function namesOf(run: Run, known: ReadonlySet<string>): string[] {
  const names = new Set<string>();
  for (const row of run.objects()) for (const name of Object.keys(row)) if (!known.has(name)) names.add(name);
  return [...names];
}

/** Looks at the values of the columns whose type is not known. */
export function observeRun(run: Run, shape: Shape): void {
  const columns = shape.columns.filter((column) => column.observed !== undefined);
  for (const row of run.objects()) {
    for (const { name, observed } of columns) observe(observed!, row[name] ?? null);
  }
}

/** A member that no column lists would be dropped without a word. Engines that take bytes look at these themselves. */
export function checkMembers(table: StagedTable, run: Run, shape: Shape): void {
  const known = new Set(shape.columns.map(({ name }) => name));
  for (const [i, row] of run.objects().entries()) {
    for (const name in row) {
      if (known.has(name)) continue;
      throw mismatch(
        `table ${table.name} row ${table.rows + i + 1}`,
        'only columns that its table line lists',
        `one called ${JSON.stringify(name)}`,
      );
    }
  }
}

/** What a column is now that all rows have passed; undefined if only NULLs did and nobody said. */
export function settledType(column: StagedColumn, dialect: Dialect): ColumnType | undefined {
  if (column.observed === undefined) return column.declared;
  if (column.settled !== undefined) return column.settled.type;
  const seen = observedType(column.observed, dialect.maxDecimalDigits);
  if (column.declared === undefined) return seen;
  return seen === undefined ? column.declared : joinTypes(column.declared, seen);
}

/** A subtable without rows in a unit that does not touch its parent. */
export function isIdle(table: StagedTable, tables: readonly StagedTable[]): boolean {
  const { parent, full } = table.line;
  if (parent === undefined || table.created || full === true) return false;
  return !tables.some(({ name }) => name === parent);
}

/** The error of a mode that finds no key. */
export function keyMissing(tables: readonly StagedTable[]): UserError {
  const names = tables.map((table) => `${table.name} (merge ${table.line.merge ?? 'upsert'})`).join(', ');
  return mismatch(
    'load',
    'a key for every table that is merged by one (--catalog FILE gives it)',
    `none for ${names}`,
  );
}
