/**
 * The Contentsquare drop. First: dumps 999 (all full) and 1000. Second: 1001 with new and vanished columns, 1002
 * with a full resync of `sessions`; `user_migrations` is full in each and grows a chain. Files that no manifest
 * lists lie about in both.
 */

import { type AvroFile, type AvroRecord, writeAvro } from './avro.ts';
import { between, pick, range } from './random.ts';
import { writeJson } from './write.ts';

const BUCKET = 's3://acme-contentsquare';
const MORNING_MS = Date.UTC(2026, 0, 14, 3);

// Beyond 2^53, as the vendor's ids are.
const userId = (key: number): bigint => 8_276_453_401_928_374_000n + BigInt(key);
const sessionId = (key: number): bigint => 5_402_118_990_031_552_001n + BigInt(key);
const eventId = (key: number): bigint => 3_117_640_228_845_109_337n + BigInt(key);
const time = (key: number, dump: number): string =>
  String(MORNING_MS + (dump - 999) * 86_400_000 + key * 1000);

function user(key: number, dump: number): AvroRecord {
  return {
    user_id: userId(key),
    last_modified: time(key, dump),
    joindate: time(key, 999),
    identity: key % 3 === 0 ? null : `user${key}@example.com`,
    city: dump > 999 ? 'Zürich' : pick(['Paris', 'São Paulo', '東京', 'New York, NY'], 'city', key),
  };
}

function session(key: number): AvroRecord {
  return {
    session_id: sessionId(key),
    user_id: userId(between(1, 20, 'owner', key)),
    time: time(key, 999),
    browser: pick(['Chrome 131', 'Safari "18"', 'Firefox'], 'browser', key),
    country: pick(['DE', 'FR', 'JP', null], 'country', key),
  };
}

function event(key: number, dump: number): AvroRecord {
  return {
    event_id: eventId(key),
    user_id: userId(between(1, 20, 'visitor', key)),
    session_id: sessionId(between(1, 20, 'visit', key)),
    time: time(key, dump),
  };
}

const pageview = (key: number, dump: number): AvroRecord => ({
  ...event(key, dump),
  path: `/shop/${key}?q=a,b`,
  title: pick(['Home', 'Über uns', 'Sale – 50 %', null], 'title', key),
});

const purchase = (key: number, dump: number): AvroRecord => ({
  ...event(key, dump),
  amount: `${between(1, 500, 'amount', key)}.${between(10, 99, 'cents', key)}`,
  currency: pick(['EUR', 'USD', 'JPY'], 'currency', key),
});

const migration = (from: number, to: number, dump: number): AvroRecord => ({
  from_user_id: userId(from),
  to_user_id: userId(to),
  time: from === 102 ? '0' : time(from, dump),
});

const USERS = {
  user_id: 'long',
  last_modified: 'string',
  joindate: 'string?',
  identity: 'string?',
  city: 'string?',
} as const;
const SESSIONS = {
  session_id: 'long',
  user_id: 'long',
  time: 'string',
  browser: 'string?',
  country: 'string?',
} as const;
const EVENT = { event_id: 'long', user_id: 'long', session_id: 'long?', time: 'string' } as const;
const PAGEVIEWS = { ...EVENT, path: 'string', title: 'string?' } as const;
const PAGEVIEWS_SHORT = { ...EVENT, path: 'string' } as const;
const PURCHASE = { ...EVENT, amount: 'string?', currency: 'string?' } as const;
const MIGRATIONS = { from_user_id: 'long', to_user_id: 'long', time: 'string?' } as const;

interface DumpTable {
  readonly full: boolean;
  readonly fields: AvroFile['fields'];
  /** A file each. */
  readonly parts: readonly Iterable<AvroRecord>[];
  readonly codec?: string;
}

interface Dump {
  readonly id: number;
  readonly root: string;
  readonly tables: Readonly<Record<string, DumpTable>>;
}

async function writeDump({ id, root, tables }: Dump): Promise<void> {
  const listed = [];
  for (const [name, table] of Object.entries(tables)) {
    const files: string[] = [];
    for (const [place, records] of table.parts.entries()) {
      // Names that do not sort in the order of the manifest: its order counts.
      const path = `sync_${id}/${name}/${pick(['f3', '7a', 'c1', '02'], name, place)}${97_432 - place}b.avro`;
      const codec = table.codec === undefined ? {} : { codec: table.codec };
      await writeAvro(root, path, { name, fields: table.fields, records, ...codec });
      files.push(`${BUCKET}/${path}`);
    }
    listed.push({ name, files, columns: Object.keys(table.fields), incremental: !table.full });
  }
  const definitions = `sync_${id}/property_definitions.json`;
  writeJson(root, definitions, {
    purchase: { amount: { type: 'number', description: 'Total of the basket' } },
  });
  writeJson(root, `manifests/sync_${id}.json`, {
    dump_id: id,
    tables: listed,
    property_definitions: `${BUCKET}/${definitions}`,
  });
  const start = MORNING_MS + (id - 999) * 86_400_000;
  writeJson(root, `sync_reports/sync_${id}.json`, {
    start_time: start,
    finish_time: start + 243_944,
    status: 'succeeded',
    next_sync_at: start + 86_400_000,
    error: null,
  });
}

/** Writes the drop's two deliveries under `out`; `scale` multiplies the number of rows. */
export async function makeContentsquare(out: string, scale: number): Promise<void> {
  const first = `${out}/contentsquare/first`;
  const second = `${out}/contentsquare/second`;
  const n = (count: number): number => count * scale;
  const rows = function* (
    make: (key: number, dump: number) => AvroRecord,
    from: number,
    to: number,
    dump: number,
  ) {
    for (const key of range(from, to)) yield make(key, dump);
  };

  await writeDump({
    id: 999,
    root: first,
    tables: {
      users: { full: true, fields: USERS, parts: [rows(user, 1, n(10), 999), rows(user, n(10), n(20), 999)] },
      user_migrations: { full: true, fields: MIGRATIONS, parts: [[migration(102, 1, 999)]] },
      sessions: { full: true, fields: SESSIONS, parts: [rows(session, 1, n(20), 999)] },
      pageviews: { full: true, fields: PAGEVIEWS, parts: [rows(pageview, 1, n(40), 999)], codec: 'deflate' },
      purchase: {
        full: true,
        fields: PURCHASE,
        parts: [rows(purchase, n(1000), n(1000) + 8, 999)],
        codec: 'null',
      },
    },
  });
  await writeDump({
    id: 1000,
    root: first,
    tables: {
      users: {
        full: false,
        fields: USERS,
        parts: [rows(user, 3, 6, 1000), rows(user, n(20), n(20) + 2, 1000)],
      },
      user_migrations: {
        full: true,
        fields: MIGRATIONS,
        parts: [[migration(102, 1, 999), migration(103, 102, 1000)]],
      },
      sessions: { full: false, fields: SESSIONS, parts: [rows(session, n(20), n(26), 1000)] },
      // The vendor does not de-duplicate: the last events of the dump before come again.
      pageviews: { full: false, fields: PAGEVIEWS, parts: [rows(pageview, n(40) - 2, n(50), 999)] },
      purchase: { full: false, fields: PURCHASE, parts: [rows(purchase, n(1000) + 8, n(1000) + 11, 1000)] },
    },
  });
  const stray = { name: 'users', fields: USERS, records: [user(666, 1000)] };
  await writeAvro(first, 'sync_1000/users/00000000retry.avro', stray);
  await writeAvro(first, 'users/date=2026-01-15/part-00000.avro', stray);

  const plan = (key: number, dump: number): AvroRecord => ({
    ...user(key, dump),
    plan: pick(['free', 'pro', null], 'plan', key),
  });
  const coupon = (key: number, dump: number): AvroRecord => ({
    ...purchase(key, dump),
    coupon: key % 2 ? 'WINTER' : null,
  });
  const untitled = (key: number, dump: number): AvroRecord => ({ ...event(key, dump), path: `/shop/${key}` });
  await writeDump({
    id: 1001,
    root: second,
    tables: {
      users: {
        full: false,
        fields: { ...USERS, plan: 'string?' },
        parts: [rows(plan, 5, 8, 1001), rows(plan, n(20) + 2, n(20) + 4, 1001)],
      },
      user_migrations: {
        full: true,
        fields: MIGRATIONS,
        parts: [[migration(102, 1, 999), migration(103, 102, 1000), migration(104, 103, 1001)]],
      },
      pageviews: { full: false, fields: PAGEVIEWS_SHORT, parts: [rows(untitled, n(50), n(54), 1001)] },
      purchase: {
        full: false,
        fields: { ...PURCHASE, coupon: 'string?' },
        parts: [rows(coupon, n(1000) + 11, n(1000) + 13, 1001)],
      },
    },
  });
  await writeDump({
    id: 1002,
    root: second,
    tables: {
      user_migrations: {
        full: true,
        fields: MIGRATIONS,
        parts: [
          [migration(103, 102, 1000), migration(102, 1, 999)],
          [migration(104, 103, 1001), migration(105, 2, 1002)],
        ],
      },
      sessions: { full: true, fields: SESSIONS, parts: [rows(session, 4, n(30), 1002)] },
      purchase: {
        full: false,
        fields: { ...PURCHASE, coupon: 'string?' },
        parts: [rows(coupon, n(1000) + 12, n(1000) + 14, 1002)],
      },
    },
  });
  await writeAvro(second, 'sync_1002/users/00000000retry.avro', stray);
}
