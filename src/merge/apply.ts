import type { Context } from '../stage.ts';
import { applyUnit } from './apply-unit.ts';
import { createBatches } from './batches.ts';
import type { Engine } from './engine.ts';
import type { GroupReport, MergeOptions } from './options.ts';
import { createSession } from './session.ts';
import { createStaging } from './staging.ts';
import { checkSwap } from './swap.ts';
import { type Apply, createUnits } from './units.ts';

/**
 * The machine that both `load` and `to-sql` are. `report` hears of every unit. With `batchGroups` several groups share a
 * transaction, except in a rehearsal, which tells of one after the other.
 */
export function createApply(
  engine: Engine,
  options: MergeOptions,
  context: Context,
  report: (group: GroupReport) => void,
): Apply {
  checkSwap(engine.dialect, options);
  const session = createSession(engine, options, context, report);
  const staging = createStaging(engine, session.naming.nameCase);
  const oneByOne = createUnits(session, staging, (delivery) => applyUnit(delivery, staging, session));
  if (options.batchGroups === undefined || options.dryRun === true) return oneByOne;
  return createBatches(oneByOne, staging, session, options.batchGroups);
}
