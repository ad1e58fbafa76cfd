import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../src/errors.ts';
import { declareColumns } from '../src/flatten/columns.ts';
import { flatten } from '../src/flatten/flatten.ts';
import { type FlattenOptions, flattenInto } from '../src/flatten/row.ts';
import { allTables, shapeOf } from '../src/flatten/shape.ts';
import { withoutNulls } from '../src/flatten/withdrawn.ts';
import { quietContext } from '../src/stage.ts';
import { parseRow, rowLine, runOfBytes } from '../src/wire/run.ts';
import { type Chunk, type Column, isControl, RUN_BYTES, type TableLine } from '../src/wire/types.ts';

const TABLE: TableLine = { $: 'table', table: 't', key: ['id'], order: ['_sdc_sequence'] };

/** The lines of each table that come out when lines come in, so many to a run. */
async function flatLines(
  lines: readonly string[],
  options: FlattenOptions = {},
  { table = TABLE, perRun = 1000 }: { table?: TableLine; perRun?: number } = {},
): Promise<Record<string, string[]>> {
  const input = (async function* (): AsyncIterable<Chunk> {
    for (let from = 0; from < lines.length; from += perRun) {
      const some = lines.slice(from, from + perRun);
      yield runOfBytes(table, Buffer.from(some.map((line) => `${line}\n`).join('')), some.length);
    }
  })();
  const tables: Record<string, string[]> = {};
  for await (const chunk of flatten(options)(input, quietContext())) {
    if (isControl(chunk)) continue;
    const out = Buffer.from(chunk.ndjson()).toString().split('\n');
    assert.equal(out.pop(), '');
    assert.equal(out.length, chunk.count);
    tables[chunk.table.table] ??= [];
    tables[chunk.table.table]!.push(...out);
  }
  return tables;
}

/**
 * The same by `flattenRow`'s own code, when all rows have been seen before. `either` are the columns by table whose
 * nulls may be there or not, since they are objects or arrays in other rows.
 */
function oracle(lines: readonly string[], options: FlattenOptions, table = TABLE) {
  const shape = shapeOf('t', {
    ...options,
    table: 't',
    key: table.key!,
    carried: table.order!,
  });
  if (table.columns !== undefined) declareColumns(shape, table.columns);
  const rows = lines.map((line) => parseRow(line));
  for (const row of rows) flattenInto(row, shape, () => {});
  const tables: Record<string, string[]> = {};
  for (const row of rows) {
    flattenInto(row, shape, ({ name }, flat) => {
      tables[name] ??= [];
      tables[name]!.push(rowLine(flat).slice(0, -1));
    });
  }
  const either: Record<string, string[]> = {};
  for (const part of allTables(shape)) {
    either[part.name] = [...shape.flat.values(), ...part.flat.values()]
      .filter(({ path }) => shape.isNested(path) || part.isNested(path))
      .map(({ column }) => column.name);
  }
  return { tables, either };
}

function withoutEither(
  tables: Record<string, string[]>,
  either: Record<string, string[]>,
): Record<string, string[]> {
  const strip = (name: string, rows: readonly string[]) =>
    withoutNulls(Buffer.from(rows.join('\n')), either[name]!)
      .toString()
      .split('\n');
  return Object.fromEntries(Object.entries(tables).map(([name, rows]) => [name, strip(name, rows)]));
}

// Records are made with `"#n#"` in place of literals that JSON.parse and JSON.stringify would not keep.
const LITERALS = [
  '1.10',
  '-0',
  '1e5',
  '0.1E-7',
  '123456789012345678901234567890.50',
  '"\\u0041\\/b"',
  '"\\ud83d\\ude00 \\"[{,"',
  '"😀"',
  '12',
  'true',
  '"a text longer than two times sixteen bytes, so that it takes some steps"',
];
const withLiterals = (text: string): string =>
  text
    .replaceAll(/\\"#(\d+)#\\"/g, (_, index) => JSON.stringify(LITERALS[Number(index)]).slice(1, -1))
    .replaceAll(/"#(\d+)#"/g, (_, index) => LITERALS[Number(index)]!);

const NAMES = [
  'a',
  'b',
  'value',
  '$',
  'ä "quoted" name',
  '_sdc_x',
  'a name that is longer than sixteen bytes',
];
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.nat(LITERALS.length - 1).map((index) => `#${index}#`),
    tie('array'),
    tie('object'),
  ),
  array: fc.array(tie('value'), { maxLength: 4 }),
  object: fc.dictionary(fc.constantFrom(...NAMES), tie('value'), { maxKeys: 4 }),
}));
const record = fc.dictionary(fc.constantFrom(...NAMES), value, { maxKeys: 6 });
const options = fc.record({
  separator: fc.constantFrom('.', '__'),
  arrays: fc.constantFrom('subtables' as const, 'json' as const),
  maxDepth: fc.constantFrom(Number.POSITIVE_INFINITY, 0, 1, 2),
});
const COLUMNS: readonly Column[] = [
  { name: 'id', type: 'bigint' },
  { name: 'a', type: 'json' },
  { name: 'b', type: 'array', items: { name: 'item', type: 'json' } },
  {
    name: 'value',
    type: 'object',
    columns: [
      { name: 'a', type: 'json' },
      {
        name: 'b',
        type: 'array',
        items: { name: 'item', type: 'object', columns: [{ name: 'a', type: 'json' }] },
      },
    ],
  },
];

test('the kernel writes what flattenRow gives, with the literals as they stand (property)', async () => {
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(record, { maxLength: 6 }),
      options,
      fc.boolean(),
      fc.integer({ min: 1, max: 4 }),
      fc.boolean(),
      async (records, given, isTyped, perRun, sequenceFirst) => {
        const table = isTyped ? { ...TABLE, columns: COLUMNS } : TABLE;
        // With something nested in the first one, so that no run passes unread.
        const lines = [{ z: { z: 1 } }, ...records].map((item, id) =>
          rowLine(
            sequenceFirst
              ? { _sdc_sequence: `#${id}#`, id: `i${id}`, ...item }
              : { ...item, id: `i${id}`, _sdc_sequence: `#${id}#` },
          ).slice(0, -1),
        );
        const run = (text: readonly string[]) =>
          flatLines(text, given, { table, perRun }).catch((error: unknown) => {
            assert.ok(error instanceof UserError, String(error));
            return error.message;
          });
        let expected: ReturnType<typeof oracle>;
        try {
          expected = oracle(lines, given, table);
        } catch {
          assert.equal(typeof (await run(lines)), 'string');
          return;
        }
        const seen = await run(lines.map(withLiterals));
        // The columns that go along are checked against all others only when a table line is made.
        if (typeof seen === 'string' && seen.includes('expected one path')) return;
        compared++;
        const { tables, either } = expected;
        for (const rows of Object.values(tables))
          for (const [index, text] of rows.entries()) rows[index] = withLiterals(text);
        assert.deepEqual(withoutEither(seen as typeof tables, either), withoutEither(tables, either));
      },
    ),
    { numRuns: 500 },
  );
  assert.ok(compared > 100, `${compared} compared`);
});

const NESTED =
  '{"id":1,"o":{"n":-1.5e3,"t":"x\\n\\u00e9","f":false},"l":[{"m":[1,null,"[,]"]},null,{"e":{}}],"z":[],"_sdc_sequence":"7"}';

const parsedRows = (tables: Record<string, string[]>): unknown =>
  Object.entries(tables).map(([name, rows]) => [name, rows.map((text) => JSON.parse(text))]);

test('a row cut, or with one byte replaced, fails as JSON.parse does, and gives no garbage', async () => {
  const broken: string[] = [];
  for (let at = 0; at < NESTED.length; at++) {
    broken.push(NESTED.slice(0, at), NESTED.slice(0, at) + NESTED.slice(at + 1));
    for (const byte of '{}[]",:\\0-eu \t\x01') broken.push(NESTED.slice(0, at) + byte + NESTED.slice(at + 1));
  }
  let failed = 0;
  for (const line of broken) {
    const lines = [NESTED, line, NESTED];
    let parsed: boolean;
    try {
      JSON.parse(line);
      parsed = true;
    } catch {
      parsed = false;
    }
    // A blank line is no row.
    if (line === '') continue;
    const seen = await flatLines(lines).catch((error: unknown) => {
      assert.ok(error instanceof UserError, `${line}: ${String(error)}`);
      return error.message;
    });
    if (!parsed) {
      failed++;
      assert.match(String(seen), /^table t row 2: expected .*, found /, line);
    } else if (typeof seen === 'string')
      assert.match(seen, /each name once|one path to|in key column|no \$/, line);
    else assert.deepEqual(parsedRows(seen), parsedRows(oracle(lines, {}).tables), line);
  }
  assert.ok(failed > 1000, `${failed} failed`);
});

test('rows written with blanks, and names written with escapes, are the same rows', async () => {
  const tables = await flatLines([NESTED]);
  const spaced = JSON.stringify(JSON.parse(NESTED), null, '\t')
    .replaceAll('\n', ' ')
    .replace('-1500', '-1.5e3')
    .replace('é', '\\u00e9');
  assert.deepEqual(await flatLines([`  ${spaced} `, '', `${NESTED}\r`]), {
    t: [...tables['t']!, ...tables['t']!],
    t__l: [...tables['t__l']!, ...tables['t__l']!],
    t__l__m: [...tables['t__l__m']!, ...tables['t__l__m']!],
  });
  const spelled = NESTED.replace('"m"', '"\\u006d"').replace('"_sdc_sequence"', '"_sdc\\u005fsequence"');
  assert.notEqual(spelled, NESTED);
  assert.deepEqual(await flatLines([spelled]), tables);
  const wrapped = `{"$" : "row" , "row" : {"$":1,${NESTED.slice(1)} }`;
  assert.deepEqual((await flatLines([wrapped]))['t'], [
    `{"$":"row","row":{"$":1,${tables['t']![0]!.slice(1)}}`,
  ]);
});

test('a name twice in an object is an error, however it is written, also in a row that brings something new', async () => {
  for (const line of [
    '{"id":1,"o":{"a":1,"a":2},"l":[]}',
    '{"id":1,"o":{"a":1,"a":{"b":1}},"l":[]}',
    '{"id":1,"o":{"a":1,"\\u0061":2},"l":[]}',
    '{"id":1,"id":1,"l":[]}',
    '{"id":1,"l":[{"a":1,"b":2,"a":1}]}',
    '{"id":1,"l":[1],"l":[2]}',
  ]) {
    await assert.rejects(flatLines([NESTED, line]), /table t row 2: expected each name once/, line);
    await assert.rejects(flatLines([line]), /table t row 1: expected each name once/, line);
  }
  // In other objects it is another name.
  await flatLines(['{"id":1,"a":{"id":1,"x":1},"b":{"x":1},"l":[{"x":1},{"x":1,"id":2}]}']);
});

test('bytes that are no UTF-8 are an error', async () => {
  const bytes = Buffer.concat([Buffer.from('{"id":1,"l":["'), Buffer.of(0xff), Buffer.from('"]}\n')]);
  const input = (async function* (): AsyncIterable<Chunk> {
    yield runOfBytes(TABLE, bytes, 1);
  })();
  await assert.rejects(async () => {
    for await (const _ of flatten()(input, quietContext()));
  }, /table t from row 1 on: expected UTF-8, found byte 0xff/);
});

test('a line whose first member is $ is an escaped row, or an error that shows it', async () => {
  assert.deepEqual(await flatLines([' { "$" : "row" , "row" : {"id":1,"a":2} } ']), {
    t: ['{"id":1,"a":2}'],
  });
  const bad = [
    '{"$"="row","row":{"id":1}}',
    '{"$":"raw","row":{"id":1}}',
    '{"$":"row";"row":{"id":1}}',
    '{"$":"row","raw":{"id":1}}',
    '{"$":"row","row"={"id":1}}',
    '{"$":"row","row":[1]}',
    '{"$":1,"id":2}',
    '{"$"}',
  ];
  for (const line of bad) {
    const expected = `table t row 2: expected a row whose first member is no $, or {"$":"row","row":…}, found ${JSON.stringify(line)}`;
    await assert.rejects(flatLines(['{"id":0,"o":{"a":1}}', line]), { message: expected });
  }
});

test('a row with arrays that lacks its key is an error, also after rows that had theirs', async () => {
  const whole = '{"id":1,"l":[1]}';
  for (const line of ['{"l":[2]}', '{"id":null,"l":[2]}', '{"x":1,"l":[2],"id":null}']) {
    await assert.rejects(
      flatLines([whole, '{"x":1}', whole, line]),
      /table t: expected a value in key column id of a row that holds arrays, found NULL/,
      line,
    );
  }
});

test('nesting deeper than a thousand levels is an error, and a hundred are not', async () => {
  const deep = (levels: number) => `{"id":1,"l":${'['.repeat(levels)}${']'.repeat(levels)}}`;
  await assert.rejects(flatLines([deep(1100)]), /at most 1000 levels/);
  await assert.rejects(flatLines([deep(200_000)]), /at most 1000 levels/);
  assert.equal(Object.keys(await flatLines([deep(100)])).length, 100);
});

test('records of any size, and arrays of any length, come out whole and in order', async () => {
  const long = 'x'.repeat(300_000);
  const lines = [0, 1, 2].flatMap((id) => [
    JSON.stringify({ id: `small ${id}`, l: [1, { v: id }] }),
    JSON.stringify({ id: `many ${id}`, l: Array.from({ length: 20_000 }, (_, v) => ({ v })) }),
    JSON.stringify({ id: `${id}${long}`, l: [{ v: long }], o: { t: long } }),
  ]);
  assert.deepEqual(await flatLines(lines, { valueColumn: 'w' }), oracle(lines, { valueColumn: 'w' }).tables);
  assert.deepEqual(await flatLines(lines, { arrays: 'json' }), oracle(lines, { arrays: 'json' }).tables);
});

test('new names in row after row, and hundreds of tables, come out whole and in order', async () => {
  const lines = Array.from({ length: 600 }, (_, id) =>
    JSON.stringify({ id, [`n${id % 150}`]: id, [`l${id % 300}`]: [id, id + 1], o: { [`m${id}`]: 1 } }),
  );
  const { tables } = oracle(lines, {});
  assert.deepEqual(await flatLines(lines), tables);
  assert.deepEqual(await flatLines(lines, {}, { perRun: 1 }), tables);
});

test('memory is bounded: runs leave when they are full, and the largest when all together are too much', async () => {
  const row = (id: number) => `{"id":${id},"a":[${'1,'.repeat(50)}2],"b":[{"t":"${'x'.repeat(100)}"}]}\n`;
  const perRun = 1000;
  let rowsIn = 0;
  const rowsOut: Record<string, number> = { t: 0, t__a: 0, t__b: 0 };
  const input = (async function* (): AsyncIterable<Chunk> {
    for (let run = 0; run < 20; run++) {
      const lines = Array.from({ length: perRun }, (_, index) => row(rowsIn + index)).join('');
      rowsIn += perRun;
      yield runOfBytes(TABLE, Buffer.from(lines), perRun);
    }
    yield { $: 'end', groups: 0 };
  })();
  let held = 0;
  for await (const chunk of flatten()(input, quietContext())) {
    if (isControl(chunk)) continue;
    assert.ok(chunk.ndjson().length <= 2 * RUN_BYTES, `a run of ${chunk.ndjson().length} bytes`);
    rowsOut[chunk.table.table]! += chunk.count;
    held = Math.max(held, rowsIn - rowsOut['t']!);
  }
  assert.deepEqual(rowsOut, { t: 20_000, t__a: 51 * 20_000, t__b: 20_000 });
  // A row of `t` is 12 bytes: a run holds thousands of them.
  assert.ok(held < 15_000, `${held} rows held`);
});

test('a record that finds a table nearly full leaves nothing in the others', async () => {
  const lines = Array.from({ length: 60 }, (_, id) =>
    JSON.stringify({ id, k: [id], l: Array.from({ length: 10 * id }, (_, v) => ({ v })), m: [id] }),
  );
  assert.deepEqual(await flatLines(lines), oracle(lines, {}).tables);
});

test('brackets and quotes in the strings of an array are no brackets and quotes, wherever they stand', async () => {
  for (let length = 0; length < 50; length++) {
    const text = 'x'.repeat(length);
    for (const end of ['\\', '"', '"]', '\\"}', '[{', '\n]'])
      for (const from of [0, 1, 2]) {
        const line = JSON.stringify({
          id: 1,
          l: [text.slice(from), `${text}${end}`, { [text]: [end, [text + end]] }],
          z: 1,
        });
        assert.deepEqual(await flatLines([line]), oracle([line], {}).tables, line);
      }
  }
});

test('a column $ that goes along makes escaped rows of those of subtables', async () => {
  const table: TableLine = { $: 'table', table: 't', key: ['id'], order: ['$'] };
  const lines = ['{"$":"row","row":{"id":1,"$":2,"l":[1,{"m":[3]}]}}', '{"id":2,"l":[1]}'];
  assert.deepEqual(
    await flatLines(lines, { valueColumn: 'v' }, { table }),
    oracle(lines, { valueColumn: 'v' }, table).tables,
  );
});
