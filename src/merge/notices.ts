/** What a load tells about a unit before it is applied; a script cannot tell, since it knows nothing of the target. */

import type { Prepared } from './apply-tables.ts';
import { type Engine, GROUP } from './engine.ts';
import { isWholeCopy, newer } from './late.ts';
import { type LedgerGroup, scopeIs } from './ledger.ts';
import { modeOf } from './plan.ts';
import type { OwnTables } from './statement.ts';

/** Tells, once a stream, of columns that the contract has left out. */
export function noticeDiscarded(
  prepared: readonly Prepared[],
  told: Set<string>,
  warn: (message: string) => void,
): void {
  for (const { table, plan } of prepared) {
    const names = plan.discarded.filter((name) => !told.has(JSON.stringify([table.name, name])));
    if (names.length === 0) continue;
    for (const name of names) told.add(JSON.stringify([table.name, name]));
    warn(
      `table ${table.name}: left out, since the target does not have it (contract discard): ${names.join(', ')}`,
    );
  }
}

export interface Noticed {
  readonly engine: Engine;
  readonly own: OwnTables;
  readonly group: LedgerGroup | undefined;
  readonly prepared: readonly Prepared[];
  readonly warn: (message: string) => void;
}

/** Looks for what a user should hear of, before anything is merged. */
export async function notice(noticed: Noticed): Promise<void> {
  const applied = await noticeListing(noticed);
  if (applied === undefined) return;
  await noticeLateCopies(noticed, applied);
  await noticeNullFlags(noticed, applied);
}

/** One group of a batch. */
export interface GroupNotice {
  /** What its rows have in `_brigade_group`. */
  readonly number: number;
  readonly group: LedgerGroup;
  readonly tables: ReadonlySet<string>;
  /** Those of its tables that were not applied before; empty text: the group as a whole. */
  readonly isNew: ReadonlySet<string>;
}

/** The same of several groups, none of which has whole copies. */
export async function noticeBatch(
  { engine, own, prepared, warn }: Omit<Noticed, 'group'>,
  groups: readonly GroupNotice[],
): Promise<void> {
  for (const { group, tables, isNew } of groups) {
    if (isNew.has('')) continue;
    const of = prepared.filter(({ table }) => tables.has(table.name));
    await noticeListing({ engine, own, group, prepared: of, warn });
  }
  for (const { table, merge } of prepared) {
    const nulls = nullFlags({ table, merge });
    if (nulls === undefined) continue;
    const rows = await engine.rows(`SELECT s.${GROUP} AS g, count(*) AS n ${nulls} GROUP BY s.${GROUP}`);
    const counts = new Map(rows?.map(({ g, n }) => [Number(g), Number(n)]));
    for (const { group, number } of groups)
      warnNullFlags(counts.get(number) ?? 0, { table, merge }, group, warn);
  }
}

// The tables of this group that were applied before; undefined where nobody can tell.
async function noticeListing(noticed: Noticed): Promise<ReadonlySet<string> | undefined> {
  const { engine, own, group, prepared, warn } = noticed;
  if (group === undefined) return new Set();
  const { dialect } = engine;
  const rows = await engine.rows(
    `SELECT table_name, digest FROM ${own.ledger} WHERE ${scopeIs(group, dialect)} AND group_id = ${dialect.literal(group.group)}`,
  );
  if (rows === undefined) return undefined;
  const applied = new Set(rows.map((row) => String(row['table_name'])));
  // A table that was chosen later was listed with others, so that one equal digest is enough.
  const isSame = rows.some((row) => row['digest'] === group.digest);
  if (applied.has('') && !isSame && prepared.every(({ table }) => applied.has(table.name))) {
    warn(
      `group ${group.feed} ${group.scope} ${group.group} was applied with another listing (late or changed files): what is new in it is not applied; to have that, load its tables anew (docs/merging.md)`,
    );
  }
  return applied;
}

async function noticeLateCopies(noticed: Noticed, applied: ReadonlySet<string>): Promise<void> {
  const { engine, own, group, prepared, warn } = noticed;
  const whole = prepared.filter(({ table }) => isWholeCopy(table) && !applied.has(table.name));
  if (group === undefined || whole.length === 0) return;
  const names = whole.map(({ table }) => table.name);
  const rows = await engine.rows(`SELECT DISTINCT table_name ${newer(group, names, own, engine.dialect)}`);
  for (const row of rows ?? []) {
    warn(
      `group ${group.feed} ${group.scope} ${group.group}: table ${row['table_name']}: a whole copy older than what was applied; left out`,
    );
  }
}

async function noticeNullFlags(noticed: Noticed, applied: ReadonlySet<string>): Promise<void> {
  const { engine, group, prepared, warn } = noticed;
  for (const one of prepared) {
    const nulls = applied.has(one.table.name) ? undefined : nullFlags(one);
    if (nulls === undefined) continue;
    const rows = await engine.rows(`SELECT count(*) AS n ${nulls}`);
    warnNullFlags(Number(rows?.[0]?.['n'] ?? 0), one, group, warn);
  }
}

type Merged = Pick<Prepared, 'table' | 'merge'>;

// The staged rows whose delete flag is NULL, from FROM on; undefined: the table's mode takes no offence.
function nullFlags({ table, merge: { flag, source } }: Merged): string | undefined {
  if (flag === undefined || source === undefined || modeOf(table) !== 'delete-insert') return undefined;
  return `FROM ${source} s WHERE s.${flag.id} IS NULL`;
}

function warnNullFlags(
  count: number,
  { table, merge }: Merged,
  group: LedgerGroup | undefined,
  warn: (message: string) => void,
): void {
  if (count === 0) return;
  const place = group === undefined ? '' : `group ${group.feed} ${group.scope} ${group.group}: `;
  warn(
    `${place}table ${table.name}: ${count} rows have NULL in ${merge.flag!.name}, the delete flag, and count as not deleted`,
  );
}
