/** Random drops, each with what the model makes of it: every step is a vendor's delivery. */

import { writeAvro } from '../../scripts/drops/avro.ts';
import { csvLines, writeJson, writeText } from '../../scripts/drops/write.ts';
import { openDuckDB, quoteName, quoteText } from '../../src/duckdb.ts';
import {
  applyContentsquareTable,
  applyExport,
  applyStitchLoad,
  applyZenotiDimension,
  applyZenotiFact,
  denest,
  type Model,
  type ModelRow,
  type StitchModel,
  type StitchRecord,
  type ZenotiBatch,
} from './model.ts';

/** Numbers from a seed (mulberry32). */
export interface Random {
  /** A whole number in [from, to]. */
  int(from: number, to: number): number;
  pick<T>(items: readonly T[]): T;
  chance(share: number): boolean;
}

export function random(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  return { int, pick: (items) => items[int(0, items.length - 1)]!, chance: (share) => next() < share };
}

export interface RandomDrop {
  readonly feed: 'zenoti' | 'contentsquare' | 'stitch' | 'exports';
  /** Each writes its files below a folder, which stands for the bucket of that name. */
  readonly steps: readonly ((root: string, bucket: string) => void | Promise<void>)[];
  readonly catalog: unknown;
  /** What the target must hold after all steps, delivered in visits of so many steps: tables by lower-case name. */
  expected(visits: readonly number[]): ReadonlyMap<string, readonly ModelRow[]>;
}

const TEXTS = [
  'plain',
  'with "quotes", commas',
  'two\nlines',
  'Grüße 💆‍♀️ 東京',
  "O'Neil; --",
  '\\N',
  'back\\slash\ttab',
  'NULL',
  ' blank ',
  '',
];
const rowsOf = (model: Model): Map<string, ModelRow[]> =>
  new Map([...model].map(([name, rows]) => [name.toLowerCase(), [...rows.values()]]));

/** PODs with groups around the orders of magnitude, several logids, an upgrade that lengthens the files midway. */
export function randomZenoti(r: Random): RandomDrop {
  const model: Model = new Map();
  const steps: RandomDrop['steps'][number][] = [];
  const fact = [
    'factid DECIMAL(19,0)',
    'organizationid VARCHAR(36)',
    'void BOOLEAN',
    'note NVARCHAR(200)',
    'amount DECIMAL(9,2)',
  ];
  const dimension = ['dimid BIGINT', 'label NVARCHAR(200)', 'void BOOLEAN'];
  const schema = (root: string, folder: string, name: string, columns: readonly string[]): void =>
    writeText(root, `${folder}/${name}.txt`, [
      `CREATE TABLE ${name} (${columns.join(' ,')}) distkey(${columns[0]!.split(' ')[0]});`,
    ]);
  steps.push((root) => {
    schema(root, 'SchemaFull', 'Bi_FactRandom', fact);
    schema(root, 'SchemaFull', 'Bi_DimRandom', dimension);
  });
  let extra = false;
  const next = { POD1: r.pick([7, 98]), POD2: r.pick([9, 995]) };
  for (let count = r.int(3, 5); count > 0; count -= 1) {
    if (!extra && r.chance(0.3)) {
      extra = true;
      steps.push((root) => {
        schema(root, 'SchemaFull', 'Bi_FactRandom', [...fact, 'extra INT']);
        writeText(root, 'SchemaUpgrade/2026.2/Bi_FactRandom.txt', [
          'ALTER TABLE Bi_FactRandom ADD COLUMN extra INT;',
        ]);
      });
    }
    const pod = r.pick(['POD1', 'POD2'] as const);
    next[pod] += r.int(1, 3);
    const group = next[pod];
    const facts: ZenotiBatch[] = [];
    const dimensions: ZenotiBatch[] = [];
    const logids = new Set([r.int(8, 11), r.int(98, 101)]);
    for (const logid of logids) {
      const rows = Array.from(
        { length: r.int(0, 8) },
        (): ModelRow => ({
          factid: String(r.int(1, 6)),
          organizationid: r.pick([pod, `${pod}-b`]),
          void: r.pick(['true', 'false', 'false', null]),
          note: r.pick([...TEXTS, null]),
          amount: r.pick(['1.50', '-20.00', '0.01', null]),
          ...(extra ? { extra: r.pick(['1', '-7', null]) } : {}),
        }),
      );
      if (rows.length > 0) facts.push({ logid, rows });
      // Without an order two different rows of one key in one group would be a conflict of the last word.
      const ids = [1, 2, 3, 4, 5].filter(() => r.chance(0.4));
      if (dimensions.length === 0 && ids.length > 0) {
        const first = pod === 'POD1' ? 0 : 100;
        dimensions.push({
          logid,
          rows: ids.map((id) => ({
            dimid: String(first + id),
            label: r.pick([...TEXTS, null]),
            void: r.pick(['true', 'false']),
          })),
        });
      }
    }
    if (facts.length > 0) applyZenotiFact(model, 'Bi_FactRandom', ['factid', 'organizationid'], facts);
    if (dimensions.length > 0) applyZenotiDimension(model, 'Bi_DimRandom', ['dimid'], dimensions);
    const spelled = r.pick([
      ['true', 'false'],
      ['1', '0'],
      ['t', 'f'],
    ] as const);
    const lineBreak = r.pick(['\n', '\r\n']);
    const write = (root: string, name: string, batches: readonly ZenotiBatch[]): void => {
      for (const { logid, rows } of batches) {
        const fields = rows.map((row) =>
          Object.entries(row).map(([column, value]) =>
            column === 'void' && value !== null ? spelled[value === 'true' ? 0 : 1] : value,
          ),
        );
        const half = Math.ceil(fields.length / 2);
        writeText(
          root,
          `${pod}/${group}/${name}/${logid}/part_1.csv`,
          csvLines(fields.slice(0, half), lineBreak),
        );
        if (half < fields.length)
          writeText(
            root,
            `${pod}/${group}/${name}/${logid}/part_2.csv`,
            csvLines(fields.slice(half), lineBreak),
          );
      }
    };
    if (facts.length + dimensions.length > 0) {
      steps.push((root) => {
        write(root, 'Bi_FactRandom', facts);
        write(root, 'Bi_DimRandom', dimensions);
      });
    }
  }
  const catalog = {
    tables: { Bi_FactRandom: { key: ['factid', 'organizationid'] }, Bi_DimRandom: { key: ['dimid'] } },
  };
  return { feed: 'zenoti', steps, catalog, expected: () => rowsOf(model) };
}

const BIG = 9_007_199_254_740_993n;

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
  return { feed: 'contentsquare', steps, catalog: { tables: {} }, expected: () => rowsOf(model) };
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

/** Loads of nested records: versions of a record, equal sequences, new and late old table versions. */
export function randomStitch(r: Random): RandomDrop {
  const model: StitchModel = new Map();
  const steps: RandomDrop['steps'][number][] = [];
  let ms = 1_768_356_000_000;
  let sequence = 1_565_276_078_922_000_095n;
  let version = 1;
  const sent = new Map<string, StitchRecord>();
  for (let count = r.int(2, 4); count > 0; count -= 1) {
    ms += r.int(1, 3_600_000);
    if (r.chance(0.25)) version += 1;
    const loadVersion = version > 1 && r.chance(0.2) ? version - 1 : version;
    const load = Array.from({ length: r.int(1, 6) }, (): StitchRecord => {
      sequence += BigInt(r.int(0, 3));
      // Some come late. The same key and sequence is the same record, sent again.
      const at = r.chance(0.3) ? sequence - BigInt(r.int(0, 6)) : sequence;
      const id = r.int(1, 4);
      const known = sent.get(`${id} ${at} ${loadVersion}`);
      if (known !== undefined) return known;
      const record = {
        id,
        name: r.pick(TEXTS),
        address: { city: r.pick(['Köln', 'Ooo']), geo: { lat: r.pick([50.5, -0.25]) } },
        tags: Array.from({ length: r.int(0, 3) }, () => r.pick(['a', 'b', null])),
        personas: Array.from({ length: r.int(0, 2) }, (_, place) => ({
          id: `p${place}`,
          powers: Array.from({ length: r.int(0, 2) }, () => r.pick(['x', 'y'])),
        })),
        _sdc_batched_at: new Date(ms).toISOString(),
        _sdc_table_version: loadVersion,
        _sdc_sequence: String(at),
      };
      const made = { record, sequence: at, version: loadVersion };
      sent.set(`${id} ${at} ${loadVersion}`, made);
      return made;
    });
    applyStitchLoad(model, 'contacts', 'id', load);
    // The sequence is a bare number in the file.
    const lines = load.map(
      ({ record }) => `${JSON.stringify(record).replace(/"_sdc_sequence":"(\d+)"/, '"_sdc_sequence":$1')}\n`,
    );
    const path = `crm/contacts/${loadVersion}_${ms}.jsonl`;
    steps.push((root) => writeText(root, path, lines));
  }
  const expected = denest('crm__contacts', 'id', model.get('contacts')!.live.values());
  return {
    feed: 'stitch',
    steps,
    catalog: { tables: { '*contacts': { key: ['id'] } } },
    expected: () => expected,
  };
}

/** Daily runs in which a table may have no file. Of several that are ready, only the newest is applied. */
export function randomExports(r: Random): RandomDrop {
  const runs = Array.from({ length: r.int(1, 3) }, () => {
    const tables: Record<string, ModelRow[]> = {};
    for (const name of ['DIM_LOCATIONS', 'FACT_REVIEWS']) {
      tables[name] = Array.from({ length: r.chance(0.8) ? r.int(1, 6) : 0 }, (_, place) => ({
        ID: String(BIG + BigInt(place)),
        NAME: r.pick([...TEXTS, null]),
        AMOUNT: r.pick(['1.50', '-0.01', null]),
        AT: r.pick(['2026-01-02 03:04:05.123456', '2026-01-02 03:04:05', null]),
      }));
    }
    return tables;
  });
  const expected = (visits: readonly number[]): Map<string, ModelRow[]> => {
    const model: Model = new Map();
    let done = 0;
    for (const visit of visits) {
      done += visit;
      if (visit > 0) applyExport(model, runs[done - 1]!);
    }
    return rowsOf(model);
  };
  const steps = runs.map((tables, day) => (root: string) => writeExport(root, `2026-02-0${day + 1}`, tables));
  return { feed: 'exports', steps, catalog: { tables: {} }, expected };
}

async function writeExport(
  root: string,
  date: string,
  tables: Readonly<Record<string, readonly ModelRow[]>>,
): Promise<void> {
  const types: Readonly<Record<string, string>> = {
    ID: 'BIGINT',
    NAME: 'VARCHAR',
    AMOUNT: 'DECIMAL(18,2)',
    AT: 'TIMESTAMP',
  };
  const database = await openDuckDB();
  for (const [name, rows] of Object.entries(tables)) {
    if (rows.length === 0) continue;
    const path = `analytics-export/${date}/${name}/data_0_0_0.snappy.parquet`;
    writeText(root, path, []);
    const selects = rows.map(
      (row) =>
        `SELECT ${Object.entries(row)
          .map(
            ([column, value]) =>
              `${value === null ? 'NULL' : quoteText(value)}::${types[column]} AS ${quoteName(column)}`,
          )
          .join(', ')}`,
    );
    await database.run(
      `COPY (${selects.join(' UNION ALL ')}) TO ${quoteText(`${root}/${path}`)} (FORMAT parquet)`,
    );
  }
  database.close();
}
