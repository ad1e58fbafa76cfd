/**
 * Subtables of several groups at once (see subtable.ts). The events of a parent's row, in the order of their groups, never
 * go back to an older version. An event clears the rows of its subtables that are there when it deletes the row, brings
 * rows of its own, or is of a newer version than they are; of what it brings stays what no later event clears.
 */

import { BATCH, GROUP, ROW } from './engine.ts';
import { STEP } from './fold.ts';
import { deleteFrom } from './forms.ts';
import { analyzed } from './modes.ts';
import { comparable, ids, insertWork, type MergeColumn, older } from './statement.ts';
import {
  joined,
  keyName,
  outdated,
  parentKey,
  rowKeyOf,
  type Subtable,
  sameOrder,
  sharedOrder,
} from './subtable.ts';
import { dropOldVersions, followVersion, liveSource } from './version.ts';

/** Rows whose parent is not in their group are none of its: batches do not have such (see batch-family.ts). */
export function foldSubtable(merge: Subtable): string[] {
  const { dialect, parent, target, key, counts, n, work } = merge;
  if (parent?.source === undefined || key.length === 0) return [];
  const columns = parentKey(key, parent);
  if (columns === undefined) return [];
  const { own } = sharedOrder(merge, parent);
  const clearing = `${clearingEvents(merge, columns)} g`;
  const of = (t: string) =>
    `${ofKey(key, 'g', t)} AND g._brigade_clears = 1 AND ${outdated(dialect, own, t)}`;
  const names = [...new Set([...key, ...own].map(({ id }) => `t.${id}`))].join(', ');
  const alike = `(SELECT ${names}, count(*) AS _brigade_rows FROM ${target} t GROUP BY ${names}) t`;
  const first = `SELECT min(g.${GROUP}) AS _brigade_first, min(t._brigade_rows) AS _brigade_rows FROM ${alike} JOIN ${clearing} ON ${of('t')} GROUP BY ${names}`;
  const cleared = (c: string) => `${ofKey(key, 'g', c)} AND ${c}.${GROUP} = g.${GROUP}`;
  return [
    ...(parent.version !== undefined && merge.version !== undefined
      ? followVersion(parent, target, merge.version.id, { counted: merge })
      : []),
    ...(merge.source === undefined ? [] : [...dropOldVersions(merge), matching(merge, columns)]),
    ...analyzed(merge),
    `INSERT INTO ${counts} SELECT c.${GROUP}, ${n}, count(*), 0, 0, 0 FROM ${work} c GROUP BY c.${GROUP}`,
    `INSERT INTO ${counts} SELECT q._brigade_first, ${n}, 0, 0, sum(q._brigade_rows), 0 FROM (${first}) q GROUP BY q._brigade_first`,
    `INSERT INTO ${counts} SELECT g._brigade_next, ${n}, 0, 0, count(*), 0 FROM ${work} c JOIN ${clearing} ON ${cleared('c')} WHERE g._brigade_next IS NOT NULL GROUP BY g._brigade_next`,
    deleteFrom(target, { from: clearing, on: of }, dialect),
    ...(merge.source === undefined
      ? []
      : [
          deleteFrom(
            work,
            { from: clearing, on: (c) => `${cleared(c)} AND g._brigade_next IS NOT NULL` },
            dialect,
          ),
          insertWork(merge, `'i'`),
        ]),
  ];
}

const ofKey = (key: readonly MergeColumn[], g: string, t: string): string =>
  key.map(({ id }, i) => `${g}.${keyName(i)} = ${t}.${id}`).join(' AND ');

const keyNames = (key: readonly MergeColumn[], of: string): string =>
  key.map((_, i) => `${of}.${keyName(i)}`).join(', ');

// The events of the parent's rows: group, key, order by the names of the subtable's, its place among the versions
// (`_brigade_place`), whether it deletes the row (`_brigade_all`).
function parentEvents(merge: Subtable, columns: readonly MergeColumn[]): string {
  const { dialect } = merge;
  const parent = merge.parent!;
  const { own, of } = sharedOrder(merge, parent);
  const [key, order] = [
    columns.map(({ id }, i) => `e.${id} AS ${keyName(i)}`),
    of.map(({ id }, i) => `s.${id} AS ${own[i]!.id}`),
  ];
  const oldest = of.map(
    (column) => `${comparable(dialect, column, 's')} ASC${dialect.nullsLast === true ? '' : ' NULLS FIRST'}`,
  );
  const place =
    oldest.length === 0
      ? '0'
      : `dense_rank() OVER (PARTITION BY ${ids(columns, 'e.')} ORDER BY ${oldest.join(', ')})`;
  const all = `CASE WHEN e.${STEP} = 'd' THEN 1 ELSE 0 END AS _brigade_all`;
  return `SELECT ${[`e.${GROUP}`, ...key, ...order, `${place} AS _brigade_place`, all].join(', ')} FROM ${parent.work} e JOIN ${parent.source} s ON s.${ROW} = e.${ROW} WHERE e.${STEP} IN ('i', 'u', 'd')`;
}

// The same, when the rows that the events bring are in the work table: whether the event clears what is there
// (`_brigade_clears`; `_brigade_all`: whatever its version), and the next one after it that does (`_brigade_next`).
function clearingEvents(merge: Subtable, columns: readonly MergeColumn[]): string {
  const { key, parent, source, work } = merge;
  const { own } = sharedOrder(merge, parent!);
  const brings =
    source === undefined
      ? ''
      : ` LEFT JOIN (SELECT DISTINCT c.${GROUP}, ${ids(key, 'c.')} FROM ${work} c) b ON ${ofKey(key, 'e', 'b')} AND b.${GROUP} = e.${GROUP}`;
  const whole = [
    `e._brigade_all = 1`,
    ...(own.length === 0 ? ['TRUE'] : []),
    ...(source === undefined ? [] : [`b.${GROUP} IS NOT NULL`]),
  ].join(' OR ');
  const said = `e.${GROUP}, ${keyNames(key, 'e')}${own.map(({ id }) => `, e.${id}`).join('')}`;
  const over = (x: string) => `OVER (PARTITION BY ${keyNames(key, x)} ORDER BY ${x}.${GROUP}`;
  const newer = `coalesce(e._brigade_place > lag(e._brigade_place) ${over('e')}), TRUE)`;
  const events = `SELECT ${said}, CASE WHEN ${whole} THEN 1 ELSE 0 END AS _brigade_all, CASE WHEN ${whole} OR ${newer} THEN 1 ELSE 0 END AS _brigade_clears FROM (${parentEvents(merge, columns)}) e${brings}`;
  return `(SELECT y.*, min(CASE WHEN y._brigade_clears = 1 THEN y.${GROUP} END) ${over('y')} ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS _brigade_next FROM (${events}) y)`;
}

// Rows of the version of their parent that counts in their group; none where the target has rows of a newer one that no
// group before has deleted.
function matching(merge: Subtable, columns: readonly MergeColumn[]): string {
  const { dialect, key, target } = merge;
  const parent = merge.parent!;
  const { own } = sharedOrder(merge, parent);
  const rank = `row_number() OVER (PARTITION BY x.${GROUP}, ${ids(rowKeyOf(merge), 'x.')} ORDER BY x.${BATCH} DESC, x.${ROW} DESC)`;
  const standing = `(SELECT p.* FROM ${parent.source} p JOIN ${parent.work} e ON e.${ROW} = p.${ROW} WHERE e.${STEP} IN ('i', 'u')) p`;
  const cut = `SELECT x.${ROW}, x.${GROUP}, ${ids(key, 'x.')}, ${rank} AS _brigade_rank FROM ${liveSource(merge)} x JOIN ${standing} ON ${joined(key, columns, 'x', 'p')} AND x.${GROUP} = p.${GROUP}${sameOrder(merge, parent)}`;
  const insert = `INSERT INTO ${merge.work} SELECT q.${ROW}, q.${GROUP}, 'i', 0, 'i', ${ids(key, 'q.')} FROM (${cut}) q`;
  if (own.length === 0) return `${insert} WHERE q._brigade_rank = 1`;
  const fallen = `max(e._brigade_all) OVER (PARTITION BY ${keyNames(key, 'e')} ORDER BY e.${GROUP}) AS _brigade_fallen`;
  const waiting = `(SELECT DISTINCT e.${GROUP}, ${keyNames(key, 'e')} FROM (SELECT e.*, ${fallen} FROM (${parentEvents(merge, columns)}) e) e JOIN ${target} t ON ${ofKey(key, 'e', 't')} AND ${older(dialect, own, 'e', 't')} WHERE e._brigade_fallen = 0) v`;
  return `${insert} LEFT JOIN ${waiting} ON ${ofKey(key, 'v', 'q')} AND v.${GROUP} = q.${GROUP} WHERE q._brigade_rank = 1 AND v.${GROUP} IS NULL`;
}
