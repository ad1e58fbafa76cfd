/** The keys that were deleted for good, so that an older version arriving late does not bring them back. */

import { deleteFrom, now } from './forms.ts';
import { comparable, type Merge } from './statement.ts';

function keyText(merge: Merge, of: string): string {
  const text = merge.dialect.type('text');
  return merge.key
    .map(({ id }) => `replace(replace(CAST(${of}.${id} AS ${text}), '~', '~~'), '|', '~p')`)
    .join(` || '|' || `);
}

/** Joins the tombstone of a staged row's key as `z`. */
export function tombstoneJoin(merge: Merge, of: string): string {
  return ` LEFT JOIN ${merge.own.tombstone} z ON z.target = ${merge.dialect.literal(merge.targetName)} AND z.key_text = ${keyText(merge, of)}`;
}

/** Whether a staged row is older than its key's tombstone, by the first column of the order. */
export function tombstoneOlder(merge: Merge, of: string): string {
  const [first] = merge.order;
  const { dialect } = merge;
  const buried = dialect.cast('z.order_text', 'staged text', first!.type);
  const y = first!.type === 'text' ? dialect.bytewise(buried) : buried;
  const x = comparable(dialect, first!, of);
  return `(z.order_text IS NOT NULL AND (${x} IS NULL OR ${x} < ${y}))`;
}

/** Notes the keys that the work table deletes. */
export function buryWork(merge: Merge): string[] {
  const [first] = merge.order;
  if (first === undefined) return [];
  const { dialect } = merge;
  const target = dialect.literal(merge.targetName);
  const text = dialect.type('text');
  const on = (t: string) =>
    `${t}.target = ${target} AND w._brigade_action IN ('d', 'x', 'i', 'u') AND ${t}.key_text = ${keyText(merge, 'w')}`;
  return [
    deleteFrom(merge.own.tombstone, { from: `${merge.work} w`, on }, dialect),
    `INSERT INTO ${merge.own.tombstone} (target, key_text, order_text, deleted_at) SELECT ${target}, ${keyText(merge, 'w')}, CAST(s.${first.id} AS ${text}), ${now(dialect)} FROM ${merge.work} w JOIN ${merge.source} s ON s._brigade_row = w._brigade_row WHERE w._brigade_action IN ('d', 'x')`,
  ];
}
