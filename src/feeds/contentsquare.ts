/** Contentsquare Data Connect, "Amazon S3": numbered dumps, each with a manifest that lists all of its files. */

import { mismatch } from '../errors.ts';
import type { Entry } from '../stores/store.ts';
import { readContentsquareManifest } from './contentsquare-manifest.ts';
import type { Feed, ListContext, Listed, TableDefaults } from './feed.ts';
import { inScope, listedFile, ROOT_SCOPE } from './found.ts';
import { compareIds } from './group-id.ts';
import { isApplied } from './ready.ts';

const FOLDER = 'manifests/';
const MAX_MANIFEST_BYTES = 256 * 2 ** 20;
const READS_AT_ONCE = 8;

/** What stays of a manifest's body once it has been read. */
interface Dump {
  readonly entry: Entry;
  readonly id: string;
  readonly tables: readonly string[];
  readonly fullTables: readonly string[];
}

async function* list(context: ListContext): AsyncIterable<Listed> {
  const cursor = context.cursor(ROOT_SCOPE);
  const until = context.until(ROOT_SCOPE);
  const { lookback = 0 } = context.options;
  const isNew = ({ id, entry }: Dump) =>
    cursor === null ||
    compareIds(id, cursor) > 0 ||
    (lookback > 0 && Date.parse(entry.modified) >= context.nowMs - lookback);
  const dumps = (await readDumps(context, cursor)).filter(
    (dump) => isNew(dump) && (until === null || compareIds(dump.id, until) <= 0),
  );
  dumps.sort((a, b) => compareIds(a.id, b.id) || (a.entry.modified < b.entry.modified ? -1 : 1));
  warnOfGaps(dumps, cursor, context);
  const superseded = supersededTables(dumps);
  for (let i = 0; i < dumps.length; ) {
    const { id } = dumps[i]!;
    const files = [];
    for (; dumps[i]?.id === id; i += 1) {
      const { entry, tables } = dumps[i]!;
      const had = (table: string) =>
        isApplied({ scope: ROOT_SCOPE, group: id, table, modified: entry.modified }, context);
      const left = tables.filter(
        (table) => superseded[i]!.has(table) || !context.wanted(table) || had(table),
      );
      files.push({
        ...listedFile(entry, { role: 'manifest', format: 'json' }),
        ...(left.length === 0 ? {} : { superseded: left }),
      });
    }
    if (files.length > 1)
      context.warn(`dump ${id} has ${files.length} manifests; all are read, the newest last`);
    yield { kind: 'group', scope: ROOT_SCOPE, group: id, files };
  }
}

// For each dump the tables of which a later one here is a full copy.
function supersededTables(dumps: readonly Dump[]): ReadonlySet<string>[] {
  const full = new Set<string>();
  return dumps
    .toReversed()
    .map((dump) => {
      const later = new Set(full);
      for (const table of dump.fullTables) full.add(table);
      return later;
    })
    .toReversed();
}

function warnOfGaps(dumps: readonly Dump[], cursor: string | null, context: ListContext): void {
  let before = cursor;
  for (const { id } of dumps) {
    if (before !== null && BigInt(id) > BigInt(before) + 1n)
      context.warn(`expected dump ${BigInt(before) + 1n} after ${before}, found ${id}: a gap`);
    before = id;
  }
}

/**
 * The dumps whose manifests were read: the body's `dump_id` counts, not the file's name. Manifests named with a number
 * no greater than the cursor are left unread once others named alike have shown that the number is the `dump_id`.
 */
async function readDumps(context: ListContext, cursor: string | null): Promise<Dump[]> {
  const entries: Entry[] = [];
  for await (const entry of context.store.list(context.root, { prefix: FOLDER })) {
    if (/\.json$/i.test(entry.path) && entry.bytes > 0) entries.push(entry);
  }
  if (entries.length > 0) context.noteScope(ROOT_SCOPE);
  if (!inScope(context, ROOT_SCOPE)) return [];
  const isOld = (entry: Entry) => {
    const named = numberIn(entry)?.number;
    return (
      named !== undefined &&
      cursor !== null &&
      compareIds(named, cursor) <= 0 &&
      !(context.options.lookback ?? 0)
    );
  };
  const old = entries.filter(isOld);
  const dumps = await readAll(
    entries.filter((entry) => !isOld(entry)),
    context,
  );
  // One old manifest of each way of naming is the proof where no new one is.
  const proofs = new Map(old.map((entry) => [numberIn(entry)!.form, entry]));
  const proven = await readAll([...proofs.values()], context);
  const isNameTrue = [...dumps, ...proven].every(({ entry, id }) => {
    const named = numberIn(entry);
    return named === undefined || !proofs.has(named.form) || compareIds(named.number, id) === 0;
  });
  if (isNameTrue) return dumps;
  return [...dumps, ...(await readAll(old, context))];
}

// The one number in a file's name, and the name without it.
function numberIn({ path }: Entry): { number: string; form: string } | undefined {
  const match = /^(\D*)(\d+)(\D*)$/.exec(path.slice(path.lastIndexOf('/') + 1));
  return match === null ? undefined : { number: match[2]!, form: `${match[1]}/${match[3]}` };
}

async function readAll(entries: readonly Entry[], context: ListContext): Promise<Dump[]> {
  const dumps: Dump[] = [];
  for (let i = 0; i < entries.length; i += READS_AT_ONCE) {
    dumps.push(
      ...(await Promise.all(entries.slice(i, i + READS_AT_ONCE).map((entry) => readDump(entry, context)))),
    );
  }
  return dumps;
}

async function readDump(entry: Entry, context: ListContext): Promise<Dump> {
  if (entry.bytes > MAX_MANIFEST_BYTES)
    throw mismatch(entry.uri, `a manifest of at most ${MAX_MANIFEST_BYTES} bytes`, `${entry.bytes}`);
  const pieces: Uint8Array[] = [];
  for await (const piece of context.store.read(entry.uri, { etag: entry.etag })) pieces.push(piece);
  const { dumpId, tables } = readContentsquareManifest(Buffer.concat(pieces).toString('utf8'), entry.uri);
  return {
    entry,
    id: BigInt(dumpId).toString(),
    tables: tables.map(({ name }) => name),
    // Always false for user_migrations, says the vendor.
    fullTables: tables
      .filter(({ name, incremental }) => !incremental || name === 'user_migrations')
      .map(({ name }) => name),
  };
}

const KEYS: Readonly<Record<string, string>> = {
  users: 'user_id',
  user_migrations: 'from_user_id',
  sessions: 'session_id',
};

/**
 * Every other table holds events. Newest wins: users by `last_modified` (epoch milliseconds, which the files hold as
 * text), the rest by dump.
 */
function table(name: string): TableDefaults {
  const newest = { order: ['last_modified'], types: { last_modified: 'bigint' } } as const;
  return { merge: 'upsert', key: [KEYS[name] ?? 'event_id'], ...(name === 'users' ? newest : {}) };
}

export const contentsquare: Feed = {
  name: 'contentsquare',
  summary: 'Contentsquare (Heap) Data Connect: numbered dumps of Avro files, listed by manifests/*.json',
  settleMs: 0,
  lookbackMs: 0,
  csv: {},
  list,
  table,
  examples: [
    {
      key: 'manifests/sync_1234.json',
      body: '{"dump_id":1234,"tables":[]}',
      expect: { scope: 'root', group: '1234' },
    },
    { key: 'manifests/a.json', body: '{"dump_id":999,"tables":[]}', expect: { scope: 'root', group: '999' } },
    { key: 'manifests/readme.txt', expect: null },
    { key: 'sync_1234/users/0001.avro', expect: null },
    { key: 'users/date=2026-01-15/part-00000.avro', expect: null },
    { key: 'sync_reports/sync_1234.json', expect: null },
  ],
};
