import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ColumnType, joinTypes, newObserved, observe, observedType } from '../src/merge/lattice.ts';
import type { Value } from '../src/wire/types.ts';
import { holdsByLoad, holdsByScript, schemasOf } from './support/merge-model.ts';
import { hasPsql, targets } from './support/merging.ts';

describe('types that are not known beforehand', () => {
  const seen = (values: readonly Value[], maxDigits = 38) => {
    const observed = newObserved();
    for (const value of values) observe(observed, value);
    return observedType(observed, maxDigits);
  };
  const cases: readonly [readonly Value[], ColumnType | undefined][] = [
    [[null], undefined],
    [[true, 'false'], 'boolean'],
    [[1, '2', -3], 'int'],
    [['2147483648'], 'bigint'],
    [['1565276078922000095'], 'bigint'],
    [['9223372036854775808'], 'decimal(19,0)'],
    [[1, 1.5], 'double'],
    [['1.10', '2'], 'decimal(3,2)'],
    [['0.00', '-12.5'], 'decimal(4,2)'],
    [['1.5', 0.25], 'double'],
    [['1.5', '1e-7'], 'double'],
    [[`9.5${'0'.repeat(40)}`], 'double'],
    [['0.000000000000000000000000000001', '1234567890123456.5'], 'text'],
    [['-0', '12345678901234567.5'], 'text'],
    [['12345678901234567890.25'], 'decimal(22,2)'],
    [[0.1, '12345678901234567.5'], 'decimal(18,1)'],
    [['1e5'], 'text'],
    [['1.5e-7'], 'double'],
    [['007'], 'text'],
    [['1', 'x'], 'text'],
    [[true, 7], 'int'],
    [['2024-02-29'], 'date'],
    [['2023-02-29'], 'text'],
    [['2024-01-01', '2024-01-01 10:00:00'], 'timestamp'],
    [['2024-01-01 10:00:00', '2024-01-01T10:00:00Z'], 'timestamptz'],
    [['2024-01-01', '5'], 'text'],
    [['2024-01-01T10:00:00.1234567Z'], 'text'],
    [[{ a: 1 }, [2]], 'json'],
    [[{ a: 1 }, 5], 'json'],
    [[{ a: 1 }, 'x'], 'text'],
    [[''], 'text'],
    [['-0'], 'double'],
  ];
  for (const [values, expected] of cases) {
    test(`${JSON.stringify(values)} are ${expected ?? 'of no type'}`, () =>
      assert.equal(seen(values), expected));
  }
  test('two types meet in the narrowest one that holds the values of both', () => {
    const meetings: readonly [ColumnType, ColumnType, ColumnType][] = [
      ['boolean', 'int', 'int'],
      ['int', 'bigint', 'bigint'],
      ['int', 'decimal(4,2)', 'decimal(12,2)'],
      ['bigint', 'decimal(4,2)', 'decimal(21,2)'],
      ['decimal(5,1)', 'decimal(4,3)', 'decimal(7,3)'],
      ['decimal(4,2)', 'double', 'double'],
      ['boolean', 'float', 'float'],
      ['int', 'float', 'double'],
      ['bigint', 'float', 'double'],
      ['float', 'double', 'double'],
      ['date', 'timestamp', 'timestamp'],
      ['timestamp', 'timestamptz', 'timestamptz'],
      ['date', 'int', 'text'],
      ['json', 'int', 'json'],
      ['json', 'boolean', 'json'],
      ['json', 'text', 'text'],
      ['json', 'date', 'text'],
      ['uuid', 'text', 'text'],
    ];
    for (const [a, b, expected] of meetings) assert.equal(joinTypes(a, b), expected, `${a} and ${b}`);
  });

  test('joining types does not depend on order or grouping', () => {
    const types: ColumnType[] = [
      'boolean',
      'int',
      'bigint',
      'decimal(10,2)',
      'decimal',
      'float',
      'double',
      'text',
      'date',
      'timestamp',
      'timestamptz',
      'time',
      'uuid',
      'bytes',
      'json',
    ];
    for (const a of types) {
      for (const b of types) {
        assert.equal(joinTypes(a, b), joinTypes(b, a), `${a} ${b}`);
        assert.equal(joinTypes(a, joinTypes(a, b)), joinTypes(a, b), `${a} ${b}`);
      }
    }
  });
});

const RUNS = 8;
for (const name of ['duckdb', 'postgres'] as const) {
  test(`load: random deliveries leave in ${name} what the model says, in every mode, and a replay changes nothing`, async () => {
    await holdsByLoad(schemasOf(await targets[name]()), RUNS);
  });

  test(`to-sql: the script of random deliveries leaves the same in ${name}`, {
    skip: name === 'postgres' && !hasPsql ? 'no psql here' : false,
  }, async () => {
    await holdsByScript(schemasOf(await targets[name]()), RUNS);
  });
}
