import { writeAvro } from '../../scripts/drops/avro.ts';
import { writeJson } from '../../scripts/drops/write.ts';
import { applyContentsquareTable, closureOf, type Model, type ModelRow } from './model.ts';
import { BIG, type Random, type RandomDrop, rowsOf, TEXTS } from './random.ts';

/** Dumps with gaps; tables come, stay away, come whole; columns appear; `user_migrations` is whole in each. */
export function randomContentsquare(r: Random): RandomDrop {
  const model: Model = new Map();
  const steps: RandomDrop['steps'][number][] = [];
  let dump = r.pick([8, 98, 998]);
  const seen = new Set<string>();
  let migrations: (readonly [bigint, bigint])[] = [];
  let hasPlan = false;
  for (let count = r.int(2, 4); count > 0; count -= 1) {
    dump += r.int(1, 2);
    hasPlan ||= r.chance(0.3);
    const made = { id: dump, hasPlan };
    const tables: { name: string; full: boolean; key: string; order?: string; rows: ModelRow[] }[] = [];
    const add = (name: string, key: string, row: (id: bigint) => ModelRow, order?: string): void => {
      if (!r.chance(0.8)) return;
      const full = !seen.has(name) || r.chance(0.3);
      seen.add(name);
      const rows = Array.from({ length: r.int(full ? 1 : 0, 6) }, () => row(BIG + BigInt(r.int(1, 6))));
      tables.push({ name, full, key, rows, ...(order === undefined ? {} : { order }) });
    };
    add(
      'users',
      'user_id',
      (id) => ({
        user_id: String(id),
        last_modified: String(1_768_000_000_000 + r.int(1, 5) * 1000),
        city: r.pick([...TEXTS, null]),
        ...(made.hasPlan ? { plan: r.pick(['free', null]) } : {}),
      }),
      'last_modified',
    );
    // An event never changes: the same one may come twice.
    add('pageviews', 'event_id', (id) => ({
      event_id: String(id),
      user_id: String(BIG + (id % 5n)),
      time: String(id % 1000n),
      path: `/p/${id}`,
    }));
    migrations = [1, 2, 3, 4]
      .filter(() => r.chance(0.5))
      .map((from) => [BIG + BigInt(from), BIG + BigInt(r.int(1, 6))] as const);
    migrations = migrations.filter(([from, to]) => from !== to);
    const pairs = migrations.map(([from, to]) => ({
      from_user_id: String(from),
      to_user_id: String(to),
      time: '0',
    }));
    tables.push({ name: 'user_migrations', full: true, key: 'from_user_id', rows: pairs });
    for (const each of tables) applyContentsquareTable(model, each.name, each);
    steps.push((root, bucket) => writeDump(root, { id: made.id, bucket, tables, hasPlan: made.hasPlan }));
  }
  const expected = () => {
    const map = [...(model.get('user_migrations')?.values() ?? [])].map(
      (row) => [BigInt(row['from_user_id']!), BigInt(row['to_user_id']!)] as const,
    );
    const resolved = [...closureOf(map)].map(([from, to]) => ({
      from_user_id: String(from),
      to_user_id: String(to),
    }));
    return rowsOf(model).set('user_migrations_resolved', resolved);
  };
  return { feed: 'contentsquare', steps, catalog: { tables: {} }, expected };
}

interface WrittenDump {
  readonly id: number;
  readonly bucket: string;
  readonly tables: readonly {
    readonly name: string;
    readonly full: boolean;
    readonly rows: readonly ModelRow[];
  }[];
  readonly hasPlan: boolean;
}

async function writeDump(root: string, { id, bucket, tables, hasPlan }: WrittenDump): Promise<void> {
  const fields: Record<string, Record<string, 'long' | 'long?' | 'string' | 'string?'>> = {
    users: {
      user_id: 'long',
      last_modified: 'string',
      city: 'string?',
      ...(hasPlan ? { plan: 'string?' } : {}),
    },
    pageviews: { event_id: 'long', user_id: 'long?', time: 'string', path: 'string' },
    user_migrations: { from_user_id: 'long', to_user_id: 'long', time: 'string?' },
  };
  const listed = [];
  for (const { name, full, rows } of tables) {
    const types = fields[name]!;
    const records = rows.map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([column, value]) => [
          column,
          value !== null && types[column]!.startsWith('long') ? BigInt(value) : value,
        ]),
      ),
    );
    const half = Math.ceil(records.length / 2);
    const files = [];
    for (const [place, part] of [records.slice(0, half), records.slice(half)].entries()) {
      if (part.length === 0) continue;
      const path = `sync_${id}/${name}/${9 - place}.avro`;
      await writeAvro(root, path, { name, fields: types, records: part });
      files.push(`s3://${bucket}/${path}`);
    }
    listed.push({ name, files, columns: Object.keys(types), incremental: !full });
  }
  writeJson(root, `manifests/sync_${id}.json`, { dump_id: id, tables: listed });
}
