import assert from 'node:assert/strict';
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { TemporaryError, UsageError, UserError } from '../src/errors.ts';
import type { ListGroupsOptions } from '../src/feeds/feed.ts';
import { compareIds } from '../src/feeds/group-id.ts';
import { feeds } from '../src/feeds/index.ts';
import { parseTemplate } from '../src/feeds/key-template.ts';
import { listGroups } from '../src/feeds/list.ts';
import { EXAMPLE_TEMPLATE } from '../src/feeds/template.ts';
import { quietContext } from '../src/stage.ts';
import { normaliseRoot, openStore } from '../src/stores/index.ts';
import type { Store } from '../src/stores/store.ts';
import type { Control } from '../src/wire/types.ts';
import { drop, scratch } from './support/scratch.ts';

type Files = Readonly<Record<string, string | { readonly body?: string; readonly at?: string }>>;

const LONG_AGO = '2026-01-01T00:00:00Z';

function put(folder: string, files: Files): string {
  for (const [key, value] of Object.entries(files)) {
    const { body = 'x', at = LONG_AGO } = typeof value === 'string' ? { body: value } : value;
    const file = join(folder, key);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, body);
    utimesSync(file, new Date(at), new Date(at));
  }
  return folder;
}

async function listed(
  folder: string,
  options: ListGroupsOptions,
): Promise<{ lines: Control[]; warnings: string[] }> {
  const lines: Control[] = [];
  const warnings: string[] = [];
  for await (const chunk of listGroups(
    folder,
    options,
  )(quietContext({ warn: (message) => warnings.push(message) })))
    lines.push(chunk as Control);
  return { lines, warnings };
}

// Groups as `scope group<after: table/batch table …`, scripts as their paths.
async function shape(folder: string, options: ListGroupsOptions): Promise<string[]> {
  const { lines } = await listed(folder, options);
  const found: string[] = [];
  for (const line of lines) {
    if (line.$ === 'ddl') found.push(line.uri.slice(line.uri.indexOf('Schema')));
    else if (line.$ === 'group') found.push(`${line.scope} ${line.group}<${line.after}:`);
    else if (line.$ === 'file')
      found[found.length - 1] +=
        ` ${line.table ?? line.role}${line.batch === undefined ? '' : `/${line.batch}`}`;
  }
  return found;
}

async function failure(work: Promise<unknown>): Promise<Error> {
  const error = await work.then(
    () => undefined,
    (reason) => reason,
  );
  assert.ok(error instanceof Error, 'expected an error, found none');
  return error;
}

/** A store that counts what its listings give. */
function counting(): { store: Store; entries: () => number } {
  const store = openStore();
  let count = 0;
  const list: Store['list'] = async function* (root, options) {
    for await (const entry of store.list(root, options)) {
      count++;
      yield entry;
    }
  };
  return { store: { ...store, list }, entries: () => count };
}

for (const feed of Object.values(feeds)) {
  test(`${feed.name}: every example key is listed as it says`, async () => {
    assert.ok(feed.examples.some(({ expect }) => expect !== null));
    for (const { key, body, expect } of feed.examples) {
      const folder = put(scratch('example'), { [key]: body ?? 'x' });
      const options = {
        feed: feed.name,
        settle: 0,
        ...(feed.name === 'template' ? { template: EXAMPLE_TEMPLATE } : {}),
      };
      // What the listing leaves out may leave nothing at all, which is an error of its own.
      const { lines } = await listed(folder, options).catch((error) => {
        assert.ok(expect === null && error instanceof UserError, `${key}: ${error}`);
        return { lines: [] as Control[] };
      });
      const files = lines.filter((line) => line.$ === 'file');
      if (expect === null) {
        assert.deepEqual(files, [], key);
        continue;
      }
      const [group] = lines.filter((line) => line.$ === 'group');
      assert.equal(files.length, 1, key);
      const { table, batch } = files[0]!;
      assert.deepEqual(
        { scope: group?.scope, group: group?.group, table, batch },
        { table: undefined, batch: undefined, ...expect },
        key,
      );
    }
  });
}

test('ids are compared as integers, at any length', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 30n }), fc.bigInt({ min: 0n, max: 10n ** 30n }), (a, b) => {
      assert.equal(compareIds(`${a}`, `${b}`), a < b ? -1 : a > b ? 1 : 0);
    }),
  );
  assert.ok(compareIds('2026-01-09', '20260110') < 0);
  assert.throws(() => compareIds('x', '1'), UsageError);
});

test('zenoti: groups are numbers, logids are numbers, and tables keep their order', async () => {
  const folder = put(scratch(), {
    'POD1/10/b/9/x.csv': 'x',
    'POD1/10/b/10/x.csv': 'x',
    'POD1/10/a/100/x.csv': 'x',
    'POD1/10/b/9/w.csv': 'x',
    'POD1/9/a/1/x.csv': 'x',
    'POD1/100/a/1/x.csv': 'x',
    'POD2/2/a/1/x.csv': 'x',
    'notes/readme.md': 'x',
  });
  assert.deepEqual(await shape(folder, { feed: 'zenoti' }), [
    'POD1 9<null: a/1',
    'POD1 10<9: a/100 b/9 b/9 b/10',
    'POD1 100<10: a/1',
    'POD2 2<null: a/1',
  ]);
});

test('any cursor and end give the groups between them, for any set of ids', async () => {
  const id = fc.nat(1200);
  const cases = fc
    .uniqueArray(id, { minLength: 1, maxLength: 12 })
    .chain((ids) =>
      fc.tuple(
        fc.constant(ids),
        fc.oneof(id, fc.constantFrom(...ids)),
        fc.oneof(id, fc.constantFrom(...ids)),
      ),
    );
  await fc.assert(
    fc.asyncProperty(cases, async ([ids, after, until]) => {
      const folder = put(
        scratch('between'),
        Object.fromEntries(ids.map((group) => [`POD1/${group}/t/1/x.csv`, 'x'])),
      );
      const found = await shape(folder, { feed: 'zenoti', after: `POD1=${after}`, until: `${until}` });
      const wanted = ids.filter((group) => group > after && group <= until).sort((a, b) => a - b);
      assert.deepEqual(
        found,
        wanted.map((group, i) => `POD1 ${group}<${wanted[i - 1] ?? after}: t/1`),
      );
      rmSync(folder, { recursive: true });
    }),
    { numRuns: 40 },
  );
});

test('a group is listed when a later one is there, or when nothing has changed for the settle time', async () => {
  const now = new Date().toISOString();
  const folder = put(scratch(), {
    'POD1/1/t/1/x.csv': { at: now },
    'POD1/2/t/1/x.csv': {},
    'POD1/2/t/1/y.csv': { at: now },
  });
  assert.deepEqual(await shape(folder, { feed: 'zenoti' }), ['POD1 1<null: t/1']);
  assert.deepEqual(await shape(folder, { feed: 'zenoti', settle: 0 }), [
    'POD1 1<null: t/1',
    'POD1 2<1: t/1 t/1',
  ]);
  assert.deepEqual(await shape(folder, { feed: 'zenoti', until: '1' }), ['POD1 1<null: t/1']);
});

test('a group settles after the time that its feed takes to deliver one', async () => {
  const MINUTE = 60e3;
  const before = (minutes: number) => ({ at: new Date(Date.now() - minutes * MINUTE).toISOString() });
  for (const [feed, key, minutes] of [
    ['zenoti', 'POD1/1/t/1/x.csv', 150],
    ['stitch', 'crm/t/1_1700000000001.csv', 10],
    ['exports', 'analytics-export/2026-01-28/t/x.csv', 60],
  ] as const) {
    const groups = async (age: number) =>
      (await shape(put(scratch('settled'), { [key]: before(age) }), { feed })).length;
    assert.deepEqual([await groups(minutes - 1), await groups(minutes + 1)], [0, 1], feed);
  }
});

test('a scope ends at its first group that is still arriving, and another one does not wait for it', async () => {
  const folder = put(scratch(), {
    'crm/t/1_1700000000001.csv': {},
    'crm/t/1_1700000000002.csv': { at: new Date().toISOString() },
    'crm/t/1_1700000000003.csv': {},
    'crm/u/1_1700000000003.csv': {},
  });
  assert.deepEqual(await shape(folder, { feed: 'stitch' }), [
    'crm/t 1700000000001<null: t',
    'crm/u 1700000000003<null: u',
  ]);
});

test('a file that arrives in a group while it is listed stops the listing, to be tried again', async () => {
  const folder = put(scratch(), { 'POD1/1/t/1/x.csv': {} });
  const arriving = async () => {
    for await (const chunk of listGroups(folder, { feed: 'zenoti' })(quietContext()))
      if ((chunk as Control).$ === 'group') writeFileSync(join(folder, 'POD1/1/t/1/y.csv'), 'x');
  };
  const error = await failure(arriving());
  assert.ok(error instanceof TemporaryError);
  assert.match(error.message, /y\.csv: expected group 1 to be complete, found it still arriving/);
});

test('zenoti: scripts stand where they take effect, SchemaFull before everything', async () => {
  const folder = put(scratch(), {
    'SchemaFull/a.txt': { at: '2026-01-03T00:00:00Z' },
    'SchemaFull/b.txt': {},
    'SchemaUpgrade/2026.10/a.txt': { at: '2026-01-04T00:00:00Z' },
    'SchemaUpgrade/2026.9/a.txt': { at: '2026-01-03T12:00:00Z' },
    'SchemaUpgrade/2026.8/a.txt': { at: '2026-01-02T00:00:00Z' },
    'SchemaUpgrade/2026.11/b.txt': { at: '2026-02-01T00:00:00Z' },
    'POD1/1/a/1/x.csv': { at: '2026-01-02T00:00:00Z' },
    'POD1/2/a/1/x.csv': { at: '2026-01-03T13:00:00Z' },
    'POD1/3/a/1/x.csv': { at: '2026-01-05T00:00:00Z' },
  });
  const all = [
    'SchemaFull/a.txt',
    'SchemaFull/b.txt',
    'POD1 1<null: a/1',
    'SchemaUpgrade/2026.9/a.txt',
    'POD1 2<1: a/1',
    'SchemaUpgrade/2026.10/a.txt',
    'POD1 3<2: a/1',
    'SchemaUpgrade/2026.11/b.txt',
  ];
  assert.deepEqual(await shape(folder, { feed: 'zenoti' }), all);
  assert.deepEqual(await shape(folder, { feed: 'zenoti', tables: ['B'] }), [
    'SchemaFull/b.txt',
    'POD1 1<null:',
    'POD1 2<1:',
    'POD1 3<2:',
    'SchemaUpgrade/2026.11/b.txt',
  ]);
});

test('zenoti: an upgrade that SchemaFull already holds is left out, at a first set-up also one of the same time', async () => {
  const same = { at: '2026-01-02T00:00:00Z' };
  const folder = put(scratch(), {
    'SchemaFull/a.txt': same,
    'SchemaUpgrade/1/a.txt': same,
    'POD1/1/a/1/x.csv': {},
    'POD1/2/a/1/x.csv': {},
  });
  assert.deepEqual(await shape(folder, { feed: 'zenoti', until: '1' }), [
    'SchemaFull/a.txt',
    'POD1 1<null: a/1',
  ]);
  assert.deepEqual(await shape(folder, { feed: 'zenoti', after: '1' }), [
    'SchemaFull/a.txt',
    'POD1 2<1: a/1',
    'SchemaUpgrade/1/a.txt',
  ]);
  put(folder, { 'SchemaUpgrade/0/a.txt': { at: '2026-01-01T23:59:59Z' } });
  assert.deepEqual(await shape(folder, { feed: 'zenoti', after: '1' }), [
    'SchemaFull/a.txt',
    'POD1 2<1: a/1',
    'SchemaUpgrade/1/a.txt',
  ]);
});

test('zenoti: folders of scripts and snapshots are no PODs, also where their names are numbers', async () => {
  const folder = put(scratch(), {
    'SchemaUpgrade/2026/t.txt': {},
    'SchemaUpgrade/2027/t.txt': {},
    'MonthlySnapshot/20260201/POD1/1000/t/1.1.zip': 'x',
    'MonthlySnapshot/20260301/POD1/1001/t/2.2.zip': 'x',
    'POD1/1/t/1/x.csv': 'x',
  });
  const { warnings } = await listed(folder, { feed: 'zenoti' });
  assert.deepEqual(warnings, []);
  assert.deepEqual(await shape(folder, { feed: 'zenoti' }), [
    'SchemaUpgrade/2026/t.txt',
    'SchemaUpgrade/2027/t.txt',
    'POD1 1<null: t/1',
  ]);
});

test('zenoti: a monthly snapshot is listed on request only, under a scope of its own', async () => {
  const folder = put(scratch(), {
    'MonthlySnapshot/2026-01-01/POD1/1000/f/1.1.zip': 'x',
    'MonthlySnapshot/2026-02-01/POD:POD1/1001/f/20.20.zip': 'x',
    'MonthlySnapshot/2026-02-01/POD:POD1/1001/f/3.3.zip': 'x',
    'POD1/1/f/1/x.csv': 'x',
  });
  assert.deepEqual(await shape(folder, { feed: 'zenoti' }), ['POD1 1<null: f/1']);
  assert.deepEqual(await shape(folder, { feed: 'zenoti', snapshot: 'latest' }), [
    'snapshot/2026-02-01/POD1 1001<null: f/3 f/20',
  ]);
  assert.deepEqual(await shape(folder, { feed: 'zenoti', snapshot: '2026-01-01' }), [
    'snapshot/2026-01-01/POD1 1000<null: f/1',
  ]);
  assert.match(
    (await failure(shape(folder, { feed: 'zenoti', snapshot: '2025-12-01' }))).message,
    /expected a snapshot of 2025-12-01, found 2026-01-01, 2026-02-01/,
  );
});

test('zenoti: organisation-level tables can be left out, and --tables takes globs in any case', async () => {
  const folder = put(scratch(), {
    'P/1/Bi_DimAgent/1/x.csv': 'x',
    'P/1/Bi_FactForms/1/x.csv': 'x',
    'P/1/bi_factfeedbackv2/1/x.csv': 'x',
  });
  assert.deepEqual(await shape(folder, { feed: 'zenoti', skipOrgTables: true }), [
    'P 1<null: Bi_FactForms/1',
  ]);
  assert.deepEqual(await shape(folder, { feed: 'zenoti', tables: ['BI_FACT*'] }), [
    'P 1<null: Bi_FactForms/1 bi_factfeedbackv2/1',
  ]);
});

test('zenoti: facts merge by delete-insert with the organisation in their key, dimensions by upsert', () => {
  const columns = [{ name: 'FactSegmentId' }, { name: 'OrganizationId' }, { name: 'void' }];
  assert.deepEqual(feeds.zenoti.table('Bi_FactRegistration', columns), {
    merge: 'delete-insert',
    delete_flag: 'void',
    key: ['FactSegmentId', 'OrganizationId'],
  });
  assert.deepEqual(feeds.zenoti.table('Bi_DimUser', columns), { merge: 'upsert', key: ['userid'] });
  assert.equal(feeds.zenoti.table('BI_DimUserMembership').merge, 'delete-insert');
  assert.equal(feeds.zenoti.table('Bi_FactOther').key, undefined);
});

test('contentsquare: dumps are ordered by the number in the body, gaps are told, older copies are superseded', async () => {
  const dump = (dump_id: number, tables: Record<string, boolean>) =>
    JSON.stringify({
      dump_id,
      tables: Object.entries(tables).map(([name, incremental]) => ({
        name,
        incremental,
        files: [],
        columns: ['user_id'],
      })),
    });
  const folder = put(scratch(), {
    // The vendor always sends user_migrations whole, whatever is said of it.
    'manifests/z.json': dump(999, { users: true, user_migrations: true }),
    'manifests/a.json': dump(1000, { users: true, user_migrations: false, pageviews: true }),
    'manifests/b.json': dump(1002, { users: false, user_migrations: true }),
    'manifests/readme.txt': 'no manifest',
    'manifests/c.json': dump(1003, { users: true }),
    'sync_reports/1.json': '{}',
  });
  const { lines, warnings } = await listed(folder, { feed: 'contentsquare' });
  const found = lines
    .filter((line) => line.$ === 'group' || line.$ === 'file')
    .map((line) => (line.$ === 'group' ? line.group : (line.superseded ?? [])));
  assert.deepEqual(found, [
    '999',
    ['users', 'user_migrations'],
    '1000',
    ['users', 'user_migrations'],
    '1002',
    [],
    '1003',
    [],
  ]);
  assert.deepEqual(warnings, ['expected dump 1001 after 1000, found 1002: a gap']);
  assert.deepEqual(await shape(folder, { feed: 'contentsquare', after: '1000' }), [
    'root 1002<1000: manifest',
    'root 1003<1002: manifest',
  ]);
});

test('contentsquare: manifests before the cursor stay unread only where their names have proved true', async () => {
  const dump = (dump_id: number) => JSON.stringify({ dump_id, tables: [] });
  const honest = put(scratch(), {
    'manifests/sync_8.json': 'not even JSON',
    'manifests/sync_9.json': dump(9),
    'manifests/sync_10.json': dump(10),
  });
  assert.deepEqual(await shape(honest, { feed: 'contentsquare', after: '9' }), ['root 10<9: manifest']);
  const odd = put(scratch(), { 'manifests/part_1.json': dump(11), 'manifests/part_2.json': dump(10) });
  assert.deepEqual(await shape(odd, { feed: 'contentsquare', after: '9' }), [
    'root 10<9: manifest',
    'root 11<10: manifest',
  ]);
});

test('stitch: subtables of both forms belong to the scope of their table', async () => {
  const folder = put(scratch(), {
    'crm/contacts/1_1700000000001.csv': 'x',
    'crm/contacts/personas/1_1700000000001.csv': 'x',
    'crm/contacts/personas/tags/1_1700000000002.csv': 'x',
    'crm/orders/1_1700000000003.csv': 'x',
    'crm/orders__order_items/1_1700000000003.csv': 'x',
    'crm/lone__some/1_1700000000001.csv': 'x',
    'crm/_sdc_rejected/1_1700000000001.jsonl': 'x',
    'stitch-challenge-file-1': 'x',
  });
  assert.deepEqual(await shape(folder, { feed: 'stitch' }), [
    'crm/_sdc_rejected 1700000000001<null: _sdc_rejected',
    'crm/contacts 1700000000001<null: contacts contacts__personas',
    'crm/contacts 1700000000002<1700000000001: contacts__personas__tags',
    'crm/lone__some 1700000000001<null: lone__some',
    'crm/orders 1700000000003<null: orders orders__order_items',
  ]);
  const { lines, warnings } = await listed(folder, { feed: 'stitch' });
  assert.deepEqual(
    lines.filter((line) => line.$ === 'file').map((line) => line.role),
    ['rejects', 'data', 'data', 'data', 'data', 'data', 'data'],
  );
  assert.match(warnings.join(), /1 new file\(s\) in _sdc_rejected/);
});

test('stitch: loads are in order of time across table versions, and old ones are jumped over without a loss', async () => {
  const files: Record<string, string> = {};
  for (let version = 1; version <= 3; version++)
    for (let i = 0; i < 400; i++) files[`crm/t/${version}_${1_700_000_000_000 + i * 3 + version}.csv`] = 'x';
  const folder = put(scratch(), files);
  const after = 1_700_000_000_000 + 390 * 3;
  const expected = Array.from({ length: 30 }, (_, i) => `crm/t ${after + 1 + i}<${after + i}: t`);
  assert.deepEqual(await shape(folder, { feed: 'stitch', after: `${after}` }), expected);
  const { lines } = await listed(folder, { feed: 'stitch', after: `${after}`, lookback: 6 });
  assert.equal(lines.filter((line) => line.$ === 'group').length, 36);
  const { store, entries } = counting();
  for await (const item of feeds.stitch.list({
    ...quietContext(),
    store,
    root: normaliseRoot(folder),
    options: { feed: 'stitch', settle: 0 },
    cursor: () => `${after}`,
    applied: () => null,
    noteScope: () => {},
    isFirst: () => false,
    until: () => null,
    wanted: () => true,
    nowMs: Date.now(),
  }))
    if (item.kind === 'group') for await (const _ of item.files);
  assert.ok(entries() < 700, `${entries()} of 1200 files were listed`);
});

test('stitch: challenge files are no news, whatever the template', async () => {
  const folder = put(scratch(), {
    'crm-t-1700000000001.csv': 'x',
    'stitch-challenge-file-5d41402a': 'x',
    'what-else': 'x',
  });
  const template = '[integration_name]-[table_name]-[timestamp_loaded].csv';
  const { lines, warnings } = await listed(folder, { feed: 'stitch', template });
  assert.equal(lines.filter((line) => line.$ === 'file').length, 1);
  assert.deepEqual(
    warnings.map((warning) => /[^/]+(?= is left out)/.exec(warning)?.[0]),
    ['what-else'],
  );
});

test('stitch: a key template of the user is taken as Stitch writes it', async () => {
  const template =
    '[year_loaded]/[month_loaded]/[integration_name]/[table_name]-v[table_version]-[timestamp_loaded].[csv|jsonl]';
  const folder = put(scratch(), {
    '2026/01/crm/a-b-v1-1700000000002.csv': 'x',
    '2025/12/crm/a-b-v1-1700000000001.jsonl': 'x',
    '2026/01/shop/a-b-v1-1700000000003.csv.gz': 'x',
    '2026/01/crm/strange': 'x',
  });
  assert.deepEqual(await shape(folder, { feed: 'stitch', template }), [
    'crm/a-b 1700000000001<null: a-b',
    'crm/a-b 1700000000002<1700000000001: a-b',
    'shop/a-b 1700000000003<null: a-b',
  ]);
  assert.match((await listed(folder, { feed: 'stitch', template })).warnings.join(), /strange is left out/);
});

test('exports: the newest whole run replaces those before it', async () => {
  const parquet = 'PAR1 PAR1';
  const folder = put(scratch(), {
    'analytics-export/2026-01-26/T/a.parquet': parquet,
    'analytics-export/2026-01-27/T/a.parquet': parquet,
    'analytics-export/2026-01-27/U/h=__NULL__/a.parquet': parquet,
    'analytics-export/2026-01-28/T/a.parquet': 'PAR1 cut',
  });
  assert.deepEqual(await shape(folder, { feed: 'exports' }), ['root 2026-01-27<null: T U']);
  assert.match(
    (await listed(folder, { feed: 'exports' })).warnings.join(),
    /run 2026-01-28 is not ready: .*T\/a\.parquet \(table T\).*PAR1/,
  );
  const upsert = { tables: { t: { merge: 'upsert' } } } as const;
  assert.deepEqual(await shape(folder, { feed: 'exports', catalog: upsert }), [
    'root 2026-01-26<null: T',
    'root 2026-01-27<2026-01-26: T U',
  ]);
  const required = { tables: { u: { required: true } } } as const;
  assert.deepEqual(await shape(folder, { feed: 'exports', catalog: required, until: '2026-01-26' }), []);
  assert.deepEqual(await shape(folder, { feed: 'exports', after: '2026-01-27' }), []);
  put(folder, { 'analytics-export/2026-01-29/T/a.parquet': { body: parquet, at: new Date().toISOString() } });
  assert.deepEqual(await shape(folder, { feed: 'exports', after: '20260126' }), [
    'root 2026-01-27<20260126: T U',
  ]);
});

test('exports: files of two unloads in one folder are told', async () => {
  const file = (id: string) =>
    `T/date=2026-01-28/data_${id.repeat(8)}-${id.repeat(4)}-${id.repeat(4)}-${id.repeat(4)}-${id.repeat(12)}_0_0_0.csv`;
  const folder = put(scratch(), { [file('a')]: 'x', [file('b')]: 'x' });
  assert.match(
    (await listed(folder, { feed: 'exports' })).warnings.join(),
    /T\/date=2026-01-28\/ holds files of 2 unloads/,
  );
});

test('a template of the user may put the table above the group and the group into the file name', async () => {
  const above = put(scratch(), {
    'orders/2026-01-10/a.csv': 'x',
    'items/2026-01-09/a.csv': 'x',
    'items/2026-01-10/a.csv': 'x',
  });
  assert.deepEqual(await shape(above, { feed: 'template', template: '{table}/{date}/{file}.csv' }), [
    'root 2026-01-09<null: items',
    'root 2026-01-10<2026-01-09: items orders',
  ]);
  const logs = put(scratch(), {
    'eu/1/5/orders/a.csv': 'x',
    'eu/1/5/items/a.csv': 'x',
    'eu/1/40/items/a.csv': 'x',
  });
  assert.deepEqual(
    await shape(logs, { feed: 'template', template: '{scope}/{group}/{log}/{table}/{file}.csv' }),
    ['eu 1<null: items/5 items/40 orders/5'],
  );
  const named = put(scratch(), { 'eu/orders-10.csv': 'x', 'eu/orders-9.csv': 'x', 'us/orders-9.csv': 'x' });
  const template = '{scope}/{table}-{group}.csv';
  assert.deepEqual(await shape(named, { feed: 'template', template }), [
    'eu 9<null: orders',
    'eu 10<9: orders',
    'us 9<null: orders',
  ]);
  assert.deepEqual(await shape(named, { feed: 'template', template, after: 'eu=9,us=8' }), [
    'eu 10<9: orders',
    'us 9<8: orders',
  ]);
  // One without a scope is for those that have none of their own.
  assert.deepEqual(await shape(named, { feed: 'template', template, after: '9,us=8' }), [
    'eu 10<9: orders',
    'us 9<8: orders',
  ]);
});

test('a template says what is wrong with it', () => {
  const wrong: [string, RegExp][] = [
    ['{pod}/{table}/{file}.csv', /expected one of \{group\}, \{date\}, \{timestamp_loaded\}, found none/],
    ['{group}/{file}.csv', /expected one of \{table\}, \{table_name\}, found none/],
    ['{group}/{table}/{colour}.csv', /found colour$/],
    ['{group:float}/{table}', /expected \{group\}, \{group:int\} or \{group:date\}, found \{group:float\}/],
    ['{group/{table}', /expected brackets in pairs/],
    ['{group}/{date}/{table}', /found group and date/],
  ];
  for (const [template, message] of wrong)
    assert.throws(
      () => parseTemplate(template),
      (error: Error) => error instanceof UsageError && message.test(error.message),
      template,
    );
  assert.equal(parseTemplate('{group}/{table}/{table}.csv').match('1/a/b.csv'), undefined);
  assert.deepEqual(
    { ...parseTemplate('{group}/{table}/{table}.csv').match('01/a.b/a.b.csv') },
    { group: '1', table: 'a.b' },
  );
});

test('a root that does not look like the feed is refused with an example of both', async () => {
  const folder = drop('zenoti', 'first');
  for (const [feed, message] of [
    [
      'contentsquare',
      /expected keys of the feed contentsquare, such as manifests\/sync_1234\.json, found such as POD1\/10\//,
    ],
    ['exports', /expected runs as \{date\}/],
  ] as const) {
    assert.match((await failure(listed(folder, { feed }))).message, message);
  }
  assert.match(
    (await failure(listed(scratch(), { feed: 'zenoti' }))).message,
    /such as POD1\/1007\/.*, found nothing$/,
  );
  assert.match(
    (await failure(listed(join(folder, 'POD1'), { feed: 'zenoti' }))).message,
    /found such as 10\/Bi_DimUser/,
  );
});

test('files that came late show their group again within the lookback, after the cursor as the target has it', async () => {
  const now = new Date().toISOString();
  const folder = put(scratch(), {
    'P/1/t/1/x.csv': {},
    'P/2/t/1/x.csv': {},
    'P/2/t/1/late.csv': { at: now },
    'P/3/t/1/x.csv': {},
  });
  assert.deepEqual(await shape(folder, { feed: 'zenoti', after: '2' }), ['P 3<2: t/1']);
  assert.deepEqual(await shape(folder, { feed: 'zenoti', after: '2', lookback: 3600e3 }), [
    'P 2<2: t/1 t/1',
    'P 3<2: t/1',
  ]);
});
