import type { Context } from '../stage.ts';
import type { Engine } from './engine.ts';
import type { GroupReport, MergeOptions } from './options.ts';
import { createSession } from './session.ts';
import { type Apply, createUnits } from './units.ts';

/** The machine that both `load` and `to-sql` are. `report` hears of every unit. */
export function createApply(
  engine: Engine,
  options: MergeOptions,
  context: Context,
  report: (group: GroupReport) => void,
): Apply {
  return createUnits(createSession(engine, options, context, report));
}
