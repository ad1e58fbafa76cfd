import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, describe, test } from 'node:test';
import {
  compose,
  decode,
  dedupe,
  flatten,
  flattenRow,
  load,
  lsGroups,
  parseCsv,
  quietContext,
  readManifest,
  readSchemaScript,
  stages,
  toSql,
} from '../src/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'bucket-brigade-'));
after(() => rmSync(folder, { recursive: true, force: true }));

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}
const plain = (items: readonly unknown[]): unknown => JSON.parse(JSON.stringify(items));

describe('the pure functions', () => {
  test('parse CSV that is in memory', async () => {
    assert.deepEqual(plain(await parseCsv('id,name\n1,"a\n""b"""\n2,\n3,""\n')), [
      { id: '1', name: 'a\n"b"' },
      { id: '2', name: null },
      { id: '3', name: '' },
    ]);
    await assert.rejects(parseCsv('id,name\n1\n'), {
      name: 'UserError',
      message: /line 2: expected 2 fields, found 1/,
    });
  });

  test('flatten one record', () => {
    const rows = flattenRow({ id: 1, a: { b: 2 }, list: [{ c: 3 }] }, { table: 't', key: ['id'] });
    assert.deepEqual(
      rows.map(({ table, row }) => [table, { ...row }]),
      [
        ['t', { id: 1, a__b: 2 }],
        ['t__list', { _sdc_source_key_id: 1, _sdc_level_0_id: 0, c: 3 }],
      ],
    );
  });

  test('read a schema script', () => {
    const [statement] = readSchemaScript(
      'create table t (id DECIMAL(19,0), name NVARCHAR(20)) distkey(id);',
      't.txt',
    );
    assert.equal(statement?.table, 't');
  });
});

describe('the stages', () => {
  test('compose into one, from chunks to chunks', async () => {
    const path = join(folder, 'people.csv');
    writeFileSync(path, 'id,n\n1,9\nbroken\n1,10\n2,1\n');
    const clean = compose(stages.decode({ onError: 'reject' }), stages.dedupe({ key: ['id'], order: ['n'] }));
    const seen: unknown[] = [];
    for await (const chunk of clean(stages.fileLines([path]), quietContext()))
      seen.push('$' in chunk ? chunk.$ : plain(chunk.objects()));
    assert.deepEqual(seen, [
      'file',
      'reject',
      'eof',
      [
        { id: '1', n: '10' },
        { id: '2', n: '1' },
      ],
      'end',
    ]);
  });
});

describe('the streams', () => {
  test('decode a file into rows with no word of the wire', async () => {
    const rows = await collect(
      Readable.from([Buffer.from('id,na'), Buffer.from('me\n1,x\n2,y\n')]).pipe(
        decode({ format: 'csv', output: 'rows' }),
      ),
    );
    assert.deepEqual(plain(rows), [
      { id: '1', name: 'x' },
      { id: '2', name: 'y' },
    ]);
  });

  test('tell a file from the wire by its first bytes, in however small pieces they come', async () => {
    const bytes = [...'{"a":1}\n{"a":2}\n'].map((character) => Buffer.from(character));
    assert.deepEqual(plain(await collect(Readable.from(bytes).pipe(decode({ output: 'rows' })))), [
      { a: 1 },
      { a: 2 },
    ]);
  });

  test('hand each other bytes or lines, with the same result', async () => {
    const nested = '{"id":1,"v":1,"tags":["a","b"]}\n{"id":1,"v":2,"tags":["c"]}\n';
    const catalog = { tables: { people: { key: ['id'], order: ['v'], columns: { v: 'int' } } } } as const;
    const results = [];
    for (const output of ['bytes', 'lines'] as const) {
      const items = await collect(
        Readable.from([Buffer.from(nested)])
          .pipe(decode({ table: 'people', catalog, output }))
          .pipe(flatten({ output }))
          .pipe(dedupe({ output: 'rows' })),
      );
      results.push(plain(items));
    }
    assert.deepEqual(results[0], results[1]);
    assert.deepEqual(results[0], [
      { id: 1, v: 2 },
      { _sdc_source_key_id: 1, _sdc_level_0_id: 0, v: 2, value: 'c' },
    ]);
  });

  test('flatten says which table a row belongs to', async () => {
    const lines = [
      { $: 'table', table: 't', key: ['id'] },
      { id: 1, a: [{ b: 1 }] },
      { $: 'end', groups: 0 },
    ];
    const rows = await collect(Readable.from(lines).pipe(flatten({ output: 'rows' })));
    assert.deepEqual(plain(rows), [
      { table: 't', row: { id: 1 } },
      { table: 't__a', row: { _sdc_source_key_id: 1, _sdc_level_0_id: 0, b: 1 } },
    ]);
  });

  test('end with an error when the wire has no end', async () => {
    const cut = Readable.from([{ $: 'table', table: 't', key: ['id'] }, { id: 1 }]);
    await assert.rejects(
      pipeline(cut, dedupe({ output: 'rows' }), async (rows) => void (await collect(rows))),
      {
        name: 'UserError',
        message: /expected an end line/,
      },
    );
  });

  test('stop when their signal aborts', async () => {
    const abort = new AbortController();
    const endless = Readable.from(
      (async function* () {
        for (let id = 0; ; id++) yield Buffer.from(`{"id":${id}}\n`);
      })(),
    );
    const sink = new Writable({ objectMode: true, write: (_row, _encoding, done) => setImmediate(done) });
    setTimeout(() => abort.abort(), 30);
    await assert.rejects(
      pipeline(endless, decode({ format: 'jsonl', output: 'rows' }), sink, { signal: abort.signal }),
      { name: 'AbortError' },
    );
  });

  test('stop at once when their signal has aborted before', async () => {
    const signal = AbortSignal.abort();
    const source = () => Readable.from([Buffer.from('{"id":1}\n')]);
    const rows = source().pipe(decode({ format: 'jsonl', output: 'rows', signal }));
    await assert.rejects(collect(rows), { name: 'AbortError' });
    const target = join(folder, 'aborted.duckdb');
    await assert.rejects(pipeline(source(), decode({ format: 'jsonl' }), load(target, { signal })), {
      name: 'AbortError',
    });
  });

  test('hold a fast writer back for a slow reader', async () => {
    let sent = 0;
    const fast = Readable.from(
      (function* () {
        while (sent < 20000) yield Buffer.from(`{"id":${sent++},"text":"${'x'.repeat(1000)}"}\n`);
      })(),
    );
    const rows = fast.pipe(decode({ format: 'jsonl', output: 'rows' }))[Symbol.asyncIterator]();
    for (let taken = 0; taken < 10; taken++) await rows.next();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(sent < 5000, `${sent} rows were taken in for 10 read`);
    await rows.return?.();
  });

  test('list, read, decode and load a drop, then print it as SQL', async () => {
    const root = join(folder, 'drop');
    const { mkdirSync } = await import('node:fs');
    mkdirSync(join(root, 'shop', 'orders'), { recursive: true });
    writeFileSync(
      join(root, 'shop/orders/1_1519235654474.jsonl'),
      '{"id":1,"_sdc_sequence":1}\n{"id":1,"_sdc_sequence":2}\n',
    );
    const catalog = { tables: { orders: { key: ['id'] } } };
    const list = () => lsGroups(root, { feed: 'stitch', settle: 0, catalog });
    const target = join(folder, 'wh.duckdb');
    await pipeline(list(), readManifest({ catalog }), decode(), flatten(), dedupe(), load(target));
    const { DuckDBInstance } = await import('@duckdb/node-api');
    const instance = await DuckDBInstance.create(target);
    const connection = await instance.connect();
    const reader = await connection.runAndReadAll(
      'SELECT id::VARCHAR AS id, _sdc_sequence::VARCHAR AS s FROM shop__orders',
    );
    assert.deepEqual(reader.getRowObjects(), [{ id: '1', s: '2' }]);
    connection.closeSync();
    instance.closeSync();
    const script = await collect(
      list()
        .pipe(readManifest({ catalog }))
        .pipe(decode())
        .pipe(dedupe())
        .pipe(toSql({ dialect: 'postgres' })),
    );
    assert.match(Buffer.concat(script as Buffer[]).toString(), /^\\set ON_ERROR_STOP on\n[\s\S]*COPY/);
  });

  test('a sink that gets no end fails its pipeline', async () => {
    const cut = Readable.from([{ $: 'table', table: 't', key: ['id'] }, { id: 1 }]);
    await assert.rejects(pipeline(cut, load(join(folder, 'cut.duckdb'))), /expected an end line/);
  });
});
