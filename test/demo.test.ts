import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { alignedRows, cell } from '../src/demo/align.ts';
import { compare, type Snapshot } from '../src/demo/compare.ts';
import { openDuckDB } from '../src/duckdb.ts';
import { command } from './support/cli.ts';
import { scratch } from './support/scratch.ts';
import { duckdbTables } from './support/targets.ts';

describe('brigade demo', () => {
  test('merges two deliveries of all four feeds, shows what changed, and that a third run changes nothing', async () => {
    const cwd = scratch();
    const { stdout, stderr, code } = await command('brigade', ['demo'], { cwd });
    assert.equal(stderr, '');
    assert.equal(code, 0);
    const [, first = '', second = '', third = ''] = stdout.split(/^── .*$/m);
    for (const table of [
      'Bi_FactForms',
      'Bi_DimUser',
      'users',
      'sessions',
      'contacts',
      'DIM_EMPLOYEES',
      'FACT_REVIEWS',
    ]) {
      assert.match(first, new RegExp(`^\\S*${table}: \\d+ rows$`, 'm'), table);
    }
    assert.match(second, /^Bi_FactForms: \d+ inserted, \d+ updated, \d+ deleted, new: formlanguage$/m);
    assert.match(second, /^sessions: \d+ inserted, 0 updated, 3 deleted$/m);
    assert.match(second, /^\S*contacts__personas: \d+ inserted, .*[1-9]\d* deleted/m);
    assert.doesNotMatch(second, /DIM_EMPLOYEES/);
    assert.match(third, /No table changed/);
    for (const line of stdout.split('\n')) {
      if (!line.startsWith('$ ') && !/ls-groups|── /.test(line)) assert.ok([...line].length <= 130, line);
    }
    const tables = await duckdbTables(join(cwd, 'demo.duckdb'));
    const forms = tables.get('Bi_FactForms')!.map((row) => `${row['PodName']} ${row['factformid']}`);
    assert.ok(forms.includes('POD2 8'));
    assert.ok(!forms.includes('POD1 8'), 'group 10 deletes it, group 9 does not bring it back');
  });

  test('replaces its own file, and no other', async () => {
    const cwd = scratch();
    const other = join(cwd, 'mine.duckdb');
    const database = await openDuckDB(other);
    await database.run('CREATE TABLE precious AS SELECT 1 AS one');
    database.close();
    const refused = await command('brigade', ['demo', '--out', other]);
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /mine\.duckdb: expected no file or one that this demo has made, found another/,
    );
    assert.ok((await duckdbTables(other)).has('precious'));

    writeFileSync(join(cwd, 'notes.txt'), 'no database');
    const text = await command('brigade', ['demo', '--out', join(cwd, 'notes.txt')]);
    assert.equal(text.code, 1);
    assert.ok(existsSync(join(cwd, 'notes.txt')));

    const own = join(cwd, 'demo.duckdb');
    for (const run of [1, 2])
      assert.equal((await command('brigade', ['demo', '--out', own])).code, 0, `run ${run}`);
  });

  test('leaves nothing in the temporary folder', async () => {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith('brigade-demo-'));
    await command('brigade', ['demo', '--out', join(scratch(), 'x.duckdb')]);
    assert.deepEqual(
      readdirSync(tmpdir()).filter((name) => name.startsWith('brigade-demo-')),
      before,
    );
  });
});

describe('aligned rows', () => {
  const table = {
    columns: ['id', 'name', 'note'],
    rows: [
      ['1', '東京', null],
      ['22', 'a\nb', 'x'.repeat(40)],
    ],
  };

  test('escape control characters, cut long values, count two columns for a wide letter', () => {
    assert.deepEqual(alignedRows(table, 100), [
      'id  name  note',
      '1   東京  NULL',
      `22  a\\nb  ${'x'.repeat(23)}…`,
    ]);
  });

  test('leave out the columns that do not fit and say how many', () => {
    assert.deepEqual(alignedRows(table, 30), ['id  name  … 1 more columns', '1   東京', '22  a\\nb']);
  });

  test('never let an escape sequence through', () => {
    assert.equal(cell('\u001b[31mred'), '\\u001b[31mred');
  });
});

describe('the comparison of two snapshots', () => {
  const before: Snapshot = new Map([
    [
      't',
      {
        columns: ['id', 'a'],
        rows: [
          ['1', 'x'],
          ['2', 'y'],
          ['3', 'z'],
        ],
      },
    ],
  ]);
  const after: Snapshot = new Map([
    [
      't',
      {
        columns: ['id', 'a', 'b'],
        rows: [
          ['1', 'x', null],
          ['2', 'Y', null],
          ['4', 'w', 'new'],
        ],
      },
    ],
  ]);

  test('tells inserted, updated and deleted rows apart by the key, and names new columns', () => {
    assert.deepEqual(
      compare(before, after, () => ['ID']),
      [
        {
          table: 't',
          inserted: 1,
          updated: 1,
          deleted: 1,
          newColumns: ['b'],
          examples: ['+ id=4  a=w  b=new', '~ id=2  a: y → Y', '- id=3  a=z'],
        },
      ],
    );
  });

  test('takes a changed row of a table without key for a deleted and an inserted one', () => {
    const [change] = compare(before, after, () => []);
    assert.deepEqual([change?.inserted, change?.updated, change?.deleted], [2, 0, 2]);
  });

  test('says nothing of tables that stayed as they were', () => {
    assert.deepEqual(
      compare(before, before, () => ['id']),
      [],
    );
  });
});
