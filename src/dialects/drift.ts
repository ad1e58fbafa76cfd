/**
 * Whether the columns of a table hold what is about to go into them. A script that was not told what the target has finds
 * a column there that is narrower than its values, and an INSERT would round, cut or re-zone them without a word.
 */

import { type ColumnType, decimalDigits, joinTypes } from '../merge/lattice.ts';
import type { Dialect, TableChange } from './dialect.ts';

/** An engine's types as its catalog lists them. */
interface NativeTypes {
  /** What each name is on the wire. */
  readonly names: Readonly<Record<string, ColumnType>>;
  /** Patterns (of LIKE) of other names for text. */
  readonly texts: readonly string[];
  /** What comes before the digits of a decimal, which stand in parentheses. */
  readonly decimals: readonly string[];
}

interface Forms extends Pick<Dialect, 'identifier' | 'literal' | 'check' | 'foldsCase'> {
  readonly types: NativeTypes;
  /** A query for `name` and `type` of the table's columns, of these at least; `table` is quoted, `path` its names. */
  readonly columns: (of: TableNames) => string;
}

interface TableNames {
  readonly table: string;
  /** Schema and table, unquoted. */
  readonly path: readonly string[];
  readonly names: readonly string[];
}

/** What the message of such a check ends in. */
const HINT = ' (--target-schema has columns widened)';

/** Statements that a script says once: they do nothing the second time. */
export const ONCE = /^(CREATE|ALTER) .* IF NOT EXISTS | \(--target-schema has columns widened\)'/;

/** A statement that fails, and names the column and both types, where one would alter what goes into it. */
export function checkTypes({ table, add }: TableChange, forms: Forms): string[] {
  if (add.length === 0) return [];
  const { literal, check, foldsCase, identifier } = forms;
  const path = unquoted(table);
  const names = add.map(({ name }) => unquoted(identifier(name))[0]!);
  const fold = (name: string) => (foldsCase ? name.toLowerCase() : name);
  const column = foldsCase ? 'lower(c.name)' : 'c.name';
  const wrong = [...new Set(add.map(({ type }) => type))].map((type) => {
    const listed = names
      .filter((_, i) => add[i]!.type === type)
      .map((name) => literal(fold(name)))
      .join(', ');
    return `WHEN ${column} IN (${listed}) AND NOT (${holds(type, forms)}) THEN ${literal(type)}`;
  });
  const parts = [
    literal(`table ${path.at(-1)} column `),
    'q.name',
    literal(': expected a column for '),
    'q.wanted',
    literal(', found '),
    'q.found',
    literal(HINT),
  ];
  return [
    check(
      `SELECT ${parts.join(' || ')} FROM (SELECT c.name, c.type AS found, CASE ${wrong.join(' ')} END AS wanted FROM (${forms.columns({ table, path, names })}) c) q WHERE q.wanted IS NOT NULL LIMIT 1`,
    ),
  ];
}

function holds(type: ColumnType, { types, literal }: Forms): string {
  const names = Object.keys(types.names).filter((name) => takes(types.names[name]!, type));
  const patterns = type === 'bytes' ? [] : types.texts;
  return [
    ...(names.length === 0 ? [] : [`c.type IN (${names.map(literal).join(', ')})`]),
    ...patterns.map((pattern) => `c.type LIKE ${literal(pattern)}`),
    ...types.decimals.flatMap((decimal) => decimalHolds(type, decimal, literal)),
  ].join(' OR ');
}

/** Whether a value of a type goes unaltered into a column of another one; what is too large for it fails. */
function takes(column: ColumnType, value: ColumnType): boolean {
  if (column === value) return true;
  if (column === 'text' || column === 'json') return value !== 'bytes';
  if (column === 'boolean') return false;
  const [room, scale] = [scaleOf(column), scaleOf(value)];
  if (room !== undefined) return scale !== undefined && scale <= room;
  const isExact = value === 'bigint' || value.startsWith('decimal');
  if (isExact && (column === 'float' || column === 'double')) return false;
  return joinTypes(column, value) === column;
}

/** How many digits after the point a number has at most; undefined for one without limits, and for what is no number. */
const scaleOf = (type: ColumnType): number | undefined =>
  type === 'boolean' || type === 'int' || type === 'bigint' ? 0 : decimalDigits(type)?.scale;

// As many digits after the point, at least.
function decimalHolds(type: ColumnType, decimal: string, literal: Dialect['literal']): string[] {
  const scale = scaleOf(type);
  if (scale === undefined) return [];
  const fewer = ['%,-%', ...Array.from({ length: scale }, (_, digits) => `%,${digits})`)];
  const not = fewer.map((pattern) => ` AND c.type NOT LIKE ${literal(pattern)}`);
  // Some engines leave a scale of 0 out.
  return [`(c.type LIKE ${literal(scale === 0 ? `${decimal}(%` : `${decimal}(%,%`)}${not.join('')})`];
}

const QUOTED = /"((?:[^"]|"")*)"|`((?:[^`]|``)*)`/g;

/** The names of a qualified one. */
const unquoted = (name: string): string[] =>
  [...name.matchAll(QUOTED)].map(
    ([, double, back]) => double?.replaceAll('""', '"') ?? back!.replaceAll('``', '`'),
  );
