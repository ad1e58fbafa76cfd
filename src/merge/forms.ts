/** Statements that engines write in different ways, by what their dialect says. */

import type { Dialect, KeyColumn, SwapForms } from '../dialects/dialect.ts';

/** Something to select from whose one row says nothing: not every engine takes WHERE without FROM. */
export const ONE_ROW = '(SELECT 1 AS one) o';

interface StageForm {
  /** A column that differs in every row. */
  readonly unique?: string;
  /** What it will be joined by. */
  readonly key?: readonly KeyColumn[];
  /** It may be there. */
  readonly ifMissing?: boolean;
  /** It is a table like any other. */
  readonly permanent?: boolean;
}

/** A table for the time of a unit. */
export function createStageTable(
  table: string,
  columns: readonly string[],
  dialect: Dialect,
  { unique, key = [], ifMissing = false, permanent = dialect.permanentStages === true }: StageForm = {},
): string {
  const create = `CREATE ${permanent ? '' : 'TEMPORARY '}TABLE ${ifMissing ? 'IF NOT EXISTS ' : ''}`;
  return `${create}${table} (${[...columns, ...(dialect.stageKeys?.(unique, key) ?? [])].join(', ')})`;
}

export const dropStage = (table: string, dialect: Dialect): string =>
  dialect.dropStage?.(table) ?? `DROP TABLE IF EXISTS ${table}`;

/** The part of CREATE TABLE that declares a key, with the comma before it. */
export function primaryKey(columns: string, dialect: Dialect): string {
  const said = dialect.primaryKey === undefined ? `PRIMARY KEY (${columns})` : dialect.primaryKey(columns);
  return said === undefined ? '' : `, ${said}`;
}

export const now = (dialect: Dialect): string => dialect.now ?? 'CURRENT_TIMESTAMP';

/** A change of the target's rows. Their columns are `t.…`; `sets` name those that change without it. */
export interface Update {
  readonly sets: readonly string[];
  /** A relation with its alias; of each row of the target no more than one row matches. */
  readonly from: string;
  readonly on: string;
  /** Nothing changes unless this holds; it does not look at the target. */
  readonly when?: string | undefined;
}

/** Updates rows of `target`, which is qualified and quoted, from those of a relation. */
export function updateFrom(target: string, { sets, from, on, when }: Update, dialect: Dialect): string {
  const set = sets.join(', ');
  if (dialect.mergesWork === true)
    return `MERGE INTO ${target} t USING ${narrowed(from, when)} ON ${on} WHEN MATCHED THEN UPDATE SET ${set}`;
  const conditions = when === undefined ? on : `${on} AND ${when}`;
  // Both sides of the join have the columns that are set.
  if (dialect.updates === 'join')
    return `UPDATE ${target} AS t JOIN ${from} ON ${conditions} SET ${sets.map((each) => `t.${each}`).join(', ')}`;
  return `UPDATE ${target} AS t SET ${set} FROM ${from} WHERE ${conditions}`;
}

function narrowed(from: string, when: string | undefined): string {
  return when === undefined
    ? from
    : `(SELECT * FROM ${from} WHERE ${when}) ${from.slice(from.lastIndexOf(' ') + 1)}`;
}

/** Which rows go. */
export interface Deletion {
  /** A relation with its alias. A row of the target goes if `on` holds with any row of it; absent: `on` looks at the target alone. */
  readonly from?: string;
  /** `t`: what the target is called in it. */
  readonly on?: (t: string) => string;
  /** Nothing goes unless this holds; it does not look at the target. */
  readonly when?: string | undefined;
}

/** Deletes rows of `target`, which is qualified and quoted. */
export function deleteFrom(target: string, { from, on, when }: Deletion, dialect: Dialect): string {
  const form = dialect.deletes ?? 'alias';
  if (form === 'merge' && (from !== undefined || when !== undefined)) {
    const source = narrowed(from ?? ONE_ROW, when);
    return `MERGE INTO ${target} t USING ${source} ON ${on?.('t') ?? '1 = 1'} WHEN MATCHED THEN DELETE`;
  }
  if (form === 'join') {
    const joined = from === undefined ? '' : ` JOIN ${from} ON ${on?.('t') ?? 'TRUE'}`;
    const conditions = [from === undefined ? on?.('t') : undefined, when].filter(
      (said) => said !== undefined,
    );
    return `DELETE t FROM ${target} AS t${joined} WHERE ${conditions.length === 0 ? 'TRUE' : conditions.join(' AND ')}`;
  }
  if (form === 'rowid' && from !== undefined) {
    const found = `SELECT t.rowid FROM ${from} CROSS JOIN ${target} AS t WHERE ${on?.('t') ?? 'TRUE'}`;
    return `DELETE FROM ${target} WHERE rowid IN (${found})${when === undefined ? '' : ` AND ${when}`}`;
  }
  const t = form === 'bare' ? target : 't';
  const about = on === undefined ? undefined : on(t);
  const holds = from === undefined ? about : `EXISTS (SELECT 1 FROM ${from} WHERE ${about ?? '1 = 1'})`;
  const conditions = [holds, when].filter((condition) => condition !== undefined);
  const name = form === 'bare' ? target : `${target} AS t`;
  return `DELETE FROM ${name} WHERE ${conditions.length === 0 ? '1 = 1' : conditions.join(' AND ')}`;
}

/** How an engine puts a table in the place of another; asked only where it does. */
export function swapForms({ swap, name }: Pick<Dialect, 'swap' | 'name'>): SwapForms {
  if (typeof swap === 'string') throw new Error(`${name}: no forms of a swap`);
  return swap;
}
