/**
 * The Zenoti drop. First: the full load of two PODs, and group 10 after group 9. Second: a group from before a
 * schema upgrade (its files stay shorter), groups from after it, and a monthly snapshot.
 */

import { between, chance, pick, range, uuid, zonelessTime } from './random.ts';
import { csvLines, type Field, writeBytes, writeJson, writeText } from './write.ts';
import { createScript, dimUser, factFeedback, factForms, type ZenotiTable } from './zenoti-schema.ts';
import { zip } from './zip.ts';

const ORGANIZATIONS = { POD1: uuid('organization', 'POD1'), POD2: uuid('organization', 'POD2') } as const;
type Pod = keyof typeof ORGANIZATIONS;

const NEW_COLUMN = ['formlanguage', 'NVARCHAR(40)'] as const;
const factFormsUpgraded: ZenotiTable = { ...factForms, columns: [...factForms.columns, NEW_COLUMN] };

const ANSWERS = [
  'No known allergies',
  'Allergic to "latex", see note',
  'first line\nsecond line, with a comma',
  'Windows\r\nline break',
  'Crème brûlée – 100 % „bio“',
  '肩こり・腰痛',
  'émoji 💆‍♀️ and a tab\there',
  '\\N',
  'NULL',
  ' leading and trailing ',
  "O'Brien; DROP TABLE x; --",
  '',
  null,
] as const;

interface Version {
  readonly version?: number;
  readonly void?: boolean;
}

function form(
  table: ZenotiTable,
  pod: Pod,
  key: number,
  { version = 1, void: gone = false }: Version = {},
): Field[] {
  const known: Readonly<Record<string, Field>> = {
    factformid: key,
    formid: uuid('form', key),
    isformsubmitted: between(0, 2, 'submitted', key, version),
    formtype: between(1, 6, 'type', key),
    formsource: pick(['Webstore', 'Zenoti mobile app', 'Kiosk'], 'source', key),
    fieldname: pick(['Allergies?', 'Consent, signed', 'Notes "free text"', 'Größe'], 'field', key),
    value1: pick([null, '0.1', '-12.5', '1e-7', '123456.789', '0'], 'value1', key, version),
    value3: pick([null, 't', 'f', '1', '0'], 'value3', key, version),
    value4: pick(ANSWERS, 'answer', key, version),
    datatypedesc: pick(['Text', 'Number', 'Date'], 'datatype', key),
    void: gone ? pick(['1', 't', 'true'], 'void', key) : pick(['0', 'f', 'false'], 'void', key),
    lastupdateddate: zonelessTime(key * 60 + version * 3600),
    podname: pod,
    organizationid: ORGANIZATIONS[pod],
    formlanguage: pick(['en', 'de', 'ja', null], 'language', key, version),
  };
  return fill(table, known, key);
}

function user(pod: Pod, key: number, version = 1): Field[] {
  const first = pick(['Zoë', 'Marceline', 'Finn', 'Jake', "D'Arcy", 'Björn', '花子'], 'first', key);
  const known: Readonly<Record<string, Field>> = {
    userid: uuid('user', pod, key),
    // Beyond 2^53, where doubles have gaps.
    userpk: String(9007199254740993n + BigInt(key)),
    firstname: first,
    lastname: pick(['Bubblegum', 'Abadeer', 'Mertens', 'van der "Dog"', ''], 'last', key),
    email: `guest${key}@example.com`,
    city: version > 1 ? 'Ooo' : pick(['Hyderabad', 'Seattle', 'München', null], 'city', key),
    otherpreferences: key % 5 === 0 ? 'quiet room\nno perfume' : null,
    void: key % 7 === 0 ? 't' : 'f',
    etllastupdatedon: zonelessTime(key * 60 + version * 7200),
    podname: pod,
    organizationid: ORGANIZATIONS[pod],
  };
  return fill(dimUser, known, key);
}

function feedback(pod: Pod, key: number, { version = 1, void: gone = false }: Version = {}): Field[] {
  const known: Readonly<Record<string, Field>> = {
    feedbackid: key,
    organizationid: ORGANIZATIONS[pod],
    rating: between(1, 6, 'rating', key, version),
    score: `${between(0, 10, 'score', key)}.${String(between(0, 10_000, 'parts', key, version)).padStart(4, '0')}`,
    comments: pick(ANSWERS, 'comments', key, version),
    feedbackdate: zonelessTime(key * 86_400).slice(0, 10),
    void: gone ? '1' : '0',
  };
  return fill(factFeedback, known, key);
}

/** A row in the order of the table's columns; what is not known gets a value of its type, or often none. */
function fill(table: ZenotiTable, known: Readonly<Record<string, Field>>, key: number): Field[] {
  return table.columns.map(([name, type]) => {
    const given = known[name.toLowerCase()];
    if (given !== undefined)
      return typeof given === 'number' && name === 'UserPK' ? BigInt(given).toString() : given;
    if (chance('null', name, key) < 0.3) return null;
    if (type === 'VARCHAR(36)') return uuid(name, key % 20);
    if (type === 'TIMESTAMP') return zonelessTime(between(0, 5_000_000, name, key));
    if (type === 'INT') return between(0, 10, name, key);
    if (type === 'BOOLEAN') return pick(['t', 'f'], name, key);
    return null;
  });
}

function* both(table: ZenotiTable, pod: Pod, key: number, version: number): Iterable<Field[]> {
  yield form(table, pod, key, { version: version - 1, void: true });
  yield form(table, pod, key, { version });
}

/** Writes the drop's two deliveries under `out`; `scale` multiplies the number of rows. */
export function makeZenoti(out: string, scale: number): void {
  const first = `${out}/zenoti/first`;
  const second = `${out}/zenoti/second`;
  const n = (count: number): number => count * scale;
  const table = (root: string, path: string, rows: Iterable<Field[]>, lineBreak?: string): void =>
    writeText(root, path, csvLines(rows, lineBreak));
  // Keys of the rows that later deliveries change, spread so that they exist at every scale.
  const old = factForms;
  const upgraded = factFormsUpgraded;

  writeJson(out, 'zenoti/catalog.json', {
    tables: { bi_factfeedbackv2: { key: ['feedbackid', 'organizationid'] } },
  });
  for (const each of [factForms, dimUser, factFeedback]) {
    writeText(first, `SchemaFull/${each.name}.txt`, [createScript(each)]);
  }
  table(
    first,
    'POD1/9/Bi_FactForms/99/Bi_FactForms_1.csv',
    map(range(1, n(12) + 1), (key) => form(old, 'POD1', key)),
  );
  table(
    first,
    'POD1/9/Bi_FactForms/99/Bi_FactForms_2.csv',
    map(range(n(12) + 1, n(24) + 1), (key) => form(old, 'POD1', key)),
  );
  table(first, 'POD1/9/Bi_FactForms/100/Bi_FactForms_1.csv', [
    ...both(old, 'POD1', 3, 2),
    form(old, 'POD1', 5, { void: true }),
    form(old, 'POD1', n(24) + 1),
    form(old, 'POD1', n(24) + 2),
  ]);
  table(
    first,
    'POD1/9/Bi_DimUser/99/Bi_DimUser_1.csv',
    map(range(1, n(12) + 1), (key) => user('POD1', key)),
  );
  table(
    first,
    'POD1/9/bi_factfeedbackv2/99/bi_factfeedbackv2_1.csv',
    map(range(1, n(8) + 1), (key) => feedback('POD1', key)),
  );
  // Group 10 sorts before 9 as text: it deletes and changes what 9 brings.
  table(first, 'POD1/10/Bi_FactForms/101/Bi_FactForms_1.csv', [
    ...both(old, 'POD1', 1, 2),
    ...both(old, 'POD1', 7, 2),
    form(old, 'POD1', 8, { void: true }),
    form(old, 'POD1', 5, { version: 2 }),
  ]);
  table(first, 'POD1/10/Bi_DimUser/101/Bi_DimUser_1.csv', [user('POD1', 2, 2), user('POD1', n(12) + 1)]);
  // The other POD counts its keys from 1 too: only the organisation tells them apart.
  table(
    first,
    'POD2/55/Bi_FactForms/88/Bi_FactForms_1.csv',
    map(range(1, n(10) + 1), (key) => form(old, 'POD2', key)),
    '\r\n',
  );
  table(
    first,
    'POD2/55/Bi_DimUser/88/Bi_DimUser_1.csv',
    map(range(1, n(5) + 1), (key) => user('POD2', key)),
    '\r\n',
  );
  table(
    first,
    'POD2/55/bi_factfeedbackv2/88/bi_factfeedbackv2_1.csv',
    map(range(1, 4), (key) => feedback('POD2', key)),
  );

  // Before the upgrade: shorter files.
  table(second, 'POD1/11/Bi_FactForms/102/Bi_FactForms_1.csv', [
    ...both(old, 'POD1', 2, 2),
    form(old, 'POD1', 9, { void: true }),
    form(old, 'POD1', n(24) + 3),
  ]);
  table(second, 'POD1/11/Bi_DimUser/102/Bi_DimUser_1.csv', [user('POD1', 3, 2)]);
  writeText(second, 'SchemaUpgrade/2026.2/Bi_FactForms.txt', [
    `ALTER TABLE ${factForms.name} ADD COLUMN ${NEW_COLUMN.join(' ')};\n`,
  ]);
  writeText(second, `SchemaFull/${factForms.name}.txt`, [createScript(upgraded)]);
  // After the upgrade: the new column, an update said twice in one logid, an insert voided by a later logid.
  table(second, 'POD1/12/Bi_FactForms/103/Bi_FactForms_1.csv', [
    ...both(upgraded, 'POD1', 4, 2),
    ...both(upgraded, 'POD1', 4, 3),
    ...map(range(n(24) + 4, n(24) + n(4) + 4), (key) => form(upgraded, 'POD1', key)),
  ]);
  table(second, 'POD1/12/Bi_FactForms/104/Bi_FactForms_1.csv', [
    form(upgraded, 'POD1', n(24) + n(4) + 3, { void: true }),
  ]);
  table(second, 'POD1/12/bi_factfeedbackv2/103/bi_factfeedbackv2_1.csv', [
    feedback('POD1', 2, { void: true }),
    feedback('POD1', 2, { version: 2 }),
    feedback('POD1', 4, { void: true }),
  ]);
  table(second, 'POD2/56/Bi_FactForms/89/Bi_FactForms_1.csv', [
    ...both(upgraded, 'POD2', 1, 2),
    form(upgraded, 'POD2', 6, { void: true }),
    form(upgraded, 'POD2', n(10) + 1),
  ]);
  // The month's recovery copy: rows the target has, and one it lacks.
  const snapshot = [...map(range(1, 7), (key) => form(old, 'POD1', key)), form(old, 'POD1', 900_000)];
  writeBytes(
    second,
    'MonthlySnapshot/2026-02-01/POD1/1000/Bi_FactForms/600.600.zip',
    zip([{ name: 'Bi_FactForms.csv', bytes: Buffer.from([...csvLines(snapshot)].join('')) }]),
  );
}

function* map<T, U>(items: Iterable<T>, change: (item: T) => U): Iterable<U> {
  for (const item of items) yield change(item);
}
