import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FormatOptions } from '../src/formats/format.ts';
import { formats } from '../src/formats/index.ts';
import { jsonl } from '../src/formats/jsonl.ts';
import { inexactType, isExactNumber } from '../src/wire/exact.ts';
import type { Column, Row } from '../src/wire/types.ts';
import { cuts, decodeText, formatInput, piecesOf } from './support/decode-text.ts';

const decode = (text: string | Uint8Array, options: FormatOptions = {}, columns?: readonly Column[]) =>
  decodeText(jsonl, { pieces: [Buffer.from(text)], options, ...(columns === undefined ? {} : { columns }) });

const plain = (rows: readonly Row[]): unknown[] => rows.map((row) => ({ ...row }));

test('rows leave as the bytes they came as, wherever the file is cut', async () => {
  const lines = [
    '{"a": 1.10,"b":-0, "c":[1e2, {"d" :"x\\u00e9\\ud83d\\ude00"}]}',
    '{}',
    '{"b":"é✓😀\\\\\\"","e":null}',
  ];
  const text = `\ufeff\r\n ${lines[0]}\r\n\n\t\n${lines[1]} \n${lines[2]}`;
  for (const pieces of cuts(Buffer.from(text))) {
    const decoded = await decodeText(jsonl, { pieces });
    assert.equal(decoded.error, undefined);
    assert.equal(decoded.text, `${lines.join('\n')}\n`);
    assert.deepEqual(
      decoded.tables.at(-1)?.columns,
      ['a', 'b', 'c', 'e'].map((name) => ({ name })),
    );
  }
});

// Objects whose members do not come twice; names that need escapes and names that JavaScript knows among them.
const name = fc.oneof(
  fc.constantFrom('a', 'b', '$', '', '__proto__', 'a\\"', 'é'),
  fc.string({ maxLength: 20 }),
);
const { value: json } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.maxSafeInteger(),
    fc.constantFrom(null, true, false),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(name, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
}));
const row = fc.dictionary(name, json, { maxKeys: 6, noNullPrototype: true });

test('any rows come out as JSON.parse reads them, in any pieces', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { maxLength: 6 }),
      fc.constantFrom('\n', '\r\n'),
      fc.integer({ min: 1, max: 50 }),
      fc.constantFrom(undefined, 1, '\t'),
      async (rows, lineEnd, size, indent) => {
        const lines = rows.map((given) => JSON.stringify(given, null, indent).replaceAll('\n', '\t'));
        const {
          rows: found,
          error,
          tables,
        } = await decodeText(jsonl, {
          pieces: piecesOf(Buffer.from(lines.join(lineEnd)), size),
        });
        assert.equal(error, undefined);
        assert.deepEqual(
          found.map((given) => JSON.stringify(given)),
          lines.map((line) => JSON.stringify(JSON.parse(line))),
        );
        found.forEach((given, at) => {
          const listed = new Set(tables[at]?.columns?.map((column) => column.name));
          for (const key of Object.keys(given)) assert.ok(listed.has(key));
        });
      },
    ),
    { numRuns: 500 },
  );
});

// Numbers that a double would change are strings.
function isSame(found: unknown, expected: unknown): boolean {
  if (typeof expected === 'number') {
    return typeof found === 'string'
      ? !isExactNumber(found) && Number(found) === expected
      : Object.is(found, expected);
  }
  if (typeof expected !== 'object' || expected === null) return found === expected;
  if (typeof found !== 'object' || found === null) return false;
  const [left, right] = [Object.entries(found), Object.entries(expected)];
  return (
    left.length === right.length &&
    left.every(([key, value], at) => key === right[at]?.[0] && isSame(value, right[at]?.[1]))
  );
}

test('a line is refused when JSON.parse refuses it, and otherwise only for a reason of its own', async () => {
  const damage = fc.record({
    at: fc.nat(),
    remove: fc.integer({ min: 0, max: 2 }),
    insert: fc.constantFrom(
      '',
      '"',
      '\\',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '0',
      '-',
      'e',
      '.',
      'n',
      '\t',
      '\u0001',
      'x',
      ' ',
    ),
  });
  await fc.assert(
    fc.asyncProperty(row, damage, async (given, { at, remove, insert }) => {
      const line = JSON.stringify(given);
      const start = at % (line.length + 1);
      // Half a surrogate pair does not get into a file.
      const damaged = Buffer.from(line.slice(0, start) + insert + line.slice(start + remove)).toString();
      fc.pre(damaged.trim() !== '');
      let expected: unknown;
      try {
        expected = JSON.parse(damaged);
      } catch {
        expected = undefined;
      }
      const { rows, error } = await decode(Buffer.from(damaged));
      const isObject = typeof expected === 'object' && expected !== null && !Array.isArray(expected);
      if (!isObject) assert.notEqual(error, undefined);
      else if (error !== undefined) assert.match(error, /each name once|surrogates in pairs/);
      else assert.ok(isSame(rows[0], expected));
    }),
    { numRuns: 1000 },
  );
});

const literal = fc.oneof(
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.stringMatching(/^-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?$/),
);

test('a number that a double would change becomes a string, and its column a type; others stay as they are', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(literal, { minLength: 1, maxLength: 5 }), async (literals) => {
      const { text, tables, error } = await decode(
        literals.map((given) => `{"n":${given},"in":[${given},{"x":${given}}]}\n`).join(''),
      );
      assert.equal(error, undefined);
      const lines = text.trimEnd().split('\n');
      let type: string | undefined;
      literals.forEach((given, at) => {
        const exact = isExactNumber(given);
        const written = exact ? given : `"${given}"`;
        assert.equal(lines[at], `{"n":${written},"in":[${written},{"x":${written}}]}`);
        if (!exact && type !== 'decimal') type = inexactType(given);
        assert.equal(tables[at]?.columns?.[0]?.type, type);
        assert.equal(tables[at]?.columns?.[1]?.type, undefined);
      });
    }),
    { numRuns: 1000 },
  );
});

test('numbers of columns declared bigint or decimal become strings, whatever their size', async () => {
  const columns: Column[] = [
    { name: 'A', type: 'bigint' },
    { name: 'b', type: 'decimal(5,2)' },
    { name: 'c', type: 'double' },
    { name: 'gone' },
  ];
  const { text, tables } = await decode(
    '{"a":1,"b":1.50,"c":0.1000000000000000055,"d":1}\n{"a":null,"b":"2","c":2}\n',
    {},
    columns,
  );
  assert.equal(text, '{"a":"1","b":"1.50","c":"0.1000000000000000055","d":1}\n{"a":null,"b":"2","c":2}\n');
  assert.deepEqual(tables[0]?.columns, [
    { name: 'a', type: 'bigint' },
    { name: 'b', type: 'decimal(5,2)' },
    { name: 'c', type: 'double' },
    { name: 'd' },
  ]);
});

test('a value that is none of its declared type is a bad record, in its JSON form and as text', async () => {
  const types: readonly (readonly [NonNullable<Column['type']>, readonly string[], readonly string[]])[] = [
    ['boolean', ['true', 'false', '0', '"yes"', 'null'], ['2', '"x"', '[]']],
    ['int', ['1', '"-1"', 'null'], ['2147483648', '1.5', 'true', '""', '{}']],
    ['bigint', ['9223372036854775807'], ['9223372036854775808', '"x"']],
    ['decimal(5,2)', ['1.25', '"999.99"'], ['1.255', '1000']],
    ['double', ['1e5', '"NaN"'], ['false']],
    ['timestamptz', ['"2024-02-29T10:00:00Z"'], ['"2023-02-29T10:00:00Z"', '1700000000']],
    ['text', ['1', 'true', '[1]', '"x"'], []],
    ['json', ['1', '{"a":[]}'], []],
  ];
  for (const [type, good, wrong] of types) {
    const columns: Column[] = [{ name: 'v', type }];
    for (const value of good)
      assert.equal((await decode(`{"v":${value}}`, {}, columns)).error, undefined, `${type} ${value}`);
    for (const value of wrong) {
      assert.equal(
        (await decode(`{"v":${value}}`, {}, columns)).error,
        `file line 1 column v: expected ${type}, found ${value}`,
      );
    }
  }
  const rejected = await decode('{"v":1}\n{"v":"a"}\n{"v":2}', { onError: 'reject' }, [
    { name: 'V', type: 'int' },
  ]);
  assert.deepEqual(rejected.rejects, [
    {
      $: 'reject',
      uri: 'file:///file',
      line: 2,
      offset: 8,
      column: 'v',
      reason: 'expected int, found "a"',
      raw: '{"v":"a"}',
    },
  ]);
  assert.equal(rejected.rows.length, 2);
});

test('columns grow with the rows, and a name is the same however it is escaped', async () => {
  const { tables, error } = await decode('{"a":1}\n{"b":2,"\\u0061":3}\n{"c":1}\n');
  assert.equal(error, undefined);
  assert.deepEqual(
    tables.map((table) => table.columns?.map((column) => column.name).join('')),
    ['a', 'ab', 'abc'],
  );
});

test('columns come in the order of their first row, numbers as names too', async () => {
  const orders = [
    ['b', '10', 'a', '2'],
    ['é', '__proto__', 'a', '$'],
  ];
  for (const order of orders) {
    const { tables } = await decode(`{${order.map((column) => `${JSON.stringify(column)}:1`)}}\n`);
    assert.deepEqual(
      tables.at(-1)?.columns?.map((column) => column.name),
      order,
    );
  }
});

test('a row that is begun again, or given up, after a number of it was written leaves the rows around it alone', async () => {
  const text = '{"a":1}\n{"a":2}\n{"a":[1e400],"b":3}\n{"a":4}\n{"a":[1e400],"b":x}\n{"a":5}\n';
  for (const pieces of cuts(Buffer.from(text))) {
    const decoded = await decodeText(jsonl, { pieces, options: { onError: 'reject' } });
    assert.equal(decoded.text, '{"a":1}\n{"a":2}\n{"a":["1e400"],"b":3}\n{"a":4}\n{"a":5}\n');
    assert.equal(decoded.rejects.length, 1);
  }
});

test('a row with a member $ travels wrapped', async () => {
  const { text, rows } = await decode(
    '{"$":"end","n":1565276078922000095}\r\n{"a":1}\n{ "x":[{"$":1}], "\\u0024" : {} }',
  );
  assert.equal(
    text,
    '{"$":"row","row":{"$":"end","n":"1565276078922000095"}}\n{"a":1}\n{"$":"row","row":{ "x":[{"$":1}], "\\u0024" : {} }}\n',
  );
  assert.deepEqual(plain(rows), [{ $: 'end', n: '1565276078922000095' }, { a: 1 }, { x: [{ $: 1 }], $: {} }]);
});

test('a long file is read right whatever the length of its pieces, and leaves in runs of some size', async () => {
  const lines = Array.from({ length: 15_000 }, (_, at) =>
    JSON.stringify({ at, text: 'é'.repeat(at % 50), tags: [at, 'x'.repeat(at % 90), { y: at / 7 }] }),
  );
  lines[7000] = '{"at":1565276078922000095,"new":[1]}';
  const bytes = Buffer.from(lines.join('\n'));
  const expected = lines.join('\n').replace('1565276078922000095', '"1565276078922000095"');
  for (const size of [1021, 16_381, 65_536, 131_071, 131_072, 131_073, bytes.length]) {
    const { text } = await decodeText(jsonl, { pieces: piecesOf(bytes, size) });
    assert.ok(text === `${expected}\n`, `pieces of ${size}`);
  }
  const sizes: number[] = [];
  for await (const chunk of jsonl.decode(formatInput({ pieces: [bytes] })))
    if ('ndjson' in chunk) sizes.push(chunk.ndjson().length);
  assert.ok(sizes.every((size) => size < 256 * 1024) && sizes.filter((size) => size < 64 * 1024).length <= 3);
});

test('bytes left in memory from the file before mean nothing to the next', async () => {
  const junk = Buffer.from('{"a":"\\"","n":[1,2,{"b":1}]}\n'.repeat(200));
  for (let length = 1; length < 70; length++) {
    await decodeText(jsonl, { pieces: [junk] });
    const line = `{"a":"${'z'.repeat(length)}"}`;
    assert.equal((await decode(line)).text, `${line}\n`);
    assert.notEqual((await decode(line.slice(0, -1))).error, undefined);
    assert.notEqual((await decode(line.slice(0, -2))).error, undefined);
  }
});

test('a line far larger than a step is read, and in little pieces too', async () => {
  const line = JSON.stringify({
    text: 'x"'.repeat(500_000),
    many: Array.from({ length: 5000 }, (_, at) => ({ [`k${at}`]: 1, b: 2 })),
    wide: Object.fromEntries(Array.from({ length: 9000 }, (_, at) => [`k${at}`, at])),
  });
  const bytes = Buffer.from(`{"a":1}\n${line}\n{"a":2}`);
  for (const size of [9000, bytes.length]) {
    const { text, error } = await decodeText(jsonl, { pieces: piecesOf(bytes, size) });
    assert.equal(error, undefined);
    assert.ok(text === `{"a":1}\n${line}\n{"a":2}\n`);
  }
});

test('a row of nothing but tiny numbers that become strings fits', async () => {
  const line = `[${'1e400,'.repeat(100_000)}1]`;
  const { text, error } = await decode(`{"a":${line}}\n`);
  assert.equal(error, undefined);
  assert.ok(text === `{"a":${line.replaceAll('1e400', '"1e400"')}}\n`);
  const columns: Column[] = Array.from({ length: 3000 }, (_, at) => ({
    name: at.toString(36),
    type: 'bigint',
  }));
  const wide = `{${columns.map(({ name: key }) => `"${key}":1`).join(',')}}\n`;
  assert.ok((await decode(wide.repeat(30), {}, columns)).text === wide.repeat(30).replaceAll(':1', ':"1"'));
  assert.equal((await decode('{"$":1}\n'.repeat(50_000))).rows.length, 50_000);
});

test('rows of a piece leave before the next piece is waited for', async () => {
  const decoded = jsonl
    .decode({
      ...formatInput({ pieces: [] }),
      bytes: (async function* () {
        yield Buffer.from('{"a":1}\n{"a"');
        await new Promise(() => {});
      })(),
    })
    [Symbol.asyncIterator]();
  const { value } = await decoded.next();
  assert.equal(Buffer.from(value.ndjson()).toString(), '{"a":1}\n');
});

test('a file with nothing in it has no rows', async () => {
  for (const text of ['', '\ufeff', '\n\r\n \n', ' ']) {
    assert.deepEqual(await decode(text), { rows: [], tables: [], rejects: [], text: '' });
  }
});

const deep = (levels: number): string => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;

test('a thousand levels are read, one more is refused', async () => {
  assert.equal((await decode(deep(1000))).error, undefined);
  assert.equal(
    (await decode(deep(1001))).error,
    'file line 1 byte 1004: expected at most 1000 levels of nesting, found more',
  );
});

const bad: readonly { readonly text: string | Buffer; readonly error: string }[] = [
  {
    text: '{"a":1}\n[{"a":1}]\n',
    error: 'file line 2 byte 8: expected a JSON object on each line, found an array',
  },
  { text: '"a"', error: 'file line 1 byte 0: expected a JSON object on each line, found "\\"a\\""' },
  {
    text: '{"a":1}\n{\n"a":1}\n',
    error: 'file line 2 byte 9: expected a whole JSON object on one line, found the end of the line',
  },
  {
    text: '{"a":1}\n{"a":"x',
    error: 'file line 2 byte 15: expected a whole JSON object on one line, found the end of the line',
  },
  {
    text: '{"a":1,"b":{"c":1,"c":2}}',
    error: 'file line 1 byte 18: expected each name once in an object, found "\\"c\\"" twice',
  },
  {
    text: '{"a":1,"a":2}',
    error: 'file line 1 byte 7: expected each name once in an object, found "\\"a\\"" twice',
  },
  {
    text: '{"ab":1,"a\\u0062":2}',
    error: 'file line 1 byte 8: expected each name once in an object, found "\\"a\\\\u0062\\"" twice',
  },
  {
    text: '{"x":[{"ab":1,"a\\u0062":2}]}',
    error: 'file line 1: expected each name once in an object, found one twice, escaped differently',
  },
  { text: '{"a":NaN}', error: 'file line 1 byte 5: expected JSON, found "NaN}"' },
  { text: '{"a":-Infinity}', error: 'file line 1 byte 5: expected a JSON number, found "-Infinity}"' },
  { text: '{"a":01}', error: 'file line 1 byte 5: expected a JSON number, found "01}"' },
  { text: '{"a":1.}', error: 'file line 1 byte 5: expected a JSON number, found "1.}"' },
  {
    text: '{"a":"\\ud800x"}',
    error: 'file line 1 byte 6: expected escaped surrogates in pairs, found "\\\\ud800" alone',
  },
  {
    text: '{"a":"\\ude00\\ud83d"}',
    error: 'file line 1 byte 6: expected escaped surrogates in pairs, found "\\\\ude00" alone',
  },
  {
    text: '{"a":"\\udc00\\udc01"}',
    error: 'file line 1 byte 6: expected escaped surrogates in pairs, found "\\\\udc00" alone',
  },
  { text: '{"a":"\\x"}', error: 'file line 1 byte 6: expected a JSON escape, found "\\\\x"' },
  {
    text: '{"a":"\t"}',
    error: 'file line 1 byte 6: expected control characters to be escaped in strings, found "\\t"',
  },
  {
    text: '{"a":1} {"a":2}',
    error: 'file line 1 byte 8: expected nothing after the object on its line, found "{\\"a\\":2}"',
  },
  { text: '{"a":1,}', error: 'file line 1 byte 7: expected JSON, found "}"' },
  { text: '{"a" 1}', error: 'file line 1 byte 5: expected JSON, found "1}"' },
  {
    text: Buffer.from('{"a":"b"}\n{"a":"\xff"}', 'latin1'),
    error: 'file line 2 byte 16: expected UTF-8, found byte 0xff',
  },
  {
    text: Buffer.from('{"a":"b"}\n{"\xe9":1}', 'latin1'),
    error: 'file line 2 byte 12: expected UTF-8, found byte 0xe9',
  },
];

for (const { text, error } of bad) {
  test(`refused: ${error}`, async () => {
    for (const pieces of cuts(Buffer.from(text))) {
      assert.equal((await decodeText(jsonl, { pieces })).error, error);
    }
  });
}

test('a bad line becomes a reject line, leaves no trace in the columns, and its neighbours stay rows', async () => {
  const text = '{"a":1}\r\n{"b":1565276078922000095,"a":x}\r\n{"a":2}\n{"b":1}\nnot json\n{"a":3';
  for (const pieces of cuts(Buffer.from(text))) {
    const { rows, rejects, tables } = await decodeText(jsonl, { pieces, options: { onError: 'reject' } });
    assert.deepEqual(plain(rows), [{ a: 1 }, { a: 2 }, { b: 1 }]);
    assert.deepEqual(
      tables.map((table) => table.columns),
      [[{ name: 'a' }], [{ name: 'a' }], [{ name: 'a' }, { name: 'b' }]],
    );
    assert.deepEqual(rejects, [
      {
        $: 'reject',
        uri: 'file:///file',
        line: 2,
        offset: 9,
        reason: 'expected JSON, found "x}\\r"',
        raw: '{"b":1565276078922000095,"a":x}',
      },
      {
        $: 'reject',
        uri: 'file:///file',
        line: 5,
        offset: 58,
        reason: 'expected a JSON object on each line, found "not json"',
        raw: 'not json',
      },
      {
        $: 'reject',
        uri: 'file:///file',
        line: 6,
        offset: 67,
        reason: 'expected a whole JSON object on one line, found the end of the line',
        raw: '{"a":3',
      },
    ]);
  }
});

test('data used as names is refused before it fills the memory', async () => {
  const lines = Array.from({ length: 20_000 }, (_, at) => `{"k${at}":1}\n`);
  assert.match(
    (await decode(lines.join(''))).error ?? '',
    /line 16385: expected at most 16384 names in all rows/,
  );
});

test('a brace at the beginning tells a JSONL file', () => {
  for (const head of ['{', ' \n{"a"', '\ufeff{']) assert.equal(formats.jsonl.detect(Buffer.from(head)), true);
  for (const head of ['', 'a,b', '[{']) assert.equal(formats.jsonl.detect(Buffer.from(head)), false);
});
