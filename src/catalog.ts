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
  /** Of exports, whose runs are full deliveries: a table with no file has become empty. `ls-groups` looks at it. */
  readonly empty_when_absent?: boolean;
  /** What may become of the target's table when columns come or change; default: that of the run. */
  readonly contract?: 'evolve' | 'freeze' | 'discard';
  /** Every delivery must hold this table. */
  readonly required?: boolean;
}

export interface Catalog {
  readonly tables?: Readonly<Record<string, CatalogTable>>;
}

const MODES = new Set(['append', 'upsert', 'delete-insert', 'replace', 'scd2']);

const CONTRACTS = new Set(['evolve', 'freeze', 'discard']);

const SIMPLE_TYPES = new Set(
  'boolean int bigint decimal float double text bytes date time timestamp timestamptz uuid json array object'.split(
    ' ',
  ),
);

/** Whether a text is the name of a column type: `bigint`, `decimal(19,4)`. */
function isTypeName(text: string): text is TypeName {
  if (SIMPLE_TYPES.has(text)) return true;
  const decimal = /^decimal\((\d{1,4}),(\d{1,4})\)$/.exec(text);
  return decimal !== null && Number(decimal[1]) >= 1 && Number(decimal[2]) <= Number(decimal[1]);
}

/** Reads and checks a catalog file. Every error names the path inside the file. */
export function readCatalog(path: string): Catalog {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`catalog ${path}: ${messageOf(error)}`, { cause: error });
  }
  return parseCatalog(text, path);
}

/** Reads and checks a catalog's text; `name` stands in messages. Throws `UserError`. */
export function parseCatalog(text: string, name: string): Catalog {
  let catalog: unknown;
  try {
    catalog = JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text);
  } catch (error) {
    throw new UserError(`catalog ${name}: ${messageOf(error)}`, { cause: error });
  }
  checkCatalog(catalog, `catalog ${name}:`);
  return catalog as Catalog;
}

/** Throws unless a value is what may stand at a place such as `catalog c.json: tables.users.key`. */
type Check = (value: unknown, place: string) => void;

function refuse(place: string, expected: string): never {
  throw new UserError(`${place.endsWith(':') ? `${place} top level` : place}: expected ${expected}`);
}

const inside = (place: string, member: string) => `${place}${place.endsWith(':') ? ' ' : '.'}${member}`;

const check =
  (isRight: (value: unknown) => boolean, expected: string): Check =>
  (value, place) => {
    if (!isRight(value)) refuse(place, expected);
  };

/** An object of any members, each of which is checked the same way. */
const objectOf =
  (member: Check): Check =>
  (value, place) => {
    if (!isObject(value)) refuse(place, 'an object');
    for (const [name, inner] of Object.entries(value)) member(inner, inside(place, name));
  };

/** An object of these members only. */
const objectWith =
  (members: Readonly<Record<string, Check>>): Check =>
  (value, place) => {
    if (!isObject(value)) refuse(place, 'an object');
    for (const [name, inner] of Object.entries(value)) {
      if (!Object.hasOwn(members, name))
        refuse(inside(place, name), `one of ${Object.keys(members).join(', ')}`);
      members[name]!(inner, inside(place, name));
    }
  };

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const columnNames = check(
  (value) =>
    Array.isArray(value) &&
    value.every(isText) &&
    new Set(value.map((name) => name.toLowerCase())).size === value.length,
  'a list of column names, each once',
);
const flag = check((value) => typeof value === 'boolean', 'true or false');
const type = check(
  (value) => isText(value) && isTypeName(value),
  'a type such as bigint, decimal(19,4), text or timestamptz',
);
const columnWith = objectWith({ type });

const checkCatalog = objectWith({
  tables: objectOf(
    objectWith({
      key: columnNames,
      merge: check((value) => MODES.has(String(value)), `one of ${[...MODES].join(', ')}`),
      order: columnNames,
      delete_flag: check(isText, 'a column name'),
      columns: objectOf((value, place) => (isObject(value) ? columnWith : type)(value, place)),
      contract: check((value) => CONTRACTS.has(String(value)), `one of ${[...CONTRACTS].join(', ')}`),
      empty_when_absent: flag,
      required: flag,
    }),
  ),
});

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * What the catalog says of a table: the entries whose name matches (in any case, `*` for any text) laid over
 * one another, the most exact last; their columns too.
 */
export function catalogTable(catalog: Catalog | undefined, table: string): CatalogTable {
  const matches = Object.entries(catalog?.tables ?? {}).filter(([pattern]) => globMatch(pattern, table));
  matches.sort(([a], [b]) => exactness(a) - exactness(b));
  const entries = matches.map(([, entry]) => entry);
  const columns = Object.assign({}, ...entries.map((entry) => entry.columns));
  return Object.assign({}, ...entries, Object.keys(columns).length > 0 ? { columns } : {});
}

const exactness = (pattern: string) =>
  pattern.includes('*') ? pattern.replaceAll('*', '').length : Number.POSITIVE_INFINITY;

/** The type the catalog gives a column; names match in any case, an exact one first. */
export function catalogType(entry: CatalogTable, column: string): TypeName | undefined {
  const columns = entry.columns ?? {};
  const found = Object.hasOwn(columns, column)
    ? column
    : Object.keys(columns).find((name) => name.toLowerCase() === column.toLowerCase());
  const given = found === undefined ? undefined : columns[found];
  return typeof given === 'object' ? given.type : given;
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
