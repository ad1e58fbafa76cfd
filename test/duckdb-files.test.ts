import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Chunk } from '../src/wire/types.ts';
import { foreignParquet } from './support/foreign-parquet.ts';
import { columns, groups, runScript, script, stream, targets } from './support/merging.ts';
import { scratch } from './support/scratch.ts';

/** What DuckDB makes of files that it reads by itself. */
async function read(
  feed: 'zenoti' | 'exports' | 'stitch',
  columnText: string,
  ...texts: (string | Buffer | readonly [ending: string, bytes: Buffer])[]
) {
  const folder = scratch('files');
  mkdirSync(folder, { recursive: true });
  const files = texts.map((text, i): Chunk => {
    const format = Buffer.isBuffer(text) ? 'parquet' : 'csv';
    const [ending, bytes] = typeof text === 'string' || Buffer.isBuffer(text) ? [format, text] : text;
    const path = join(folder, `${i}.${ending}`);
    writeFileSync(path, bytes);
    return {
      $: 'file',
      uri: pathToFileURL(path).href,
      table: 't',
      format,
      bytes: bytes.length,
      etag: 'e',
      modified: '2026-01-01T00:00:00Z',
    };
  });
  const line: Chunk = { $: 'table', table: 't', merge: 'append', columns: columns(columnText) };
  const target = await targets.duckdb();
  const made = await script(stream(groups([line, ...files]), feed), {
    dialect: 'duckdb',
    targetName: '{table}',
  });
  if (made.error !== undefined) throw made.error;
  const { code, stderr } = await runScript(target, made.text);
  if (code !== 0) throw new Error(stderr);
  return target.select('SELECT * FROM t ORDER BY ALL');
}

describe('CSV that DuckDB reads by itself', () => {
  test('is refused where it is cut off within quotes, or its compressed data are: DuckDB would take it for whole', async () => {
    const cut = read('zenoti', 'id int, name text', '1,"a"\n', '2,"b\n3,c\n');
    await assert.rejects(
      cut,
      /file .*1\.csv: expected an end of every quoted field, found an odd number of quotes \(1\)/,
    );
    const rows = Array.from({ length: 5000 }, (_, i) => `${i},name ${i}\n`).join('');
    const packed = gzipSync(rows);
    const readPacked = (bytes: Buffer) => read('zenoti', 'id int, name text', ['csv.gz', bytes]);
    assert.equal((await readPacked(packed)).length, 5000);
    await assert.rejects(
      readPacked(packed.subarray(0, packed.length / 2)),
      /0\.csv\.gz .*: expected the rest of a gzip/,
    );
    packed[packed.length - 2]! ^= 1;
    await assert.rejects(readPacked(packed), /0\.csv\.gz .*: expected sound gzip data/);
  });

  test('goes by the names of its header, in whatever order each file has them', async () => {
    assert.deepEqual(
      await read('exports', 'id int, name text', 'id,name\n1,a\n', 'name,id\nb,2\n', 'ID\n3\n'),
      [
        ['1', 'a'],
        ['2', 'b'],
        ['3', null],
      ],
    );
  });

  test('refuses times that are none of ISO 8601, and bytes that are not base64, as rows on the wire are', async () => {
    for (const [type, value] of [
      ['timestamp', 'infinity'],
      ['timestamptz', '2024-01-01 10:00:00 Europe/Paris'],
      ['date', 'epoch'],
      ['bytes', 'AA='],
    ] as const)
      await assert.rejects(
        read('exports', `id int, v ${type}`, `id,v\n1,\n2,${value}\n`),
        new RegExp(`table t row 2 column v: expected ${type}.*, found "${value}"`),
      );
  });

  test('keeps columns of no stated type, as text', async () => {
    assert.deepEqual(await read('exports', 'id, name', 'id,name\n007,2026-01-02\n'), [['007', '2026-01-02']]);
  });

  test('tells an empty text from NULL, unless the feed does not', async () => {
    const text = 'id,name\n1,""\n2,\n';
    assert.deepEqual(await read('exports', 'id int, name text', text), [
      ['1', ''],
      ['2', null],
    ]);
    assert.deepEqual(await read('stitch', 'id int, name text', text), [
      ['1', null],
      ['2', null],
    ]);
  });

  test('is refused when it has a column that nobody knows, or a row that is too long', async () => {
    await assert.rejects(
      read('exports', 'id int, name text', 'id,name\n1,a\n', 'id,name,more\n2,b,c\n'),
      /expected only columns .* found one called "more"/,
    );
    await assert.rejects(
      read('exports', 'id int, name text', 'id,name\n1,a\n2,b,c\n'),
      /Expected Number of Columns: 2 Found: 3|sniffing/,
    );
  });

  test('without a header goes by position, fills short rows and leaves out a header all the same', async () => {
    assert.deepEqual(
      await read(
        'zenoti',
        'id int, name text, at timestamp',
        'ID,NAME,AT\n1,a,2026-01-02 03:04:05\n',
        '2,b\n',
      ),
      [
        ['1', 'a', '2026-01-02 03:04:05'],
        ['2', 'b', null],
      ],
    );
    await assert.rejects(read('zenoti', 'id int, name text', '1,a,x\n'), /Found: 3|columns/);
  });
});

describe('Parquet that DuckDB reads by itself', () => {
  const file = (name: keyof typeof foreignParquet) => Buffer.from(foreignParquet[name], 'base64');

  test('keeps its values', async () => {
    assert.deepEqual(
      await read(
        'exports',
        'p5 decimal(5,2), p15 decimal(15,2), p38 decimal(38,2)',
        file('decimalsOnIntegers'),
      ),
      [
        ['1.10', '-1.10', '-12345678901234567890123456789012345.25'],
        [null, null, null],
      ],
    );
  });

  test('is refused where DuckDB would cut it', async () => {
    const refused = (column: string) =>
      new RegExp(
        `table t, file file://.*: expected types that DuckDB reads without cutting them \\(or decode before this command\\), found .* in column ${column}`,
      );
    await assert.rejects(read('exports', 'ns timestamp, us timestamp', file('int96')), refused('ns'));
    await assert.rejects(read('exports', 'at timestamptz', file('nanosecondInstants')), refused('at'));
    await assert.rejects(read('exports', 'd decimal(38,2)', file('wideDecimal')), refused('d'));
    await assert.rejects(read('exports', 'l json', file('nestedInt96')), refused('element'));
  });
});
