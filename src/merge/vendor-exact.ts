/**
 * Zenoti's own statements (sample code of "Amazon S3 for analytics"), per logid in order and to the letter: a row that
 * is inserted without deleting its former self first is there twice after a replay.
 */

import type { MergeMode } from '../wire/types.ts';
import { deleteFrom, updateFrom } from './forms.ts';
import { ids, type Merge, same } from './statement.ts';

export function vendorExact(merge: Merge, mode: MergeMode, batches: readonly string[]): string[] {
  const { key, target, columns, source, flag } = merge;
  const sorted = [...batches].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
  const statements = sorted.flatMap((batch) => {
    const stage = `(SELECT * FROM ${source} b WHERE b._brigade_batch = ${BigInt(batch)})`;
    const insert = (condition: string) =>
      `INSERT INTO ${target} (${ids(columns)}) SELECT ${ids(columns, 's.')} FROM ${stage} s WHERE ${condition}`;
    if (mode === 'delete-insert' && flag !== undefined) {
      const is = (value: 0 | 1) =>
        flag.type === 'boolean'
          ? `s.${flag.id} = ${value === 1 ? 'TRUE' : 'FALSE'}`
          : `s.${flag.id} = ${value}`;
      return [
        deleteFrom(
          target,
          { from: `${stage} s`, on: (t) => `${is(1)} AND ${same(key, 's', t)}` },
          merge.dialect,
        ),
        insert(is(0)),
      ];
    }
    const sets = columns.map(({ id }) => `${id} = s.${id}`);
    return [
      updateFrom(target, { sets, from: `${stage} s`, on: same(key, 't', 's') }, merge.dialect),
      insert(`NOT EXISTS (SELECT 1 FROM ${target} t WHERE ${same(key, 't', 's')})`),
    ];
  });
  return [`INSERT INTO ${merge.counts} SELECT ${merge.n}, count(*), 0, 0 FROM ${source} s`, ...statements];
}
