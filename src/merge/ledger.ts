/** Our own tables in the target: what has been applied, and what must be known about it later. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Dialect } from '../dialects/dialect.ts';
import { compareText } from '../wire/order.ts';
import type { DdlLine } from '../wire/types.ts';
import { now, ONE_ROW, primaryKey } from './forms.ts';
import { type Naming, qualified } from './names.ts';
import type { OwnTables } from './statement.ts';
import { ORDER_TEXTS } from './tombstone.ts';

const packageFile = join(import.meta.dirname, '../../package.json');
/** What the ledger says of who wrote it. */
export const { version: TOOL_VERSION } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };

/** The columns of the ledger. */
export const LEDGER_COLUMNS =
  'feed, source, scope, group_id, table_name, files, rows_read, inserted, updated, deleted, rejected, digest, tool_version, merge_key, merge_mode, applied_at';

/** Names of our tables. */
export const LEDGER = 'brigade_ledger';
const TABLES = 'brigade_table';
const DDL = 'brigade_ddl';
const TOMBSTONES = 'brigade_tombstone';

export function ownTables(naming: Pick<Naming, 'dialect' | 'schema'>): OwnTables {
  const isUpper = naming.dialect.nameCase === 'upper';
  const own = (name: string) => qualified(isUpper ? name.toUpperCase() : name, naming);
  return { ledger: own(LEDGER), table: own(TABLES), ddl: own(DDL), tombstone: own(TOMBSTONES) };
}

/** Creates our tables where they are missing. */
export function createOwnTables(own: OwnTables, dialect: Dialect): string[] {
  const [text, bigint, instant] = [dialect.type('text'), dialect.type('bigint'), dialect.type('timestamptz')];
  const key = (characters: number) => dialect.keyText?.(characters) ?? text;
  const table = (name: string, columns: string) => `CREATE TABLE IF NOT EXISTS ${name} (${columns})`;
  return [
    table(
      own.ledger,
      `feed ${text}, source ${key(300)} NOT NULL, scope ${key(190)} NOT NULL, group_id ${key(80)} NOT NULL, table_name ${key(190)} NOT NULL, files ${bigint}, rows_read ${bigint}, inserted ${bigint}, updated ${bigint}, deleted ${bigint}, rejected ${bigint}, digest ${text}, tool_version ${text}, merge_key ${text}, merge_mode ${text}, applied_at ${instant}${primaryKey('source, scope, group_id, table_name', dialect)}`,
    ),
    table(
      own.table,
      `target ${key(190)} NOT NULL, table_name ${text} NOT NULL, source ${text}, merge_key ${text}, merge_mode ${text}, parent ${text}, version ${bigint}${primaryKey('target', dialect)}`,
    ),
    table(
      own.ddl,
      `source ${key(190)} NOT NULL, uri ${key(500)} NOT NULL, etag ${key(70)} NOT NULL, modified ${text}, applied_at ${instant}${primaryKey('source, uri, etag', dialect)}`,
    ),
    table(
      own.tombstone,
      `target ${key(64)} NOT NULL, key_text ${key(500)} NOT NULL, order_key ${key(190)} NOT NULL, ${ORDER_TEXTS.map((name) => `${name} ${text}`).join(', ')}, deleted_at ${instant}${primaryKey('target, key_text, order_key', dialect)}`,
    ),
  ];
}

/** A group as the ledger knows it. */
export interface LedgerGroup {
  readonly feed: string;
  readonly source: string;
  readonly scope: string;
  readonly group: string;
  readonly after: string | null;
  readonly digest: string;
}

/** What one row of the ledger says besides its group. */
export interface LedgerEntry {
  /** Empty for the group as a whole; a name or pattern of `--tables` for all that it matches. */
  readonly table: string;
  readonly files: number;
  /** A number in SQL: of files that the engine reads, it alone can tell. */
  readonly read: string;
  readonly rejected: number;
  readonly key: readonly string[] | undefined;
  readonly mode: string | undefined;
  /** Its number in the counts; undefined: all tables together, or those of `among`. */
  readonly n: number | undefined;
  readonly among?: readonly number[];
  /** The number of its flag; default: `n`, else 0. */
  readonly flag?: number;
}

// Group ids are whole numbers of any size, or dates: of equal length after leading zeros are gone, text order is
// their order. (Vendors' ids; `9 < 10`.)
export function byAge(dialect: Dialect): string {
  const digits = dialect.withoutZeros?.('group_id') ?? `ltrim(group_id, '0')`;
  return `length(${digits}) DESC, ${dialect.bytewise(digits)} DESC`;
}

export function scopeIs({ source, scope }: LedgerGroup, dialect: Dialect, of = ''): string {
  return `${of}source = ${dialect.literal(source)} AND ${of}scope = ${dialect.literal(scope)}`;
}

/** The newest group of a scope that was applied whole; NULL: none was. */
export function newestGroup(group: LedgerGroup, own: OwnTables, dialect: Dialect): string {
  return `(SELECT group_id FROM ${own.ledger} WHERE ${scopeIs(group, dialect)} AND table_name = '' ORDER BY ${byAge(dialect)} LIMIT 1)`;
}

/** What is said of a stream that skips groups; `newest`, `said` (where it starts) and `id` (with which group) in SQL. */
export function refusedCursor(
  scope: string,
  newest: string,
  said: string,
  id: string,
  dialect: Dialect,
): string {
  const quote = (text: string) => dialect.literal(text);
  return [
    quote(`cursor of ${scope} is `),
    `coalesce(${newest}, 'not set')`,
    quote(', stream starts '),
    said,
    quote(' (group '),
    id,
    quote('); --allow-gap takes it all the same'),
  ].join(' || ');
}

/** Whether a table of a group (empty: the group itself) has not been applied yet. */
export function isNew(group: LedgerGroup, table: string, own: OwnTables, dialect: Dialect): string {
  return `NOT EXISTS (SELECT 1 FROM ${own.ledger} WHERE ${scopeIs(group, dialect)} AND group_id = ${dialect.literal(group.group)} AND table_name = ${dialect.literal(table)})`;
}

/** Fails if the stream skips groups: a group that is new must follow the newest one that was applied whole. */
export function checkCursor(group: LedgerGroup, own: OwnTables, dialect: Dialect): string {
  const newest = newestGroup(group, own, dialect);
  const after =
    group.after === null
      ? `coalesce(${newest}, '') <> ''`
      : `coalesce(${newest}, '') <> ${dialect.literal(group.after)}`;
  const said = group.after === null ? 'at its first group' : `after ${group.after}`;
  return dialect.check(
    `SELECT CASE WHEN ${isNew(group, '', own, dialect)} AND ${after} THEN ${dialect.literal(`cursor of ${group.scope} is `)} || coalesce(${newest}, 'not set') || ${dialect.literal(`, stream starts ${said} (group ${group.group}); --allow-gap takes it all the same`)} END`,
  );
}

/** Writes one row of the ledger. */
export function insertLedger(
  group: LedgerGroup,
  entry: LedgerEntry,
  {
    own,
    counts,
    dialect,
    guard,
  }: {
    readonly own: OwnTables;
    readonly counts: string;
    readonly dialect: Dialect;
    readonly guard: string | undefined;
  },
): string {
  const quote = (text: string | undefined) => (text === undefined ? 'NULL' : dialect.literal(text));
  const sum = (column: string) => `coalesce(sum(c.${column}), 0)`;
  const among = entry.among === undefined ? '' : ` WHERE c.n IN (${[0, ...entry.among].join(', ')})`;
  const of = entry.n === undefined ? among : ` WHERE c.n = ${entry.n}`;
  const values = [
    quote(group.feed),
    quote(group.source),
    quote(group.scope),
    quote(group.group),
    quote(entry.table),
    entry.files,
    entry.read,
    'q.inserted',
    'q.updated',
    'q.deleted',
    entry.rejected,
    quote(group.digest),
    quote(TOOL_VERSION),
    quote(entry.key?.join(',')),
    quote(entry.mode),
    now(dialect),
  ];
  return `INSERT INTO ${own.ledger} (${LEDGER_COLUMNS}) SELECT ${values.join(', ')} FROM (SELECT ${sum('inserted')} AS inserted, ${sum('updated')} AS updated, ${sum('deleted')} AS deleted FROM ${counts} c${of}) q${guard === undefined ? '' : ` WHERE ${guard}`}`;
}

/** Notes a schema script as applied. */
export function insertDdl(line: DdlLine, source: string, own: OwnTables, dialect: Dialect): string {
  const [from, uri, etag] = [source, line.uri, line.etag].map((text) => dialect.literal(text)) as [
    string,
    string,
    string,
  ];
  return `INSERT INTO ${own.ddl} (source, uri, etag, modified, applied_at) SELECT ${from}, ${uri}, ${etag}, ${dialect.literal(line.modified)}, ${now(dialect)} FROM ${ONE_ROW} WHERE NOT EXISTS (SELECT 1 FROM ${own.ddl} WHERE source = ${from} AND uri = ${uri} AND etag = ${etag})`;
}

/** What is kept of a table: how it is merged. */
export interface TableEntry {
  readonly target: string;
  readonly table: string;
  readonly source: string;
  readonly key: readonly string[];
  /** Whether the target calls columns alike whose names differ in case only: vendors change it between deliveries. */
  readonly anyCase: boolean;
  readonly mode: string;
  readonly parent: string | undefined;
}

/** Fails if a table was merged in another way before, which its rows would not survive; notes a new one. */
export function rememberTable(entry: TableEntry, own: OwnTables, dialect: Dialect): string[] {
  const quote = (text: string) => dialect.literal(text);
  const key = entry.key.join(',');
  const is = `target = ${quote(entry.target)}`;
  const folded = [key, [...entry.key].sort(byLowerCase).join(',')].map((text) => quote(text.toLowerCase()));
  const another = [
    `coalesce(merge_key, '') <> ${quote(key)}`,
    ...(entry.anyCase ? [`lower(coalesce(merge_key, '')) NOT IN (${[...new Set(folded)].join(', ')})`] : []),
  ].join(' AND ');
  const before = `coalesce(merge_mode, '') || ' by ' || coalesce(merge_key, '')`;
  return [
    dialect.check(
      `SELECT ${quote(`table ${entry.table}: expected the merge used so far, `)} || ${before} || ${quote(`, found ${entry.mode} by ${key}; to have it merged in another way, load the table anew (docs/merging.md)`)} FROM ${own.table} WHERE ${is} AND (coalesce(merge_mode, '') <> ${quote(entry.mode)} OR (${another}))`,
    ),
    `INSERT INTO ${own.table} (target, table_name, source, merge_key, merge_mode, parent) SELECT ${quote(entry.target)}, ${quote(entry.table)}, ${quote(entry.source)}, ${quote(key)}, ${quote(entry.mode)}, ${entry.parent === undefined ? 'NULL' : quote(entry.parent)} FROM ${ONE_ROW} WHERE NOT EXISTS (SELECT 1 FROM ${own.table} WHERE ${is})`,
  ];
}

const byLowerCase = (a: string, b: string) => compareText(a.toLowerCase(), b.toLowerCase());

/** The newest group of every table of every scope, that of the scope itself (table empty) first. */
export function selectState(own: OwnTables, dialect: Dialect): string {
  const number = (name: string) => `${dialect.cast(name, 'bigint', 'text')} AS ${name}`;
  const instant = `${dialect.cast('applied_at', 'timestamptz', 'text')} AS applied_at`;
  return `SELECT feed, source, scope, table_name, group_id, ${number('files')}, ${number('rows_read')}, ${instant} FROM (SELECT l.*, row_number() OVER (PARTITION BY source, scope, table_name ORDER BY ${byAge(dialect)}) AS place FROM ${own.ledger} l) l WHERE place = 1 ORDER BY source, scope, table_name`;
}
