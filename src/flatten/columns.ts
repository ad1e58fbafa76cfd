import { levelColumn, sourceKeyColumn } from '../wire/subtable-columns.ts';
import type { Column, TableLine, TypeName } from '../wire/types.ts';
import { collision, pathText, type Shape, subtableOf } from './shape.ts';

/** Whether rows under these columns can hold nothing to flatten. */
export function isFlat(columns: readonly Column[] | undefined): boolean {
  return columns?.every(({ type }) => type !== undefined && type !== 'object' && type !== 'array') ?? false;
}

/** Whether every column has its type, so that an array column not listed is absent and not just empty. */
export function isTyped(columns: readonly Column[] | undefined): boolean {
  return columns?.every(({ type }) => type !== undefined) ?? false;
}

/** Lays what typed columns say of their insides into a shape, before any row was seen. */
export function declareColumns(shape: Shape, columns: readonly Column[]): void {
  shape.columns = columns;
  const walk = (
    table: Shape,
    column: Column,
    name: string,
    path: readonly string[],
    top: string,
    depth: number,
  ): void => {
    const { settings } = table;
    const isArray = column.type === 'array';
    if (column.type === undefined) return;
    if (!isArray && column.type !== 'object') {
      table.column(name, path, top, column.type, false);
      return;
    }
    if (depth >= settings.maxDepth || (isArray && settings.arrays === 'json')) {
      table.column(name, path, top, 'json', false);
      return;
    }
    if (isArray) {
      const child = subtableOf(table, name, path, column.items);
      const { items } = column;
      if (items === undefined) return;
      if (items.type !== 'object') {
        walk(child, items, settings.valueColumn, [], settings.valueColumn, depth + 1);
        return;
      }
      for (const inner of items.columns ?? [])
        walk(child, inner, inner.name, [inner.name], inner.name, depth + 1);
      return;
    }
    table.nest(path);
    for (const inner of column.columns ?? []) {
      walk(table, inner, name + settings.separator + inner.name, [...path, inner.name], top, depth + 1);
    }
  };
  for (const column of columns) walk(shape, column, column.name, [column.name], column.name, 0);
}

/** The `table` line of the flat rows that were cut from rows under `line`. */
export function parentLine(line: TableLine, shape: Shape): TableLine {
  if (line.columns === undefined && shape.flat.size === 0) return line;
  const byTop = new Map<string, Column[]>();
  const withdrawn = new Set(shape.withdrawn());
  for (const { column, top } of shape.flat.values()) {
    if (withdrawn.has(column.name)) continue;
    const columns = byTop.get(top);
    if (columns === undefined) byTop.set(top, [column]);
    else columns.push(column);
  }
  const tops = line.columns?.map(({ name }) => name) ?? [...byTop.keys()];
  const columns = tops.flatMap((top) => {
    const given = line.columns?.find(({ name }) => name === top);
    return byTop.get(top) ?? (given === undefined || shape.isNested([top]) ? [] : [given]);
  });
  return { ...line, columns };
}

/** The `table` line of a subtable; `line` is that of its top-level table. */
export function subtableLine(line: TableLine, table: Shape): TableLine {
  const { root } = table;
  const typeOf = (name: string): TypeName | undefined =>
    root.flat.get(name)?.column.type ?? line.columns?.find((column) => column.name === name)?.type;
  const typed = (name: string, type: TypeName | undefined): Column =>
    type === undefined ? { name } : { name, type };
  const keys = (root.key ?? []).map((name) => typed(sourceKeyColumn(name), typeOf(name)));
  const levels = Array.from({ length: table.level }, (_, level) => typed(levelColumn(level), 'int'));
  const carried = root.carriedNames().map((name) => typed(name, typeOf(name)));
  const withdrawn = new Set(table.withdrawn());
  const own = [...table.flat.values()].filter(({ column }) => !withdrawn.has(column.name));
  for (const { name } of carried) {
    const clash = own.find(({ column }) => column.name === name);
    if (clash !== undefined)
      throw collision(
        table.name,
        `column ${name}`,
        table.place + pathText(clash.path),
        `the column ${name} of ${root.name}`,
      );
  }
  return {
    $: 'table',
    table: table.name,
    columns: [...keys, ...levels, ...carried, ...own.map(({ column }) => column)],
    key: [...keys, ...levels].map(({ name }) => name),
    ...(line.merge === undefined ? {} : { merge: line.merge }),
    ...(line.order === undefined ? {} : { order: line.order }),
    ...(line.version === undefined ? {} : { version: line.version }),
    ...(line.full === undefined ? {} : { full: line.full }),
    parent: root.name,
  };
}
