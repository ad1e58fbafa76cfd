/** From what feed, manifest, schema, header and catalog say of a table to its one `table` line. */

import { type CatalogTable, catalogType } from '../catalog.ts';
import { mismatch } from '../errors.ts';
import type { TableDefaults } from '../feeds/feed.ts';
import type { Column, MergeMode, TableLine, TypeName } from '../wire/types.ts';

export interface TableSources {
  readonly table: string;
  /** What a manifest or a `table` line upstream said. */
  readonly said?: TableLine | undefined;
  /** The key that the vendor states for this very delivery. */
  readonly vendorKey?: readonly string[] | undefined;
  /** In the order of the files; absent where nothing tells them. */
  readonly columns?: readonly Column[] | undefined;
  /** From the vendor's PRIMARY KEY. */
  readonly schemaKey?: readonly string[] | undefined;
  readonly defaults: TableDefaults;
  readonly catalog: CatalogTable;
}

/**
 * A table's line. The catalog wins over what the feed knows, with one exception: a key that the vendor states for this very
 * delivery (a webhook's `pk`). A column's type is the catalog's, else the feed's, else the one it came with. Column names of key, order and
 * flags are given the case that the columns have; a name that is not among the columns throws `UserError` where the user or the
 * vendor gave it, and is left out where it is only a default (columns come and go without notice).
 */
export function tableLine({
  table,
  said,
  vendorKey,
  columns,
  schemaKey,
  defaults,
  catalog,
}: TableSources): TableLine {
  const typed = columns?.map((column) =>
    withType(column, catalogType(catalog, column.name) ?? builtIn(defaults, column.name)),
  );
  const find = finder(table, typed);
  const merge = catalog.merge ?? said?.merge ?? defaults.merge;
  const order = catalog.order ?? said?.order;
  const flag = catalog.delete_flag ?? said?.delete_flag;
  const parent = said?.parent ?? defaults.parent;
  const keyOf = (mode: MergeMode | undefined): readonly string[] | undefined => {
    const must = (names: readonly string[]) => names.map((name) => find.must(name, 'key'));
    // An entry of the stub that was not filled in yet says nothing.
    const stated = [vendorKey, catalog.key, said?.key].find(isSome) ?? [];
    if (stated.length > 0) return must(stated);
    const usual = [defaults.key, schemaKey].find(isSome) ?? [];
    const found = find.may(usual);
    if (found?.length === usual.length) return found;
    return usual.length > 0 && needsKey({ merge: mode, parent }) ? must(usual) : undefined;
  };
  return {
    $: 'table',
    table,
    ...(typed === undefined ? {} : { columns: typed }),
    ...given('key', keyOf(merge)),
    ...given('merge', merge),
    ...given('order', order?.map((name) => find.must(name, 'order')) ?? find.may(defaults.order)),
    ...given(
      'delete_flag',
      flag === undefined ? find.may(listOf(defaults.delete_flag))?.[0] : find.must(flag, 'delete_flag'),
    ),
    ...given('parent', parent),
    ...given('version', said?.version ?? find.may(listOf(defaults.version))?.[0]),
    ...given('full', said?.full),
  };
}

/** Whether a merge of this mode looks rows up by their key. Subtables follow their parent's. */
export function needsKey({
  merge,
  parent,
}: {
  merge?: MergeMode | undefined;
  parent?: string | undefined;
}): boolean {
  const modes: readonly (MergeMode | undefined)[] = ['upsert', 'delete-insert', 'scd2'];
  return parent === undefined && modes.includes(merge);
}

const isSome = (names: readonly string[] | undefined) => (names ?? []).length > 0;

function given<N extends keyof TableLine>(
  name: N,
  value: TableLine[N] | undefined,
): Pick<TableLine, N> | object {
  return value === undefined ? {} : { [name]: value };
}

const listOf = (name: string | undefined) => (name === undefined ? undefined : [name]);

// Vendors write one name in several ways.
function builtIn({ types = {} }: TableDefaults, column: string): TypeName | undefined {
  const name = Object.keys(types).find((known) => known.toLowerCase() === column.toLowerCase());
  return name === undefined ? undefined : types[name];
}

const withType = (column: Column, type: TypeName | undefined): Column =>
  type === undefined || type === column.type ? column : { name: column.name, type };

function finder(table: string, columns: readonly Column[] | undefined) {
  const find = (name: string): string | undefined => {
    if (columns === undefined || columns.some((column) => column.name === name)) return name;
    return columns.find((column) => column.name.toLowerCase() === name.toLowerCase())?.name;
  };
  return {
    must: (name: string, member: string): string => {
      const found = find(name);
      if (found !== undefined) return found;
      const names = (columns ?? []).map((column) => column.name).join(', ');
      throw mismatch(
        `table ${table}`,
        `the column ${name} of its ${member}`,
        names === '' ? 'no columns' : `only ${names}`,
      );
    },
    /** The names that are columns; undefined when none is. */
    may: (names: readonly string[] | undefined): readonly string[] | undefined => {
      const found = (names ?? []).map(find).filter((name) => name !== undefined);
      return found.length > 0 ? found : undefined;
    },
  };
}
