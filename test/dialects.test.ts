import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { copyLines } from '../src/dialects/copy-text.ts';
import { shortened } from '../src/dialects/dialect.ts';
import { dialects } from '../src/dialects/index.ts';
import type { ColumnType } from '../src/merge/lattice.ts';
import { runOfRows } from '../src/wire/run.ts';
import type { Row, Value } from '../src/wire/types.ts';
import { table, targets } from './support/merging.ts';

const types: readonly ColumnType[] = [
  'boolean',
  'int',
  'bigint',
  'decimal(19,0)',
  'decimal(38,4)',
  'float',
  'double',
  'text',
  'bytes',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'uuid',
  'json',
];

// Those that a target can be made of here; the others' scripts are parsed in warehouses.test.ts.
const runnable = Object.entries(dialects).filter(([name]) => Object.hasOwn(targets, name));

for (const [name, dialect] of runnable) {
  describe(name, () => {
    test('every type is made as a column, and read back as the same type', async () => {
      const target = await targets[name as keyof typeof targets]();
      for (const type of types) {
        await target.run(`CREATE TABLE ${dialect.identifier(`t ${type}`)} (x ${dialect.type(type)})`);
      }
      const { connect } = await import('../src/targets/index.ts');
      const { parseTarget } = await import('../src/targets/target.ts');
      const { quietContext } = await import('../src/stage.ts');
      const context = quietContext();
      const connection = connect(parseTarget(target.url, context), { schema: undefined }, context);
      try {
        await connection.open();
        for (const type of types) {
          const [column] = (await connection.columns(`t ${type}`)) ?? [];
          assert.equal(column?.type, type);
        }
        assert.equal(await connection.columns('none'), null);
      } finally {
        await connection.close();
      }
    });

    test('any text comes back from a literal, and any name from an identifier', async () => {
      const target = await targets[name as keyof typeof targets]();
      const text = fc
        .string({ unit: 'grapheme', maxLength: 30 })
        .filter((value) => !value.includes('\0') && !/\p{Surrogate}/u.test(value));
      const pieces = fc.constantFrom("'", '"', '\\', '$$', ';', '--', '\n', '\r\n', '\u202e', ':x', '/*');
      const odd = fc.array(fc.oneof(text, pieces), { maxLength: 6 }).map((list) => list.join(''));
      await fc.assert(
        fc.asyncProperty(fc.array(odd, { minLength: 1, maxLength: 20 }), async (values) => {
          const list = values.map(
            (value, i) => `SELECT ${i} AS n, ${dialect.literal(value)} AS ${dialect.identifier(`x${value}`)}`,
          );
          const found = await target.select(`${list.join(' UNION ALL ')} ORDER BY n`);
          assert.deepEqual(
            found.map(([, value]) => value),
            values,
          );
        }),
        { numRuns: 15 },
      );
    });

    test('a long name is shortened to what the engine takes, always alike and never to the same as another', () => {
      const [a, b] = ['é'.repeat(800), `${'é'.repeat(799)}e`];
      const [x, y] = [shortened(a, dialect.maxNameBytes), shortened(b, dialect.maxNameBytes)];
      assert.ok(Buffer.byteLength(x) <= dialect.maxNameBytes);
      assert.notEqual(x, y);
      assert.equal(x, shortened(a, dialect.maxNameBytes));
      assert.equal(shortened('short', dialect.maxNameBytes), 'short');
    });

    test('a check fails with its message, whatever that holds, and passes on NULL and on no row', async () => {
      const target = await targets[name as keyof typeof targets]();
      const message = "it's % $brigade$ 100 %";
      await assert.rejects(target.run(dialect.check(`SELECT ${dialect.literal(message)}`)), (error: Error) =>
        error.message.includes(message),
      );
      await target.run(dialect.check(`SELECT CAST(NULL AS ${dialect.type('text')})`));
      await target.run(dialect.check(`SELECT ${dialect.literal(message)} WHERE 1 = 0`));
    });
  });
}

// What each engine would take by itself differs; what we let through must not.
describe('both engines take the same values', () => {
  const cases: readonly [ColumnType, readonly Value[], readonly Value[]][] = [
    ['boolean', [true, 0, '1', 't', 'F', 'yes', 'NO', 'true', 'y'], ['2', 'on', ' true', '']],
    ['int', [1, '-5', '+5', ' 5 ', '2147483647'], ['1.0', '1e3', '0x10', '1_000', '', '2147483648', 'NaN']],
    ['bigint', ['9223372036854775807'], ['9223372036854775808', '1.5']],
    ['decimal(5,2)', ['1', '1.5', '-1.50', '.5', '1.500', '999.99'], ['1.555', '1000', 'x', '', '1_0']],
    ['double', ['1', '1.5', '-1e-7', 'NaN', 'Infinity', '-Infinity', 0.1], ['0x10', '1e400', 'x', '']],
    [
      'date',
      ['2024-02-29', '2024-01-01 00:00:00', '2024-01-01T00:00:00'],
      ['2024-02-30', '2024-01-01 10:00:00', '01/02/2024', ''],
    ],
    [
      'timestamp',
      ['2024-01-01', '2024-01-01 10:00:00', '2024-01-01T10:00:00.123', '2024-01-01 10:00:00.1234560'],
      ['2024-01-01T10:00:00Z', '2024-01-01 10:00:00+02', '2024-01-01 10:00:00.1234567', 'x', ''],
    ],
    [
      'timestamptz',
      ['2024-01-01T10:00:00Z', '2024-01-01 10:00:00+02', '2024-01-01 10:00:00', '2024-01-01 10:00:00 UTC'],
      ['2024-13-01T00:00:00Z', 'x', '2024-01-01T10:00:00.1234567Z'],
    ],
    ['time', ['10:00:00', '23:59:59.999999'], ['10:00:00.1234567', '25:00:00', 'x']],
    ['uuid', ['0e37df36-f698-11e6-8dd4-cb9ced3df976'], ['0e37df36', '']],
  ];
  test('accepted and refused alike, value by value', async () => {
    const [postgres, duckdb] = [await targets.postgres(), await targets.duckdb()];
    for (const [type, good, bad] of cases) {
      for (const [values, isGood] of [
        [good, true],
        [bad, false],
      ] as const) {
        for (const value of values) {
          const text = String(value);
          const parsed = dialects.duckdb.parse!('r.x', type, "'here'");
          const inDuckdb = await duckdb
            .select(`SELECT ${parsed} AS x FROM (VALUES (${dialects.duckdb.literal(text)})) r(x)`)
            .then(
              () => true,
              () => false,
            );
          assert.equal(inDuckdb, isGood, `duckdb ${type} ${JSON.stringify(value)}`);
          const line = table('t', 'x text');
          const fill = {
            table: 't',
            stage: '"s"',
            columns: [{ name: 'x', target: 'x', type }],
            shape: 0,
            batch: '0',
            firstRow: 0,
          };
          const inPostgres = await Promise.resolve()
            .then(() => copyLines(fill, runOfRows(line, [{ x: value }] as Row[])))
            .then((copied) =>
              postgres.select(
                `SELECT CAST(${dialects.postgres.literal(copied.toString().trimEnd().split('\t').slice(3).join('\t') || text)} AS ${dialects.postgres.type(type)})`,
              ),
            )
            .then(
              () => true,
              () => false,
            );
          assert.equal(inPostgres, isGood, `postgres ${type} ${JSON.stringify(value)}`);
        }
      }
    }
  });
});

// The `duckdb` command drops the carriage return of a CR LF in its script, also within quotes.
test('a script for the duckdb command writes carriage returns as escapes, and refuses them in names', async () => {
  assert.equal(dialects.duckdb.literal("a\\'b\r\n"), "E'a\\\\''b\\r\n'");
  const { duckdbScript } = await import('../src/dialects/duckdb-script.ts');
  const script = duckdbScript({ write: () => {}, targetSchema: undefined } as never);
  await assert.rejects(script.run('SELECT 1 AS "a\r\nb"'), /expected names .*, found a CR LF in a name/);
});
