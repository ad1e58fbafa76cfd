import { UserError } from '../errors.ts';
import { createFlattenKernel, type FlattenKernel } from '../kernels/flatten.ts';
import type { Stage } from '../stage.ts';
import { type Chunk, isControl, type Run, type TableLine } from '../wire/types.ts';
import { declareColumns, isFlat, isTyped, parentLine, subtableLine } from './columns.ts';
import { PAUSE, withPauses } from './pauses.ts';
import type { FlattenOptions } from './row.ts';
import { type FlatRows, flatRows } from './rows.ts';
import { allTables, type Shape, shapeOf } from './shape.ts';

/**
 * De-nests rows: objects become columns, arrays become subtables (see `flattenRow`).
 *
 * Rows of one table keep their order; parents and subtables leave in runs of their own, in at most a megabyte of
 * buffers, all of them before the next control line and before a wait for input. Rows of tables without nesting
 * pass as they are. Every known subtable of a table that a group mentions is declared in that group, so that a
 * sink deletes the old children of a row whose array is now empty. In the shape of tables memory grows with the
 * number of names met.
 */
export function flatten(options: FlattenOptions = {}): Stage {
  return async function* (input) {
    const tables = new Map<string, Table>();
    const origins = new Map<string, string>();
    let kernel: FlattenKernel | undefined;
    let rows: FlatRows | undefined;
    let current: Table | undefined;
    for await (const chunk of withPauses(input)) {
      if (chunk === PAUSE) {
        if (rows !== undefined) yield* rows.flush();
        continue;
      }
      if (isControl(chunk) && chunk.$ !== 'table') {
        yield* drain(current, rows);
        if (chunk.$ === 'group' || chunk.$ === 'commit') {
          for (const table of tables.values()) table.declared.clear();
          current = undefined;
          rows = undefined;
        }
        yield chunk;
        continue;
      }
      const line = isControl(chunk) ? chunk : chunk.table;
      if (current?.line !== line) {
        yield* drain(current, rows);
        current = tableOf(tables, line, options);
        rows = undefined;
        checkOrigins(origins, current.shape, line);
      }
      if (isControl(chunk)) {
        yield lineOf(current, current.shape);
        continue;
      }
      const table: Table = current;
      const { shape } = table;
      if (isFlat(line.columns) || (isUntouched(shape, line) && !mayBeNested(chunk))) {
        yield* rows?.flush() ?? [];
        yield chunk;
      } else {
        kernel ??= createFlattenKernel();
        rows ??= flatRows(kernel, shape, {
          lineOf: (part) => {
            table.declared.add(part.name);
            return lineOf(table, part);
          },
          learned: () => checkOrigins(origins, shape, line),
          before: table.rows,
        });
        yield* rows.add(chunk);
      }
      table.rows += chunk.count;
    }
    yield* drain(current, rows);
  };
}

interface Table {
  line: TableLine;
  readonly shape: Shape;
  /** How many rows have come. */
  rows: number;
  /** Subtables that the present group has mentioned. */
  readonly declared: Set<string>;
  readonly lines: Map<Shape, { readonly of: TableLine; readonly version: number; readonly line: TableLine }>;
}

function tableOf(tables: Map<string, Table>, line: TableLine, options: FlattenOptions): Table {
  let table = tables.get(line.table);
  const carried = [...(line.order ?? []), ...(line.version === undefined ? [] : [line.version])];
  if (table === undefined) {
    table = {
      line,
      shape: shapeOf(line.table, { ...options, table: line.table }),
      rows: 0,
      declared: new Set(),
      lines: new Map(),
    };
    tables.set(line.table, table);
  }
  table.line = line;
  table.shape.key = line.key;
  table.shape.carried = carried;
  if (line.columns !== undefined) declareColumns(table.shape, line.columns);
  return table;
}

// A line is made anew only when its table has changed, so that repeated lines stay rare.
function lineOf(table: Table, part: Shape): TableLine {
  const known = table.lines.get(part);
  const version = table.shape.version + part.version;
  if (known?.of === table.line && known.version === version) return known.line;
  const line = part === table.shape ? parentLine(table.line, part) : subtableLine(table.line, part);
  table.lines.set(part, { of: table.line, version, line });
  return line;
}

function* drain(table: Table | undefined, rows: FlatRows | undefined): Iterable<Chunk> {
  if (table === undefined) return;
  if (rows !== undefined) yield* rows.flush();
  for (const part of allTables(table.shape)) {
    if (part === table.shape || table.declared.has(part.name) || isAbsent(table, part)) continue;
    table.declared.add(part.name);
    yield lineOf(table, part);
  }
}

// With typed columns, an array that is not among them is not in the file at all, and says nothing of its rows.
function isAbsent(table: Table, part: Shape): boolean {
  const { columns } = table.line;
  return isTyped(columns) && !columns!.some(({ name }) => name === part.top);
}

// One name must not stand for a subtable and for a table of its own, unless that is the same subtable.
function checkOrigins(origins: Map<string, string>, shape: Shape, line: TableLine): void {
  for (const part of allTables(shape)) {
    const origin = part === shape ? (line.parent ?? '') : shape.name;
    const known = origins.get(part.name);
    if (known === undefined) origins.set(part.name, origin);
    else if (known !== origin) {
      const say = (parent: string): string =>
        parent === '' ? 'a table of its own' : `a subtable of ${parent}`;
      throw new UserError(
        `table ${part.name}: expected one table of this name, found ${say(known)} and ${say(origin)}`,
      );
    }
  }
}

// Nothing nested is known of the table, and its line need not say which columns were met.
function isUntouched(shape: Shape, line: TableLine): boolean {
  return shape.nested.size === 0 && (line.columns !== undefined || shape.version === 0);
}

// Braces within text count too: then the rows are looked at, to no harm.
function mayBeNested(run: Run): boolean {
  const bytes = run.ndjson();
  if (bytes.includes(0x5b)) return true;
  let braces = 0;
  for (let at = bytes.indexOf(0x7b); at >= 0; at = bytes.indexOf(0x7b, at + 1))
    if (++braces > run.count) return true;
  return false;
}
