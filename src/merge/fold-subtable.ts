/**
 * Subtables of several groups at once (see subtable.ts). A group that changes a parent's row takes the rows cut from its
 * former version away and brings those of the new one; of all of them the last group's stay.
 */

import { BATCH, GROUP, ROW } from './engine.ts';
import { STEP } from './fold.ts';
import { deleteFrom } from './forms.ts';
import { analyzed } from './modes.ts';
import { ids, insertWork, type MergeColumn } from './statement.ts';
import { joined, parentKey, rowKeyOf, type Subtable, sameOrder } from './subtable.ts';
import { dropOldVersions, followVersion, liveSource } from './version.ts';

/** Rows whose parent is not in their group are none of its: batches do not have such (see batch-family.ts). */
export function foldSubtable(merge: Subtable): string[] {
  const { parent, target, key, counts, n, work } = merge;
  if (parent?.source === undefined || key.length === 0) return [];
  const columns = parentKey(key, parent);
  if (columns === undefined) return [];
  const of = ids(columns, 'e.');
  const touched = `(SELECT e.${GROUP}, ${of}, lead(e.${GROUP}) OVER (PARTITION BY ${of} ORDER BY e.${GROUP}) AS _brigade_next, row_number() OVER (PARTITION BY ${of} ORDER BY e.${GROUP}) AS _brigade_nth FROM ${parent.work} e WHERE e.${STEP} IN ('i', 'u', 'd')) p`;
  const own = `${work} c JOIN ${touched} ON ${joined(key, columns, 'c', 'p')} AND c.${GROUP} = p.${GROUP}`;
  return [
    ...(parent.version !== undefined && merge.version !== undefined
      ? followVersion(parent, target, merge.version.id, { counted: merge })
      : []),
    ...(merge.source === undefined ? [] : [...dropOldVersions(merge), matching(merge, columns, touched)]),
    ...analyzed(merge),
    `INSERT INTO ${counts} SELECT c.${GROUP}, ${n}, count(*), 0, 0, 0 FROM ${work} c GROUP BY c.${GROUP}`,
    `INSERT INTO ${counts} SELECT p.${GROUP}, ${n}, 0, 0, count(*), 0 FROM ${target} t JOIN ${touched} ON ${joined(key, columns, 't', 'p')} WHERE p._brigade_nth = 1 GROUP BY p.${GROUP}`,
    `INSERT INTO ${counts} SELECT p._brigade_next, ${n}, 0, 0, count(*), 0 FROM ${own} WHERE p._brigade_next IS NOT NULL GROUP BY p._brigade_next`,
    deleteFrom(
      target,
      { from: `${touched}`, on: (t) => `p._brigade_nth = 1 AND ${joined(key, columns, t, 'p')}` },
      merge.dialect,
    ),
    ...(merge.source === undefined ? [] : [insertWork(merge, `'i'`)]),
  ];
}

// Rows of the version of their parent that counts in their group. They stay if no later group touches it (`touched`, `p`).
function matching(merge: Subtable, columns: readonly MergeColumn[], touched: string): string {
  const { key } = merge;
  const parent = merge.parent!;
  const rank = `row_number() OVER (PARTITION BY x.${GROUP}, ${ids(rowKeyOf(merge), 'x.')} ORDER BY x.${BATCH} DESC, x.${ROW} DESC)`;
  const standing = `(SELECT p.* FROM ${parent.source} p JOIN ${parent.work} e ON e.${ROW} = p.${ROW} WHERE e.${STEP} IN ('i', 'u')) p`;
  const cut = `SELECT x.${ROW}, x.${GROUP}, ${ids(key, 'x.')}, ${rank} AS _brigade_rank FROM ${liveSource(merge)} x JOIN ${standing} ON ${joined(key, columns, 'x', 'p')} AND x.${GROUP} = p.${GROUP}${sameOrder(merge, parent)}`;
  return `INSERT INTO ${merge.work} SELECT q.${ROW}, q.${GROUP}, 'i', 0, CASE WHEN p._brigade_next IS NULL THEN 'i' END, ${ids(key, 'q.')} FROM (${cut}) q JOIN ${touched} ON ${joined(key, columns, 'q', 'p')} AND q.${GROUP} = p.${GROUP} WHERE q._brigade_rank = 1`;
}
