/** Tables whose rows carry a version of the whole table: only the greatest lives. */

import { GROUP } from './engine.ts';
import { deleteFrom, updateFrom } from './forms.ts';
import type { Merge } from './statement.ts';

const known = (merge: Merge) =>
  `(SELECT max(o.version) FROM ${merge.own.table} o WHERE o.target = ${merge.dialect.literal(merge.targetName)})`;

const staged = (merge: Merge) => `(SELECT max(v.${merge.version!.id}) FROM ${merge.source} v)`;

/** The staged rows of the version that lives: the stage's greatest, unless the target has a greater one. */
export function liveSource(merge: Merge): string | undefined {
  const { version, source } = merge;
  if (version === undefined || source === undefined) return source;
  const own = `coalesce(v.${version.id}, 0)`;
  return `(SELECT * FROM (SELECT v.*, max(v.${version.id}) OVER () AS _brigade_version FROM ${source} v) v WHERE ${own} >= coalesce(v._brigade_version, 0) AND ${own} >= coalesce(${known(merge)}, 0))`;
}

/** A newer version empties the table of what older ones left, and is noted. Before the work table is filled. */
export function dropOldVersions(merge: Merge): string[] {
  if (merge.version === undefined || merge.source === undefined) return [];
  const { dialect, own, version } = merge;
  const from = `(SELECT ${staged(merge)} AS staged, ${known(merge)} AS known) v`;
  const on = (t: string) => `coalesce(${t}.${version.id}, 0) < v.staged AND v.staged > v.known`;
  const isNewer = 'v.staged > coalesce(t.version, -1)';
  const isOurs = `target = ${dialect.literal(merge.targetName)}`;
  return [
    countDropped(merge, merge, `${merge.target} t JOIN ${from} ON ${on('t')}`),
    deleteFrom(merge.target, { from, on }, dialect),
    dialect.deletes === 'merge'
      ? `MERGE INTO ${own.table} t USING ${from} ON t.${isOurs} WHEN MATCHED AND ${isNewer} THEN UPDATE SET version = v.staged`
      : dialect.opensOnce === true
        ? updateFrom(
            own.table,
            { sets: ['version = v.staged'], from, on: `t.${isOurs} AND ${isNewer}` },
            dialect,
          )
        : `UPDATE ${own.table} SET version = ${staged(merge)} WHERE ${isOurs} AND ${staged(merge)} > coalesce(version, -1)`,
  ];
}

// Of several groups the first one that brings the version drops the rows of older ones.
function countDropped({ counts, grouped, n }: Merge, by: Merge, from: string): string {
  if (!grouped) return `INSERT INTO ${counts} SELECT ${n}, 0, 0, count(*) FROM ${from}`;
  const first = `(SELECT min(f.${GROUP}) FROM ${by.source} f)`;
  return `INSERT INTO ${counts} SELECT ${first}, ${n}, 0, 0, count(*), 0 FROM ${from}`;
}

/** Deletes a subtable's rows of versions that its parent has left behind. After the parent's own statements. */
export function followVersion(
  parent: Merge,
  target: string,
  version: string,
  { counted, when }: { readonly counted?: Merge; readonly when?: string | undefined } = {},
): string[] {
  const from = `(SELECT max(v.version) AS known FROM ${parent.own.table} v WHERE v.target = ${parent.dialect.literal(parent.targetName)}) v`;
  const on = (t: string) => `coalesce(${t}.${version}, 0) < v.known`;
  return [
    ...(counted === undefined
      ? []
      : [countDropped(counted, parent, `${target} t JOIN ${from} ON ${on('t')}`)]),
    deleteFrom(target, { from, on, when }, parent.dialect),
  ];
}
