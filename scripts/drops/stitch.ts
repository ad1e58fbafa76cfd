/**
 * The Stitch drop: one integration that loads JSONL, one that loads CSV. First: versions of a record, the row that
 * comes again each time, a rejected record, the challenge file. Second: a shrunk array, a deleted row, a new version
 * of a table, and a late file of its old version.
 */

import { pick, range } from './random.ts';
import { csvLines, type Field, jsonLines, writeJson, writeText } from './write.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 0, 14, 2);

interface Load {
  /** When Stitch loaded it: the group. */
  readonly ms: number;
  readonly version?: number;
}

/** The columns Stitch adds. The sequence is milliseconds and six more digits: beyond 2^53, so written as text. */
function system(
  { ms, version = 1 }: Load,
  place: number,
): { readonly names: string[]; readonly values: (string | number)[] } {
  const at = (seconds: number): string => new Date(ms - 120_000 + seconds * 1000).toISOString();
  return {
    names: [
      '_sdc_extracted_at',
      '_sdc_received_at',
      '_sdc_batched_at',
      '_sdc_table_version',
      '_sdc_sequence',
    ],
    values: [at(0), at(1), at(60), version, `${ms - 60_000}${String(place * 5 + 95).padStart(6, '0')}`],
  };
}

/** A record as Stitch writes it to JSONL: the sequence is a bare number there, which JSON.stringify cannot write. */
function jsonRecord(record: Readonly<Record<string, unknown>>, load: Load, place: number): string {
  const { names, values } = system(load, place);
  const members = names.map((name, index) =>
    name === '_sdc_sequence' ? `"${name}":${values[index]}` : `"${name}":${JSON.stringify(values[index])}`,
  );
  return `${JSON.stringify(record).slice(0, -1)},${members.join(',')}}`;
}

const NAMES = ['Bubblegum', 'Marceline', 'Łukasz', '王芳', "O'Neil", 'Line\nBreak'] as const;

/** The vendor's own example, and more like it. */
function contact(
  id: number,
  { personas, version = 1, deleted }: { personas: number; version?: number; deleted?: string },
): Record<string, unknown> {
  const seed = id === 2078178;
  return {
    id,
    name: seed ? 'Bubblegum' : pick(NAMES, 'name', id),
    phone_numbers:
      seed || id % 2 === 0 ? [{ mobile: '0987654321', work: version > 1 ? null : '7896541230' }] : [],
    address: { city: pick(['Ooo', 'Köln'], 'city', id), geo: { lat: 50.5 + (id % 10) / 100, lon: -0.25 } },
    personas: Array.from({ length: personas }, (_, place) => ({
      id: `persona_${place + 1}`,
      type: ['Princess', 'Heroine', 'Villain'][place % 3],
      powers: place === 0 ? ['candy', null, 'science'] : [],
    })),
    updated_at: `2018-01-0${version}T00:59:16Z`,
    ...(deleted === undefined ? {} : { _sdc_deleted_at: deleted }),
  };
}

function account(id: number, version: number): Record<string, unknown> {
  return { id: `acc-${id}`, name: `Account ${id} v${version}`, balance: id * 1.5, is_active: id % 2 === 0 };
}

/** A table without a primary key: Stitch makes one up. */
function visit(id: number): Record<string, unknown> {
  return { __sdc_primary_key: `5f2c-${String(id).padStart(6, '0')}`, page: `/p/${id}`, seconds: id % 90 };
}

const CONTACT_COLUMNS = [
  'id',
  'name',
  'phone_numbers__mobile',
  'phone_numbers__work',
  'updated_at',
  '_sdc_deleted_at',
];
const PERSONA_COLUMNS = ['_sdc_source_key_id', '_sdc_level_0_id', 'id', 'type'];
const TICKET_COLUMNS = ['id', 'subject', 'priority', 'created_at'];

function* csv(
  columns: readonly string[],
  load: Load,
  rows: Iterable<readonly Field[]>,
  places?: readonly number[],
): Iterable<string> {
  yield* csvLines([[...columns, ...system(load, 0).names]]);
  let place = 0;
  for (const row of rows) {
    yield* csvLines([[...row, ...system(load, places?.[place] ?? place).values]]);
    place += 1;
  }
}

const csvContact = (id: number, version = 1, deleted: string | null = null): Field[] => [
  id,
  id === 2078178 ? 'Bubblegum' : pick(NAMES, 'name', id),
  '0987654321',
  version > 1 ? null : '7896541230',
  `2018-01-0${version}T00:59:16Z`,
  deleted,
];

/** Writes the drop's two deliveries under `out`; `scale` multiplies the number of rows. */
export function makeStitch(out: string, scale: number): void {
  const first = `${out}/stitch/first`;
  const second = `${out}/stitch/second`;
  const load = (hours: number, version = 1): Load => ({ ms: START_MS + hours * HOUR_MS, version });
  const file = (path: string, { ms, version = 1 }: Load, extension: string): string =>
    `${path}/${version}_${ms}.${extension}`;
  const jsonl = (
    root: string,
    path: string,
    when: Load,
    records: Iterable<Record<string, unknown>>,
    from = 0,
  ): void => {
    const lines = function* (): Iterable<string> {
      let place = from;
      for (const record of records) yield jsonRecord(record, when, place++);
    };
    writeText(root, file(path, when, 'jsonl'), jsonLines(lines()));
  };
  const people = function* (count: number): Iterable<Record<string, unknown>> {
    for (const id of range(1, count + 1)) yield contact(id, { personas: id % 4 });
  };

  writeJson(out, 'stitch/catalog.json', {
    tables: { '*contacts': { key: ['id'] }, '*accounts': { key: ['id'] }, '*tickets': { key: ['id'] } },
  });

  // salesforce-prod: JSONL.
  const sales = 'salesforce-prod';
  jsonl(first, `${sales}/contacts`, load(0), [contact(2078178, { personas: 2 }), ...people(10 * scale)]);
  // The inclusive bookmark: the last row again, and a newer version of the first.
  jsonl(first, `${sales}/contacts`, load(1), [
    contact(10 * scale, { personas: (10 * scale) % 4 }),
    contact(1, { personas: 3, version: 2 }),
  ]);
  jsonl(first, `${sales}/accounts`, load(0), accounts(6 * scale, 1));
  jsonl(first, `${sales}/visits`, load(0), visits(1, 8 * scale));
  writeText(
    first,
    file(`${sales}/_sdc_rejected`, load(0), 'jsonl'),
    jsonLines([
      {
        _sdc_rejected_at: '2026-01-14T02:00:00Z',
        table_name: 'contacts',
        reason: 'Record is too large',
        record: '{"id":77}',
      },
    ]),
  );
  writeText(first, 'stitch-challenge-file-5d41402a', ['5d41402abc4b2a76b9719d911017c592']);

  // The array of the first version had two personas; now it has one, then none, in one group.
  jsonl(second, `${sales}/contacts`, load(24), [
    contact(2078178, { personas: 1, version: 2 }),
    contact(2, { personas: 1, version: 2 }),
    contact(2, { personas: 0, version: 3 }),
    contact(3, { personas: 3, version: 2, deleted: '2026-01-15T01:00:00Z' }),
    contact(10 * scale + 1, { personas: 2 }),
  ]);
  jsonl(second, `${sales}/accounts`, load(24, 2), accounts(5 * scale, 2));
  jsonl(second, `${sales}/accounts`, load(25, 1), [account(1, 1), account(6, 1)]);
  jsonl(second, `${sales}/visits`, load(24), visits(8 * scale, 8 * scale + 2));

  // zendesk-prod: CSV, arrays cut off into files of their own.
  const desk = 'zendesk-prod';
  const personas = function* (ids: readonly (readonly [id: number, count: number])[]): Iterable<Field[]> {
    for (const [id, count] of ids) {
      for (const place of range(0, count))
        yield [id, place, `persona_${place + 1}`, ['Princess', 'Heroine'][place % 2]!];
    }
  };
  const ticket = (id: number, version: number): Field[] => [
    id,
    pick(['Broken, again', 'Say "hi"', 'Two\nlines', null], 'subject', id),
    pick(['low', 'high'], id, version),
    '2026-01-10T08:00:00Z',
  ];
  writeText(
    first,
    file(`${desk}/contacts`, load(2), 'csv'),
    csv(CONTACT_COLUMNS, load(2), [csvContact(2078178), csvContact(11), csvContact(12)]),
  );
  writeText(
    first,
    file(`${desk}/contacts/personas`, load(2), 'csv'),
    csv(
      PERSONA_COLUMNS,
      load(2),
      personas([
        [2078178, 2],
        [11, 1],
        [12, 2],
      ]),
      [0, 0, 1, 2, 2],
    ),
  );
  writeText(
    first,
    file(`${desk}/tickets`, load(2), 'csv'),
    csv(
      TICKET_COLUMNS,
      load(2),
      map(range(1, 15 * scale + 1), (id) => ticket(id, 1)),
    ),
  );

  writeText(
    second,
    file(`${desk}/contacts`, load(26), 'csv'),
    csv(CONTACT_COLUMNS, load(26), [
      csvContact(2078178, 2),
      csvContact(11, 2, '2026-01-15T01:30:00Z'),
      csvContact(13),
    ]),
  );
  // 11 has lost its only persona, 2078178 one of its two.
  writeText(
    second,
    file(`${desk}/contacts/personas`, load(26), 'csv'),
    csv(
      PERSONA_COLUMNS,
      load(26),
      personas([
        [2078178, 1],
        [13, 1],
      ]),
      [0, 2],
    ),
  );
  writeText(
    second,
    file(`${desk}/tickets`, load(26), 'csv'),
    csv([...TICKET_COLUMNS, 'tags'], load(26), [
      [...ticket(2, 2), 'vip'],
      [...ticket(15 * scale + 1, 1), null],
    ]),
  );
}

function* accounts(count: number, version: number): Iterable<Record<string, unknown>> {
  for (const id of range(1, count + 1)) yield account(id, version);
}

function* visits(from: number, to: number): Iterable<Record<string, unknown>> {
  for (const id of range(from, to + 1)) yield visit(id);
}

function* map<T, U>(items: Iterable<T>, change: (item: T) => U): Iterable<U> {
  for (const item of items) yield change(item);
}
