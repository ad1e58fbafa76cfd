/** Several groups of one scope: their rows in one set of stages, one merge per table, one transaction. */

import { LINEAGE_LOAD } from '../wire/lineage.ts';
import { runOfBytes } from '../wire/run.ts';
import { type Chunk, type Column, isControl, type Run, type TableLine } from '../wire/types.ts';
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
import { type StagedTable, settledType } from './staged.ts';
import type { Staging } from './staging.ts';
import { createCounts, type Merge } from './statement.ts';
import type { Subtable } from './subtable.ts';
import { lineageOf, newUnit, placeOf, stagedTable, type Unit, unitName } from './unit.ts';

/**
 * Applies groups that `createBatchRules` has found fit to share a transaction; tables and ledger become what they would be
 * after one transaction each. Throws what a statement says; nothing is applied then.
 */
export async function applyBatch(
  groups: readonly HeldGroup[],
  staging: Staging,
  session: Session,
): Promise<void> {
  const { engine, own, counts, options, context } = session;
  const { dialect } = engine;
  const [first] = groups;
  const { unit: firstUnit, feed } = first!.delivery;
  const place = placeOf(firstUnit.group, feed);
  await session.open();
  const unit = await stage(groups, staging, session);
  const tables = [...unit.tables.values()];
  const group = ledgerGroup(first!.delivery.commit!, firstUnit, feed);
  const numbers = new Map(tables.map(({ name, n }) => [name, n]));
  await engine.run(dropStage(counts, dialect));
  await engine.run(createCounts(counts, dialect, true));
  for (const statement of createEntries(groups, numbers, dialect)) await engine.run(statement);
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
      for (const table of tables) if (table.created) await engine.run(dropAppliedRows(table, dialect));
      await engine.decide(tables.map(({ n }) => ({ name: flagOf(n), condition: isNewTable(n) })));
    },
    prepare: () => prepareTables(work),
    work: async (prepared) => {
      for (const check of checkLateBatch(group, prepared, own, dialect, oldestNew)) await engine.run(check);
      noticeDiscarded(prepared, session.told, context.warn);
      const left = await engine.rows(selectEntries(dialect));
      if (left !== undefined) {
        const notices = groups.map(({ delivery }, i): GroupNotice => {
          const entries = left.filter(({ g }) => g === String(groupNumber(i)));
          return {
            number: groupNumber(i),
            group: ledgerGroup(delivery.commit!, delivery.unit, feed),
            tables: new Set(delivery.unit.tables.keys()),
            isNew: new Set(entries.map((entry) => String(entry['table_name']))),
          };
        });
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
  for (const [i, { delivery }] of groups.entries()) {
    const of = outcome?.find(({ g }) => g === String(groupNumber(i)));
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

// A run keeps its rows once they were asked for: those of this one go with it.
const again = (run: Run, line: TableLine): Run => runOfBytes(line, run.ndjson(), run.count);

// What stands for the batches of a group in the stages of all of them, in their order.
function stamps(index: number, chunks: readonly Chunk[]): (batch: string) => string {
  const batches = new Set(['0']);
  for (const chunk of chunks) if (isControl(chunk) && chunk.$ === 'file') batches.add(chunk.batch ?? '0');
  const sorted = [...batches].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
  const places = new Map(sorted.map((batch, i) => [batch, i]));
  return (batch) => String(groupNumber(index) + places.get(batch)!);
}

// Table by table, so that the engine is told of each once, and of equal columns as one set.
async function stage(
  groups: readonly HeldGroup[],
  staging: Staging,
  { engine, options }: Session,
): Promise<Unit> {
  const { dialect } = engine;
  const { unit: firstUnit, feed } = groups[0]!.delivery;
  const unit = newUnit(firstUnit.group, firstUnit.startedMs, lineageOf(firstUnit.group, options), true);
  const types = new Map<string, Map<string, ReturnType<typeof settledType>>>();
  const declared = new Map<string, readonly Column[]>();
  const shared = (line: TableLine): TableLine => {
    const id = JSON.stringify([line.table, line.columns]);
    const columns = declared.get(id) ?? line.columns;
    if (columns !== undefined) declared.set(id, columns);
    return columns === undefined ? line : { ...line, columns };
  };
  const filling: (() => Promise<void>)[][] = [];
  const lines: { readonly table: StagedTable; readonly columns: readonly Column[] }[] = [];
  for (const [i, { delivery, chunks }] of groups.entries()) {
    for (const said of delivery.unit.tables.values()) {
      const table = stagedTable(unit, said.line, said.target, dialect);
      for (const [name, column] of said.promised) table.promised.set(name, column);
      if (said.line.columns !== undefined) lines.push({ table, columns: said.line.columns });
      const known = types.get(said.name) ?? new Map();
      types.set(said.name, known);
      // No later group has a wider type (see batch-rules.ts).
      for (const column of said.columns.values())
        known.set(column.name, known.get(column.name) ?? settledType(column, dialect));
    }
    const stampOf = stamps(i, chunks);
    let batch = stampOf('0');
    const lineOf = new Map<TableLine, TableLine>();
    for (const chunk of chunks) {
      if (isControl(chunk)) {
        if (chunk.$ === 'file') batch = stampOf(chunk.batch ?? '0');
        continue;
      }
      const line = lineOf.get(chunk.table) ?? shared(chunk.table);
      lineOf.set(chunk.table, line);
      const table = unit.tables.get(line.table)!;
      const stamp = batch;
      filling[table.n] ??= [];
      filling[table.n]!.push(() => staging.add(table, again(chunk, line), stamp, true));
    }
    const files = [...delivery.unit.undecoded.values()];
    if (files.length === 0) continue;
    const tableOf = (name: string) => {
      const table = unit.tables.get(name);
      const line = delivery.unit.tables.get(name)?.line;
      return table === undefined || line === undefined
        ? undefined
        : Object.assign(table, { line: shared(line) });
    };
    const stamped = files.map((file) => ({ ...file, batch: stampOf(file.batch ?? '0') }));
    filling[0] ??= [];
    filling[0].push(() => staging.addFiles(stamped, feed?.feed ?? firstUnit.group?.feed, tableOf));
  }
  for (const fills of filling) for (const fill of fills ?? []) await fill();
  await engine.settle();
  for (const { table, columns } of lines) if (!table.created) staging.declare(table, columns);
  for (const table of unit.tables.values()) {
    for (const column of table.columns.values())
      if (column.observed !== undefined) column.settled = { type: types.get(table.name)?.get(column.name) };
  }
  return unit;
}
