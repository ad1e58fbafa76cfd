import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { type DecodeOptions, decode, decodeFlags, fileLines, sniff } from '../src/commands/decode.ts';
import { openDuckDB, quoteText } from '../src/duckdb.ts';
import { UsageError } from '../src/errors.ts';
import { type Context, quietContext } from '../src/stage.ts';
import { openStore } from '../src/stores/index.ts';
import { runOfRows } from '../src/wire/run.ts';
import { type Chunk, type Control, isControl, type Row, type TableLine } from '../src/wire/types.ts';
import { s3Server } from './support/s3.ts';
import { scratch } from './support/scratch.ts';

const folder = scratch('decode');
const temporary = scratch('decode-temporary');
let files = 0;

before(() => {
  process.env['TMPDIR'] = temporary;
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
});

/** A new file; the name may hold folders. */
function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, String(++files), name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  return path;
}

async function* from(items: readonly Chunk[]): AsyncIterable<Chunk> {
  yield* items;
}

const FEED = { $: 'feed', wire: 1, feed: 'zenoti', source: 's', root: 'file:///r/' } as const;
const GROUP = { $: 'group', feed: 'zenoti', scope: 'POD1', group: '9', after: null } as const;
const COMMIT = { $: 'commit', feed: 'zenoti', scope: 'POD1', group: '9', files: 1, digest: 'd' } as const;
const END = { $: 'end', groups: 0 } as const;

/** What the stage says, a run as `table/names` and its rows: `['t(a)', {…}]`. */
type Said = Control | [string, ...Row[]];

async function collect(chunks: AsyncIterable<Chunk>): Promise<Said[]> {
  const said: Said[] = [];
  for await (const chunk of chunks) {
    if (isControl(chunk)) said.push(chunk);
    else said.push([tableText(chunk.table), ...chunk.objects().map((row) => ({ ...row }))]);
  }
  return said;
}

const tableText = ({ table, columns }: TableLine): string =>
  `${table}(${columns?.map(({ name, type }) => (type === undefined ? name : `${name}:${type}`)).join()})`;

const run = (
  input: readonly Chunk[],
  options: DecodeOptions = {},
  context: Partial<Context> = {},
): Promise<Said[]> => collect(decode(options)(from(input), quietContext(context)));

const decodeFiles = (
  paths: readonly string[],
  options: DecodeOptions = {},
  context: Partial<Context> = {},
): Promise<Said[]> => collect(decode(options)(fileLines(paths), quietContext(context)));

const runsOf = (said: readonly Said[]): [string, ...Row[]][] =>
  said.filter((item) => Array.isArray(item)) as [string, ...Row[]][];
const controlsOf = (said: readonly Said[]): Control[] =>
  said.filter((item) => !Array.isArray(item)) as Control[];

async function* stdinOf(bytes: Uint8Array, size = 7): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function makeParquet(select: string): Promise<string> {
  const path = file('made.parquet', '');
  const database = await openDuckDB();
  await database.run(`COPY (${select}) TO ${quoteText(path)} (FORMAT parquet)`);
  database.close();
  return path;
}

interface Member {
  readonly path: string;
  readonly content: string | Uint8Array;
  /** Instead of the right one. */
  readonly crc?: number;
}

/** A zip by the book (APPNOTE.TXT 4.3), each member deflated. */
function zip(members: readonly Member[]): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const { path, content, crc } of members) {
    const plain = Buffer.from(content as string);
    const packed = deflateRawSync(plain);
    const name = Buffer.from(path);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x800, 2);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc ?? crc32(plain), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(plain.length, 18);
    common.writeUInt16LE(name.length, 22);
    local.push(Buffer.from('PK\x03\x04'), common, name, packed);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    central.push(Buffer.from('PK\x01\x02'), Buffer.from([20, 0]), common, rest, name);
    offset += 30 + name.length + packed.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(members.length, 4);
  end.writeUInt16LE(members.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...local, directory, Buffer.from('PK\x05\x06'), end]);
}

test('files given by name become a loose body: file, rows, eof each, then end', async () => {
  const first = file('orders.csv', 'id,note\n1,x\n2,\n');
  const second = file('more.jsonl', '{"id":3}\n');
  assert.deepEqual(await decodeFiles([first, second]), [
    { $: 'file', uri: first, format: 'csv', table: 'orders' },
    ['orders(id,note)', { id: '1', note: 'x' }, { id: '2', note: null }],
    { $: 'eof', uri: first, rows: 2, rejects: 0 },
    { $: 'file', uri: second, format: 'jsonl', table: 'more' },
    [runsOf(await decodeFiles([second]))[0]![0], { id: 3 }],
    { $: 'eof', uri: second, rows: 1, rejects: 0 },
    END,
  ]);
});

test('a table is called after --table, else after the file without the endings of codec and format', async () => {
  const names = ['orders.csv', 'orders.CSV.gz', 'my orders.v2.csv', 'orders', 'orders.csv.zip'];
  const csv = 'id\n1\n';
  const tables: string[] = [];
  for (const name of names) {
    let content: string | Uint8Array = csv;
    if (name.endsWith('.gz')) content = gzipSync(csv);
    const path = name.endsWith('.zip')
      ? file(name, zip([{ path: 'inner/rows.csv', content: csv }]))
      : file(name, content);
    const [[text] = ['']] = runsOf(await decodeFiles([path]));
    tables.push(text.slice(0, text.indexOf('(')));
  }
  assert.deepEqual(tables, ['orders', 'orders', 'my orders.v2', 'orders', 'rows']);
  assert.deepEqual(runsOf(await decodeFiles([file('a.csv', csv)], { table: 'Given' })), [
    ['Given(id)', { id: '1' }],
  ]);
  const url = new URL('file:///');
  url.pathname = file('größe 1.csv', csv);
  assert.deepEqual(runsOf(await decodeFiles([url.href])), [['größe 1(id)', { id: '1' }]]);
});

test('standard input is a file called -, whatever sizes its pieces have', async () => {
  const parquetPath = await makeParquet('SELECT 9007199254740993 AS id');
  const cases: readonly [Uint8Array, string, string, Row][] = [
    [Buffer.from('id\n1\n'), 'csv', 'stdin(id)', { id: '1' }],
    [gzipSync('id\n1\n'), 'csv', 'stdin(id)', { id: '1' }],
    [readFileSync(parquetPath), 'parquet', 'stdin(id:bigint)', { id: '9007199254740993' }],
    [
      zip([{ path: 'made.parquet', content: readFileSync(parquetPath) }]),
      'parquet',
      'made(id:bigint)',
      { id: '9007199254740993' },
    ],
  ];
  for (const [bytes, format, table, row] of cases) {
    for (const size of [1, 7, 1 << 20]) {
      const said = await decodeFiles(['-'], {}, { stdin: () => stdinOf(bytes, size) });
      assert.deepEqual(runsOf(said), [[table, row]], `${format} in pieces of ${size}`);
      assert.equal((said[0] as { format?: string }).format, format);
    }
  }
  assert.deepEqual(readdirSync(temporary), []);
});

test('standard input is read once', async () => {
  await assert.rejects(decodeFiles(['-', '-']), UsageError);
});

test('--limit ends each file after so many rows and leaves a whole wire', async () => {
  const csv = file('a.csv', `id\n${Array.from({ length: 50000 }, (_, i) => i).join('\n')}\n`);
  const made = await makeParquet('SELECT i FROM range(50000) t(i)');
  for (const limit of [0, 1, 3, 20000]) {
    const said = await decodeFiles([csv, made], { limit });
    const eofs = controlsOf(said).filter((line) => line.$ === 'eof');
    assert.deepEqual(
      eofs.map(({ rows }) => rows),
      [limit, limit],
    );
    assert.equal(runsOf(said).flatMap(([, ...rows]) => rows).length, 2 * limit);
    assert.deepEqual(said.at(-1), END);
  }
  assert.deepEqual(readdirSync(temporary), []);
});

test('--limit asks for no more of a stream than it needs', async () => {
  let asked = 0;
  async function* endless(): AsyncIterable<Uint8Array> {
    yield Buffer.from('id\n');
    for (; ; asked++) {
      assert.ok(asked < 1000, 'asked for more and more');
      yield Buffer.from(`${asked}\n`.repeat(1000));
    }
  }
  const said = await decodeFiles(['-'], { limit: 2 }, { stdin: endless });
  assert.deepEqual(runsOf(said), [['stdin(id)', { id: '0' }, { id: '0' }]]);
  assert.deepEqual(said.at(-1), END);
});

test('a table line of the group wins over one before the groups, and the catalog over both', async () => {
  const uri = file('x.csv', '1,2\n');
  const data = { $: 'file', uri, table: 'T' } as const;
  const outside: TableLine = {
    $: 'table',
    table: 'T',
    columns: [{ name: 'o' }, { name: 'p' }],
    key: ['o'],
    merge: 'upsert',
  };
  const inside: TableLine = { $: 'table', table: 'T', columns: [{ name: 'i', type: 'int' }, { name: 'j' }] };
  const tableOf = async (input: readonly Chunk[], options: DecodeOptions = {}): Promise<TableLine> => {
    for await (const chunk of decode(options)(from(input), quietContext()))
      if (!isControl(chunk)) return chunk.table;
    assert.fail('no rows');
  };
  assert.deepEqual(await tableOf([outside, GROUP, data]), outside);
  assert.deepEqual(await tableOf([outside, GROUP, inside, data]), { ...outside, ...inside });
  assert.deepEqual(
    await tableOf([outside, GROUP, inside, COMMIT, { ...GROUP, group: '10' }, data]),
    outside,
    'it holds for its group',
  );
  const catalog = { tables: { t: { key: ['J'], columns: { J: 'bigint' } } } } as const;
  assert.deepEqual(await tableOf([outside, GROUP, inside, data], { catalog }), {
    ...outside,
    ...inside,
    key: ['j'],
    columns: [inside.columns![0], { name: 'j', type: 'bigint' }],
  });
});

test('what a feed knows of a table and how it writes CSV holds after its line', async () => {
  const csv = file(
    '1.csv',
    'id,_sdc_sequence,_sdc_batched_at,note\n1,1565276078922000095,2026-01-28T00:00:00Z,""\n',
  );
  const stitch = { ...FEED, feed: 'stitch' };
  const [[table, row] = []] = runsOf(
    await run([stitch, GROUP, { $: 'file', uri: csv, table: 'orders' }, COMMIT]),
  );
  assert.equal(table, 'orders(id,_sdc_sequence:bigint,_sdc_batched_at:timestamptz,note)');
  assert.deepEqual(row, {
    id: '1',
    _sdc_sequence: '1565276078922000095',
    _sdc_batched_at: '2026-01-28T00:00:00Z',
    note: null,
  });
});

test('catalog types are laid over those that the file gives', async () => {
  const made = await makeParquet("SELECT 1 AS Id, {'a': 1} AS o");
  const catalog = { tables: { '*': { columns: { ID: 'bigint', o: { type: 'json' } } } } } as const;
  assert.deepEqual(runsOf(await decodeFiles([made], { catalog, table: 't' })), [
    ['t(Id:bigint,o:json)', { Id: 1, o: { a: 1 } }],
  ]);
});

test('the rows of a group add up in its commit; other lines pass in their places', async () => {
  const uri = file('x.csv', 'a\n1\n2\n');
  const ddl = { $: 'ddl', uri: 'd', modified: 'm', etag: 'e' } as const;
  const manifest = { $: 'file', uri: 'nowhere.json', role: 'manifest' } as const;
  const rejects = { $: 'file', uri: 'nowhere.jsonl', role: 'rejects', table: 'x' } as const;
  const data = { $: 'file', uri, table: 'x', format: 'csv', role: 'data', seq: 0 } as const;
  const eof = { $: 'eof', uri, rows: 2, rejects: 0 } as const;
  const rows = ['x(a)', { a: '1' }, { a: '2' }];
  const second = [{ ...GROUP, group: '10' }, data, { ...COMMIT, group: '10' }] as const;
  assert.deepEqual(
    await run([FEED, ddl, GROUP, manifest, data, rejects, data, COMMIT, ...second, END], { header: 'yes' }),
    [
      FEED,
      ddl,
      GROUP,
      manifest,
      data,
      rows,
      eof,
      rejects,
      data,
      rows,
      eof,
      { ...COMMIT, rows: 4 },
      second[0],
      data,
      rows,
      eof,
      { ...second[2], rows: 2 },
      END,
    ],
  );
  // Of a group that was decoded in part before.
  const [, , , commit] = await run([GROUP, data, { ...COMMIT, rows: 3 }, END], { header: 'yes' }).then(
    (said) => said.filter((line) => !Array.isArray(line)),
  );
  assert.deepEqual(commit, { ...COMMIT, rows: 5 });
});

test('rows that are on the wire already pass, and their files are not decoded again', async () => {
  const paths = [
    file('a.csv', 'x\n1\n'),
    file('empty.csv', 'x\n'),
    file('bad.csv', 'x\n1,2\n'),
    file('b.csv', 'x\n2\n'),
  ];
  for (const onError of ['stop', 'reject'] as const) {
    const given = onError === 'stop' ? paths.filter((path) => !path.endsWith('bad.csv')) : paths;
    const chunks: Chunk[] = [GROUP];
    for await (const chunk of decode({ onError })(fileLines(given), quietContext()))
      if (!isControl(chunk) || chunk.$ !== 'end') chunks.push(chunk);
    chunks.push({ ...COMMIT, rows: 2 }, END);
    assert.deepEqual(await run(chunks), await collect(from(chunks)));
  }
  const table = { $: 'table', table: 't' } as const;
  const rows = runOfRows(table, [{ a: 1 }]);
  assert.deepEqual(await run([table, rows, END]), [table, ['t(undefined)', { a: 1 }], END]);
});

test('each data member of a zip is a file, in the order of their paths', async () => {
  const path = file(
    'drop.zip',
    zip([
      { path: 'b/2.csv', content: 'x\n2\n' },
      { path: '__MACOSX/b/._2.csv', content: 'junk' },
      { path: 'b/', content: '' },
      { path: '.DS_Store', content: 'junk' },
      { path: 'a.csv.gz', content: gzipSync('x\n1\n') },
    ]),
  );
  const line = { $: 'file', uri: path, table: 't', codec: 'zip', batch: '7', seq: 3 } as const;
  const kept = { $: 'file', uri: path, table: 't', batch: '7', seq: 3, format: 'csv' } as const;
  assert.deepEqual(await run([line, END]), [
    { ...kept, member: 'a.csv.gz', codec: 'gzip' },
    ['t(x)', { x: '1' }],
    { $: 'eof', uri: path, member: 'a.csv.gz', rows: 1, rejects: 0 },
    { ...kept, member: 'b/2.csv' },
    ['t(x)', { x: '2' }],
    { $: 'eof', uri: path, member: 'b/2.csv', rows: 1, rejects: 0 },
    END,
  ]);
  assert.deepEqual(runsOf(await run([{ ...line, member: 'b/2.csv' }])), [['t(x)', { x: '2' }]]);
  assert.deepEqual(
    runsOf(await run([line, END], { lineage: true })).map(([, row]) => row),
    [
      { x: '1', _brigade_file: `${path}!a.csv.gz`, _brigade_row: '1' },
      { x: '2', _brigade_file: `${path}!b/2.csv`, _brigade_row: '1' },
    ],
  );
  await assert.rejects(
    run([{ ...line, member: 'c.csv' }]),
    /drop\.zip: expected a member c\.csv, found none of that path$/,
  );
  assert.deepEqual(await run([{ $: 'file', uri: file('none.zip', zip([])) }, END]), [END]);
});

test('a zip that is cut or whose member is not what its directory says is an error with the member', async () => {
  const whole = zip([{ path: 'a.csv', content: 'x\n1\n' }]);
  await assert.rejects(
    decodeFiles([file('cut.zip', whole.subarray(0, whole.length - 9))]),
    /cut\.zip: expected a whole zip file, found /,
  );
  const wrong = file('wrong.zip', zip([{ path: 'a.csv', content: 'x\n1\n', crc: 1 }]));
  await assert.rejects(
    decodeFiles([wrong]),
    /wrong\.zip!a\.csv: expected bytes with the CRC 00000001, found [0-9a-f]{8}$/,
  );
});

test('the format is told by --format, line, name and bytes, in this order', async () => {
  const made = readFileSync(await makeParquet('SELECT 1 AS a'));
  const formatOf = async (path: string, options: DecodeOptions = {}, line = {}): Promise<unknown> => {
    const said = await run([{ $: 'file', uri: path, ...line }, END], options);
    return (said[0] as { format?: string }).format;
  };
  assert.equal(await formatOf(file('x', made)), 'parquet');
  assert.equal(await formatOf(file('x.txt', '{"a":1}\n')), 'jsonl');
  assert.equal(await formatOf(file('x.txt', '\uFEFF {"a":1}\n')), 'jsonl');
  assert.equal(await formatOf(file('x.txt', 'a\n1\n')), 'csv');
  assert.equal(await formatOf(file('x.csv', '{"a":1}\n'), {}, { format: 'jsonl' }), 'jsonl');
  assert.equal(await formatOf(file('x.csv', '{"a":1}\n'), { format: 'jsonl' }, { format: 'csv' }), 'jsonl');
  assert.equal(await formatOf(file('x.csv', made), { format: 'parquet' }), 'parquet');
});

test('a name that the first bytes belie is an error, as is an unknown format or codec', async () => {
  const made = readFileSync(await makeParquet('SELECT 1 AS a'));
  await assert.rejects(
    decodeFiles([file('x.csv', made)]),
    /x\.csv: expected csv, as its name says, found the first bytes of parquet \(--format parquet\)$/,
  );
  const text = file('x.txt', 'a\n');
  await assert.rejects(
    run([{ $: 'file', uri: text, format: 'xml' }]),
    /x\.txt: expected a format \(csv, jsonl, avro, parquet\), found xml$/,
  );
  await assert.rejects(
    run([{ $: 'file', uri: text, codec: 'rar' }]),
    /x\.txt: expected a codec \(.*\), found rar$/,
  );
  await assert.rejects(
    decodeFiles([file('x.csv.gz', 'a\n1\n')]),
    /x\.csv\.gz.* expected sound gzip data, found /,
  );
});

test('after an error nothing more is said: no eof, no commit, no end', async () => {
  const bad = file('bad.csv', 'a,b\n1,2\n1,2,3\n');
  const said: Chunk[] = [];
  await assert.rejects(async () => {
    for await (const chunk of decode()(from([GROUP, { $: 'file', uri: bad }, COMMIT, END]), quietContext()))
      said.push(chunk);
  }, /bad\.csv line 3: expected 2 fields, found 3$/);
  assert.deepEqual(
    said.filter(isControl).map(({ $ }) => $),
    ['group', 'file'],
  );
});

test('--on-error reject counts what it could not read', async () => {
  const bad = file('bad.csv', 'a,b\n1,2\n1,2,3\n4,5\n');
  const said = await decodeFiles([bad], { onError: 'reject' });
  assert.equal(controlsOf(said).filter(({ $ }) => $ === 'reject').length, 1);
  assert.deepEqual(controlsOf(said).at(-2), { $: 'eof', uri: bad, rows: 2, rejects: 1 });
});

test('an object that was rewritten since it was listed is refused', async () => {
  for (const path of [file('x.csv', 'a\n1\n'), await makeParquet('SELECT 1 AS a')]) {
    const { etag } = await openStore().stat(path);
    const line = { $: 'file', uri: path, etag } as const;
    assert.equal(runsOf(await run([line])).length, 1);
    writeFileSync(path, readFileSync(path));
    await assert.rejects(run([line]), /rewritten/);
  }
});

test('a local file that is rewritten while a reader jumps about in it is refused', async () => {
  const path = await makeParquet('SELECT i FROM range(3000) t(i)');
  const said: Chunk[] = [];
  await assert.rejects(async () => {
    for await (const chunk of decode()(from([{ $: 'file', uri: path }]), quietContext())) {
      said.push(chunk);
      if (said.length === 2) utimesSync(path, 1, 1);
    }
  }, /rewritten while it was read/);
  assert.ok(!said.some((chunk) => isControl(chunk) && chunk.$ === 'eof'));
});

test('a pipe has a path but no end to jump to', async (context) => {
  const path = file('fifo', '');
  try {
    execFileSync('mkfifo', [`${path}.parquet`]);
  } catch {
    return context.skip('no mkfifo here');
  }
  const made = readFileSync(await makeParquet('SELECT 1 AS a'));
  const [said] = await Promise.all([
    decodeFiles([`${path}.parquet`]),
    import('node:fs/promises').then(({ writeFile }) => writeFile(`${path}.parquet`, made)),
  ]);
  assert.deepEqual(runsOf(said), [['fifo(a:int)', { a: 1 }]]);
});

test('Parquet, CSV and zip objects of S3 are read alike, and nothing is left on disk', async () => {
  const server = await s3Server();
  const made = await makeParquet('SELECT i FROM range(3000) t(i)');
  await server.makeBucket('decode');
  await server.put('decode', 'a b/made.parquet', readFileSync(made));
  await server.put('decode', 'x.csv.gz', gzipSync('a\n1\n'));
  await server.put('decode', 'x.zip', zip([{ path: 'x.csv', content: 'a\n2\n' }]));
  const options = { endpoint: server.endpoint, region: 'us-east-1', pathStyle: true };
  const said = await decodeFiles(
    ['s3://decode/a b/made.parquet', 's3://decode/x.csv.gz', 's3://decode/x.zip'],
    options,
  );
  const rows = runsOf(said).flatMap(([, ...rest]) => rest);
  assert.deepEqual(rows.slice(0, 2), [{ i: '0' }, { i: '1' }]);
  assert.deepEqual(rows.slice(2998), [{ i: '2998' }, { i: '2999' }, { a: '1' }, { a: '2' }]);
  await assert.rejects(decodeFiles(['s3://decode/none.csv'], options), /s3:\/\/decode\/none\.csv/);
  const listed = { $: 'file', uri: 's3://decode/x.csv.gz', etag: 'another' } as const;
  await assert.rejects(run([listed, END], options), /x\.csv\.gz: rewritten since it was listed/);
  assert.deepEqual(readdirSync(temporary), []);
});

test('the first rows of a slow stream leave before the next arrive', async () => {
  let release = (): void => {};
  const more = new Promise<void>((resolve) => {
    release = resolve;
  });
  async function* slow(): AsyncIterable<Uint8Array> {
    yield Buffer.from('{"a":1}\n');
    await more;
    yield Buffer.from('{"a":2}\n');
  }
  const rows: Row[] = [];
  for await (const chunk of decode()(fileLines(['-']), quietContext({ stdin: slow }))) {
    if (isControl(chunk)) continue;
    rows.push(...chunk.objects());
    release();
  }
  assert.equal(rows.length, 2);
});

test('the first bytes tell the wire, an empty input, a compressed one and formats apart', async () => {
  const made = readFileSync(await makeParquet('SELECT 1 AS a'));
  const cases: readonly (readonly [string | Uint8Array, string])[] = [
    ['', 'empty'],
    ['{"$":"feed","wire":1}\n', 'wire'],
    ['\r\n {"$" : "end", "groups": 0}\n', 'wire'],
    ['{"a":{"$":1}}\n', 'jsonl'],
    ['{"$a":1}\n', 'jsonl'],
    ['  {"a":1}\n', 'jsonl'],
    ['\uFEFF{"a":1}\n', 'jsonl'],
    ['a,b\n', 'csv'],
    ['x', 'csv'],
    [made, 'parquet'],
    [made.subarray(0, 4), 'parquet'],
    [Buffer.from('Obj\x01'), 'avro'],
    [gzipSync('{"$":"end"}'), 'compressed'],
    [zip([]), 'compressed'],
    [Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), 'compressed'],
  ];
  for (const [head, expected] of cases)
    assert.equal(sniff(Buffer.from(head as string)), expected, JSON.stringify(head).slice(0, 60));
});

test('--columns takes names and types, commas of decimals included', () => {
  const parse = (given: string) => decodeFlags.columns.parse(given, 'columns');
  assert.deepEqual(parse('id:bigint, name,price:decimal(10, 2),at:Timestamptz'), [
    { name: 'id', type: 'bigint' },
    { name: 'name' },
    { name: 'price', type: 'decimal(10,2)' },
    { name: 'at', type: 'timestamptz' },
  ]);
  assert.throws(() => parse('id:number'), /--columns: expected a type for id, found number/);
  assert.throws(() => parse('id,,x'), /--columns: expected a name for every column/);
});

test('any way of cutting files into groups and commits gives the same rows, counted right', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(fc.nat(5), { maxLength: 3 }), { maxLength: 4 }), async (groups) => {
      const input: Chunk[] = [FEED];
      for (const [at, counts] of groups.entries()) {
        input.push({ ...GROUP, group: String(at) });
        for (const count of counts) {
          input.push({ $: 'file', uri: file('t.csv', `a\n${'x\n'.repeat(count)}`), table: 't' });
        }
        input.push({ ...COMMIT, group: String(at) });
      }
      input.push({ ...END, groups: groups.length });
      const said = controlsOf(await run(input, { header: 'yes' }));
      assert.deepEqual(
        said.filter((line) => line.$ === 'eof').map(({ rows }) => rows),
        groups.flat(),
      );
      assert.deepEqual(
        said.filter((line) => line.$ === 'commit').map(({ rows }) => rows),
        groups.map((counts) => counts.reduce((sum, count) => sum + count, 0)),
      );
    }),
    { numRuns: 20 },
  );
});
