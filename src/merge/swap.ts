/**
 * `--swap rename`: where the contents of a table are replaced, a new table of the same definition is filled and takes the
 * place of the old one. No row is deleted, so that none is left dead; what hangs on the table itself is in the way.
 */

import type { Dialect, SwapPair } from '../dialects/dialect.ts';
import { UsageError } from '../errors.ts';
import { about } from './about.ts';
import type { ApplyTables, Prepared } from './apply-tables.ts';
import { swapForms } from './forms.ts';
import { resolvedView, viewName } from './identity.ts';
import { qualified } from './names.ts';
import type { MergeOptions } from './options.ts';
import { modeOf, type TablePlan } from './plan.ts';
import type { StagedTable } from './staged.ts';

/** Throws `UsageError` where the engine cannot rename tables in the transaction that changes the ledger. */
export function checkSwap(dialect: Dialect, options: Pick<MergeOptions, 'swap'>): void {
  if (options.swap !== 'rename' || typeof dialect.swap !== 'string') return;
  throw new UsageError(
    `--swap rename: expected duckdb or postgres, where table and ledger change at once, found ${dialect.name}, ${dialect.swap} (--swap copy does it there)`,
  );
}

/** Whether what was delivered becomes all that the table has. */
export function isReplaced(table: StagedTable): boolean {
  const { line, created, read } = table;
  const mode = modeOf(table);
  if (mode === 'scd2') return false;
  // Of a table that is replaced, files without rows say that it is empty now; no file says nothing.
  return line.full === true || (mode === 'replace' && (created || read !== undefined));
}

/** The table that is to take the place of this one; undefined: rows are deleted and inserted. A new table has none to delete. */
export function swapOf(table: StagedTable, plan: TablePlan, apply: ApplyTables): SwapPair | undefined {
  if (apply.options.swap !== 'rename' || plan.isNew || table.grouped || !isReplaced(table)) return undefined;
  const { naming } = apply;
  const { identifier } = naming.dialect;
  const shadowName = `brigade_swap_${table.n}`;
  const oldName = `brigade_swapped_${table.n}`;
  return {
    table: table.name,
    schema: naming.schema,
    name: table.target,
    shadowName,
    schemaId: identifier(naming.schema),
    nameId: identifier(table.target),
    oldId: identifier(oldName),
    target: qualified(table.target, naming),
    shadow: qualified(shadowName, naming),
    old: qualified(oldName, naming),
    view: viewName(table, plan, apply),
  };
}

/**
 * After all tables of a unit are merged, so that others wait for the old ones as short as can be: the new tables take
 * their places. The names of these tables.
 */
export async function swapTables(prepared: readonly Prepared[], apply: ApplyTables): Promise<string[]> {
  const { engine, flag } = apply;
  const swapped: string[] = [];
  for (const { table, plan, merge } of prepared) {
    const { swap } = merge;
    if (swap === undefined) continue;
    const forms = swapForms(engine.dialect);
    const body = async () => {
      // Of ours: those of others were found before.
      const view = forms.bindsViews === true ? await resolvedView(table, plan, apply) : undefined;
      const [drop, create] = view === undefined ? [[], []] : [view.drop, view.create];
      for (const statement of [...drop, ...forms.take(swap), ...create]) await engine.run(statement);
      swapped.push(table.name);
    };
    await about(table.name, () => (flag === undefined ? body() : engine.when(flag(table.n), body)));
  }
  return swapped;
}
