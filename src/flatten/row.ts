import { mismatch } from '../errors.ts';
import { levelColumn, sourceKeyColumn } from '../wire/subtable-columns.ts';
import type { Column, Row, TypeName, Value } from '../wire/types.ts';
import { type Shape, shapeOf, subtableOf } from './shape.ts';

/** The options of `flatten`; the names are those of the flags. */
export interface FlattenOptions {
  /** What stands between the names that make up a column or a table. Default: `__`. */
  readonly separator?: string;
  /** The column that holds the scalars of an array. Default: `value`. */
  readonly valueColumn?: string;
  /** What becomes of arrays: tables of their own, or JSON text in a column of type `json`. Default: `subtables`. */
  readonly arrays?: 'subtables' | 'json';
  /** How many levels of objects and arrays are opened; deeper ones stay as JSON text. Default: all. */
  readonly maxDepth?: number;
}

/** Options of `flattenRow`: those of the stage, and what the stage learns from the `table` line. */
export interface FlattenRowOptions extends FlattenOptions {
  readonly table: string;
  /** Columns of the row that identify it; needed where a row holds arrays. */
  readonly key?: readonly string[];
  /** Columns that subtables get besides those called `_sdc_…`: those of the order and the version. */
  readonly carried?: readonly string[];
  readonly columns?: readonly Column[];
}

export interface FlatRow {
  readonly table: string;
  readonly row: Row;
}

/**
 * One record without nesting: the row itself first, then those of its subtables, an array's elements in order and
 * each before what was cut out of it.
 *
 * Objects fold into columns (`phone.mobile` → `phone__mobile`). An array becomes a table (`contacts__personas`)
 * with one row per element: the top-level key as `_sdc_source_key_<column>`, the index on each array level as
 * `_sdc_level_<n>_id`, the record's `_sdc_…` columns, then the element's own members, or the scalar as `value`.
 * A null element is a row without members, so that indexes stay; an array in an array belongs to its element
 * like a member called `value`; an empty array gives no row. Rows have null prototypes.
 *
 * Throws `UserError` where two paths lead to one column or one table, and where a row with arrays has no key.
 */
export function flattenRow(row: Row, options: FlattenRowOptions): FlatRow[] {
  const shape = shapeOf(options.table, options);
  const rows: FlatRow[] = [];
  flattenInto(row, shape, (table, flat) => rows.push({ table: table.name, row: flat }));
  return rows;
}

/** As `flattenRow`, for many rows of one table: what they teach stays in the shape. */
export function flattenInto(row: Row, shape: Shape, put: (table: Shape, row: Row) => void): void {
  const flat: Row = Object.create(null);
  const making: Making = { shape, flat, arrays: [] };
  fold(row, making, { prefix: '', path: [], depth: 0, top: undefined }, shape.columns);
  put(shape, flat);
  if (making.arrays.length === 0) return;
  const carried = carriedMembers(flat, shape);
  for (const array of making.arrays) openArray(array, [], carried, put);
}

interface PendingArray {
  readonly table: Shape;
  readonly elements: readonly Value[];
  readonly items: Column | undefined;
  readonly depth: number;
}

/** A row being made, and the arrays met on the way. */
interface Making {
  readonly shape: Shape;
  readonly flat: Row;
  readonly arrays: PendingArray[];
}

/** An object whose members are folded in. */
interface Place {
  readonly prefix: string;
  readonly path: readonly string[];
  readonly depth: number;
  /** The top-level member it is in; undefined if it is the record itself. */
  readonly top: string | undefined;
}

interface Member {
  readonly column: string;
  readonly path: readonly string[];
  readonly depth: number;
  readonly top: string;
}

function fold(object: Row, making: Making, place: Place, columns: readonly Column[] | undefined): void {
  const { prefix, path, depth, top } = place;
  for (const [name, value] of Object.entries(object)) {
    const member = { column: prefix + name, path: [...path, name], depth, top: top ?? name };
    const typed = columns?.find((column) => column.name === name);
    foldMember(value, making, member, typed);
  }
}

function foldMember(value: Value, making: Making, member: Member, typed: Column | undefined): void {
  const { shape, flat, arrays } = making;
  const { column, path, depth, top } = member;
  const { settings } = shape;
  const put = (given: Value, type: TypeName | undefined): void => {
    shape.column(column, path, top, type, given === null);
    flat[column] = given;
  };
  if (value === null) {
    // Of an object or array that is known as such; one met for the first time as null counts as a scalar so far.
    if (!shape.isNested(path)) put(null, typed?.type);
    return;
  }
  if (typeof value !== 'object' || typed?.type === 'json') {
    put(value, typed?.type);
    return;
  }
  if (depth >= settings.maxDepth || (Array.isArray(value) && settings.arrays === 'json')) {
    put(JSON.stringify(value), 'json');
    return;
  }
  if (Array.isArray(value)) {
    const table = subtableOf(shape, column, path);
    arrays.push({ table, elements: value, items: typed?.items, depth: depth + 1 });
    return;
  }
  shape.nest(path);
  fold(
    value as Row,
    making,
    { prefix: column + settings.separator, path, depth: depth + 1, top },
    typed?.columns,
  );
}

function openArray(
  array: PendingArray,
  levels: readonly number[],
  carried: Carried,
  put: (table: Shape, row: Row) => void,
): void {
  const { table, elements, items, depth } = array;
  for (const [index, element] of elements.entries()) {
    const ids = [...levels, index];
    const flat: Row = Object.assign(Object.create(null), carried.key);
    for (const [level, id] of ids.entries()) flat[levelColumn(level)] = id;
    Object.assign(flat, carried.system);
    const making: Making = { shape: table, flat, arrays: [] };
    if (element !== null && typeof element === 'object' && !Array.isArray(element)) {
      fold(element as Row, making, { prefix: '', path: [], depth, top: undefined }, items?.columns);
    } else if (element !== null) {
      const column = table.settings.valueColumn;
      foldMember(element, making, { column, path: [], depth, top: column }, items);
    }
    put(table, flat);
    for (const deeper of making.arrays) openArray(deeper, ids, carried, put);
  }
}

interface Carried {
  readonly key: Row;
  readonly system: Row;
}

// What every row of a subtable gets from its top-level row.
function carriedMembers(flat: Row, shape: Shape): Carried {
  const key: Row = Object.create(null);
  const system: Row = Object.create(null);
  for (const name of shape.key ?? []) {
    const value = flat[name] ?? null;
    if (value === null) {
      throw mismatch(
        `table ${shape.name}`,
        `a value in key column ${name} of a row that holds arrays`,
        'NULL',
      );
    }
    key[sourceKeyColumn(name)] = value;
  }
  for (const name of shape.carriedNames()) if (name in flat) system[name] = flat[name]!;
  return { key, system };
}
