import { COLUMN_FLAGS, type ColumnName, type ColumnState } from '../kernels/jsonl.ts';
import { typeCode } from '../kernels/types.ts';
import { inexactType } from '../wire/exact.ts';
import type { Column } from '../wire/types.ts';

/** The columns of a JSONL file as far as its rows have told them. */
export interface JsonlColumns {
  readonly columns: readonly Column[];
  /** Names as they stand in the file; two may be one when they are escaped differently. */
  readonly names: readonly ColumnName[];
  /** By column. */
  readonly states: readonly ColumnState[];
  has(name: string): boolean;
  /** Adds a name, in its quotes; returns its column. */
  add(text: Buffer): number;
  /** Gives a column the type that an inexact number of it needs. */
  widen(column: number, literal: string): void;
  /** From here on, what is learned can be forgotten. */
  mark(): void;
  /** Forgets what was learned since `mark`. */
  rollBack(): void;
}

/** A file's rows may have so many names together; more is no table, but data used as names. */
export const MAX_COLUMNS = 16384;

/** The type of a column is the declared one of that name, in that case or else in any. */
export function jsonlColumns(declared: readonly Column[]): JsonlColumns {
  const columns: Column[] = [];
  const names: ColumnName[] = [];
  const states: ColumnState[] = [];
  const byName = new Map<string, number>();
  const exactly = new Map(declared.map((column) => [column.name, column]));
  const folded = new Map(declared.map((column) => [column.name.toLowerCase(), column]));
  let marked = {
    columns: 0,
    names: 0,
    changes: [] as { index: number; column: Column; state: ColumnState }[],
  };

  return {
    columns,
    names,
    states,
    has: (name) => byName.has(name),
    add(text) {
      const name: string = JSON.parse(text.toString('utf8'));
      let index = byName.get(name);
      if (index === undefined) {
        index = columns.length;
        const declaration = exactly.get(name) ?? folded.get(name.toLowerCase());
        byName.set(name, index);
        columns.push({ ...declaration, name });
        const flags = flagsOf(declaration?.type) | (name === '$' ? COLUMN_FLAGS.dollar : 0);
        states.push({ flags, ...typeCode(declaration?.type) });
      }
      names.push({ text, column: index });
      return index;
    },
    widen(index, literal) {
      const type = inexactType(literal);
      const { asBigint, asDecimal } = COLUMN_FLAGS;
      const column = columns[index]!;
      const state = states[index]!;
      marked.changes.push({ index, column, state });
      columns[index] = { ...column, type };
      states[index] = {
        ...state,
        flags: state.flags | (type === 'bigint' ? asBigint : asBigint | asDecimal),
      };
    },
    mark() {
      marked = { columns: columns.length, names: names.length, changes: [] };
    },
    rollBack() {
      for (const { index, column, state } of marked.changes.reverse()) {
        columns[index] = column;
        states[index] = state;
      }
      for (const { name } of columns.splice(marked.columns)) byName.delete(name);
      states.splice(marked.columns);
      names.splice(marked.names);
      marked.changes = [];
    },
  };
}

// An undeclared column has to be given a type before an inexact number of it may become a string.
function flagsOf(type: Column['type']): number {
  if (type === undefined) return 0;
  const inexact = COLUMN_FLAGS.asBigint | COLUMN_FLAGS.asDecimal;
  return type === 'bigint' || type.startsWith('decimal') ? inexact | COLUMN_FLAGS.allStrings : inexact;
}
