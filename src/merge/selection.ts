/**
 * Groups of which only some tables were listed (`--tables`). What the ledger then says of each name and pattern takes the
 * place of the row of the whole group, so that the tables left out are still to come: a row whose table is a pattern
 * speaks for every table that it matches, one without table for all.
 */

import { globMatch } from '../catalog.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { byAge, type LedgerEntry, type LedgerGroup, scopeIs } from './ledger.ts';
import type { StagedTable } from './staged.ts';
import { rowsRead } from './staging.ts';
import type { OwnTables } from './statement.ts';

/** What the ledger is to say besides the rows of the tables; `firstFlag`: numbers of flags from there on are free. */
export function selectionEntries(
  patterns: readonly string[],
  tables: readonly StagedTable[],
  firstFlag: number,
): LedgerEntry[] {
  return patterns
    .filter((pattern) => !tables.some(({ name }) => name === pattern))
    .map((pattern, i) => {
      const matching = tables.filter(({ name }) => globMatch(pattern, name));
      return {
        table: pattern,
        files: matching.reduce((sum, { files }) => sum + files, 0),
        read: ['0', ...matching.map(rowsRead)].join(' + '),
        rejected: matching.reduce((sum, { rejected }) => sum + rejected, 0),
        key: undefined,
        mode: undefined,
        n: undefined,
        among: matching.map(({ n }) => n),
        flag: firstFlag + i,
      };
    });
}

// Whether a row of the ledger speaks for a table, or for all that a pattern matches: `*` in the row matches any text,
// also one with a `*` of its own.
function speaksFor(name: string, dialect: Dialect): string {
  const sign = dialect.likeEscape ?? '!';
  const [mark, star] = [dialect.literal(sign), dialect.literal('*')];
  const escaped = [sign, '%', '_'].reduce(
    (text, character) =>
      `replace(${text}, ${dialect.literal(character)}, ${dialect.literal(sign + character)})`,
    'lower(table_name)',
  );
  const clause = dialect.likeEscape === undefined ? ` ESCAPE ${mark}` : '';
  return `(table_name = '' OR ${dialect.literal(name.toLowerCase())} LIKE replace(${escaped}, ${star}, ${dialect.literal('%')})${clause})`;
}

/**
 * Fails if the stream skips groups of a table that it has: every one must have been brought to the group that this one
 * follows. Fails, too, if a table is further already: what is new of it here would come too late.
 */
export function checkSelection(
  group: LedgerGroup,
  patterns: readonly string[],
  tables: readonly StagedTable[],
  own: OwnTables,
  dialect: Dialect,
): string[] {
  const rows = (name: string) =>
    `FROM ${own.ledger} WHERE ${scopeIs(group, dialect)} AND ${speaksFor(name, dialect)}`;
  const refuse = (name: string, conditions: readonly string[]) => {
    const newest = `(SELECT group_id ${rows(name)} ORDER BY ${byAge(dialect)} LIMIT 1)`;
    const isNew = `NOT EXISTS (SELECT 1 ${rows(name)} AND group_id = ${dialect.literal(group.group)})`;
    const said = group.after === null ? 'at its first group' : `after ${group.after}`;
    return dialect.check(
      `SELECT CASE WHEN ${[isNew, ...conditions].join(' AND ')} THEN ${dialect.literal(`cursor of ${group.scope} table ${name} is `)} || coalesce(${newest}, 'not set') || ${dialect.literal(`, stream starts ${said} (group ${group.group}); --allow-gap takes it all the same`)} END`,
    );
  };
  const { after } = group;
  const gaps =
    after === null
      ? []
      : patterns.map((pattern) =>
          refuse(pattern, [`NOT EXISTS (SELECT 1 ${rows(pattern)} AND ${since(after, true, dialect)})`]),
        );
  // A group before the cursor is there because something of it came late.
  if (after !== null && isOlder(group.group, after)) return gaps;
  const late = tables.map(({ name }) =>
    refuse(name, [`EXISTS (SELECT 1 ${rows(name)} AND ${since(group.group, false, dialect)})`]),
  );
  return [...gaps, ...late];
}

const digitsOf = (id: string) => id.replace(/^0+/, '');

export function isOlder(a: string, b: string): boolean {
  const [x, y] = [digitsOf(a), digitsOf(b)];
  return x.length === y.length ? x < y : x.length < y.length;
}

/** Whether a row of the ledger is of a group newer than this one (`inclusive`: or of it), as `byAge` orders them. */
export function since(id: string, inclusive: boolean, dialect: Dialect): string {
  const digits = dialect.withoutZeros?.('group_id') ?? `ltrim(group_id, '0')`;
  const than = digitsOf(id);
  return `(length(${digits}) > ${than.length} OR (length(${digits}) = ${than.length} AND ${dialect.bytewise(digits)} ${inclusive ? '>=' : '>'} ${dialect.literal(than)}))`;
}
