import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { avro } from '../src/formats/avro.ts';
import type { Column, Run } from '../src/wire/types.ts';
import { avroFile, decodeAvro, hasBzip2, pieces, rowsOf, SYNC, typeOf, varint } from './support/avro.ts';

const record = (fields: Record<string, unknown>) => ({
  type: 'record',
  name: 'R',
  fields: Object.entries(fields).map(([name, type]) => ({ name, type })),
});

/** A schema, its values as avsc takes them, and what each must be on the wire. */
interface Sample {
  readonly schema: unknown;
  readonly value: fc.Arbitrary<unknown>;
  expect(value: never, json: boolean): unknown;
  /** Its column, in a row and not inside json. */
  readonly column: Omit<Column, 'name'>;
  /** How a union of avsc calls it. */
  readonly branch: string;
}

let names = 0;
const text = fc
  .oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.string({ maxLength: 90 }))
  .map((s) => Buffer.from(s).toString());
const long = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.maxSafeInteger().map(BigInt),
  fc.integer({ min: -200, max: 200 }).map(BigInt),
);
const finite = (n: number) => (Number.isFinite(n) ? n : String(n));
const bytes = fc.uint8Array({ maxLength: 40 }).map((b) => Buffer.from(b));
const exact = (n: bigint, json: boolean) =>
  json && n >= -(2n ** 53n) + 1n && n < 2n ** 53n ? Number(n) : String(n);

function simple(
  schema: string,
  value: fc.Arbitrary<unknown>,
  type: Column['type'],
  expect: (value: never, json: boolean) => unknown = (v) => v,
): Sample {
  return { schema, value, expect, column: type === undefined ? {} : { type }, branch: schema };
}

const primitives: readonly Sample[] = [
  simple('null', fc.constant(null), undefined),
  simple('boolean', fc.boolean(), 'boolean'),
  simple('int', fc.integer(), 'int'),
  simple('long', long, 'bigint', exact),
  simple(
    'float',
    fc.oneof(
      fc.integer({ min: -8192, max: 8192 }).map((n) => n / 16),
      fc.constantFrom(NaN, Infinity, -Infinity),
    ),
    'float',
    (v: number) => finite(v),
  ),
  simple('double', fc.double(), 'double', (v: number) => finite(v)),
  simple('string', text, 'text'),
  simple('bytes', bytes, 'bytes', (v: Buffer) => v.toString('base64')),
];

const nextName = () => `N${names++}`;

function sample(depth: number): fc.Arbitrary<Sample> {
  const leaf = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...primitives) },
    fc.integer({ min: 0, max: 20 }).map((size): Sample => {
      const name = nextName();
      return {
        schema: { type: 'fixed', name, size },
        value: fc.uint8Array({ minLength: size, maxLength: size }).map((b) => Buffer.from(b)),
        expect: (v: Buffer) => v.toString('base64'),
        column: { type: 'bytes' },
        branch: name,
      };
    }),
    fc.integer({ min: 1, max: 200 }).map((count): Sample => {
      const name = nextName();
      const symbols = Array.from({ length: count }, (_, index) => `S${index}`);
      return {
        schema: { type: 'enum', name, symbols },
        value: fc.constantFrom(...symbols),
        expect: (v) => v,
        column: { type: 'text' },
        branch: name,
      };
    }),
  );
  if (depth === 0) return leaf;
  const inner = sample(depth - 1);
  return fc.oneof(
    { weight: 4, arbitrary: leaf },
    inner.map(
      (items): Sample => ({
        schema: { type: 'array', items: items.schema },
        value: fc.array(items.value, { maxLength: 5 }),
        expect: (v: unknown[], json) => v.map((item) => items.expect(item as never, json)),
        column: { type: 'array', items: { name: 'item', ...items.column } },
        branch: 'array',
      }),
    ),
    inner.map(
      (items): Sample => ({
        schema: { type: 'map', values: items.schema },
        value: fc.dictionary(text, items.value, { maxKeys: 20 }),
        expect: (v: object) =>
          Object.fromEntries(
            Object.entries(v).map(([key, item]) => [key, items.expect(item as never, true)]),
          ),
        column: { type: 'json' },
        branch: 'map',
      }),
    ),
    fc.array(inner, { maxLength: 4 }).map(recordSample),
    fc
      .tuple(inner, fc.boolean())
      .filter(([one]) => one.branch !== 'null' && one.branch !== 'union')
      .map(
        ([one, nullFirst]): Sample => ({
          schema: nullFirst ? ['null', one.schema] : [one.schema, 'null'],
          value: fc.option(one.value.map((v) => ({ [one.branch]: v }))),
          expect: (v: Record<string, unknown> | null, json) =>
            v === null ? null : one.expect(v[one.branch] as never, json),
          column: one.column,
          branch: 'union',
        }),
      ),
    // Of types that have nothing in common, so that the column is json.
    fc
      .tuple(inner, fc.boolean())
      .filter(([one]) => !['null', 'union', 'string', 'boolean'].includes(one.branch))
      .map(([one, isNull]): Sample => {
        const all: Sample[] = [
          ...primitives.filter(({ branch }) => branch === 'string' || branch === 'boolean'),
          one,
          ...(isNull ? [primitives[0]!] : []),
        ];
        return {
          schema: all.map((branch) => branch.schema),
          value: fc.oneof(
            ...all.map((branch) => branch.value.map((v) => (v === null ? null : { [branch.branch]: v }))),
          ),
          expect: (v: Record<string, unknown> | null) => {
            if (v === null) return null;
            const [[name, item]] = Object.entries(v) as [[string, unknown]];
            return all.find((branch) => branch.branch === name)!.expect(item as never, true);
          },
          column: { type: 'json' },
          branch: 'union',
        };
      }),
  );
}

function recordSample(fields: readonly Sample[]): Sample {
  const name = nextName();
  return {
    schema: {
      type: 'record',
      name,
      fields: fields.map((field, index) => ({ name: `f${index}`, type: field.schema })),
    },
    value: fc
      .tuple(...fields.map((field) => field.value))
      .map((values) => Object.fromEntries(values.map((v, index) => [`f${index}`, v]))),
    expect: (v: Record<string, unknown>, json) =>
      Object.fromEntries(
        fields.map((field, index) => [`f${index}`, field.expect(v[`f${index}`] as never, json)]),
      ),
    column: {
      type: 'object',
      columns: fields.map((field, index) => ({ name: `f${index}`, ...field.column })),
    },
    branch: name,
  };
}

const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, v) => (Object.is(v, -0) ? '-0' : v)));

test('any schema and value decode to what avsc has encoded, in any codec, block size and pieces', async () => {
  const anything = fc
    .array(sample(3), { minLength: 1, maxLength: 5 })
    .map(recordSample)
    .chain((row) =>
      fc.record({
        row: fc.constant(row),
        values: fc.array(row.value, { maxLength: 30 }),
        rowsPerBlock: fc.integer({ min: 1, max: 20 }),
        codec: fc.constantFrom('null', 'deflate', 'snappy', 'zstandard'),
        pieceBytes: fc.constantFrom(1, 2, 3, 7, 64, 100_000),
      }),
    );
  await fc.assert(
    fc.asyncProperty(anything, async ({ row, values, rowsPerBlock, codec, pieceBytes }) => {
      const type = typeOf(row.schema);
      const file = avroFile({
        schema: row.schema,
        codec,
        blocks: blocksOf(
          values.map((v) => type.toBuffer(v)),
          rowsPerBlock,
        ),
      });
      const decoded = await decodeAvro(pieces(file, pieceBytes));
      assert.deepEqual(plain(rowsOf(decoded)), plain(values.map((v) => row.expect(v as never, false))));
      assert.deepEqual(decoded.columns, row.column.columns);
    }),
    { numRuns: 400 },
  );
});

function blocksOf(rows: readonly Buffer[], perBlock: number): { count: number; data: Buffer }[] {
  const blocks = [];
  for (let at = 0; at < rows.length; at += perBlock) {
    const part = rows.slice(at, at + perBlock);
    blocks.push({ count: part.length, data: Buffer.concat(part) });
  }
  return blocks;
}

const everything = record({
  id: 'long',
  name: ['null', 'string'],
  tags: { type: 'array', items: 'string' },
  props: { type: 'map', values: ['long', 'double', 'string'] },
  at: { type: 'long', logicalType: 'timestamp-millis' },
  price: { type: 'bytes', logicalType: 'decimal', precision: 30, scale: 2 },
});
const someRows = Array.from({ length: 7 }, (_, index) => ({
  id: BigInt(index) * 10n ** 17n,
  name: index % 2 === 0 ? null : { string: `Zoë "${index}"\n` },
  tags: ['a', 'ü'.repeat(index)],
  props: { a: { long: 2n ** 60n }, b: { double: 0.1 }, c: { string: '\u0000' } },
  at: BigInt(index) * 86_400_000n,
  price: Buffer.from([index, 255, 1]),
}));

test('a file cut in two at any offset decodes as the whole', async () => {
  const type = typeOf(everything);
  for (const codec of ['null', 'snappy', 'deflate']) {
    const file = avroFile({
      schema: everything,
      codec,
      blocks: blocksOf(
        someRows.map((row) => type.toBuffer(row)),
        3,
      ),
    });
    const whole = await decodeAvro([file]);
    assert.equal(whole.count, 7);
    for (let at = 0; at <= file.length; at++) {
      const decoded = await decodeAvro([file.subarray(0, at), file.subarray(at)]);
      assert.equal(decoded.text, whole.text, `${codec}, cut at ${at}`);
    }
  }
});

test('a file that ends early is an error naming block and offset, except between two blocks', async () => {
  const type = typeOf(everything);
  for (const codec of ['null', 'snappy', 'deflate', 'zstandard']) {
    const blocks = blocksOf(
      someRows.map((row) => type.toBuffer(row)),
      3,
    );
    const file = avroFile({ schema: everything, codec, blocks });
    const ends = [0, 1, 2, 3].map(
      (count) => avroFile({ schema: everything, codec, blocks: blocks.slice(0, count) }).length,
    );
    for (let at = 0; at < file.length; at++) {
      const decoding = decodeAvro([file.subarray(0, at)]);
      if (ends.includes(at)) await decoding;
      else
        await assert.rejects(decoding, {
          name: 'UserError',
          message: /^x\.avro (header|block \d+) \(offset \d+\).*: expected .*, found the end of the file$/,
        });
    }
  }
});

test('blocks compressed by bzip2 decode; a damaged and a cut one are errors naming block and offset', {
  skip: !hasBzip2 && 'no bzip2 here',
}, async () => {
  const type = typeOf(everything);
  const blocks = blocksOf(
    someRows.map((row) => type.toBuffer(row)),
    3,
  );
  const plain = await decodeAvro([avroFile({ schema: everything, codec: 'null', blocks })]);
  const file = avroFile({ schema: everything, codec: 'bzip2', blocks });
  for (const pieceBytes of [1, 7, file.length]) {
    const decoded = await decodeAvro(pieces(file, pieceBytes));
    assert.equal(decoded.text, plain.text);
    assert.equal(decoded.count, someRows.length);
  }
  // In the content of the last block, and in the checksum at its end.
  for (const at of [file.length - 40, file.length - 19]) {
    const damaged = Buffer.from(file);
    damaged[at]! ^= 16;
    await assert.rejects(decodeAvro([damaged]), {
      name: 'UserError',
      message: /^x\.avro block \d+ \(offset \d+\): expected .*bzip2/,
    });
  }
  const ends = blocks.map(
    (_, i) => avroFile({ schema: everything, codec: 'bzip2', blocks: blocks.slice(0, i) }).length,
  );
  for (let at = 0; at < file.length; at += 13) {
    if (ends.includes(at)) continue;
    await assert.rejects(decodeAvro([file.subarray(0, at)]), {
      name: 'UserError',
      message: /, found the end of the file$/,
    });
  }
});

test('logical types become dates, times, instants, decimals, UUIDs and durations', async () => {
  const schema = record({
    date: { type: 'int', logicalType: 'date' },
    millis: { type: 'int', logicalType: 'time-millis' },
    micros: { type: 'long', logicalType: 'time-micros' },
    at3: { type: 'long', logicalType: 'timestamp-millis' },
    at6: { type: 'long', logicalType: 'timestamp-micros' },
    at9: { type: 'long', logicalType: 'timestamp-nanos' },
    local: { type: 'long', logicalType: 'local-timestamp-micros' },
    decimal: { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 2 },
    fixed: { type: 'fixed', name: 'F', size: 16, logicalType: 'decimal', precision: 38, scale: 0 },
    uuid: { type: 'fixed', name: 'U', size: 16, logicalType: 'uuid' },
    name: { type: 'string', logicalType: 'uuid' },
    duration: { type: 'fixed', name: 'D', size: 12, logicalType: 'duration' },
    unknown: { type: 'string', logicalType: 'colour' },
    impossible: { type: 'bytes', logicalType: 'decimal', precision: 2, scale: 3 },
  });
  const file = avroFile({
    schema,
    codec: 'null',
    blocks: [
      {
        count: 1,
        data: typeOf(schema).toBuffer({
          date: -1,
          millis: 45_296_789,
          micros: 1n,
          at3: -1n,
          at6: 1_700_000_000_123_456n,
          at9: 2n ** 63n - 1n,
          local: 253_402_300_800_000_000n,
          decimal: Buffer.from([0xff, 0x92]),
          fixed: Buffer.from('80000000000000000000000000000001'.replace(/^8/, 'c'), 'hex'),
          uuid: Buffer.from('00112233445566778899aabbccddeeff', 'hex'),
          name: '00112233-4455-6677-8899-aabbccddeeff',
          duration: Buffer.from('010000000200000088130000', 'hex'),
          unknown: 'red',
          impossible: Buffer.from([1]),
        }),
      },
    ],
  });
  const decoded = await decodeAvro([file]);
  assert.deepEqual(
    rowsOf(decoded).map((row) => ({ ...(row as object), fixed: undefined })),
    [
      {
        date: '1969-12-31',
        millis: '12:34:56.789',
        micros: '00:00:00.000001',
        at3: '1969-12-31T23:59:59.999Z',
        at6: '2023-11-14T22:13:20.123456Z',
        at9: '2262-04-11T23:47:16.854775807Z',
        local: '10000-01-01T00:00:00.000000',
        decimal: '-1.10',
        fixed: undefined,
        uuid: '00112233-4455-6677-8899-aabbccddeeff',
        name: '00112233-4455-6677-8899-aabbccddeeff',
        duration: 'P1M2DT5.000S',
        unknown: 'red',
        impossible: 'AQ==',
      },
    ],
  );
  assert.equal(
    (rowsOf(decoded)[0] as { fixed: string }).fixed,
    String(BigInt.asIntN(128, BigInt('0xc0000000000000000000000000000001'))),
  );
  assert.deepEqual(
    decoded.columns?.map((column) => column.type),
    [
      'date',
      'time',
      'time',
      'timestamptz',
      'timestamptz',
      'timestamptz',
      'timestamp',
      'decimal(4,2)',
      'decimal(38,0)',
      'uuid',
      'uuid',
      'text',
      'text',
      'bytes',
    ],
  );
});

test('a decimal of any size is exact', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 900 }),
      fc.nat(900),
      fc.array(fc.bigInt({ min: -(10n ** 60n), max: 10n ** 60n }), { maxLength: 9 }),
      async (precision, some, numbers) => {
        const scale = Math.min(some, precision);
        const values = numbers.map((n, index) => n ** BigInt(1 + index * 2) % 10n ** BigInt(precision));
        const schema = record({ n: { type: 'bytes', logicalType: 'decimal', precision, scale } });
        const type = typeOf(schema);
        const data = Buffer.concat(values.map((n) => type.toBuffer({ n: twosComplement(n) })));
        const decoded = await decodeAvro([
          avroFile({ schema, codec: 'null', blocks: [{ count: values.length, data }] }),
        ]);
        const expected = values.map((n) => {
          const digits = (n < 0n ? -n : n).toString().padStart(scale + 1, '0');
          const whole = digits.slice(0, digits.length - scale);
          return { n: `${n < 0n ? '-' : ''}${whole}${scale > 0 ? `.${digits.slice(-scale)}` : ''}` };
        });
        assert.deepEqual(rowsOf(decoded), expected);
      },
    ),
  );
});

function twosComplement(n: bigint): Buffer {
  const size = n.toString(16).length / 2 + 2;
  return Buffer.from(
    BigInt.asUintN(Math.floor(size) * 8, n)
      .toString(16)
      .padStart(Math.floor(size) * 2, '0'),
    'hex',
  );
}

test('dates and timestamps of many thousand years agree with JavaScript', async () => {
  const schema = record({
    day: { type: 'int', logicalType: 'date' },
    at: { type: 'long', logicalType: 'timestamp-millis' },
  });
  const type = typeOf(schema);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.date({ noInvalidDate: true }), { minLength: 50, maxLength: 50 }),
      async (dates) => {
        const rows = dates.map((date) => ({
          day: Math.floor(date.getTime() / 86_400_000),
          at: BigInt(date.getTime()),
        }));
        const decoded = await decodeAvro([
          avroFile({
            schema,
            codec: 'null',
            blocks: [{ count: rows.length, data: Buffer.concat(rows.map((row) => type.toBuffer(row))) }],
          }),
        ]);
        // Databases read years of five and more digits without a sign.
        const iso = dates.map((date) => date.toISOString().replace(/^\+0*/, ''));
        assert.deepEqual(
          rowsOf(decoded),
          iso.map((at) => ({ day: at.slice(0, at.indexOf('T')), at })),
        );
      },
    ),
  );
});

test('doubles print as JavaScript prints them, floats as the shortest text that reads back', async () => {
  const bits = new BigUint64Array(20_000);
  for (let index = 0; index < bits.length; index++)
    bits[index] =
      (BigInt(Math.floor(Math.random() * 2 ** 32)) << 32n) | BigInt(Math.floor(Math.random() * 2 ** 32));
  const random = [...new Float64Array(bits.buffer)];
  const special = [
    0,
    -0,
    NaN,
    Infinity,
    -Infinity,
    5e-324,
    2.2250738585072014e-308,
    Number.MAX_VALUE,
    2 ** 53 + 2,
    1e20,
    1e21,
    1e-6,
    1e-7,
    4.35,
    0.1 + 0.2,
  ];
  const powers = Array.from({ length: 600 }, (_, index) => [
    10 ** (index - 300),
    2 ** (index - 300) * 1.5,
    -(index ** 9) / 100,
  ]).flat();
  const doubles = [...special, ...powers, ...random];
  const print = (n: number) => (Number.isFinite(n) ? (Object.is(n, -0) ? '-0' : String(n)) : `"${n}"`);
  const file = (type: string, data: Buffer, count: number) =>
    avroFile({ schema: type, codec: 'null', blocks: [{ count, data }] });
  const decoded = await decodeAvro([
    file('double', Buffer.from(Float64Array.from(doubles).buffer), doubles.length),
  ]);
  assert.deepEqual(decoded.text.split('\n'), [...doubles.map((n) => `{"value":${print(n)}}`), '']);

  const floats = Float32Array.from([
    ...special,
    16777216,
    1.1,
    3.4028234663852886e38,
    1e-45,
    ...new Float32Array(bits.buffer),
  ]);
  const lines = (await decodeAvro([file('float', Buffer.from(floats.buffer), floats.length)])).text.split(
    '\n',
  );
  for (const [index, n] of floats.entries()) {
    const printed = lines[index]!.slice('{"value":'.length, -1);
    if (!Number.isFinite(n) || n === 0) assert.equal(printed, print(n));
    else {
      assert.equal(Math.fround(Number(printed)), n);
      let digits = 1;
      while (Math.fround(Number(n.toPrecision(digits))) !== n) digits++;
      assert.equal(printed.length, print(Number(n.toPrecision(digits))).length, printed);
    }
  }
});

test('the days around the ends of leap years and centuries are right', async () => {
  const schema = { type: 'int', logicalType: 'date' };
  const days = [-135_081, 0, 400, 800].flatMap((years) =>
    [
      '1600-02-29',
      '1600-12-31',
      '1700-02-28',
      '1700-03-01',
      '1900-03-01',
      '1996-12-31',
      '2000-02-28',
      '2000-02-29',
      '2000-03-01',
    ].map(
      (day) =>
        Date.UTC(Number(day.slice(0, 4)) + years, Number(day.slice(5, 7)) - 1, Number(day.slice(8))) /
        86_400_000,
    ),
  );
  const data = Buffer.concat(days.map((day) => typeOf('int').toBuffer(day)));
  const decoded = await decodeAvro([
    avroFile({ schema, codec: 'null', blocks: [{ count: days.length, data }] }),
  ]);
  assert.deepEqual(
    rowsOf(decoded),
    days.map((day) => ({ value: new Date(day * 86_400_000).toISOString().replace(/T.*/, '') })),
  );
});

test('every character is escaped as JSON.stringify does it, wherever it stands', async () => {
  const texts = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).flatMap((character) =>
    Array.from({ length: 18 }, (_, before) => `${'-'.repeat(before)}${character}"\\`),
  );
  const data = Buffer.concat(texts.map((value) => typeOf('string').toBuffer(value)));
  const decoded = await decodeAvro([
    avroFile({ schema: 'string', codec: 'null', blocks: [{ count: texts.length, data }] }),
  ]);
  assert.equal(decoded.text, texts.map((value) => `{"value":${JSON.stringify(value)}}\n`).join(''));
});

test('longs, their extremes included, are exact strings', async () => {
  const values = [
    0n,
    -1n,
    1n,
    63n,
    64n,
    -64n,
    -65n,
    8191n,
    8192n,
    2n ** 53n + 1n,
    1565276078922000095n,
    2n ** 63n - 1n,
    -(2n ** 63n),
  ];
  const data = Buffer.concat(values.map((value) => typeOf('long').toBuffer(value)));
  const decoded = await decodeAvro([
    avroFile({ schema: 'long', codec: 'null', blocks: [{ count: values.length, data }] }),
  ]);
  assert.deepEqual(
    rowsOf(decoded),
    values.map((value) => ({ value: String(value) })),
  );
  assert.deepEqual(decoded.columns, [{ name: 'value', type: 'bigint' }]);
});

test('a recursive record is json and may nest 512 levels deep, no more', async () => {
  const schema = record({ v: 'long', next: ['null', 'R'] });
  const chain = (depth: number) =>
    Buffer.concat([...Array.from({ length: depth }, () => Buffer.from([2, 2])), Buffer.from([2, 0])]);
  const file = (depth: number) =>
    avroFile({ schema, codec: 'null', blocks: [{ count: 1, data: chain(depth) }] });
  const decoded = await decodeAvro([file(2)]);
  assert.equal(decoded.text, '{"v":"1","next":{"v":1,"next":{"v":1,"next":null}}}\n');
  assert.deepEqual(decoded.columns, [
    { name: 'v', type: 'bigint' },
    { name: 'next', type: 'json' },
  ]);
  await decodeAvro([file(512)]);
  await assert.rejects(decodeAvro([file(513)]), {
    message:
      /block 1 \(offset \d+\) row 1 column next\S*: expected at most 512 levels of nesting, found more/,
  });
});

test('a row with a field $ is escaped', async () => {
  const schema = record({ $: 'string', a: 'int' });
  const file = avroFile({
    schema,
    codec: 'null',
    blocks: [{ count: 2, data: Buffer.from([4, 0x6f, 0x6b, 2, 0, 4]) }],
  });
  const decoded = await decodeAvro([file]);
  assert.equal(decoded.text, '{"$":"row","row":{"$":"ok","a":1}}\n{"$":"row","row":{"$":"","a":2}}\n');
  assert.deepEqual(rowsOf(decoded), [
    { $: 'ok', a: 1 },
    { $: '', a: 2 },
  ]);
});

test('a file without rows still tells its columns', async () => {
  const decoded = await decodeAvro([
    avroFile({ schema: record({ a: 'int' }), codec: 'deflate', blocks: [] }),
  ]);
  const runs = decoded.chunks.map((chunk) => chunk as Run);
  assert.deepEqual(
    runs.map(({ count, table }) => ({ count, table })),
    [{ count: 0, table: { $: 'table', table: 't', columns: [{ name: 'a', type: 'int' }] } }],
  );
});

test('a union has the type that holds all its branches, json where there is none', async () => {
  const unions = {
    a: ['null', 'int', 'long'],
    b: ['int', 'double'],
    c: ['float', 'double', 'null'],
    d: ['long', 'string'],
    e: ['null', 'string'],
    f: ['null'],
  };
  const file = avroFile({ schema: record(unions), codec: 'null', blocks: [] });
  const { input } = await decodeAvro([file]);
  async function* bytes() {
    yield* pieces(file, 7);
  }
  const columns = await avro.columns?.({ ...input, bytes: bytes() });
  assert.deepEqual(
    columns?.map(({ name, type }) => [name, type]),
    [
      ['a', 'bigint'],
      ['b', 'double'],
      ['c', 'double'],
      ['d', 'json'],
      ['e', 'text'],
      ['f', undefined],
    ],
  );
});

test('columns are read from the header alone', async () => {
  const file = avroFile({
    schema: record({ a: 'int' }),
    codec: 'null',
    blocks: [{ count: 1, data: Buffer.from([2]) }],
  });
  let read = 0;
  async function* bytes() {
    for (const byte of file) {
      read++;
      yield Uint8Array.of(byte);
    }
  }
  assert.deepEqual(await avro.columns?.({ ...(await decodeAvro([file])).input, bytes: bytes() }), [
    { name: 'a', type: 'int' },
  ]);
  assert.equal(read, avroFile({ schema: record({ a: 'int' }), codec: 'null', blocks: [] }).length);
});

test('declared types replace text and widen integers; nothing else', async () => {
  const schema = record({
    Time: 'string',
    n: 'int',
    big: 'long',
    flag: 'boolean',
    list: { type: 'array', items: 'int' },
  });
  const columns: Column[] = [
    { name: 'time', type: 'timestamptz' },
    { name: 'n', type: 'bigint' },
    { name: 'big', type: 'int' },
    { name: 'flag', type: 'date' },
    { name: 'list', type: 'text' },
  ];
  const decoded = await decodeAvro([avroFile({ schema, codec: 'null', blocks: [] })], { columns });
  assert.deepEqual(decoded.columns, [
    { name: 'Time', type: 'timestamptz' },
    { name: 'n', type: 'bigint' },
    { name: 'big', type: 'bigint' },
    { name: 'flag', type: 'boolean' },
    { name: 'list', type: 'array', items: { name: 'item', type: 'int' } },
  ]);
});

test('arrays and maps in blocks with sizes, as Java writes them, are read', async () => {
  const schema = record({ a: { type: 'array', items: 'int' }, m: { type: 'map', values: 'int' } });
  const data = Buffer.from([3, 4, 2, 4, 2, 6, 0, 1, 6, 2, 0x61, 2, 2, 2, 0x62, 4, 0]);
  const decoded = await decodeAvro([avroFile({ schema, codec: 'null', blocks: [{ count: 1, data }] })]);
  assert.deepEqual(rowsOf(decoded), [{ a: [1, 2, 3], m: { a: 1, b: 2 } }]);
});

test('what is wrong inside a block is named with block, offset, row and column', async () => {
  const one = (schema: unknown, ...bytes: number[]) =>
    decodeAvro([avroFile({ schema, codec: 'null', blocks: [{ count: 1, data: Buffer.from(bytes) }] })]);
  const at = '^x\\.avro block 1 \\(offset \\d+\\) row 1 column ';
  const huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
  const cases: readonly [Promise<unknown>, string][] = [
    [one(record({ s: 'string' }), 10, 0x61), `${at}s: expected a string, found the end of the block`],
    [one(record({ s: 'string' }), ...huge), `${at}s: expected a string, found the end of the block`],
    [one(record({ s: 'string' }), 1), `${at}s: expected the length of a string, found -1`],
    [
      one(record({ n: 'long' }), ...Array(10).fill(0xff), 1),
      `${at}n: expected an integer of at most 64 bits in a long, found more than 10 bytes`,
    ],
    [
      one(record({ n: 'long' }), ...Array(9).fill(0xff), 2),
      `${at}n: expected an integer of at most 64 bits in a long, found more than 10 bytes`,
    ],
    [one(record({ n: 'int' }), ...huge), `${at}n: expected an integer of 32 bits`],
    [
      one(record({ d: { type: 'int', logicalType: 'date' } }), ...huge),
      `${at}d: expected an integer of 32 bits`,
    ],
    [one(record({ b: 'boolean' }), 2), `${at}b: expected a boolean of 0 or 1, found 2`],
    [one(record({ u: ['null', 'int'] }), 4, 2), `${at}u: expected a branch of a union of 2, found 2`],
    [one(record({ u: ['null', 'int', 'string'] }), 6), `${at}u: expected a branch of a union of 3, found 3`],
    [one(record({ u: ['null', 'int', 'string'] }), 1), `${at}u: expected a branch of a union of 3, found -1`],
    [
      one(record({ e: { type: 'enum', name: 'E', symbols: ['A'] } }), 2),
      `${at}e: expected a symbol of 0 to 0, found 1`,
    ],
    [
      one(record({ a: { type: 'array', items: 'int' } }), ...huge),
      `${at}a: expected an array, found the end of the block`,
    ],
    // A count that is its own negative, and a size.
    [
      one(record({ a: { type: 'array', items: 'int' } }), ...Array(9).fill(0xff), 1, 0),
      `${at}a: expected the length of an array, found -9223372036854776000`,
    ],
    [
      one(record({ a: { type: 'array', items: 'null' } }), 0x82, 0x80, 8, 0),
      `${at}a: expected at most 65536 items without bytes, found 65537`,
    ],
    [
      one(record({ a: { type: 'array', items: 'null' } }), ...huge),
      `${at}a: expected at most 65536 items without bytes`,
    ],
    [
      one(record({ f: { type: 'fixed', name: 'F', size: 2 ** 30 } }), 1, 2),
      `${at}f: expected a fixed, found the end of the block`,
    ],
    [
      one(record({ t: { type: 'int', logicalType: 'time-millis' } }), 1),
      `${at}t: expected a time of day, found -1`,
    ],
    [
      one(record({ t: { type: 'int', logicalType: 'time-millis' } }), 0x80, 0xf0, 0xb2, 0x52),
      `${at}t: expected a time of day, found 86400000`,
    ],
    [
      one(record({ d: { type: 'bytes', logicalType: 'decimal', precision: 1 } }), 2, 10),
      `${at}d: expected a decimal of at most 1 digits, found more`,
    ],
    [
      one(record({ m: { type: 'map', values: 'int' } }), 4, 2, 0x61, 2, 2, 0x61, 2, 0),
      `${at}m: expected distinct keys in a map, found one of them twice`,
    ],
    [
      one(record({ n: 'int' }), 2, 2),
      '^x\\.avro block 1 \\(offset \\d+\\): expected its end after its last row, found 1 more bytes',
    ],
    [
      one(record({ s: 'string' }), 2, 0xff),
      '^x\\.avro row 1 column s: expected text in UTF-8, found other bytes$',
    ],
  ];
  for (const [decoding, message] of cases)
    await assert.rejects(decoding, { name: 'UserError', message: new RegExp(message) });
});

test('what is at a limit is read: items without bytes, safe integers; of two wrong values the first is named', async () => {
  const one = (schema: unknown, ...bytes: number[]) =>
    decodeAvro([avroFile({ schema, codec: 'null', blocks: [{ count: 1, data: Buffer.from(bytes) }] })]);
  const nulls = await one(record({ a: { type: 'array', items: 'null' } }), 0x80, 0x80, 8, 0);
  assert.equal((rowsOf(nulls)[0] as { a: unknown[] }).a.length, 65536);
  // Zigzag varints of 2^53 - 1 and its negative, and of those one further out.
  const longs = record({ a: { type: 'map', values: 'long' } });
  const map = (a: number[], b: number[]) => one(longs, 4, 2, 0x61, ...a, 2, 0x62, ...b, 0);
  const ones = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f];
  const inside = await map([0xfe, ...ones], [0xfd, ...ones]);
  assert.equal(inside.text, '{"a":{"a":9007199254740991,"b":-9007199254740991}}\n');
  const outside = await map([...Array(7).fill(0x80), 0x20], [0xff, ...ones]);
  assert.equal(outside.text, '{"a":{"a":"9007199254740992","b":"-9007199254740992"}}\n');
  const wrong = record({
    t: { type: 'int', logicalType: 'time-millis' },
    d: { type: 'bytes', logicalType: 'decimal', precision: 1 },
  });
  await assert.rejects(one(wrong, 1, 2, 10), /column t: expected a time of day, found -1/);
});

test('bytes of any length come out whole wherever they meet the end of a buffer', async () => {
  const schema = record({ b: 'bytes' });
  const rows = Array.from({ length: 300 }, (_, index) => ({ b: Buffer.alloc(24_000 + 31 * index, index) }));
  const data = Buffer.concat(rows.map((row) => typeOf(schema).toBuffer(row)));
  const decoded = await decodeAvro([
    avroFile({ schema, codec: 'null', blocks: [{ count: rows.length, data }] }),
  ]);
  assert.ok(decoded.text === rows.map(({ b }) => `{"b":"${b.toString('base64')}"}\n`).join(''));
});

test('a map of a thousand keys is read; one of them twice is an error', async () => {
  const schema = record({ m: { type: 'map', values: 'int' } });
  const type = typeOf(schema);
  const good = type.toBuffer({
    m: Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`key ${index}`, index])),
  });
  const decoded = await decodeAvro([avroFile({ schema, codec: 'null', blocks: [{ count: 1, data: good }] })]);
  assert.equal(Object.keys((rowsOf(decoded)[0] as { m: object }).m).length, 1000);
  const bad = Buffer.from(good);
  bad.write('key 777', bad.indexOf('key 123'));
  await assert.rejects(
    decodeAvro([avroFile({ schema, codec: 'null', blocks: [{ count: 1, data: bad }] })]),
    /distinct keys/,
  );
});

test('broken blocks are errors: count, size, sync marker, CRC, codec, compressed data', async () => {
  const schema = record({ a: 'int' });
  const blocks = [{ count: 1, data: Buffer.from([2]) }];
  const file = (codec: string) => avroFile({ schema, codec, blocks });
  const header = avroFile({ schema, codec: 'null', blocks: [] });
  const changed = (bytes: Buffer, at: number) => {
    const copy = Buffer.from(bytes);
    copy[copy.length + at]! ^= 1;
    return copy;
  };
  const place = '^x\\.avro block 1 \\(offset \\d+\\): expected ';
  const cases: readonly [Uint8Array, string][] = [
    [changed(file('null'), -1), `${place}the sync marker [0-9a-f]{32} behind it, found`],
    [changed(file('snappy'), -17), `${place}content with the CRC [0-9a-f]{8}, found`],
    [changed(file('deflate'), -17), `${place}sound deflate data`],
    [file('lzma'), `${place}a codec of null, snappy, deflate, zstandard, bzip2, found lzma`],
    [Buffer.concat([header, Buffer.from([1, 0])]), `${place}the number of its rows, found -1`],
    [Buffer.concat([header, Buffer.from([2, 1])]), `${place}its size, found -1`],
    [
      Buffer.concat([header, Buffer.from([2, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])]),
      `${place}its \\d+ bytes, found the end of the file`,
    ],
    [Buffer.from('Parq'), '^x\\.avro header: expected an Avro file'],
    [
      avroFile({
        schema: record({ a: 'null' }),
        codec: 'null',
        blocks: [{ count: 1_000_001, data: Buffer.alloc(0) }],
      }),
      `${place}at most 1000000 rows without bytes, found 1000001`,
    ],
  ];
  for (const [bytes, message] of cases)
    await assert.rejects(decodeAvro([bytes]), { name: 'UserError', message: new RegExp(message) });
});

test('with rejects, a bad row leaves the good ones before and after it', async () => {
  const schema = record({ s: 'string', t: { type: 'int', logicalType: 'time-millis' } });
  const data = Buffer.from([2, 0x61, 0, 2, 0xff, 0, 2, 0x62, 1, 2, 0x63, 0]);
  const file = avroFile({ schema, codec: 'deflate', blocks: [{ count: 4, data }] });
  const decoded = await decodeAvro([file], { onError: 'reject' });
  assert.deepEqual(
    rowsOf(decoded).map((row) => (row as { s: string }).s),
    ['a', 'c'],
  );
  const { rejects } = decoded;
  assert.deepEqual(
    rejects.map(({ row, reason }) => [row, reason]),
    [
      [2, 'expected text in UTF-8, found other bytes'],
      [3, 'expected a time of day, found -1'],
    ],
  );
  await assert.rejects(
    decodeAvro([file]),
    /row 2 column s: expected text in UTF-8|row 3 column t: expected a time of day/,
  );
});

test('rows far larger than the window pass, escapes and all', async () => {
  const schema = record({ s: 'string', b: 'bytes' });
  const type = typeOf(schema);
  const rows = [1, 300_000, 2_000_000, 5].map((size) => ({
    s: '\u0001"ü'.repeat(size),
    b: Buffer.alloc(size, 7),
  }));
  for (const codec of ['null', 'snappy', 'deflate']) {
    const file = avroFile({
      schema,
      codec,
      blocks: [{ count: rows.length, data: Buffer.concat(rows.map((row) => type.toBuffer(row))) }],
    });
    const decoded = await decodeAvro(pieces(file, 65536));
    assert.deepEqual(
      rowsOf(decoded),
      rows.map(({ s, b }) => ({ s, b: b.toString('base64') })),
    );
  }
});

test('the columns leave before the first block is looked at', async () => {
  const schema = record({ a: 'int' });
  const file = avroFile({ schema, codec: 'deflate', blocks: [{ count: 1, data: Buffer.from([2]) }] });
  const { input } = await decodeAvro([file]);
  const columns = [{ name: 'a', type: 'int' }];
  async function* header() {
    yield file.subarray(0, -20);
    throw new Error('asked for the block');
  }
  const chunks = avro.decode({ ...input, bytes: header() })[Symbol.asyncIterator]();
  const first = (await chunks.next()).value as Run;
  assert.deepEqual([first.count, first.table.columns], [0, columns]);
  await chunks.return?.();
});

test('rows leave before the next bytes are waited for, also in the middle of a block', async () => {
  const schema = record({ a: 'int' });
  const file = avroFile({ schema, codec: 'null', blocks: [{ count: 3, data: Buffer.from([2, 4, 6]) }] });
  let asked = 0;
  async function* slow() {
    yield file.subarray(0, -17);
    asked++;
    yield file.subarray(-17);
  }
  const { input } = await decodeAvro([file]);
  const chunks = avro.decode({ ...input, bytes: slow() })[Symbol.asyncIterator]();
  await chunks.next();
  const rows = await chunks.next();
  assert.equal(asked, 0);
  assert.equal((rows.value as { count: number }).count, 2);
  await chunks.return?.();
});

test('damaged files end in rows or in one clear error, whatever is damaged', async () => {
  const type = typeOf(everything);
  const blocks = blocksOf(
    someRows.map((row) => type.toBuffer(row)),
    3,
  );
  const files = ['null', 'snappy', 'deflate', 'zstandard'].map((codec) =>
    avroFile({ schema: everything, codec, blocks }),
  );
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom('set', 'cut', 'add')), {
    minLength: 1,
    maxLength: 4,
  });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...files), damage, fc.boolean(), async (file, changes, rejecting) => {
      const bytes = [...file];
      for (const [place, byte, kind] of changes) {
        // Mostly behind the schema.
        const at = (place % 3 === 0 ? place : file.indexOf(SYNC) + place) % bytes.length;
        bytes.splice(at, kind === 'add' ? 0 : 1, ...(kind === 'cut' ? [] : [byte]));
      }
      try {
        const decoded = await decodeAvro([Uint8Array.from(bytes)], rejecting ? { onError: 'reject' } : {});
        assert.equal(rowsOf(decoded).length, decoded.count);
      } catch (error) {
        assert.equal((error as Error).name, 'UserError', (error as Error).stack);
      }
    }),
    { numRuns: 1000 },
  );
});

test('Snappy blocks of every kind of element are decompressed; impossible ones are refused', async () => {
  const literal = (bytes: Buffer): Buffer => {
    const n = bytes.length - 1;
    if (n < 60) return Buffer.concat([Buffer.from([n << 2]), bytes]);
    const size = n < 2 ** 8 ? 1 : n < 2 ** 16 ? 2 : n < 2 ** 24 ? 3 : 4;
    const head = Buffer.alloc(1 + size);
    head[0] = (59 + size) << 2;
    head.writeUIntLE(n, 1, size);
    return Buffer.concat([head, bytes]);
  };
  const copy = (offset: number, length: number, kind: number): Buffer => {
    if (kind === 1) return Buffer.from([((offset >> 8) << 5) | ((length - 4) << 2) | 1, offset & 255]);
    const head = Buffer.alloc(kind === 2 ? 3 : 5);
    head[0] = ((length - 1) << 2) | kind;
    head.writeUIntLE(offset, 1, kind === 2 ? 2 : 4);
    return head;
  };
  type Element = { bytes?: Uint8Array; offset: number; length: number; kind: number };
  const element: fc.Arbitrary<Element> = fc.record(
    {
      bytes: fc.oneof(
        fc.uint8Array({ minLength: 1, maxLength: 80 }),
        fc.integer({ min: 1, max: 70_000 }).map((n) => new Uint8Array(n).fill(n)),
      ),
      offset: fc.nat(),
      length: fc.integer({ min: 1, max: 64 }),
      kind: fc.integer({ min: 1, max: 3 }),
    },
    { requiredKeys: ['offset', 'length', 'kind'] },
  );
  const file = (packed: Buffer, content: Buffer): Buffer => {
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(content));
    const block = Buffer.concat([packed, sum]);
    const empty = avroFile({
      schema: { type: 'fixed', name: 'F', size: content.length },
      codec: 'snappy',
      blocks: [],
    });
    return Buffer.concat([empty, varint(1), varint(block.length), block, SYNC]);
  };
  const length = (n: number): Buffer => varint(n % 2 === 0 ? n / 2 : -(n + 1) / 2);
  await fc.assert(
    fc.asyncProperty(fc.array(element, { minLength: 1, maxLength: 20 }), async (elements) => {
      let content: Buffer = Buffer.alloc(0);
      const packed: Buffer[] = [];
      for (const { bytes, offset, length: size, kind } of elements) {
        if (bytes !== undefined || content.length === 0) {
          const part = Buffer.from(bytes ?? [1]);
          packed.push(literal(part));
          content = Buffer.concat([content, part]);
        } else {
          const back =
            1 + (offset % Math.min(content.length, kind === 1 ? 2047 : kind === 2 ? 65535 : content.length));
          const count = kind === 1 ? 4 + (size % 8) : size;
          packed.push(copy(back, count, kind));
          const parts = [...content];
          for (let index = 0; index < count; index++) parts.push(parts[parts.length - back]!);
          content = Buffer.from(parts);
        }
      }
      const whole = Buffer.concat([length(content.length), ...packed]);
      assert.deepEqual(rowsOf(await decodeAvro([file(whole, content)])), [
        { value: content.toString('base64') },
      ]);
      // One byte more or fewer said than there are.
      for (const wrong of [content.length + 1, content.length - 1]) {
        const broken = Buffer.concat([length(wrong), ...packed]);
        await assert.rejects(decodeAvro([file(broken, content)]), /expected sound Snappy data, found/);
      }
    }),
    { numRuns: 200 },
  );
  const refused: readonly [Buffer, RegExp][] = [
    [
      Buffer.concat([length(5), literal(Buffer.from('a')), copy(2, 4, 1)]),
      /a copy from before the beginning/,
    ],
    [
      Buffer.concat([length(5), literal(Buffer.from('a')), copy(0, 4, 1)]),
      /a copy from before the beginning/,
    ],
    [Buffer.concat([length(5), literal(Buffer.from('abcde')).subarray(0, 4)]), /reaches beyond the block/],
    [Buffer.concat([length(2 ** 31), literal(Buffer.from('a'))]), /a length of 2147483648 bytes, more than/],
    [Buffer.concat([length(2 ** 20), literal(Buffer.from('a'))]), /a length of 1048576 bytes for/],
    [Buffer.from([255, 255, 255, 255, 255, 1]), /no length/],
  ];
  for (const [packed, message] of refused)
    await assert.rejects(decodeAvro([file(packed, Buffer.from('abcde'))]), message);
});
