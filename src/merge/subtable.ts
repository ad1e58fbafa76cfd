/**
 * Subtables: rows cut from a parent's arrays. They are not merged by a key of their own; those stay that were cut from
 * the very version of the parent that lives (equal source key and order), and all earlier ones of that parent go, also
 * when the array is empty now. Where they come as files of their own they may arrive in a group before their parent's:
 * rows of the parent's version, or of one still to come, wait in the target for it.
 */

import type { Dialect } from '../dialects/dialect.ts';
import { ROW } from './engine.ts';
import { deleteFrom } from './forms.ts';
import { analyzed, refill } from './modes.ts';
import {
  comparable,
  ids,
  insertWork,
  type Merge,
  type MergeColumn,
  newestFirst,
  older,
  same,
  where,
} from './statement.ts';
import { dropOldVersions, followVersion, liveSource } from './version.ts';

const SOURCE_KEY = '_sdc_source_key_';

export interface Subtable extends Merge {
  /** Here `key` holds the source key only: the columns that name the parent's row. */
  readonly key: readonly MergeColumn[];
  /** The whole key, with the places in the arrays. */
  readonly rowKey: readonly MergeColumn[];
  /** Of the parent, if it is in this unit; its statements come first. */
  readonly parent: Merge | undefined;
  /** The delivery is the whole table. */
  readonly full: boolean;
}

/** The columns of a subtable that hold its parent's key. */
export function sourceKey<C extends { readonly name: string }>(columns: readonly C[]): C[] {
  return columns.filter(({ name }) => name.toLowerCase().startsWith(SOURCE_KEY));
}

// The parent's key columns in the order of the subtable's source key.
export function parentKey(child: readonly MergeColumn[], parent: Merge): MergeColumn[] | undefined {
  const found = child.map(({ name }) =>
    parent.key.find((column) => SOURCE_KEY + column.name.toLowerCase() === name.toLowerCase()),
  );
  return found.every((column) => column !== undefined) && found.length === parent.key.length
    ? found
    : undefined;
}

export function joined(
  child: readonly MergeColumn[],
  parent: readonly MergeColumn[],
  a: string,
  b: string,
): string {
  return child.map(({ id }, i) => `${a}.${id} = ${b}.${parent[i]!.id}`).join(' AND ');
}

export function subtable(merge: Subtable): string[] {
  const { parent, target, key } = merge;
  const parentColumns =
    parent === undefined || parent.source === undefined ? undefined : parentKey(key, parent);
  const statements: string[] = [];
  // Its source key is not even known: neither is there anything that it could be compared with.
  if (key.length === 0 && !merge.full) return statements;
  if (parent?.version !== undefined && merge.version !== undefined) {
    statements.push(...followVersion(parent, target, merge.version.id, { counted: merge }));
  }
  if (merge.source !== undefined) {
    statements.push(...dropOldVersions(merge));
    if (parentColumns !== undefined) statements.push(matching(merge, parent!, parentColumns));
    if (!merge.full || parentColumns === undefined) statements.push(orphans(merge, parent, parentColumns));
    statements.push(...analyzed(merge));
  }
  const gone = merge.full ? undefined : goneRows(merge, parentColumns);
  const isGone = gone === undefined ? undefined : `EXISTS (SELECT 1 FROM ${gone.from} WHERE ${gone.on('t')})`;
  statements.push(
    `INSERT INTO ${merge.counts} SELECT ${merge.n}, count(*), 0, 0 FROM ${merge.work} w${where(merge.guard)}`,
    `INSERT INTO ${merge.counts} SELECT ${merge.n}, 0, 0, count(*) FROM ${target} t${where(isGone, merge.guard)}`,
  );
  const insert =
    merge.source === undefined ? undefined : (into: string) => insertWork(merge, `'i', 'o'`, into);
  if (gone === undefined) return [...statements, ...refill(merge, insert)];
  statements.push(deleteFrom(target, { ...gone, when: merge.guard }, merge.dialect));
  if (insert !== undefined) statements.push(insert(target));
  return statements;
}

/** A subtable that a unit does not mention, though it changes rows of its parent. */
export interface Forsaken {
  readonly target: string;
  /** The columns that name the parent's row, in the order of its key; quoted. */
  readonly keys: readonly string[];
  /** The parent's order, as far as the subtable has its columns; empty: its rows do not tell their version. */
  readonly order: readonly MergeColumn[];
  readonly when?: string | undefined;
}

/** Deletes the rows of a subtable that this unit does not mention, of the parents that it changes. */
export function forsaken(merge: Merge, { target, keys, order, when }: Forsaken): string {
  const { dialect } = merge;
  const on = (t: string) =>
    [...keys.map((id, i) => `g.${keyName(i)} = ${t}.${id}`), outdated(dialect, order, t)].join(' AND ');
  return deleteFrom(target, { from: `(${changed(merge, merge.key, order, order)}) g`, on, when }, dialect);
}

/** What the columns of a parent's key are called beside those of its order. */
export const keyName = (i: number) => `_brigade_k${i}`;

// The rows of a parent that change: `columns` of theirs, whether everything cut from them goes (`_brigade_all`), and by
// the names of `own` their order.
function changed(
  { source, work }: Merge,
  columns: readonly MergeColumn[],
  order: readonly MergeColumn[],
  own: readonly MergeColumn[],
): string {
  const keys = columns.map(({ id }, i) => `w.${id} AS ${keyName(i)}`).join(', ');
  const acting = `w._brigade_action IN ('i', 'u', 'r', 'd')`;
  if (order.length === 0) return `SELECT ${keys}, 1 AS _brigade_all FROM ${work} w WHERE ${acting}`;
  const values = order.map(({ id }, i) => `p.${id} AS ${own[i]!.id}`).join(', ');
  return `SELECT ${keys}, CASE WHEN w._brigade_action IN ('r', 'd') THEN 1 ELSE 0 END AS _brigade_all, ${values} FROM ${work} w JOIN ${source} p ON p.${ROW} = w.${ROW} WHERE ${acting}`;
}

/** Whether a row of the target goes, by what changes of its parent (`g`): one of the same version or a newer one stays. */
export const outdated = (dialect: Dialect, order: readonly MergeColumn[], t: string): string =>
  order.length === 0 ? `g._brigade_all = 1` : `(g._brigade_all = 1 OR ${older(dialect, order, t, 'g')})`;

/** The columns of the order that both have: those of the subtable, and those of its parent. */
export function sharedOrder(merge: Subtable, parent: Merge): { own: MergeColumn[]; of: MergeColumn[] } {
  const pairs = merge.order.flatMap((own) => {
    const of = parent.order.find(({ name }) => name === own.name);
    return of === undefined ? [] : [{ own, of }];
  });
  return { own: pairs.map(({ own }) => own), of: pairs.map(({ of }) => of) };
}

/** ` AND …`: the row `x` of a subtable was cut from the version `p` of its parent's row. */
export function sameOrder(merge: Subtable, parent: Merge): string {
  const { own, of } = sharedOrder(merge, parent);
  return own
    .map(({ id }, i) => ` AND (x.${id} = p.${of[i]!.id} OR (x.${id} IS NULL AND p.${of[i]!.id} IS NULL))`)
    .join('');
}

// Rows of parents that live (action i, u, r), of the same version; none where the target has rows of a newer one, whose
// parent is still to come.
function matching(merge: Subtable, parent: Merge, parentColumns: readonly MergeColumn[]): string {
  const equal = sameOrder(merge, parent);
  const { own } = sharedOrder(merge, parent);
  const columns = [...new Set([...merge.key, ...own].map(({ id }) => `x.${id}`))].join(', ');
  const current = merge.full || own.length === 0 ? undefined : noneNewer(merge, own);
  const rank = `row_number() OVER (PARTITION BY ${ids(rowKeyOf(merge), 'x.')} ORDER BY x._brigade_batch DESC, x.${ROW} DESC)`;
  return `INSERT INTO ${merge.work} SELECT q.${ROW}, 'i', ${ids(merge.key, 'q.')} FROM (SELECT x.${ROW}, ${columns}, ${rank} AS _brigade_rank FROM ${liveSource(merge)} x JOIN (SELECT p.* FROM ${parent.source} p JOIN ${parent.work} w ON w.${ROW} = p.${ROW} WHERE w._brigade_action IN ('i', 'u', 'r')) p ON ${joined(merge.key, parentColumns, 'x', 'p')}${equal}) q${where('q._brigade_rank = 1', current)}`;
}

const noneNewer = ({ dialect, key, target }: Subtable, order: readonly MergeColumn[]): string =>
  `NOT EXISTS (SELECT 1 FROM ${target} t WHERE ${same(key, 't', 'q')} AND ${older(dialect, order, 'q', 't')})`;

// Rows whose parent is not in this unit: of each source key the newest, unless the target has newer ones.
function orphans(
  merge: Subtable,
  parent: Merge | undefined,
  parentColumns: readonly MergeColumn[] | undefined,
): string {
  const { dialect, order, key } = merge;
  const columns = [...new Set([...key, ...order].map(({ id }) => id))].map((id) => `x.${id}`).join(', ');
  const by = newestFirst(dialect, order, 'x');
  const newest =
    by.length === 0 ? '1' : `rank() OVER (PARTITION BY ${ids(key, 'x.')} ORDER BY ${by.join(', ')})`;
  const place = `row_number() OVER (PARTITION BY ${[...rowKeyOf(merge), ...order].map((column) => comparable(dialect, column, 'x')).join(', ')} ORDER BY x._brigade_batch DESC, x.${ROW} DESC)`;
  const alone =
    parentColumns === undefined
      ? undefined
      : `NOT EXISTS (SELECT 1 FROM ${parent!.work} w WHERE ${joined(key, parentColumns, 'x', 'w')})`;
  const current = order.length === 0 ? undefined : noneNewer(merge, order);
  return `INSERT INTO ${merge.work} SELECT q.${ROW}, 'o', ${ids(key, 'q.')} FROM (SELECT x.${ROW}, ${columns}, ${newest} AS _brigade_newest, ${place} AS _brigade_place FROM ${liveSource(merge)} x${where(alone)}) q${where('q._brigade_newest = 1', 'q._brigade_place = 1', current)}`;
}

// Without places in the arrays every row is one of its own.
export function rowKeyOf(merge: Subtable): readonly MergeColumn[] {
  if (merge.rowKey.length > merge.key.length)
    return merge.rowKey.map((column) => ({ ...column, present: undefined }));
  return [{ id: ROW, name: ROW, type: 'bigint', present: undefined }];
}

function goneRows(
  merge: Subtable,
  parentColumns: readonly MergeColumn[] | undefined,
): { from: string; on: (t: string) => string } {
  const { dialect, key, parent } = merge;
  const { own, of } = parentColumns === undefined ? { own: [], of: [] } : sharedOrder(merge, parent!);
  const nothing = own.map(() => ', NULL').join('');
  // What is staged of a key takes the place of all that the target has of it.
  const staged = `SELECT ${key.map(({ id }, i) => `w.${id} AS ${keyName(i)}`).join(', ')}, 1 AS _brigade_all${nothing} FROM ${merge.work} w`;
  const rows =
    parentColumns === undefined ? staged : `${changed(parent!, parentColumns, of, own)} UNION ALL ${staged}`;
  return {
    from: `(${rows}) g`,
    on: (t) =>
      [...key.map(({ id }, i) => `g.${keyName(i)} = ${t}.${id}`), outdated(dialect, own, t)].join(' AND '),
  };
}
