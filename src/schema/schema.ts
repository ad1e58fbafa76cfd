/** What the vendor's scripts, read so far, say of the tables. */

import { mismatch } from '../errors.ts';
import type { Column } from '../wire/types.ts';
import type { SchemaColumn, SchemaStatement } from './script.ts';

export interface SchemaTable {
  /** As the script wrote it that created the table. */
  readonly name: string;
  /** In the order of header-less files: those of SchemaFull, then added ones, in the order of their scripts. */
  readonly columns: readonly Column[];
  /** From PRIMARY KEY; absent where no script has one. */
  readonly key?: readonly string[];
  /** Where a column was added before any script created the table: its order is not known, then. */
  readonly alteredOnlyAt?: string;
}

/** Tables by their names in lower case. Never written to: every script makes a new one. */
export type Schema = ReadonlyMap<string, SchemaTable>;

export const EMPTY_SCHEMA: Schema = new Map();

/**
 * The schema after one more script. Names compare without case. Adding a column that is there, or creating a table again as a
 * beginning or a continuation of what is known, is no contradiction: SchemaFull and SchemaUpgrade overlap. A CREATE TABLE
 * that would order known columns otherwise throws `UserError`, since files without a header depend on that order. `name` is that of the
 * script.
 */
export function applySchema(schema: Schema, statements: readonly SchemaStatement[], name: string): Schema {
  const next = new Map(schema);
  for (const statement of statements) {
    const id = statement.table.toLowerCase();
    next.set(id, applyStatement(next.get(id), statement, `${name} line ${statement.line}`));
  }
  return next;
}

/** A table's schema, in any case. */
export function schemaTable(schema: Schema, table: string): SchemaTable | undefined {
  return schema.get(table.toLowerCase());
}

function applyStatement(
  table: SchemaTable | undefined,
  statement: SchemaStatement,
  place: string,
): SchemaTable {
  switch (statement.kind) {
    case 'createTable': {
      checkDoubles(statement.columns, statement.table, place);
      const created = {
        name: statement.table,
        columns: statement.columns.map(wireColumn),
        ...keyOf(statement.key),
      };
      if (table === undefined) return created;
      if (table.alteredOnlyAt === undefined) return recreate(table, created, place);
      return { ...created, columns: table.columns.reduce(addColumn, created.columns) };
    }
    case 'addColumn': {
      const before = table ?? { name: statement.table, columns: [], alteredOnlyAt: place };
      return { ...before, columns: addColumn(before.columns, wireColumn(statement.column)) };
    }
    case 'addKey': {
      const before = table ?? { name: statement.table, columns: [], alteredOnlyAt: place };
      return { ...before, key: statement.key };
    }
    case 'alterType': {
      const found = table?.columns.find((column) => isNamed(column, statement.column));
      if (table === undefined || found === undefined) {
        throw mismatch(
          place,
          `a column of table ${statement.table} that an earlier script declares`,
          statement.column,
        );
      }
      const columns = table.columns.map((column) =>
        column === found ? { ...column, type: statement.type } : column,
      );
      return { ...table, columns };
    }
  }
}

/** A table created again: the longer of two lists of columns, of which one must begin with the other; types of the newer script. */
function recreate(known: SchemaTable, created: SchemaTable, place: string): SchemaTable {
  const shared = Math.min(known.columns.length, created.columns.length);
  for (let i = 0; i < shared; i++) {
    const before = known.columns[i]!;
    const now = created.columns[i]!;
    if (isNamed(before, now.name)) continue;
    throw mismatch(
      place,
      `column ${i + 1} of table ${known.name} to stay ${before.name}, since files without a header depend on the order`,
      now.name,
    );
  }
  const columns = [
    ...known.columns.slice(0, shared).map((column, i) => ({ ...created.columns[i]!, name: column.name })),
    ...known.columns.slice(shared),
    ...created.columns.slice(shared),
  ];
  return { ...known, columns, ...keyOf(created.key ?? known.key ?? []) };
}

function addColumn(columns: readonly Column[], column: Column): readonly Column[] {
  return columns.some((known) => isNamed(known, column.name)) ? columns : [...columns, column];
}

function checkDoubles(columns: readonly SchemaColumn[], table: string, place: string): void {
  const names = new Set<string>();
  for (const { name } of columns) {
    if (names.has(name.toLowerCase()))
      throw mismatch(place, `every column of table ${table} once`, `${name} twice`);
    names.add(name.toLowerCase());
  }
}

const isNamed = (column: Column, name: string) => column.name.toLowerCase() === name.toLowerCase();

const wireColumn = ({ name, type }: SchemaColumn): Column => ({ name, type });

const keyOf = (key: readonly string[]) => (key.length > 0 ? { key } : {});
