/** The stages of several groups: their rows, table by table. */

import { runOfBytes } from '../wire/run.ts';
import { type Chunk, type Column, isControl, type Run, type TableLine } from '../wire/types.ts';
import { groupNumber } from './batch-ledger.ts';
import type { HeldGroup } from './batch-rules.ts';
import { createBehind } from './behind.ts';
import type { Session } from './session.ts';
import { type StagedTable, settledType } from './staged.ts';
import type { Staging } from './staging.ts';
import { lineageOf, newUnit, stagedTable, type Unit } from './unit.ts';

/**
 * So much is staged at once: while an engine takes it, the groups after it are read. Less would be more statements than
 * it is worth, for each table has its own.
 */
export const FILL_BYTES = 8 * 2 ** 20;

export interface BatchStage {
  /**
   * Takes the next group; its rows reach the stages when there are enough of them, while the caller goes on. What fails then
   * is thrown by the next call.
   */
  add(group: HeldGroup): Promise<void>;
  /** All rows are in the stages. What they are of, as one unit. */
  finish(): Promise<Unit>;
  /** The engine has nothing more to do. Throws as `add` does. */
  settle(): Promise<void>;
}

/** The stages of a batch that begins with this group. */
export function createBatchStage(
  { delivery }: HeldGroup,
  staging: Staging,
  { engine, options, open }: Session,
): BatchStage {
  const { dialect } = engine;
  const { feed } = delivery;
  const { group: firstGroup, startedMs } = delivery.unit;
  const unit = newUnit(firstGroup, startedMs, lineageOf(firstGroup, options), true);
  const types = new Map<string, Map<string, ReturnType<typeof settledType>>>();
  const declared = new Map<string, readonly Column[]>();
  const lines: { readonly table: StagedTable; readonly columns: readonly Column[] }[] = [];
  // Table by table, so that the engine is told of each once, and of equal columns as one set.
  let filling: (() => Promise<void>)[][] = [];
  let waiting = 0;
  let count = 0;
  const behind = createBehind({ atOnce: engine.undoes !== true });

  const shared = (line: TableLine): TableLine => {
    const id = JSON.stringify([line.table, line.columns]);
    const columns = declared.get(id) ?? line.columns;
    if (columns !== undefined) declared.set(id, columns);
    return columns === undefined ? line : { ...line, columns };
  };

  function declare({ delivery }: HeldGroup): void {
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
  }

  function addRows({ chunks }: HeldGroup, stampOf: (batch: string) => string): void {
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
  }

  function addFiles({ delivery }: HeldGroup, stampOf: (batch: string) => string): void {
    const files = [...delivery.unit.undecoded.values()];
    if (files.length === 0) return;
    const tableOf = (name: string) => {
      const table = unit.tables.get(name);
      const line = delivery.unit.tables.get(name)?.line;
      return table === undefined || line === undefined
        ? undefined
        : Object.assign(table, { line: shared(line) });
    };
    const stamped = files.map((file) => ({ ...file, batch: stampOf(file.batch ?? '0') }));
    filling[0] ??= [];
    filling[0].push(() => staging.addFiles(stamped, feed?.feed ?? firstGroup?.feed, tableOf));
  }

  async function fill(): Promise<void> {
    const ready = filling;
    filling = [];
    waiting = 0;
    await open();
    for (const fills of ready) for (const one of fills ?? []) await one();
  }

  return {
    async add(group) {
      declare(group);
      const stampOf = stamps(count++, group.chunks);
      addRows(group, stampOf);
      addFiles(group, stampOf);
      waiting += group.bytes;
      // A group alone is staged as such.
      if (waiting >= FILL_BYTES && count > 1) await behind.start(fill);
    },
    settle: behind.settle,
    async finish() {
      await behind.settle();
      await fill();
      await engine.settle();
      for (const { table, columns } of lines) if (!table.created) staging.declare(table, columns);
      for (const table of unit.tables.values()) {
        for (const column of table.columns.values())
          if (column.observed !== undefined)
            column.settled = { type: types.get(table.name)?.get(column.name) };
      }
      return unit;
    },
  };
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
