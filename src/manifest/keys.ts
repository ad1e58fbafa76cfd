/** The report on tables whose merge needs a key that nobody has given. */

import type { Catalog } from '../catalog.ts';
import { UserError } from '../errors.ts';
import { compareText } from '../wire/order.ts';
import type { TableLine } from '../wire/types.ts';

const SHOWN_COLUMNS = 12;

/** A catalog with an entry for each of these tables to fill in (`"key": []`), after what is known already. */
export function catalogStub(tables: readonly TableLine[], known: Catalog = {}): Catalog {
  const entries = byName(tables).map(({ table, merge }) => {
    const entry = Object.hasOwn(known.tables ?? {}, table) ? known.tables![table] : {};
    return [table, { ...(merge === undefined ? {} : { merge }), ...entry, key: [] }] as const;
  });
  return { tables: { ...known.tables, ...Object.fromEntries(entries) } };
}

/** One error for all tables: who lacks a key, among which columns it may be, and the stub to fill in. */
export function missingKeys(tables: readonly TableLine[], writtenTo?: string): UserError {
  const sorted = byName(tables);
  const lines = sorted.map((line) => `  ${line.table} (merge ${line.merge})${columnsOf(line)}`);
  const what = sorted.length === 1 ? '1 table' : `${sorted.length} tables`;
  const how =
    writtenTo === undefined
      ? `fill in a catalog and pass it as --catalog FILE (--catalog-out FILE writes it):\n${catalogText(catalogStub(sorted))}`
      : `fill in the catalog that was written, then pass it: --catalog ${writtenTo}`;
  return new UserError(
    `expected a key for every table that is merged by one, found none for ${what}:\n${lines.join('\n')}\n${how}`,
  );
}

const byName = (tables: readonly TableLine[]) => tables.toSorted((a, b) => compareText(a.table, b.table));

/** As a catalog file. */
export const catalogText = (catalog: Catalog): string => JSON.stringify(catalog, null, 2);

function columnsOf({ columns = [] }: TableLine): string {
  if (columns.length === 0) return '';
  const names = columns.slice(0, SHOWN_COLUMNS).map((column) => column.name);
  return `: ${names.join(', ')}${columns.length > SHOWN_COLUMNS ? `, and ${columns.length - SHOWN_COLUMNS} more` : ''}`;
}
