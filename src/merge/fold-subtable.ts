/**
 * Subtables of several groups at once (see subtable.ts). A group that changes a parent's row takes the rows cut from its
 * former version away and brings those of the new one; of all of them the last group's stay.
 */

import { BATCH, GROUP, ROW } from './engine.ts';
import { eventsOf } from './fold.ts';
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
  const events = eventsOf(merge);
  const of = ids(columns, 'e.');
  const touched = `(SELECT e.${GROUP}, ${of}, lead(e.${GROUP}) OVER (PARTITION BY ${of} ORDER BY e.${GROUP}) AS _brigade_next, row_number() OVER (PARTITION BY ${of} ORDER BY e.${GROUP}) AS _brigade_nth FROM ${eventsOf(parent)} e WHERE e._brigade_action IN ('i', 'u', 'd')) p`;
  const own = `${events} c JOIN ${touched} ON ${joined(key, columns, 'c', 'p')} AND c.${GROUP} = p.${GROUP}`;
  return [
    ...(parent.version !== undefined && merge.version !== undefined
      ? followVersion(parent, target, merge.version.id, { counted: merge })
      : []),
    ...(merge.source === undefined ? [] : [...dropOldVersions(merge), matching(merge, columns)]),
    ...analyzed(merge, events),
    `INSERT INTO ${counts} SELECT c.${GROUP}, ${n}, count(*), 0, 0, 0 FROM ${events} c GROUP BY c.${GROUP}`,
    `INSERT INTO ${counts} SELECT p.${GROUP}, ${n}, 0, 0, count(*), 0 FROM ${target} t JOIN ${touched} ON ${joined(key, columns, 't', 'p')} WHERE p._brigade_nth = 1 GROUP BY p.${GROUP}`,
    `INSERT INTO ${counts} SELECT p._brigade_next, ${n}, 0, 0, count(*), 0 FROM ${own} WHERE p._brigade_next IS NOT NULL GROUP BY p._brigade_next`,
    deleteFrom(
      target,
      { from: `${touched}`, on: (t) => `p._brigade_nth = 1 AND ${joined(key, columns, t, 'p')}` },
      merge.dialect,
    ),
    ...(merge.source === undefined
      ? []
      : [
          `INSERT INTO ${work} SELECT c.${ROW}, 'i', ${ids(key, 'c.')} FROM ${own} WHERE p._brigade_next IS NULL`,
          ...analyzed(merge),
          insertWork(merge, `'i'`),
        ]),
  ];
}

// Rows of the version of their parent that counts in their group.
function matching(merge: Subtable, columns: readonly MergeColumn[]): string {
  const { key } = merge;
  const parent = merge.parent!;
  const rank = `row_number() OVER (PARTITION BY x.${GROUP}, ${ids(rowKeyOf(merge), 'x.')} ORDER BY x.${BATCH} DESC, x.${ROW} DESC)`;
  const standing = `(SELECT p.* FROM ${parent.source} p JOIN ${eventsOf(parent)} e ON e.${ROW} = p.${ROW} WHERE e._brigade_action IN ('i', 'u')) p`;
  return `INSERT INTO ${eventsOf(merge)} SELECT q.${ROW}, q.${GROUP}, 'i', 0, NULL, ${ids(key, 'q.')} FROM (SELECT x.${ROW}, x.${GROUP}, ${ids(key, 'x.')}, ${rank} AS _brigade_rank FROM ${liveSource(merge)} x JOIN ${standing} ON ${joined(key, columns, 'x', 'p')} AND x.${GROUP} = p.${GROUP}${sameOrder(merge, parent)}) q WHERE q._brigade_rank = 1`;
}
