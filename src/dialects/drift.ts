/**
 * Whether the columns of a table hold what is about to go into them. A script that was not told what the target has finds
 * a column there that is narrower than its values, and an INSERT would round, cut or re-zone them without a word.
 */

import { type ColumnType, decimalDigits, joinTypes } from '../merge/lattice.ts';
import type { Dialect, TableChange } from './dialect.ts';

/** An engine's types as its catalog lists them. */
export interface NativeTypes {
  /** What each name is on the wire. */
  readonly names: Readonly<Record<string, ColumnType>>;
  /** Patterns (of LIKE) of other names for text. */
  readonly texts: readonly string[];
  /** What comes before the digits of a decimal. */
  readonly decimal: string;
}

interface Forms extends Pick<Dialect, 'identifier' | 'literal' | 'check' | 'foldsCase'> {
  readonly types: NativeTypes;
  /** A query for `name` and `type` of the table's columns. */
  readonly columns: (table: string) => string;
}

/** A statement that fails, and names the column and both types, where one would alter what goes into it. */
export function checkTypes({ table, add }: TableChange, forms: Forms): string[] {
  if (add.length === 0) return [];
  const { literal, check, foldsCase, identifier } = forms;
  const fold = (name: string) => (foldsCase ? name.toLowerCase() : name);
  const column = foldsCase ? 'lower(c.name)' : 'c.name';
  const wrong = [...new Set(add.map(({ type }) => type))].map((type) => {
    const names = add.filter((each) => each.type === type).map(({ name }) => unquoted(identifier(name)));
    const listed = names.map((name) => literal(fold(name))).join(', ');
    return `WHEN ${column} IN (${listed}) AND NOT (${holds(type, forms)}) THEN ${literal(type)}`;
  });
  const parts = [
    literal(`table ${unquoted(table)} column `),
    'q.name',
    literal(': expected a column for '),
    'q.wanted',
    literal(', found '),
    'q.found',
    literal(' (--target-schema has columns widened)'),
  ];
  return [
    check(
      `SELECT ${parts.join(' || ')} FROM (SELECT c.name, c.type AS found, CASE ${wrong.join(' ')} END AS wanted FROM (${forms.columns(table)}) c) q WHERE q.wanted IS NOT NULL LIMIT 1`,
    ),
  ];
}

function holds(type: ColumnType, { types, literal }: Forms): string {
  const names = Object.keys(types.names).filter((name) => takes(types.names[name]!, type));
  const patterns = type === 'bytes' ? [] : types.texts;
  return [
    `c.type IN (${names.map(literal).join(', ')})`,
    ...patterns.map((pattern) => `c.type LIKE ${literal(pattern)}`),
    ...decimalHolds(type, types.decimal, literal),
  ].join(' OR ');
}

/** Whether a value of a type goes unaltered into a column of another one; what is too large for it fails. */
function takes(column: ColumnType, value: ColumnType): boolean {
  if (column === value) return true;
  if (column === 'text' || column === 'json') return value !== 'bytes';
  const scale = decimalDigits(value)?.scale;
  if (column === 'int' || column === 'bigint')
    return value === 'boolean' || value === 'int' || value === 'bigint' || scale === 0;
  const isExact = value === 'bigint' || value.startsWith('decimal');
  if (isExact && (column === 'float' || column === 'double')) return false;
  return joinTypes(column, value) === column;
}

// As many digits after the point, at least.
function decimalHolds(type: ColumnType, decimal: string, literal: Dialect['literal']): string[] {
  const scale = type === 'boolean' || type === 'int' || type === 'bigint' ? 0 : decimalDigits(type)?.scale;
  if (scale === undefined) return [];
  const fewer = ['%,-%', ...Array.from({ length: scale }, (_, digits) => `%,${digits})`)];
  const not = fewer.map((pattern) => ` AND c.type NOT LIKE ${literal(pattern)}`);
  return [`(c.type LIKE ${literal(`${decimal}(%`)}${not.join('')})`];
}

const QUALIFIED = /(?:^|\.)"((?:[^"]|"")*)"$/;

const unquoted = (name: string): string => (QUALIFIED.exec(name)?.[1] ?? name).replaceAll('""', '"');
