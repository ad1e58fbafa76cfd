import { type Catalog, catalogTable } from '../catalog.ts';
import type { Feed } from '../feeds/feed.ts';
import { feedOf } from '../feeds/index.ts';
import type { Column, Control, FileLine, Run, TableLine, TypeName } from '../wire/types.ts';

/** What is known of the tables at a place of the wire. */
export interface Tables {
  /** Takes note of a control line that passes. */
  note(control: Control): void;
  /** The feed whose line has passed. */
  readonly feed: Feed | undefined;
  /**
   * The line that a file's rows stand under: the last one of its table in the group, else before the groups, else one
   * made of what the feed knows. The catalog is laid over either.
   */
  of(file: FileLine & { readonly table: string }): TableLine;
  /** The same rows with the types that catalog and feed give columns whatever the file says. */
  retyped(run: Run): Run;
}

export function createTables(catalog: Catalog | undefined): Tables {
  let feed: Feed | undefined;
  let inGroup = false;
  const outside = new Map<string, TableLine>();
  const inside = new Map<string, TableLine>();
  const retyped = new WeakMap<TableLine, TableLine>();

  function retypedTable(table: TableLine): TableLine {
    let result = retyped.get(table);
    if (result === undefined) {
      result = respelled(withTypes(table, typesOf(catalog, feed, table)));
      retyped.set(table, result);
    }
    return result;
  }

  return {
    note(control) {
      if (control.$ === 'feed') feed = feedOf(control.feed);
      if (control.$ === 'group' || control.$ === 'commit') {
        inGroup = control.$ === 'group';
        inside.clear();
      }
      if (control.$ !== 'table') return;
      const known = inside.get(control.table) ?? outside.get(control.table);
      (inGroup ? inside : outside).set(control.table, { ...known, ...control });
    },
    get feed() {
      return feed;
    },
    of({ table }) {
      const declared = inside.get(table) ?? outside.get(table) ?? feedDefaults(feed, table);
      return retypedTable({ ...declared, ...catalogMembers(catalog, table), $: 'table', table });
    },
    retyped(run) {
      const table = retypedTable(run.table);
      if (table === run.table) return run;
      return { table, count: run.count, ndjson: () => run.ndjson(), objects: () => run.objects() };
    },
  };
}

function feedDefaults(feed: Feed | undefined, table: string): Partial<TableLine> {
  const { types, ...members } = feed?.table(table) ?? {};
  return members;
}

function catalogMembers(catalog: Catalog | undefined, table: string): Partial<TableLine> {
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
  const names = new Map(table.columns?.map(({ name }) => [name.toLowerCase(), name]));
  const exact = new Set(names.values());
  const spell = (name: string) => (exact.has(name) ? name : (names.get(name.toLowerCase()) ?? name));
  const stated = [...(table.key ?? []), ...(table.order ?? []), table.delete_flag, table.version];
  if (!stated.some((name) => name !== undefined && spell(name) !== name)) return table;
  return {
    ...table,
    ...(table.key && { key: table.key.map(spell) }),
    ...(table.order && { order: table.order.map(spell) }),
    ...(table.delete_flag !== undefined && { delete_flag: spell(table.delete_flag) }),
    ...(table.version !== undefined && { version: spell(table.version) }),
  };
}
