/**
 * One room per merge mode: the statements of the apply phase for one table, DML only, in order. What happens to which
 * row is decided first, in the work table; then the target changes.
 */

import { LINEAGE_LOAD } from '../wire/lineage.ts';
import { ROW } from './engine.ts';
import { deleteFrom, ONE_ROW, swapForms } from './forms.ts';
import {
  checkConflicts,
  checkLoss,
  checkNullKeys,
  countWork,
  deletes,
  deleteWork,
  ids,
  insertWork,
  type Merge,
  mergeWork,
  newestFirst,
  older,
  same,
  updateWork,
  where,
  winners,
} from './statement.ts';
import { buryWork, tombstoneJoin, tombstoneOlder } from './tombstone.ts';
import { dropOldVersions, liveSource } from './version.ts';

/** Inserts everything that is staged. */
export function append(merge: Merge): string[] {
  return [
    `INSERT INTO ${merge.counts} SELECT ${merge.n}, count(*), 0, 0 FROM ${merge.source} s`,
    `INSERT INTO ${merge.target} (${ids(merge.columns)}) SELECT ${ids(merge.columns, 's.')} FROM ${merge.source} s`,
  ];
}

/**
 * The same, repeatable: what an earlier run of this very group has left behind goes first. `load` tells groups of one
 * source apart, so that all rows must be of that.
 */
export function appendAgain(
  merge: Merge,
  { source, load }: { readonly source: string; readonly load: string },
): string[] {
  const { dialect, own, target, targetName, guard } = merge;
  const { literal } = dialect;
  const column = dialect.identifier(LINEAGE_LOAD);
  const expected = `table ${merge.table}: expected rows of one source (--target-name '{source}__{table}' keeps sources apart), since ${dialect.name} knows appended rows again by their group alone, found those of `;
  return [
    dialect.check(
      `SELECT ${literal(expected)} || b.source AS m FROM ${own.table} b WHERE b.target = ${literal(targetName)} AND b.source <> ${literal(source)}`,
    ),
    deleteFrom(target, { on: (t) => `${t}.${column} = ${literal(load)}`, when: guard }, dialect),
    ...append(merge),
  ];
}

/** The newest staged row of a key replaces the target's, unless that one is newer still. */
export function upsert(merge: Merge): string[] {
  const { dialect, key, order } = merge;
  const hard = merge.hardDeletes && merge.flag !== undefined ? merge.flag : undefined;
  const columns = [...key, ...order, ...(hard === undefined ? [] : [hard])];
  const staged = winners(merge, newestFirst(dialect, order, 'x'), columns, liveSource(merge));
  const inTarget = `t.${key[0]!.id} IS NOT NULL`;
  const buried = hard === undefined || order.length === 0 ? undefined : tombstoneJoin(merge, 's');
  const action = [
    ...(order.length === 0 ? [] : [`WHEN ${inTarget} AND ${older(dialect, order, 's', 't')} THEN 'n'`]),
    ...(buried === undefined ? [] : [`WHEN ${tombstoneOlder(merge, 's')} THEN 'n'`]),
    ...(hard === undefined
      ? []
      : [`WHEN ${deletes(dialect, hard, 's')} THEN CASE WHEN ${inTarget} THEN 'd' ELSE 'x' END`]),
    `WHEN ${inTarget} THEN ${merge.onlyMissing ? `'n'` : `'u'`}`,
  ];
  return [
    ...checkNullKeys(merge),
    ...checkConflicts(merge),
    ...dropOldVersions(merge),
    `INSERT INTO ${merge.work} SELECT q.${ROW}, min(q._brigade_action), ${ids(key, 'q.')} FROM (SELECT s.${ROW}, ${ids(key, 's.')}, CASE ${action.join(' ')} ELSE 'i' END AS _brigade_action FROM ${staged} s LEFT JOIN ${merge.target} t ON ${same(key, 't', 's')}${buried ?? ''}) q GROUP BY q.${ROW}, ${ids(key, 'q.')}`,
    ...analyzed(merge),
    countWork(merge),
    ...(hard === undefined
      ? []
      : [
          ...checkLoss(
            merge,
            `(SELECT coalesce(sum(CASE w._brigade_action WHEN 'd' THEN 1 WHEN 'i' THEN -1 ELSE 0 END), 0) FROM ${merge.work} w)`,
          ),
          ...buryWork(merge),
        ]),
    ...(dialect.mergesWork === true
      ? [mergeWork(merge)]
      : [
          ...(hard === undefined ? [] : [deleteWork(merge, `'d'`)]),
          ...updateWork(merge),
          insertWork(merge, `'i'`),
        ]),
  ];
}

/**
 * Zenoti's facts. Of each key the highest batch in which it occurs counts: if that has rows that do not delete, the
 * last of them is inserted, else the key is deleted. Keys being inserted are removed first, since the vendor's own
 * statements double them on a replay.
 */
export function deleteInsert(merge: Merge): string[] {
  const { dialect, key, flag, order } = merge;
  const columns = [...key, ...order, ...(flag === undefined ? [] : [flag])];
  const staying = flag === undefined ? [] : [`CASE WHEN ${deletes(dialect, flag, 'x')} THEN 1 ELSE 0 END`];
  const staged = winners(
    merge,
    ['x._brigade_batch DESC', ...staying, ...newestFirst(dialect, order, 'x')],
    columns,
  );
  const gone = flag === undefined ? 'FALSE' : deletes(dialect, flag, 's');
  // An update leaves columns alone that the file does not have; a key that the target has twice is healed.
  const wholly = merge.wholeRows ? `'r'` : `CASE WHEN count(t.${key[0]!.id}) > 1 THEN 'r' ELSE 'u' END`;
  const [replaced, removed] = merge.onlyMissing ? [`'n'`, `'n'`] : [wholly, `'d'`];
  // Where rows of one file have no order, the last of a key is not known.
  const stays = flag === undefined ? undefined : (of: string) => `NOT (${deletes(dialect, flag, of)})`;
  return [
    ...checkNullKeys(merge),
    ...(dialect.unorderedFiles === true ? checkConflicts(merge, stays) : []),
    `INSERT INTO ${merge.work} SELECT s.${ROW}, CASE WHEN ${gone} THEN CASE WHEN count(t.${key[0]!.id}) > 0 THEN ${removed} ELSE 'x' END WHEN count(t.${key[0]!.id}) = 0 THEN 'i' ELSE ${replaced} END, ${ids(key, 's.')} FROM ${staged} s LEFT JOIN ${merge.target} t ON ${same(key, 't', 's')} GROUP BY s.${ROW}, ${ids(key, 's.')}${flag === undefined ? '' : `, s.${flag.id}`}`,
    ...analyzed(merge),
    countWork(merge),
    ...(dialect.mergesWork === true
      ? [mergeWork(merge)]
      : [
          deleteWork(merge, `'r', 'd'`),
          ...(merge.wholeRows ? [] : updateWork(merge)),
          insertWork(merge, `'i', 'r'`),
        ]),
  ];
}

/**
 * The table is emptied and filled, so that it stays itself, with its grants, views and indexes; with `--swap rename` a new
 * one is filled, which takes its place when all tables are merged. `insert`: what fills a table.
 */
export function refill(merge: Merge, insert?: (into: string) => string): string[] {
  const { dialect, guard, swap, target } = merge;
  if (swap === undefined)
    return [deleteFrom(target, { when: guard }, dialect), ...(insert === undefined ? [] : [insert(target)])];
  const { make, filled } = swapForms(dialect);
  return [
    ...make(swap),
    ...(insert === undefined ? [] : [insert(swap.shadow)]),
    // Nothing is conditional there: the new table has the old rows where these are to stay.
    ...(guard === undefined ? [] : [`INSERT INTO ${swap.shadow} SELECT * FROM ${target} WHERE NOT ${guard}`]),
    ...(filled?.(swap) ?? []),
  ];
}

/** Before everything else of a table that is replaced: nothing may be in the way of what follows. */
export const beginSwap = ({ dialect, swap }: Merge): readonly string[] =>
  swap === undefined ? [] : swapForms(dialect).begin(swap);

/** The table's contents become the staged rows, one per key where there is a key. */
export function replace(merge: Merge): string[] {
  const { key, target } = merge;
  const total = `(SELECT count(*) FROM ${target})`;
  if (merge.source === undefined) {
    return [
      ...checkLoss(merge, total),
      `INSERT INTO ${merge.counts} SELECT ${merge.n}, 0, 0, ${total} FROM ${ONE_ROW}${where(merge.guard)}`,
      ...refill(merge),
    ];
  }
  if (key.length === 0) {
    const staged = `(SELECT count(*) FROM ${merge.source} s)`;
    return [
      ...checkLoss(merge, `${total} - ${staged}`),
      `INSERT INTO ${merge.counts} SELECT ${merge.n}, ${staged}, 0, ${total} FROM ${ONE_ROW}${where(merge.guard)}`,
      ...refill(
        merge,
        (into) =>
          `INSERT INTO ${into} (${ids(merge.columns)}) SELECT ${ids(merge.columns, 's.')} FROM ${merge.source} s`,
      ),
    ];
  }
  const { dialect, order, flag } = merge;
  const hard = merge.hardDeletes ? flag : undefined;
  const columns = [...key, ...order, ...(hard === undefined ? [] : [hard])];
  const staged = winners(merge, newestFirst(dialect, order, 'x'), columns, liveSource(merge));
  // What the target has beyond one row for each key that stays.
  const lost = `${total} - coalesce(sum(CASE WHEN _brigade_action = 'u' THEN 1 ELSE 0 END), 0)`;
  return [
    ...checkNullKeys(merge),
    ...checkConflicts(merge),
    `INSERT INTO ${merge.work} SELECT s.${ROW}, CASE WHEN count(t.${key[0]!.id}) > 0 THEN 'u' ELSE 'i' END, ${ids(key, 's.')} FROM ${staged} s LEFT JOIN ${target} t ON ${same(key, 't', 's')}${where(hard === undefined ? undefined : `NOT (${deletes(dialect, hard, 's')})`)} GROUP BY s.${ROW}, ${ids(key, 's.')}`,
    ...analyzed(merge),
    ...checkLoss(merge, `${total} - (SELECT count(*) FROM ${merge.work} w)`),
    countWork(merge, lost),
    ...refill(merge, (into) => insertWork(merge, `'i', 'u'`, into)),
  ];
}

/** Tells the planner of a temporary table that has rows of the stage, by default of the work table. */
export function analyzed(merge: Merge, table = merge.work): string[] {
  return merge.dialect.analyze === undefined
    ? []
    : [merge.dialect.analyze(table, [ROW, ...merge.key.map(({ id }) => id)])];
}
