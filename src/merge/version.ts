/** Tables whose rows carry a version of the whole table: only the greatest lives. */

import type { Merge } from './statement.ts';

const known = (merge: Merge) =>
  `(SELECT max(v.version) FROM ${merge.own.table} v WHERE v.target = ${merge.dialect.literal(merge.targetName)})`;

const staged = (merge: Merge) => `(SELECT max(v.${merge.version!.id}) FROM ${merge.source} v)`;

/** Whether a staged row belongs to the version that lives: the stage's greatest, unless the target has a greater one. */
export function liveVersion(merge: Merge, of: string): string | undefined {
  if (merge.version === undefined || merge.source === undefined) return undefined;
  return `coalesce(${of}.${merge.version.id}, 0) >= coalesce(${staged(merge)}, 0) AND coalesce(${of}.${merge.version.id}, 0) >= coalesce(${known(merge)}, 0)`;
}

/** A newer version empties the table of what older ones left, and is noted. Before the work table is filled. */
export function dropOldVersions(merge: Merge): string[] {
  if (merge.version === undefined || merge.source === undefined) return [];
  const newer = `${staged(merge)} > ${known(merge)}`;
  const old = `coalesce(t.${merge.version.id}, 0) < ${staged(merge)} AND ${newer}`;
  return [
    `INSERT INTO ${merge.counts} SELECT ${merge.n}, 0, 0, count(*) FROM ${merge.target} t WHERE ${old}`,
    `DELETE FROM ${merge.target} AS t WHERE ${old}`,
    `UPDATE ${merge.own.table} SET version = ${staged(merge)} WHERE target = ${merge.dialect.literal(merge.targetName)} AND ${staged(merge)} > coalesce(version, -1)`,
  ];
}
