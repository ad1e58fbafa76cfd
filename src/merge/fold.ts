/**
 * The modes for the rows of several groups at once. For each key the groups in which it occurs are gone through in
 * their order, without a statement per group: of each group its one row that counts is an event, and what the event does
 * follows from the event before it. The target then changes once, to what the last event leaves, and the counts of each
 * group are those of its own events.
 */

import { BATCH, GROUP, ROW } from './engine.ts';
import { createStageTable, dropStage } from './forms.ts';
import { analyzed } from './modes.ts';
import {
  checkConflicts,
  checkNullKeys,
  comparable,
  deletes,
  deleteWork,
  ids,
  insertWork,
  type Merge,
  type MergeColumn,
  newestFirst,
  older,
  same,
  tooMuchLost,
  updateWork,
} from './statement.ts';
import { buryWork, tombstoneJoin, tombstoneOlder } from './tombstone.ts';
import { dropOldVersions, liveSource } from './version.ts';

/** Quoted: of each key, what every group does to it (see `createFold`). */
export const eventsOf = ({ dialect, n }: Merge): string => dialect.identifier(`brigade_event_${n}`);
/** Quoted: rows put together from those of several groups, where these have different columns. */
const blendOf = ({ dialect, n }: Merge): string => dialect.identifier(`brigade_blend_${n}`);

/**
 * The temporary tables of a fold. An event: the staged row, its group, the action (`i`, `u`, `d`, `x`, `n` as in the work
 * table), whether it deletes, and of the last one that does anything what all of them come to.
 */
export function createFold(merge: Merge): string[] {
  const { dialect, key } = merge;
  const [bigint, int] = [dialect.type('bigint'), dialect.type('int')];
  const typed = ({ id, type }: MergeColumn) => `${id} ${dialect.type(type)}`;
  const events = [
    `${ROW} ${bigint}`,
    `${GROUP} ${bigint}`,
    `_brigade_action ${dialect.keyText?.(1) ?? dialect.type('text')}`,
    `_brigade_gone ${int}`,
    `_brigade_net ${dialect.keyText?.(1) ?? dialect.type('text')}`,
    ...key.map(typed),
  ];
  const create = (table: string, columns: readonly string[]) => [
    dropStage(table, dialect),
    createStageTable(table, columns, dialect, { unique: ROW, key }),
  ];
  const sets = columnSets(merge);
  if (sets.length === 0 || key.length === 0) return create(eventsOf(merge), events);
  return [
    ...create(eventsOf(merge), events),
    ...create(blendOf(merge), [
      `${ROW} ${bigint}`,
      ...sets.map((_, i) => `${presenceOf(i)} ${int}`),
      ...merge.columns.map(typed),
    ]),
  ];
}

/** Inserts everything that is staged. */
export function foldAppend(merge: Merge): string[] {
  return [
    `INSERT INTO ${merge.counts} SELECT s.${GROUP}, ${merge.n}, count(*), 0, 0, 0 FROM ${merge.source} s GROUP BY s.${GROUP}`,
    `INSERT INTO ${merge.target} (${ids(merge.columns)}) SELECT ${ids(merge.columns, 's.')} FROM ${merge.source} s`,
  ];
}

/** `upsert` of each group, one after the other. */
export function foldUpsert(merge: Merge): string[] {
  const { dialect, order } = merge;
  const hard = merge.hardDeletes ? merge.flag : undefined;
  const isBuried = hard !== undefined && order.length > 0;
  const events = insertEvents(merge, {
    newest: newestFirst(dialect, order, 'x'),
    order,
    flag: hard,
    buried: isBuried ? tombstoneJoin(merge, 's') : undefined,
    source: liveSource(merge)!,
    updated: `'u'`,
  });
  return [
    ...checkNullKeys(merge),
    ...checkConflicts(merge),
    ...dropOldVersions(merge),
    events,
    ...carryOut(
      merge,
      hard === undefined ? [] : [...checkLosses(merge)],
      hard === undefined ? [] : buryWork(merge),
    ),
  ];
}

/** `delete-insert` of each group, one after the other. */
export function foldDeleteInsert(merge: Merge): string[] {
  const { dialect, flag, order } = merge;
  const staying = flag === undefined ? [] : [`CASE WHEN ${deletes(dialect, flag, 'x')} THEN 1 ELSE 0 END`];
  const events = insertEvents(merge, {
    newest: [`x.${BATCH} DESC`, ...staying, ...newestFirst(dialect, order, 'x')],
    order: [],
    flag,
    buried: undefined,
    source: merge.source!,
    // As in one group: a key that the target has twice is healed.
    updated: merge.wholeRows ? `'r'` : `CASE WHEN e._brigade_there > 1 THEN 'r' ELSE 'u' END`,
  });
  return [...checkNullKeys(merge), events, ...carryOut(merge, [], [])];
}

interface Fold {
  /** `ORDER BY`: which row of a key counts in a group. */
  readonly newest: readonly string[];
  /** A row older than what is there does nothing. */
  readonly order: readonly MergeColumn[];
  readonly flag: MergeColumn | undefined;
  /** Joins the key's tombstone as `z`. */
  readonly buried: string | undefined;
  readonly source: string;
  /** The net action on a row that the target has and no group has deleted; its event is `e`. */
  readonly updated: string;
}

// From inside out: the row of each key that counts in each group; whether it is older than one of a group before; what
// the target has; then the event before it, of those that do anything.
function insertEvents(merge: Merge, { newest, order, flag, buried, source, updated }: Fold): string {
  const { dialect, key, target } = merge;
  const columns = [...new Set([...key, ...order, ...(flag === undefined ? [] : [flag])].map(({ id }) => id))];
  const ranked = `SELECT x.${ROW}, x.${GROUP}, ${columns.map((id) => `x.${id}`).join(', ')}, row_number() OVER (PARTITION BY x.${GROUP}, ${ids(key, 'x.')} ORDER BY ${[...newest, `x.${BATCH} DESC`, `x.${ROW} DESC`].join(', ')}) AS _brigade_rank FROM ${source} x`;
  const counting = `SELECT * FROM (${ranked}) x WHERE x._brigade_rank = 1`;
  const oldest = order.map(
    (column) => `${comparable(dialect, column, 'w')} ASC${dialect.nullsLast === true ? '' : ' NULLS FIRST'}`,
  );
  const placed =
    order.length === 0
      ? counting
      : `SELECT y.*, max(y._brigade_place) OVER (PARTITION BY ${ids(key, 'y.')} ORDER BY y.${GROUP} ROWS UNBOUNDED PRECEDING) AS _brigade_top FROM (SELECT w.*, dense_rank() OVER (PARTITION BY ${ids(key, 'w.')} ORDER BY ${oldest.join(', ')}) AS _brigade_place FROM (${counting}) w) y`;
  const inTarget = `t.${key[0]!.id}`;
  const late = [
    ...(order.length === 0
      ? []
      : [
          `s._brigade_place < s._brigade_top`,
          `(${inTarget} IS NOT NULL AND ${older(dialect, order, 's', 't')})`,
        ]),
    ...(buried === undefined ? [] : [tombstoneOlder(merge, 's')]),
  ];
  const applies = late.length === 0 ? '1' : `min(CASE WHEN ${late.join(' OR ')} THEN 0 ELSE 1 END)`;
  const gone = flag === undefined ? '0' : `max(CASE WHEN ${deletes(dialect, flag, 's')} THEN 1 ELSE 0 END)`;
  const met = `SELECT s.${ROW}, s.${GROUP}, ${ids(key, 's.')}, ${applies} AS _brigade_applies, ${gone} AS _brigade_gone, count(${inTarget}) AS _brigade_there FROM (${placed}) s LEFT JOIN ${target} t ON ${same(key, 't', 's')}${buried ?? ''} GROUP BY s.${ROW}, s.${GROUP}, ${ids(key, 's.')}`;
  const chain = `OVER (PARTITION BY ${ids(key, 'm.')}, m._brigade_applies ORDER BY m.${GROUP})`;
  const chained = `SELECT m.*, coalesce(lag(m._brigade_gone) ${chain}, CASE WHEN m._brigade_there > 0 THEN 0 ELSE 1 END) AS _brigade_absent, lead(m.${GROUP}) ${chain} AS _brigade_next, max(m._brigade_gone) ${chain} AS _brigade_fell, min(m._brigade_gone) ${chain} AS _brigade_stood FROM (${met}) m`;
  const action = `CASE WHEN e._brigade_applies = 0 THEN 'n' WHEN e._brigade_gone = 1 THEN CASE WHEN e._brigade_absent = 1 THEN 'x' ELSE 'd' END WHEN e._brigade_absent = 1 THEN 'i' ELSE 'u' END`;
  // A row that was deleted in between comes back without its former values; one that came and went is as one deleted.
  const net = `CASE WHEN e._brigade_applies = 0 OR e._brigade_next IS NOT NULL THEN NULL WHEN e._brigade_gone = 1 THEN CASE WHEN e._brigade_there > 0 OR e._brigade_stood = 0 THEN 'd' ELSE 'x' END WHEN e._brigade_there = 0 THEN 'i' WHEN e._brigade_fell = 1 THEN 'r' ELSE ${updated} END`;
  return `INSERT INTO ${eventsOf(merge)} SELECT e.${ROW}, e.${GROUP}, ${action}, e._brigade_gone, ${net}, ${ids(key, 'e.')} FROM (${chained}) e`;
}

// Counts the events, and brings the target to what the last one of each key leaves.
function carryOut(merge: Merge, checks: readonly string[], bury: readonly string[]): string[] {
  const { counts, key, n, work } = merge;
  const events = eventsOf(merge);
  const sum = (action: string) => `sum(CASE WHEN e._brigade_action = '${action}' THEN 1 ELSE 0 END)`;
  const blended = blend(merge);
  return [
    ...analyzed(merge, events),
    `INSERT INTO ${counts} SELECT e.${GROUP}, ${n}, ${sum('i')}, ${sum('u')}, ${sum('d')}, 0 FROM ${events} e GROUP BY e.${GROUP}`,
    ...checks,
    `INSERT INTO ${work} SELECT e.${ROW}, e._brigade_net, ${ids(key, 'e.')} FROM ${events} e WHERE e._brigade_net IS NOT NULL`,
    ...analyzed(merge),
    ...blended.statements,
    ...bury,
    deleteWork(merge, `'r', 'd'`),
    ...updateWork(blended.merge),
    insertWork(blended.merge, `'i', 'r'`),
  ];
}

const presenceOf = (set: number): string => `_brigade_has_${set}`;

// Columns that only some of the rows have, by which of them do.
function columnSets({ columns }: Merge): string[] {
  return [...new Set(columns.flatMap(({ present }) => (present === undefined ? [] : [present('s')])))];
}

// Where rows have different columns, each column comes from the last group that has it, since the key was inserted.
function blend(merge: Merge): { readonly statements: readonly string[]; readonly merge: Merge } {
  const sets = columnSets(merge);
  if (sets.length === 0) return { statements: [], merge };
  const { columns, key, source } = merge;
  const events = eventsOf(merge);
  const blended = blendOf(merge);
  const standing = `(SELECT f.* FROM (SELECT e.*, max(CASE WHEN e._brigade_gone = 1 THEN e.${GROUP} ELSE 0 END) OVER (PARTITION BY ${ids(key, 'e.')}) AS _brigade_fall FROM ${events} e WHERE e._brigade_action <> 'n') f WHERE f.${GROUP} > f._brigade_fall) e`;
  const by = `PARTITION BY ${ids(key, 'e.')}`;
  const values = columns.map(({ id, present }) => {
    if (present === undefined) return `s.${id}`;
    return `first_value(s.${id}) OVER (${by} ORDER BY CASE WHEN ${present('s')} THEN 0 ELSE 1 END, e.${GROUP} DESC) AS ${id}`;
  });
  const presence = sets.map(
    (condition, i) => `max(CASE WHEN ${condition} THEN 1 ELSE 0 END) OVER (${by}) AS ${presenceOf(i)}`,
  );
  const last = `row_number() OVER (${by} ORDER BY e.${GROUP} DESC) AS _brigade_back`;
  const names = sets.map((_, i) => `q.${presenceOf(i)}`).join(', ');
  return {
    statements: [
      `INSERT INTO ${blended} SELECT q.${ROW}, ${names}, ${ids(columns, 'q.')} FROM (SELECT s.${ROW}, ${[...presence, ...values, last].join(', ')} FROM ${source} s JOIN ${standing} ON e.${ROW} = s.${ROW}) q WHERE q._brigade_back = 1`,
    ],
    merge: {
      ...merge,
      source: blended,
      columns: columns.map((column) =>
        column.present === undefined
          ? column
          : { ...column, present: (of) => `${of}.${presenceOf(sets.indexOf(column.present!('s')))} = 1` },
      ),
    },
  };
}

// What each group loses, of what was there when its turn came.
function checkLosses(merge: Merge): string[] {
  if (merge.maxDeletePercent >= 100) return [];
  const { condition, message } = tooMuchLost(merge);
  const lost = `SELECT e.${GROUP} AS g, sum(CASE e._brigade_action WHEN 'd' THEN 1 WHEN 'i' THEN -1 ELSE 0 END) AS lost FROM ${eventsOf(merge)} e GROUP BY e.${GROUP}`;
  const before = `coalesce(sum(p.lost) OVER (ORDER BY p.g ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)`;
  const groups = `SELECT p.g, p.lost, (SELECT count(*) FROM ${merge.target}) - ${before} AS total FROM (${lost}) p`;
  return [
    merge.dialect.check(`SELECT ${message} FROM (${groups}) q WHERE ${condition} ORDER BY q.g LIMIT 1`),
  ];
}
