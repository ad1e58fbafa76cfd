import { mismatch, UserError } from '../errors.ts';
import { type KindedName, keyText } from '../wire/order.ts';
import { isSourceKey, sourceKeyOf } from '../wire/subtable-columns.ts';
import type { Row } from '../wire/types.ts';
import type { LogEntry, RowLog } from './log.ts';

/** What has become of a row: a winner, one that has lost, or one that counts for nothing (of an older version). */
export type Fate = 'live' | 'lost' | 'void';

/** Records that came more than once, of which the bookkeeping may remember this many. */
const MOST_REPEATED = 1_000_000;

interface Repeated {
  times: number;
  isLive: boolean;
  /** How many rows of subtables are too few for all versions to have had the same ones. */
  missing: number;
}

/**
 * Without an order, nothing tells from which version of a record a row of a subtable was cut. That does no harm where
 * the versions are one and the same record: then each row of a subtable has come as often as its top-level row.
 * Throws `UserError` where it has not. Reads rows again only if top-level rows without order were repeated.
 */
export function checkSiblings(log: RowLog, fateOf: (row: number) => Fate): void {
  // In `delete-insert` the last row counts, whatever it was cut from.
  const unordered = log.entries.filter(
    ({ rule, line }) => rule.order.length === 0 && line.merge !== 'delete-insert',
  );
  const children = unordered.filter(({ rule }) => rule.sourceKey !== undefined);
  for (const family of new Set(children.map(({ rule }) => rule.family))) {
    const parents = unordered.filter(({ rule }) => rule.table === family);
    const repeated = new Map<string, Repeated>();
    for (const entry of parents) {
      if (!hasLost(entry, fateOf)) continue;
      for (const [index, row] of rowsOf(log, entry)) {
        if (fateOf(index) !== 'lost') continue;
        const key = recordKey(entry, row, entry.rule.key);
        const known = repeated.get(key);
        if (known !== undefined) known.times++;
        else repeated.set(key, { times: 2, isLive: false, missing: 0 });
      }
      if (repeated.size > MOST_REPEATED) {
        throw new UserError(
          `table ${family}: expected an order to choose by, found more than ${MOST_REPEATED} repeated rows with subtables (order stands in the catalog)`,
        );
      }
    }
    if (repeated.size === 0) continue;
    // A record of a later batch leaves those of earlier ones behind with all of their rows.
    for (const entry of parents) {
      for (const [index, row] of rowsOf(log, entry)) {
        if (fateOf(index) !== 'live') continue;
        const known = repeated.get(recordKey(entry, row, entry.rule.key));
        if (known !== undefined) known.isLive = true;
      }
    }
    const suspects = new Map<string, Row>();
    for (const entry of children) {
      if (entry.rule.family !== family) continue;
      for (const [index, row] of rowsOf(log, entry)) {
        const fate = fateOf(index);
        const key = recordKey(entry, row, entry.rule.sourceKey!);
        const known = fate === 'void' ? undefined : repeated.get(key);
        if (known === undefined || !known.isLive) continue;
        known.missing += fate === 'live' ? known.times - 1 : -1;
        if (known.missing === 0) suspects.delete(key);
        else suspects.set(key, row);
      }
    }
    for (const [key, row] of suspects) throw conflict(family, repeated.get(key)!, row);
  }
}

function hasLost({ firstRow, count }: LogEntry, fateOf: (row: number) => Fate): boolean {
  for (let row = firstRow; row < firstRow + count; row++) if (fateOf(row) === 'lost') return true;
  return false;
}

function* rowsOf(log: RowLog, entry: LogEntry): Iterable<[number, Row]> {
  let index = entry.firstRow;
  for (const row of log.rowsOf(entry)) yield [index++, row];
}

// Versions of one record that are in one batch have this in common, and their rows in subtables too.
function recordKey(entry: LogEntry, row: Row, columns: readonly KindedName[]): string {
  return JSON.stringify([String(entry.batch), ...columns.map(({ name, kind }) => keyText(row[name], kind))]);
}

function conflict(table: string, { times }: Repeated, child: Row): UserError {
  const key = Object.entries(child)
    .filter(([name]) => isSourceKey(name))
    .map(([name, value]) => `${sourceKeyOf(name)} ${JSON.stringify(value)}`)
    .join(', ');
  return mismatch(
    `table ${table}`,
    'one row per key or an order to choose by',
    `${times} rows of ${key} whose subtables differ; is the key too narrow? (key and order stand in the catalog)`,
  );
}
