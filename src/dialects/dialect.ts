import { createHash } from 'node:crypto';
import type { ColumnType } from '../merge/lattice.ts';
import type { NameCase } from '../merge/names.ts';

/** A column as a table of the target has it. */
export interface TargetColumn {
  readonly name: string;
  /** The type as the engine writes it. */
  readonly sql: string;
  /** The same as a type of the wire; undefined for one that the wire does not know. */
  readonly type: ColumnType | undefined;
}

/** A column of a key, quoted. */
export interface KeyColumn {
  readonly id: string;
  readonly type: ColumnType;
}

/** A change of a table's columns; all of one table at once. */
export interface TableChange {
  /** Qualified and quoted. */
  readonly table: string;
  readonly add: readonly { readonly name: string; readonly type: ColumnType }[];
  readonly widen: readonly { readonly name: string; readonly from: ColumnType; readonly to: ColumnType }[];
  /** The table's columns are not known: add only those that are missing. */
  readonly ifMissing: boolean;
  /** It is a stage, which this very run made: nothing of the change can be done already. */
  readonly isStage?: boolean;
  /** The index that `keyIndex` made, where columns of it may change. */
  readonly index?: { readonly name: string; readonly columns: readonly KeyColumn[] } | undefined;
}

/**
 * An engine's SQL, as far as it differs. Statements common to all of them stand in src/merge; what is said here are
 * names, types, limits and the few forms that every engine writes in its own way.
 */
export interface Dialect {
  readonly name: string;
  /** What tables go into when nothing else was said; empty: what the session is in. */
  readonly schema: string;
  readonly nameCase: NameCase;
  /** Whether two names that differ in case only are the same name. */
  readonly foldsCase: boolean;
  /** Bytes of UTF-8 an identifier may have. */
  readonly maxNameBytes: number;
  /** Digits a decimal may have; `unlimitedDecimal`: whether there is one without limits. */
  readonly maxDecimalDigits: number;
  readonly unlimitedDecimal: boolean;
  /** Whether CREATE and ALTER TABLE can be rolled back, so that they belong into the transaction; else they come before it. */
  readonly transactionalDdl: boolean;
  /** They can be rolled back, though some of them could not, so that they come before the transaction. */
  readonly undoesDdl?: true;
  /** Groups may share stages and a transaction (`--batch-groups`). */
  readonly batches?: true;
  /** SELECT DISTINCT ON takes the first row of each, which costs less than numbering all of them. */
  readonly distinctOn?: true;
  /** Stages are tables like any other, since there are no temporary ones. */
  readonly permanentStages?: true;
  /** Rows of a file that an engine reads by itself have no order it would tell: what only their order decides is an error. */
  readonly unorderedFiles?: true;
  /** One MERGE carries out what the work table says; else a DELETE, an UPDATE and an INSERT do. */
  readonly mergesWork?: true;
  /**
   * How rows are deleted: `alias`: the target has an alias (the default); `bare`: it cannot have one; `merge`: by MERGE,
   * since a DELETE takes no subquery; `join`: by a join with what decides; `rowid`: by the numbers of the rows that it finds.
   */
  readonly deletes?: 'alias' | 'bare' | 'merge' | 'join' | 'rowid';
  /** How rows are updated from others: UPDATE … FROM (the default), or UPDATE … JOIN. */
  readonly updates?: 'join';
  /** NULL is less than anything, so that it comes last anyway, and cannot be said to. */
  readonly nullsLast?: true;
  /** No statement names a temporary table twice. */
  readonly opensOnce?: true;
  /** The present instant, where CURRENT_TIMESTAMP is not it. */
  readonly now?: string;
  /** What CREATE TABLE says of a key; undefined: nothing. Default: `PRIMARY KEY (…)`. */
  primaryKey?(columns: string): string | undefined;
  /** Text without the zeros at its beginning. Default: `ltrim(…, '0')`. */
  withoutZeros?(expression: string): string;
  /** What LIKE escapes with by itself, where it takes no ESCAPE. */
  readonly likeEscape?: string;
  /** Texts one after the other, where `||` needs a setting of the session to say that. */
  concat?(texts: readonly string[]): string;
  /** Whether a number is there and not zero. Default: `coalesce(…, 0) <> 0`. */
  nonZero?(expression: string): string;
  /** A value as something that compares like it, of types that the engine keeps as text; never asked of text and JSON. */
  sortable?(expression: string, type: ColumnType): string;
  /** The type of a text in a key of our own tables that has at most so many characters. Default: that of any text. */
  keyText?(characters: number): string;
  /** What is said of keys when a stage is created: `unique`: a column that differs in every row; `key`: what it is joined by. */
  stageKeys?(unique: string | undefined, key: readonly KeyColumn[]): readonly string[];
  /** Drops a stage if it is there. Default: `DROP TABLE IF EXISTS …`. */
  dropStage?(table: string): string;
  identifier(name: string): string;
  literal(text: string): string;
  /** The engine's name of a type. */
  type(type: ColumnType): string;
  /** The wire's name of an engine's type. */
  typeOf(sql: string): ColumnType | undefined;
  /** Whether a column of such a type cuts digits that the wire's type has, so that it has to become wider. */
  narrow?(sql: string): boolean;
  /** `expression` of one type as another, value unchanged; raises where it would change, if it can with the column's name. */
  cast(expression: string, from: ColumnType | 'staged text', to: ColumnType, column?: string): string;
  /** Text from the wire (`expression`) as a value of the type; undefined where the filling does that by itself. */
  parse?(expression: string, type: ColumnType, place: string): string;
  /** An order for text that does not depend on the database's settings. */
  bytewise(expression: string): string;
  /** A text equal for equal rows and different for different ones. */
  rowText(expressions: readonly string[], types: readonly ColumnType[]): string;
  /** A statement that fails with the message that `query` (one row, one text column) yields, unless it is NULL. */
  check(query: string): string;
  /** A statement that fails with a message, where `check` relies on something that may not be there yet. */
  failure?(message: string): string;
  /** The first statement of the transaction: nobody else merges into this schema until its end. */
  lock?(schema: string): string;
  /** The same where the transaction comes after the changes of tables: taken before these, given back at its end. */
  readonly sessionLock?: { take(schema: string): string; release(schema: string): string };
  /** Tells the planner of a filled stage: its size, and the values of the columns that it will be joined by. */
  analyze?(table: string, columns: readonly string[]): string;
  /** Tables of its own that it needs, one statement each; said once, before everything else is created. */
  prepare?(schema: string): readonly string[];
  /** An index that merging into a table needs to cost no more than what changes. */
  keyIndex?(table: string, name: string, columns: readonly KeyColumn[]): string;
  /** The same as a part of CREATE TABLE. */
  keyClause?(columns: readonly KeyColumn[]): string;
  /** Makes a view of all columns that a table has by then, one of them replaced. */
  replacingView(form: ReplacingView): readonly string[];
  /** A statement that carries out another one for every table of a schema whose name `query` yields. */
  forEachTable?(query: string, schema: string, statement: (table: string) => string): string;
  /** How another table takes the place of one (`--swap rename`); a text: what the engine is like, so that it cannot. */
  readonly swap: SwapForms | string;
  /** Where the engine tells of its tables and views, if not in information_schema.tables. */
  readonly tablesView?: string;
  createSchema(schema: string): string;
  alter(change: TableChange): readonly string[];
  readonly begin: string;
  readonly commit: string;
  readonly rollback: string;
  /** Said once before everything else. */
  readonly session: readonly string[];
}

/** A table and the one that is to take its place. */
export interface SwapPair {
  /** As the wire calls it, for messages. */
  readonly table: string;
  /** Unquoted; those of the target, then that of the new table. */
  readonly schema: string;
  readonly name: string;
  readonly shadowName: string;
  /** Quoted: the schema, the table, and what it may be called when it is out of its place. */
  readonly schemaId: string;
  readonly nameId: string;
  readonly oldId: string;
  /** Qualified and quoted: the table, the new one, and the table when it is out of its place. */
  readonly target: string;
  readonly shadow: string;
  readonly old: string;
  /** Our own view of the table, which will be made anew; qualified and quoted. */
  readonly view: string | undefined;
}

/** The steps of `--swap rename`; all of them within the transaction that changes the ledger. */
export interface SwapForms {
  /** Views hang on the table itself, not on its name: ours are dropped before it and made again. */
  readonly bindsViews?: true;
  /** First of all: fails if the table has what would be broken or lost, naming it. */
  begin(pair: SwapPair): readonly string[];
  /** Makes the new table: the same columns, no rows. */
  make(pair: SwapPair): readonly string[];
  /** After its rows. */
  filled?(pair: SwapPair): readonly string[];
  /** It takes the place of the table, which is dropped. */
  take(pair: SwapPair): readonly string[];
}

/** `SELECT <columns of t, one of them replaced> <rest>` */
export interface ReplacingView {
  /** Qualified and quoted, like `table`. */
  readonly view: string;
  readonly table: string;
  /** The same, unquoted: the schema of both, the table, the view. */
  readonly schema: string;
  readonly name: string;
  readonly viewName: string;
  /** The names of the table's columns; undefined where they are not known. */
  readonly columns: readonly string[] | undefined;
  /** Those that it has at least. */
  readonly expected: readonly string[];
  /** Unquoted. */
  readonly column: string;
  readonly by: string;
  /** From FROM on; the table is `t` there. */
  readonly rest: string;
}

/** The query of such a view, of columns that are known. */
export function replacingQuery(
  columns: readonly string[],
  { column, by, rest }: Pick<ReplacingView, 'column' | 'by' | 'rest'>,
  identifier: Dialect['identifier'],
): string {
  const list = columns.map((name) => {
    const id = identifier(name);
    return name.toLowerCase() === column.toLowerCase() ? `${by} AS ${id}` : `t.${id}`;
  });
  return `SELECT ${list.join(', ')} ${rest}`;
}

/** The identifier itself, or, where it is too long for an engine, its beginning and a hash of the whole. */
export function shortened(
  name: string,
  max: number,
  sizeOf: (text: string) => number = Buffer.byteLength,
): string {
  if (sizeOf(name) <= max) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 10);
  let head = '';
  for (const character of name) {
    if (sizeOf(head + character) > max - hash.length - 1) break;
    head += character;
  }
  return `${head}_${hash}`;
}

/** `"name"`, with quotes doubled: the standard's form of an identifier. */
export function doubleQuoted(name: string, maxBytes: number): string {
  return `"${shortened(name, maxBytes).replaceAll('"', '""')}"`;
}

/** `'text'`, with quotes doubled: the standard's form of a text. */
export function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
