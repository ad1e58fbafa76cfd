import { readFileSync } from 'node:fs';
import { messageOf, UserError } from '../errors.ts';
import type { Engine } from '../merge/engine.ts';
import type { Scratch } from '../stores/scratch.ts';
import type { Dialect, TargetColumn } from './dialect.ts';
import type { BulkOptions } from './warehouse.ts';

/** An engine that writes its statements down. */
export type Script = Engine;

export interface ScriptOptions {
  readonly write: (text: string | Uint8Array) => void;
  /** The tables of the target, where that is known. */
  readonly targetSchema: TargetSchema | undefined;
  /** How the engine reads files by itself. */
  readonly bulk?: BulkOptions;
  /** Where lists of files are written, for engines that read such. */
  readonly scratch?: Scratch | undefined;
}

/** Columns by the target's name of the table. */
export type TargetSchema = ReadonlyMap<string, readonly { readonly name: string; readonly sql: string }[]>;

/** Reads what `brigade state TARGET --schema` prints. */
export function readTargetSchema(path: string): TargetSchema {
  const tables = new Map<string, { name: string; sql: string }[]>();
  let place = path;
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    for (const [i, line] of lines.entries()) {
      place = `${path} line ${i + 1}`;
      if (line.trim() === '') continue;
      const said = JSON.parse(line) as
        | { table: string; columns: { name: string; type: string }[] }
        | { table: string; column: string; type: string };
      // What `state --dialect D --sql --schema` asks for comes a column a line.
      const columns = 'columns' in said ? said.columns : [{ name: said.column, type: said.type }];
      const known = 'columns' in said ? [] : (tables.get(said.table) ?? []);
      tables.set(said.table, [
        ...known,
        ...columns.map(({ name, type }) => ({ name: String(name), sql: String(type) })),
      ]);
    }
  } catch (error) {
    throw new UserError(
      `${place}: expected lines as brigade state TARGET --schema prints them: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
  return tables;
}

/** What a script knows of its target. */
export function knownTables(
  schema: TargetSchema | undefined,
  dialect: Dialect,
): Pick<Engine, 'columns' | 'tables'> {
  return {
    columns: async (table) => schemaColumns(schema, table, dialect),
    tables: async () => (schema === undefined ? undefined : [...schema.keys()]),
  };
}

export function schemaColumns(
  schema: TargetSchema | undefined,
  table: string,
  dialect: Dialect,
): readonly TargetColumn[] | null | undefined {
  if (schema === undefined) return undefined;
  const found =
    schema.get(table) ??
    (dialect.foldsCase
      ? [...schema].find(([name]) => name.toLowerCase() === table.toLowerCase())?.[1]
      : undefined);
  return found === undefined
    ? null
    : found.map(({ name, sql }) => ({ name, sql, type: dialect.typeOf(sql) }));
}
