/**
 * Reads a vendor's schema script: Redshift's CREATE TABLE and ALTER TABLE, as far as they say what a table holds.
 * https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html and r_ALTER_TABLE.html give the grammar.
 */

import type { TypeName } from '../wire/types.ts';
import {
  readBracketedNames,
  readColumn,
  readKeyConstraint,
  readName,
  readTableName,
  readType,
  type SchemaColumn,
} from './column.ts';
import { type TokenCursor, tokenCursor } from './cursor.ts';
import { tokenize } from './tokens.ts';

export type { SchemaColumn } from './column.ts';

interface StatementPlace {
  /** The table's name as written, without schema and quotes. */
  readonly table: string;
  /** The line the statement begins on, from 1. */
  readonly line: number;
}

/** What a statement of a schema script says of a table. */
export type SchemaStatement = StatementPlace &
  (
    | {
        readonly kind: 'createTable';
        readonly columns: readonly SchemaColumn[];
        readonly key: readonly string[];
      }
    | { readonly kind: 'addColumn'; readonly column: SchemaColumn }
    | { readonly kind: 'addKey'; readonly key: readonly string[] }
    | { readonly kind: 'alterType'; readonly column: string; readonly type: TypeName }
  );

const STATEMENTS = 'CREATE TABLE, ALTER TABLE … ADD COLUMN or ALTER COLUMN … TYPE';

/**
 * The statements of a script, in order. How a table is distributed, sorted, compressed and its columns defaulted says
 * nothing of what it holds and is stepped over. Anything that is neither CREATE TABLE nor ALTER TABLE … ADD or ALTER COLUMN …
 * TYPE throws `UserError` with its line and text: a script is never executed, and never half understood. `name` (a URI) names
 * the script in messages.
 */
export function readSchemaScript(script: string, name: string): readonly SchemaStatement[] {
  const cursor = tokenCursor(script, name, tokenize(script, name));
  const statements: SchemaStatement[] = [];
  for (cursor.skipSeparators(); !cursor.atEnd; cursor.skipSeparators()) {
    if (isCreateTable(cursor)) statements.push(readCreateTable(cursor));
    else if (cursor.sees('ALTER', 'TABLE')) statements.push(...readAlterTable(cursor));
    else throw cursor.unexpected(STATEMENTS);
  }
  return statements;
}

function isCreateTable(cursor: TokenCursor): boolean {
  if (!cursor.sees('CREATE')) return false;
  const words = [1, 2, 3].map((ahead) => cursor.peek(ahead)?.text.toUpperCase());
  while (words[0] === 'LOCAL' || words[0] === 'GLOBAL' || words[0] === 'TEMP' || words[0] === 'TEMPORARY')
    words.shift();
  return words[0] === 'TABLE';
}

function readCreateTable(cursor: TokenCursor): SchemaStatement {
  const start = cursor.index;
  const line = cursor.peek()!.line;
  while (!cursor.take('TABLE')) cursor.next();
  cursor.take('IF', 'NOT', 'EXISTS');
  const table = readTableName(cursor);
  // CREATE TABLE … AS and (LIKE …) say what a table holds by another one.
  if (!cursor.seesSymbol('(')) throw cursor.unexpected(`a list of columns for table ${table}`, start);
  cursor.next();
  const columns: SchemaColumn[] = [];
  let key: readonly string[] | undefined;
  do {
    const constraint = readKeyConstraint(cursor);
    if (constraint === undefined) columns.push(readColumn(cursor));
    else key = constraint.key ?? key;
  } while (cursor.takeSymbol(','));
  cursor.expectSymbol(')', `or , after a column of table ${table}`);
  readTableAttributes(cursor);
  key ??= columns.filter((column) => column.primaryKey).map((column) => column.name);
  return { kind: 'createTable', table, line, columns, key };
}

/** `DISTSTYLE KEY DISTKEY (a) COMPOUND SORTKEY (a, b) ENCODE AUTO BACKUP NO`, up to the end of the statement. */
function readTableAttributes(cursor: TokenCursor): void {
  // A next statement may begin without a separator.
  while (cursor.peek() !== undefined && !cursor.sees('CREATE') && !cursor.sees('ALTER')) {
    if (cursor.take('DISTSTYLE') || cursor.take('BACKUP') || cursor.take('ENCODE')) cursor.next();
    else if (cursor.take('DISTKEY') || cursor.take('SORTKEY')) {
      if (!cursor.take('AUTO')) readBracketedNames(cursor);
    } else if (!cursor.take('COMPOUND') && !cursor.take('INTERLEAVED')) {
      throw cursor.unexpected('DISTSTYLE, DISTKEY, SORTKEY, ENCODE, BACKUP or the end of the statement');
    }
  }
}

function readAlterTable(cursor: TokenCursor): readonly SchemaStatement[] {
  const start = cursor.index;
  const line = cursor.peek()!.line;
  cursor.take('ALTER', 'TABLE');
  cursor.take('IF', 'EXISTS');
  const table = readTableName(cursor);
  const statements: SchemaStatement[] = [];
  let isAdd = false;
  do {
    if (cursor.take('ADD')) isAdd = true;
    else if (cursor.take('ALTER', 'COLUMN') || cursor.take('ALTER')) {
      isAdd = false;
      statements.push(readAlterColumn(cursor, table, line, start));
      continue;
    } else if (!isAdd) throw cursor.unexpected(STATEMENTS, start);
    // SQL Server lets one ADD go before several columns.
    statements.push(...readAdd(cursor, table, line));
  } while (cursor.takeSymbol(','));
  if (cursor.peek() !== undefined && !isCreateTable(cursor) && !cursor.sees('ALTER', 'TABLE')) {
    throw cursor.unexpected('the end of the statement');
  }
  return statements;
}

function readAdd(cursor: TokenCursor, table: string, line: number): readonly SchemaStatement[] {
  const constraint = readKeyConstraint(cursor);
  if (constraint !== undefined)
    return constraint.key === undefined ? [] : [{ kind: 'addKey', table, line, key: constraint.key }];
  cursor.take('COLUMN');
  cursor.take('IF', 'NOT', 'EXISTS');
  const column = readColumn(cursor);
  const added: SchemaStatement = { kind: 'addColumn', table, line, column };
  return column.primaryKey ? [added, { kind: 'addKey', table, line, key: [column.name] }] : [added];
}

function readAlterColumn(cursor: TokenCursor, table: string, line: number, start: number): SchemaStatement {
  const column = readName(cursor, 'a column name');
  const isType = cursor.take('TYPE') || cursor.take('SET', 'DATA', 'TYPE');
  if (!isType) throw cursor.unexpected(STATEMENTS, start);
  return { kind: 'alterType', table, line, column, type: readType(cursor, column) };
}
