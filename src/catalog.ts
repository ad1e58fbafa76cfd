import { readFileSync } from 'node:fs';
import { messageOf, UserError } from './errors.ts';
import type { MergeMode, TypeName } from './wire/types.ts';

/** What the user knows of one table. */
export interface CatalogTable {
  readonly key?: readonly string[];
  readonly merge?: MergeMode;
  readonly order?: readonly string[];
  readonly delete_flag?: string;
  readonly columns?: Readonly<Record<string, TypeName | { readonly type?: TypeName }>>;
  /** Of full deliveries: a table with no file has become empty. */
  readonly empty_when_absent?: boolean;
  /** Every delivery must hold this table. */
  readonly required?: boolean;
}

export interface Catalog {
  readonly tables?: Readonly<Record<string, CatalogTable>>;
}

const MEMBERS = new Set(['key', 'merge', 'order', 'delete_flag', 'columns', 'empty_when_absent', 'required']);
const MODES = new Set(['append', 'upsert', 'delete-insert', 'replace', 'scd2']);

/** Reads and checks a catalog file. Every error names the path inside the file. */
export function readCatalog(path: string): Catalog {
  let catalog: unknown;
  try {
    catalog = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UserError(`catalog ${path}: ${messageOf(error)}`, { cause: error });
  }
  const fail = (place: string, expected: string): never => {
    throw new UserError(`catalog ${path}: ${place}: expected ${expected}`);
  };
  if (!isObject(catalog)) return fail('top level', 'an object');
  for (const member of Object.keys(catalog)) if (member !== 'tables') fail(member, 'only "tables" here');
  const tables = catalog['tables'] ?? {};
  if (!isObject(tables)) return fail('tables', 'an object');
  for (const [name, table] of Object.entries(tables)) {
    const place = `tables.${name}`;
    if (!isObject(table)) return fail(place, 'an object');
    for (const [member, value] of Object.entries(table)) {
      if (!MEMBERS.has(member)) fail(`${place}.${member}`, `one of ${[...MEMBERS].join(', ')}`);
      const isNames = Array.isArray(value) && value.every((item) => typeof item === 'string');
      if ((member === 'key' || member === 'order') && !isNames)
        fail(`${place}.${member}`, 'a list of column names');
      if (member === 'merge' && !MODES.has(String(value))) fail(`${place}.merge`, [...MODES].join(', '));
      if (member === 'delete_flag' && typeof value !== 'string')
        fail(`${place}.delete_flag`, 'a column name');
    }
  }
  return catalog as Catalog;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * What the catalog says of a table: the entries whose name matches (in any case, `*` for any text) laid over
 * one another, the most exact last.
 */
export function catalogTable(catalog: Catalog | undefined, table: string): CatalogTable {
  const matches = Object.entries(catalog?.tables ?? {}).filter(([pattern]) => globMatch(pattern, table));
  matches.sort(([a], [b]) => a.replaceAll('*', '').length - b.replaceAll('*', '').length);
  return Object.assign({}, ...matches.map(([, entry]) => entry));
}

const globs = new Map<string, RegExp>();

/** Whether a name matches a pattern in which `*` stands for any text; in any case. */
export function globMatch(pattern: string, name: string): boolean {
  let regex = globs.get(pattern);
  if (regex === undefined) {
    const source = pattern
      .split('*')
      .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
      .join('.*');
    regex = new RegExp(`^${source}$`, 'isu');
    globs.set(pattern, regex);
  }
  return regex.test(name);
}
