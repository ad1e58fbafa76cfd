import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { readWire } from '../src/wire/read.ts';
import { runOfBytes, runOfCopy, runOfRows } from '../src/wire/run.ts';
import { type Chunk, isControl, type Row, type TableLine } from '../src/wire/types.ts';
import { writeWire } from '../src/wire/write.ts';

async function* pieces(text: string, size = Infinity): AsyncIterable<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function* items<T>(list: readonly T[]): AsyncIterable<T> {
  yield* list;
}

async function written(chunks: AsyncIterable<Chunk>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of writeWire(chunks)) parts.push(part);
  return Buffer.concat(parts).toString();
}

/** What a wire says, with runs that belong together joined. */
async function said(chunks: AsyncIterable<Chunk>): Promise<unknown[]> {
  const out: unknown[] = [];
  let last: { table: string; columns: unknown; rows: unknown[] } | undefined;
  for await (const chunk of chunks) {
    if (isControl(chunk)) {
      if (chunk.$ !== 'table') {
        last = undefined;
        out.push({ ...chunk });
      }
      continue;
    }
    if (
      last === undefined ||
      last.table !== chunk.table.table ||
      JSON.stringify(last.columns) !== JSON.stringify(chunk.table.columns)
    ) {
      last = { table: chunk.table.table, columns: chunk.table.columns, rows: [] };
      out.push(last);
    }
    last.rows.push(...chunk.objects().map((row) => ({ ...row })));
  }
  return out;
}

const WIRE = `{"$":"feed","wire":1,"feed":"zenoti","source":"z","root":"s3://b/"}
{"$":"table","table":"t","columns":[{"name":"a"}],"key":["a"]}
{"$":"group","feed":"zenoti","scope":"POD1","group":"9","after":null}
{"$":"file","uri":"s3://b/k.csv","table":"t"}
{"$":"table","table":"t"}
{"a":1}
{"a":"zwölf ✓"}
{"$":"row","row":{"$":"x","a":2}}
{"$":"eof","uri":"s3://b/k.csv","rows":3,"rejects":0}
{"$":"commit","feed":"zenoti","scope":"POD1","group":"9","files":1,"rows":3,"digest":"d"}
{"$":"end","groups":1}
`;

const EXPECTED = [
  { $: 'feed', wire: 1, feed: 'zenoti', source: 'z', root: 's3://b/' },
  { $: 'group', feed: 'zenoti', scope: 'POD1', group: '9', after: null },
  { $: 'file', uri: 's3://b/k.csv', table: 't' },
  { table: 't', columns: [{ name: 'a' }], rows: [{ a: 1 }, { a: 'zwölf ✓' }, { $: 'x', a: 2 }] },
  { $: 'eof', uri: 's3://b/k.csv', rows: 3, rejects: 0 },
  { $: 'commit', feed: 'zenoti', scope: 'POD1', group: '9', files: 1, rows: 3, digest: 'd' },
  { $: 'end', groups: 1 },
];

describe('reading the wire', () => {
  test('says the same however the bytes are cut', async () => {
    for (let size = 1; size <= WIRE.length; size += size < 80 ? 1 : 37) {
      assert.deepEqual(await said(readWire(pieces(WIRE, size))), EXPECTED, `pieces of ${size}`);
    }
  });

  test('takes blank lines, carriage returns, blanks around a line, a byte order mark and spaces around the colon', async () => {
    const untidy = `\uFEFF${WIRE.replaceAll('\n', '  \r\n\n').replaceAll('{"$":"', '{ "$" : "')}`;
    assert.deepEqual(await said(readWire(pieces(untidy, 7))), EXPECTED);
  });

  test('gives a repeated table line what it leaves out, and one object for one content', async () => {
    const tables = new Set<TableLine>();
    for await (const chunk of readWire(pieces(WIRE, 11))) if (!isControl(chunk)) tables.add(chunk.table);
    assert.equal(tables.size, 1);
    assert.deepEqual([...tables][0]?.key, ['a']);
  });

  test('lets what a table line says hold for its group, and what is said before all groups for each of them', async () => {
    const commit = '{"$":"commit","feed":"f","scope":"s","group":"1","files":0,"digest":""}\n';
    const text = `{"$":"table","table":"t","key":["a"]}
${group}{"$":"table","table":"t","merge":"append"}
{"a":1}
${commit}${group}{"$":"table","table":"t"}
{"a":2}
${commit}{"$":"end","groups":2}
`;
    const tables: TableLine[] = [];
    for await (const chunk of readWire(pieces(text, 9))) if (!isControl(chunk)) tables.push(chunk.table);
    assert.deepEqual(tables, [
      { $: 'table', table: 't', key: ['a'], merge: 'append' },
      { $: 'table', table: 't', key: ['a'] },
    ]);
  });

  const group = '{"$":"group","feed":"f","scope":"s","group":"1","after":null}\n';
  const end = '{"$":"end","groups":0}\n';
  const table = '{"$":"table","table":"t"}\n';
  const faults: readonly (readonly [string, string, RegExp])[] = [
    ['nothing', '', /^input line 1: expected an end line, found the end of input/],
    ['a stream without end', table, /line 2: expected an end line, found the end of input/],
    ['a last line without line feed', `${table}{"$":"end","groups":0}`, /line 2: expected a line feed/],
    ['a row before any table', `{"a":1}\n${end}`, /line 1: expected a table line before the first row/],
    [
      'a row whose table was named in an earlier group',
      `${group}${table}{"$":"commit","feed":"f","scope":"s","group":"1","files":0,"digest":""}\n${group}{"a":1}\n`,
      /line 5: expected a table line/,
    ],
    [
      'a row in a group whose table was named before it',
      `${table}${group}{"a":1}\n`,
      /line 3: expected a table line before the first row/,
    ],
    [
      'a commit of another scope',
      `${group}{"$":"commit","feed":"f","scope":"r","group":"1","files":0,"digest":""}\n`,
      /line 2: expected a commit of f s 1, found f r 1/,
    ],
    [
      'a commit of another feed',
      `${group}{"$":"commit","feed":"g","scope":"s","group":"1","files":0,"digest":""}\n`,
      /line 2: expected a commit of f s 1, found g s 1/,
    ],
    [
      'an unknown control word',
      `${table}{"$":"tabel"}\n${end}`,
      /line 2: expected a control word \(.*\), found "tabel"/,
    ],
    ['a group in a group', `${group}${group}`, /line 2: expected a commit of s 1, found another group line/],
    [
      'a commit of another group',
      `${group}{"$":"commit","feed":"f","scope":"s","group":"2","files":0,"digest":""}\n`,
      /line 2: expected a commit of f s 1, found f s 2/,
    ],
    [
      'a commit without group',
      '{"$":"commit","feed":"f","scope":"s","group":"2","files":0,"digest":""}\n',
      /line 1: expected a group line before commit 2/,
    ],
    ['an end inside a group', `${group}${end}`, /line 2: expected a commit of s 1/],
    [
      'an end that counts other groups',
      '{"$":"end","groups":3}\n',
      /expected 3 groups as the end line says, found 0/,
    ],
    ['a line after end', `${end}${table}`, /line 2: expected nothing after the end line/],
    [
      'a row after end',
      `${table}${end}{"a":1}\n`,
      /line 3: expected nothing after the end line, found a row/,
    ],
    ['a line that is no object', `${table}[1]\n${end}`, /line 2: expected a JSON object, found "\[1\]"/],
    ['a control line cut short', '{"$":"table","ta\n', /line 1: expected a control line in JSON/],
    [
      'a member of another type',
      '{"$":"table","table":7}\n',
      /line 1: expected "table" of the table line to be a string, found 7/,
    ],
    [
      'a later wire version',
      '{"$":"feed","wire":2,"feed":"f","source":"s","root":"r"}\n',
      /expected wire version 1, found 2/,
    ],
    [
      'a second feed line',
      `${table}{"$":"feed","wire":1,"feed":"f","source":"s","root":"r"}\n`,
      /line 2: expected the feed line to be the first/,
    ],
  ];
  for (const [name, text, message] of faults) {
    test(`refuses ${name} with its line number`, async () => {
      for (const size of [1, 5, Infinity]) {
        await assert.rejects(said(readWire(pieces(text, size))), { name: 'UserError', message });
      }
    });
  }

  test('takes bare rows where told to, and puts the end there', async () => {
    const bare = { $: 'table', table: 'rows' } as const;
    assert.deepEqual(await said(readWire(pieces('{"a":1}\n{"a":2}\n', 3), { bare })), [
      { table: 'rows', columns: undefined, rows: [{ a: 1 }, { a: 2 }] },
      { $: 'end', groups: 0 },
    ]);
  });
});

describe('writing the wire', () => {
  test('gives back what was read, byte for byte', async () => {
    assert.equal(await written(readWire(pieces(WIRE, 13))), WIRE);
  });

  test('names the table wherever rows of another one follow, whole only the first time in a group', async () => {
    const a: TableLine = { $: 'table', table: 'a', columns: [{ name: 'x', type: 'int' }] };
    const b: TableLine = { $: 'table', table: 'b' };
    const wider: TableLine = { ...a, columns: [{ name: 'x', type: 'int' }, { name: 'y' }] };
    const row = (table: TableLine) => runOfBytes(table, Buffer.from('{"x":1}\n'), 1);
    const chunks = [row(a), row(a), row(b), row(a), row(wider), { $: 'end', groups: 0 } as const];
    assert.equal(
      await written(items<Chunk>(chunks)),
      '{"$":"table","table":"a","columns":[{"name":"x","type":"int"}]}\n{"x":1}\n{"x":1}\n' +
        '{"$":"table","table":"b"}\n{"x":1}\n{"$":"table","table":"a"}\n{"x":1}\n' +
        '{"$":"table","table":"a","columns":[{"name":"x","type":"int"},{"name":"y"}]}\n{"x":1}\n{"$":"end","groups":0}\n',
    );
  });

  test('does not hold a line while the next one is awaited', async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* slow(): AsyncIterable<Chunk> {
      yield { $: 'table', table: 't' };
      await gate;
      yield { $: 'end', groups: 0 };
    }
    const output = writeWire(slow())[Symbol.asyncIterator]();
    assert.equal(Buffer.from((await output.next()).value).toString(), '{"$":"table","table":"t"}\n');
    release();
    assert.equal(Buffer.from((await output.next()).value).toString(), '{"$":"end","groups":0}\n');
  });

  test('says what came before a failure, however soon that is', async () => {
    async function* failing(): AsyncIterable<Chunk> {
      yield { $: 'table', table: 't' };
      throw new Error('no further');
    }
    let text = '';
    await assert.rejects(async () => {
      for await (const piece of writeWire(failing())) text += Buffer.from(piece).toString();
    }, /no further/);
    assert.equal(text, '{"$":"table","table":"t"}\n');
  });

  test('takes the memory of written runs again, but never that of a piece that may still be on its way', async () => {
    const line = (at: number) => `{"id":${at}}\n`.repeat(10_000);
    async function* runs(): AsyncIterable<Chunk> {
      for (let at = 0; at < 20; at++)
        yield runOfCopy({ $: 'table', table: 't' }, Buffer.from(line(at)), 10_000);
    }
    const memory = new Set<ArrayBufferLike>();
    let before: Uint8Array = Buffer.from('{"$":"table","table":"t"}\n');
    let at = -1;
    for await (const piece of writeWire(runs(), { release: true })) {
      const expected = at < 1 ? undefined : line(at - 1);
      // The one before is still whole, though the next has been made.
      if (expected !== undefined) assert.ok(Buffer.from(before).equals(Buffer.from(expected)));
      memory.add(piece.buffer);
      before = piece;
      at++;
    }
    assert.equal(at, 20);
    assert.ok(memory.size <= 5, `${memory.size} pieces of memory`);

    const kept: Uint8Array[] = [];
    for await (const piece of writeWire(runs(), { bare: true })) kept.push(piece);
    assert.ok(kept.every((piece, index) => Buffer.from(piece).equals(Buffer.from(line(index)))));
  });

  test('round trips any rows, whatever their names and values, in any pieces', async () => {
    const name = fc.oneof(
      fc.constantFrom('$', '__proto__', 'constructor', 'a', ''),
      fc.string({ unit: 'binary' }),
    );
    const row = fc.dictionary(name, fc.jsonValue() as fc.Arbitrary<Row[string]>, { noNullPrototype: false });
    const table = fc.constantFrom<TableLine>(
      { $: 'table', table: 'a' },
      { $: 'table', table: 'b', key: ['a'] },
    );
    const run = fc.tuple(table, fc.array(row, { minLength: 1, maxLength: 4 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(run, { maxLength: 6 }),
        fc.integer({ min: 1, max: 90 }),
        async (runs, size) => {
          const chunks: Chunk[] = [
            ...runs.map(([line, rows]) => runOfRows(line, rows)),
            { $: 'end', groups: 0 },
          ];
          const text = await written(items(chunks));
          const back: unknown[] = [];
          for await (const chunk of readWire(pieces(text, size))) {
            if (!isControl(chunk))
              for (const each of chunk.objects()) back.push([chunk.table.table, JSON.stringify(each)]);
          }
          const sent = runs.flatMap(([line, rows]) => rows.map((each) => [line.table, JSON.stringify(each)]));
          assert.deepEqual(back, sent);
        },
      ),
      { numRuns: 300 },
    );
  });
});
