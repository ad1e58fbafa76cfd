import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { copyLines } from '../src/dialects/copy-text.ts';
import type { Fill } from '../src/merge/engine.ts';
import type { ColumnType } from '../src/merge/lattice.ts';
import { runOfBytes } from '../src/wire/run.ts';

const fillOf = (
  columns: Readonly<Record<string, ColumnType | undefined>>,
  parts: Partial<Fill> = {},
): Fill => ({
  table: 't',
  stage: '"s"',
  columns: Object.entries(columns).map(([name, type]) => ({ name, target: name, type })),
  shape: 0,
  batch: '0',
  firstRow: 0,
  ...parts,
});

const copied = (columns: Readonly<Record<string, ColumnType | undefined>>, ...lines: string[]) =>
  copyLines(
    fillOf(columns),
    runOfBytes(
      { $: 'table', table: 't' },
      Buffer.from(lines.map((line) => `${line}\n`).join('')),
      lines.length,
    ),
  ).toString();

/** The fields of one row, as they stand in the line. */
const fields = (columns: Readonly<Record<string, ColumnType | undefined>>, line: string) =>
  copied(columns, line).slice(0, -1).split('\t').slice(3);

const field = (type: ColumnType | undefined, json: string) => fields({ x: type }, `{"x":${json}}`)[0];

// https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2
function unescaped(text: string): string | null {
  if (text === '\\N') return null;
  return text.replace(
    /\\(.)/gs,
    (_, letter: string) => ({ n: '\n', r: '\r', t: '\t', b: '\b' })[letter] ?? letter,
  );
}

const words = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({
    unit: fc.constantFrom(
      'a',
      '\\',
      '"',
      '\n',
      '\r',
      '\t',
      '\b',
      '\u0001',
      'é',
      '😀',
      '\u2028',
      '\u007f',
      '/',
      '\\N',
      '\\.',
    ),
  }),
  fc.string({ minLength: 10, maxLength: 60, unit: fc.constantFrom('abcdefgh', '\\', 'é') }),
);

describe('rows as lines of COPY', () => {
  test('any text comes back as it was, whatever spelling JSON gave it, in any place of the buffer', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ a: words, b: words }), { minLength: 1, maxLength: 20 }),
        fc.boolean(),
        (rows, ascii) => {
          const spell = (text: string) => {
            const json = JSON.stringify(text);
            return ascii
              ? json
                  .replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
                  .replaceAll('/', '\\/')
              : json;
          };
          const lines = copied(
            { a: 'text', b: undefined },
            ...rows.map(({ a, b }) => `{"b":${spell(b)},"a":${spell(a)}}`),
          ).split('\n');
          assert.equal(lines.pop(), '');
          assert.deepEqual(
            lines.map((line) => line.split('\t').map(unescaped)),
            rows.map(({ a, b }, i) => [String(i), '0', '0', a, b]),
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  test('what JSON.parse says of a value is what arrives, for every kind of value in columns of text and JSON', () => {
    const scalars = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      words,
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(scalars, fc.jsonValue(), fc.jsonValue(), fc.constantFrom(' ', '', '\t')), {
          minLength: 1,
        }),
        (rows) => {
          const lines = rows.map(([a, b, c, space]) =>
            [
              `{${space}"a"${space}:${JSON.stringify(a)}`,
              `"b":${space}${JSON.stringify(b)}`,
              `"c":${JSON.stringify(JSON.stringify(c))}${space}}${space}`,
            ].join(`,${space}`),
          );
          const nul = rows.some(([, b, c]) =>
            /(?<!\\)(\\\\)*\\u0000/.test(JSON.stringify(b) + JSON.stringify(c)),
          );
          if (nul)
            return assert.throws(() => copied({ a: undefined, b: 'json', c: 'json' }, ...lines), /NUL/);
          const back = copied({ a: undefined, b: 'json', c: 'json' }, ...lines)
            .split('\n')
            .slice(0, -1);
          for (const [i, line] of back.entries()) {
            const [, , , a, b, c] = line.split('\t').map(unescaped);
            const row = JSON.parse(lines[i]!) as { a: unknown; b: unknown; c: string };
            assert.equal(a, row.a === null ? null : Object.is(row.a, -0) ? '-0' : String(row.a));
            // A string that holds JSON is that JSON.
            const meant = (value: unknown) => {
              try {
                return typeof value === 'string' ? JSON.parse(value) : value;
              } catch {
                return value;
              }
            };
            assert.deepEqual(b === null ? null : JSON.parse(b!), meant(row.b));
            assert.deepEqual(JSON.parse(c!), JSON.parse(row.c));
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('escapes at the edges of UTF-8 of one, two, three and four bytes mean their characters', () => {
    for (const code of [0x1, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff]) {
      const text = String.fromCodePoint(code);
      const units = text.split('').map((unit) => unit.charCodeAt(0).toString(16).padStart(4, '0'));
      const json = `"${units.map((unit) => `\\u${unit}`).join('')}"`;
      for (const type of ['text', 'json'] as const)
        assert.equal(
          field(type, json),
          type === 'text' ? text : `"${json.slice(1, -1).replaceAll('\\', '\\\\')}"`,
        );
    }
  });

  test('NULL and absent are \\N, and columns stand in their own order', () => {
    assert.equal(
      copied(
        { a: 'int', b: 'text', c: 'boolean' },
        '{"c":true,"a":1}',
        '{"b":null}',
        '',
        '{}',
        '{"b":"","c":false}',
      ),
      '0\t0\t0\t1\t\\N\ttrue\n1\t0\t0\t\\N\t\\N\t\\N\n2\t0\t0\t\\N\t\\N\t\\N\n3\t0\t0\t\\N\t\tfalse\n',
    );
  });

  test('our own columns come first', () => {
    const fill = fillOf({ a: 'int' }, { firstRow: 3e12 + 41, batch: '17', shape: 3 });
    const run = runOfBytes({ $: 'table', table: 't' }, Buffer.from('{"a":1}\n{"a":2}\n'), 2);
    assert.equal(copyLines(fill, run).toString(), '3000000000041\t17\t3\t1\n3000000000042\t17\t3\t2\n');
  });

  test('texts keep their spelling; numbers are printed anew only where their type could not read them', () => {
    for (const [type, json, expected] of [
      ['text', '1.10', '1.10'],
      ['text', '1.0', '1.0'],
      [undefined, '1.0', '1'],
      [undefined, '1.50', '1.50'],
      [undefined, '1e3', '1000'],
      [undefined, '-0', '-0'],
      [undefined, '-0.0', '-0'],
      ['int', '1.0', '1'],
      ['int', '1e3', '1000'],
      ['int', '"007"', '007'],
      ['decimal(9,2)', '1.00', '1'],
      ['decimal(9,2)', '"1.00"', '1.00'],
      ['decimal(20,0)', '1e20', '100000000000000000000'],
      ['double', '1e-7', '1e-7'],
      ['double', '5e-324', '5e-324'],
      ['bytes', '"AAEC/w=="', '\\\\x000102ff'],
      ['bytes', '""', '\\\\x'],
      ['bytes', '"\\u0041AEC"', '\\\\x000102'],
      ['json', '"{\\"a\\":\\n1}"', '{"a":\\n1}'],
      ['json', '"x"', '"x"'],
      ['json', '""', '""'],
      ['json', '{"a": 1.10}', '{"a": 1.10}'],
      ['json', '"\\\\u0000"', '"\\\\\\\\u0000"'],
      ['timestamptz', '"2024-01-01T10:00:00.123456Z"', '2024-01-01T10:00:00.123456Z'],
      ['date', '"2024\\u002d01-01"', '2024-01-01'],
    ] as const) {
      assert.equal(field(type, json), expected, `${type} ${json}`);
    }
  });

  test('rows say the same in the order of the columns, in any other, and with spaces', () => {
    const columns = {
      'a name of more than sixteen bytes': 'text',
      b: undefined,
      'sixteen bytes, ': 'decimal(5,2)',
      é: 'timestamptz',
      json: 'json',
      flag: 'boolean',
      bytes: 'bytes',
      n: 'bigint',
      x: 'double',
      $: 'uuid',
    } as const;
    const texts = fc.constantFrom(
      '1.25',
      '-3',
      '1.255',
      '2024-01-01T10:00:00Z',
      '2024-01-01',
      '{"k":1}',
      'True',
    );
    const ids = fc.constantFrom('0e37df36-f698-11e6-8dd4-cb9ced3df976', 'AAECAw==', ' 7 ', '', '1e3', 'NaN');
    const value = fc.oneof(
      words,
      texts,
      ids,
      fc.constantFrom(null, true, 0, -7, 1.5, 1e21, 1e-7),
      fc.jsonValue(),
    );
    const usual = fc.constantFrom<readonly unknown[]>([
      'some text "with" a quote',
      'x',
      '12.5',
      '2024-01-01 10:00:00.123456Z',
      '[1]',
      'no',
      'AAE=',
      '9007199254740993',
      '1e-5',
      '0e37df36-f698-11e6-8dd4-cb9ced3df976',
    ]);
    const names = Object.keys(columns);
    const outcome = (line: string): string => {
      try {
        return fields(columns, line).join('\t');
      } catch (error) {
        return String(error).replace(/found .*/s, '');
      }
    };
    const spelled = (members: readonly string[], space = '') => `{${space}${members.join(`,${space}`)}}`;
    fc.assert(
      fc.property(
        usual,
        fc.array(fc.tuple(fc.nat(9), value), { maxLength: 2 }),
        fc.nat(8),
        (row, odd, at) => {
          const values = [...row];
          for (const [index, other] of odd) values[index] = other;
          const members = names.map((name, i) => `${JSON.stringify(name)}:${JSON.stringify(values[i])}`);
          const expected = outcome(spelled(members, ' '));
          assert.equal(outcome(spelled(members)), expected);
          assert.equal(outcome(spelled([...members.slice(at), ...members.slice(0, at)], ' ')), expected);
          if (at > 0) assert.equal(outcome(spelled([members[at]!, ...members.toSpliced(at, 1)])), expected);
        },
      ),
      { numRuns: 500 },
    );
    assert.match(outcome(spelled(names.map((name) => `"${name}":null`))), /^(\\N\t){9}\\N$/);
    assert.deepEqual(fields({ $: 'text', row: 'text' }, '{"$":"row","row":{"$":"a","row":"b"}}'), ['a', 'b']);
  });

  test('every spelling of a boolean that PostgreSQL reads passes as it is', () => {
    for (const word of ['0', '1', 't', 'F', 'y', 'N', 'true', 'False', 'TRUE', 'yes', 'NO', 'nO'])
      assert.equal(field('boolean', JSON.stringify(word)), word);
    for (const word of ['2', 'x', 'on', 'ni', 'yet', 'trux', 'falsf', '\u0010', 'TRU\u0005'])
      assert.throws(() => field('boolean', JSON.stringify(word)), /expected boolean/, word);
  });

  test('what PostgreSQL would alter or refuse is an error that names table, row and column', () => {
    for (const [type, json] of [
      ['int', '1.5'],
      ['int', '"x"'],
      ['int', 'true'],
      ['int', '{"a":1}'],
      ['bigint', '""'],
      ['decimal(5,2)', '1.555'],
      ['boolean', '2'],
      ['boolean', '"tru"'],
      ['boolean', '"tRUEx"'],
      ['date', '"2024-01-01 10:00:00"'],
      ['date', '"2024-01-01 00:00:00.01"'],
      ['timestamp', '"2024-01-01T00:00:00Z"'],
      ['timestamp', '"2024-01-01 00:00:00+02"'],
      ['timestamptz', '"2024-01-01T00:00:00.1234567Z"'],
      ['time', '"10:00:00.1234567"'],
      ['time', '"10:00:61"'],
      ['timestamp', '"2024-01-01 10:00:61"'],
      ['uuid', '"0e37df36"'],
      ['bytes', '"A"'],
      ['bytes', '"AAA"'],
      ['bytes', '"A==="'],
      ['bytes', '"AA==AAAA"'],
      ['bytes', '"AAA*"'],
      ['bytes', '"*AAA"'],
      ['bytes', '7'],
    ] as const) {
      assert.throws(
        () => copied({ w: 'int', x: type }, '{"w":1,"x":null}', `{"w":1,"x":${json}}`),
        /^UserError: table t row 2 column x: expected .*, found /,
        `${type} ${json}`,
      );
    }
    for (const type of ['text', undefined, 'json'] as const) {
      assert.throws(() => field(type, '"a\\u0000"'), /column x: expected text without NUL/);
      assert.throws(() => field(type, '"\\ud800"'), /text that UTF-8 can hold/);
    }
  });

  test('a member that no column lists is an error in any row, not dropped', () => {
    const rows = [...Array(500).fill('{"a":1}'), '{"a":1,"stray":2}'];
    assert.throws(
      () => copied({ a: 'int' }, ...rows),
      /table t row 501: expected only columns that its table line lists, found one called "stray"/,
    );
    assert.throws(() => copied({ a: 'int' }, '{"a":1,"a":2}'), /each column once, found "a" twice/);
  });

  test('a name in another spelling is the same name', () => {
    assert.deepEqual(fields({ 'é"': 'text', b: 'text' }, '{"\\u0062":"1","\\u00e9\\"":"2"}'), ['2', '1']);
    assert.throws(() => copied({ a: 'int' }, '{"a":1,"\\u0061":2}'), /each column once/);
  });

  test('a row that has a member $ of its own arrives unwrapped', () => {
    assert.deepEqual(fields({ $: 'text', b: 'int' }, '{"$":"row","row":{"$":"group","b":2}}'), [
      'group',
      '2',
    ]);
    assert.deepEqual(fields({ $: 'text', b: 'int' }, '{ "$" : "row" , "row" : {"b":2,"$":"x"} } '), [
      'x',
      '2',
    ]);
  });

  test('rows that are no JSON objects are errors, whichever byte is missing', () => {
    const whole = '{"a":[1,{"b":"\\u00e9"}],"c":{"d":[true,null,-1.5e3]}}';
    for (let end = 1; end < whole.length; end++) {
      const part = whole.slice(0, end);
      assert.throws(
        () => copied({ a: 'json', c: 'json' }, part, '{"a":1}'),
        /^UserError: table t row 1: expected/,
        part,
      );
    }
    for (const line of ['[]', '1', '{"a":1}x', '{"a":01}', '{"a":tru}', '{"a":1,}', "{'a':1}"]) {
      assert.throws(() => copied({ a: 'json' }, line), /expected/, line);
    }
  });

  test('a field of megabytes, and thousands of empty rows, find room', () => {
    const long = 'x\n'.repeat(1_500_000);
    assert.equal(field('text', JSON.stringify(long)), long.replaceAll('\n', '\\n'));
    const columns = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`c${i}`, 'int' as const]));
    assert.equal(copied(columns, ...Array(3000).fill('{}')).split('\n').length, 3001);
  });
});
