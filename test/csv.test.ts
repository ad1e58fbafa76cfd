import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { csv } from '../src/formats/csv.ts';
import type { FormatOptions } from '../src/formats/format.ts';
import type { Column, Row } from '../src/wire/types.ts';
import { cuts, decodeText, formatInput, piecesOf } from './support/decode-text.ts';

const decode = (text: string | Uint8Array, options: FormatOptions = {}, columns?: readonly Column[]) =>
  decodeText(csv, { pieces: [Buffer.from(text)], options, ...(columns === undefined ? {} : { columns }) });

const plain = (rows: readonly Row[]): unknown[] => rows.map((row) => ({ ...row }));

const named = (count: number): Column[] => Array.from({ length: count }, (_, at) => ({ name: `c${at}` }));

test('a file is the same rows wherever its bytes are cut', async () => {
  const text = '\ufeffid,"na""me",naïve\r\n1,"a ""quoted""\r\nline, ✓",\r\n\r\n2,"","\t\\é"\r\n𝒳,x y ,"z"';
  const expected = [
    { id: '1', 'na"me': 'a "quoted"\r\nline, ✓', naïve: null },
    { id: '2', 'na"me': '', naïve: '\t\\é' },
    { id: '𝒳', 'na"me': 'x y ', naïve: 'z' },
  ];
  for (const pieces of cuts(Buffer.from(text))) {
    const { rows, error } = await decodeText(csv, { pieces });
    assert.equal(error, undefined);
    assert.deepEqual(plain(rows), expected);
  }
});

// A field as its text, null when it is written as nothing at all, and how it is written.
const field = fc.record({
  value: fc.oneof(
    fc.constant(null),
    fc.string({
      unit: fc.constantFrom('a', ' ', ',', '"', '\n', '\r', '\\', '\t', '\u0001', 'é', '✓', '😀'),
      maxLength: 40,
    }),
    fc.stringMatching(/^[a-z0-9-]{1,70}$/),
  ),
  quoted: fc.boolean(),
});

type File = typeof file extends fc.Arbitrary<infer Given> ? Given : never;

const file = fc
  .record({
    width: fc.integer({ min: 1, max: 5 }),
    count: fc.integer({ min: 1, max: 8 }),
    lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
    lastLineEnd: fc.boolean(),
    delimiter: fc.constantFrom(',', '|', '\t', ';'),
    mark: fc.boolean(),
  })
  .chain((shape) =>
    fc
      .array(fc.array(field, { minLength: shape.width, maxLength: shape.width }), {
        minLength: shape.count,
        maxLength: shape.count,
      })
      .map((records) => ({ ...shape, records })),
  );

function write({ records, delimiter, lineEnd, lastLineEnd, mark }: File): Buffer {
  const needsQuotes = (text: string): boolean =>
    text === '' || /["\r\n]/.test(text) || text.includes(delimiter);
  const lines = records.map((record) =>
    record
      .map(({ value, quoted }) => {
        if (value === null) return '';
        return quoted || needsQuotes(value) ? `"${value.replaceAll('"', '""')}"` : value;
      })
      .join(delimiter),
  );
  // A last line with nothing on it is only there with its line end.
  const end = lastLineEnd || lines.at(-1) === '' ? lineEnd : '';
  return Buffer.from((mark ? '\ufeff' : '') + lines.join(lineEnd) + end);
}

test('what any writer of RFC 4180 wrote comes out as it went in, in any pieces', async () => {
  await fc.assert(
    fc.asyncProperty(file, fc.integer({ min: 1, max: 40 }), async (given, size) => {
      const bytes = write(given);
      const { rows, error, tables } = await decodeText(csv, {
        pieces: piecesOf(bytes, size),
        columns: named(given.width),
        options: { header: 'no', delimiter: given.delimiter },
      });
      const expected = given.records
        .map((record) => record.map(({ value }) => value))
        // With several columns, no record is written as an empty line.
        .map((values) => Object.fromEntries(values.map((value, at) => [`c${at}`, value])));
      assert.equal(error, undefined);
      assert.deepEqual(plain(rows), expected);
      assert.ok(tables.every((table) => table.columns?.length === given.width));
    }),
    { numRuns: 400 },
  );
});

test('any text is read as csv-parse reads it, or refused as csv-parse refuses it', async () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', ',', ',', '"', '"', '\n', '\n', ' ', 'é', '\\'),
    maxLength: 40,
  });
  await fc.assert(
    fc.asyncProperty(text, async (given) => {
      fc.pre(/[^\n]/.test(given));
      const bytes = Buffer.from(given);
      let records: string[][] | undefined;
      try {
        const options = {
          recordDelimiter: '\n',
          cast: (value: string, context: { quoting: boolean }) =>
            value === '' && !context.quoting ? null : value,
        };
        records = parse(bytes, { ...options, skip_empty_lines: true, record_delimiter: '\n' });
        if (records?.[0]?.length === 1) {
          // Empty lines are records where there is one column.
          records = parse(bytes, { ...options, record_delimiter: '\n' });
        }
      } catch {
        records = undefined;
      }
      const width = records?.[0]?.length ?? 20;
      const { rows, error } = await decodeText(csv, {
        pieces: piecesOf(bytes, 3),
        columns: named(width),
        options: { header: 'no' },
      });
      if (records === undefined) assert.notEqual(error, undefined);
      else {
        assert.equal(error, undefined);
        assert.deepEqual(
          rows.map((row) => Object.values(row)),
          records,
        );
      }
    }),
    { numRuns: 1000 },
  );
});

test('a long file is read right whatever the length of its pieces, and leaves in runs of some size', async () => {
  const line = (at: number): string =>
    `${at},"${'x'.repeat(at % 97)}""\n${'é'.repeat(at % 13)}",${at % 3 === 0 ? '' : at * 7}\n`;
  const text = `id,text,number\n${Array.from({ length: 12_000 }, (_, at) => line(at)).join('')}`;
  const bytes = Buffer.from(text);
  const whole = await decodeText(csv, { pieces: [bytes] });
  const records: string[][] = parse(bytes, {
    from: 2,
    cast: (value, context) => (value === '' && !context.quoting ? null : value),
  });
  assert.deepEqual(
    whole.rows.map((row) => Object.values(row)),
    records,
  );
  for (const size of [1021, 16_381, 65_536, 131_071, 131_072, 131_073, 262_147]) {
    const { text: rows } = await decodeText(csv, { pieces: piecesOf(bytes, size) });
    assert.ok(rows === whole.text, `pieces of ${size}`);
  }
  const sizes: number[] = [];
  for await (const chunk of csv.decode(formatInput({ pieces: [bytes] }))) {
    if ('ndjson' in chunk) sizes.push(chunk.ndjson().length);
  }
  assert.ok(sizes.every((size) => size < 256 * 1024) && sizes.filter((size) => size < 64 * 1024).length <= 2);
});

test('bytes left in memory from the file before mean nothing to the next', async () => {
  const junk = Buffer.from(`a,b\n${'"x,\n""",y\n'.repeat(500)}`);
  for (let length = 1; length < 70; length++) {
    await decodeText(csv, { pieces: [junk] });
    const value = 'z'.repeat(length);
    const { rows } = await decode(`a,b\n1,${value}`);
    assert.deepEqual(plain(rows), [{ a: '1', b: value }]);
    const quoted = await decode(`a,b\n1,"${value}"`);
    assert.deepEqual(plain(quoted.rows), [{ a: '1', b: value }]);
  }
});

test('a record far larger than a step is read, and in little pieces too', async () => {
  const big = 'long "text",\n'.repeat(100_000);
  const bytes = Buffer.from(`a,b\n1,"${big.replaceAll('"', '""')}"\n2,y\n`);
  for (const size of [5000, bytes.length]) {
    const { rows, error } = await decodeText(csv, { pieces: piecesOf(bytes, size) });
    assert.equal(error, undefined);
    assert.ok(rows[0]?.['b'] === big);
    assert.equal(rows[1]?.['b'], 'y');
  }
});

test('a field of control characters grows sixfold without harm', async () => {
  const value = '\u0001'.repeat(300_000);
  const { rows, error } = await decode(`a\n${value}\n`);
  assert.equal(error, undefined);
  assert.ok(rows[0]?.['a'] === value);
});

test('every byte that JSON escapes is escaped as JSON.stringify does, in quotes and without', async () => {
  const controls = Array.from({ length: 31 }, (_, at) => String.fromCharCode(at + 1)).join('');
  const quoted = await decode(`a\n"${controls}\\"""\n`);
  assert.equal(quoted.text, `${JSON.stringify({ a: `${controls}\\"` })}\n`);
  const bare = controls.replaceAll(/[\r\n]/g, '');
  assert.equal((await decode(`a\n${bare}\\\n`)).text, `${JSON.stringify({ a: `${bare}\\` })}\n`);
});

test('rows of a piece leave before the next piece is waited for', async () => {
  const decoded = csv
    .decode({
      ...formatInput({ pieces: [] }),
      bytes: (async function* () {
        yield Buffer.from('a,b\n1,2\n3,');
        await new Promise(() => {});
      })(),
    })
    [Symbol.asyncIterator]();
  const { value } = await decoded.next();
  assert.equal(Buffer.from(value.ndjson()).toString(), '{"a":"1","b":"2"}\n');
});

test('without declared columns the first row is the header', async () => {
  const { rows, tables } = await decode('a,b\n1,2\n');
  assert.deepEqual(plain(rows), [{ a: '1', b: '2' }]);
  assert.deepEqual(tables[0]?.columns, [{ name: 'a' }, { name: 'b' }]);
});

const typed: Column[] = [{ name: 'Id', type: 'bigint' }, { name: 'Name', type: 'text' }, { name: 'Added' }];

test('row 1 is a header if it holds the declared names, in any case and order', async () => {
  const { rows, tables } = await decode('NAME,id,new\nx,1,y\n', {}, typed.slice(0, 2));
  assert.deepEqual(plain(rows), [{ Name: 'x', Id: '1', new: 'y' }]);
  assert.deepEqual(tables[0]?.columns, [
    { name: 'Name', type: 'text' },
    { name: 'Id', type: 'bigint' },
    { name: 'new' },
  ]);
});

test('a header of an older file may lack columns that were declared since', async () => {
  const { rows, tables } = await decode('id,name\n1,x\n', {}, typed);
  assert.deepEqual(plain(rows), [{ Id: '1', Name: 'x' }]);
  assert.equal(tables[0]?.columns?.length, 2);
});

test('a file without header takes the first declared columns; those it lacks are absent', async () => {
  const { rows, tables } = await decode('1,x\n2,\n', {}, typed);
  assert.deepEqual(plain(rows), [
    { Id: '1', Name: 'x' },
    { Id: '2', Name: null },
  ]);
  assert.deepEqual(tables[0]?.columns, typed.slice(0, 2));
});

test('the options name columns over the table line, which still tells their types', async () => {
  const { tables } = await decode(
    'x,1\n',
    { header: 'no', columns: [{ name: 'other', type: 'text' }, { name: 'ID' }] },
    typed,
  );
  assert.deepEqual(tables[0]?.columns, [
    { name: 'other', type: 'text' },
    { name: 'ID', type: 'bigint' },
  ]);
});

test('the header is told without reading further than it goes', async () => {
  const columns = await csv.columns?.({
    ...formatInput({ pieces: [] }),
    bytes: (async function* () {
      yield Buffer.from('a,"b\n');
      yield Buffer.from('c"\n1,2');
      assert.fail('read on');
    })(),
  });
  assert.deepEqual(columns, [{ name: 'a' }, { name: 'b\nc' }]);
  assert.equal(
    await csv.columns?.(formatInput({ pieces: [Buffer.from('1,2\n')], columns: typed })),
    undefined,
  );
  assert.equal(await csv.columns?.(formatInput({ pieces: [] })), undefined);
});

test('a file with nothing in it has no rows', async () => {
  for (const text of ['', '\ufeff', 'a,b', 'a,b\n', '\n\n', 'a,b\n\n\n']) {
    assert.deepEqual(await decode(text), { rows: [], tables: [], rejects: [], text: '' });
  }
});

test('an empty line is a row where there is one column, and nothing where there are more', async () => {
  assert.deepEqual(plain((await decode('a\n1\n\n2\n')).rows), [{ a: '1' }, { a: null }, { a: '2' }]);
  assert.deepEqual(plain((await decode('a,b\r\n\r\n1,2\r\n\r\n')).rows), [{ a: '1', b: '2' }]);
});

test('NULL is the unquoted empty field, or the text that was named instead', async () => {
  assert.deepEqual(plain((await decode('a,b,c\n,"",\\N\n')).rows), [{ a: null, b: '', c: '\\N' }]);
  assert.deepEqual(plain((await decode('a,b,c\n,"\\N",\\N\n', { null: '\\N' })).rows), [
    { a: '', b: '\\N', c: null },
  ]);
  assert.deepEqual(plain((await decode('a,b\n,""\n', { emptyIsNull: true })).rows), [{ a: null, b: null }]);
});

test('a column called $ makes every row an escaped one', async () => {
  const { text, rows } = await decode('a,$\n1,feed\n');
  assert.equal(text, '{"$":"row","row":{"a":"1","$":"feed"}}\n');
  assert.deepEqual(plain(rows), [{ a: '1', $: 'feed' }]);
});

test('names that JavaScript knows are names like any other', async () => {
  const { rows } = await decode('__proto__,constructor\n1,2\n');
  assert.deepEqual(Object.entries(rows[0] ?? {}), [
    ['__proto__', '1'],
    ['constructor', '2'],
  ]);
});

const bad: readonly {
  readonly text: string | Buffer;
  readonly error: string;
  readonly options?: FormatOptions;
  readonly columns?: Column[];
}[] = [
  { text: 'a,b\n1,2\n3\n', error: 'file line 3: expected 2 fields, found 1' },
  { text: 'a,b\n"1\n",2\n3,4,5,"6\n7"\n', error: 'file line 4: expected 2 fields, found 4' },
  {
    text: 'a,b\n1,x"y"\n',
    error: 'file line 2 byte 7: expected quotes around a whole field, found a quote inside unquoted text',
  },
  {
    text: 'a,b\n1,"x"y\n',
    error: 'file line 2 byte 9: expected a delimiter or line end after a closing quote, found "y"',
  },
  {
    text: 'a,b\n1,2\n1,"x\ny\n',
    error:
      'file line 3 byte 10: expected an end of the quoted field that begins here, found the end of the file',
  },
  { text: 'a,b\n1,x\0y\n', error: 'file line 2 byte 7: expected text, found a NUL byte' },
  { text: '\ufeffa,b\n1,"x\0y"\n', error: 'file line 2 byte 11: expected text, found a NUL byte' },
  {
    text: Buffer.from('a,b\n1,2\n3,\xff\n', 'latin1'),
    error: 'file line 3 byte 10: expected UTF-8, found byte 0xff',
  },
  {
    text: Buffer.from('a,\xe9\n1,2\n', 'latin1'),
    error: 'file line 1 byte 2: expected UTF-8, found byte 0xe9',
  },
  {
    text: Buffer.from('a,b\n1,"\xe2\x9c\n', 'latin1'),
    error:
      'file line 2 byte 6: expected an end of the quoted field that begins here, found the end of the file',
  },
  {
    text: 'a,b\n1,x\ry\n',
    error:
      'file line 2 byte 7: expected line ends as in the first line, found a carriage return without line feed',
  },
  { text: 'a,b,a\n1,2,3\n', error: 'file line 1: expected each name once in the header, found "a" twice' },
  { text: 'a,,b\n', error: 'file line 1: expected a name for column 2 in the header, found none' },
  { text: '1,2,3\n', columns: named(2), error: 'file line 1: expected at most 2 fields, found 3' },
  { text: '1,2\n1,2\n3\n', columns: named(3), error: 'file line 3: expected 2 fields, found 1' },
  {
    text: '1\n',
    options: { header: 'no' },
    error:
      'file line 1: expected to know the columns of a file without header, found none declared (--columns)',
  },
  {
    text: 'a\n',
    options: { delimiter: '||' },
    error: '--delimiter: expected one ASCII character other than a quote or line end, found "||"',
  },
  {
    text: 'id,name\n12,x\nabc,y\n',
    columns: typed,
    error: 'file line 3 column Id: expected bigint, found "abc"',
  },
];

for (const { text, error, options, columns } of bad) {
  test(`refused: ${error}`, async () => {
    const bytes = Buffer.from(text);
    for (const pieces of cuts(bytes)) {
      const decoded = await decodeText(csv, {
        pieces,
        ...(options && { options }),
        ...(columns && { columns }),
      });
      assert.equal(decoded.error, error);
    }
  });
}

test('line numbers count the line ends inside quotes, of every kind', async () => {
  const lines = ['"a\nb",1', '"c\r\nd\r\n",2', '"e\rf\r\r",3', '\n\n"g",4', '5'];
  for (const [lineEnd, line] of [
    ['\n', 14],
    ['\r\n', 14],
    ['\r', 13],
  ] as const) {
    for (const pieces of cuts(Buffer.from(`x,y${lineEnd}${lines.join(lineEnd)}`))) {
      const { error } = await decodeText(csv, { pieces });
      assert.equal(error, `file line ${line}: expected 2 fields, found 1`);
    }
  }
});

test('a bad record becomes a reject line and its neighbours stay rows', async () => {
  const text = 'id,name\r\n1,a\r\nx,b\r\n2,"c\r\nd"\r\n3\r\n4,e,f\r\n5,"g"h\r\n6,i"j\r\n7,\0\r\n8,k\r\n9,"l';
  const columns: Column[] = [{ name: 'id', type: 'int' }, { name: 'name' }];
  const expected = [
    { line: 3, offset: 14, column: 'id', reason: 'expected int, found "x"', raw: 'x,b' },
    { line: 6, offset: 29, reason: 'expected 2 fields, found 1', raw: '3' },
    { line: 7, offset: 32, reason: 'expected 2 fields, found 3', raw: '4,e,f' },
    {
      line: 8,
      offset: 39,
      reason: 'expected a delimiter or line end after a closing quote, found "h"',
      raw: '5,"g"h',
    },
    {
      line: 9,
      offset: 47,
      reason: 'expected quotes around a whole field, found a quote inside unquoted text',
      raw: '6,i"j',
    },
    { line: 10, offset: 54, reason: 'expected text, found a NUL byte', raw: '7,\0' },
    {
      line: 12,
      offset: 64,
      reason: 'expected an end of the quoted field that begins here, found the end of the file',
      raw: '9,"l',
    },
  ];
  for (const pieces of cuts(Buffer.from(text))) {
    const { rows, rejects, error } = await decodeText(csv, {
      pieces,
      columns,
      options: { onError: 'reject' },
    });
    assert.equal(error, undefined);
    assert.deepEqual(
      rows.map((row) => row['id']),
      ['1', '2', '8'],
    );
    assert.deepEqual(
      rejects,
      expected.map((reject) => ({ $: 'reject', uri: 'file:///file', ...reject })),
    );
  }
});

test('a record that is not UTF-8 is rejected alone', async () => {
  const bytes = Buffer.concat([
    Buffer.from('a,b\n'),
    ...Array.from({ length: 100 }, (_, at) =>
      Buffer.from(`${at},${at % 10 === 7 ? '\xff' : 'x'}\n`, 'latin1'),
    ),
  ]);
  for (const size of [7, 100, bytes.length]) {
    const { rows, rejects } = await decodeText(csv, {
      pieces: piecesOf(bytes, size),
      options: { onError: 'reject' },
    });
    assert.equal(rows.length, 90);
    assert.deepEqual(
      rejects.map(({ line }) => line),
      [9, 19, 29, 39, 49, 59, 69, 79, 89, 99],
    );
  }
});

test('a bad first row of a file without header is rejected, a bad header is not', async () => {
  const columns = named(2);
  const decoded = await decode('1,x"\n2,y\n', { onError: 'reject' }, columns);
  assert.equal(decoded.rejects.length, 1);
  assert.deepEqual(plain(decoded.rows), [{ c0: '2', c1: 'y' }]);
  assert.match((await decode('a,b"\n2,y\n', { onError: 'reject' })).error ?? '', /line 1/);
});

const values: readonly {
  readonly type: NonNullable<Column['type']>;
  readonly good: string;
  readonly bad: string;
}[] = [
  { type: 'boolean', good: '0 1 t F true FALSE yes No', bad: '2 tr yess - on' },
  {
    type: 'int',
    good: '0 -1 +5 007 2147483647 -2147483648 00000000000000000001',
    bad: '2147483648 -2147483649 1.0 1e3 - 0x1 ١ 1-',
  },
  {
    type: 'bigint',
    good: '9223372036854775807 -9223372036854775808',
    bad: '9223372036854775808 -9223372036854775809 12.0 99999999999999999999',
  },
  {
    type: 'decimal',
    good: '1 -1.5 .5 5. 1e5 12345678901234567890.123456789',
    bad: 'a 1.2.3 . - 1e e5 1e+ 1;5 NaN',
  },
  {
    type: 'decimal(5,2)',
    good: '999.99 -0.01 100 001.50 1.500 1e2 12345e-2 0e9 0.00000',
    bad: '1000 0.001 1e3 12345e-3 x',
  },
  { type: 'decimal(19,0)', good: '9999999999999999999 12.0 1E+5', bad: '99999999999999999999 12.5' },
  { type: 'double', good: '1 1.5e300 -.5 NaN -Infinity inf', bad: 'x 1e nane infinit' },
  {
    type: 'date',
    good: '2024-02-29 1999-12-31',
    bad: '2023-02-29 2024-13-01 2024-00-10 2024-04-31 2024-1-1 2024-02-10x 20240210',
  },
  { type: 'time', good: '00:00 23:59:59 12:00:00.123456', bad: '24:00 1:00 12:60 12:00:00.' },
  {
    type: 'timestamp',
    good: '2024-02-29|2024-02-29_12:30|2024-02-29_12:30:01.5|2024-02-29T12:30:01Z|2024-02-29T12:30:01.123456789+02:00|2024-02-29_12:30:01-0530|2024-02-29_12:30:01+02',
    bad: '2024-02-30_12:30|2024-02-29_25:00|2024-02-29_|2024-02-29T12:30:01ZZ|2024-02-29x12:30|today|2024-02-29T12:30:01+2',
  },
  {
    type: 'uuid',
    good: '123e4567-e89b-12d3-a456-426614174000 123E4567E89B12D3A456426614174000',
    bad: '123e4567-e89b-12d3-a456-42661417400 123e4567-e89b-12d3-a456-42661417400g 123e4567ee89b-12d3-a456-426614174000',
  },
  { type: 'text', good: 'anything', bad: '' },
];

for (const { type, good, bad: wrong } of values) {
  test(`a column of type ${type} takes what is one, as it stands, and nothing else`, async () => {
    const split = (list: string): string[] =>
      list
        .split(list.includes('|') ? '|' : ' ')
        .map((value) => value.replace('_', ' '))
        .filter((value) => value !== '');
    const columns: Column[] = [{ name: 'v', type }, { name: 'w' }];
    for (const value of split(good)) {
      for (const written of [value, `"${value}"`]) {
        const { rows, error } = await decode(`v,w\n${written},x\n,x\n`, {}, columns);
        assert.equal(error, undefined);
        assert.deepEqual(
          rows.map((row) => row['v']),
          [value, null],
        );
      }
    }
    for (const value of split(wrong)) {
      const { error } = await decode(`v,w\n${value},x\n`, {}, columns);
      assert.equal(error, `file line 2 column v: expected ${type}, found ${JSON.stringify(value)}`);
    }
  });
}

test('an empty quoted field is no value of a typed column', async () => {
  const columns: Column[] = [{ name: 'v', type: 'int' }, { name: 'w' }];
  assert.equal(
    (await decode('v,w\n"",x\n', {}, columns)).error,
    'file line 2 column v: expected int, found ""',
  );
  assert.deepEqual(plain((await decode('v,w\n"",x\n', { emptyIsNull: true }, columns)).rows), [
    { v: null, w: 'x' },
  ]);
});

test('a thousand columns are read', async () => {
  const names = Array.from({ length: 1000 }, (_, at) => `column ${at} of a wide table`);
  const { rows, error } = await decode(`${names.join(',')}\n${names.map((_, at) => at).join(',')}\n`);
  assert.equal(error, undefined);
  assert.deepEqual(Object.keys(rows[0] ?? {}), names);
  assert.equal(rows[0]?.[names[999]!], '999');
});
