import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { codeOf } from '../src/dedupe/codes.ts';
import { dedupe } from '../src/dedupe/dedupe.ts';
import { quietContext } from '../src/stage.ts';
import {
  compareOrderValues,
  compareText,
  compareValues,
  floorOf,
  keyText,
  kindOf,
  orderValue,
} from '../src/wire/order.ts';
import { runOfBytes } from '../src/wire/run.ts';
import { type Chunk, isControl, type TableLine, type TypeName, type Value } from '../src/wire/types.ts';

const TYPES: (TypeName | undefined)[] = [
  'int',
  'bigint',
  'decimal',
  'double',
  'text',
  'timestamp',
  'timestamptz',
  'date',
  'boolean',
  'uuid',
  'time',
  undefined,
];

test('numbers of any length compare as numbers, whether they stand as text or not', () => {
  const ascending: Value[] = [
    null,
    '-Infinity',
    '-1e400',
    '-12.5',
    '-12',
    '-1.30',
    '-1.3e-5',
    0,
    '1e-400',
    '0.5',
    '1.10',
    '1.2',
    2,
    '10',
    '9223372036854775807',
    '9223372036854775808',
    '1e400',
    'Infinity',
    'NaN',
  ];
  for (const type of ['decimal', undefined] as const) {
    for (const [i, a] of ascending.entries()) {
      for (const [j, b] of ascending.entries())
        assert.equal(Math.sign(compareValues(a, b, type)), Math.sign(i - j), `${a} ${b}`);
    }
  }
  for (const same of ['1', '1.0', '01', '+1', '1e0', '10e-1', '0.1E1'])
    assert.equal(compareValues(1, same, 'bigint'), 0, same);
  assert.equal(compareValues('-0', '0.00', 'decimal'), 0);
});

test('instants compare across precisions and zones, one without a zone counts as UTC', () => {
  const same = [
    '2018-01-01T00:30:00Z',
    '2018-01-01 00:30:00',
    '2018-01-01T00:30',
    '2018-01-01T02:00:00.000+01:30',
    '2017-12-31T19:30:00.0-0500',
    '2018-01-01 01:30:00+01',
  ];
  for (const other of same) assert.equal(compareValues(same[0]!, other, 'timestamptz'), 0, other);
  const ascending = [
    '0001-01-01',
    '1969-12-31T23:59:59.999999999Z',
    '1970-01-01',
    '2018-01-01T00:00:00.1Z',
    '2018-01-01T00:00:00.1000000001Z',
    '2018-01-01T00:00:00.11Z',
    '2018-01-01T00:59:59+01:00',
    '9999-12-31',
    '12026-01-01',
  ];
  const sorted = [...ascending].sort((a, b) => compareValues(a, b, 'timestamptz'));
  assert.deepEqual(
    sorted,
    ascending.toSorted((a, b) => compareValues(a, b)),
  );
  assert.equal(sorted[0], '0001-01-01');
  assert.ok(compareValues('2018-01-01T00:59:59+01:00', '2018-01-01', 'timestamp') < 0);
  assert.ok(compareValues('2018-01-01T00:00:00.1Z', '2018-01-01T00:00:00.1000000001Z') < 0);
});

test('text compares by its UTF-8 bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      assert.equal(Math.sign(compareText(a, b)), Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
    }),
  );
});

test('comparing is a total order', () => {
  const value = values();
  fc.assert(
    fc.property(value, value, value, fc.constantFrom(...TYPES), (a, b, c, type) => {
      const kind = kindOf(type);
      const [x, y, z] = [a, b, c].map((one) => orderValue(one, kind)).sort(compareOrderValues) as [
        ReturnType<typeof orderValue>,
        ReturnType<typeof orderValue>,
        ReturnType<typeof orderValue>,
      ];
      assert.ok(
        compareOrderValues(x, y) <= 0 && compareOrderValues(y, z) <= 0 && compareOrderValues(x, z) <= 0,
      );
      assert.equal(compareOrderValues(x, y), -compareOrderValues(y, x) || 0);
    }),
    { numRuns: 2000 },
  );
});

test('codes of 64 bits never contradict the order, and exact ones say all of it', () => {
  const value = values();
  fc.assert(
    fc.property(value, value, fc.constantFrom(...TYPES), fc.boolean(), (a, b, type, isAlone) => {
      const [x, y] = [orderValue(a, kindOf(type)), orderValue(b, kindOf(type))];
      const [p, q] = [codeOf(x, isAlone), codeOf(y, isAlone)];
      const order = compareOrderValues(x, y);
      assert.ok(p.code >= 0n && p.code < 2n ** 64n);
      if (order < 0) assert.ok(p.code <= q.code);
      if (order === 0) assert.deepEqual(p, q);
      const isTied = p.code === q.code && (!isAlone || p.rest === q.rest);
      if (isTied && p.isExact && q.isExact) assert.equal(order, 0);
    }),
    { numRuns: 5000 },
  );
});

test('the integer below a number is exact for 64-bit integers and more', () => {
  for (const [text, floor, isExact] of [
    ['9223372036854775808', 9223372036854775808n, true],
    ['-1.5', -2n, false],
    ['-2', -2n, true],
    ['0.9', 0n, false],
    ['-0.1', -1n, false],
    ['1e3', 1000n, true],
  ] as const) {
    assert.deepEqual(floorOf(orderValue(text, 'number')), { floor, isExact }, text);
  }
});

test('equal values have equal keys and different ones do not', () => {
  const equal: [TypeName | undefined, Value, Value][] = [
    ['bigint', '1', 1],
    ['decimal', '1.50', 1.5],
    ['text', '1', 1],
    [undefined, '1', 1],
    ['boolean', 't', true],
    ['uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'a0eebc999c0b4ef8bb6d6bb9bd380a11'],
    ['timestamptz', '2018-01-01T01:00:00+01', '2018-01-01T00:00:00.000Z'],
    ['time', '10:00', '10:00:00.0'],
    ['double', 1e21, '1000000000000000000000'],
  ];
  for (const [type, a, b] of equal)
    assert.equal(keyText(a, kindOf(type)), keyText(b, kindOf(type)), `${a} ${b}`);
  const different: [TypeName | undefined, Value, Value][] = [
    ['text', '1', '01'],
    [undefined, '1', '1.0'],
    ['text', 'a', 'A'],
    ['bigint', '9007199254740993', '9007199254740992'],
    ['date', '2018-01-01', '2018-01-02'],
  ];
  for (const [type, a, b] of different)
    assert.notEqual(keyText(a, kindOf(type)), keyText(b, kindOf(type)), `${a} ${b}`);
});

/** JSON texts of values near the borders of what the kernel judges by itself. */
function literals(): fc.Arbitrary<string> {
  const digits = fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String);
  const near = fc
    .tuple(
      fc.constantFrom(0n, 2n ** 60n, -(2n ** 60n), 2n ** 63n, 2n ** 53n, 10n ** 18n, 10n ** 19n),
      fc.integer({ min: -2, max: 2 }),
    )
    .map(([at, by]) => String(at + BigInt(by)));
  const decimal = fc
    .tuple(near, fc.constantFrom('', '.0', '.5', '.50', 'e0', '.000001'))
    .map(([whole, rest]) => whole + rest);
  const time = fc
    .tuple(
      fc.constantFrom('2018-01-01', '2018-01-02', '2017-12-31', '2016-02-29', '0001-01-01', '2018-13-01'),
      fc.constantFrom('', 'T', ' '),
      fc.constantFrom('00:00:00', '23:59:59', '23:00', '25:61:61'),
      fc.constantFrom('', '.5', '.500000', '.5000001', '.'),
      fc.constantFrom('', 'Z', '+00:00', '+01:00', '-0130'),
    )
    .map(([date, separator, clock, fraction, zone]) =>
      separator === '' ? date : date + separator + clock + fraction + zone,
    );
  const word = fc.constantFrom(
    '',
    'a',
    'abcdef',
    'abcdefg',
    'abcdefgh',
    'abcdefghijklmn',
    'abcdefghijklmno',
    'abcdefghijklmnp',
    'é',
    '\u{1f600}',
    '\ufffd',
    'a"b',
    'a\\',
    '\0',
    'abcdefg\0',
    't',
    'true',
    'no',
    'NaN',
    'Infinity',
    '+5',
    '005',
    '-0',
    '.5',
    '5.',
    'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
    'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11',
  );
  const text = fc.oneof(digits, near, decimal, time, word).map((item) => JSON.stringify(item));
  const plain = fc.oneof(
    fc.integer().map(String),
    fc.constantFrom(
      '0',
      '-0',
      '1.5',
      '-1.50',
      '1e2',
      'true',
      'false',
      'null',
      '[1,{"t":2}]',
      '{"t":1}',
      '9007199254740991',
      '"\\u0061"',
      '"\\u00e9"',
    ),
  );
  return fc.oneof({ weight: 4, arbitrary: text }, { weight: 1, arbitrary: plain });
}

function values(): fc.Arbitrary<Value> {
  return literals().map((json) => JSON.parse(json) as Value);
}

async function deduped(table: TableLine, lines: readonly string[]): Promise<string[]> {
  const input = (async function* (): AsyncIterable<Chunk> {
    yield runOfBytes(table, Buffer.from(lines.map((line) => `${line}\n`).join('')), lines.length);
    yield { $: 'end', groups: 0 };
  })();
  const out: string[] = [];
  for await (const chunk of dedupe({ onError: 'reject' })(input, quietContext()))
    if (!isControl(chunk)) out.push(...Buffer.from(chunk.ndjson()).toString().trimEnd().split('\n'));
  return out;
}

// Many pairs go through one kernel, since each has its own key.
test('dedupe on bytes orders and keys exactly as these comparisons say', async () => {
  const pair = fc.record({ a: literals(), b: literals(), blank: fc.constantFrom('', ' ') });
  await fc.assert(
    fc.asyncProperty(
      fc.array(pair, { minLength: 20, maxLength: 60 }),
      fc.constantFrom(...TYPES),
      fc.boolean(),
      async (pairs, type, hasSecond) => {
        const column = type === undefined ? { name: 't' } : { name: 't', type };
        const ordered: TableLine = {
          $: 'table',
          table: 'x',
          key: ['k'],
          order: hasSecond ? ['t', 'u'] : ['t'],
          columns: [{ name: 'k' }, column, { name: 'u' }],
        };
        const lines = pairs.flatMap(({ a, b, blank }, k) => [
          `{"k":${k},"first":true,"t":${a}}`,
          `{${blank}"k":${k},"first":false,"t":${b}}`,
        ]);
        const firstWins = (await deduped(ordered, lines))
          .map((line) => JSON.parse(line))
          .filter(({ first }) => first)
          .map(({ k }) => k);
        const expected = pairs.flatMap(({ a, b }, k) =>
          compareValues(JSON.parse(a), JSON.parse(b), type) > 0 ? [k] : [],
        );
        assert.deepEqual(firstWins, expected);

        const keyed: TableLine = {
          $: 'table',
          table: 'x',
          key: ['k', 't'],
          order: ['u'],
          columns: [{ name: 'k' }, column],
        };
        const left = await deduped(keyed, lines);
        const keys = new Set(
          pairs
            .flatMap(({ a, b }, k) =>
              [a, b].map((json) => [k, keyText(JSON.parse(json), kindOf(type))] as const),
            )
            .filter(([, key]) => key !== null)
            .map((key) => JSON.stringify(key)),
        );
        assert.equal(left.length, keys.size);
      },
    ),
    { numRuns: 400 },
  );
});
