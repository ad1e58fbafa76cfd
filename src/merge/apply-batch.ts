/** Several groups of one scope: their rows in one set of stages, one merge per table, one transaction. */

import { LINEAGE_LOAD } from '../wire/lineage.ts';
import { mergeTable, needsKey, prepareTables } from './apply-tables.ts';
import { ledgerGroup } from './apply-unit.ts';
import {
  checkBatchCursor,
  countFileRows,
  createEntries,
  dropApplied,
  dropAppliedRows,
  groupNumber,
  insertEntries,
  isNewTable,
  oldestNew,
  selectEntries,
  selectOutcome,
  stampLoads,
} from './batch-ledger.ts';
import type { HeldGroup } from './batch-rules.ts';
import { checkCounts } from './checks.ts';
import { foldAppend, foldDeleteInsert, foldUpsert } from './fold.ts';
import { foldSubtable } from './fold-subtable.ts';
import { dropStage } from './forms.ts';
import { applyIdentity } from './identity.ts';
import { checkLateBatch } from './late.ts';
import { type GroupNotice, noticeBatch, noticeDiscarded } from './notices.ts';
import { modeOf } from './plan.ts';
import type { Session } from './session.ts';
import type { StagedTable } from './staged.ts';
import type { Staging } from './staging.ts';
import { createCounts, type Merge } from './statement.ts';
import type { Subtable } from './subtable.ts';
import { placeOf, type Unit, unitName } from './unit.ts';

/**
 * Applies groups that `createBatchRules` has found fit to share a transaction, from their stages; tables and ledger become
 * what they would be after one transaction each. Throws what a statement says; nothing is applied then.
 */
export async function applyBatch(
  groups: readonly HeldGroup[],
  unit: Unit,
  staging: Staging,
  session: Session,
): Promise<void> {
  const { engine, own, counts, options, context } = session;
  const { dialect } = engine;
  const [first] = groups;
  const { unit: firstUnit, feed } = first!.delivery;
  const place = placeOf(firstUnit.group, feed);
  const tables = [...unit.tables.values()];
  const group = ledgerGroup(first!.delivery.commit!, firstUnit, feed);
  const numbers = new Map(tables.map(({ name, n }) => [name, n]));
  await engine.run(dropStage(counts, dialect));
  await engine.run(createCounts(counts, dialect, true));
  const { statements, entries } = createEntries(groups, numbers, dialect);
  for (const statement of statements) await engine.run(statement);
  if (options.lineage !== undefined && options.lineage !== 'off') {
    const load = `${group.feed} ${group.scope} `;
    for (const { stage, created } of tables)
      if (created) await engine.run(stampLoads(stage, dialect.identifier(LINEAGE_LOAD), load, dialect));
  }
  const work = { ...session, ...place, tables, flag: flagOf };
  const outcome = await session.transaction({
    fence: async () => {
      await engine.run(dropApplied(group, own, dialect));
      if (options.allowGap !== true) await engine.run(checkBatchCursor(group, own, dialect));
      for (const table of tables)
        if (table.created) await engine.run(dropAppliedRows(table, entries.get(table.n) ?? 0, dialect));
      await engine.decide(tables.map(({ n }) => ({ name: flagOf(n), condition: isNewTable(n) })));
    },
    prepare: () => prepareTables(work),
    work: async (prepared) => {
      for (const check of checkLateBatch(group, prepared, own, dialect, oldestNew)) await engine.run(check);
      noticeDiscarded(prepared, session.told, context.warn);
      const left = await engine.rows(selectEntries(dialect));
      if (left !== undefined) {
        const isNew = new Map(groups.map((_, i) => [groupNumber(i), new Set<string>()]));
        for (const { g, table_name } of left) isNew.get(Number(g))!.add(String(table_name));
        const notices = groups.map(
          ({ delivery }, i): GroupNotice => ({
            number: groupNumber(i),
            group: ledgerGroup(delivery.commit!, delivery.unit, feed),
            tables: new Set(delivery.unit.tables.keys()),
            isNew: isNew.get(groupNumber(i))!,
          }),
        );
        await noticeBatch({ engine, own, prepared, warn: context.warn }, notices);
      }
      const merges = new Map(prepared.map(({ table, merge }) => [table.name, merge]));
      for (const one of prepared)
        await mergeTable(one, (merge) => statementsOf(one.table, merge), merges, work);
      await applyIdentity(prepared, work);
      if (firstUnit.undecoded.size > 0)
        for (const table of tables) if (table.created) await engine.run(countFileRows(table, counts));
      for (const statement of insertEntries(group, { own, counts, dialect })) await engine.run(statement);
      return engine.rows(selectOutcome(counts, dialect));
    },
  });
  for (const table of tables) if (table.created) await engine.run(dropStage(table.stage, dialect));
  staging.clear();
  const seconds = (Date.now() - firstUnit.startedMs) / 1000;
  const outcomes = new Map(outcome?.map((one) => [Number(one['g']), one]));
  for (const [i, { delivery }] of groups.entries()) {
    const of = outcomes.get(groupNumber(i));
    const sum = (name: string) => Number(of?.[name] ?? 0);
    checkCounts(delivery.unit, delivery.commit, options, context);
    session.report({
      name: unitName(delivery.unit),
      files: delivery.unit.files,
      bytes: delivery.unit.bytes,
      tables: delivery.unit.tables.size,
      read: delivery.unit.decoded ? delivery.unit.read : sum('rows_read'),
      inserted: sum('inserted'),
      updated: sum('updated'),
      deleted: sum('deleted'),
      rejected: delivery.unit.rejected,
      seconds,
      batch: groups.length,
      applied: outcome === undefined || of !== undefined,
    });
  }
}

const flagOf = (n: number): string => `brigade_new_${n}`;

function statementsOf(table: StagedTable, merge: Merge): string[] {
  if ('rowKey' in merge) return foldSubtable(merge as Subtable);
  if (merge.source === undefined) return [];
  switch (modeOf(table)) {
    case 'append':
      return foldAppend(merge);
    case 'delete-insert':
      return foldDeleteInsert(needsKey(merge, table));
    default:
      return foldUpsert(needsKey(merge, table));
  }
}
