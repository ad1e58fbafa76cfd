import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { type DuckDB, openDuckDB, quoteName, quoteText } from '../src/duckdb.ts';
import { UserError } from '../src/errors.ts';
import type { FormatInput } from '../src/formats/format.ts';
import { formats } from '../src/formats/index.ts';
import { duckdbRows } from '../src/formats/parquet/duckdb.ts';
import { readMetadata } from '../src/formats/parquet/metadata.ts';
import { kernelLeaves } from '../src/formats/parquet/rows.ts';
import { parquet } from '../src/formats/parquet.ts';
import { quietContext } from '../src/stage.ts';
import { type Column, isControl, type Run, type TypeName } from '../src/wire/types.ts';
import { foreignParquet } from './support/foreign-parquet.ts';
import { scratch } from './support/scratch.ts';

const folder = scratch('parquet');
let database: DuckDB;
let files = 0;

before(async () => {
  // Where the format puts its temporary files, so that a test sees whether any are left.
  process.env['TMPDIR'] = scratch('parquet-temporary');
  database = await openDuckDB();
});
after(() => database.close());

const nextPath = (): string => join(folder, `${++files}.parquet`);

async function make(select: string, options = ''): Promise<string> {
  const path = nextPath();
  await database.run(`COPY (${select}) TO ${quoteText(path)} (FORMAT parquet${options && `, ${options}`})`);
  return path;
}

function foreign(name: keyof typeof foreignParquet): string {
  const path = nextPath();
  writeFileSync(path, Buffer.from(foreignParquet[name], 'base64'));
  return path;
}

function inputOf(path: string, parts: Partial<FormatInput> = {}): FormatInput {
  return {
    name: 'x.parquet',
    uri: path,
    bytes: (async function* () {})(),
    path: async () => path,
    table: { $: 'table', table: 't', key: ['id'] },
    options: {},
    context: quietContext(),
    ...parts,
  };
}

async function runs(path: string, look = () => {}): Promise<Run[]> {
  const found: Run[] = [];
  for await (const chunk of parquet.decode(inputOf(path))) {
    assert.ok(!isControl(chunk));
    look();
    found.push(chunk);
  }
  return found;
}

async function lines(path: string): Promise<string[]> {
  const text = Buffer.concat((await runs(path)).map((run) => run.ndjson())).toString();
  return text === '' ? [] : text.slice(0, -1).split('\n');
}

const rowsOf = async (path: string): Promise<unknown[]> =>
  (await lines(path)).map((line) => JSON.parse(line));

/** Whether the kernel reads the file; else DuckDB does. */
async function kernelReads(path: string): Promise<boolean> {
  const file = await open(path);
  const metadata = await readMetadata(file, 'x.parquet').finally(() => file.close());
  return kernelLeaves(metadata) !== undefined;
}

/** What DuckDB makes of a file, whoever reads it otherwise. */
async function duckdbRowsOf(path: string): Promise<unknown[]> {
  const file = await open(path);
  const metadata = await readMetadata(file, 'x.parquet').finally(() => file.close());
  const found: unknown[] = [];
  for await (const run of duckdbRows(inputOf(path), metadata)) found.push(...run.objects());
  return found;
}

/** Reads until it fails; the message and what was yielded before. */
async function failure(path: string): Promise<{ message: string; rows: number }> {
  let rows = 0;
  try {
    for await (const chunk of parquet.decode(inputOf(path))) if (!isControl(chunk)) rows += chunk.count;
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    assert.ok(!error.message.includes('\n') && !error.message.includes('bucket-brigade-'), error.message);
    return { message: error.message, rows };
  }
  assert.fail('expected a failure');
}

const SCALARS: readonly (readonly [string, string, TypeName, unknown])[] = [
  ['boolean', 'true', 'boolean', true],
  ['tinyint', '-128', 'int', -128],
  ['smallint', '32767', 'int', 32767],
  ['integer', '-2147483648', 'int', -2147483648],
  ['utinyint', '255', 'int', 255],
  ['usmallint', '65535', 'int', 65535],
  ['uinteger', '4294967295', 'bigint', '4294967295'],
  ['bigint', '9007199254740993', 'bigint', '9007199254740993'],
  ['bigint', '-9223372036854775808', 'bigint', '-9223372036854775808'],
  ['ubigint', '18446744073709551615', 'decimal(20,0)', '18446744073709551615'],
  ['decimal(5,2)', '1.10', 'decimal(5,2)', '1.10'],
  [
    'decimal(38,10)',
    '-1234567890123456789012345678.0000000001',
    'decimal(38,10)',
    '-1234567890123456789012345678.0000000001',
  ],
  ['float', '0.1', 'float', 0.1],
  ['float', '3.4028235e38', 'float', 3.4028235e38],
  ['float', "'-inf'", 'float', '-Infinity'],
  ['double', '0.1', 'double', 0.1],
  ['double', '5e-324', 'double', 5e-324],
  ['double', "'nan'", 'double', 'NaN'],
  ['double', "'inf'", 'double', 'Infinity'],
  ['varchar', "'a\"\\é😀' || chr(10) || chr(0) || chr(9)", 'text', 'a"\\é😀\n\0\t'],
  ['varchar', "''", 'text', ''],
  ['blob', "'\\x00\\xFFa'", 'bytes', 'AP9h'],
  ['date', "'2026-01-28'", 'date', '2026-01-28'],
  ['time', "'23:59:59.000001'", 'time', '23:59:59.000001'],
  ['timetz', "'23:59:59+02'", 'time', '21:59:59'],
  ['time_ns', "'01:02:03.000000001'", 'time', '01:02:03.000000001'],
  ['timestamp', "'2026-01-28 00:00:00'", 'timestamp', '2026-01-28T00:00:00'],
  ['timestamp', "'0044-03-15 (BC) 10:00:00'", 'timestamp', '-000043-03-15T10:00:00'],
  ['date', "'0044-03-15 (BC)'", 'date', '-000043-03-15'],
  ['date', "'0001-12-31 (BC)'", 'date', '0000-12-31'],
  ['date', "'12345-01-02'", 'date', '12345-01-02'],
  ['timestamp', "'0001-03-15 (BC) 10:00:00.5'", 'timestamp', '0000-03-15T10:00:00.5'],
  ['timestamp_ms', "'2026-01-28 01:02:03.004'", 'timestamp', '2026-01-28T01:02:03.004'],
  ['timestamp_ns', "'2026-01-28 01:02:03.123456789'", 'timestamp', '2026-01-28T01:02:03.123456789'],
  ['timestamptz', "'2026-01-28 01:02:03.5+05:30'", 'timestamptz', '2026-01-27T19:32:03.5Z'],
  ['uuid', "'5ffbeb2b-c12e-4678-a9f6-d10cc9d47ad8'", 'uuid', '5ffbeb2b-c12e-4678-a9f6-d10cc9d47ad8'],
  ["enum('a', 'b')", "'b'", 'text', 'b'],
  ['json', '\'{"id": 9007199254740993}\'', 'json', '{"id": 9007199254740993}'],
  ['interval', "'1 day'", 'text', '1 day'],
];

// DuckDB has to read what is nested.
for (const [reader, more] of [
  ['the kernel', ''],
  ['DuckDB', ', {a: 1} AS nested'],
] as const) {
  test(`every scalar type has its wire form, and NULL is null, read by ${reader}`, async () => {
    const scalars = SCALARS.filter(([type]) => more !== '' || type !== 'interval');
    const select = (value: (sql: string, type: string) => string) =>
      scalars.map(([type, sql], at) => `${value(sql, type)} AS c${at}`).join(', ');
    const path = await make(
      `SELECT ${select((sql, type) => `(${sql})::${type}`)}${more} UNION ALL SELECT ${select((_, type) => `NULL::${type}`)}${more}`,
    );
    assert.equal(await kernelReads(path), more === '');
    const [first] = await runs(path);
    assert.deepEqual(
      first!.table.columns?.slice(0, scalars.length),
      scalars.map(([, , type], at) => ({ name: `c${at}`, type })),
    );
    assert.deepEqual(first!.table.key, ['id'], 'the declared members stay');
    const [values, nulls] = (await rowsOf(path)) as [Record<string, unknown>, Record<string, unknown>];
    for (const [at, [type, sql, , expected]] of scalars.entries()) {
      assert.deepEqual(values[`c${at}`], expected, `${sql} as ${type}`);
      assert.equal(nulls[`c${at}`], null, `NULL as ${type}`);
    }
  });
}

test('a decimal keeps its zeros and a float its shortest digits, in the bytes themselves', async () => {
  const path = await make(
    "SELECT 1.10::DECIMAL(5,2) AS d, 0.1::FLOAT AS f, 16777216::FLOAT AS g, '-0.0'::DOUBLE AS z",
  );
  assert.deepEqual(await lines(path), ['{"d":"1.10","f":0.1,"g":16777216,"z":-0}']);
});

test('structs, lists and maps are converted at every depth', async () => {
  const path =
    await make(`SELECT {'id': 9007199254740993::BIGINT, 'in': {'at': TIMESTAMPTZ '2026-01-28 00:00:00Z', 'none': NULL::INT}} AS s,
    [1.10::DECIMAL(5,2), NULL] AS l, [['nan'::DOUBLE], []] AS ll, [{'b': '\\xFF'::BLOB}] AS ls,
    MAP {'a': 9007199254740993::BIGINT, 'b': 2::BIGINT} AS m, MAP {1: DATE '2026-01-28'} AS mi, MAP {'k': [0.1::FLOAT]} AS ml
    UNION ALL SELECT NULL, NULL, NULL, [], MAP {}, NULL, NULL`);
  const [run] = await runs(path);
  const int = { type: 'int' } as const;
  assert.deepEqual(run!.table.columns, [
    {
      name: 's',
      type: 'object',
      columns: [
        { name: 'id', type: 'bigint' },
        {
          name: 'in',
          type: 'object',
          columns: [
            { name: 'at', type: 'timestamptz' },
            { name: 'none', ...int },
          ],
        },
      ],
    },
    { name: 'l', type: 'array', items: { name: 'item', type: 'decimal(5,2)' } },
    {
      name: 'll',
      type: 'array',
      items: { name: 'item', type: 'array', items: { name: 'item', type: 'double' } },
    },
    {
      name: 'ls',
      type: 'array',
      items: { name: 'item', type: 'object', columns: [{ name: 'b', type: 'bytes' }] },
    },
    { name: 'm', type: 'json' },
    { name: 'mi', type: 'json' },
    { name: 'ml', type: 'json' },
  ]);
  assert.deepEqual(await lines(path), [
    '{"s":{"id":"9007199254740993","in":{"at":"2026-01-28T00:00:00Z","none":null}},"l":["1.10",null],"ll":[["NaN"],[]],"ls":[{"b":"/w=="}],' +
      '"m":{"a":"9007199254740993","b":2},"mi":[{"key":1,"value":"2026-01-28"}],"ml":{"k":[0.1]}}',
    '{"s":null,"l":null,"ll":null,"ls":[],"m":{},"mi":null,"ml":null}',
  ]);
});

test('names may hold anything, and a column $ is escaped', async () => {
  const names = ['$', 'a"b', "it's", 'select', 'Größe', 'a b.c', '__proto__', 'line\nfeed', 'row'];
  const path = await make(`SELECT ${names.map((name, at) => `${at} AS ${quoteName(name)}`).join(', ')}`);
  const found: Run[] = await runs(path);
  assert.deepEqual(
    found[0]!.table.columns?.map(({ name }) => name),
    names,
  );
  const row = found[0]!.objects()[0]!;
  assert.deepEqual(
    Object.entries(row),
    names.map((name, at) => [name, at]),
  );
  assert.match((await lines(path))[0]!, /^\{"\$":"row","row":\{"\$":0,/);
});

test('a column of the name DuckDB gives row numbers is data', async () => {
  const path = await make('SELECT 7 - i AS file_row_number FROM range(5000) t(i)', 'ROW_GROUP_SIZE 2048');
  assert.deepEqual((await rowsOf(path)).slice(0, 2), [{ file_row_number: '7' }, { file_row_number: '6' }]);
  assert.equal((await lines(path)).length, 5000);
});

test('beside nested columns too, and little is written to disk at a time', async () => {
  const path = await make(
    "SELECT 7 - i AS file_row_number, {s: i || repeat('x', 20000)} AS s FROM range(6000) t(i)",
    'ROW_GROUP_SIZE 2048',
  );
  const { rows, largest } = await mostOnDisk(path);
  assert.equal(rows, 6000);
  assert.ok(largest < 80 * 2 ** 20, `${largest} bytes on disk`);
});

test('what a path holds is neither a pattern nor a partition', async () => {
  const path = await make('SELECT 1 AS a');
  const odd = join(folder, "date=2026-01-28 [x]*?'.parquet");
  symlinkSync(path, odd);
  assert.deepEqual(await lines(odd), ['{"a":1}']);
});

test('decimals on every physical type and the null type are read as other writers write them', async () => {
  const decimals = [
    { p5: '1.10', p15: '-1.10', p38: '-12345678901234567890123456789012345.25' },
    { p5: null, p15: null, p38: null },
  ];
  assert.deepEqual(await rowsOf(foreign('decimalsOnIntegers')), decimals);
  assert.deepEqual(await rowsOf(foreign('decimalsOnBytes')), decimals);
  const nulls = foreign('nulls');
  assert.deepEqual(await lines(nulls), ['{"n":null}', '{"n":null}']);
  assert.deepEqual((await runs(nulls))[0]!.table.columns, [{ name: 'n' }]);
});

test('an INT96 timestamp keeps its nanoseconds', async () => {
  const [run] = await runs(foreign('int96'));
  assert.deepEqual(run!.table.columns, [
    { name: 'ns', type: 'timestamp' },
    { name: 'us', type: 'timestamp' },
  ]);
  assert.deepEqual(await rowsOf(foreign('int96')), [
    { ns: '2026-01-28T18:05:06.123456789', us: '2026-01-28T18:05:06.123456' },
    { ns: null, us: null },
    { ns: '1969-12-31T23:59:59.999999999', us: '2026-01-28T18:05:06.123456' },
  ]);
});

test('in a nested column, where DuckDB reads it, an INT96 timestamp with nanoseconds is an error', async () => {
  assert.deepEqual(await rowsOf(foreign('nestedInt96')), [
    { l: ['2026-01-05T17:35:06.123456', null] },
    { l: [] },
  ]);
  for (const [name, column] of [
    ['nestedInt96Nanoseconds', 's.at'],
    ['nestedInt96Plain', 'l.list.element'],
  ] as const) {
    const { message, rows } = await failure(foreign(name));
    assert.equal(
      message,
      `x.parquet row group 1 column ${column}: expected timestamps of at most microseconds in nested columns, found one with nanoseconds, which the reader would cut off`,
    );
    assert.equal(rows, 0);
  }
});

test('an INT96 timestamp so far away that others would read another one is an error', async () => {
  const bytes = Buffer.from(foreignParquet.int96, 'base64');
  const day = bytes.indexOf(Buffer.from([0x8d, 0x8d, 0x25, 0]));
  bytes.writeInt32LE(-105_142_000, day);
  const path = nextPath();
  writeFileSync(path, bytes);
  assert.match(
    (await failure(path)).message,
    /^x\.parquet row group 1 column ns: expected a dictionary of 2 values of type timestamp, found /,
  );
});

test('every encoding, small and unsigned types, and pages of both versions are read', async () => {
  assert.deepEqual(await rowsOf(foreign('encodings')), [
    { b: true, i: -2147483648, n: '1', p: 'prefix one', l: 'é', f: 0.1, x: 'YWJj' },
    { b: null, i: null, n: null, p: null, l: null, f: null, x: null },
    { b: false, i: 2147483647, n: '-9223372036854775808', p: 'prefix two', l: '', f: -1.5, x: 'YWJk' },
  ]);
  assert.deepEqual(await rowsOf(foreign('splitIntegers')), [
    { i: 1, x: 'YWJj' },
    { i: -2, x: 'ZGVm' },
    { i: 300, x: 'Z2hp' },
  ]);
  assert.deepEqual(await rowsOf(foreign('small')), [
    {
      u8: 255,
      u16: 65535,
      u32: '4294967295',
      u64: '18446744073709551615',
      h: 0.099975586,
      t: '23:59:59.004',
      z: '2026-01-05T17:35:06.123Z',
    },
  ]);
});

test('a page that does not have its checksum is an error', async () => {
  const bytes = Buffer.from(foreignParquet.encodings, 'base64');
  const at = bytes.indexOf('prefix one');
  bytes[at] = 'q'.charCodeAt(0);
  const path = nextPath();
  writeFileSync(path, bytes);
  assert.match(
    (await failure(path)).message,
    /^x\.parquet row group 1 column p: expected a page with checksum [0-9a-f]{8}, found [0-9a-f]{8}$/,
  );
});

test('a text that is not UTF-8 is an error that says its row and column', async () => {
  assert.deepEqual(await failure(foreign('invalidText')), {
    message: 'x.parquet row 2 column a"b: expected text in UTF-8, found byte 0xe9',
    rows: 0,
  });
});

test('what the reader would change without a word is an error', async () => {
  const messageOf = async (name: keyof typeof foreignParquet) => (await failure(foreign(name))).message;
  assert.match(
    await messageOf('nanosecondInstants'),
    /^x\.parquet column at: expected .* microseconds, found nanoseconds/,
  );
  assert.match(
    await messageOf('wideDecimal'),
    /^x\.parquet column d: expected a decimal of at most 38 digits, found one of 50/,
  );
  assert.match(
    await messageOf('twins'),
    /^x\.parquet column a: expected a name that occurs once, in any case, found A and a$/,
  );
  assert.match(await messageOf('innerTwins'), /^x\.parquet column s\.X: .* found x and X$/);
  assert.match(await messageOf('nameless'), /^x\.parquet: expected a name for every column/);
});

for (const codec of ['uncompressed', 'snappy', 'gzip', 'zstd', 'lz4_raw', 'brotli']) {
  test(`${codec} files give every row, in order, as DuckDB counts them`, async () => {
    const path = await make(
      "SELECT i, 'value ' || i AS s FROM range(20000) t(i)",
      `COMPRESSION ${codec}, ROW_GROUP_SIZE 4096`,
    );
    const found = await rowsOf(path);
    assert.deepEqual(
      found,
      Array.from({ length: 20000 }, (_, i) => ({ i: String(i), s: `value ${i}` })),
    );
  });
}

/** The decoded rows, taken by DuckDB as the types they are declared to be. */
function typedBack(columns: readonly Column[], path: string): string {
  const values = columns.map(({ name, type }) => {
    const text = quoteName(name);
    return type === 'bytes'
      ? `from_base64(${text}) AS ${text}`
      : `${text}::${SQL_TYPES[type!] ?? type} AS ${text}`;
  });
  const given = columns.map(({ name }) => `${quoteName(name)}: 'VARCHAR'`);
  return `SELECT ${values.join(', ')} FROM read_json(${quoteText(path)}, format = 'newline_delimited', columns = {${given.join(', ')}})`;
}

const SQL_TYPES: Readonly<Record<string, string>> = { text: 'VARCHAR' };

// A float32 may be written in several ways that read back as the same one.
function floatsOf(rows: readonly unknown[]): unknown[] {
  return rows.map((row) => {
    const { c5: float, ...others } = row as Record<string, unknown>;
    return { ...others, c5: typeof float === 'number' ? Math.fround(float) : float };
  });
}

test('random rows come back as DuckDB itself reads them, whatever the row groups', async () => {
  const nullable = (sql: string, salt: number) =>
    `CASE WHEN hash(i, seed, ${salt}) % 7 = 0 THEN NULL ELSE ${sql} END`;
  const bits = (salt: number) => `hash(i, seed, ${salt})`;
  const values = [
    `(${bits(1)} % 2 = 0)`,
    `((${bits(2)} % 4294967296)::BIGINT - 2147483648)::INTEGER`,
    `(${bits(3)}::HUGEINT - 9223372036854775808)::BIGINT`,
    bits(4),
    `(${bits(5)} % 1000000000 / 100)::DECIMAL(18,2)`,
    `(${bits(6)}::DOUBLE / 3e10)::FLOAT`,
    `(${bits(7)}::DOUBLE / 7)`,
    `(CASE ${bits(8)} % 4 WHEN 0 THEN '' WHEN 1 THEN 'null' WHEN 2 THEN 'a"\\é' || chr((${bits(9)} % 32)::INT) ELSE i::VARCHAR END)`,
    `(unhex(substr(md5(i::VARCHAR), 1, 2 * (${bits(10)} % 8)::INT)))`,
    `(DATE '1900-01-01' + (${bits(11)} % 80000)::INT)`,
    `(make_timestamp((${bits(12)} % 4000000000000000)::BIGINT))`,
    `(make_timestamp((${bits(13)} % 4000000000000000)::BIGINT)::TIMESTAMPTZ)`,
    `(TIME '00:00:00' + to_microseconds((${bits(14)} % 86400000000)::BIGINT))`,
    `md5(i::VARCHAR)::UUID`,
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 9000 }),
      fc.integer({ min: 1, max: 1e9 }),
      fc.constantFrom(2048, 4096, 122880),
      fc.constantFrom('V1', 'V2'),
      async (count, seed, groupSize, version) => {
        const columns = values.map((value, at) => `${nullable(value, 100 + at)} AS c${at}`).join(', ');
        const path = await make(
          `SELECT i, ${columns} FROM range(${count}) t(i), (SELECT ${seed} AS seed)`,
          `ROW_GROUP_SIZE ${groupSize}, PARQUET_VERSION ${version}`,
        );
        assert.ok(await kernelReads(path));
        const found = await runs(path);
        const decoded = join(folder, 'decoded.ndjson');
        writeFileSync(decoded, Buffer.concat(found.map((run) => run.ndjson())));
        const original = `SELECT * FROM read_parquet(${quoteText(path)})`;
        const back = typedBack(found[0]!.table.columns!, decoded);
        const differences = await database.rows(
          `(${original} EXCEPT ALL ${back}) UNION ALL (${back} EXCEPT ALL ${original}) LIMIT 1`,
        );
        assert.deepEqual(differences, []);
        assert.equal(
          found.reduce((sum, run) => sum + run.count, 0),
          count,
        );
        assert.deepEqual(floatsOf(found.flatMap((run) => run.objects())), floatsOf(await duckdbRowsOf(path)));
      },
    ),
    { numRuns: 12, includeErrorInReport: true },
  );
});

test('a file without rows says its columns', async () => {
  const path = await make('SELECT 1::BIGINT AS id WHERE false');
  const [run, ...more] = await runs(path);
  assert.equal(run!.count, 0);
  assert.deepEqual(run!.table.columns, [{ name: 'id', type: 'bigint' }]);
  assert.deepEqual(more, []);
});

test('the footer alone tells the columns', async () => {
  const path = await make("SELECT 1 AS id, [{'a': 1.5::DOUBLE}] AS l");
  assert.deepEqual(await parquet.columns!(inputOf(path)), [
    { name: 'id', type: 'int' },
    {
      name: 'l',
      type: 'array',
      items: { name: 'item', type: 'object', columns: [{ name: 'a', type: 'double' }] },
    },
  ]);
});

test('a file cut at any byte is refused, and no row leaves it', async () => {
  const whole = readFileSync(await make("SELECT i, 'x' || i AS s FROM range(3) t(i)"));
  const path = nextPath();
  for (let length = 0; length < whole.length; length += length < 16 || length > whole.length - 16 ? 1 : 37) {
    writeFileSync(path, whole.subarray(0, length));
    const { message, rows } = await failure(path);
    assert.match(message, /^x\.parquet: expected /, `cut at ${length}`);
    assert.equal(rows, 0, `cut at ${length}`);
  }
});

test('a damaged footer is refused', async () => {
  const bytes = readFileSync(await make('SELECT i FROM range(3) t(i)'));
  const path = nextPath();
  const footerStart = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
  writeFileSync(path, Buffer.from(bytes).fill(0xff, footerStart, footerStart + 8));
  assert.match((await failure(path)).message, /^x\.parquet: expected a readable Parquet file, found /);
  const long = Buffer.from(bytes);
  long.writeUInt32LE(2 ** 31, bytes.length - 8);
  writeFileSync(path, long);
  assert.match(
    (await failure(path)).message,
    /expected a footer within \d+ bytes, found one of 2147483648 bytes/,
  );
});

for (const [reader, s, place] of [
  ['the kernel', 'md5(i::VARCHAR)', /^x\.parquet row group \d+ column [is]: expected a page of \d+ bytes/],
  ['DuckDB', '[md5(i::VARCHAR)]', /^x\.parquet rows \d+ to \d+: expected a readable Parquet file, found /],
] as const) {
  test(`a corrupt page in the middle ends in an error that says where, read by ${reader}`, async () => {
    const path = await make(
      `SELECT i, ${s} AS s FROM range(60000) t(i)`,
      'COMPRESSION snappy, ROW_GROUP_SIZE 8192',
    );
    const bytes = readFileSync(path);
    const damaged = nextPath();
    const middle = bytes.length >> 1;
    writeFileSync(damaged, Buffer.from(bytes).fill(0xff, middle, middle + 64));
    const { message, rows } = await failure(damaged);
    assert.match(message, place);
    assert.ok(rows < 60000);
  });
}

test('a damaged file is read or refused in one line, whatever its bytes', async () => {
  const made = await make(
    `SELECT i, i % 3 = 0 AS b, CASE WHEN i % 5 > 0 THEN 'text ' || i % 40 END AS s, i / 7 AS d, DATE '2026-01-01' + i::INT AS at FROM range(3000) t(i)`,
    'PARQUET_VERSION V2, ROW_GROUP_SIZE 2048',
  );
  const originals = [made, ...KERNEL_READS.map(foreign)].map((path) => readFileSync(path));
  const damaged = nextPath();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...originals),
      fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), {
        minLength: 1,
        maxLength: 4,
      }),
      async (original, changes) => {
        const bytes = Buffer.from(original);
        for (const [place, byte] of changes) bytes[Math.floor(4 + place * (bytes.length - 9))] = byte;
        writeFileSync(damaged, bytes);
        await runs(damaged).catch((error) => {
          assert.ok(error instanceof UserError, String((error as Error).stack));
          assert.ok(!error.message.includes('\n'));
        });
      },
    ),
    { numRuns: 300 },
  );
});

const KERNEL_READS = [
  'int96',
  'decimalsOnBytes',
  'decimalsOnIntegers',
  'encodings',
  'small',
  'nulls',
] as const;

test('a page of more rows than its row group is refused', async () => {
  const bytes = readFileSync(await make('SELECT 7 AS i FROM range(100)', 'COMPRESSION uncompressed'));
  // The values of the page, field 1 of its header: zigzag 200; made 101.
  const at = bytes.indexOf(Buffer.from([0x15, 0xc8, 1]));
  assert.ok(at > 0 && at < 100);
  bytes[at + 1] = 0xca;
  const path = nextPath();
  writeFileSync(path, bytes);
  assert.match(
    (await failure(path)).message,
    /row group 1 column i: expected 100 values, found 101 at least$/,
  );
});

test('a level that no column can have is refused, not counted', async () => {
  const bytes = readFileSync(await make('SELECT 7 AS i FROM range(100)', 'COMPRESSION uncompressed'));
  // The levels of all rows: their length, a run of 100, the level 1.
  const at = bytes.indexOf(Buffer.from([3, 0, 0, 0, 0xc8, 1, 1]));
  assert.ok(at > 0);
  bytes[at + 6] = 3;
  const path = nextPath();
  writeFileSync(path, bytes);
  assert.match(
    (await failure(path)).message,
    /column i: expected a level for each value of the page, found /,
  );
});

test('fewer rows than the footer says are an error', async () => {
  const bytes = readFileSync(await make('SELECT i FROM range(5000) t(i)'));
  // num_rows of the file, field 3 of its metadata: zigzag 10000; made 5001. It stands before that of any row group.
  const at = bytes.indexOf(
    Buffer.from([0x16, 0x90, 0x4e]),
    bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8),
  );
  assert.ok(at > 0);
  bytes[at + 1] = 0x92;
  const path = nextPath();
  writeFileSync(path, bytes);
  const { message, rows } = await failure(path);
  assert.equal(message, 'x.parquet: expected 5001 rows, as the footer says, found 5000 rows');
  assert.equal(rows, 5000);
});

test('long rows are written to disk a few at a time', async () => {
  const { rows, largest } = await mostOnDisk(
    await make("SELECT {s: i || repeat('x', 100000)} AS s FROM range(1200) t(i)"),
  );
  assert.equal(rows, 1200);
  assert.ok(largest < 80 * 2 ** 20, `${largest} bytes on disk`);
});

/** Reads a file; the most bytes of rows that lay on disk at a time. */
async function mostOnDisk(path: string): Promise<{ rows: number; largest: number }> {
  const folder = process.env['TMPDIR']!;
  let largest = 0;
  let rows = 0;
  for await (const chunk of parquet.decode(inputOf(path))) {
    if (!isControl(chunk)) rows += chunk.count;
    const [made] = readdirSync(folder);
    const written = readdirSync(join(folder, made!)).filter((name) => name.endsWith('.ndjson'));
    const bytes = written.reduce((sum, name) => sum + statSync(join(folder, made!, name)).size, 0);
    largest = Math.max(largest, bytes);
  }
  return { rows, largest };
}

test('pages that are too much for memory together wait on disk, and no file is left', async () => {
  const path = await make(
    "SELECT i::INT AS i, repeat('é', 150000) || i AS a, CASE WHEN i % 3 > 0 THEN i || repeat('b', 300000) END AS b, i || repeat('c', 90000) AS c FROM range(260) t(i)",
  );
  const folder = process.env['TMPDIR']!;
  let row = 0;
  let spilled = 0;
  for (const run of await runs(path, () => {
    for (const made of readdirSync(folder)) {
      const { size, mode } = statSync(join(folder, made, 'pages'));
      spilled = Math.max(spilled, size);
      assert.equal(mode & 0o777, 0o600);
    }
  })) {
    for (const { i, a, b, c } of run.objects()) {
      assert.equal(i, row);
      assert.ok(a === `${'é'.repeat(150000)}${row}`, `a of row ${row}`);
      assert.ok(b === (row % 3 > 0 ? `${row}${'b'.repeat(300000)}` : null), `b of row ${row}`);
      assert.ok(c === `${row}${'c'.repeat(90000)}`, `c of row ${row}`);
      row++;
    }
  }
  assert.equal(row, 260);
  assert.ok(spilled > 20 * 2 ** 20, `${spilled} bytes on disk`);
  assert.deepEqual(readdirSync(folder), []);
});

test('an aborted signal ends it, and a reader that leaves early gets no more', async () => {
  const path = await make('SELECT i, md5(i::VARCHAR) AS s FROM range(200000) t(i)');
  const abort = new AbortController();
  const context = quietContext({ signal: abort.signal });
  await assert.rejects(async () => {
    for await (const chunk of parquet.decode(inputOf(path, { context }))) {
      assert.ok(!isControl(chunk));
      abort.abort();
    }
  });
  for await (const chunk of parquet.decode(inputOf(path))) {
    assert.ok(!isControl(chunk) && chunk.count > 0);
    break;
  }
});

test('the beginning of a Parquet file is told from text', () => {
  const bytes = (text: string) => Buffer.from(text, 'latin1');
  assert.ok(formats.parquet.detect(bytes('PAR1\x15\x04')));
  assert.ok(formats.parquet.detect(bytes('PARE\x15\x04')));
  assert.ok(!formats.parquet.detect(bytes('PAR1,PAR2\n')));
  assert.ok(!formats.parquet.detect(bytes('PAR1\n')));
  assert.ok(!formats.parquet.detect(bytes('PAR')));
});

test('no temporary file is left, and those there were could be read by their owner only', async () => {
  const path = await make('SELECT [i] AS l FROM range(10) t(i)');
  const folder = process.env['TMPDIR']!;
  for await (const _ of parquet.decode(inputOf(path))) {
    const [made] = readdirSync(folder).filter((name) => name.startsWith('bucket-brigade-'));
    assert.equal(statSync(join(folder, made!)).mode & 0o077, 0);
    for (const name of readdirSync(join(folder, made!))) {
      if (name.endsWith('.ndjson')) assert.equal(statSync(join(folder, made!, name)).mode & 0o777, 0o600);
    }
  }
  assert.deepEqual(readdirSync(folder), []);
});
