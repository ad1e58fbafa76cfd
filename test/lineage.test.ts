/** Where rows came from: written by decode, passed along, kept by load, and never taken for content. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { decode, fileLines } from '../src/commands/decode.ts';
import { createLineage } from '../src/commands/decode-lineage.ts';
import { dedupe } from '../src/dedupe/dedupe.ts';
import { flatten } from '../src/flatten/flatten.ts';
import { compose, quietContext, type Stage } from '../src/stage.ts';
import { runOfBytes, runOfRows } from '../src/wire/run.ts';
import { type Chunk, type Control, isControl, type Row, type TableLine } from '../src/wire/types.ts';
import { mariadbMissing } from './support/mariadb.ts';
import {
  encoder,
  groups,
  hasPsql,
  loadInto,
  mysqlTarget,
  rows,
  runScript,
  script,
  scriptInto,
  sqliteTarget,
  stream,
  table,
  targets,
} from './support/merging.ts';
import { scratch } from './support/scratch.ts';

async function all(chunks: AsyncIterable<Chunk>): Promise<{ lines: Control[]; rows: Row[] }> {
  const lines: Control[] = [];
  const found: Row[] = [];
  for await (const chunk of chunks) {
    if (isControl(chunk)) lines.push(chunk);
    else found.push(...chunk.objects().map((row) => ({ ...row })));
  }
  return { lines, rows: found };
}

async function* of(...chunks: readonly Chunk[]): AsyncIterable<Chunk> {
  yield* chunks;
  yield { $: 'end', groups: 0 };
}

test('decode tells of every row its file and its place there', async () => {
  const folder = scratch('files');
  const [a, b] = ['a.csv', 'b.jsonl.gz'].map((name) => join(folder, name)) as [string, string];
  writeFileSync(a, 'id,text\n1,x\n2,"y\nz"\n');
  writeFileSync(b, gzipSync('{"$":1}\n{}\n{ "id" : 3 } \n'));
  const { rows: found } = await all(decode({ lineage: true })(fileLines([a, b]), quietContext()));
  const [first, second] = [a, b];
  assert.deepEqual(found, [
    { id: '1', text: 'x', _brigade_file: first, _brigade_row: '1' },
    { id: '2', text: 'y\nz', _brigade_file: first, _brigade_row: '2' },
    { $: 1, _brigade_file: second, _brigade_row: '1' },
    { _brigade_file: second, _brigade_row: '2' },
    { id: 3, _brigade_file: second, _brigade_row: '3' },
  ]);
});

test('table lines list the two columns, and stay the same object from file to file', () => {
  const add = createLineage();
  const line = table('t', 'id int', { key: ['id'] });
  const one = add({ $: 'file', uri: 'file:///a.zip', member: 'x/"1".csv' })(runOfRows(line, [{ id: 1 }]));
  const two = add({ $: 'file', uri: 'file:///b.csv' })(runOfRows(line, [{ id: 1 }, { id: 2 }]));
  assert.equal(one.table, two.table);
  assert.deepEqual(
    one.table.columns?.map(({ name, type }) => `${name} ${type}`),
    ['id int', '_brigade_file text', '_brigade_row bigint'],
  );
  assert.deepEqual(
    { ...one.objects()[0] },
    { id: 1, _brigade_file: 'file:///a.zip!x/"1".csv', _brigade_row: '1' },
  );
  const taken = table('t', '_brigade_row int');
  assert.throws(
    () => add({ $: 'file', uri: 'x' })(runOfRows(taken, [{ _brigade_row: 1 }])),
    /table t: expected columns of other names than those of --lineage, found _brigade_row/,
  );
});

test('whatever rows hold, lineage adds its two members and nothing else', () => {
  const value = fc.jsonValue();
  const row = fc.dictionary(fc.oneof(fc.constant('$'), fc.string()), value);
  fc.assert(
    fc.property(fc.array(fc.array(row, { minLength: 1, maxLength: 5 }), { maxLength: 4 }), (runs) => {
      const line: TableLine = { $: 'table', table: 't' };
      const add = createLineage()({ $: 'file', uri: 'f' });
      let place = 0;
      for (const given of runs) {
        const plain = runOfRows(line, given as Row[]);
        const offset = new Uint8Array([...encoder.encode('xx'), ...plain.ndjson()]).subarray(2);
        const found = add(runOfBytes(line, offset, given.length));
        const expected = plain.objects().map((each) => {
          place += 1;
          return { ...each, _brigade_file: 'f', _brigade_row: String(place) };
        });
        assert.deepEqual(
          runOfBytes(line, found.ndjson(), found.count)
            .objects()
            .map((each) => ({ ...each })),
          JSON.parse(JSON.stringify(expected)),
        );
      }
    }),
    { numRuns: 200 },
  );
});

const lineageColumns = '_brigade_file text, _brigade_row bigint';
const from = (file: string, row: number) => ({ _brigade_file: file, _brigade_row: String(row) });

test('dedupe takes rows that differ in their lineage only for one row, and passes it along', async () => {
  const line = table('t', `id int, v text, ${lineageColumns}`, { key: ['id'], merge: 'upsert' });
  const same = of(rows(line, { id: 1, v: 'x', ...from('a', 1) }, { id: 1, v: 'x', ...from('b', 7) }));
  assert.deepEqual((await all(dedupe()(same, quietContext()))).rows, [{ id: 1, v: 'x', ...from('b', 7) }]);
  const other = of(rows(line, { id: 1, v: 'x', ...from('a', 1) }, { id: 1, v: 'y', ...from('b', 7) }));
  await assert.rejects(
    all(dedupe()(other, quietContext())),
    /different rows of id 1: v "x" and "y"; is the key/,
  );
});

test('flatten gives the rows of subtables the lineage of their record, typed or not', async () => {
  const record = { id: 1, tags: ['a', 'b'], ...from('f', 3) };
  const untyped: TableLine = { $: 'table', table: 't', key: ['id'] };
  assert.deepEqual(
    (await all(flatten()(of(rows(untyped, record)), quietContext()))).rows.map((row) => [
      row['_brigade_file'],
      row['_brigade_row'],
    ]),
    [1, 2, 3].map(() => ['f', '3']),
  );
  const typed: TableLine = {
    ...table('t', `id int, ${lineageColumns}`, { key: ['id'] }),
    columns: [
      { name: 'id', type: 'int' },
      { name: 'tags', type: 'array', items: { name: 'item', type: 'text' } },
      { name: '_brigade_file', type: 'text' },
      { name: '_brigade_row', type: 'bigint' },
    ],
  };
  const { lines, rows: found } = await all(flatten()(of(rows(typed, record)), quietContext()));
  assert.equal(found.filter((row) => row['_brigade_row'] === '3').length, 3);
  const child = lines.find((each) => each.$ === 'table' && each.table === 't__tags') as TableLine | undefined;
  if (child !== undefined) assert.ok(child.columns?.some(({ name }) => name === '_brigade_file'));
});

const places = [
  { name: 'duckdb', make: targets.duckdb, into: loadInto, missing: false },
  { name: 'postgres', make: targets.postgres, into: loadInto, missing: false },
  { name: 'mysql', make: mysqlTarget, into: loadInto, missing: mariadbMissing },
  { name: 'mysql, by scripts', make: mysqlTarget, into: scriptInto, missing: mariadbMissing },
  { name: 'sqlite', make: () => sqliteTarget('wasm'), into: scriptInto, missing: false },
] as const;

for (const { name, make, into, missing } of places) {
  test(`${name}: --lineage load says which group wrote a row last, file also from where`, {
    skip: missing,
  }, async () => {
    const target = await make();
    const line = table('t', 'id int, v text', { key: ['id'], merge: 'upsert' });
    const log = table('log', 'v text', { merge: 'append' });
    const bodies = [
      [rows(line, { id: 1, v: 'a' }, { id: 2, v: 'b' }), rows(log, { v: 'x' })],
      [rows(line, { id: 2, v: 'c' }, { id: 3, v: 'd' })],
    ];
    await into(target, stream(groups(...bodies)), { lineage: 'load' });
    assert.deepEqual(await target.select('SELECT id, v, _brigade_load FROM t ORDER BY id'), [
      ['1', 'a', 'zenoti POD1 1'],
      ['2', 'c', 'zenoti POD1 2'],
      ['3', 'd', 'zenoti POD1 2'],
    ]);
    assert.deepEqual(await target.select('SELECT * FROM log'), [['x', 'zenoti POD1 1']]);

    // Turned up later: what was there before has none of it.
    const more = table('t', `id int, v text, ${lineageColumns}`, { key: ['id'], merge: 'upsert' });
    const third = [
      { group: '3', after: '2', chunks: [rows(more, { id: 3, v: 'e', ...from("s3://b/it's.csv", 9) })] },
    ];
    await into(target, stream(third), { lineage: 'file' });
    assert.deepEqual(
      await target.select('SELECT id, _brigade_load, _brigade_file, _brigade_row FROM t ORDER BY id'),
      [
        ['1', 'zenoti POD1 1', null, null],
        ['2', 'zenoti POD1 2', null, null],
        ['3', 'zenoti POD1 3', "s3://b/it's.csv", '9'],
      ],
    );
  });

  test(`${name}: every mode keeps lineage`, { skip: missing }, async () => {
    const target = await make();
    const of = (table_: string, merge: TableLine['merge'], rest: Partial<TableLine> = {}) =>
      table(table_, `id int, at int, gone boolean, ${lineageColumns}`, {
        ...(merge === 'append' ? {} : { key: ['id'] }),
        merge: merge!,
        ...rest,
      });
    const lines = [
      of('a', 'append'),
      of('u', 'upsert', { order: ['at'] }),
      of('d', 'delete-insert', { delete_flag: 'gone' }),
      of('r', 'replace'),
      of('s', 'scd2', { order: ['at'] }),
    ];
    const body = (at: number) =>
      lines.map((line) => rows(line, { id: 1, at: 1, gone: false, ...from('f', at) }));
    await into(target, stream(groups(body(1), body(2))), { lineage: 'file', maxDelete: 100 });
    const of_ = async (which: string) =>
      (await target.select(`SELECT _brigade_load, _brigade_file, _brigade_row FROM ${which} ORDER BY 3`)).map(
        (row) => row.join(' '),
      );
    const [first, second] = ['zenoti POD1 1 f 1', 'zenoti POD1 2 f 2'];
    assert.deepEqual(await of_('a'), [first, second]);
    for (const which of ['u', 'd', 'r']) assert.deepEqual(await of_(which), [second], which);
    assert.deepEqual(await of_('s'), [first], 'the same version from another file is no other version');
  });

  test(`${name}: two copies of a row from different files are no conflict`, { skip: missing }, async () => {
    const target = await make();
    const line = table('t', `id int, v text, ${lineageColumns}`, { key: ['id'], merge: 'upsert' });
    const copies = rows(line, { id: 1, v: 'x', ...from('a', 1) }, { id: 1, v: 'x', ...from('b', 1) });
    await into(target, stream(groups([copies])), { lineage: 'file' });
    assert.deepEqual(await target.select('SELECT _brigade_file FROM t'), [['b']]);
  });

  test(`${name}: lineage that is not to be kept, and what is to be kept but not there, are errors`, {
    skip: missing,
  }, async () => {
    const target = await make();
    const bare = table('t', 'id int', { key: ['id'], merge: 'upsert' });
    const full = table('t', `id int, ${lineageColumns}`, { key: ['id'], merge: 'upsert' });
    for (const lineage of ['off', 'load'] as const)
      await assert.rejects(
        into(target, stream(groups([rows(full, { id: 1, ...from('a', 1) })])), { lineage }),
        /table t: expected --lineage file, to keep the column _brigade_file, found none/,
      );
    await assert.rejects(
      into(target, stream(groups([rows(bare, { id: 1 })])), { lineage: 'file' }),
      /table t: expected rows with _brigade_file for --lineage file \(decode --lineage\), found none/,
    );
  });

  const skip = missing || (name === 'postgres' && !hasPsql && 'needs psql');
  test(`${name}: a script keeps the same lineage`, { skip }, async () => {
    const target = await make();
    const line = table('t', `id int, v, ${lineageColumns}`, { key: ['id'], merge: 'upsert' });
    const untyped: TableLine = { $: 'table', table: 'x', key: ['id'], merge: 'upsert' };
    const body = [rows(line, { id: 1, v: 2, ...from('a', 1) }), rows(untyped, { id: 5, ...from('b', 2) })];
    const { text, error } = await script(stream(groups(body)), {
      dialect: target.name,
      lineage: 'file',
    });
    assert.equal(error, undefined);
    const { code, stderr } = await runScript(target, text);
    assert.equal(code, 0, stderr);
    const names = 'id, _brigade_load, _brigade_file, _brigade_row';
    assert.deepEqual(await target.select(`SELECT ${names} FROM t`), [['1', 'zenoti POD1 1', 'a', '1']]);
    assert.deepEqual(await target.select(`SELECT ${names} FROM x`), [['5', 'zenoti POD1 1', 'b', '2']]);
  });
}

test('the whole pipeline keeps the place of every row', async () => {
  const folder = scratch('files');
  const path = join(folder, 'orders.csv');
  writeFileSync(path, 'id,v\n1,a\n2,b\n1,c\n');
  const key: Stage = async function* (input) {
    for await (const chunk of input)
      yield isControl(chunk)
        ? chunk
        : runOfBytes({ ...chunk.table, key: ['id'], merge: 'upsert' }, chunk.ndjson(), chunk.count);
  };
  const chunks = compose(
    decode({ lineage: true }),
    key,
    dedupe({ onKeyConflict: 'last' }),
  )(fileLines([path]), quietContext());
  const target = await targets.duckdb();
  await loadInto(target, chunks, { lineage: 'file' });
  assert.deepEqual(await target.select('SELECT id, v, _brigade_load, _brigade_row FROM orders ORDER BY id'), [
    ['1', 'c', 'loose rows', '3'],
    ['2', 'b', 'loose rows', '2'],
  ]);
});
