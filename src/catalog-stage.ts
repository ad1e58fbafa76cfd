import { type Catalog, catalogTable } from './catalog.ts';
import type { Feed } from './feeds/feed.ts';
import type { Stage } from './stage.ts';
import { type Column, isControl, type Run, type TableLine, type TypeName } from './wire/types.ts';

/** Lays the catalog over the table lines that pass: its members win, names take the spelling of the columns. */
export function underCatalog(catalog: Catalog): Stage {
  const known = new WeakMap<TableLine, TableLine>();
  function under(line: TableLine): TableLine {
    let result = known.get(line);
    if (result === undefined) {
      result = spelledAndTyped({ ...line, ...catalogMembers(catalog, line.table) }, catalog, undefined);
      known.set(line, result);
    }
    return result;
  }
  return async function* (input) {
    for await (const chunk of input) {
      if (!isControl(chunk)) yield runUnder(under(chunk.table), chunk);
      else yield chunk.$ === 'table' ? under(chunk) : chunk;
    }
  };
}

/** The same rows under another line of their table. */
export function runUnder(table: TableLine, run: Run): Run {
  if (table === run.table) return run;
  return { ...run, table };
}

/** The types that catalog and feed give columns whatever the file says, and names in the spelling of the columns. */
export function spelledAndTyped(
  table: TableLine,
  catalog: Catalog | undefined,
  feed: Feed | undefined,
): TableLine {
  return respelled(withTypes(table, typesOf(catalog, feed, table)));
}

/** What the catalog says of a table, as members of its line. */
export function catalogMembers(catalog: Catalog | undefined, table: string): Partial<TableLine> {
  const { key, merge, order, delete_flag } = catalogTable(catalog, table);
  return {
    ...(key && { key }),
    ...(merge && { merge }),
    ...(order && { order }),
    ...(delete_flag !== undefined && { delete_flag }),
  };
}

// By name in lower case: vendors write one name in several ways. The catalog's word is above the feed's.
function typesOf(
  catalog: Catalog | undefined,
  feed: Feed | undefined,
  table: TableLine,
): Map<string, TypeName> {
  const types = new Map<string, TypeName>();
  for (const [name, type] of Object.entries(feed?.table(table.table, table.columns).types ?? {}))
    types.set(name.toLowerCase(), type);
  for (const [name, given] of Object.entries(catalogTable(catalog, table.table).columns ?? {})) {
    const type = typeof given === 'string' ? given : given.type;
    if (type !== undefined) types.set(name.toLowerCase(), type);
  }
  return types;
}

function withTypes(table: TableLine, types: ReadonlyMap<string, TypeName>): TableLine {
  if (types.size === 0 || table.columns === undefined) return table;
  let changed = false;
  const columns = table.columns.map((column): Column => {
    const type = types.get(column.name.toLowerCase());
    if (type === undefined || type === column.type) return column;
    changed = true;
    return { name: column.name, type };
  });
  return changed ? { ...table, columns } : table;
}

// Key, order and flags in the case that the columns have; names that are no columns of this file stay.
function respelled(table: TableLine): TableLine {
  const stated = [...(table.key ?? []), ...(table.order ?? []), table.delete_flag, table.version];
  if (stated.every((name) => name === undefined)) return table;
  const names = new Map(table.columns?.map(({ name }) => [name.toLowerCase(), name]));
  const exact = new Set(names.values());
  const spell = (name: string) => (exact.has(name) ? name : (names.get(name.toLowerCase()) ?? name));
  if (!stated.some((name) => name !== undefined && spell(name) !== name)) return table;
  return {
    ...table,
    ...(table.key && { key: table.key.map(spell) }),
    ...(table.order && { order: table.order.map(spell) }),
    ...(table.delete_flag !== undefined && { delete_flag: spell(table.delete_flag) }),
    ...(table.version !== undefined && { version: spell(table.version) }),
  };
}
