/** What lasts from the first unit of a stream to its last one. */

import type { Context } from '../stage.ts';
import type { Engine } from './engine.ts';
import type { UserTable } from './identity.ts';
import { createOwnTables, ownTables } from './ledger.ts';
import type { Naming } from './names.ts';
import type { GroupReport, MergeOptions } from './options.ts';
import type { OwnTables } from './statement.ts';

export interface Session {
  readonly engine: Engine;
  readonly naming: Naming;
  readonly own: OwnTables;
  /** Quoted: counts per table, of one unit. */
  readonly counts: string;
  readonly options: MergeOptions;
  readonly context: Context;
  /** Hears of every group. */
  readonly report: (group: GroupReport) => void;
  /** What is said once a stream and has been said. */
  readonly told: Set<string>;
  /** The columns of the views that a script has made, where nobody can ask for them; by the view's name. */
  readonly views: Map<string, ReadonlySet<string>>;
  /** The tables with users that have come, as they came last; by their names in the target. */
  readonly userTables: Map<string, UserTable>;
  /** Opens the database and creates what is ours; once. */
  open(): Promise<void>;
  /** Carries out steps in one transaction, alone in the schema. */
  transaction<Prepared, Result>(steps: Steps<Prepared, Result>): Promise<Result>;
}

interface Steps<Prepared, Result> {
  /** Asks what is to be done, before any change of rows. */
  readonly fence: () => Promise<void>;
  /** Changes tables: in the transaction where that can be rolled back, else before it. */
  readonly prepare: () => Promise<Prepared>;
  /** Changes rows. */
  readonly work: (prepared: Prepared) => Promise<Result>;
}

export function createSession(
  engine: Engine,
  options: MergeOptions,
  context: Context,
  report: (group: GroupReport) => void,
): Session {
  const { dialect } = engine;
  const naming: Naming = {
    dialect,
    schema: options.schema ?? dialect.schema,
    template: options.targetName,
    nameCase: options.nameCase ?? dialect.nameCase,
  };
  const own = ownTables(naming);
  let opened = false;

  async function takeLock(): Promise<void> {
    if (dialect.sessionLock !== undefined) await engine.run(dialect.sessionLock.take(naming.schema));
  }

  async function giveLockBack(): Promise<void> {
    if (dialect.sessionLock !== undefined) await engine.run(dialect.sessionLock.release(naming.schema));
  }

  async function begin(): Promise<void> {
    await engine.run(dialect.begin);
    if (dialect.lock !== undefined) await engine.run(dialect.lock(naming.schema));
  }

  return {
    engine,
    naming,
    own,
    counts: dialect.identifier('brigade_counts'),
    options,
    context,
    report,
    told: new Set(),
    views: new Map(),
    userTables: new Map(),
    async open() {
      if (opened) return;
      await engine.open();
      for (const statement of dialect.session) await engine.run(statement);
      // Two at once would collide on CREATE TABLE IF NOT EXISTS.
      if (dialect.transactionalDdl) await begin();
      await takeLock();
      if (options.schema !== undefined && (await engine.hasSchema()) !== true) {
        await engine.run(dialect.createSchema(options.schema));
      }
      for (const statement of dialect.prepare?.(naming.schema) ?? []) await engine.run(statement);
      for (const statement of createOwnTables(own, dialect)) await engine.run(statement);
      if (dialect.transactionalDdl) await engine.run(dialect.commit);
      await giveLockBack();
      // Not before: what failed within a batch is tried again group by group.
      opened = true;
    },
    async transaction({ fence, prepare, work }) {
      await takeLock();
      const before = dialect.transactionalDdl ? undefined : { prepared: await prepare() };
      await begin();
      await fence();
      const { prepared } = before ?? { prepared: await prepare() };
      const result = await work(prepared);
      await engine.run(dialect.commit);
      await giveLockBack();
      return result;
    },
  };
}
