/** From a staged table and its plan to what the statements of its mode are made of. */

import { UserError } from '../errors.ts';
import type { ApplyTables } from './apply-tables.ts';
import type { ColumnType } from './lattice.ts';
import { columnName, qualified } from './names.ts';
import { checkOrder, mergeColumns, modeOf, namedColumns, sourceOf, type TablePlan } from './plan.ts';
import type { Validity } from './scd2.ts';
import type { StagedTable } from './staged.ts';
import type { Merge, MergeColumn } from './statement.ts';
import { type Subtable, sourceKey } from './subtable.ts';
import { swapOf } from './swap.ts';

/** What the target calls a column, quoted. */
export const quoted = (name: string, { engine, naming }: ApplyTables): string =>
  engine.dialect.identifier(columnName(name, naming));

function quotedValidity(names: Validity | undefined, apply: ApplyTables): Validity | undefined {
  if (names === undefined) return undefined;
  return { from: quoted(names.from, apply), to: quoted(names.to, apply) };
}

/** All that the statements of a table are made of. `merges`: those of its parents. */
export function mergeOf(
  table: StagedTable,
  plan: TablePlan,
  apply: ApplyTables,
  merges: ReadonlyMap<string, Merge>,
): Merge {
  const { engine, naming, own, counts, options } = apply;
  const { dialect } = engine;
  const columns = mergeColumns(table, plan, dialect);
  const { line } = table;
  const named = (names: readonly string[] | undefined, member: string): MergeColumn[] => {
    // Without rows nothing is looked up, and a table that is just mentioned need not say what it has.
    if (!table.created) return columns.filter((column) => names?.includes(column.name));
    return namedColumns(table, columns, names ?? [], member);
  };
  const key = named(line.key, 'key');
  // An order or a flag that this delivery does not have says nothing about its rows.
  const present = (names: readonly string[] | undefined) =>
    (names ?? []).flatMap((name) => columns.filter((column) => column.name === name));
  const order = present(line.order);
  if (table.created) checkOrder(table, order, options.catalog);
  const partial = key.find((column) => column.present !== undefined);
  if (partial !== undefined) {
    throw new UserError(
      `table ${table.name}: expected the key column ${partial.name} in every file, found files without it`,
    );
  }
  const merge: Merge = {
    dialect,
    n: table.n,
    table: table.name,
    target: qualified(table.target, naming),
    targetName: table.target,
    columns,
    key,
    order,
    flag: present(line.delete_flag === undefined ? [] : [line.delete_flag])[0],
    version: columns.find((column) => column.name === line.version),
    source: sourceOf(table, plan, dialect),
    work: dialect.identifier(`brigade_work_${table.n}`),
    own,
    counts,
    grouped: table.grouped,
    wholeRows: plan.wholeRows,
    hardDeletes: options.deletes === 'hard',
    onlyMissing: isSnapshot(apply.scope) && options.overwrite !== true,
    stopOnConflict: apply.feed !== 'stitch',
    // Who names a percentage means every table.
    maxDelete: { percent: options.maxDelete ?? 50, above: options.maxDelete === undefined ? 1000 : 0 },
    guard: apply.flag === undefined ? undefined : engine.guard(apply.flag(table.n)),
    validity: quotedValidity(plan.validity, apply),
    swap: swapOf(table, plan, apply),
  };
  if (line.parent === undefined) return merge;
  const parent = merges.get(line.parent);
  const source = sourceKey(key);
  if (source.length === 0 && table.created) {
    throw new UserError(
      `table ${table.name}, a subtable of ${line.parent}: expected _sdc_source_key_… columns in its key, found none`,
    );
  }
  const own_: Subtable = {
    ...merge,
    key: source,
    rowKey: key,
    parent,
    full: line.full === true || modeOf(table) === 'replace',
  };
  return own_;
}

// Zenoti's monthly recovery copies lie in scopes of their own (feeds/zenoti.ts).
const isSnapshot = (scope: string | undefined): boolean => scope?.startsWith('snapshot/') ?? false;

/** A subtable's copies of its parent's columns have the parent's types, so that they compare. */
export function parentTypes(
  table: StagedTable,
  tables: readonly StagedTable[],
  plans: ReadonlyMap<StagedTable, TablePlan>,
): ReadonlyMap<string, ColumnType> {
  const hints = new Map<string, ColumnType>();
  const parent = tables.find(({ name }) => name === table.line.parent);
  const plan = parent === undefined ? undefined : plans.get(parent);
  if (parent === undefined || plan === undefined) return hints;
  for (const { column, type } of plan.columns) {
    if (type === undefined) continue;
    const isKey = parent.line.key?.includes(column.name);
    const isOrder = parent.line.order?.includes(column.name) || parent.line.version === column.name;
    for (const own of table.columns.keys()) {
      if (isKey && own.toLowerCase() === `_sdc_source_key_${column.name}`.toLowerCase()) hints.set(own, type);
      if (isOrder && own === column.name) hints.set(own, type);
    }
  }
  return hints;
}
