import { readFileSync } from 'node:fs';
import { mismatch, UserError } from '../errors.ts';
import { feedOf } from '../feeds/index.ts';
import type { Context } from '../stage.ts';
import {
  type Chunk,
  type Column,
  type CommitLine,
  type DdlLine,
  type FeedLine,
  type GroupLine,
  isControl,
  type Run,
  type TableLine,
} from '../wire/types.ts';
import { applyTables } from './apply-tables.ts';
import type { CsvForm, Engine } from './engine.ts';
import {
  checkCursor,
  createOwnTables,
  insertDdl,
  insertLedger,
  isNew,
  type LedgerGroup,
  ownTables,
} from './ledger.ts';
import { type Naming, targetName } from './names.ts';
import type { GroupReport, MergeOptions } from './options.ts';
import {
  addShape,
  checkMembers,
  keyMissing,
  namesOf,
  observeRun,
  type Shape,
  type StagedTable,
  stageColumn,
  stageType,
} from './staged.ts';
import { createCounts } from './statement.ts';
import { addEof, addFile, addReject, newUnit, stagedTable, type Unit, unitName } from './unit.ts';

/** Takes a stream chunk by chunk and has the engine do what it means. */
export interface Apply {
  take(chunk: Chunk): Promise<void>;
}

const TOOL_VERSION = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
const COUNTS = 'brigade_counts';

/**
 * The machine that both `load` and `to-sql` are: it gathers a group, stages its rows as they come, and at `commit`
 * has it applied in one transaction. A loose body is applied at `end`. `report` hears of every unit.
 * Memory: what the tables are called; rows are in the engine's stages.
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
  const counts = dialect.identifier(COUNTS);
  let feed: FeedLine | undefined;
  let opened = false;
  let unit: Unit | undefined;
  /** Said before any group; made in the target with the next unit. */
  let declared: TableLine[] = [];
  let ddl: DdlLine[] = [];
  let shapes = new Map<readonly Column[] | undefined, Map<string, Shape>>();

  async function open(): Promise<void> {
    if (opened) return;
    opened = true;
    await engine.open();
    for (const statement of dialect.session) await engine.run(statement);
    // Two at once would collide on CREATE TABLE IF NOT EXISTS.
    await engine.run(dialect.begin);
    if (dialect.lock !== undefined) await engine.run(dialect.lock(naming.schema));
    if (options.schema !== undefined && (await engine.hasSchema()) !== true) {
      await engine.run(dialect.createSchema(options.schema));
    }
    for (const statement of createOwnTables(own, dialect)) await engine.run(statement);
    await engine.run(dialect.commit);
  }

  function staged(line: TableLine): StagedTable {
    unit ??= newUnit(undefined, Date.now());
    const place = { feed: feed?.feed ?? unit.group?.feed, source: feed?.source, scope: unit.group?.scope };
    const target = targetName(line.table, place, naming);
    if (target === undefined)
      throw mismatch(`table ${line.table}`, 'a group that tells its target name', `${naming.template}`);
    if (line.merge === 'scd2') throw new UserError(`table ${line.table}: merge scd2 is not in this version`);
    return stagedTable(unit, line, target, dialect);
  }

  async function shapeFor(
    table: StagedTable,
    columns: readonly Column[] | undefined,
    run?: Run,
  ): Promise<Shape> {
    const known = shapes.get(columns)?.get(table.name);
    if (known !== undefined && columns !== undefined) return known;
    const given = columns ?? nextColumns(table, run);
    if (given === undefined) return known!;
    const { shape, change } = addShape(table, given, dialect, naming.nameCase);
    if (!table.created) await createStage(table);
    else if (change.add.length + change.widen.length > 0) {
      await engine.settle();
      const changes = {
        table: table.stage,
        add: change.add.map((column) => ({ name: column.target, type: stageType(column) })),
        widen: change.widen.map(({ column, from, to }) => ({ name: column.target, from, to })),
        ifMissing: false,
      };
      for (const statement of dialect.alter(changes)) await engine.run(statement);
    }
    const byTable = shapes.get(columns) ?? new Map<string, Shape>();
    shapes.set(columns, byTable.set(table.name, shape));
    return shape;
  }

  // Rows without declared columns: what they hold is what there is.
  function nextColumns(table: StagedTable, run: Run | undefined): Column[] | undefined {
    const known = [...table.columns.keys()];
    const names = run === undefined ? [] : namesOf(run, new Set(known));
    if (names.length === 0 && table.shapes > 0) return undefined;
    return [...known, ...names].map((name) => ({ name }));
  }

  async function createStage(table: StagedTable): Promise<void> {
    const columns = [...table.columns.values()].map(
      (column) => `, ${dialect.identifier(column.target)} ${dialect.type(stageType(column))}`,
    );
    const bigint = dialect.type('bigint');
    await engine.run(`DROP TABLE IF EXISTS ${table.stage}`);
    await engine.run(
      `CREATE TEMPORARY TABLE ${table.stage} (_brigade_row ${bigint}, _brigade_batch ${bigint}, _brigade_shape ${dialect.type('int')}${columns.join('')})`,
    );
    table.created = true;
  }

  async function takeRun(run: Run): Promise<void> {
    if (run.count === 0) return;
    await open();
    const table = staged(run.table);
    const { batch } = unit!;
    const shape = await shapeFor(table, run.table.columns, run);
    if (run.table.columns !== undefined) checkMembers(table, run, shape);
    if (shape.observes) observeRun(run, shape);
    await engine.fill(
      {
        table: table.name,
        stage: table.stage,
        columns: shape.columns.map(stageColumn),
        shape: shape.index,
        batch,
        firstRow: table.rows,
      },
      run,
    );
    table.rows += run.count;
    table.batches.add(batch);
  }

  // Files that nobody decoded: the engine reads them, where it can.
  async function fillFiles(open: Unit): Promise<void> {
    const runs: { table: string; batch: string; format: string; files: typeof files }[] = [];
    const files = [...open.undecoded.values()];
    for (const file of files) {
      const last = runs.at(-1);
      const [batch, format] = [file.batch ?? '0', `${file.format}.${file.codec ?? ''}`];
      if (last?.table === file.table && last?.batch === batch && last.format === format)
        last.files.push(file);
      else runs.push({ table: file.table!, batch, format, files: [file] });
    }
    for (const { table: name, batch, files: some } of runs) {
      const line = open.tables.get(name)?.line ?? declaredLine(name);
      if (line?.columns === undefined) {
        throw mismatch(
          `file ${some[0]!.uri}`,
          'rows (decode before this command), or a table line with columns to have the engine read it',
          'neither',
        );
      }
      const table = staged(line);
      const shape = await shapeFor(table, line.columns);
      const fill = {
        table: name,
        stage: table.stage,
        columns: shape.columns.map(stageColumn),
        shape: shape.index,
        batch,
        firstRow: table.rows,
      };
      await engine.fillFiles(fill, some, csvForm(feed?.feed ?? open.group?.feed));
      // Nobody counts these rows; the next file's come after them all the same.
      table.rows += FILE_ROWS;
      table.batches.add(batch);
    }
  }

  const outside = new Map<string, TableLine>();
  const inside = new Map<string, TableLine>();
  const declaredLine = (name: string) => inside.get(name) ?? outside.get(name);

  async function apply(commit: CommitLine | undefined): Promise<void> {
    const current = unit ?? newUnit(undefined, Date.now());
    if (
      current.group === undefined &&
      current.tables.size === 0 &&
      declared.length === 0 &&
      ddl.length === 0 &&
      current.undecoded.size === 0
    )
      return;
    await open();
    unit = current;
    await fillFiles(current);
    await engine.settle();
    for (const table of current.tables.values()) {
      // Mentioned without rows: it gets its columns all the same.
      if (!table.created && table.line.columns !== undefined)
        addShape(table, table.line.columns, dialect, naming.nameCase);
    }
    for (const line of declared) declareTable(line);
    checkCounts(current, commit, options, context);
    const group = current.group === undefined ? undefined : ledgerGroup(current.group, feed, commit!);
    await engine.run(`DROP TABLE IF EXISTS ${counts}`);
    await engine.run(createCounts(counts, dialect));
    await engine.run(dialect.begin);
    if (dialect.lock !== undefined) await engine.run(dialect.lock(naming.schema));
    if (group !== undefined && options.allowGap !== true) await engine.run(checkCursor(group, own, dialect));
    const tables = [...current.tables.values()].filter((table) => !table.declaredOnly);
    const flag = (n: number) => `brigade_new_${n}`;
    const flags =
      group === undefined
        ? []
        : [
            { name: flag(0), condition: isNew(group, '', own, dialect) },
            ...tables.map(({ n, name }) => ({ name: flag(n), condition: isNew(group, name, own, dialect) })),
          ];
    await engine.decide(flags);
    const guarded = group === undefined ? undefined : flag;
    if (group !== undefined) checkKeys(tables);
    const entries = await applyTables({
      engine,
      naming,
      own,
      counts,
      options,
      feed: feed?.feed ?? current.group?.feed,
      source: feed?.source,
      scope: current.group?.scope,
      tables: [...current.tables.values()],
      flag: guarded,
    });
    if (group !== undefined) {
      for (const entry of entries) {
        const name = flag(entry.n ?? 0);
        await engine.when(name, () =>
          engine.run(
            insertLedger(group, entry, {
              own,
              counts,
              dialect,
              guard: engine.guard(name),
              toolVersion: TOOL_VERSION,
            }),
          ),
        );
      }
      const whole = {
        table: '',
        files: current.files,
        read: current.decoded ? current.read : sumRows(tables),
        rejected: current.rejected,
        key: undefined,
        mode: undefined,
        n: undefined,
      };
      await engine.when(flag(0), () =>
        engine.run(
          insertLedger(group, whole, {
            own,
            counts,
            dialect,
            guard: engine.guard(flag(0)),
            toolVersion: TOOL_VERSION,
          }),
        ),
      );
    }
    for (const line of ddl) await engine.run(insertDdl(line, feed?.source ?? '', own, dialect));
    const sums = await engine.rows(
      `SELECT count(*) AS tables, CAST(coalesce(sum(inserted), 0) AS ${dialect.type('text')}) AS inserted, CAST(coalesce(sum(updated), 0) AS ${dialect.type('text')}) AS updated, CAST(coalesce(sum(deleted), 0) AS ${dialect.type('text')}) AS deleted FROM ${counts}`,
    );
    await engine.run(dialect.commit);
    for (const table of tables) if (table.created) await engine.run(`DROP TABLE ${table.stage}`);
    if (sums !== undefined && (current.group !== undefined || current.tables.size > 0)) {
      const sum = (name: string) => Number(sums[0]?.[name] ?? 0);
      report({
        name: unitName(current),
        tables: entries.length,
        read: current.decoded ? current.read : sumRows(tables),
        inserted: sum('inserted'),
        updated: sum('updated'),
        deleted: sum('deleted'),
        rejected: current.rejected,
        seconds: (Date.now() - current.startedMs) / 1000,
        applied: group === undefined || entries.length === 0 || sum('tables') > 0,
      });
    }
    unit = undefined;
    declared = [];
    ddl = [];
    shapes = new Map();
    inside.clear();
  }

  // A table said before any group: it exists from now on, also without rows.
  function declareTable(line: TableLine): void {
    if (unit!.tables.has(line.table) || line.columns === undefined) return;
    const place = { feed: feed?.feed, source: feed?.source, scope: unit!.group?.scope };
    const target = targetName(line.table, place, naming);
    if (target === undefined) return;
    const table = stagedTable(unit!, line, target, dialect);
    addShape(table, line.columns, dialect, naming.nameCase);
    table.declaredOnly = true;
  }

  return {
    async take(chunk) {
      if (!isControl(chunk)) return takeRun(chunk);
      switch (chunk.$) {
        case 'feed':
          feed = chunk;
          break;
        case 'ddl':
          ddl.push(chunk);
          break;
        case 'group':
          if (unit !== undefined) await apply(undefined);
          unit = newUnit(chunk, Date.now());
          break;
        case 'file': {
          unit ??= newUnit(undefined, Date.now());
          addFile(unit, chunk);
          break;
        }
        case 'table':
          (unit === undefined ? outside : inside).set(chunk.table, chunk);
          if (unit === undefined) declared.push(chunk);
          else staged(chunk);
          break;
        case 'reject': {
          const table = unit?.tables.get(addReject((unit ??= newUnit(undefined, Date.now())), chunk) ?? '');
          if (table !== undefined) table.rejected++;
          break;
        }
        case 'eof': {
          if (unit === undefined) break;
          const name = addEof(unit, chunk);
          const line = name === undefined ? undefined : declaredLine(name);
          const table =
            name === undefined
              ? undefined
              : (unit.tables.get(name) ?? (line === undefined ? undefined : staged(line)));
          if (table !== undefined) {
            table.read = (table.read ?? 0) + chunk.rows;
            table.files++;
          }
          break;
        }
        case 'commit':
          await apply(chunk);
          break;
        case 'end':
          await apply(undefined);
          break;
      }
    },
  };
}

// Room for the rows of files that an engine reads by itself, in the numbering of rows.
const FILE_ROWS = 1e12;

const sumRows = (tables: readonly StagedTable[]) =>
  tables.reduce((sum, table) => sum + (table.rows >= FILE_ROWS ? 0 : table.rows), 0);

function ledgerGroup(group: GroupLine, feed: FeedLine | undefined, commit: CommitLine): LedgerGroup {
  return {
    feed: group.feed,
    source: feed?.source ?? group.feed,
    scope: group.scope,
    group: group.group,
    after: group.after,
    digest: commit.digest,
  };
}

function checkKeys(tables: readonly StagedTable[]): void {
  const without = tables.filter(
    ({ line }) => line.merge === undefined && line.parent === undefined && (line.key ?? []).length === 0,
  );
  if (without.length > 0) throw keyMissing(without);
}

function csvForm(feed: string | undefined): CsvForm {
  const csv = feed === undefined ? undefined : feedOf(feed)?.csv;
  return {
    header: csv?.header ?? 'yes',
    delimiter: csv?.delimiter ?? ',',
    emptyIsNull: csv?.emptyIsNull ?? false,
  };
}

function checkCounts(
  unit: Unit,
  commit: CommitLine | undefined,
  options: MergeOptions,
  context: Context,
): void {
  if (!unit.decoded) return;
  const complaints: string[] = [];
  if (commit?.rows !== undefined && commit.rows !== unit.read) {
    complaints.push(
      `${unitName(unit)}: expected the ${commit.rows} rows of its commit line, found ${unit.read} in its eof lines`,
    );
  }
  if (options.strictCounts === true || options.vendorExact === true) {
    for (const table of unit.tables.values()) {
      if (table.read === undefined || table.read === table.rows || table.line.parent !== undefined) continue;
      const why = options.vendorExact === true ? ' (--vendor-exact takes no dedupe or filter before it)' : '';
      throw mismatch(
        `${unitName(unit)}: table ${table.name}`,
        `the ${table.read} rows read from its files`,
        `${table.rows}${why}`,
      );
    }
  }
  for (const complaint of complaints) {
    if (options.strictCounts === true) throw new UserError(complaint);
    context.warn(complaint);
  }
}
