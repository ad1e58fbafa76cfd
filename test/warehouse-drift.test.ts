/** What scripts of engines that nobody can start here say about the columns of a table, carried out by DuckDB. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dialects } from '../src/dialects/index.ts';
import { openDuckDB } from '../src/duckdb.ts';
import type { ColumnType } from '../src/merge/lattice.ts';
import { groups, script, stream, table } from './support/merging.ts';
import { file, NAMES, OPTIONS } from './support/warehouse-scripts.ts';

const NUMBERS = [
  'boolean',
  'int',
  'bigint',
  'decimal(5,0)',
  'decimal(6,1)',
  'decimal(6,2)',
  'decimal(12,10)',
];
const WHOLE = NUMBERS.slice(0, 4);
const TEXTS = [...NUMBERS, 'double', 'date', 'time', 'timestamp', 'timestamptz', 'text', 'json', 'uuid'];
const ALL = [...TEXTS, 'bytes'] as ColumnType[];

/** Of the catalog's types, which values go into them unaltered. */
const TAKES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  snowflake: {
    'NUMBER(10,0)': WHOLE,
    'NUMBER(12,2)': NUMBERS.slice(0, 6),
    FLOAT: ['boolean', 'int', 'double'],
    DECFLOAT: NUMBERS,
    BOOLEAN: ['boolean'],
    DATE: ['date'],
    TIMESTAMP_NTZ: ['date', 'timestamp'],
    TIMESTAMP_TZ: ['date', 'timestamp', 'timestamptz'],
    TIMESTAMP_LTZ: ['date', 'timestamp', 'timestamptz'],
    TIME: ['time'],
    TEXT: TEXTS,
    BINARY: ['bytes'],
  },
  bigquery: {
    INT64: WHOLE,
    'NUMERIC(10)': WHOLE,
    'NUMERIC(10, 1)': NUMBERS.slice(0, 5),
    NUMERIC: NUMBERS.slice(0, 6),
    'BIGNUMERIC(40, 10)': NUMBERS,
    BIGNUMERIC: NUMBERS,
    FLOAT64: ['boolean', 'int', 'double'],
    DATE: ['date'],
    DATETIME: ['date', 'timestamp'],
    TIMESTAMP: ['date', 'timestamp', 'timestamptz'],
    STRING: TEXTS,
    'STRING(10)': TEXTS,
    BYTES: ['bytes'],
  },
  spark: {
    smallint: WHOLE,
    bigint: WHOLE,
    'decimal(12,2)': NUMBERS.slice(0, 6),
    float: ['boolean'],
    double: ['boolean', 'int', 'double'],
    date: ['date'],
    timestamp_ntz: ['date', 'timestamp'],
    timestamp: ['date', 'timestamp', 'timestamptz'],
    string: TEXTS,
    binary: ['bytes'],
  },
};

for (const name of ['snowflake', 'bigquery', 'spark'] as const) {
  test(`${name}'s check of columns takes exactly what is not narrower, and names the column and both types`, async () => {
    const duckdb = await openDuckDB();
    const { identifier, alter, nameCase } = dialects[name];
    const column = nameCase === 'upper' ? 'V' : 'v';
    for (const [have, takes] of Object.entries(TAKES[name]!)) {
      const taken: string[] = [];
      for (const type of ALL) {
        const add = [{ name: column, type }];
        const on = `${identifier('s')}.${identifier('t')}`;
        const said = alter({ table: on, add, widen: [], ifMissing: true }).at(-1)!;
        const found = have.replace(', ', ',');
        const catalog = `(SELECT '${column}' AS name, '${found}' AS type)`;
        const query = /SELECT 'table .* q\.wanted IS NOT NULL LIMIT 1/.exec(said)![0];
        const rows = await duckdb.rows(
          query.replace(/(?<= AS wanted FROM )\(.*\)(?= c\) q )/, () => catalog),
        );
        if (rows.length === 0) taken.push(type);
        else
          assert.deepEqual(rows.map(Object.values), [
            [
              `table t column ${column}: expected a column for ${type}, found ${found} (--target-schema has columns widened)`,
            ],
          ]);
      }
      assert.deepEqual(
        taken,
        ALL.filter((type) => takes.includes(type)),
        have,
      );
    }
    await duckdb.close();
  });
}

describe('a script that does not know its target', () => {
  const line = table('t', 'id int, price decimal(9,2), name', { key: ['id'], merge: 'upsert' });
  const given = () => {
    const chunks = [line, file('t', 's3://acme/t/1.csv', 'csv')];
    return stream(groups(chunks, chunks));
  };

  for (const name of NAMES) {
    test(`looks at the columns of a table once, between its CREATE and what it writes: ${name}`, async () => {
      const { text, error } = await script(given(), { dialect: name, ...OPTIONS });
      assert.equal(error, undefined);
      const lines = text.split('\n');
      const checks = lines.flatMap((each, i) => (each.includes(': expected a column for ') ? [i] : []));
      assert.equal(checks.length, 1);
      const before = lines.slice(0, checks[0]);
      assert.ok(before.some((each) => /^CREATE TABLE IF NOT EXISTS \S+\.["`]t["`] /i.test(each)));
      assert.ok(
        !before.some((each) => /^\s*(MERGE INTO|DELETE FROM|INSERT INTO|UPDATE) \S+\.["`]t["`]/i.test(each)),
      );
    });
  }
});
