/**
 * What was deleted for good, and when: so that an older version arriving late does not bring it back. Of a table with
 * history every deletion is kept (see scd2.ts), of any other one the last of each key.
 */

import { mismatch } from '../errors.ts';
import { deleteFrom, now } from './forms.ts';
import { ids, type Merge, older } from './statement.ts';

/** The columns that hold the values of an order, as text. */
export const ORDER_TEXTS = ['order_text', 'order_text_2', 'order_text_3', 'order_text_4'] as const;

/** The key of a row as one text. */
export function keyText(merge: Pick<Merge, 'key' | 'dialect'>, of: string): string {
  return merge.key
    .map(
      ({ id, type }) =>
        `replace(replace(${merge.dialect.cast(`${of}.${id}`, type, 'text')}, '~', '~~'), '|', '~p')`,
    )
    .join(` || '|' || `);
}

/** The tombstones of a table: `_brigade_key` and the columns of the order, typed, to be called `z`. */
export function tombstones(merge: Merge): string {
  const { dialect } = merge;
  const order = orderOf(merge).map(
    ({ id, type }, i) => `${dialect.cast(`z.${ORDER_TEXTS[i]}`, 'staged text', type)} AS ${id}`,
  );
  return `(SELECT ${['z.key_text AS _brigade_key', 'z.order_key AS _brigade_order', ...order].join(', ')} FROM ${merge.own.tombstone} z WHERE z.target = ${dialect.literal(merge.targetName)})`;
}

/** Joins the tombstone of a staged row's key as `z`. */
export function tombstoneJoin(merge: Merge, of: string): string {
  return ` LEFT JOIN ${tombstones(merge)} z ON z._brigade_key = ${keyText(merge, of)}`;
}

/** Whether a staged row is older than its key's tombstone, by all columns of the order. */
export function tombstoneOlder(merge: Merge, of: string): string {
  return `(z._brigade_key IS NOT NULL AND ${older(merge.dialect, merge.order, of, 'z')})`;
}

/** Notes the keys that the work table deletes. */
export function buryWork(merge: Merge): string[] {
  if (merge.order.length === 0) return [];
  const { dialect } = merge;
  const target = dialect.literal(merge.targetName);
  const on = (t: string) =>
    `${t}.target = ${target} AND w._brigade_action IN ('d', 'x', 'i', 'u', 'r') AND ${t}.key_text = ${keyText(merge, 'w')}`;
  return [
    deleteFrom(merge.own.tombstone, { from: `${merge.work} w`, on }, dialect),
    `${insertTombstones(merge)} SELECT ${target}, ${keyText(merge, 'w')}, '', ${orderTexts(merge, 's')}, ${now(dialect)} FROM ${merge.work} w JOIN ${merge.source} s ON s._brigade_seq = w._brigade_seq WHERE w._brigade_action IN ('d', 'x')`,
  ];
}

/** `INSERT INTO … (…)`: target, key, order as one text, the values of the order, the instant. */
export function insertTombstones(merge: Merge): string {
  const texts = ORDER_TEXTS.slice(0, orderOf(merge).length).join(', ');
  return `INSERT INTO ${merge.own.tombstone} (target, key_text, order_key, ${texts}, deleted_at)`;
}

/** The values of a row's order as text, in a list. */
export function orderTexts(merge: Merge, of: string): string {
  return orderOf(merge)
    .map(({ id, type }) => merge.dialect.cast(`${of}.${id}`, type, 'text'))
    .join(', ');
}

/** The values of a row's order as one text. */
export function orderText(merge: Merge, of: string): string {
  const escaped = (x: string) => `coalesce(replace(replace(${x}, '~', '~~'), '|', '~p'), '~n')`;
  return orderOf(merge)
    .map(({ id, type }) => escaped(merge.dialect.cast(`${of}.${id}`, type, 'text')))
    .join(` || '|' || `);
}

function orderOf({ table, order }: Merge): Merge['order'] {
  if (order.length <= ORDER_TEXTS.length) return order;
  throw mismatch(
    `table ${table}`,
    `an order of at most ${ORDER_TEXTS.length} columns where deletions are remembered`,
    ids(order),
  );
}
