/** The inputs of the benchmarks: made once, from a fixed seed, under bench/.data. */

import {
  closeSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import avro from 'avsc';

export const DATA = new URL('.data/', import.meta.url).pathname;

/** A small generator with a seed (mulberry32), so that every machine makes the same bytes. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Makes a file unless it is there; a half-made one is never taken for whole. */
export async function once(name: string, make: (path: string) => Promise<void> | void): Promise<string> {
  mkdirSync(DATA, { recursive: true });
  const path = join(DATA, name);
  if (existsSync(path)) return path;
  const part = join(DATA, `part-${name}`);
  await make(part);
  renameSync(part, path);
  return path;
}

/** Writes a text file line by line. */
export function lines(path: string, count: number, line: (index: number) => string, head = ''): void {
  const file = openSync(path, 'w');
  let text = head;
  for (let index = 0; index < count; index++) {
    text += line(index);
    if (text.length > 1 << 20) {
      writeSync(file, text);
      text = '';
    }
  }
  writeSync(file, text);
  closeSync(file);
}

export const FORM_COLUMNS =
  'FormId factformid GuestId TherapistId ReviewedBy AppointmentId CenterId Serviceid ReviewedOn Submitteddate Startdate Isformsubmitted Formtype Formsource Fieldname Value1 Value2 Value3 Value4 DataTypeDesc Pointer FormVoided void ReviewNeeded FormAppointmentStatus AppointmentNoShowOrCancel isappointmentvoided formexpirydate LastUpdatedDate ETLCreatedDate PodName OrganizationId IsV3Form'.split(
    ' ',
  );

/** 33 columns as a vendor of forms writes them: ids, times, numbers, a free text with quotes and line feeds. */
export function formRow(next: () => number): (index: number) => string[] {
  const hex = () =>
    Math.floor(next() * 4294967296)
      .toString(16)
      .padStart(8, '0');
  const id = () => {
    const h = hex() + hex() + hex() + hex();
    return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`;
  };
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  const time = () =>
    `2026-${two(1 + next() * 12)}-${two(1 + next() * 28)} ${two(next() * 24)}:${two(next() * 60)}:${two(next() * 60)}.${String(Math.floor(next() * 1000)).padStart(3, '0')}`;
  const answers = ['plain answer', 'with, comma', 'with "quotes" inside', '', 'multi\nline', 'é unicode ✓'];
  const whole = (below: number) => String(Math.floor(next() * below));
  return (index) => [
    id(),
    String(9000000000000000000n + BigInt(index)),
    id(),
    id(),
    id(),
    id(),
    id(),
    id(),
    time(),
    time(),
    time(),
    whole(2),
    whole(9),
    'web',
    `Question ${whole(50)}`,
    (next() * 100).toFixed(3),
    '',
    next() < 0.5 ? 'True' : 'False',
    answers[Math.floor(next() * 6)]!,
    'text',
    whole(100),
    'False',
    whole(2),
    'False',
    '1',
    '0',
    'False',
    time(),
    time(),
    time(),
    'POD1',
    id(),
    'True',
  ];
}

export function csvField(value: string): string {
  return /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

export const forms = (rows: number) =>
  once(`forms-${rows}.csv`, (path) => {
    const row = formRow(random(1));
    lines(path, rows, (index) => `${row(index).map(csvField).join(',')}\n`, `${FORM_COLUMNS.join(',')}\n`);
  });

const EVENT_TEXTS =
  'device_type platform browser country region city referrer landing_page title path query utm_source utm_medium utm_campaign target_text href domain library'.split(
    ' ',
  );

export const events = (rows: number, codec: 'deflate' | 'null' = 'deflate') =>
  once(`events-${rows}-${codec}.avro`, async (path) => {
    const next = random(2);
    const nullable = (type: string) => ['null', type];
    const type = avro.Type.forSchema({
      type: 'record',
      name: 'event',
      fields: [
        ...['user_id', 'event_id', 'session_id'].map((name) => ({ name, type: 'long' })),
        { name: 'time', type: nullable('string') },
        ...EVENT_TEXTS.map((name) => ({ name, type: nullable('string'), default: null })),
      ],
    } as avro.Schema);
    const words = [
      'desktop',
      'mobile',
      null,
      'Chrome',
      'Safari',
      'United States',
      'Deutschland',
      'https://example.com/landing?x=1&y=2',
      'Überblick „quoted"',
      '/products/item-',
      'spring_sale',
      'cpc',
      null,
      null,
      'a"b\\c',
    ];
    const encoder = new avro.streams.BlockEncoder(type, { codec, blockSize: 1 << 16 });
    const out = createWriteStream(path);
    encoder.pipe(out);
    for (let index = 0; index < rows; index++) {
      const record: Record<string, unknown> = {
        user_id: Math.floor(next() * 2 ** 52),
        event_id: index + 2 ** 40,
        session_id: Math.floor(next() * 2 ** 50),
        time: String(1700000000000 + index),
      };
      for (const name of EVENT_TEXTS) record[name] = words[Math.floor(next() * words.length)];
      if (!encoder.write(record)) await new Promise((resolve) => encoder.once('drain', resolve));
    }
    encoder.end();
    await finished(out);
  });

/** Nested records: two objects, an array of objects that holds an array of scalars. */
export const nested = (rows: number) =>
  once(`nested-${rows}.jsonl`, (path) => {
    const next = random(3);
    const whole = (below: number) => Math.floor(next() * below);
    lines(path, rows, (index) => {
      const items = Array.from({ length: whole(4) }, () => ({
        sku: `sku-${whole(1000)}`,
        quantity: whole(9) + 1,
        tags: Array.from({ length: whole(3) }, () => `tag ${whole(20)}`),
      }));
      const row = {
        id: index,
        name: `Customer „${whole(1000)}“`,
        address: { city: 'Köln', geo: { lat: whole(9e6) / 1e5, lon: whole(9e6) / 1e5 } },
        items,
        updated_at: '2026-01-01T00:59:16Z',
        _sdc_sequence: 1514769053000 + index,
      };
      return `${JSON.stringify(row)}\n`;
    });
  });

/** Versions of records: `rows` lines of `keys` keys, with a 19-digit sequence as text. */
export const versions = (rows: number, keys: number) =>
  once(`versions-${rows}-${keys}.ndjson`, (path) => {
    const next = random(4);
    lines(path, rows, (index) => {
      const key = Math.floor(next() * keys);
      return `{"id":"${key}","_sdc_sequence":"${1565276078922000000n + BigInt(index)}","name":"Customer ${key}","email":"customer${key}@example.com","city":"Wuppertal","state":"${index % 7 === 0 ? 'closed' : 'open'}","updated_at":"2026-01-01T00:59:16Z"}\n`;
    });
  });
