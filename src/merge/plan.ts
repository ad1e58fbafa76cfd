/** From what was staged to what the target must look like and how each table is merged. */

import { type Catalog, catalogTable } from '../catalog.ts';
import type { Dialect, KeyColumn, TableChange, TargetColumn } from '../dialects/dialect.ts';
import { mismatch } from '../errors.ts';
import { LINEAGE_LOAD } from '../wire/lineage.ts';
import type { MergeMode } from '../wire/types.ts';
import { type Contract, checkContract } from './contract.ts';
import { BATCH, GROUP, groupOf, ROW, SHAPE } from './engine.ts';
import { type ColumnType, columnType, decimalDigits, joinTypes } from './lattice.ts';
import { columnName, type Naming } from './names.ts';
import { type Validity, validity, validityColumns } from './scd2.ts';
import { type StagedColumn, type StagedTable, settledType, stageType } from './staged.ts';
import type { MergeColumn } from './statement.ts';

/** A staged column and the type it has from now on, in the target as in the merge. */
export interface PlannedColumn {
  readonly column: StagedColumn;
  /** Of the target; undefined: nothing but NULLs, and the target does not have it. */
  readonly type: ColumnType | undefined;
}

export interface TablePlan {
  /** The target does not have the table yet. */
  readonly isNew: boolean;
  readonly columns: readonly PlannedColumn[];
  /** Statements that make the target's columns fit. */
  readonly ddl: readonly string[];
  /** For after the first rows of a new table: an index is made faster than it is kept while they come. */
  readonly indexes: readonly string[];
  /** Columns whose type they change. */
  readonly widen: TableChange['widen'];
  /** The target's columns after these; undefined: it is not there, or what it has is not known. */
  readonly after: readonly TargetColumn[] | undefined;
  readonly wholeRows: boolean;
  /** Of merge mode scd2. */
  readonly validity: Validity | undefined;
  /** Columns that the target lacks and that are left out, as the contract says. */
  readonly discarded: readonly string[];
}

/** The mode of a table; what `full` means for it is said apart. */
export function modeOf(table: StagedTable): MergeMode {
  return (
    table.line.merge ??
    ((table.line.key ?? []).length > 0 || table.line.parent !== undefined ? 'upsert' : 'append')
  );
}

/** What holds the values of a column of the target and those that are staged. */
function widened(existing: ColumnType, staged: ColumnType): ColumnType {
  // What a user keeps as text or JSON stays that.
  if (existing === 'text' || existing === 'json') return existing;
  return joinTypes(existing, staged);
}

/**
 * Plans one table. `existing`: the target's columns, null when there is no such table, undefined when that cannot be
 * known. `hints`: types that columns must at least have, by wire name.
 */
export function planTable(
  table: StagedTable,
  existing: readonly TargetColumn[] | null | undefined,
  target: string,
  { dialect, nameCase }: Naming,
  hints: ReadonlyMap<string, ColumnType>,
  contract: Contract = 'evolve',
): TablePlan {
  const fold = (name: string) => (dialect.foldsCase ? name.toLowerCase() : name);
  const known = new Map((existing ?? []).map((column) => [fold(column.name), column]));
  let columns: PlannedColumn[] = [];
  let add: { name: string; type: ColumnType }[] = [];
  const widen: { name: string; from: ColumnType; to: ColumnType }[] = [];
  for (const column of table.columns.values()) {
    let type = settledType(column, dialect);
    const hint = hints.get(column.name);
    if (hint !== undefined) type = type === undefined ? hint : joinTypes(type, hint);
    const there = known.get(fold(column.target));
    if (there !== undefined) {
      const from = there.type;
      if (from !== undefined) {
        const to = type === undefined ? from : widened(from, type);
        const isCut = type !== undefined && dialect.narrow?.(there.sql) === true;
        if (to !== from || isCut) {
          checkWidth(table, column, to, dialect);
          widen.push({ name: there.name, from, to });
        }
        type = to;
      }
    } else if (type !== undefined) {
      checkWidth(table, column, type, dialect);
      add.push({ name: column.target, type });
    }
    columns.push({ column, type });
  }
  // A column that no row had (of a schema script, of a newer file without rows) is made all the same.
  const made = new Set([
    ...known.keys(),
    ...[...table.columns.values()].map((column) => fold(column.target)),
  ]);
  for (const column of table.promised.values()) {
    const name = columnName(column.name, { dialect, nameCase });
    const type = columnType(column);
    if (type === undefined || (type === 'decimal' && !dialect.unlimitedDecimal) || made.has(fold(name)))
      continue;
    made.add(fold(name));
    add.push({ name, type });
  }
  const out = checkContract(table, contract, existing, { columns, drift: { add, widen } });
  if (contract === 'discard' && existing !== null) {
    columns = columns.map((planned) =>
      out.includes(planned) ? { column: planned.column, type: undefined } : planned,
    );
    add = [];
  }
  const typeOf = (name: string) => columns.find(({ column }) => column.name === name)?.type;
  for (const { name, type } of validityColumns(table, existing, typeOf)) {
    const there = known.get(fold(name));
    const from = there?.type;
    if (there === undefined) add.push({ name: columnName(name, { dialect, nameCase }), type });
    else if (from !== undefined && widened(from, type) !== from)
      widen.push({ name: there.name, from, to: widened(from, type) });
  }
  const staged = new Set(
    columns.filter(({ type }) => type !== undefined).map(({ column }) => fold(column.target)),
  );
  if (table.lineage !== undefined) {
    if (!known.has(LINEAGE_LOAD)) add.push({ name: LINEAGE_LOAD, type: 'text' });
    staged.add(LINEAGE_LOAD);
  }
  const always = [...table.columns.values()].every((column) => column.shapes.size === table.shapes);
  const wholeRows = always && existing !== undefined && [...known.keys()].every((name) => staged.has(name));
  return {
    isNew: existing === null,
    columns,
    widen,
    after: columnsAfter(existing, { add, widen }, dialect),
    wholeRows,
    validity: validity(table, existing),
    discarded: out.map(({ column }) => column.name),
    ...change(table, existing, { table: target, add, widen, ifMissing: false }, dialect),
  };
}

function columnsAfter(
  existing: readonly TargetColumn[] | null | undefined,
  { add, widen }: Pick<TableChange, 'add' | 'widen'>,
  dialect: Dialect,
): readonly TargetColumn[] | undefined {
  if (existing === undefined || (existing === null && add.length === 0)) return undefined;
  const made = (name: string, type: ColumnType) => ({ name, sql: dialect.type(type), type });
  return [
    ...(existing ?? []).map((column) => {
      const to = widen.find(({ name }) => name === column.name)?.to;
      return to === undefined ? column : made(column.name, to);
    }),
    ...add.map(({ name, type }) => made(name, type)),
  ];
}

function change(
  table: StagedTable,
  existing: readonly TargetColumn[] | null | undefined,
  wanted: TableChange,
  dialect: Dialect,
): Pick<TablePlan, 'ddl' | 'indexes'> {
  if (existing !== null && existing !== undefined) {
    const now = existing.map(({ name, type }) => ({
      name,
      type: wanted.widen.find((column) => column.name === name)?.to ?? type ?? 'text',
    }));
    const columns = keyOf(table, now, dialect);
    const index = columns.length === 0 ? undefined : { name: indexName(table), columns };
    return { ddl: dialect.alter({ ...wanted, index }), indexes: [] };
  }
  if (wanted.add.length === 0) return { ddl: [], indexes: [] };
  const columns = wanted.add.map(({ name, type }) => `${dialect.identifier(name)} ${dialect.type(type)}`);
  const key = keyOf(table, wanted.add, dialect);
  const clause = key.length === 0 ? undefined : dialect.keyClause?.(key);
  const create = `CREATE TABLE IF NOT EXISTS ${wanted.table} (${[...columns, ...(clause === undefined ? [] : [clause])].join(', ')})`;
  const indexes =
    key.length === 0 || dialect.keyIndex === undefined
      ? []
      : [dialect.keyIndex(wanted.table, indexName(table), key)];
  // Where the table may be there already, in an older form, what it lacks is added.
  return existing === null
    ? { ddl: [create], indexes }
    : { ddl: [create, ...dialect.alter({ ...wanted, ifMissing: true }), ...indexes], indexes: [] };
}

const indexName = (table: StagedTable): string => `${table.target}_brigade_key`;

// The columns by which rows will be looked for; none while one of them is not there.
function keyOf(table: StagedTable, there: TableChange['add'], dialect: Dialect): KeyColumn[] {
  const isChild = table.line.parent !== undefined;
  const names = (table.line.key ?? []).filter(
    (name) => !isChild || name.toLowerCase().startsWith('_sdc_source_key_'),
  );
  const fold = (name: string) => (dialect.foldsCase ? name.toLowerCase() : name);
  const columns = names.map((name) => {
    const target = fold(table.columns.get(name)?.target ?? '');
    return there.find((column) => fold(column.name) === target);
  });
  if (columns.some((column) => column === undefined)) return [];
  return columns.map((column) => ({ id: dialect.identifier(column!.name), type: column!.type }));
}

function checkWidth(table: StagedTable, column: StagedColumn, type: ColumnType, dialect: Dialect): void {
  const digits = decimalDigits(type);
  if (digits !== undefined && digits.precision > dialect.maxDecimalDigits) {
    throw mismatch(
      `table ${table.name} column ${column.name}`,
      `numbers of at most ${dialect.maxDecimalDigits} digits (or its type in the catalog)`,
      type,
    );
  }
}

/** The staged columns as the statements of a merge name them. */
export function mergeColumns(table: StagedTable, plan: TablePlan, dialect: Dialect): MergeColumn[] {
  const columns: MergeColumn[] = plan.columns.flatMap(({ column, type }) =>
    type === undefined
      ? []
      : [
          {
            id: dialect.identifier(column.target),
            name: column.name,
            type,
            present:
              column.shapes.size === table.shapes
                ? undefined
                : (of: string) => `${of}.${SHAPE} IN (${[...column.shapes].join(', ')})`,
          },
        ],
  );
  if (table.lineage === undefined || !table.created) return columns;
  const load = dialect.identifier(LINEAGE_LOAD);
  return [...columns, { id: load, name: LINEAGE_LOAD, type: 'text', present: undefined }];
}

/** The staged rows, every column of the type it has in the target, as something to select from. */
export function sourceOf(table: StagedTable, plan: TablePlan, dialect: Dialect): string | undefined {
  if (!table.created) return undefined;
  const { grouped, lineage } = table;
  if (
    lineage === undefined &&
    !grouped &&
    plan.columns.every(({ column, type }) => type === undefined || type === stageType(column))
  ) {
    if (plan.columns.every(({ column }) => column.observed === undefined)) return table.stage;
  }
  const list = plan.columns.flatMap(({ column, type }) => {
    if (type === undefined) return [];
    const id = dialect.identifier(column.target);
    const from = column.observed === undefined ? stageType(column) : 'staged text';
    return [from === type ? id : `${dialect.cast(id, from, type, column.name)} AS ${id}`];
  });
  const load = dialect.identifier(LINEAGE_LOAD);
  if (lineage !== undefined) list.push(grouped ? load : `${dialect.literal(lineage.load)} AS ${load}`);
  if (!grouped) return `(SELECT ${[ROW, BATCH, SHAPE, ...list].join(', ')} FROM ${table.stage})`;
  return `(SELECT ${[ROW, BATCH, SHAPE, `${groupOf('b')} AS ${GROUP}`, ...list].join(', ')} FROM ${table.stage} b)`;
}

/** Columns by the names that key, order and flags give. Throws `UserError` for one that is not there. */
export function namedColumns(
  table: StagedTable,
  columns: readonly MergeColumn[],
  names: readonly string[],
  member: string,
): MergeColumn[] {
  return names.map((name) => {
    const found = columns.find((column) => column.name === name);
    if (found === undefined) {
      const there = table.columns.has(name) ? 'only NULLs in it' : 'no such column';
      throw mismatch(`table ${table.name}`, `the column ${name} of its ${member}`, there);
    }
    return found;
  });
}

/** Text whose type nobody stated has no order that can be relied on: `9` comes after `10`. */
export function checkOrder(
  table: StagedTable,
  order: readonly MergeColumn[],
  catalog: Catalog | undefined,
): void {
  for (const { name, type } of order) {
    const isGuess = table.columns.get(name)?.observed !== undefined && type === 'text';
    if (
      isGuess &&
      !catalogTable(catalog, table.name).order?.some((given) => given.toLowerCase() === name.toLowerCase())
    ) {
      throw mismatch(
        `table ${table.name} column ${name}`,
        'an order of numbers or times (or, in the catalog, the column in "order" to have text compared)',
        'text',
      );
    }
  }
}
