/** The pieces that the statements of all modes are made of. */

import type { Dialect, SwapPair } from '../dialects/dialect.ts';
import { isLineage } from '../wire/lineage.ts';
import { BATCH, ROW } from './engine.ts';
import { createStageTable, deleteFrom, updateFrom } from './forms.ts';
import type { ColumnType } from './lattice.ts';

/** A column that is staged, as the target has it. */
export interface MergeColumn {
  /** Quoted. */
  readonly id: string;
  /** The wire's name, for messages. */
  readonly name: string;
  readonly type: ColumnType;
  /** A condition that holds where a staged row has it; undefined: all of them do. */
  readonly present: ((of: string) => string) | undefined;
}

/** All that a mode needs to write the statements of one table. */
export interface Merge {
  readonly dialect: Dialect;
  readonly n: number;
  /** The wire's name. */
  readonly table: string;
  /** Qualified and quoted. */
  readonly target: string;
  /** The same, unquoted, as our own tables keep it. */
  readonly targetName: string;
  /** In the order in which they were met. */
  readonly columns: readonly MergeColumn[];
  readonly key: readonly MergeColumn[];
  readonly order: readonly MergeColumn[];
  readonly flag: MergeColumn | undefined;
  readonly version: MergeColumn | undefined;
  /** The staged rows with typed columns, as something to select from; undefined when nothing is staged. */
  readonly source: string | undefined;
  /** Quoted: which staged rows do what (see `createWork`). */
  readonly work: string;
  /** Qualified names of our own tables. */
  readonly own: OwnTables;
  /** Quoted: counts per table (see `createCounts`). */
  readonly counts: string;
  /** What is staged are the rows of several groups: counts are kept of each. */
  readonly grouped: boolean;
  /** The staged rows hold every column that the target has. */
  readonly wholeRows: boolean;
  readonly hardDeletes: boolean;
  /** A recovery copy: rows whose key the target has change nothing. */
  readonly onlyMissing: boolean;
  readonly stopOnConflict: boolean;
  readonly maxDelete: LossLimit;
  /** Of merge mode scd2, quoted: the columns that say from when to when a version held. */
  readonly validity: { readonly from: string; readonly to: string } | undefined;
  /** With what the target changes places instead of being emptied (`--swap rename`). */
  readonly swap: SwapPair | undefined;
  /** What holds where a statement may change anything at all; undefined: it does. */
  readonly guard: string | undefined;
}

/** What one group may take away of a table. All of it only at 100 %. */
export interface LossLimit {
  readonly percent: number;
  /** Of tables of more rows than this. */
  readonly above: number;
}

export interface OwnTables {
  readonly ledger: string;
  readonly table: string;
  readonly ddl: string;
  readonly tombstone: string;
}

/** `a.x = b.x AND …` */
export function same(columns: readonly Pick<MergeColumn, 'id'>[], a: string, b: string): string {
  return columns.map(({ id }) => `${a}.${id} = ${b}.${id}`).join(' AND ');
}

export const ids = (columns: readonly Pick<MergeColumn, 'id'>[], of = ''): string =>
  columns.map(({ id }) => of + id).join(', ');

/** ` WHERE a AND b`, without what is undefined. */
export function where(...conditions: readonly (string | undefined)[]): string {
  const given = conditions.filter((condition) => condition !== undefined);
  return given.length === 0 ? '' : ` WHERE ${given.join(' AND ')}`;
}

/** Whether a row is one that deletes. */
export function deletes(dialect: Dialect, flag: MergeColumn, of: string): string {
  const x = `${of}.${flag.id}`;
  if (flag.type === 'boolean') return `coalesce(${x}, FALSE)`;
  if (/^(int|bigint|decimal)/.test(flag.type)) return dialect.nonZero?.(x) ?? `coalesce(${x}, 0) <> 0`;
  return `${x} IS NOT NULL`;
}

// Text compares by its bytes, as `dedupe` does, not by the database's collation.
type Comparable = Pick<MergeColumn, 'id' | 'type'>;

export function comparable(dialect: Dialect, column: Comparable, of: string): string {
  return comparableAs(dialect, column.type, `${of}.${column.id}`);
}

/** The same of any value of a type. */
function comparableAs(dialect: Dialect, type: ColumnType, x: string): string {
  if (type === 'json') return dialect.bytewise(dialect.cast(x, 'json', 'text'));
  if (type === 'text') return dialect.bytewise(x);
  return dialect.sortable?.(x, type) ?? x;
}

/** `ORDER BY` from newest to oldest, NULL last. */
export function newestFirst(dialect: Dialect, order: readonly Comparable[], of: string): string[] {
  const last = dialect.nullsLast === true ? '' : ' NULLS LAST';
  return order.map((column) => `${comparable(dialect, column, of)} DESC${last}`);
}

/** Whether `a` is older than `b`: NULL is older than anything, equal is not older. */
export function older(dialect: Dialect, order: readonly MergeColumn[], a: string, b: string): string {
  const [first, ...rest] = order;
  if (first === undefined) return 'FALSE';
  const [x, y] = [comparable(dialect, first, a), comparable(dialect, first, b)];
  const less = `(${y} IS NOT NULL AND (${x} IS NULL OR ${x} < ${y}))`;
  if (rest.length === 0) return less;
  return `(${less} OR ((${x} = ${y} OR (${x} IS NULL AND ${y} IS NULL)) AND ${older(dialect, rest, a, b)}))`;
}

/** One row per key of what is staged: the first in the given order. The alias `s` names its rows. */
export function winners(
  merge: Merge,
  orderBy: readonly string[],
  columns: readonly MergeColumn[],
  source = merge.source,
): string {
  const list = [...new Set(columns.map(({ id }) => id))].map((id) => `x.${id}`).join(', ');
  return `(SELECT * FROM (SELECT x.${ROW}, ${list}, row_number() OVER (PARTITION BY ${ids(merge.key, 'x.')} ORDER BY ${[...orderBy, `x.${BATCH} DESC`, `x.${ROW} DESC`].join(', ')}) AS _brigade_rank FROM ${source} x) x WHERE x._brigade_rank = 1)`;
}

/**
 * What becomes of staged rows and of the target's, decided before anything changes: `i` inserts, `u` updates one row,
 * `r` replaces the rows of its key, `d` deletes, `x` would delete what is not there, `n` does nothing.
 */
export function createWork(work: string, key: readonly MergeColumn[], dialect: Dialect): string {
  const columns = key.map(({ id, type }) => `${id} ${dialect.type(type)}`);
  return createStageTable(
    work,
    [
      `${ROW} ${dialect.type('bigint')}`,
      `_brigade_action ${dialect.keyText?.(1) ?? dialect.type('text')}`,
      ...columns,
    ],
    dialect,
    { unique: ROW, key },
  );
}

/** What was done to a table, by its number; `grouped`: by its group `g`, too, and what was read of files. */
export function createCounts(counts: string, dialect: Dialect, grouped = false): string {
  const bigint = dialect.type('bigint');
  const names = ['n', 'inserted', 'updated', 'deleted'];
  const columns = (grouped ? ['g', ...names, 'rows_read'] : names).map((name) => `${name} ${bigint}`);
  return createStageTable(counts, columns, dialect);
}

/** Notes what the actions of the work table come to. */
export function countWork(merge: Merge, alsoDeleted = '0'): string {
  const sum = (actions: string) =>
    `coalesce(sum(CASE WHEN _brigade_action IN (${actions}) THEN 1 ELSE 0 END), 0)`;
  return `INSERT INTO ${merge.counts} SELECT ${merge.n}, ${sum(`'i'`)}, ${sum(`'u', 'r'`)}, ${sum(`'d'`)} + ${alsoDeleted} FROM ${merge.work}`;
}

/** Inserts staged rows whose action is one of these. */
export function insertWork(merge: Merge, actions: string, into = merge.target): string {
  return `INSERT INTO ${into} (${ids(merge.columns)}) SELECT ${ids(merge.columns, 's.')} FROM ${merge.source} s JOIN ${merge.work} w ON w.${ROW} = s.${ROW} WHERE w._brigade_action IN (${actions})`;
}

/** Deletes the target's rows whose key has one of these actions. */
export function deleteWork(merge: Merge, actions: string): string {
  const from = `${merge.work} w`;
  const on = (t: string) => `w._brigade_action IN (${actions}) AND ${same(merge.key, 'w', t)}`;
  return deleteFrom(merge.target, { from, on }, merge.dialect);
}

/** `column = …`: from the staged row `s` where that has it, else what the target's row `t` has. */
export const setColumn = ({ id, present }: MergeColumn): string =>
  present === undefined
    ? `${id} = s.${id}`
    : `${id} = CASE WHEN ${present('s')} THEN s.${id} ELSE t.${id} END`;

/** Updates the target's rows whose key has the action `u`; a column that a staged row does not have keeps its value. */
export function updateWork(merge: Merge): string[] {
  const changed = merge.columns.filter((column) => !merge.key.some(({ id }) => id === column.id));
  if (changed.length === 0) return [];
  const sets = changed.map(setColumn);
  const from = `(SELECT x.* FROM ${merge.source} x JOIN ${merge.work} w ON w.${ROW} = x.${ROW} WHERE w._brigade_action = 'u') s`;
  return [updateFrom(merge.target, { sets, from, on: same(merge.key, 't', 's') }, merge.dialect)];
}

/** What `deleteWork`, `updateWork` and `insertWork` do, in one statement: a key that is replaced is updated. */
export function mergeWork(merge: Merge): string {
  const { columns, key, target } = merge;
  const changed = columns.filter((column) => !key.some(({ id }) => id === column.id));
  const sets = changed.map(setColumn);
  const source = `(SELECT x.*, w._brigade_action FROM ${merge.source} x JOIN ${merge.work} w ON w.${ROW} = x.${ROW} WHERE w._brigade_action IN ('i', 'u', 'r', 'd')) s`;
  return [
    `MERGE INTO ${target} t USING ${source} ON ${same(key, 't', 's')}`,
    `WHEN MATCHED AND s._brigade_action = 'd' THEN DELETE`,
    ...(sets.length === 0 ? [] : [`WHEN MATCHED THEN UPDATE SET ${sets.join(', ')}`]),
    `WHEN NOT MATCHED AND s._brigade_action IN ('i', 'r') THEN INSERT (${ids(columns)}) VALUES (${ids(columns, 's.')})`,
  ].join(' ');
}

/** Fails if a key column holds NULL. */
export function checkNullKeys(merge: Merge, member = 'key'): string[] {
  const { dialect, key, source, table } = merge;
  if (key.length === 0) return [];
  const found = key.map(({ name }, n) => {
    const message = dialect.literal(
      `table ${table}: expected a value in ${member} column ${name}, found NULL in `,
    );
    return `WHEN n${n} > 0 THEN ${message} || ${dialect.cast(`n${n}`, 'bigint', 'text')} || ' rows'`;
  });
  const counts = key.map(({ id }, n) => `count(*) - count(s.${id}) AS n${n}`);
  return [
    dialect.check(`SELECT CASE ${found.join(' ')} END FROM (SELECT ${counts.join(', ')} FROM ${source} s) q`),
  ];
}

/**
 * Fails if one batch holds two different rows of a key and nothing says which is the newer one. `among`: only of
 * the rows for which it holds; `when`: nothing fails unless this holds.
 */
export function checkConflicts(merge: Merge, among?: (of: string) => string, when?: string): string[] {
  if (!merge.stopOnConflict || (merge.order.length > 0 && merge.dialect.unorderedFiles !== true)) return [];
  const { dialect, key } = merge;
  const rest = merge.columns.filter(
    (column) => !isLineage(column.name) && !key.some(({ id }) => id === column.id),
  );
  if (rest.length === 0) return [];
  const example = key
    .map(({ id, name, type }) => `${dialect.literal(`${name} `)} || ${dialect.cast(`c.${id}`, type, 'text')}`)
    .join(` || ', ' || `);
  const ties = [...new Set(merge.order.filter((column) => !key.includes(column)).map(({ id }) => id))];
  const of = `x.${BATCH}, ${ids(key, 'x.')}`;
  const rows = `${merge.source} x${where(among?.('x'))}`;
  const doubled =
    dialect.opensOnce === true
      ? `(SELECT * FROM (SELECT x.*, count(*) OVER (PARTITION BY ${of}) AS _brigade_rows FROM ${rows}) x WHERE x._brigade_rows > 1) s`
      : `${merge.source} s JOIN (SELECT ${of} FROM ${rows} GROUP BY ${of} HAVING count(*) > 1) d ON d.${BATCH} = s.${BATCH} AND ${same(key, 'd', 's')}${where(among?.('s'))}`;
  const byOrder = ties.map((id) => `, s.${id}`).join('');
  const different = `SELECT ${ids(key, 's.')} FROM ${doubled} GROUP BY s.${BATCH}, ${ids(key, 's.')}${byOrder} HAVING count(DISTINCT ${dialect.rowText(
    rest.map(({ id }) => `s.${id}`),
    rest.map(({ type }) => type),
  )}) > 1`;
  const message = dialect.literal(
    `table ${merge.table}: expected one row per key (${key.map(({ name }) => name).join(', ')}) or an order to choose by, found different rows of `,
  );
  return [
    dialect.check(
      `SELECT ${message} || ${example} || '; is the key too narrow?' FROM (${different}) c${where(when)} ORDER BY ${ids(key, 'c.')} LIMIT 1`,
    ),
  ];
}

/** Fails if more of the target's keys would be lost than allowed. `lost`: how many, less those that are new, in SQL. */
export function checkLoss(merge: Merge, lost: string): string[] {
  if (merge.maxDelete.percent >= 100) return [];
  const { condition, message } = tooMuchLost(merge);
  const guard = merge.guard === undefined ? '' : ` AND ${merge.guard}`;
  return [
    merge.dialect.check(
      `SELECT CASE WHEN ${condition}${guard} THEN ${message} END FROM (SELECT ${lost} AS lost, (SELECT count(*) FROM ${merge.target}) AS total) q`,
    ),
  ];
}

/** When `q.lost` of `q.total` are more than may go. */
export const isOver = ({ percent, above }: LossLimit): string =>
  `q.total > 0 AND (q.lost >= q.total OR (q.total > ${above} AND q.lost * 100 > ${percent} * q.total))`;

/** The same of rows, and what is said then. */
export function tooMuchLost({ dialect, table, maxDelete }: Merge): {
  readonly condition: string;
  readonly message: string;
} {
  const text = (name: string) => dialect.cast(`q.${name}`, 'bigint', 'text');
  return {
    condition: isOver(maxDelete),
    message: `${dialect.literal(`table ${table}: expected to lose at most ${maxDelete.percent} % of its rows, found `)} || ${text('lost')} || ' of ' || ${text('total')} || ' to be deleted (--max-delete 100 allows it)'`,
  };
}
