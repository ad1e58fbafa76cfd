import { COLUMN_FLAGS, type ColumnName } from '../kernels/jsonl.ts';
import { inexactType } from '../wire/exact.ts';
import type { Column } from '../wire/types.ts';

/** The columns of a JSONL file as far as its rows have told them; never changed, but replaced. */
export interface JsonlColumns {
  readonly columns: readonly Column[];
  /** Names as they stand in the file; two may be one when they are escaped differently. */
  readonly names: readonly ColumnName[];
  /** By column: which of its numbers become strings (`COLUMN_FLAGS`). */
  readonly flags: readonly number[];
}

export const NO_COLUMNS: JsonlColumns = { columns: [], names: [], flags: [] };

/** A file's rows may have so many names together; more is no table, but data used as names. */
export const MAX_COLUMNS = 16384;

/** Adds a name, in its quotes. Its type is the declared one of that name, in that case or else in any. */
export function addName(known: JsonlColumns, text: Buffer, declared: readonly Column[]): JsonlColumns {
  const name: string = JSON.parse(text.toString('utf8'));
  const column = known.columns.findIndex((other) => other.name === name);
  if (column >= 0) return { ...known, names: [...known.names, { text, column }] };
  const folded = name.toLowerCase();
  const declaration =
    declared.find((other) => other.name === name) ??
    declared.find((other) => other.name.toLowerCase() === folded);
  return {
    columns: [...known.columns, { ...declaration, name }],
    names: [...known.names, { text, column: known.columns.length }],
    flags: [...known.flags, flagsOf(declaration?.type) | (name === '$' ? COLUMN_FLAGS.dollar : 0)],
  };
}

// An undeclared column has to be given a type before an inexact number of its may become a string.
function flagsOf(type: Column['type']): number {
  if (type === undefined) return 0;
  const inexact = COLUMN_FLAGS.asBigint | COLUMN_FLAGS.asDecimal;
  return type === 'bigint' || type.startsWith('decimal') ? inexact | COLUMN_FLAGS.allStrings : inexact;
}

/** Gives a column the type that its inexact number needs. */
export function widenColumn(known: JsonlColumns, index: number, literal: string): JsonlColumns {
  const type = inexactType(literal);
  const added = type === 'bigint' ? COLUMN_FLAGS.asBigint : COLUMN_FLAGS.asBigint | COLUMN_FLAGS.asDecimal;
  return {
    ...known,
    columns: known.columns.map((column, at) => (at === index ? { ...column, type } : column)),
    flags: known.flags.map((flags, at) => (at === index ? flags | added : flags)),
  };
}
