/** What would be done to the target, without doing it: the statements go past a counter, and a database rolls them back. */

import { UsageError } from '../errors.ts';
import type { Engine } from './engine.ts';
import type { GroupReport } from './options.ts';

/** What a unit would do besides its rows. */
export interface Steps {
  readonly statements: number;
  /** Changes of tables, as they would be said. */
  readonly changes: readonly string[];
}

export interface Rehearsal {
  readonly engine: Engine;
  /** The steps since it was asked last. */
  steps(): Steps;
}

const CHANGE = /^(CREATE|ALTER|DROP)\s/i;
// Stages, and the tables in which we keep what was applied, are no news.
const OURS =
  /^(CREATE (OR REPLACE )?TEMP|ALTER SESSION|[^(]*["'`.\s]brigade_(ledger|table|ddl|tombstone|stage|work|counts|go|lock|raw|check|view|map|swap)\w*)/i;

function counting(engine: Engine): Rehearsal {
  let statements = 0;
  let changes: string[] = [];
  return {
    engine: {
      ...engine,
      run: async (sql) => {
        statements++;
        if (CHANGE.test(sql) && !OURS.test(sql)) changes.push(sql.replace(/\s+/g, ' '));
        await engine.run(sql);
      },
    },
    steps() {
      const taken = { statements, changes };
      statements = 0;
      changes = [];
      return taken;
    },
  };
}

/** Around a script, of which nothing is kept. */
export const rehearseScript = (script: Engine): Rehearsal => counting(script);

/**
 * Around a database: all groups run in one transaction that is never committed, so that each sees what those before it
 * did; it begins before anything is asked or made. Throws `UsageError` for an engine that commits at every change of a
 * table.
 */
export function rehearse(connection: Engine): Rehearsal {
  const { dialect } = connection;
  if (!dialect.transactionalDdl && dialect.undoesDdl !== true) {
    throw new UsageError(
      `--dry-run: expected an engine that can take back changes of tables, found ${dialect.name} (to-sql --dry-run needs none)`,
    );
  }
  const open: Engine = {
    ...connection,
    async open() {
      await connection.open();
      await connection.run(dialect.begin);
    },
    run: async (sql) => {
      if (sql !== dialect.begin && sql !== dialect.commit) await connection.run(sql);
    },
  };
  return counting(open);
}

/**
 * The plan of a unit, a line each: `zenoti POD1 1007: 3 files, 12345 bytes, 2 tables, 20 statements; 120 rows read, 100 to
 * insert, 15 to update, 5 to delete`, then its changes of tables.
 */
export function planLines(group: GroupReport, steps: Steps, withRows: boolean): string[] {
  const { name, files, bytes, tables, read, inserted, updated, deleted } = group;
  const rows = withRows
    ? `; ${read} rows read, ${inserted} to insert, ${updated} to update, ${deleted} to delete`
    : '';
  const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;
  if (!group.applied) return [`${name}: applied before, nothing to do`];
  return [
    `${name}: ${counted(files, 'file')}, ${bytes} bytes, ${counted(tables, 'table')}, ${counted(steps.statements, 'statement')}${rows}`,
    ...steps.changes.map((change) => `  ${change}`),
    ...(group.swapped ?? []).map((table) => `  swap: a new table takes the place of ${table}`),
  ];
}
