/**
 * The ledger of several groups at once. What each of them brings stands in a temporary table, `brigade_entry`, so that
 * the statements are as many for a thousand groups as for two.
 */

import type { Dialect } from '../dialects/dialect.ts';
import type { Delivery } from './apply-unit.ts';
import { GROUP_STRIDE, groupOf } from './engine.ts';
import { createStageTable, deleteFrom, dropStage, now, updateFrom } from './forms.ts';
import {
  LEDGER_COLUMNS,
  type LedgerGroup,
  newestGroup,
  refusedCursor,
  scopeIs,
  TOOL_VERSION,
} from './ledger.ts';
import { modeOf } from './plan.ts';
import { isIdle, type StagedTable } from './staged.ts';
import { countedRows } from './staging.ts';
import type { OwnTables } from './statement.ts';

const ENTRIES = 'brigade_entry';
const ROWS_OF_AN_INSERT = 500;

/** The number of a batch's group, as rows of stages and the temporary tables have it. */
export const groupNumber = (index: number): number => (index + 1) * GROUP_STRIDE;

/**
 * The rows that the ledger is to have; `numbers`: the tables' in the batch. `n` is 0 for a group as a whole. `entries`: how
 * many there are of each `n`.
 */
export function createEntries(
  groups: readonly { readonly delivery: Delivery }[],
  numbers: ReadonlyMap<string, number>,
  dialect: Dialect,
): { readonly statements: string[]; readonly entries: ReadonlyMap<number, number> } {
  const entries = new Map<number, number>();
  const [text, bigint] = [dialect.type('text'), dialect.type('bigint')];
  const key = dialect.keyText?.(190) ?? text;
  const columns = `g ${bigint}, n ${bigint}, group_id ${key}, after_group ${key}, table_name ${key}, files ${bigint}, rows_read ${bigint}, rejected ${bigint}, digest ${text}, merge_key ${text}, merge_mode ${text}`;
  const quote = (value: string | null | undefined) =>
    value === undefined || value === null ? 'NULL' : dialect.literal(value);
  const rows = groups.flatMap(({ delivery: { unit, commit } }, i) => {
    const all = [...unit.tables.values()];
    const entry = (n: number, name: string, { files, read, rejected }: Said, table?: StagedTable) => {
      entries.set(n, (entries.get(n) ?? 0) + 1);
      return `(${[
        groupNumber(i),
        n,
        quote(unit.group!.group),
        quote(unit.group!.after),
        quote(name),
        files,
        read,
        rejected,
        quote(commit!.digest),
        quote(table?.line.key?.join(',')),
        quote(table === undefined ? undefined : modeOf(table)),
      ].join(', ')})`;
    };
    // What the engine reads by itself is counted in the stages.
    const readOf = (table: StagedTable) => (unit.undecoded.size > 0 ? 0 : (table.read ?? countedRows(table)));
    const whole = unit.decoded ? unit.read : all.reduce((sum, table) => sum + readOf(table), 0);
    return [
      entry(0, '', { files: unit.files, read: whole, rejected: unit.rejected }),
      ...all
        .filter((table) => !isIdle(table, all))
        .map((table) =>
          entry(
            numbers.get(table.name)!,
            table.name,
            { files: table.files, read: readOf(table), rejected: table.rejected },
            table,
          ),
        ),
    ];
  });
  const inserts: string[] = [];
  for (let from = 0; from < rows.length; from += ROWS_OF_AN_INSERT)
    inserts.push(`INSERT INTO ${ENTRIES} VALUES ${rows.slice(from, from + ROWS_OF_AN_INSERT).join(', ')}`);
  const create = createStageTable(ENTRIES, columns.split(', '), dialect);
  return { statements: [dropStage(ENTRIES, dialect), create, ...inserts], entries };
}

interface Said {
  readonly files: number;
  readonly read: number;
  readonly rejected: number;
}

/** Forgets entries that the ledger has: these were applied before. After the lock. */
export function dropApplied(group: LedgerGroup, own: OwnTables, dialect: Dialect): string {
  const on = (t: string) =>
    `${scopeIs(group, dialect, 'l.')} AND l.group_id = ${t}.group_id AND l.table_name = ${t}.table_name`;
  return deleteFrom(ENTRIES, { from: `${own.ledger} l`, on }, dialect);
}

/** Takes the rows of groups that were applied before out of a stage, if there are such: not all of `entries` are left. */
export function dropAppliedRows({ stage, n }: StagedTable, entries: number, dialect: Dialect): string {
  const left = `FROM ${ENTRIES} e WHERE e.n = ${n}`;
  const on = (t: string) => `${groupOf(t)} NOT IN (SELECT e.g ${left})`;
  return deleteFrom(stage, { on, when: `(SELECT count(*) ${left}) < ${entries}` }, dialect);
}

/** The oldest group of which a table is new, if there is one. */
export const oldestNew = (n: number): string =>
  `(SELECT e.group_id FROM ${ENTRIES} e WHERE e.n = ${n} ORDER BY e.g LIMIT 1)`;

/** Whether anything of a table is new. */
export const isNewTable = (n: number): string => `EXISTS (SELECT 1 FROM ${ENTRIES} e WHERE e.n = ${n})`;

/**
 * Fails if the batch skips groups. Its groups follow one another, so that this can be so of the first new one only. After
 * `dropApplied`.
 */
export function checkBatchCursor(group: LedgerGroup, own: OwnTables, dialect: Dialect): string {
  const newest = newestGroup(group, own, dialect);
  const first = `(SELECT e.group_id, e.after_group FROM ${ENTRIES} e WHERE e.n = 0 ORDER BY e.g LIMIT 1) f`;
  const said = `CASE WHEN f.after_group IS NULL THEN 'at its first group' ELSE 'after ' || f.after_group END`;
  const message = refusedCursor(group.scope, newest, said, 'f.group_id', dialect);
  return dialect.check(
    `SELECT CASE WHEN coalesce(${newest}, '') <> coalesce(f.after_group, '') THEN ${message} END FROM ${first}`,
  );
}

/** Says of each staged row which group it is of; `load`: what the name of a group begins with. */
export function stampLoads(stage: string, column: string, load: string, dialect: Dialect): string {
  const sets = [`${column} = ${dialect.literal(load)} || e.group_id`];
  return updateFrom(stage, { sets, from: `${ENTRIES} e`, on: `e.n = 0 AND e.g = ${groupOf('t')}` }, dialect);
}

/** Counts what the engine has read by itself, per group. */
export function countFileRows({ stage, n }: StagedTable, counts: string): string {
  return `INSERT INTO ${counts} SELECT q.g, ${n}, 0, 0, 0, count(*) FROM (SELECT ${groupOf('b')} AS g FROM ${stage} b) q GROUP BY q.g`;
}

/** Writes the ledger. */
export function insertEntries(
  group: LedgerGroup,
  { own, counts, dialect }: { readonly own: OwnTables; readonly counts: string; readonly dialect: Dialect },
): string[] {
  const [feed, source, scope] = [group.feed, group.source, group.scope].map((text) => dialect.literal(text));
  const sum = (name: string) => `coalesce(sum(c.${name}), 0) AS ${name}`;
  const sums = ['inserted', 'updated', 'deleted', 'rows_read'].map(sum).join(', ');
  const of = (name: string) => `coalesce(q.${name}, 0)`;
  const values = [
    ...[feed, source, scope, 'e.group_id', 'e.table_name', 'e.files', `e.rows_read + ${of('rows_read')}`],
    ...['inserted', 'updated', 'deleted'].map(of),
    ...['e.rejected', 'e.digest', dialect.literal(TOOL_VERSION), 'e.merge_key', 'e.merge_mode', now(dialect)],
  ].join(', ');
  const insert = (counted: string, on: string, where: string) =>
    `INSERT INTO ${own.ledger} (${LEDGER_COLUMNS}) SELECT ${values} FROM ${ENTRIES} e LEFT JOIN (${counted}) q ON ${on} WHERE ${where}`;
  return [
    insert(
      `SELECT c.g, c.n, ${sums} FROM ${counts} c GROUP BY c.g, c.n`,
      'q.g = e.g AND q.n = e.n',
      'e.n <> 0',
    ),
    insert(`SELECT c.g, ${sums} FROM ${counts} c GROUP BY c.g`, 'q.g = e.g', 'e.n = 0'),
  ];
}

/** What became of each group: `g` and the sums, of those of which anything was new. */
export function selectOutcome(counts: string, dialect: Dialect): string {
  const text = (number: string) => dialect.cast(number, 'bigint', 'text');
  const sums = ['inserted', 'updated', 'deleted', 'rows_read']
    .map((name) => `${text(`coalesce(sum(c.${name}), 0)`)} AS ${name}`)
    .join(', ');
  return `SELECT ${text('e.g')} AS g, ${sums} FROM (SELECT DISTINCT x.g FROM ${ENTRIES} x) e LEFT JOIN ${counts} c ON c.g = e.g GROUP BY e.g`;
}

/** Of each entry that is left, its group and table. */
export const selectEntries = (dialect: Dialect): string =>
  `SELECT ${dialect.cast('e.g', 'bigint', 'text')} AS g, e.table_name FROM ${ENTRIES} e`;
