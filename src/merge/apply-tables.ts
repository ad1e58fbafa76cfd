/** The tables of one unit: first what must change of their columns, then, inside its transaction, the merges. */

import { mismatch } from '../errors.ts';
import { about } from './about.ts';
import { contractOf } from './contract.ts';
import { fitting } from './fitting.ts';
import { createFold } from './fold.ts';
import { deleteFrom, dropStage } from './forms.ts';
import { forsakenOf } from './forsaken.ts';
import { applyIdentity, dropView, prepareIdentity } from './identity.ts';
import { type LedgerEntry, rememberTable } from './ledger.ts';
import { mergeOf, parentTypes, quoted } from './merge-of.ts';
import { analyzed, append, appendAgain, beginSwap, deleteInsert, replace, upsert } from './modes.ts';
import { type Place, qualified, targetName } from './names.ts';
import { modeOf, planTable, type TablePlan } from './plan.ts';
import { scd2, scd2Mode } from './scd2.ts';
import type { Session } from './session.ts';
import { isIdle, keyMissing, type StagedTable } from './staged.ts';
import { rowsRead } from './staging.ts';
import { createWork, type Merge } from './statement.ts';
import { type Subtable, subtable } from './subtable.ts';
import { isReplaced, swapTables } from './swap.ts';
import { vendorExact } from './vendor-exact.ts';

export interface ApplyTables
  extends Place,
    Pick<
      Session,
      'engine' | 'naming' | 'own' | 'counts' | 'options' | 'context' | 'told' | 'views' | 'userTables'
    > {
  readonly tables: readonly StagedTable[];
  /** The flag that tells whether a table is to be merged at all; undefined: it always is. */
  readonly flag: ((n: number) => string) | undefined;
  /** The table of each file of the unit, as far as that is known. */
  readonly fileTables?: ReadonlyMap<string, string>;
}

/** A table whose columns fit by now, with what its statements are made of. */
export interface Prepared {
  readonly table: StagedTable;
  readonly merge: Merge;
  readonly plan: TablePlan;
}

/**
 * Makes the target's tables fit and creates the work tables; parents before their subtables. Idempotent, since it is
 * not part of the transaction where an engine commits at every change of a table.
 */
export async function prepareTables(apply: ApplyTables): Promise<Prepared[]> {
  const { engine, naming, tables } = apply;
  const { dialect } = engine;
  const sorted = [...tables].sort(
    (a, b) => Number(a.line.parent !== undefined) - Number(b.line.parent !== undefined),
  );
  const plans = new Map<StagedTable, TablePlan>();
  const isMerged = (table: StagedTable) => !table.declaredOnly && !isIdle(table, sorted);
  // All changes of columns come before all changes of rows: DuckDB fails at COMMIT otherwise.
  for (const table of sorted) {
    const target = qualified(table.target, naming);
    const existing = await engine.columns(table.target);
    const hints = parentTypes(table, sorted, plans);
    const contract = contractOf(table.name, apply.options);
    const plan = await fitting(table, [], apply.fileTables, () =>
      planTable(table, existing, target, naming, hints, contract),
    );
    const indexes = isMerged(table) ? [] : plan.indexes;
    await about(table.name, () =>
      fitting(table, plan.widen, apply.fileTables, async () => {
        for (const statement of [...dropView(table, plan, apply), ...plan.ddl, ...indexes])
          await engine.run(statement);
      }),
    );
    if (plan.after !== undefined) engine.changed?.(table.target, plan.after);
    plans.set(table, plan);
  }
  await prepareIdentity(plans, apply);
  const merged = sorted.filter(isMerged);
  const merges = new Map<string, Merge>();
  const prepared: Prepared[] = [];
  for (const table of merged) {
    checkRepeatable(table, apply);
    const plan = plans.get(table)!;
    const merge = mergeOf(table, plan, apply, merges);
    merges.set(table.name, merge);
    prepared.push({ table, merge, plan });
    const works = table.grouped
      ? createFold(merge)
      : [dropStage(merge.work, dialect), createWork(merge.work, merge.key, dialect)];
    for (const statement of works) await engine.run(statement);
  }
  return prepared;
}

/** What came of the tables of a unit. */
export interface Applied {
  /** What the ledger is to say of each. */
  readonly entries: readonly LedgerEntry[];
  /** The names of those that new ones took the place of. */
  readonly swapped: readonly string[];
}

/** Merges the tables: changes of rows, and, with `--swap rename`, new tables in the place of those that are replaced. */
export async function applyTables(apply: ApplyTables, prepared: readonly Prepared[]): Promise<Applied> {
  const { engine } = apply;
  const { dialect } = engine;
  const merges = new Map(prepared.map(({ table, merge }) => [table.name, merge]));
  for (const { table, merge } of prepared) {
    if (merge.guard !== undefined && table.created)
      await engine.run(deleteFrom(table.stage, { when: `NOT ${merge.guard}` }, dialect));
  }
  const entries: LedgerEntry[] = [];
  for (const one of prepared) {
    const { table, plan } = one;
    // A table that is emptied before it ever had a row: there is none, and nothing tells its columns.
    const isNothing = plan.isNew && plan.after === undefined;
    await mergeTable(one, (merge) => (isNothing ? [] : statementsOf(table, merge, apply)), merges, apply);
    entries.push({
      table: table.name,
      files: table.files,
      read: rowsRead(table),
      rejected: table.rejected,
      key: table.line.key,
      mode: modeOf(table),
      n: table.n,
    });
  }
  const swapped = await swapTables(prepared, apply);
  await applyIdentity(prepared, apply);
  return { entries, swapped };
}

/** Merges one table; `merges`: those of all tables of the unit. */
export async function mergeTable(
  { table, merge, plan }: Prepared,
  statements: (merge: Merge) => readonly string[],
  merges: ReadonlyMap<string, Merge>,
  apply: ApplyTables,
): Promise<void> {
  const { engine, naming, own } = apply;
  const { dialect } = engine;
  if (table.created) for (const statement of analyzed(merge, table.stage)) await engine.run(statement);
  const body = async () => {
    const { parent } = table.line;
    if (apply.flag !== undefined) {
      const entry = {
        target: table.target,
        table: table.name,
        source: apply.source ?? '',
        key: [...(table.line.key ?? [])].sort(),
        anyCase: dialect.foldsCase || naming.nameCase !== 'keep',
        mode: plan.validity === undefined ? modeOf(table) : scd2Mode(plan.validity),
        parent: parent === undefined ? undefined : targetName(parent, apply, naming),
      };
      for (const statement of rememberTable(entry, own, dialect)) await engine.run(statement);
    }
    for (const statement of statements(merge)) await engine.run(statement);
    for (const statement of await forsakenOf(table, merge, merges, apply)) await engine.run(statement);
  };
  const { flag } = apply;
  await about(table.name, async () => {
    if (flag === undefined) await body();
    else await engine.when(flag(table.n), body);
    for (const statement of plan.indexes) await engine.run(statement);
  });
}

// Without a transaction, what breaks off is done again from the start: that must not add its rows twice. They are known
// again by the group that wrote them.
function isRepeated(table: StagedTable, { engine, flag }: ApplyTables): boolean {
  return engine.dialect.begin === '' && flag !== undefined && modeOf(table) === 'append';
}

function checkRepeatable(table: StagedTable, apply: ApplyTables): void {
  if (table.lineage !== undefined || !isRepeated(table, apply)) return;
  throw mismatch(
    `table ${table.name}`,
    `--lineage load, by which appended rows are known again when a run broke off (${apply.engine.dialect.name} has no transaction over several tables), or a key to merge by`,
    'merge append',
  );
}

function statementsOf(table: StagedTable, merge: Merge, apply: ApplyTables): string[] {
  if ('rowKey' in merge) return [...beginSwap(merge), ...subtable(merge as Subtable)];
  const mode = modeOf(table);
  if (mode === 'scd2') return scd2(merge, table.line, (name) => quoted(name, apply));
  if (isReplaced(table))
    return [...beginSwap(merge), ...replace(mode === 'append' ? { ...merge, key: [] } : merge)];
  if (merge.source === undefined) return [];
  if (apply.options.vendorExact === true && merge.key.length > 0)
    return vendorExact(merge, mode, [...table.batches]);
  switch (mode) {
    case 'append':
      return isRepeated(table, apply)
        ? appendAgain(merge, { source: apply.source ?? '', load: table.lineage!.load })
        : append(merge);
    case 'delete-insert':
      return deleteInsert(needsKey(merge, table));
    case 'upsert':
      return upsert(needsKey(merge, table));
    default:
      return [];
  }
}

export function needsKey(merge: Merge, table: StagedTable): Merge {
  if (merge.key.length === 0) throw keyMissing([table]);
  return merge;
}
