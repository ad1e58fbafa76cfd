import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { type ReadManifestOptions, readManifest } from '../src/commands/read-manifest.ts';
import { listGroups } from '../src/feeds/list.ts';
import { readStitchWebhook } from '../src/feeds/stitch-webhook.ts';
import { mapAhead } from '../src/manifest/ahead.ts';
import { readHeader } from '../src/manifest/header.ts';
import { holdForKeys } from '../src/manifest/hold.ts';
import { missingKeys } from '../src/manifest/keys.ts';
import { quietContext } from '../src/stage.ts';
import { openStore } from '../src/stores/index.ts';
import { runOfRows } from '../src/wire/run.ts';
import { type Chunk, type FileLine, isControl, type TableLine } from '../src/wire/types.ts';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A drop in a folder of its own; the root is a `file:` URL ending in `/`. */
function drop(files: Readonly<Record<string, string | Uint8Array>>): { path: string; root: string } {
  const path = mkdtempSync(join(tmpdir(), 'read-manifest-'));
  folders.push(path);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  return { path, root: pathToFileURL(`${path}/`).href };
}

async function* from(chunks: Iterable<Chunk>): AsyncGenerator<Chunk> {
  yield* chunks;
}

async function collect(chunks: AsyncIterable<Chunk>, into: Chunk[] = []): Promise<Chunk[]> {
  for await (const chunk of chunks) into.push(chunk);
  return into;
}

const context = quietContext();
const read = (lines: Iterable<Chunk>, options: ReadManifestOptions = {}) =>
  collect(readManifest(options)(from(lines), context));
const readDrop = (path: string, feed: string, options: ReadManifestOptions = {}, more: object = {}) =>
  collect(readManifest(options)(listGroups(path, { feed, settle: 0, ...more })(context), context));
const fails = (promise: Promise<unknown>, message: RegExp | string) =>
  assert.rejects(promise, { name: 'UserError', message });

const linesOf = <K extends string>(chunks: readonly Chunk[], kind: K) =>
  chunks.filter((chunk): chunk is Extract<Chunk, { $: K }> => isControl(chunk) && chunk.$ === kind);
const tableOf = (chunks: readonly Chunk[], name: string): TableLine => {
  const line = linesOf(chunks, 'table').find(({ table }) => table === name);
  assert.ok(line, `a table line of ${name}`);
  return line;
};
const types = (line: TableLine) =>
  line.columns?.map(({ name, type }) => (type === undefined ? name : `${name} ${type}`));
const shape = (chunks: readonly Chunk[]) =>
  chunks.map((chunk) =>
    isControl(chunk) ? `${chunk.$}${'table' in chunk ? ` ${chunk.table}` : ''}` : `${chunk.count} rows`,
  );

const feedLine = (feed: string, root: string): Chunk => ({ $: 'feed', wire: 1, feed, source: feed, root });
const group = (feed: string, id: string, scope = 'root'): Chunk => ({
  $: 'group',
  feed,
  scope,
  group: id,
  after: null,
});
const commit = (feed: string, id: string, files = 1, scope = 'root'): Chunk => ({
  $: 'commit',
  feed,
  scope,
  group: id,
  files,
  digest: 'd',
});
const end = (groups: number): Chunk => ({ $: 'end', groups });

const FULL = 'CREATE TABLE Bi_FactForms (factformid DECIMAL(19,0), OrganizationId VARCHAR(36), void BOOLEAN)';
const ZENOTI = {
  'SchemaFull/Bi_FactForms.txt': FULL,
  'SchemaFull/Bi_DimUser.txt': 'CREATE TABLE Bi_DimUser (UserId NVARCHAR(144), Void BOOLEAN)',
  'POD1/9/Bi_FactForms/1/a.csv': '1,o,0\n',
  'POD1/9/Bi_FactForms/2/a.csv': '2,o,0\n',
  'POD1/9/Bi_DimUser/1/a.csv': 'u,0\n',
};

describe('schema scripts', () => {
  it('are filled in, and give every table its columns, key and merge mode', async () => {
    const { path } = drop(ZENOTI);
    const chunks = await readDrop(path, 'zenoti');
    assert.deepEqual(shape(chunks), [
      'feed',
      'ddl',
      'ddl',
      'group',
      'table Bi_DimUser',
      'file Bi_DimUser',
      'table Bi_FactForms',
      'file Bi_FactForms',
      'file Bi_FactForms',
      'commit',
      'end',
    ]);
    assert.equal(linesOf(chunks, 'ddl').find(({ uri }) => uri.endsWith('Bi_FactForms.txt'))?.sql, FULL);
    assert.deepEqual(tableOf(chunks, 'Bi_FactForms'), {
      $: 'table',
      table: 'Bi_FactForms',
      columns: [
        { name: 'factformid', type: 'decimal(19,0)' },
        { name: 'OrganizationId', type: 'text' },
        { name: 'void', type: 'boolean' },
      ],
      key: ['factformid', 'OrganizationId'],
      merge: 'delete-insert',
      delete_flag: 'void',
    });
    const { key, merge, delete_flag } = tableOf(chunks, 'Bi_DimUser');
    assert.deepEqual(
      { key, merge, delete_flag },
      { key: ['UserId'], merge: 'upsert', delete_flag: undefined },
    );
  });

  it('take effect where they stand', async () => {
    const { root } = drop({
      'a.txt': FULL,
      'b.txt': 'ALTER TABLE bi_factforms ADD COLUMN lang NVARCHAR(40)',
    });
    const ddl = (name: string): Chunk => ({
      $: 'ddl',
      uri: `${root}${name}`,
      modified: '2026-01-01T00:00:00Z',
      etag: 'e',
    });
    const noTag = (chunk: Chunk): Chunk => {
      const { etag, ...rest } = chunk as { etag: string } & Chunk;
      return rest as Chunk;
    };
    const file: Chunk = {
      $: 'file',
      uri: `${root}x.csv`,
      table: 'Bi_FactForms',
      format: 'csv',
      role: 'data',
    };
    const chunks = await read([
      feedLine('zenoti', root),
      noTag(ddl('a.txt')),
      group('zenoti', '1'),
      file,
      commit('zenoti', '1'),
      noTag(ddl('b.txt')),
      group('zenoti', '2'),
      file,
      noTag(ddl('b.txt')),
      file,
      commit('zenoti', '2', 2),
      end(2),
    ]);
    assert.deepEqual(
      linesOf(chunks, 'table').map((line) => line.columns?.length),
      [3, 4, 4],
    );
  });

  it('take effect between the files of a stream without groups too', async () => {
    const { root } = drop({ 'b.txt': 'ALTER TABLE t ADD b INT' });
    const file: Chunk = { $: 'file', uri: `${root}x.csv`, table: 't', format: 'csv' };
    const ddl = (sql: string): Chunk => ({ $: 'ddl', uri: `${root}b.txt`, modified: '', etag: '', sql });
    const chunks = await read([
      ddl('CREATE TABLE t (a INT)'),
      file,
      file,
      ddl('ALTER TABLE t ADD b INT'),
      file,
      end(0),
    ]);
    assert.deepEqual(shape(chunks), [
      'ddl',
      'table t',
      'file t',
      'file t',
      'ddl',
      'table t',
      'file t',
      'end',
    ]);
    assert.deepEqual(
      linesOf(chunks, 'table').map((line) => line.columns?.length),
      [1, 2],
    );
  });

  it('stop everything when they cannot be read', async () => {
    const { path, root } = drop({ ...ZENOTI, 'SchemaFull/Bi_FactForms.txt': '\n\nDROP TABLE Bi_FactForms;' });
    await fails(
      readDrop(path, 'zenoti'),
      `${root}SchemaFull/Bi_FactForms.txt line 3: expected CREATE TABLE, ALTER TABLE … ADD COLUMN or ALTER COLUMN … TYPE, found DROP TABLE Bi_FactForms`,
    );
  });

  it('may be missing where a header with the key takes their place, and nowhere else', async () => {
    const { 'SchemaFull/Bi_FactForms.txt': _, ...others } = ZENOTI;
    const headed = drop({
      ...others,
      'POD1/9/Bi_FactForms/1/a.csv': 'FactFormId,ORGANIZATIONID,void\n1,o,0\n',
    });
    const line = tableOf(await readDrop(headed.path, 'zenoti'), 'Bi_FactForms');
    assert.deepEqual(types(line), ['FactFormId', 'ORGANIZATIONID', 'void']);
    assert.deepEqual(line.key, ['FactFormId', 'ORGANIZATIONID']);
    const { path, root } = drop(others);
    await fails(
      readDrop(path, 'zenoti'),
      `${root}POD1/9/Bi_FactForms/1/a.csv: expected a schema script that creates table Bi_FactForms, or a header with its key, found neither`,
    );
    const catalog = {
      tables: { bi_factforms: { columns: { factformid: 'bigint', organizationid: 'text', void: {} } } },
    } as const;
    assert.deepEqual(types(tableOf(await readDrop(path, 'zenoti', { catalog }), 'Bi_FactForms')), [
      'factformid bigint',
      'organizationid text',
      'void',
    ]);
  });

  it('that only alter a table leave its order of columns unknown', async () => {
    const { path, root } = drop({
      ...ZENOTI,
      'SchemaFull/Bi_FactForms.txt': 'ALTER TABLE Bi_FactForms ADD a INT',
    });
    await fails(
      readDrop(path, 'zenoti'),
      `${root}SchemaFull/Bi_FactForms.txt line 1: expected a script before it that creates table Bi_FactForms, found none`,
    );
  });
});

const manifest = (body: object) => JSON.stringify({ dump_id: 7, tables: [], ...body });
const USERS = {
  name: 'users',
  columns: ['user_id', 'last_modified'],
  files: ['s3://acme/sync_7/users/b.avro', 's3://acme/sync_7/users/a.avro'],
  incremental: true,
};
const AVRO = { 'sync_7/users/a.avro': 'a', 'sync_7/users/b.avro': 'bb', 'sync_7/users/unlisted.avro': 'c' };

describe('a manifest of Contentsquare', () => {
  it('becomes its tables and files, in its order, with what the store says of each', async () => {
    const { path, root } = drop({
      ...AVRO,
      'sync_7/property_definitions.json': '{}',
      'manifests/7.json': manifest({
        tables: [
          USERS,
          { name: 'sessions', columns: ['session_id', 'user_id', 'time'], files: [], incremental: false },
          { name: 'user_migrations', columns: ['from_user_id', 'to_user_id'], files: [], incremental: true },
        ],
        property_definitions: 's3://acme/sync_7/property_definitions.json',
      }),
    });
    const chunks = await readDrop(path, 'contentsquare');
    assert.deepEqual(shape(chunks), [
      'feed',
      'group',
      'table users',
      'file users',
      'file users',
      'table sessions',
      'table user_migrations',
      'file',
      'commit',
      'end',
    ]);
    assert.deepEqual(tableOf(chunks, 'users'), {
      $: 'table',
      table: 'users',
      columns: [
        { name: 'user_id', type: 'bigint' },
        { name: 'last_modified', type: 'bigint' },
      ],
      key: ['user_id'],
      merge: 'upsert',
      order: ['last_modified'],
    });
    assert.equal(tableOf(chunks, 'sessions').full, true);
    assert.deepEqual(types(tableOf(chunks, 'sessions')), [
      'session_id bigint',
      'user_id bigint',
      'time text',
    ]);
    assert.equal(tableOf(chunks, 'user_migrations').full, true);
    const files = linesOf(chunks, 'file');
    assert.deepEqual(
      files.map(({ uri, bytes, seq, role, format }) => [uri.slice(root.length), bytes, seq, role, format]),
      [
        ['sync_7/users/b.avro', 2, 0, 'data', 'avro'],
        ['sync_7/users/a.avro', 1, 1, 'data', 'avro'],
        ['sync_7/property_definitions.json', 2, 2, 'manifest', 'property-definitions'],
      ],
    );
    assert.ok(files.every(({ etag, modified }) => etag !== undefined && modified !== undefined));
    assert.equal(linesOf(chunks, 'commit')[0]?.files, 3);
    assert.deepEqual(await read(chunks), chunks, 'a second pass changes nothing');
  });

  it('leaves out the tables that a later full copy replaces', async () => {
    const { path } = drop({
      ...AVRO,
      'manifests/7.json': manifest({
        tables: [USERS, { ...USERS, name: 'events', columns: ['event_id'], files: [] }],
      }),
      'manifests/8.json': manifest({ dump_id: 8, tables: [{ ...USERS, files: [], incremental: false }] }),
    });
    assert.deepEqual(shape(await readDrop(path, 'contentsquare')), [
      'feed',
      'group',
      'table events',
      'commit',
      'group',
      'table users',
      'commit',
      'end',
    ]);
  });

  it('may not name files outside the root, unless that is allowed', async () => {
    const outside = drop({ 'x.avro': 'x' });
    const other = `${outside.root}x.avro`;
    const { path, root } = drop({ 'manifests/7.json': manifest({ tables: [{ ...USERS, files: [other] }] }) });
    const place = `${root}manifests/7.json tables[0].files[0]`;
    await fails(
      readDrop(path, 'contentsquare'),
      `${place}: expected a file below ${root} (or --allow-outside), found ${other}`,
    );
    const [file] = linesOf(await readDrop(path, 'contentsquare', { allowOutside: true }), 'file');
    assert.equal(file?.uri, other);
    for (const listed of ['s3://acme/sync_7/../../x.avro', '../x.avro', `${root}../x.avro`]) {
      writeFileSync(join(path, 'manifests/7.json'), manifest({ tables: [{ ...USERS, files: [listed] }] }));
      await fails(
        readDrop(path, 'contentsquare'),
        /tables\[0\]\.files\[0\]: expected a file below file:.* found .*x\.avro$/,
      );
    }
  });

  it('may not name other buckets', async () => {
    const { root } = drop({
      'm.json': manifest({ tables: [{ ...USERS, files: ['s3://acme-evil/x.avro'] }] }),
    });
    const lines = [
      feedLine('contentsquare', 's3://acme/'),
      { $: 'file', uri: `${root}m.json`, role: 'manifest' } as Chunk,
      end(0),
    ];
    await fails(
      read(lines),
      /tables\[0\]\.files\[0\]: expected a file below s3:\/\/acme\/ \(or --allow-outside\), found s3:\/\/acme-evil\/x\.avro$/,
    );
  });

  it('is no larger than a manifest can sensibly be', async () => {
    const { path, root } = drop({ 'm.json': '' });
    truncateSync(join(path, 'm.json'), 2 ** 26 + 1);
    await fails(
      read([
        feedLine('contentsquare', root),
        { $: 'file', uri: `${root}m.json`, role: 'manifest' } as Chunk,
        end(0),
      ]),
      `${root}m.json: expected at most 67108864 bytes of a manifest or script, found more`,
    );
  });

  it('may not name a file that is not there', async () => {
    const { path, root } = drop({
      'manifests/7.json': manifest({ tables: [USERS] }),
      'sync_7/users/b.avro': '',
    });
    await fails(
      readDrop(path, 'contentsquare'),
      new RegExp(`^${root}manifests/7\\.json tables\\[0\\]\\.files\\[1\\]: ${root}sync_7/users/a\\.avro: `),
    );
  });

  it('is refused with the place of what is wrong', async () => {
    const bodies: readonly (readonly [string, RegExp])[] = [
      ['{"dump_id": 7,', /m\.json: expected JSON, found /],
      ['[]', /m\.json: expected an object, found \[\]$/],
      ['{"dump_id": 1.5, "tables": []}', /m\.json dump_id: expected a whole number, found 1\.5$/],
      ['{"tables": []}', /m\.json dump_id: expected a whole number, found nothing$/],
      ['{"dump_id": 7}', /m\.json tables: expected a list, found nothing$/],
      [
        manifest({ tables: [{ ...USERS, name: undefined }] }),
        /m\.json tables\[0\]\.name: expected a text, found nothing$/,
      ],
      [
        manifest({ tables: [USERS, USERS] }),
        /m\.json tables\[1\]: expected every name once, found users again$/,
      ],
      [
        manifest({ tables: [{ ...USERS, columns: ['a', 7] }] }),
        /m\.json tables\[0\]\.columns\[1\]: expected a text, found 7$/,
      ],
      [
        manifest({ tables: [{ ...USERS, columns: ['a', 'a'] }] }),
        /m\.json tables\[0\]\.columns\[1\]: expected every name once, found a again$/,
      ],
      [
        manifest({ tables: [{ ...USERS, files: 'x' }] }),
        /m\.json tables\[0\]\.files: expected a list, found "x"$/,
      ],
      [
        manifest({ tables: [{ ...USERS, incremental: 'no' }] }),
        /m\.json tables\[0\]\.incremental: expected true or false, found "no"$/,
      ],
    ];
    for (const [body, message] of bodies) {
      const { root } = drop({ 'm.json': body });
      await fails(
        read([
          feedLine('contentsquare', root),
          { $: 'file', uri: `${root}m.json`, role: 'manifest' },
          end(0),
        ]),
        message,
      );
    }
  });
});

describe('tables without a key', () => {
  const files = {
    'a/1/orders/1/x.csv': 'Id,v\n1,2\n',
    'a/1/items/1/x.csv': 'item,v\n1,2\n',
    'a/2/later/1/x.csv': 'z\n1\n',
  };
  const template = '{pod}/{group:int}/{table}/{log:int}/{file}.csv';
  const upsert = { tables: { '*': { merge: 'upsert' } } } as const;

  it('are reported together, before any line has left, with a catalog to fill in', async () => {
    const { path } = drop(files);
    const left: Chunk[] = [];
    const lines = listGroups(path, { feed: 'template', template, settle: 0 })(context);
    await fails(
      collect(readManifest({ catalog: upsert })(lines, context), left),
      `expected a key for every table that is merged by one, found none for 3 tables:
  items (merge upsert): item, v
  later (merge upsert): z
  orders (merge upsert): Id, v
fill in a catalog and pass it as --catalog FILE (--catalog-out FILE writes it):
{
  "tables": {
    "items": {
      "merge": "upsert",
      "key": []
    },
    "later": {
      "merge": "upsert",
      "key": []
    },
    "orders": {
      "merge": "upsert",
      "key": []
    }
  }
}`,
    );
    assert.deepEqual(left, []);
  });

  it('are written to a catalog, which is never overwritten and works once it is filled in', async () => {
    const { path } = drop(files);
    const catalogOut = join(path, 'catalog.json');
    const options = { catalog: upsert, catalogOut };
    await fails(
      readDrop(path, 'template', options, { template }),
      /then pass it: --catalog .*catalog\.json$/,
    );
    const catalog = JSON.parse(readFileSync(catalogOut, 'utf8'));
    assert.deepEqual(Object.keys(catalog.tables), ['*', 'items', 'later', 'orders']);
    await fails(readDrop(path, 'template', { catalog }, { template }), /found none for 3 tables/);
    catalog.tables.items.key = ['item'];
    catalog.tables.later.key = ['z'];
    catalog.tables.orders.key = ['ID'];
    const text = JSON.stringify(catalog);
    writeFileSync(catalogOut, text);
    const chunks = await readDrop(path, 'template', { catalog }, { template });
    assert.deepEqual(
      linesOf(chunks, 'table').map(({ table, key }) => [table, key]),
      [
        ['items', ['item']],
        ['orders', ['Id']],
        ['later', ['z']],
      ],
    );
    await fails(readDrop(path, 'template', options, { template }), /found none for 3 tables[\s\S]*"orders"/);
    assert.equal(readFileSync(catalogOut, 'utf8'), text);
  });

  it('are reported in every mode that looks rows up by it', async () => {
    for (const merge of ['upsert', 'delete-insert', 'scd2'] as const) {
      const line: Chunk = { $: 'table', table: 't', columns: [{ name: 'a' }], merge };
      await fails(
        read([line, end(0)]),
        new RegExp(`found none for 1 table:\n {2}t \\(merge ${merge}\\): a\n`),
      );
    }
  });

  it('are no matter where nothing is merged by key', async () => {
    const { path } = drop(files);
    for (const merge of ['append', 'replace'] as const) {
      const chunks = await readDrop(
        path,
        'template',
        { catalog: { tables: { '*': { merge } } } },
        { template },
      );
      assert.ok(linesOf(chunks, 'table').every((line) => line.key === undefined && line.merge === merge));
    }
  });

  it('that come up after the lines held back stop the stream before their group is committed', async () => {
    const table = (name: string): Chunk => ({
      $: 'table',
      table: name,
      merge: 'upsert',
      ...(name === 'good' ? { key: ['a'] } : {}),
    });
    const lines = [
      group('f', '1'),
      table('good'),
      commit('f', '1'),
      group('f', '2'),
      table('bad'),
      commit('f', '2'),
      group('f', '3'),
      table('worse'),
      commit('f', '3'),
      end(3),
    ];
    const left: Chunk[] = [];
    const held = holdForKeys(from(lines), { heldLines: 2, fail: (tables) => missingKeys(tables) });
    await fails(collect(held, left), /found none for 2 tables:\n {2}bad .*\n {2}worse /);
    assert.deepEqual(shape(left), ['group', 'table good', 'commit', 'group']);
  });

  it('are reported although the rest of the listing is broken', async () => {
    async function* broken(): AsyncGenerator<Chunk> {
      yield { $: 'table', table: 'bad', merge: 'upsert' };
      throw new Error('cut');
    }
    await fails(collect(readManifest()(broken(), context)), /found none for 1 table:\n {2}bad /);
  });

  it('hold nothing back once a row is there', async () => {
    const line: TableLine = { $: 'table', table: 't', key: ['a'], merge: 'upsert' };
    let rowHasLeft = () => {};
    const left = new Promise<void>((resolve) => {
      rowHasLeft = resolve;
    });
    // A live source: its next line comes only after somebody has seen the row.
    async function* slow(): AsyncGenerator<Chunk> {
      yield line;
      yield runOfRows(line, [{ a: 1 }]);
      await left;
      yield end(0);
    }
    const seen: Chunk[] = [];
    for await (const chunk of readManifest()(slow(), context)) {
      seen.push(chunk);
      if (!isControl(chunk)) rowHasLeft();
    }
    assert.deepEqual(shape(seen), ['table t', '1 rows', 'end']);
  });
});

describe('what is known of a table', () => {
  const loose = (root: string, name: string, format: string, feed = 'exports'): Chunk[] => [
    feedLine(feed, root),
    { $: 'file', uri: `${root}${name}`, table: 'Dim_Dates', format },
    end(0),
  ];

  it('is read from the header of its first file', async () => {
    const parquet = readFileSync(
      'fixtures/drops/exports/first/analytics-export/2026-01-27/DIM_DATES/data_0_0_0.snappy.parquet',
    );
    const { root } = drop({
      'a.csv': 'DATE_ID,"a ""b"""\n1,2\n',
      'a.parquet': parquet,
      'a.jsonl': '{"x":1}\n',
    });
    const csv = tableOf(await read(loose(root, 'a.csv', 'csv')), 'Dim_Dates');
    assert.deepEqual(csv, {
      $: 'table',
      table: 'Dim_Dates',
      columns: [{ name: 'DATE_ID' }, { name: 'a "b"' }],
      key: ['DATE_ID'],
      merge: 'replace',
    });
    assert.deepEqual(types(tableOf(await read(loose(root, 'a.parquet', 'parquet')), 'Dim_Dates')), [
      'DATE_ID int',
      'DATE date',
      'DAY_NAME text',
      'IS_HOLIDAY boolean',
    ]);
    assert.equal(tableOf(await read(loose(root, 'a.jsonl', 'jsonl')), 'Dim_Dates').columns, undefined);
    const avro = 'fixtures/drops/contentsquare/first/sync_999/users/';
    const users = tableOf(
      await read(loose(pathToFileURL(`${avro}`).href.replace(/\/?$/, '/'), 'f397432b.avro', 'avro')),
      'Dim_Dates',
    );
    assert.equal(users.columns?.[0]?.name, 'user_id');
    assert.equal(users.columns?.[0]?.type, 'bigint');
  });

  it('is the catalog’s word first, in the spelling of the columns', async () => {
    const { root } = drop({ 'a.csv': 'Date_Id,Changed,Gone\n1,2,3\n' });
    const entry = {
      key: ['DATE_ID'],
      merge: 'upsert',
      order: ['changed'],
      delete_flag: 'gone',
      columns: { changed: 'timestamp', unknown: 'int' },
    } as const;
    const chunks = await read(loose(root, 'a.csv', 'csv'), { catalog: { tables: { 'dim_*': entry } } });
    assert.deepEqual(tableOf(chunks, 'Dim_Dates'), {
      $: 'table',
      table: 'Dim_Dates',
      columns: [{ name: 'Date_Id' }, { name: 'Changed', type: 'timestamp' }, { name: 'Gone' }],
      key: ['Date_Id'],
      merge: 'upsert',
      order: ['Changed'],
      delete_flag: 'Gone',
    });
    await fails(
      read(loose(root, 'a.csv', 'csv'), { catalog: { tables: { dim_dates: { order: ['when'] } } } }),
      'table Dim_Dates: expected the column when of its order, found only Date_Id, Changed, Gone',
    );
  });

  it('is not asked of the file when a line upstream says it', async () => {
    const said: Chunk = {
      $: 'table',
      table: 'Dim_Dates',
      columns: [{ name: 'k', type: 'bigint' }],
      key: ['k'],
      merge: 'upsert',
    };
    const file: Chunk = { $: 'file', uri: 'file:///nowhere/a.csv', table: 'Dim_Dates', format: 'csv' };
    const chunks = await read([
      feedLine('exports', 'file:///nowhere/'),
      said,
      file,
      group('exports', '1'),
      file,
      commit('exports', '1'),
      end(1),
    ]);
    assert.deepEqual(linesOf(chunks, 'table'), [said, said]);
  });

  it('is the key that a line upstream says only if the catalog says none', async () => {
    const said: Chunk = {
      $: 'table',
      table: 't',
      columns: [{ name: 'a' }, { name: 'b' }],
      key: ['a'],
      merge: 'upsert',
    };
    const lines = [feedLine('exports', 'file:///nowhere/'), said, end(0)];
    assert.deepEqual(tableOf(await read(lines), 't').key, ['a']);
    const catalog = { tables: { t: { key: ['b'] } } };
    assert.deepEqual(tableOf(await read(lines, { catalog }), 't').key, ['b']);
  });

  it('costs only the two ends of a Parquet file that lies far away', async () => {
    const { DuckDBInstance } = await import('@duckdb/node-api');
    const { path, root } = drop({});
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    await connection.run(
      `COPY (SELECT range AS id, md5(range::TEXT) AS t FROM range(50000)) TO '${path}/big.parquet'`,
    );
    connection.closeSync();
    const store = openStore();
    let bytesRead = 0;
    const far = {
      ...store,
      localPath: () => undefined,
      async *read(...given: Parameters<typeof store.read>) {
        for await (const piece of store.read(...given)) {
          bytesRead += given[1]?.start === undefined ? 0 : piece.length;
          yield piece;
        }
      },
    };
    const { bytes } = await store.stat(`${root}big.parquet`);
    const file: FileLine = { $: 'file', uri: `${root}big.parquet`, table: 't', format: 'parquet', bytes };
    const columns = await readHeader(file, { store: far, context, csv: undefined });
    assert.deepEqual(
      columns?.map(({ name, type }) => `${name} ${type}`),
      ['id bigint', 't text'],
    );
    assert.ok(bytes > 1_000_000 && bytesRead < 100_000, `${bytesRead} of ${bytes} bytes`);
  });
});

describe('a webhook body of Stitch', () => {
  const OBJECTS = {
    'crm/account/1_100.jsonl': '{"Id":1}\n',
    'crm/account/1_99.avro': 'neither of the two endings',
    'crm/account/1_99.jsonl': '{"Id":1}\n',
    'crm/contacts/1_100.csv': 'id,_sdc_sequence\n1,2\n',
    'crm/contacts/personas/1_100.csv': '_sdc_source_key_id,_sdc_level_0_id,id\n1,0,x\n',
    'crm/contacts__tags/1_100.csv': '_sdc_source_key_id,_sdc_level_0_id,value\n1,0,x\n',
  };
  const older = {
    integration_name: 'crm',
    s3_bucket: 'acme-stitch',
    tables: [
      {
        account: [
          { name: 'crm/account/1_100.[csv|jsonl]', pk: ['Id'] },
          { name: 'crm/account/1_99.[csv|jsonl]', pk: ['Id'] },
        ],
      },
      {
        personas: [
          { name: 'crm/contacts/personas/1_100.csv', pk: ['_sdc_source_key_id', '_sdc_level_0_id'] },
        ],
      },
      { contacts__tags: [{ name: 'crm/contacts__tags/1_100.csv', pk: [] }] },
      { contacts: [{ name: 'crm/contacts/1_100.[csv|jsonl]', pk: ['ID'] }] },
    ],
  };
  const newer = {
    version: '1.0',
    integration_name: 'crm',
    destination_root_table_name: 'contacts',
    tables: [
      {
        destination_table_name: 'contacts',
        s3_objects: ['acme-stitch/crm/contacts/1_100.csv'],
        primary_keys: ['id'],
      },
      { destination_table_name: 'contacts__tags', s3_objects: ['acme-stitch/crm/contacts__tags/1_100.csv'] },
      { destination_table_name: 'contacts__void', num_rows: 0, s3_objects: null },
    ],
  };
  const written = (...bodies: readonly object[]) => {
    const made = drop({
      ...OBJECTS,
      ...Object.fromEntries(bodies.map((body, i) => [`bodies/${i}.json`, JSON.stringify(body)])),
    });
    return { ...made, paths: bodies.map((_, i) => join(made.path, `bodies/${i}.json`)) };
  };
  const readBodies = (
    { path, paths }: { path: string; paths: readonly string[] },
    options: ReadManifestOptions = {},
  ) => collect(readManifest({ root: path, name: 'mine', ...options }, paths)(from([]), context));

  it('becomes the groups that a listing gives, with the keys it states', async () => {
    const made = written(older);
    const chunks = await readBodies(made);
    assert.deepEqual(chunks[0], { $: 'feed', wire: 1, feed: 'stitch', source: 'mine', root: made.root });
    assert.deepEqual(shape(chunks).slice(1), [
      'group',
      'table account',
      'file account',
      'commit',
      'group',
      'table account',
      'file account',
      'commit',
      'group',
      'table contacts',
      'file contacts',
      'table contacts__personas',
      'file contacts__personas',
      'table contacts__tags',
      'file contacts__tags',
      'commit',
      'end',
    ]);
    assert.deepEqual(
      linesOf(chunks, 'group').map(({ scope, group: id, after: before }) => [scope, id, before]),
      [
        ['crm/account', '99', null],
        ['crm/account', '100', '99'],
        ['crm/contacts', '100', null],
      ],
    );
    assert.deepEqual(tableOf(chunks, 'account').key, ['Id']);
    assert.deepEqual(tableOf(chunks, 'contacts').key, ['id'], 'in the spelling of the header');
    assert.deepEqual(types(tableOf(chunks, 'contacts')), ['id', '_sdc_sequence bigint']);
    assert.equal(tableOf(chunks, 'contacts__personas').parent, 'contacts');
    const catalog = { tables: { contacts: { key: ['_sdc_sequence'] } } };
    const again = await readBodies(made, { catalog });
    assert.deepEqual(tableOf(again, 'contacts').key, ['id'], 'the key of this very delivery');
    rmSync(join(made.path, 'bodies'), { recursive: true });
    const listed = await collect(listGroups(made.path, { feed: 'stitch', settle: 0 })(context));
    assert.deepEqual(linesOf(chunks, 'commit'), linesOf(listed, 'commit'), 'digests too');
    assert.deepEqual(
      linesOf(chunks, 'file').map(({ uri }) => uri),
      linesOf(listed, 'file').map(({ uri }) => uri),
    );
  });

  it('may have the newer form', async () => {
    const chunks = await readBodies(written(newer));
    assert.deepEqual(shape(chunks).slice(1), [
      'group',
      'table contacts',
      'file contacts',
      'table contacts__tags',
      'file contacts__tags',
      'commit',
      'end',
    ]);
    assert.deepEqual(linesOf(chunks, 'group')[0]?.scope, 'crm/contacts');
    assert.equal(linesOf(chunks, 'end')[0]?.groups, 1);
  });

  it('may stand on the wire, alone or in a group', async () => {
    const { root } = written(newer);
    const body: Chunk = { $: 'file', uri: `${root}bodies/0.json`, role: 'manifest' };
    const alone = await read([feedLine('stitch', root), body, end(0)]);
    assert.deepEqual(shape(alone).slice(1, 4), ['group', 'table contacts', 'file contacts']);
    assert.equal(linesOf(alone, 'end')[0]?.groups, 1);
    const inside = await read([
      feedLine('stitch', root),
      group('stitch', '1', 's'),
      body,
      commit('stitch', '1', 1, 's'),
      end(1),
    ]);
    assert.deepEqual(shape(inside).slice(1), [
      'group',
      'table contacts',
      'file contacts',
      'table contacts__tags',
      'file contacts__tags',
      'commit',
      'end',
    ]);
    assert.deepEqual(
      linesOf(inside, 'file').map(({ seq }) => seq),
      [0, 1],
    );
    assert.equal(linesOf(inside, 'commit')[0]?.files, 2);
  });

  it('that is sent twice counts once, and an older load may not follow a newer one', async () => {
    const load = (ms: number) => ({
      s3_bucket: 'b',
      tables: [{ account: [{ name: `crm/account/1_${ms}.jsonl`, pk: ['Id'] }] }],
    });
    const chunks = await readBodies(written(load(99), load(99), load(100)));
    assert.deepEqual(
      linesOf(chunks, 'group').map(({ group: id, after: before }) => [id, before]),
      [
        ['99', null],
        ['100', '99'],
      ],
    );
    assert.equal(linesOf(chunks, 'end')[0]?.groups, 2);
    await fails(
      readBodies(written(load(100), load(99))),
      /1\.json: expected only loads of crm\/account after 100, which an earlier body names, found 99$/,
    );
  });

  it('is refused with what is wrong', async () => {
    const one = (table: object) => ({ s3_bucket: 'acme', tables: [table] });
    const bodies: readonly (readonly [object, RegExp])[] = [
      [{ s3_bucket: 'b' }, /0\.json tables: expected a list, found nothing$/],
      [{ tables: [] }, /0\.json: expected s3_bucket \(or --root URL\), found neither$/],
      [one({}), /0\.json tables\[0\]: expected a table, found \{\}$/],
      [one({ a: [{ pk: ['id'] }] }), /0\.json tables\[0\]\.a\[0\]\.name: expected a text, found nothing$/],
      [
        one({ s3_objects: ['b/k'] }),
        /0\.json tables\[0\]\.destination_table_name: expected a text, found nothing$/,
      ],
      [
        one({
          a: [
            { name: 'x/a/1_1.csv', pk: ['id'] },
            { name: 'x/a/1_2.csv', pk: ['i', 'd'] },
          ],
        }),
        /tables\[0\]\.a\[1\]\.pk: expected the same key for all files of table a, \(id\), found \(i, d\)$/,
      ],
      [
        one({ a: [{ name: 'x/a/1_1.[csv|jsonl]', pk: ['id'] }] }),
        /table a: expected an object x\/a\/1_1\.csv or x\/a\/1_1\.jsonl below file:.*, found neither$/,
      ],
      [one({ a: [{ name: 'crm/account/1_100.txt', pk: ['id'] }] }), /account\/1_100\.txt: /],
      [
        one({ a: [{ name: 'bodies/0.json', pk: ['id'] }] }),
        /table a: expected an object key such as \[integration_name\].* \(--template tells another\), found bodies\/0\.json$/,
      ],
      [one({ a: [{ name: 's3://evil/../../x', pk: ['id'] }] }), /table a: expected a file below file:/],
    ];
    for (const [body, message] of bodies) {
      const made = written(body);
      const { root: _, ...rootless } = { root: made.path };
      await fails(
        message.source.includes('s3_bucket')
          ? collect(readManifest(rootless, made.paths)(from([]), context))
          : readBodies(made),
        message,
      );
    }
    assert.throws(() => readStitchWebhook('{', 'b.json'), /^UserError: b\.json: expected JSON, found /);
  });

  it('follows a key template of the user’s', async () => {
    const made = drop({
      'x/account/2018/1/99.csv': 'Id\n1\n',
      'b.json': JSON.stringify({
        s3_bucket: 'b',
        tables: [{ account: [{ name: 'x/account/2018/1/99.csv', pk: ['Id'] }] }],
      }),
    });
    const template =
      '[integration_name]/[table_name]/[year_loaded]/[table_version]/[timestamp_loaded].[csv|jsonl]';
    const chunks = await readBodies({ path: made.path, paths: [join(made.path, 'b.json')] }, { template });
    assert.deepEqual(
      linesOf(chunks, 'group').map(({ scope, group: id }) => [scope, id]),
      [['x/account', '99']],
    );
  });
});

describe('read-manifest', () => {
  it('passes on all else as it is, in order', async () => {
    const { root } = drop({ 'a.csv': 'x\n', 'b.csv': 'x\n', 'c.csv': 'x\n' });
    const names = fc.constantFrom('a', 'b', 'c');
    const body = fc.array(
      fc.oneof(
        names.map(
          (table): Chunk => ({
            $: 'file',
            uri: `${root}${table}.csv`,
            table,
            format: 'jsonl',
            role: 'data',
          }),
        ),
        names.map((table): Chunk => ({ $: 'file', uri: `file:///x/${table}.rej`, table, role: 'rejects' })),
        names.map((table): Chunk => runOfRows({ $: 'table', table }, [{ a: 1 }])),
        fc.constant<Chunk>({ $: 'eof', uri: 'file:///x', rows: 1, rejects: 0 }),
      ),
      { maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(body, { maxLength: 5 }), async (bodies) => {
        const lines: Chunk[] = [feedLine('template', 'file:///x/')];
        for (const [i, chunks] of bodies.entries()) {
          const files = linesOf(chunks, 'file').map((file, seq): FileLine => ({ ...file, seq }));
          const numbered = chunks.map((chunk) =>
            isControl(chunk) && chunk.$ === 'file' ? files.shift()! : chunk,
          );
          lines.push(
            group('template', `${i}`),
            ...numbered,
            commit('template', `${i}`, linesOf(chunks, 'file').length),
          );
        }
        lines.push(end(bodies.length));
        const out = await read(lines);
        assert.deepEqual(
          out.filter((chunk) => !isControl(chunk) || chunk.$ !== 'table'),
          lines,
        );
        // A table line before the first data file of each table of each group, and no other.
        const expected = bodies.map(
          (chunks) =>
            new Set(linesOf(chunks, 'file').flatMap(({ table, role }) => (role === 'data' ? [table] : [])))
              .size,
        );
        assert.equal(
          linesOf(out, 'table').length,
          expected.reduce((sum, count) => sum + count, 0),
        );
      }),
      { numRuns: 50 },
    );
  });

  it('does not know feeds that are none', async () => {
    await fails(
      read([feedLine('zenotti', 'file:///x/'), end(0)]),
      'feed line: expected a feed (zenoti, contentsquare, stitch, exports, template), found zenotti',
    );
    await fails(
      read([{ $: 'file', uri: 'file:///x/m.json', role: 'manifest' }, end(0)]),
      /m\.json: expected a manifest only in a feed that has manifests, found no feed line$/,
    );
    await fails(
      read([
        feedLine('zenoti', 'file:///x/'),
        { $: 'file', uri: 'file:///x/m.json', role: 'manifest' },
        end(0),
      ]),
      /m\.json: expected a manifest only in a feed that has manifests, found feed zenoti$/,
    );
  });
});

describe('mapping ahead', () => {
  it('keeps the order and no more than so many under way', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 40 }),
        fc.integer({ min: 1, max: 6 }),
        async (delays, ahead) => {
          let running = 0;
          let most = 0;
          const results: number[] = [];
          const mapped = mapAhead(delays.entries(), ahead, async ([i, delay]) => {
            most = Math.max(most, ++running);
            for (let turn = 0; turn < delay; turn++) await new Promise(setImmediate);
            running--;
            return i;
          });
          for await (const i of mapped) results.push(i);
          assert.deepEqual(results, [...delays.keys()]);
          assert.ok(most <= ahead, `${most} of ${ahead}`);
          assert.ok(ahead === 1 || delays.length < 2 || most > 1, 'they overlap');
        },
      ),
      { numRuns: 60 },
    );
  });

  it('gives every result before a failure of its input', async () => {
    async function* cut() {
      yield 1;
      yield 2;
      throw new Error('cut');
    }
    const seen: number[] = [];
    const late = async (i: number) => {
      await new Promise(setImmediate);
      return i;
    };
    await assert.rejects(async () => {
      for await (const i of mapAhead(cut(), 4, late)) seen.push(i);
    }, /cut/);
    assert.deepEqual(seen, [1, 2]);
  });

  it('closes its input when it fails or is left', async () => {
    let closed = 0;
    async function* numbers() {
      try {
        for (let i = 0; ; i++) yield i;
      } finally {
        closed++;
      }
    }
    const fail = async (i: number) => {
      if (i === 3) throw new Error('three');
      return i;
    };
    const seen: number[] = [];
    await assert.rejects(async () => {
      for await (const i of mapAhead(numbers(), 4, fail)) seen.push(i);
    }, /three/);
    assert.deepEqual(seen, [0, 1, 2]);
    for await (const i of mapAhead(numbers(), 4, async (n) => n)) if (i === 2) break;
    assert.equal(closed, 2);
  });
});

describe('empty files', () => {
  const row = '{"__sdc_primary_key":"a","v":1}\n';

  it('ask for no key, and leave it to the next file to tell the columns', async () => {
    const { path } = drop({
      'prod/visits/1_1000.jsonl': '',
      'prod/visits/2_1000.jsonl': row,
      'prod/visits/1_2000.csv': '',
    });
    const chunks = await readDrop(path, 'stitch');
    const lines = chunks.filter(isControl);
    assert.deepEqual(
      lines.map(({ $ }) => $),
      ['feed', 'group', 'file', 'table', 'file', 'commit', 'group', 'file', 'commit', 'end'],
    );
    assert.deepEqual(tableOf(chunks, 'visits').key, ['__sdc_primary_key']);
  });
});

it('a header that cannot be read fails the one who asked, and nobody else', async () => {
  const { root } = drop({ 'a.csv': 'id,,b\n1,2,3\n' });
  const file: FileLine = { $: 'file', uri: `${root}a.csv`, table: 'a', format: 'csv' };
  const unheard: unknown[] = [];
  const listen = (error: unknown) => unheard.push(error);
  process.on('unhandledRejection', listen);
  try {
    const asked = readHeader(file, { store: openStore(), context, csv: undefined });
    await fails(asked, /a\.csv line 1: expected a name for column 2 in the header, found none$/);
    await new Promise((resolve) => setTimeout(resolve, 20));
  } finally {
    process.off('unhandledRejection', listen);
  }
  assert.deepEqual(unheard, []);
});
