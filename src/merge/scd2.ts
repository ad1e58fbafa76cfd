/**
 * Merge mode `scd2`: a table that keeps every version of a row, each with the interval `[valid_from, valid_to)` in
 * which it held, `valid_to` NULL while it still does.
 *
 * A table is a set of versions (key and order name one) and of deletions (in `brigade_tombstone`); a version holds
 * until the next version or deletion of its key. The intervals of every key that a unit touches are made anew from
 * these, so that it does not matter in which order versions arrive: a late one splits the interval it falls into.
 */

import type { TargetColumn } from '../dialects/dialect.ts';
import { mismatch } from '../errors.ts';
import { isLineage } from '../wire/lineage.ts';
import type { TableLine } from '../wire/types.ts';
import { BATCH, ROW } from './engine.ts';
import { createStageTable, deleteFrom, dropStage, now, ONE_ROW, updateFrom } from './forms.ts';
import type { ColumnType } from './lattice.ts';
import { analyzed } from './modes.ts';
import type { StagedTable } from './staged.ts';
import {
  checkNullKeys,
  comparable,
  deletes,
  ids,
  isOver,
  type Merge,
  type MergeColumn,
  newestFirst,
  older,
  same,
  setColumn,
  where,
  winners,
} from './statement.ts';
import { insertTombstones, keyText, orderText, orderTexts, tombstones } from './tombstone.ts';

/** What the two columns are called. */
export interface Validity {
  readonly from: string;
  readonly to: string;
}

const PLAIN: Validity = { from: 'valid_from', to: 'valid_to' };
// No column of a vendor begins like that.
const OWN: Validity = { from: '_brigade_valid_from', to: '_brigade_valid_to' };

/** Throws unless a table line says what the mode needs. */
export function checkScd2(line: TableLine): void {
  if (line.merge !== 'scd2') return;
  if (line.parent !== undefined) {
    throw mismatch(
      `table ${line.table}, a subtable of ${line.parent}`,
      'a parent of merge upsert (or flatten --arrays json, which keeps arrays in their row)',
      'merge scd2',
    );
  }
  for (const member of ['key', 'order'] as const) {
    if ((line[member] ?? []).length > 0) continue;
    throw mismatch(
      `table ${line.table}`,
      `${member} columns for merge scd2 (the catalog gives them)`,
      'none',
    );
  }
}

/**
 * The names of the two columns: `valid_from` and `valid_to`, unless the table has columns of these names itself, now
 * or (so the target's columns tell) before.
 */
export function validity(
  table: StagedTable,
  existing: readonly TargetColumn[] | null | undefined,
): Validity | undefined {
  if (table.line.merge !== 'scd2') return undefined;
  const has = (names: Iterable<string>) =>
    [...names].some((name) => [PLAIN.from, PLAIN.to].includes(name.toLowerCase()));
  if (existing?.some(({ name }) => name.toLowerCase() === OWN.from)) return OWN;
  return has(table.columns.keys()) || has(table.promised.keys()) ? OWN : PLAIN;
}

/** What is remembered of how the table is merged, so that the columns never change under it. */
export function scd2Mode({ from }: Validity): string {
  return from === PLAIN.from ? 'scd2' : `scd2 (${from})`;
}

/** The two columns, typed as the first column of the order. */
export function validityColumns(
  table: StagedTable,
  existing: readonly TargetColumn[] | null | undefined,
  typeOf: (name: string) => ColumnType | undefined,
): readonly { readonly name: string; readonly type: ColumnType }[] {
  const names = validity(table, existing);
  const type = typeOf(table.line.order?.[0] ?? '');
  if (names === undefined || type === undefined) return [];
  return [names.from, names.to].map((name) => ({ name, type }));
}

/**
 * The statements of one table. `full`: keys that are not staged are closed, as of the greatest order there is. `idOf`:
 * what the target calls a column, quoted.
 */
export function scd2(merge: Merge, line: TableLine, idOf: (name: string) => string): string[] {
  const full = line.full === true;
  if (merge.source === undefined) return full ? closeAll(named(merge, line, idOf)) : [];
  for (const name of line.order ?? []) {
    if (merge.order.some((column) => column.name === name)) continue;
    throw mismatch(`table ${merge.table}`, `the column ${name} of its order`, 'no values in it');
  }
  const { target, counts, n, work } = merge;
  const { from } = merge.validity!;
  const sum = (actions: string) =>
    `coalesce(sum(CASE WHEN _brigade_action IN (${actions}) THEN 1 ELSE 0 END), 0)`;
  return [
    ...checkNullKeys(merge),
    ...checkNullKeys({ ...merge, key: merge.order.slice(0, 1) }, 'order'),
    decide(merge),
    ...(full ? [...copyLatest(merge), findAbsent(merge)] : []),
    ...analyzed(merge),
    ...(full ? checkClosed(merge, `(SELECT count(*) FROM ${work} w WHERE w._brigade_action = 'f')`) : []),
    `INSERT INTO ${counts} SELECT ${n}, ${sum(`'i'`)}, ${sum(`'u'`)}, ${sum(`'d', 'f'`)} FROM ${work}`,
    reopen(merge),
    ...(full ? [reopenAbsent(merge), closeAbsent(merge)] : []),
    ...(merge.flag === undefined ? [] : [close(merge)]),
    ...correct(merge),
    `INSERT INTO ${target} (${ids(merge.columns)}, ${from}) SELECT ${ids(merge.columns, 's.')}, s.${merge.order[0]!.id} FROM ${merge.source} s JOIN ${work} w ON w.${ROW} = s.${ROW} WHERE w._brigade_action = 'i'`,
    ...copyTouched(merge),
    settle(merge),
  ];
}

// Where a statement opens a temporary table only once, what it needs a second time is copied first.
const copyName = ({ dialect, n }: Merge, what: string) => dialect.identifier(`brigade_${what}_${n}`);

function copied(merge: Merge, what: string, columns: readonly MergeColumn[], query: string): string[] {
  const { dialect } = merge;
  if (dialect.opensOnce !== true) return [];
  const name = copyName(merge, what);
  const types = columns.map(({ id, type }) => `${id} ${dialect.type(type)}`);
  return [dropStage(name, dialect), createStageTable(name, types, dialect), `INSERT INTO ${name} ${query}`];
}

const copyLatest = (merge: Merge) =>
  copied(
    merge,
    'latest',
    merge.order,
    `SELECT ${ids(merge.order, 'c.')} FROM ${latest(merge, merge.source!)}`,
  );

const copyTouched = (merge: Merge) =>
  copied(merge, 'touched', merge.key, `SELECT DISTINCT ${ids(merge.key, 'w.')} FROM ${merge.work} w`);

/** The greatest order of the delivery, as `c`. */
const latestStaged = (merge: Merge) =>
  merge.dialect.opensOnce === true ? `${copyName(merge, 'latest')} c` : latest(merge, merge.source!);

const nullSafe = ({ id }: MergeColumn, a: string, b: string) =>
  `(${a}.${id} = ${b}.${id} OR (${a}.${id} IS NULL AND ${b}.${id} IS NULL))`;

/** Whether two rows are the same version: equal key and order. The first column of the order is never NULL. */
function sameVersion({ key, order }: Merge, a: string, b: string): string {
  const [first, ...rest] = order;
  return [same([...key, first!], a, b), ...rest.map((column) => nullSafe(column, a, b))].join(' AND ');
}

// `i`: a new version, `u`: other content of a known one, `n`: the same content, `d`: a deletion, `x`: a known one.
function decide(merge: Merge): string {
  const { dialect, key, order, flag, source, target, work } = merge;
  const version = [...key, ...order].map(({ id }) => `x.${id}`).join(', ');
  const newest = `ORDER BY x.${BATCH} DESC, x.${ROW} DESC`;
  const gone = flag === undefined ? 'FALSE' : deletes(dialect, flag, 'x');
  const ranked = `SELECT x.*, CASE WHEN ${gone} THEN 1 ELSE 0 END AS _brigade_gone, row_number() OVER (PARTITION BY ${version}, CASE WHEN ${gone} THEN 1 ELSE 0 END ${newest}) AS _brigade_rank, row_number() OVER (PARTITION BY ${version} ${newest}) AS _brigade_last FROM ${source} x`;
  // Of one version the last row counts; a deletion of the same order only if nothing came after it.
  const staged = `(SELECT * FROM (${ranked}) x WHERE x._brigade_rank = 1 AND (x._brigade_gone = 0 OR x._brigade_last = 1))`;
  const rest = merge.columns.filter(
    (column) => !isLineage(column.name) && ![...key, ...order].some(({ id }) => id === column.id),
  );
  const types = rest.map(({ type }) => type);
  const arrived = rest.map(({ id, present }) =>
    present === undefined ? `s.${id}` : `CASE WHEN ${present('s')} THEN s.${id} ELSE t.${id} END`,
  );
  const known = rest.map(({ id }) => `t.${id}`);
  const equal =
    rest.length === 0 ? '1 = 1' : `${dialect.rowText(arrived, types)} = ${dialect.rowText(known, types)}`;
  const buried = `z._brigade_key IS NOT NULL`;
  const action = `CASE WHEN s._brigade_gone = 1 THEN CASE WHEN ${buried} THEN 'x' ELSE 'd' END WHEN t.${key[0]!.id} IS NULL THEN 'i' WHEN ${equal} THEN 'n' ELSE 'u' END`;
  const first = order[0]!;
  return `INSERT INTO ${work} SELECT q.${ROW}, max(q._brigade_action), ${ids(key, 'q.')} FROM (SELECT s.${ROW}, ${ids(key, 's.')}, ${action} AS _brigade_action FROM ${staged} s LEFT JOIN ${target} t ON s._brigade_gone = 0 AND ${sameVersion(merge, 't', 's')} LEFT JOIN ${tombstones(merge)} z ON s._brigade_gone = 1 AND z._brigade_key = ${keyText(merge, 's')} AND z.${first.id} = s.${first.id} AND z._brigade_order = ${orderText(merge, 's')}) q GROUP BY q.${ROW}, ${ids(key, 'q.')}`;
}

// The greatest order of the delivery (of the target, if nothing was delivered): what it does not have is gone then.
const latest = ({ dialect, order }: Merge, from: string) =>
  `(SELECT ${ids(order, 'x.')} FROM ${from} x ORDER BY ${newestFirst(dialect, order, 'x').join(', ')} LIMIT 1) c`;

// Versions that are newer than the whole delivery are not judged by it.
function findAbsent(merge: Merge): string {
  const { dialect, key, order, source, target, work } = merge;
  const absent = `NOT EXISTS (SELECT 1 FROM ${source} s WHERE ${same(key, 's', 't')})`;
  const judged = `NOT ${older(dialect, order, 'c', 't')}`;
  return `INSERT INTO ${work} SELECT NULL, 'f', ${ids(key, 't.')} FROM ${target} t CROSS JOIN ${latestStaged(merge)}${where(`t.${merge.validity!.to} IS NULL`, absent, judged, merge.guard)}`;
}

function closeAbsent(merge: Merge): string {
  const { dialect, own, work } = merge;
  const target = dialect.literal(merge.targetName);
  const known = `NOT EXISTS (SELECT 1 FROM ${own.tombstone} z WHERE z.target = ${target} AND z.key_text = ${keyText(merge, 'w')} AND z.order_key = ${orderText(merge, 'c')})`;
  return `${insertTombstones(merge)} SELECT DISTINCT ${target}, ${keyText(merge, 'w')}, ${orderText(merge, 'c')}, ${orderTexts(merge, 'c')}, ${now(dialect)} FROM ${work} w CROSS JOIN ${latestStaged(merge)} WHERE w._brigade_action = 'f' AND ${known}`;
}

// A whole delivery that has a key again, as it was before it was gone, says that it lives.
function reopenAbsent(merge: Merge): string {
  const { dialect, key, order, flag, own } = merge;
  const columns = [...key, ...order, ...(flag === undefined ? [] : [flag])];
  const newest = winners(merge, newestFirst(dialect, order, 'x'), columns);
  const alive = flag === undefined ? undefined : `NOT (${deletes(dialect, flag, 's')})`;
  const void_ = `(SELECT z._brigade_key, z._brigade_order FROM ${newest} s JOIN ${tombstones(merge)} z ON z._brigade_key = ${keyText(merge, 's')} CROSS JOIN ${latestStaged(merge)}${where(alive, `NOT ${older(dialect, order, 'z', 's')}`, `NOT ${older(dialect, order, 'c', 'z')}`)}) y`;
  const on = (t: string) =>
    `${t}.target = ${dialect.literal(merge.targetName)} AND ${t}.key_text = y._brigade_key AND ${t}.order_key = y._brigade_order`;
  return deleteFrom(own.tombstone, { from: void_, on }, dialect);
}

// A version that comes after a deletion of the same order stands again.
function reopen(merge: Merge): string {
  const { dialect, own, source, work } = merge;
  const standing = `(SELECT s.* FROM ${source} s JOIN ${work} w ON w.${ROW} = s.${ROW} WHERE w._brigade_action IN ('i', 'u', 'n')) s`;
  const on = (t: string) =>
    `${t}.target = ${dialect.literal(merge.targetName)} AND ${t}.key_text = ${keyText(merge, 's')} AND ${t}.order_key = ${orderText(merge, 's')}`;
  return deleteFrom(own.tombstone, { from: standing, on }, dialect);
}

// Of those known before, too: a version that stood beside one has just reopened it.
function close(merge: Merge): string {
  const { dialect, own, source, work } = merge;
  const target = dialect.literal(merge.targetName);
  const known = `NOT EXISTS (SELECT 1 FROM ${own.tombstone} z WHERE z.target = ${target} AND z.key_text = ${keyText(merge, 's')} AND z.order_key = ${orderText(merge, 's')})`;
  return `${insertTombstones(merge)} SELECT ${target}, ${keyText(merge, 's')}, ${orderText(merge, 's')}, ${orderTexts(merge, 's')}, ${now(dialect)} FROM ${source} s JOIN ${work} w ON w.${ROW} = s.${ROW} WHERE w._brigade_action IN ('d', 'x') AND ${known}`;
}

function correct(merge: Merge): string[] {
  const { columns, key, order, source, target, work } = merge;
  const changed = columns.filter((column) => ![...key, ...order].some(({ id }) => id === column.id));
  if (changed.length === 0) return [];
  const sets = changed.map(setColumn);
  const from = `(SELECT x.* FROM ${source} x JOIN ${work} w ON w.${ROW} = x.${ROW} WHERE w._brigade_action = 'u') s`;
  return [updateFrom(target, { sets, from, on: sameVersion(merge, 't', 's') }, merge.dialect)];
}

// Makes the intervals of all keys of the work table anew; of equal order the deletion comes after the version.
function settle(merge: Merge): string {
  const { dialect, key, order, target, work } = merge;
  const { from, to } = merge.validity!;
  const first = order[0]!;
  const names = ids([...key, ...order]);
  const touched = `(SELECT DISTINCT ${ids(key, 'w.')} FROM ${work} w) w`;
  const versions = `SELECT ${ids([...key, ...order], 't.')}, 0 AS _brigade_kind FROM ${target} t JOIN ${touched} ON ${same(key, 'w', 't')}`;
  const deletions = `SELECT ${ids(key, 'w.')}, ${ids(order, 'z.')}, 1 AS _brigade_kind FROM ${dialect.opensOnce === true ? `${copyName(merge, 'touched')} w` : touched} JOIN ${tombstones(merge)} z ON z._brigade_key = ${keyText(merge, 'w')}`;
  const sequence = [
    ...order.map(
      (column) =>
        `${comparable(dialect, column, 'x')} ASC${dialect.nullsLast === true ? '' : ' NULLS FIRST'}`,
    ),
    'x._brigade_kind',
  ].join(', ');
  const events = `(SELECT x.*, lead(x.${first.id}) OVER (PARTITION BY ${ids(key, 'x.')} ORDER BY ${sequence}) AS _brigade_next FROM (SELECT ${names}, _brigade_kind FROM (${versions} UNION ALL ${deletions}) v) x)`;
  const differs = `(t.${from} IS NULL OR (t.${to} IS NULL AND s._brigade_next IS NOT NULL) OR (t.${to} IS NOT NULL AND s._brigade_next IS NULL) OR t.${to} <> s._brigade_next)`;
  return updateFrom(
    target,
    {
      sets: [`${from} = s.${first.id}`, `${to} = s._brigade_next`],
      from: `(SELECT * FROM ${events} e WHERE e._brigade_kind = 0) s`,
      on: `${sameVersion(merge, 't', 's')} AND ${differs}`,
    },
    dialect,
  );
}

// A whole delivery without rows: nothing is staged, so columns go by their names alone.
function named(merge: Merge, line: TableLine, idOf: (name: string) => string): Merge {
  const column = (name: string): MergeColumn =>
    merge.columns.find((known) => known.name === name) ?? {
      id: idOf(name),
      name,
      type: 'bigint',
      present: undefined,
    };
  return { ...merge, key: (line.key ?? []).map(column), order: (line.order ?? []).map(column) };
}

function closeAll(merge: Merge): string[] {
  const { dialect, order, own, target } = merge;
  const { to } = merge.validity!;
  const name = dialect.literal(merge.targetName);
  const open = `t.${to} IS NULL`;
  const count = `(SELECT count(*) FROM ${target} t WHERE ${open})`;
  const known = `NOT EXISTS (SELECT 1 FROM ${own.tombstone} z WHERE z.target = ${name} AND z.key_text = ${keyText(merge, 't')} AND z.order_key = ${orderText(merge, 'c')})`;
  return [
    ...checkClosed(merge, count),
    `INSERT INTO ${merge.counts} SELECT ${merge.n}, 0, 0, ${count} FROM ${ONE_ROW}${where(merge.guard)}`,
    `${insertTombstones(merge)} SELECT DISTINCT ${name}, ${keyText(merge, 't')}, ${orderText(merge, 'c')}, ${orderTexts(merge, 'c')}, ${now(dialect)} FROM ${target} t CROSS JOIN ${latest(merge, target)}${where(open, known, merge.guard)}`,
    updateFrom(
      target,
      { sets: [`${to} = c.${order[0]!.id}`], from: latest(merge, target), on: open, when: merge.guard },
      dialect,
    ),
  ];
}

// Closing is what a whole delivery does instead of deleting: the same limit holds, of the keys that are open.
function checkClosed(merge: Merge, closed: string): string[] {
  const { percent } = merge.maxDelete;
  if (percent >= 100) return [];
  const { dialect } = merge;
  const text = (name: string) => dialect.cast(`q.${name}`, 'bigint', 'text');
  const message = `${dialect.literal(`table ${merge.table}: expected to close at most ${percent} % of its keys, found `)} || ${text('lost')} || ' of ' || ${text('total')} || ' that the delivery does not have (--max-delete 100 allows it)'`;
  const guard = merge.guard === undefined ? '' : ` AND ${merge.guard}`;
  return [
    dialect.check(
      `SELECT CASE WHEN ${isOver(merge.maxDelete)}${guard} THEN ${message} END FROM (SELECT ${closed} AS lost, (SELECT count(*) FROM ${merge.target} t WHERE t.${merge.validity!.to} IS NULL) AS total) q`,
    ),
  ];
}
