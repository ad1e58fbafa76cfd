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

/** Quoted: rows put together from those of several groups, where these have different columns. */
const blendOf = ({ dialect, n }: Merge): string => dialect.identifier(`brigade_blend_${n}`);

/** What an event does, as the actions of the work table: `i`, `u`, `d`, `x`, `n`. */
export const STEP = '_brigade_step';

/**
 * The temporary tables of a fold. Its work table has every event: the staged row, its group, what the event does, whether
 * it deletes; the action, which is what all events of the key come to, stands at the last one that does anything.
 */
export function createFold(merge: Merge): string[] {
  const { dialect, key, work } = merge;
  const [bigint, int, letter] = [
    dialect.type('bigint'),
    dialect.type('int'),
    dialect.keyText?.(1) ?? dialect.type('text'),
  ];
  const typed = ({ id, type }: MergeColumn) => `${id} ${dialect.type(type)}`;
  const create = (table: string, columns: readonly string[]) => [
    dropStage(table, dialect),
    createStageTable(table, columns, dialect, { unique: ROW, key }),
  ];
  const events = create(work, [
    `${ROW} ${bigint}`,
    `${GROUP} ${bigint}`,
    `${STEP} ${letter}`,
    `_brigade_gone ${int}`,
    `_brigade_action ${letter}`,
    ...key.map(typed),
  ]);
  const sets = columnSets(merge);
  if (sets.length === 0 || key.length === 0) return events;
  return [
    ...events,
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
    updated: () => `'u'`,
  });
  // Where every row is an event, no two of them are of one key and batch.
  const isDoubled = `(SELECT count(*) FROM ${merge.source} s) > (SELECT count(*) FROM ${merge.work} w)`;
  return [
    ...checkNullKeys(merge),
    ...dropOldVersions(merge),
    events,
    ...checkConflicts(merge, undefined, isDoubled),
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
    updated: (there) => (merge.wholeRows ? REPLACES : `CASE WHEN ${there} > 1 THEN ${REPLACES} ELSE 'u' END`),
  });
  return [...checkNullKeys(merge), events, ...carryOut(merge, [], [])];
}

/** The action on a row of which nothing stays. */
const REPLACES = `'r'`;

interface Fold {
  /** `ORDER BY`: which row of a key counts in a group. */
  readonly newest: readonly string[];
  /** A row older than what is there does nothing. */
  readonly order: readonly MergeColumn[];
  readonly flag: MergeColumn | undefined;
  /** Joins the key's tombstone as `z`. */
  readonly buried: string | undefined;
  readonly source: string;
  /** The action on a row that the target has, `there` times, and no group has deleted. */
  readonly updated: (there: string) => string;
}

// From inside out: the row of each key that counts in each group; which of these are not older than what is there; then,
// of those, the event before each one, and whether one comes after it. All but an order's comparison goes by key and group,
// so that the rows are sorted once.
function insertEvents(merge: Merge, { newest, order, flag, buried, source, updated }: Fold): string {
  const { dialect, key } = merge;
  const columns = [...new Set([...key, ...order].map(({ id }) => id))].map((id) => `x.${id}`).join(', ');
  const gone = flag === undefined ? '0' : `CASE WHEN ${deletes(dialect, flag, 'x')} THEN 1 ELSE 0 END`;
  const by = [...newest, `x.${BATCH} DESC`, `x.${ROW} DESC`].join(', ');
  const each = `${ids(key, 'x.')}, x.${GROUP}`;
  const event = `x.${ROW}, x.${GROUP}, ${columns}, ${gone} AS _brigade_gone`;
  const counting = dialect.distinctOn
    ? `(SELECT DISTINCT ON (${each}) ${event} FROM ${source} x ORDER BY ${each}, ${by})`
    : `(SELECT * FROM (SELECT ${event}, row_number() OVER (PARTITION BY ${each} ORDER BY ${by}) AS _brigade_rank FROM ${source} x) x WHERE x._brigade_rank = 1)`;
  const isOrdered = order.length > 0;
  const met = isOrdered ? `(${compared(merge, { order, buried }, counting)})` : counting;
  const chain = `OVER (PARTITION BY ${ids(key, 'm.')}${isOrdered ? ', m._brigade_applies' : ''} ORDER BY m.${GROUP})`;
  const there = isOrdered ? 'e._brigade_there' : 'coalesce(h._brigade_there, 0)';
  // A row that was deleted in between comes back without its former values.
  const change = updated(there);
  const returns = flag !== undefined && change !== REPLACES;
  const chained = [
    `m.${ROW}, m.${GROUP}, ${ids(key, 'm.')}, m._brigade_gone`,
    ...(isOrdered ? ['m._brigade_applies', 'm._brigade_there'] : []),
    `lag(m._brigade_gone) ${chain} AS _brigade_before`,
    `lead(m.${GROUP}) ${chain} AS _brigade_next`,
    ...(returns ? [`max(m._brigade_gone) ${chain} AS _brigade_fell`] : []),
  ].join(', ');
  const before = `coalesce(e._brigade_before, CASE WHEN ${there} > 0 THEN 0 ELSE 1 END)`;
  const [late, passed] = isOrdered
    ? [`WHEN e._brigade_applies = 0 THEN 'n' `, 'e._brigade_applies = 0 OR ']
    : ['', ''];
  const step = `CASE ${late}WHEN e._brigade_gone = 1 THEN CASE WHEN ${before} = 1 THEN 'x' ELSE 'd' END WHEN ${before} = 1 THEN 'i' ELSE 'u' END`;
  const deleted = flag === undefined ? '' : `WHEN e._brigade_gone = 1 THEN 'd' `;
  const returned = returns ? `WHEN e._brigade_fell = 1 THEN ${REPLACES} ` : '';
  const action = `CASE WHEN ${passed}e._brigade_next IS NOT NULL THEN NULL ${deleted}WHEN ${there} = 0 THEN 'i' ${returned}ELSE ${change} END`;
  const present = isOrdered ? '' : ` LEFT JOIN ${presentIn(merge, source)} h ON ${same(key, 'h', 'e')}`;
  return `INSERT INTO ${merge.work} SELECT e.${ROW}, e.${GROUP}, ${step}, e._brigade_gone, ${action}, ${ids(key, 'e.')} FROM (SELECT ${chained} FROM ${met} m) e${present}`;
}

// How often the target has each key that is staged.
function presentIn({ key, target }: Merge, source: string): string {
  return `(SELECT ${ids(key, 't.')}, count(*) AS _brigade_there FROM ${target} t WHERE EXISTS (SELECT 1 FROM ${source} x WHERE ${same(key, 'x', 't')}) GROUP BY ${ids(key, 't.')})`;
}

// Which of the rows that count are not older than one of a group before, than the target's or than a tombstone.
function compared(merge: Merge, { order, buried }: Pick<Fold, 'order' | 'buried'>, counting: string): string {
  const { dialect, key, target } = merge;
  const oldest = order.map(
    (column) => `${comparable(dialect, column, 'w')} ASC${dialect.nullsLast === true ? '' : ' NULLS FIRST'}`,
  );
  const placed = `SELECT y.*, max(y._brigade_place) OVER (PARTITION BY ${ids(key, 'y.')} ORDER BY y.${GROUP} ROWS UNBOUNDED PRECEDING) AS _brigade_top FROM (SELECT w.*, dense_rank() OVER (PARTITION BY ${ids(key, 'w.')} ORDER BY ${oldest.join(', ')}) AS _brigade_place FROM ${counting} w) y`;
  const inTarget = `t.${key[0]!.id}`;
  const late = [
    `s._brigade_place < s._brigade_top`,
    `(${inTarget} IS NOT NULL AND ${older(dialect, order, 's', 't')})`,
    ...(buried === undefined ? [] : [tombstoneOlder(merge, 's')]),
  ];
  const applies = `min(CASE WHEN ${late.join(' OR ')} THEN 0 ELSE 1 END) AS _brigade_applies`;
  const of = `s.${ROW}, s.${GROUP}, ${ids(key, 's.')}, s._brigade_gone`;
  return `SELECT ${of}, ${applies}, count(${inTarget}) AS _brigade_there FROM (${placed}) s LEFT JOIN ${target} t ON ${same(key, 't', 's')}${buried ?? ''} GROUP BY ${of}`;
}

// Counts the events, and brings the target to what the last one of each key leaves.
function carryOut(merge: Merge, checks: readonly string[], bury: readonly string[]): string[] {
  const { counts, n, work } = merge;
  const sum = (step: string) => `sum(CASE WHEN e.${STEP} = '${step}' THEN 1 ELSE 0 END)`;
  const blended = blend(merge);
  return [
    ...analyzed(merge),
    `INSERT INTO ${counts} SELECT e.${GROUP}, ${n}, ${sum('i')}, ${sum('u')}, ${sum('d')}, 0 FROM ${work} e GROUP BY e.${GROUP}`,
    ...checks,
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
  const { columns, key, source, work } = merge;
  const blended = blendOf(merge);
  const standing = `(SELECT f.* FROM (SELECT e.*, max(CASE WHEN e._brigade_gone = 1 THEN e.${GROUP} ELSE 0 END) OVER (PARTITION BY ${ids(key, 'e.')}) AS _brigade_fall FROM ${work} e WHERE e.${STEP} <> 'n') f WHERE f.${GROUP} > f._brigade_fall) e`;
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
  if (merge.maxDelete.percent >= 100) return [];
  const { condition, message } = tooMuchLost(merge);
  const lost = `SELECT e.${GROUP} AS g, sum(CASE e.${STEP} WHEN 'd' THEN 1 WHEN 'i' THEN -1 ELSE 0 END) AS lost FROM ${merge.work} e GROUP BY e.${GROUP}`;
  const before = `coalesce(sum(p.lost) OVER (ORDER BY p.g ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)`;
  const groups = `SELECT p.g, p.lost, (SELECT count(*) FROM ${merge.target}) - ${before} AS total FROM (${lost}) p`;
  return [
    merge.dialect.check(`SELECT ${message} FROM (${groups}) q WHERE ${condition} ORDER BY q.g LIMIT 1`),
  ];
}
