/** Brings the rows of a unit into stages: temporary tables that grow as columns are met. */

import { mismatch, TemporaryError, UserError } from '../errors.ts';
import { feedOf } from '../feeds/index.ts';
import { LINEAGE_LOAD } from '../wire/lineage.ts';
import type { Column, FileLine, Run, TableLine } from '../wire/types.ts';
import { about } from './about.ts';
import { BATCH, type CsvForm, type Engine, type Fill, ROW, SHAPE } from './engine.ts';
import { rowsOfFiles } from './fitting.ts';
import { createStageTable, dropStage } from './forms.ts';
import type { NameCase } from './names.ts';
import {
  addShape,
  checkLineage,
  checkMembers,
  namesOf,
  observeRun,
  type Shape,
  type StageChange,
  type StagedTable,
  stageColumn,
  stageType,
} from './staged.ts';

// Room for the rows of files that an engine reads by itself, in the numbering of rows.
const FILE_ROWS = 1e12;

/** The rows whose number is known. */
export const countedRows = (table: StagedTable): number => table.rows % FILE_ROWS;

/** The rows that were read of a table, as a number in SQL. */
export function rowsRead(table: StagedTable): string {
  if (table.rows >= FILE_ROWS) return `(SELECT count(*) FROM ${table.stage})`;
  return String(table.read ?? table.rows);
}

export interface Staging {
  /** Adds rows. `seen`: they were looked at before. */
  add(table: StagedTable, run: Run, batch: string, seen?: boolean): Promise<void>;
  /** Has the engine read the files that nobody decoded. `lineOf`: what is known of a table. */
  addFiles(
    files: readonly FileLine[],
    feed: string | undefined,
    tableOf: (name: string) => StagedTable | undefined,
  ): Promise<void>;
  /** Takes the columns of a table into account of which there are no rows. */
  declare(table: StagedTable, columns: readonly Column[]): void;
  /** Forgets the unit. */
  clear(): void;
}

export function createStaging(engine: Engine, nameCase: NameCase): Staging {
  const { dialect } = engine;
  // Runs share their table's columns as one object, so a shape is found without comparing.
  let shapes = new Map<readonly Column[], Map<string, Shape>>();

  async function shapeFor(table: StagedTable, line: TableLine, run: Run | undefined): Promise<Shape> {
    const { columns } = line;
    const known = columns === undefined ? table.lastShape : shapes.get(columns)?.get(table.name);
    const given = columns ?? nextColumns(table, run);
    if (known !== undefined && (columns !== undefined || given === undefined)) return known;
    checkLineage(table, given ?? []);
    const { shape, change } = addShape(table, given ?? [], dialect, nameCase);
    await about(table.name, () => (table.created ? changeStage(table, change) : createStage(table)));
    if (columns === undefined) table.lastShape = shape;
    else shapes.set(columns, (shapes.get(columns) ?? new Map<string, Shape>()).set(table.name, shape));
    return shape;
  }

  async function createStage(table: StagedTable): Promise<void> {
    const bigint = dialect.type('bigint');
    const own = [`${ROW} ${bigint}`, `${BATCH} ${bigint}`, `${SHAPE} ${dialect.type('int')}`];
    const columns = [...table.columns.values()].map(
      (column) => `${dialect.identifier(column.target)} ${dialect.type(stageType(column))}`,
    );
    if (table.grouped && table.lineage !== undefined)
      columns.push(`${dialect.identifier(LINEAGE_LOAD)} ${dialect.type('text')}`);
    await engine.run(dropStage(table.stage, dialect));
    await engine.run(createStageTable(table.stage, [...own, ...columns], dialect, { unique: ROW }));
    table.created = true;
  }

  async function changeStage(table: StagedTable, { add, widen }: StageChange): Promise<void> {
    if (add.length + widen.length === 0) return;
    await engine.settle();
    const change = {
      table: table.stage,
      add: add.map((column) => ({ name: column.target, type: stageType(column) })),
      widen: widen.map(({ column, from, to }) => ({ name: column.target, from, to })),
      ifMissing: false,
      isStage: true,
    };
    for (const statement of dialect.alter(change)) await engine.run(statement);
  }

  const fillOf = (table: StagedTable, shape: Shape, batch: string): Fill => ({
    table: table.name,
    stage: table.stage,
    columns: shape.columns.map(stageColumn),
    shape: shape.index,
    batch,
    firstRow: table.rows,
  });

  return {
    async add(table, run, batch, seen = false) {
      const shape = await shapeFor(table, run.table, run);
      if (!seen) {
        if (run.table.columns !== undefined && engine.takes === 'objects') checkMembers(table, run, shape);
        if (shape.observes) observeRun(run, shape);
      }
      await engine.fill(fillOf(table, shape, batch), run);
      // Whatever the engine keeps of a run it keeps as a copy.
      run.release?.();
      table.rows += run.count;
      table.batches.add(batch);
    },
    async addFiles(undecoded, feed, tableOf) {
      for (const { name, batch, files } of alike(undecoded)) {
        const table = tableOf(name);
        if (table?.line.columns === undefined) {
          const how =
            'rows (decode before this command), or a table line with columns to have the engine read it';
          throw mismatch(`file ${files[0]!.uri}`, how, 'neither');
        }
        const shape = await shapeFor(table, table.line, undefined);
        // Nobody looks at these values: of what type is not said stays text.
        for (const { observed } of shape.columns) if (observed !== undefined) observed.text = true;
        try {
          await engine.fillFiles(fillOf(table, shape, batch), files, csvForm(feed));
        } catch (error) {
          // A script reads nothing yet; what passes by itself is not about a value.
          if (engine.undoes !== true || error instanceof TemporaryError) throw error;
          const uris = files.map(({ uri }) => uri);
          // What is wrong with a value is told with its row alone.
          const isTold = (message: string) =>
            message.startsWith('file ') || uris.some((uri) => message.includes(uri));
          if (!(error instanceof UserError) || isTold(error.message)) throw error;
          throw new UserError(`${error.message}${rowsOfFiles(uris)}`, { cause: error });
        }
        // Nobody counts these rows; the next file's come after them all the same.
        table.rows += FILE_ROWS;
        table.files += files.length;
        table.batches.add(batch);
      }
    },
    declare(table, columns) {
      addShape(table, columns, dialect, nameCase);
    },
    clear() {
      shapes = new Map();
    },
  };
}

// Rows without declared columns: what they hold is what there is. Undefined: nothing beyond what was known.
function nextColumns(table: StagedTable, run: Run | undefined): Column[] | undefined {
  const known = [...table.columns.keys()];
  const names = run === undefined ? [] : namesOf(run, new Set(known));
  if (names.length === 0 && table.lastShape !== undefined) return undefined;
  return [...known, ...names].map((name) => ({ name }));
}

/** Neighbours of one table, batch and format: one statement reads them. */
function alike(files: readonly FileLine[]): { name: string; batch: string; files: FileLine[] }[] {
  const sets: { id: string; name: string; batch: string; files: FileLine[] }[] = [];
  for (const file of files) {
    const [name, batch] = [file.table!, file.batch ?? '0'];
    const id = JSON.stringify([name, batch, file.format, file.codec]);
    const last = sets.at(-1);
    if (last?.id === id) last.files.push(file);
    else sets.push({ id, name, batch, files: [file] });
  }
  return sets;
}

function csvForm(name: string | undefined): CsvForm {
  const csv = name === undefined ? undefined : feedOf(name)?.csv;
  return {
    header: csv?.header ?? 'yes',
    delimiter: csv?.delimiter ?? ',',
    emptyIsNull: csv?.emptyIsNull ?? false,
  };
}
