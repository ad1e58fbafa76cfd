/** The parts of CREATE TABLE and ALTER TABLE that speak of columns: names, types, attributes, key constraints. */

import type { TypeName } from '../wire/types.ts';
import type { TokenCursor } from './cursor.ts';
import { TYPE_CONTINUATIONS, typeOf, type WrittenType } from './types.ts';

/** A column as a schema script declares it. */
export interface SchemaColumn {
  /** As written, without quotes; Redshift folds case, so names are compared without it. */
  readonly name: string;
  readonly type: TypeName;
  readonly primaryKey: boolean;
}

/** An unquoted or quoted identifier. */
export function readName(cursor: TokenCursor, expected: string): string {
  const token = cursor.peek();
  if (token?.kind !== 'word' && token?.kind !== 'name') throw cursor.unexpected(expected);
  cursor.next();
  return token.text;
}

/** The last part of `database.schema.table`. */
export function readTableName(cursor: TokenCursor): string {
  let name = readName(cursor, 'a table name');
  while (cursor.takeSymbol('.')) name = readName(cursor, 'a table name');
  return name;
}

/** A type, with its parameters, as the wire calls it. */
export function readType(cursor: TokenCursor, column: string): TypeName {
  const start = cursor.index;
  const words = [readName(cursor, `a type for column ${column}`).toUpperCase()];
  let parameters: readonly string[] = [];
  for (const continuation of TYPE_CONTINUATIONS[words[0]!] ?? []) {
    // `TIMESTAMP(6) WITH TIME ZONE`: the parameters stand in the middle.
    if (cursor.seesSymbol('(')) parameters = readParameters(cursor);
    if (cursor.take(...continuation)) words.push(...continuation);
  }
  if (cursor.seesSymbol('(')) parameters = readParameters(cursor);
  const written: WrittenType = { words: words.join(' '), parameters };
  const type = typeOf(written);
  if (type === undefined) throw cursor.unexpected(`a type of Redshift for column ${column}`, start);
  return type;
}

function readParameters(cursor: TokenCursor): readonly string[] {
  const parameters: string[] = [];
  cursor.expectSymbol('(', 'before the length of a type');
  do {
    const token = cursor.next();
    if (token?.kind !== 'number' && token?.text.toUpperCase() !== 'MAX') {
      throw cursor.unexpected('a number or MAX', Math.max(0, cursor.index - (token === undefined ? 0 : 1)));
    }
    parameters.push(token.text);
  } while (cursor.takeSymbol(','));
  cursor.expectSymbol(')', 'or , in the brackets of a type');
  return parameters;
}

/** A column's name, type and attributes, up to the comma or bracket after it. */
export function readColumn(cursor: TokenCursor): SchemaColumn {
  const name = readName(cursor, 'a column name');
  const type = readType(cursor, name);
  let primaryKey = false;
  while (
    cursor.peek() !== undefined &&
    !cursor.seesSymbol(',') &&
    !cursor.seesSymbol(')') &&
    !beginsStatement(cursor)
  ) {
    if (cursor.take('PRIMARY', 'KEY')) primaryKey = true;
    else if (!takeAttribute(cursor)) throw cursor.unexpected(`an attribute of column ${name}, a comma or )`);
  }
  return { name, type, primaryKey };
}

/** Statements may follow one another without a separator. */
function beginsStatement(cursor: TokenCursor): boolean {
  return cursor.sees('CREATE') || cursor.sees('ALTER', 'TABLE');
}

/** Attributes that say nothing of what a column holds. */
function takeAttribute(cursor: TokenCursor): boolean {
  if (cursor.take('NOT', 'NULL') || cursor.take('NULL') || cursor.take('DISTKEY') || cursor.take('SORTKEY'))
    return true;
  if (cursor.take('UNIQUE')) return true;
  if (cursor.take('ENCODE') || cursor.take('COLLATE') || cursor.take('CONSTRAINT'))
    return cursor.next() !== undefined;
  if (cursor.take('IDENTITY') || cursor.take('CHECK')) return skipBrackets(cursor);
  if (cursor.take('GENERATED')) {
    while (!cursor.take('AS')) if (cursor.next() === undefined) return false;
    if (!cursor.take('IDENTITY')) return false;
    return skipBrackets(cursor);
  }
  if (cursor.take('REFERENCES')) return skipReference(cursor);
  if (cursor.take('DEFAULT')) return skipDefault(cursor);
  return false;
}

const ATTRIBUTES = [
  'NOT',
  'NULL',
  'ENCODE',
  'DISTKEY',
  'SORTKEY',
  'PRIMARY',
  'UNIQUE',
  'REFERENCES',
  'CONSTRAINT',
  'COLLATE',
  'CHECK',
];

/** An expression, up to the next attribute or the end of the column; its first token may be `NULL` or `-`. */
function skipDefault(cursor: TokenCursor): boolean {
  let taken = 0;
  while (cursor.peek() !== undefined && !cursor.seesSymbol(',') && !cursor.seesSymbol(')')) {
    if (taken > 0 && (ATTRIBUTES.some((word) => cursor.sees(word)) || beginsStatement(cursor))) break;
    if (cursor.seesSymbol('(')) skipBrackets(cursor);
    else cursor.next();
    taken++;
  }
  return taken > 0;
}

function skipReference(cursor: TokenCursor): boolean {
  readTableName(cursor);
  if (cursor.seesSymbol('(')) skipBrackets(cursor);
  while (cursor.take('ON')) {
    // DELETE or UPDATE, then CASCADE, RESTRICT, NO ACTION, SET NULL or SET DEFAULT.
    cursor.next();
    if (cursor.take('NO') || cursor.take('SET')) cursor.next();
    else cursor.next();
  }
  return true;
}

/** Steps over a bracket and all within it, if one comes next. */
function skipBrackets(cursor: TokenCursor): boolean {
  if (!cursor.takeSymbol('(')) return true;
  for (let depth = 1; depth > 0; ) {
    if (cursor.seesSymbol('(')) depth++;
    else if (cursor.seesSymbol(')')) depth--;
    if (cursor.next() === undefined) throw cursor.unexpected('a closing )');
  }
  return true;
}

/** A table's constraint, if one comes next; with its columns if it is the primary key. */
export function readKeyConstraint(cursor: TokenCursor): { readonly key?: readonly string[] } | undefined {
  if (cursor.take('CONSTRAINT')) readName(cursor, 'the name of a constraint');
  if (cursor.take('PRIMARY', 'KEY')) return { key: readBracketedNames(cursor) };
  if (cursor.sees('UNIQUE') && cursor.peek(1)?.text === '(') {
    cursor.next();
    readBracketedNames(cursor);
    return {};
  }
  if (cursor.take('FOREIGN', 'KEY')) {
    readBracketedNames(cursor);
    if (!cursor.take('REFERENCES')) throw cursor.unexpected('REFERENCES');
    skipReference(cursor);
    return {};
  }
  if (cursor.sees('CHECK') && cursor.peek(1)?.text === '(') {
    cursor.next();
    skipBrackets(cursor);
    return {};
  }
  return undefined;
}

/** `(a, b)` */
export function readBracketedNames(cursor: TokenCursor): readonly string[] {
  cursor.expectSymbol('(', 'before a list of columns');
  const names = [];
  do names.push(readName(cursor, 'a column name'));
  while (cursor.takeSymbol(','));
  cursor.expectSymbol(')', 'or , after a column name');
  return names;
}
