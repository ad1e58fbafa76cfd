import { mismatch } from '../errors.ts';
import {
  type Chunk,
  type CommitLine,
  type Control,
  type DdlLine,
  type FeedLine,
  isControl,
  type TableLine,
} from '../wire/types.ts';
import type { Delivery } from './apply-unit.ts';
import { targetName } from './names.ts';
import { checkScd2 } from './scd2.ts';
import type { Session } from './session.ts';
import type { StagedTable } from './staged.ts';
import type { Staging } from './staging.ts';
import {
  addEof,
  addFile,
  addReject,
  lineageOf,
  newUnit,
  placeOf,
  promise,
  stagedTable,
  type Unit,
} from './unit.ts';

/** Takes a stream chunk by chunk and has the engine do what it means. */
export interface Apply {
  take(chunk: Chunk): Promise<void>;
  /** Waits for what goes on while chunks are taken, if anything does. Throws what it throws. */
  settle?(): Promise<void>;
}

/**
 * The intake of the machine: it gathers a group, stages its rows as they come, and hands it on at `commit`; a loose body
 * at `end`. Memory: what tables and columns are called.
 */
export function createUnits(
  session: Pick<Session, 'naming' | 'options' | 'open'>,
  staging: Staging,
  done: (delivery: Delivery) => Promise<void>,
): Apply {
  const { naming, options } = session;
  const { dialect } = naming;
  let feed: FeedLine | undefined;
  let unit: Unit | undefined;
  /** Said since the last unit, outside of any: done with the next one. */
  let declared: TableLine[] = [];
  let ddl: DdlLine[] = [];
  const outside = new Map<string, TableLine>();
  const inside = new Map<string, TableLine>();

  const loose = (): Unit => {
    unit ??= newUnit(undefined, Date.now(), lineageOf(undefined, options));
    return unit;
  };

  function staged(line: TableLine): StagedTable {
    const current = loose();
    const target = targetName(line.table, placeOf(current.group, feed), naming);
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

  async function apply(commit: CommitLine | undefined): Promise<void> {
    if (unit === undefined && declared.length === 0 && ddl.length === 0) return;
    await done({ unit: loose(), commit, feed, declared, ddl, tableOf });
    unit = undefined;
    declared = [];
    ddl = [];
    inside.clear();
    staging.clear();
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
      await session.open();
      const table = staged(chunk.table);
      await staging.add(table, chunk, loose().batch);
    },
  };
}
