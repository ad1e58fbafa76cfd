/** One unit of a stream, gathered and staged: its merges and its rows of the ledger, in one transaction. */

import type { CommitLine, DdlLine, FeedLine, TableLine } from '../wire/types.ts';
import { applyTables, prepareTables } from './apply-tables.ts';
import { checkCounts, checkKeys, checkTargets } from './checks.ts';
import { dropStage } from './forms.ts';
import { checkLate, isNewest, isWholeCopy } from './late.ts';
import { checkCursor, insertDdl, insertLedger, isNew, type LedgerEntry, type LedgerGroup } from './ledger.ts';
import { targetName } from './names.ts';
import { notice, noticeDiscarded } from './notices.ts';
import { checkSelection, selectionEntries } from './selection.ts';
import type { Session } from './session.ts';
import type { StagedTable } from './staged.ts';
import { rowsRead, type Staging } from './staging.ts';
import { createCounts } from './statement.ts';
import { placeOf, promise, stagedTable, type Unit, unitName } from './unit.ts';

/** A unit that is through, with what was said of it outside of it. */
export interface Delivery {
  readonly unit: Unit;
  /** Undefined: a loose body, which has no ledger. */
  readonly commit: CommitLine | undefined;
  readonly feed: FeedLine | undefined;
  /** Tables said before any group: they exist from now on, also without rows. */
  readonly declared: readonly TableLine[];
  readonly ddl: readonly DdlLine[];
  /** What is known of a table. */
  readonly tableOf: (name: string) => StagedTable | undefined;
}

export async function applyUnit(delivery: Delivery, staging: Staging, session: Session): Promise<void> {
  const { unit, commit, feed, ddl, tableOf } = delivery;
  const { engine, own, counts, options, context } = session;
  const { dialect } = engine;
  const place = placeOf(unit.group, feed);
  await session.open();
  await staging.addFiles([...unit.undecoded.values()], place.feed, tableOf);
  await engine.settle();
  declareTables(delivery, staging, session);
  const all = [...unit.tables.values()];
  const tables = all.filter((table) => !table.declaredOnly);
  checkCounts(unit, commit, options, context);
  const group = commit === undefined ? undefined : ledgerGroup(commit, unit, feed);
  if (group !== undefined) checkKeys(tables);
  checkTargets(tables, dialect);
  const chosen = unit.group?.tables;
  const summary =
    chosen === undefined ? [wholeUnit(unit, tables)] : selectionEntries(chosen, tables, unit.tables.size + 1);

  await engine.run(dropStage(counts, dialect));
  await engine.run(createCounts(counts, dialect));
  const flag = group === undefined ? undefined : flagOf;
  const work = { ...session, ...place, tables: all, flag, fileTables: unit.fileTables };
  const { applied, swapped, sums } = await session.transaction({
    fence: async () => {
      if (group === undefined) return;
      if (options.allowGap !== true) {
        const checks =
          chosen === undefined
            ? [checkCursor(group, own, dialect)]
            : checkSelection(group, chosen, tables, own, dialect);
        for (const check of checks) await engine.run(check);
      }
      await engine.decide([
        ...summary.map((entry) => ({
          name: flagOf(entry.flag ?? 0),
          condition: isNew(group, entry.table, own, dialect),
        })),
        ...tables.map((table) => ({
          name: flagOf(table.n),
          condition: [
            isNew(group, table.name, own, dialect),
            ...(isWholeCopy(table) ? [isNewest(group, table.name, own, dialect)] : []),
          ].join(' AND '),
        })),
      ]);
    },
    prepare: () => prepareTables(work),
    work: async (prepared) => {
      if (group !== undefined) {
        for (const check of checkLate(group, prepared, own, dialect)) await engine.run(check);
      }
      noticeDiscarded(prepared, session.told, context.warn);
      await notice({ engine, own, group, prepared, warn: context.warn });
      const { entries, swapped } = await applyTables(work, prepared);
      for (const line of ddl) await engine.run(insertDdl(line, feed?.source ?? '', own, dialect));
      // Last, since not every engine has a transaction around it.
      const isRecorded = group === undefined || (await record(group, [...entries, ...summary], session));
      return {
        applied: isRecorded,
        swapped,
        sums: await engine.rows(selectCounts(wholeUnit(unit, tables).read, session)),
      };
    },
  });

  for (const table of tables) if (table.created) await engine.run(dropStage(table.stage, dialect));
  if (group === undefined && tables.length === 0) return;
  // A script does not know them.
  const sum = (name: string) => Number(sums?.[0]?.[name] ?? 0);
  session.report({
    name: unitName(unit),
    files: unit.files,
    bytes: unit.bytes,
    tables: tables.length,
    read: sum('read'),
    inserted: sum('inserted'),
    updated: sum('updated'),
    deleted: sum('deleted'),
    rejected: unit.rejected,
    seconds: (Date.now() - unit.startedMs) / 1000,
    applied,
    ...(swapped.length === 0 ? {} : { swapped }),
  });
}

const flagOf = (n: number): string => `brigade_new_${n}`;

function declareTables({ unit, feed, declared }: Delivery, staging: Staging, { naming }: Session): void {
  for (const table of unit.tables.values()) {
    if (!table.created && table.line.columns !== undefined) staging.declare(table, table.line.columns);
  }
  for (const line of declared) {
    const target = targetName(line.table, placeOf(unit.group, feed), naming);
    if (target === undefined || line.columns === undefined) continue;
    const known = unit.tables.get(line.table);
    if (known !== undefined) {
      promise(known, line);
      continue;
    }
    const table = stagedTable(unit, line, target, naming.dialect);
    table.declaredOnly = true;
    staging.declare(table, line.columns);
  }
}

// The rows of the ledger. Whether there was anything to record.
async function record(
  group: LedgerGroup,
  entries: readonly LedgerEntry[],
  { engine, own, counts }: Session,
): Promise<boolean> {
  const { dialect } = engine;
  let recorded = false;
  for (const entry of entries) {
    const name = flagOf(entry.flag ?? entry.n ?? 0);
    await engine.when(name, async () => {
      recorded = true;
      const guard = engine.guard(name);
      await engine.run(insertLedger(group, entry, { own, counts, dialect, guard }));
    });
  }
  return recorded;
}

function selectCounts(read: string, { engine: { dialect }, counts }: Session): string {
  const text = (number: string) => dialect.cast(number, 'bigint', 'text');
  const sum = (name: string) => `${text(`coalesce(sum(${name}), 0)`)} AS ${name}`;
  return `SELECT ${['inserted', 'updated', 'deleted'].map(sum).join(', ')}, ${text(read)} AS ${dialect.identifier('read')} FROM ${counts}`;
}

export function ledgerGroup(commit: CommitLine, { group }: Unit, feed: FeedLine | undefined): LedgerGroup {
  return {
    feed: commit.feed,
    source: feed?.source ?? commit.feed,
    scope: commit.scope,
    group: commit.group,
    after: group?.after ?? null,
    digest: commit.digest,
  };
}

function wholeUnit(unit: Unit, tables: readonly StagedTable[]): LedgerEntry {
  return {
    table: '',
    files: unit.files,
    read: unit.decoded ? String(unit.read) : ['0', ...tables.map(rowsRead)].join(' + '),
    rejected: unit.rejected,
    key: undefined,
    mode: undefined,
    n: undefined,
  };
}
