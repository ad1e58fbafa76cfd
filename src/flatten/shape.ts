import { mismatch, UserError } from '../errors.ts';
import { isLineage } from '../wire/lineage.ts';
import { levelColumn, sourceKeyColumn } from '../wire/subtable-columns.ts';
import type { Column, TypeName } from '../wire/types.ts';
import type { FlattenRowOptions } from './row.ts';

/** A scalar column of a flat table. */
export interface FlatColumn {
  readonly column: Column;
  readonly path: readonly string[];
  /** The top-level member it is cut from: the input's column. */
  readonly top: string;
  /** Nothing but NULL was seen of it: it may turn out to be an object or an array. */
  readonly isNull: boolean;
}

interface FlattenSettings {
  readonly separator: string;
  readonly valueColumn: string;
  readonly arrays: 'subtables' | 'json';
  readonly maxDepth: number;
}

/**
 * What is known of a flat table: its columns in the order in which they were met, which paths are objects or
 * arrays, and the tables cut out of it. Grows with the names met, not with the rows.
 */
export interface Shape {
  readonly name: string;
  readonly settings: FlattenSettings;
  /** The top-level table; itself there. */
  readonly root: Shape;
  /** Where in the top-level record its rows come from, for messages. */
  readonly place: string;
  /** Where in the rows of the table above, or in the elements of its array. */
  readonly path: readonly string[];
  /** The top-level member it is cut from; empty at the top. */
  readonly top: string;
  /** How many arrays deep. */
  readonly level: number;
  key: readonly string[] | undefined;
  carried: readonly string[];
  /** The columns of its records before flattening, where known. */
  columns: readonly Column[] | undefined;
  readonly flat: ReadonlyMap<string, FlatColumn>;
  readonly subtables: ReadonlyMap<string, Shape>;
  /** Grows whenever a column or a subtable comes. */
  version: number;
  column(
    name: string,
    path: readonly string[],
    top: string,
    type: TypeName | undefined,
    isNull: boolean,
  ): void;
  /** An object or array stands at this path. */
  nest(path: readonly string[]): void;
  isNested(path: readonly string[]): boolean;
  readonly nested: ReadonlyMap<string, readonly string[]>;
  /** A name in the object at this path can also be written like this, in quotes. */
  spell(path: readonly string[], text: string): void;
  readonly spellings: readonly { readonly path: readonly string[]; readonly text: string }[];
  /** Columns that were NULL wherever they were met as such, and objects or arrays elsewhere: no columns, then. */
  withdrawn(): readonly string[];
  /** The columns of the top-level row that go along into its subtables. */
  carriedNames(): readonly string[];
}

/** A path for people: `"phone"."mobile"`. */
export const pathText = (path: readonly string[]): string =>
  path.map((name) => JSON.stringify(name)).join('.');

/** The shape of a top-level table of which nothing is known but what the options say. */
export function shapeOf(name: string, options: FlattenRowOptions): Shape {
  const settings: FlattenSettings = {
    separator: options.separator ?? '__',
    valueColumn: options.valueColumn ?? 'value',
    arrays: options.arrays ?? 'subtables',
    maxDepth: options.maxDepth ?? Number.POSITIVE_INFINITY,
  };
  return newShape(name, '', [], '', settings, undefined, {
    key: options.key,
    carried: options.carried ?? [],
    columns: options.columns,
  });
}

interface Known {
  readonly key: readonly string[] | undefined;
  readonly carried: readonly string[];
  readonly columns: readonly Column[] | undefined;
}

function newShape(
  name: string,
  place: string,
  path: readonly string[],
  top: string,
  settings: FlattenSettings,
  parent: Shape | undefined,
  known: Known,
): Shape {
  const flat = new Map<string, FlatColumn>();
  const nested = new Map<string, readonly string[]>();
  const spellings: { path: readonly string[]; text: string }[] = [];
  const shape: Shape = {
    name,
    settings,
    place,
    path,
    top,
    level: parent === undefined ? 0 : parent.level + 1,
    root: undefined as unknown as Shape,
    ...known,
    flat,
    subtables: new Map(),
    version: 0,
    column: (column, path, top, type, isNull) => {
      const existing = flat.get(column);
      if (existing === undefined) {
        for (const reserved of parent === undefined ? [] : ownNames(shape)) {
          if (column !== reserved.name) continue;
          throw collision(name, `column ${column}`, place + pathText(path), reserved.what);
        }
        flat.set(column, {
          column: type === undefined ? { name: column } : { name: column, type },
          path: [...path],
          top,
          isNull: isNull && type === undefined,
        });
        shape.version++;
        return;
      }
      if (!samePath(existing.path, path))
        throw collision(name, `column ${column}`, pathText(existing.path), pathText(path));
      const learnsType = type !== undefined && existing.column.type === undefined;
      if (!learnsType && (isNull || !existing.isNull)) return;
      flat.set(column, {
        ...existing,
        column: learnsType ? { name: column, type } : existing.column,
        isNull: false,
      });
      shape.version++;
    },
    nest: (path) => {
      const text = pathText(path);
      if (nested.has(text)) return;
      nested.set(text, [...path]);
      shape.version++;
    },
    withdrawn: () =>
      [...flat.values()]
        .filter(({ isNull, path }) => isNull && shape.isNested(path))
        .map(({ column }) => column.name),
    nested,
    isNested: (path) => nested.has(pathText(path)),
    spell: (path, text) => {
      if (spellings.some((known) => known.text === text && samePath(known.path, path))) return;
      spellings.push({ path, text });
      shape.version++;
    },
    spellings,
    carriedNames: () => {
      const not = new Set([...(shape.key ?? []), ...shape.withdrawn()]);
      const system = [...flat.keys()].filter((column) => column.startsWith('_sdc_') || isLineage(column));
      return [...new Set([...system, ...shape.carried])].filter((column) => !not.has(column));
    },
  };
  (shape as { root: Shape }).root = parent?.root ?? shape;
  return shape;
}

// Columns a subtable has beside the members of its elements.
function ownNames(shape: Shape): { readonly name: string; readonly what: string }[] {
  const { root } = shape;
  return [
    ...(root.key ?? []).map((name) => ({
      name: sourceKeyColumn(name),
      what: `the key column ${name} of ${root.name}`,
    })),
    ...Array.from({ length: shape.level }, (_, level) => ({
      name: levelColumn(level),
      what: `the index on array level ${level}`,
    })),
    ...root.carriedNames().map((name) => ({ name, what: `the column ${name} of ${root.name}` })),
  ];
}

/** The table that an array becomes. */
export function subtableOf(shape: Shape, column: string, path: readonly string[], items?: Column): Shape {
  const { root, settings } = shape;
  const name = shape.name + settings.separator + column;
  const existing = shape.subtables.get(name);
  if (existing !== undefined) {
    const place = `${shape.place}${pathText(path)}[]`;
    if (existing.place !== place) throw collision(root.name, `table ${name}`, existing.place, place);
    return existing;
  }
  if (root.key === undefined || root.key.length === 0) {
    throw mismatch(
      `table ${root.name}`,
      `a key, since ${pathText(path)} is an array and becomes table ${name}`,
      'none (give it in the catalog)',
    );
  }
  const place = `${shape.place}${pathText(path)}[]`;
  const clash = allTables(root).find((table) => table.name === name);
  if (clash !== undefined)
    throw collision(root.name, `table ${name}`, clash.place === '' ? 'the table itself' : clash.place, place);
  const table = newShape(
    name,
    place,
    [...path],
    shape === root ? (path[0] ?? '') : shape.top,
    settings,
    shape,
    {
      key: undefined,
      carried: [],
      columns: items?.columns,
    },
  );
  (shape.subtables as Map<string, Shape>).set(name, table);
  shape.nest(path);
  root.version++;
  return table;
}

/** A table and everything cut out of it. */
export function allTables(shape: Shape): Shape[] {
  return [shape, ...[...shape.subtables.values()].flatMap(allTables)];
}

function samePath(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}

/** The error about two paths that lead to one name. */
export function collision(table: string, what: string, first: string, second: string): UserError {
  return new UserError(
    `table ${table}: expected one path to ${what}, found two: ${first} and ${second} (another --separator or --value-column keeps them apart)`,
  );
}
