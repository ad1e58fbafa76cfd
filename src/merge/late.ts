/**
 * Groups that come after newer ones of their scope: skipped once with `--allow-gap`, or found by `--lookback`. Their rows
 * may be added to what is newer, never undo it.
 */

import type { Dialect } from '../dialects/dialect.ts';
import type { Prepared } from './apply-tables.ts';
import { byAge, isNew, type LedgerGroup, scopeIs } from './ledger.ts';
import { modeOf } from './plan.ts';
import { since } from './selection.ts';
import type { StagedTable } from './staged.ts';
import type { Merge, OwnTables } from './statement.ts';

/** Whether the rows of this unit are the whole table. */
export function isWholeCopy(table: StagedTable): boolean {
  return table.line.full === true || modeOf(table) === 'replace';
}

/** The ledger's rows of newer groups that brought one of these tables. */
export function newer(
  group: LedgerGroup,
  tables: readonly string[],
  own: OwnTables,
  dialect: Dialect,
): string {
  const names = tables.map((name) => dialect.literal(name)).join(', ');
  return `FROM ${own.ledger} WHERE ${scopeIs(group, dialect)} AND table_name IN (${names}) AND ${since(group.group, false, dialect)}`;
}

/** Whether no newer group brought the table already: a whole copy that comes late must not replace what is newer. */
export function isNewest(group: LedgerGroup, table: string, own: OwnTables, dialect: Dialect): string {
  return `NOT EXISTS (SELECT 1 ${newer(group, [table], own, dialect)})`;
}

// What makes that the last row to arrive wins, whatever its age; undefined where a late one does no harm.
function lastWins(table: StagedTable, merge: Merge, prepared: readonly Prepared[]): string | undefined {
  // A whole copy that is late is left out.
  if (merge.source === undefined || merge.onlyMissing || isWholeCopy(table)) return undefined;
  const { parent } = table.line;
  // A subtable's rows live and die with their parent's.
  if (parent !== undefined && prepared.some((other) => other.table.name === parent)) return undefined;
  const mode = modeOf(table);
  if (mode === 'delete-insert') return mode;
  return mode === 'upsert' && merge.order.length === 0 ? 'upsert without an order' : undefined;
}

/** Fails if a newer group brought a table already whose mode cannot tell that the rows of this one are older. */
export function checkLate(
  group: LedgerGroup,
  prepared: readonly Prepared[],
  own: OwnTables,
  dialect: Dialect,
): string[] {
  return prepared.flatMap(({ table, merge }) => {
    const why = lastWins(table, merge, prepared);
    if (why === undefined) return [];
    const rows = newer(group, [table.name], own, dialect);
    const place = dialect.literal(
      `group ${group.feed} ${group.scope} ${group.group}: table ${table.name}: expected a group after `,
    );
    return [
      dialect.check(
        `SELECT CASE WHEN ${isNew(group, table.name, own, dialect)} AND EXISTS (SELECT 1 ${rows}) THEN ${place} || (SELECT group_id ${rows} ORDER BY ${byAge(dialect)} LIMIT 1) || ${dialect.literal(found(why))} END`,
      ),
    ];
  });
}

const found = (why: string): string =>
  `, found an older one, whose rows would undo newer ones (merge ${why}); list without --lookback to leave it out, or load the table anew (docs/merging.md)`;

/**
 * The same of a batch: the oldest group of each table that is new tells. `oldest`: a relation with that one's `group_id`,
 * or without any.
 */
export function checkLateBatch(
  group: LedgerGroup,
  prepared: readonly Prepared[],
  own: OwnTables,
  dialect: Dialect,
  oldest: (n: number) => string,
): string[] {
  const digits = (id: string) => dialect.withoutZeros?.(id) ?? `ltrim(${id}, '0')`;
  const [theirs, ours] = [digits('l.group_id'), digits('f.group_id')];
  const isNewer = `(length(${theirs}) > length(${ours}) OR (length(${theirs}) = length(${ours}) AND ${dialect.bytewise(theirs)} > ${dialect.bytewise(ours)}))`;
  return prepared.flatMap(({ table, merge }) => {
    const why = lastWins(table, merge, prepared);
    if (why === undefined) return [];
    const rows = `FROM ${own.ledger} l WHERE ${scopeIs(group, dialect, 'l.')} AND l.table_name = ${dialect.literal(table.name)} AND ${isNewer}`;
    const message = [
      dialect.literal(`group ${group.feed} ${group.scope} `),
      'f.group_id',
      dialect.literal(`: table ${table.name}: expected a group after `),
      `(SELECT max(l.group_id) ${rows})`,
      dialect.literal(found(why)),
    ].join(' || ');
    return [dialect.check(`SELECT ${message} FROM ${oldest(table.n)} f WHERE EXISTS (SELECT 1 ${rows})`)];
  });
}
