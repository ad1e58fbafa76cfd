import { readFileSync } from 'node:fs';
import { mismatch } from '../errors.ts';
import type { Context } from '../stage.ts';
import {
  type Chunk,
  type CommitLine,
  type Control,
  type DdlLine,
  type FeedLine,
  isControl,
  type TableLine,
} from '../wire/types.ts';
import { applyTables, type Prepared, prepareTables } from './apply-tables.ts';
import { checkCounts, checkKeys } from './checks.ts';
import type { Engine } from './engine.ts';
import { dropStage } from './forms.ts';
import {
  checkCursor,
  createOwnTables,
  insertDdl,
  insertLedger,
  isNew,
  type LedgerEntry,
  type LedgerGroup,
  ownTables,
} from './ledger.ts';
import { type Naming, targetName } from './names.ts';
import { isNewest, isWholeCopy, notice, noticeDiscarded } from './notices.ts';
import type { GroupReport, MergeOptions } from './options.ts';
import { checkScd2 } from './scd2.ts';
import { checkSelection, selectionEntries } from './selection.ts';
import type { StagedTable } from './staged.ts';
import { createStaging, rowsRead } from './staging.ts';
import { createCounts } from './statement.ts';
import { addEof, addFile, addReject, lineageOf, newUnit, stagedTable, type Unit, unitName } from './unit.ts';

/** Takes a stream chunk by chunk and has the engine do what it means. */
export interface Apply {
  take(chunk: Chunk): Promise<void>;
}

const packageFile = new URL('../../package.json', import.meta.url);
const { version: TOOL_VERSION } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };

/**
 * The machine that both `load` and `to-sql` are: it gathers a group, stages its rows as they come, and at `commit`
 * has it applied in one transaction. A loose body is applied at `end`, without ledger. `report` hears of every unit.
 * Memory: what tables and columns are called; rows are in the engine's stages.
 */
export function createApply(
  engine: Engine,
  options: MergeOptions,
  context: Context,
  report: (group: GroupReport) => void,
): Apply {
  const { dialect } = engine;
  const naming: Naming = {
    dialect,
    schema: options.schema ?? dialect.schema,
    template: options.targetName,
    nameCase: options.nameCase ?? dialect.nameCase,
  };
  const own = ownTables(naming);
  const counts = dialect.identifier('brigade_counts');
  const staging = createStaging(engine, naming.nameCase);
  let opened = false;
  let feed: FeedLine | undefined;
  let unit: Unit | undefined;
  /** Said since the last unit, outside of any: done with the next one. */
  let declared: TableLine[] = [];
  let ddl: DdlLine[] = [];
  /** Columns left out that were spoken of. */
  const discarded = new Set<string>();
  const outside = new Map<string, TableLine>();
  const inside = new Map<string, TableLine>();

  async function open(): Promise<void> {
    if (opened) return;
    opened = true;
    await engine.open();
    for (const statement of dialect.session) await engine.run(statement);
    // Two at once would collide on CREATE TABLE IF NOT EXISTS.
    if (dialect.transactionalDdl) await begin();
    await lockSession();
    if (options.schema !== undefined && (await engine.hasSchema()) !== true) {
      await engine.run(dialect.createSchema(options.schema));
    }
    for (const statement of dialect.prepare?.(naming.schema) ?? []) await engine.run(statement);
    for (const statement of createOwnTables(own, dialect)) await engine.run(statement);
    if (dialect.transactionalDdl) await engine.run(dialect.commit);
    await releaseSession();
  }

  async function lockSession(): Promise<void> {
    if (dialect.sessionLock !== undefined) await engine.run(dialect.sessionLock.take(naming.schema));
  }

  async function releaseSession(): Promise<void> {
    if (dialect.sessionLock !== undefined) await engine.run(dialect.sessionLock.release(naming.schema));
  }

  async function begin(): Promise<void> {
    await engine.run(dialect.begin);
    if (dialect.lock !== undefined) await engine.run(dialect.lock(naming.schema));
  }

  const loose = (): Unit => {
    unit ??= newUnit(undefined, Date.now(), lineageOf(undefined, options));
    return unit;
  };

  const place = () => ({
    feed: feed?.feed ?? unit?.group?.feed,
    source: feed?.source,
    scope: unit?.group?.scope,
  });

  function staged(line: TableLine): StagedTable {
    const current = loose();
    const target = targetName(line.table, place(), naming);
    if (target === undefined) {
      throw mismatch(`table ${line.table}`, 'a group that tells its name in the target', 'none');
    }
    checkScd2(line);
    return stagedTable(current, line, target, dialect);
  }

  const tableOf = (name: string): StagedTable | undefined => {
    const known = unit?.tables.get(name);
    const line = inside.get(name) ?? outside.get(name);
    return known ?? (line === undefined ? undefined : staged(line));
  };

  // Tables said before any group exist from now on, also without rows.
  function declareTables(current: Unit): void {
    for (const table of current.tables.values()) {
      if (!table.created && table.line.columns !== undefined) staging.declare(table, table.line.columns);
    }
    for (const line of declared) {
      const target = targetName(line.table, place(), naming);
      if (target === undefined || line.columns === undefined) continue;
      const known = current.tables.get(line.table);
      if (known !== undefined) {
        promise(known, line);
        continue;
      }
      const table = stagedTable(current, line, target, dialect);
      table.declaredOnly = true;
      staging.declare(table, line.columns);
    }
  }

  async function apply(commit: CommitLine | undefined): Promise<void> {
    if (unit === undefined && declared.length === 0 && ddl.length === 0) return;
    const current = loose();
    await open();
    await staging.addFiles(current, place().feed, tableOf);
    await engine.settle();
    declareTables(current);
    const tables = [...current.tables.values()].filter((table) => !table.declaredOnly);
    checkCounts(current, commit, options, context);
    const group = commit === undefined ? undefined : ledgerGroup(current, commit, feed);
    if (group !== undefined) checkKeys(tables);
    const chosen = current.group?.tables;
    const summary =
      chosen === undefined
        ? [whole(current, tables)]
        : selectionEntries(chosen, tables, current.tables.size + 1);

    await engine.run(dropStage(counts, dialect));
    await engine.run(createCounts(counts, dialect));
    const flag = group === undefined ? undefined : flagOf;
    const { feed: feedName, source, scope } = place();
    const all = [...current.tables.values()];
    const work = { engine, naming, own, counts, options, feed: feedName, source, scope, tables: all, flag };
    let prepared: Prepared[] = [];
    await lockSession();
    if (!dialect.transactionalDdl) prepared = await prepareTables(work);
    await begin();
    if (group !== undefined) {
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
            ...(isWholeCopy(table) ? [isNewest(group, table.name, own, engine)] : []),
          ].join(' AND '),
        })),
      ]);
    }
    if (dialect.transactionalDdl) prepared = await prepareTables(work);
    noticeDiscarded(prepared, discarded, context.warn);
    await notice({ engine, own, group, prepared, warn: context.warn });
    const entries = await applyTables(work, prepared);
    const applied = group === undefined || (await record(group, [...entries, ...summary]));
    for (const line of ddl) await engine.run(insertDdl(line, feed?.source ?? '', own, dialect));
    const sums = await engine.rows(selectCounts(whole(current, tables).read));
    await engine.run(dialect.commit);
    await releaseSession();

    for (const table of tables) if (table.created) await engine.run(dropStage(table.stage, dialect));
    if (group !== undefined || tables.length > 0) {
      // A script does not know them.
      const sum = (name: string) => Number(sums?.[0]?.[name] ?? 0);
      report({
        name: unitName(current),
        files: current.files,
        bytes: current.bytes,
        tables: tables.length,
        read: sum('read'),
        inserted: sum('inserted'),
        updated: sum('updated'),
        deleted: sum('deleted'),
        rejected: current.rejected,
        seconds: (Date.now() - current.startedMs) / 1000,
        applied,
      });
    }
    unit = undefined;
    declared = [];
    ddl = [];
    inside.clear();
    staging.clear();
  }

  // The rows of the ledger. Whether there was anything to record.
  async function record(group: LedgerGroup, entries: readonly LedgerEntry[]): Promise<boolean> {
    let recorded = false;
    for (const entry of entries) {
      const name = flagOf(entry.flag ?? entry.n ?? 0);
      await engine.when(name, async () => {
        recorded = true;
        const guard = engine.guard(name);
        await engine.run(
          insertLedger(group, entry, { own, counts, dialect, guard, toolVersion: TOOL_VERSION }),
        );
      });
    }
    return recorded;
  }

  function selectCounts(read: string): string {
    const text = (number: string) => dialect.cast(number, 'bigint', 'text');
    const sum = (name: string) => `${text(`coalesce(sum(${name}), 0)`)} AS ${name}`;
    return `SELECT ${['inserted', 'updated', 'deleted'].map(sum).join(', ')}, ${text(read)} AS ${dialect.identifier('read')} FROM ${counts}`;
  }

  async function takeControl(line: Control): Promise<void> {
    switch (line.$) {
      case 'feed':
        feed = line;
        return;
      case 'ddl':
        ddl.push(line);
        return;
      case 'group':
        if (unit !== undefined) await apply(undefined);
        unit = newUnit(line, Date.now(), lineageOf(line, options));
        return;
      case 'file':
        addFile(loose(), line);
        return;
      case 'table':
        (unit === undefined ? outside : inside).set(line.table, line);
        if (unit === undefined) declared.push(line);
        else promise(staged(line), line);
        return;
      case 'reject': {
        const name = addReject(loose(), line);
        const table = name === undefined ? undefined : tableOf(name);
        if (table !== undefined) table.rejected++;
        return;
      }
      case 'eof': {
        const name = addEof(loose(), line);
        const table = name === undefined ? undefined : tableOf(name);
        if (table === undefined) return;
        table.read = (table.read ?? 0) + line.rows;
        table.files++;
        return;
      }
      case 'commit':
        await apply(line);
        return;
      case 'end':
        await apply(undefined);
        return;
    }
  }

  return {
    async take(chunk) {
      if (isControl(chunk)) return takeControl(chunk);
      if (chunk.count === 0) return;
      await open();
      const table = staged(chunk.table);
      await staging.add(table, chunk, loose().batch);
    },
  };
}

function promise(table: StagedTable, line: TableLine): void {
  for (const column of line.columns ?? []) table.promised.set(column.name, column);
}

const flagOf = (n: number): string => `brigade_new_${n}`;

function ledgerGroup({ group }: Unit, commit: CommitLine, feed: FeedLine | undefined): LedgerGroup {
  return {
    feed: commit.feed,
    source: feed?.source ?? commit.feed,
    scope: commit.scope,
    group: commit.group,
    after: group?.after ?? null,
    digest: commit.digest,
  };
}

function whole(unit: Unit, tables: readonly StagedTable[]): LedgerEntry {
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
