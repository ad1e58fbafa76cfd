import { readFileSync } from 'node:fs';
import { messageOf, mismatch, UserError } from '../errors.ts';
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

/** `fillFiles` of engines that take rows only. */
export const refuseFiles =
  (engine: string): Engine['fillFiles'] =>
  (_fill, files) =>
    Promise.reject(
      mismatch(
        `file ${files[0]!.uri}`,
        `rows on the wire, since ${engine} does not read files (decode before this command)`,
        'a file that nobody decoded',
      ),
    );

/** Whether a statement is to be said: one that does nothing the second time is said once a script. */
export function onceOnly(form: RegExp): (sql: string) => boolean {
  const said = new Set<string>();
  return (sql) => {
    if (!form.test(sql)) return true;
    if (said.has(sql)) return false;
    said.add(sql);
    return true;
  };
}

/** What a script knows of its target: what it was told, and what it changed itself. */
export function knownTables(
  schema: TargetSchema | undefined,
  dialect: Dialect,
): Pick<Engine, 'columns' | 'changed' | 'tables'> {
  const fold = (name: string) => (dialect.foldsCase ? name.toLowerCase() : name);
  const known = new Map<string, { readonly name: string; readonly columns: readonly TargetColumn[] }>();
  for (const [name, columns] of schema ?? []) {
    if (known.has(fold(name))) continue;
    known.set(fold(name), {
      name,
      columns: columns.map((column) => ({ ...column, type: dialect.typeOf(column.sql) })),
    });
  }
  return {
    columns: async (table) => (schema === undefined ? undefined : (known.get(fold(table))?.columns ?? null)),
    changed: (table, columns) => known.set(fold(table), { name: table, columns }),
    tables: async () => (schema === undefined ? undefined : [...known.values()].map(({ name }) => name)),
  };
}
