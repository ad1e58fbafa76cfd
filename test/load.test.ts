import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type LoadOptions, load } from '../src/commands/load.ts';
import { dialects } from '../src/dialects/index.ts';
import { columnsQuery } from '../src/dialects/state-query.ts';
import { TemporaryError, UsageError, UserError } from '../src/errors.ts';
import { quietContext } from '../src/stage.ts';
import { maskTarget, parseTarget } from '../src/targets/target.ts';
import type { Chunk } from '../src/wire/types.ts';
import { mariadbMissing } from './support/mariadb.ts';
import {
  cut,
  groups,
  lines,
  loadInto,
  mysqlTarget,
  rows,
  scriptInto,
  sqliteTarget,
  stream,
  type TestTarget,
  table,
  targets,
} from './support/merging.ts';
import { scratch } from './support/scratch.ts';

const fact = table('Bi_FactForms', 'factformid decimal(19,0), organizationid text, void boolean, v text', {
  key: ['factformid', 'organizationid'],
  merge: 'delete-insert',
  delete_flag: 'void',
});
const user = table('users', 'id int, name text', { key: ['id'], merge: 'upsert' });

// How engines show what they keep.
const shown = {
  duckdb: { yes: 'true', no: 'false', inf: 'inf', nan: 'nan', zone: '+00', fraction: '' },
  postgres: { yes: 't', no: 'f', inf: 'Infinity', nan: 'NaN', zone: '+00', fraction: '' },
  // Neither keeps NaN, MySQL no infinity.
  mysql: { yes: '1', no: '0', inf: null, nan: null, zone: '', fraction: '.000000' },
  sqlite: { yes: '1', no: '0', inf: 'Infinity', nan: null, zone: '+00:00', fraction: '' },
} as const;

for (const name of ['duckdb', 'postgres', 'mysql', 'sqlite'] as const) {
  const lower = name === 'postgres' || name === 'mysql';
  describe(`load into ${name}`, { skip: name === 'mysql' && mariadbMissing }, () => {
    let made: Promise<TestTarget> | undefined;
    let schemas = 0;
    // One database for all, a schema for each; of SQLite, to which scripts lead only, a file for each.
    const fresh = async () => {
      if (name === 'sqlite') {
        const target = await sqliteTarget('wasm');
        const into = (input: AsyncIterable<Chunk>, options: LoadOptions = {}) =>
          scriptInto(target, input, options);
        const select = (sql: string) => target.select(sql.replaceAll('@', ''));
        const run = (sql: string) => target.run(sql.replaceAll('@', ''));
        return { into, select, run, target, schema: 'main' };
      }
      made ??= name === 'mysql' ? mysqlTarget() : targets[name]();
      const target = await made;
      const schema = `s${++schemas}`;
      const into = (input: AsyncIterable<Chunk>, options: LoadOptions = {}) =>
        loadInto(target, input, { schema, ...options });
      const select = (sql: string) => target.select(sql.replaceAll('@', `"${schema}".`));
      const run = (sql: string) => target.run(sql.replaceAll('@', `"${schema}".`));
      return { into, select, run, target, schema };
    };
    const rejects = (promise: Promise<unknown>, message: RegExp, type: typeof UserError = UserError) =>
      assert.rejects(promise, (error: Error) => {
        assert.match(error.message, message);
        assert.ok(error instanceof type, `${error.stack}`);
        assert.ok(!error.message.includes('\n'), 'one line');
        return true;
      });

    test('a group is reported, recorded, and applied once however often it comes', async () => {
      const { into, select } = await fresh();
      const list = groups(
        [
          rows(user, { id: 1, name: 'a' }, { id: 2, name: 'b' }),
          rows(fact, { factformid: '7', organizationid: 'o', void: '0', v: 'x' }),
        ],
        [
          rows(user, { id: 2, name: 'B' }, { id: 3, name: 'c' }),
          rows(fact, { factformid: '7', organizationid: 'o', void: '1', v: null }),
        ],
      );
      const { warnings } = await into(stream(list));
      const again = await into(stream(list));
      // A script reports nothing.
      if (name !== 'sqlite') {
        assert.match(
          warnings[0]!,
          /^zenoti POD1 1: 2 tables, 3 rows read, 3 inserted, 0 updated, 0 deleted, \d+\.\d s$/,
        );
        assert.match(
          warnings[1]!,
          /^zenoti POD1 2: 2 tables, 3 rows read, 1 inserted, 1 updated, 1 deleted, /,
        );
        assert.deepEqual(again.warnings, [
          'zenoti POD1 1: applied before, nothing changed',
          'zenoti POD1 2: applied before, nothing changed',
        ]);
      }
      assert.deepEqual(await select('SELECT * FROM @users ORDER BY id'), [
        ['1', 'a'],
        ['2', 'B'],
        ['3', 'c'],
      ]);
      const ledger =
        'SELECT group_id, table_name, rows_read, inserted, updated, deleted, merge_mode, digest FROM @brigade_ledger ORDER BY 1, 2';
      assert.deepEqual(await select(ledger), [
        ['1', '', '3', '3', '0', '0', null, 'digest of 1'],
        ['1', 'Bi_FactForms', '1', '1', '0', '0', 'delete-insert', 'digest of 1'],
        ['1', 'users', '2', '2', '0', '0', 'upsert', 'digest of 1'],
        ['2', '', '3', '1', '1', '1', null, 'digest of 2'],
        ['2', 'Bi_FactForms', '1', '0', '0', '1', 'delete-insert', 'digest of 2'],
        ['2', 'users', '2', '1', '1', '0', 'upsert', 'digest of 2'],
      ]);
    });

    test('a stream that skips groups is refused, unless a gap is allowed', async () => {
      const { into, select } = await fresh();
      const at = (group: string, after: string | null) =>
        stream([{ group, after, chunks: [rows(user, { id: Number(group), name: 'x' })] }]);
      await rejects(into(at('1050', '1049')), /^cursor of POD1 is not set, stream starts after 1049 /);
      await into(at('999', null));
      await into(at('1007', '999'));
      await into(at('1008', '1007'));
      await into(at('1009', '1008'));
      await rejects(into(at('1051', '1050')), /^cursor of POD1 is 1009, stream starts after 1050 /);
      await into(at('1051', '1050'), { allowGap: true });
      assert.deepEqual(await select('SELECT id FROM @users ORDER BY id'), [
        ['999'],
        ['1007'],
        ['1008'],
        ['1009'],
        ['1051'],
      ]);
    });

    test('a table that an applied group did not bring yet is applied alone', async () => {
      const { into, select } = await fresh();
      await into(stream(groups([rows(user, { id: 1, name: 'a' })])));
      await into(
        stream(
          groups([
            rows(user, { id: 1, name: 'changed' }),
            rows(fact, { factformid: '1', organizationid: 'o', void: '0', v: 'x' }),
          ]),
        ),
      );
      assert.deepEqual(await select('SELECT name FROM @users'), [['a']]);
      assert.deepEqual(await select(`SELECT v FROM @"${lower ? 'bi_factforms' : 'Bi_FactForms'}"`), [['x']]);
    });

    test('a stream that is cut off keeps the groups before and nothing of the open one', async () => {
      const { into, select } = await fresh();
      const list = groups(
        [rows(user, { id: 1, name: 'a' })],
        [rows(user, { id: 2, name: 'b' }), rows(user, { id: 3, name: 'c' })],
      );
      await assert.rejects(into(cut(stream(list), 7)), /expected an end line/);
      assert.deepEqual(await select('SELECT id FROM @users'), [['1']]);
      await into(stream(list));
      assert.deepEqual(await select('SELECT id FROM @users ORDER BY id'), [['1'], ['2'], ['3']]);
    });

    test('values come back as they were', async () => {
      const { into, select } = await fresh();
      const line = table(
        't',
        'k int, b boolean, big bigint, d decimal(20,4), f float, x double, s text, y bytes, day date, clock time, ts timestamp, tz timestamptz, u uuid, j json',
        { key: ['k'], merge: 'upsert' },
      );
      const text = "tab\tback\\slash \\. quote' \"double\" line\nfeed\r 😀 \\N :a :'b' $$";
      await into(
        stream(
          groups([
            rows(
              line,
              {
                k: 1,
                b: true,
                big: '9223372036854775807',
                d: '1234567890123456.7890',
                f: 0.1,
                x: 0.1,
                s: text,
                y: 'AAECgP8=',
                day: '2024-02-29',
                clock: '23:59:59.5',
                ts: '2024-01-01T10:00:00.123456',
                tz: '2024-01-01T10:00:00Z',
                u: '0e37df36-f698-11e6-8dd4-cb9ced3df976',
                j: { a: [1, 'x', null] },
              },
              {
                k: '2',
                b: 'no',
                big: '-5',
                d: 7,
                f: shown[name].nan === null ? null : 'NaN',
                x: shown[name].inf === null ? null : 'Infinity',
                s: '',
                y: '',
                day: '2024-01-01',
                clock: '00:00:00',
                ts: '2024-01-01 10:00:00',
                tz: '2024-01-01 12:00:00+02',
                u: null,
                j: '[1, 2]',
              },
              { k: 3 },
            ),
          ]),
        ),
      );
      const found = await select('SELECT k, b, big, d, f, x, s, day, clock, ts, tz, u FROM @t ORDER BY k');
      const { yes, no, inf, nan, zone, fraction } = shown[name];
      assert.deepEqual(found, [
        [
          '1',
          yes,
          '9223372036854775807',
          '1234567890123456.7890',
          '0.1',
          '0.1',
          text,
          '2024-02-29',
          fraction === '' ? '23:59:59.5' : '23:59:59.500000',
          '2024-01-01 10:00:00.123456',
          `2024-01-01 10:00:00${fraction}${zone}`,
          '0e37df36-f698-11e6-8dd4-cb9ced3df976',
        ],
        [
          '2',
          no,
          '-5',
          '7.0000',
          nan,
          inf,
          '',
          '2024-01-01',
          `00:00:00${fraction}`,
          `2024-01-01 10:00:00${fraction}`,
          `2024-01-01 10:00:00${fraction}${zone}`,
          null,
        ],
        ['3', null, null, null, null, null, null, null, null, null, null, null],
      ]);
      const hex = name === 'postgres' ? "encode(y, 'hex')" : name === 'sqlite' ? 'y' : 'lower(hex(y))';
      assert.deepEqual(await select(`SELECT ${hex} FROM @t ORDER BY k`), [['00010280ff'], [''], [null]]);
      const json = (await select('SELECT j FROM @t ORDER BY k')).map(([value]) =>
        JSON.parse(value ?? 'null'),
      );
      assert.deepEqual(json, [{ a: [1, 'x', null] }, [1, 2], null]);
    });

    test('rows that come as bytes are taken as they stand, also with a member $', async () => {
      const { into, select } = await fresh();
      const line = table('t', 'k int, $ text, s text', { key: ['k'], merge: 'upsert' });
      await into(
        stream(
          groups([
            lines(
              line,
              '{"k":1,"s":"plain"}',
              '{"$":"row","row":{"k":2,"$":"dollar","s":"x"}}',
              '{ "s":"y", "k":3 }',
            ),
          ]),
        ),
      );
      assert.deepEqual(await select('SELECT k, "$", s FROM @t ORDER BY k'), [
        ['1', null, 'plain'],
        ['2', 'dollar', 'x'],
        ['3', null, 'y'],
      ]);
    });

    test('an instant may name its zone in several ways', async () => {
      const { into, select } = await fresh();
      const line = table('t', 'k int, v timestamptz', { key: ['k'], merge: 'upsert' });
      const forms = [
        'T10:00:00Z',
        ' 10:00 UTC',
        ' 10:00UTC',
        'T10:00z',
        'T12:00+02',
        ' 12:00:00.0 +02:00',
        'T04:30-0530',
      ];
      const given = forms.map((form, k) => ({ k, v: `2024-03-31${form}` }));
      await into(stream(groups([rows(line, ...given)])));
      const found = (await select('SELECT DISTINCT v FROM @t')).flat();
      assert.equal(found.length, 1);
      assert.match(found[0]!, /^2024-03-31 10:00:00/);
    });

    test('what the engine says of a table without naming it is said with its name', {
      skip: name !== 'postgres' && 'its limit of columns is another one',
    }, async () => {
      const { into } = await fresh();
      const names = Array.from({ length: 1700 }, (_, i) => `c${i} int`).join(', ');
      const line = table('wide', `k int, ${names}`, { key: ['k'], merge: 'upsert' });
      await rejects(
        into(stream(groups([rows(line, { k: 1 })]))),
        /^table wide: tables can have at most 1600 columns$/,
      );
    });

    test('two tables of a group that the target would call by one name are refused', async () => {
      const { into, select } = await fresh();
      const line = (each: string) => table(each, 'id int', { key: ['id'], merge: 'replace' });
      const both = stream(groups([rows(line('T x'), { id: 1 }), rows(line('T y'), { id: 2 })]));
      await rejects(
        into(both, { targetName: 'same' }),
        /^table T y: expected tables of different names in \w+, found T x and T y, both called same there /,
      );
      if (name !== 'postgres' && name !== 'duckdb') return;
      const cases = stream(groups([rows(line('Users'), { id: 1 }), rows(line('users'), { id: 2 })]));
      await rejects(into(cases), /^table users: expected tables of different names in /);
      assert.deepEqual(await select('SELECT count(*) FROM @brigade_ledger'), [['0']]);
      // One after the other they are the same table.
      await into(stream(groups([rows(line('Users'), { id: 1 })], [rows(line('users'), { id: 2 })])), {
        maxDelete: 100,
        batchGroups: 2,
      });
      assert.deepEqual(await select('SELECT id FROM @users'), [['2']]);
    });

    const bad: readonly [string, unknown, RegExp][] = [
      ['int', '1.5', /column v: expected int, found "1\.5"$/],
      ['int', 'x', /column v: expected int, found "x"$/],
      ['decimal(5,2)', '1.005', /column v: expected decimal\(5,2\), found "1\.005"$/],
      ['boolean', 'maybe', /column v: expected boolean, found "maybe"$/],
      ['date', '2024-01-01 10:00', /column v: expected date, found /],
      ['timestamp', '2024-01-01T10:00:00Z', /column v: expected timestamp.*, found /],
      ['timestamp', '2024-01-01T10:00:00.1234567', /column v: expected timestamp, found /],
      ['double', '0x10', /column v: expected double, found "0x10"$/],
      ['uuid', 'abc', /column v: expected uuid, found "abc"$/],
      ['int', '2147483648', /column v: expected int, found "2147483648"$/],
      ['decimal(5,2)', '1000', /column v: expected decimal\(5,2\), found "1000"$/],
      ['float', '1e-60', /column v: expected float, found "1e-60"$/],
      ['bytes', 'AA=', /column v: expected bytes in base64, found "AA="$/],
      ['date', '2023-02-29', /column v: expected date, found "2023-02-29"$/],
      ['date', '0000-12-31', /column v: expected date, found "0000-12-31"$/],
      ['date', '-000043-03-15', /column v: expected date, found "-000043-03-15"$/],
      [
        'timestamptz',
        '0000-01-01T00:00:00Z',
        /column v: expected timestamptz, found "0000-01-01T00:00:00Z"$/,
      ],
      ['date', 'infinity', /column v: expected date, found "infinity"$/],
      ['time', 'allballs', /column v: expected time, found "allballs"$/],
      ['timestamp', '-infinity', /column v: expected timestamp, found "-infinity"$/],
      ['timestamp', '2016-12-31T23:59:60', /column v: expected timestamp, found "2016-12-31T23:59:60"$/],
      ['timestamptz', 'infinity', /column v: expected timestamptz, found "infinity"$/],
      ['timestamptz', '2024-01-01 10:00 Europe/Paris', /column v: expected timestamptz, found /],
      ['timestamptz', '2024-01-01 10:00+99', /column v: expected timestamptz, found "2024-01-01 10:00\+99"$/],
    ];
    for (const [type, value, message] of bad) {
      test(`${JSON.stringify(value)} as ${type} stops with table, row, column, and commits nothing`, async () => {
        const { into, select } = await fresh();
        const line = table('t', `k int, v ${type}`, { key: ['k'], merge: 'upsert' });
        await rejects(
          into(stream(groups([rows(line, { k: 1, v: null }, { k: 2, v: value })]))),
          new RegExp(`^table t row 2 ${message.source}`),
        );
        assert.deepEqual(await select('SELECT count(*) FROM @brigade_ledger'), [['0']]);
      });
    }

    test('a NULL in a key, two rows of a key without order, a member that no column lists: refused', async () => {
      const { into } = await fresh();
      await rejects(
        into(stream(groups([rows(user, { id: null, name: 'a' })]))),
        /^table users: expected a value in key column id, found NULL in 1 rows$/,
      );
      await rejects(
        into(stream(groups([rows(user, { id: 1, name: 'a' }, { id: 1, name: 'b' })]))),
        /^table users: expected one row per key \(id\).*found different rows of id 1; is the key too narrow\?$/,
      );
      await rejects(
        into(stream(groups([rows(user, { id: 1, name: 'a' }, { id: 2 }, { id: 1, name: 'a', more: 1 })]))),
        /^table users row 3: expected only columns that its table line lists, found one called "more"$/,
      );
      await into(stream(groups([rows(user, { id: 1, name: 'a' }, { id: 1, name: 'a' })])));
    });

    test('a table without key and mode in a group, and scd2 without order, are refused', async () => {
      const { into } = await fresh();
      await rejects(
        into(stream(groups([rows(table('t', 'a int'), { a: 1 })]))),
        /expected a key for every table.*found none for t/,
      );
      await rejects(
        into(stream(groups([rows(table('t', 'a int', { key: ['a'], merge: 'scd2' }), { a: 1 })]))),
        /scd2/,
      );
    });

    test('types are found while rows pass, columns grow within a group, and the target widens', async () => {
      const { into, select } = await fresh();
      const rest = { key: ['id'], merge: 'upsert' } as const;
      const one = table('t', 'id, a', rest);
      const two = table('t', 'id, a, b', rest);
      await into(
        stream(
          groups([rows(one, { id: 1, a: 5 }), rows(two, { id: 2, a: null, b: '2024-01-01T00:00:00Z' })]),
        ),
      );
      const types = async () =>
        (await select(columnsQuery(name, name === 'sqlite' ? undefined : `s${schemas}`)))
          .map(([line]) => JSON.parse(line!) as { column: string; type: string })
          .map(({ column, type }) => [column, dialects[name].typeOf(type)])
          .sort();
      assert.deepEqual(await types(), [
        ['a', 'int'],
        ['b', 'timestamptz'],
        ['id', 'int'],
      ]);
      await into(
        stream([
          {
            group: '2',
            after: '1',
            chunks: [rows(two, { id: '3000000000', a: 'x', b: null }, { id: 1, a: 'y', b: null })],
          },
        ]),
      );
      assert.deepEqual(await types(), [
        ['a', 'text'],
        ['b', 'timestamptz'],
        ['id', 'bigint'],
      ]);
      assert.deepEqual(await select('SELECT id, a FROM @t ORDER BY id'), [
        ['1', 'y'],
        ['2', null],
        ['3000000000', 'x'],
      ]);
    });

    test('a column that the target keeps as JSON stays JSON, whatever text arrives without a type', async () => {
      const { into, select } = await fresh();
      const rest = { key: ['id'], merge: 'upsert' } as const;
      const typed = table('t', 'id int, v json', rest);
      const untyped = table('t', 'id, v', rest);
      await into(
        stream(
          groups(
            [rows(typed, { id: 1, v: { a: 1 } })],
            [rows(untyped, { id: 2, v: { b: 2 } }, { id: 3, v: 4 })],
          ),
        ),
      );
      const found = await select(columnsQuery(name, name === 'sqlite' ? undefined : `s${schemas}`));
      const columnOf = found.map(([line]) => JSON.parse(line!) as { column: string; type: string });
      const type = columnOf.find(({ column }) => column === 'v')?.type ?? 'none';
      assert.equal(dialects[name].typeOf(type), 'json');
      const values = (await select('SELECT v FROM @t ORDER BY id')).map(([text]) => JSON.parse(text!));
      assert.deepEqual(values, [{ a: 1 }, { b: 2 }, 4]);
      if (name !== 'duckdb' && name !== 'postgres') return;
      // Values whose type is stated are JSON's own, or their text.
      const stated = table('t', 'id int, v int', rest);
      const next = ['int', 'boolean', 'double', 'date', 'bytes'] as const;
      const given = [5, true, 0.5, '2024-01-31', 'AAD/'];
      await into(
        stream(
          next.map((each, i) => ({
            group: String(i + 3),
            after: String(i + 2),
            chunks: [
              rows(
                { ...stated, columns: [stated.columns![0]!, { name: 'v', type: each }] },
                { id: i + 4, v: given[i] },
              ),
            ],
          })),
        ),
      );
      const all = (await select('SELECT v FROM @t WHERE id > 3 ORDER BY id')).map(([text]) =>
        JSON.parse(text!),
      );
      assert.deepEqual(all, given);
    });

    test('an order of text that nobody stated is refused, unless the catalog asks for it', async () => {
      const line = table('t', 'id int, said', { key: ['id'], merge: 'upsert', order: ['said'] });
      const input = () => stream(groups([rows(line, { id: 1, said: 'v9' }, { id: 1, said: 'v10' })]));
      await rejects(
        (await fresh()).into(input()),
        /^table t column said: expected an order of numbers or times \(or, in the catalog, /,
      );
      const { into, select } = await fresh();
      await into(input(), { catalog: { tables: { T: { order: ['SAID'] } } } });
      assert.deepEqual(await select('SELECT said FROM @t'), [['v9']]);
    });

    test('a snapshot brings back what is missing, and replaces what is there only when told to', async () => {
      for (const merge of ['upsert', 'delete-insert'] as const) {
        const { into, select } = await fresh();
        const line = table('t', 'id int, name text, void int', {
          key: ['id'],
          merge,
          ...(merge === 'upsert' ? {} : { delete_flag: 'void' }),
        });
        const row = (id: number, text: string, flag = 0) => ({ id, name: text, void: flag });
        const snapshot = (date: string) =>
          stream([
            {
              group: '1000',
              after: null,
              scope: `snapshot/${date}/POD1`,
              chunks: [rows(line, row(1, 'old'), row(2, 'lost'))],
            },
          ]);
        await into(stream(groups([rows(line, row(1, 'new'))])));
        await into(snapshot('2026-02-01'));
        const names = () => select('SELECT name FROM @t ORDER BY id');
        assert.deepEqual(await names(), [['new'], ['lost']], merge);
        await into(snapshot('2026-03-01'), { overwrite: true });
        assert.deepEqual(await names(), [['old'], ['lost']], merge);
        // The POD's own cursor is where it was.
        await into(stream([{ group: '2', after: '1', chunks: [rows(line, row(2, 'newest'))] }]));
        assert.deepEqual(await names(), [['old'], ['newest']], merge);
      }
    });

    test('a column is not widened to a type that would change one of its values', async () => {
      const { into, select } = await fresh();
      const rest = { key: ['id'], merge: 'upsert' } as const;
      const whole = table('t', 'id int, v bigint', rest);
      const wide = table('t', 'id int, v double', rest);
      await into(stream(groups([rows(whole, { id: 1, v: '9007199254740993' })])));
      const next = [{ group: '2', after: '1', chunks: [rows(wide, { id: 2, v: 0.5 })] }];
      await assert.rejects(into(stream(next)), (error: Error) => {
        assert.ok(error instanceof UserError, `${error.stack}`);
        assert.match(error.message, /9007199254740993/);
        return true;
      });
      assert.deepEqual(await select('SELECT id, v FROM @t'), [['1', '9007199254740993']]);
    });

    test('a column that cannot be widened is told with its table, both types and the files of the rows', {
      skip: name === 'sqlite' && 'a script knows nothing of the values',
    }, async () => {
      const { into, select } = await fresh();
      const line = (type: string) => table('t', `id int, v ${type}`, { key: ['id'], merge: 'upsert' });
      await into(stream(groups([rows(line('bigint'), { id: 1, v: '9007199254740993' })])));
      const file = (n: number): Chunk[] => [
        { $: 'file', uri: `file:///drop/${n}.csv`, table: 't' },
        rows(line('double'), { id: n + 1, v: 0.5 }),
        { $: 'eof', uri: `file:///drop/${n}.csv`, rows: 1, rejects: 0 },
      ];
      const brings = (...files: Chunk[][]) =>
        into(stream([{ group: '2', after: '1', chunks: files.flat() }]));
      const said = '^table t: column v cannot go from bigint to double: .*9007199254740993.*';
      await rejects(brings(file(1)), new RegExp(`${said} \\(rows of file:///drop/1.csv\\)$`));
      await rejects(
        brings(file(1), file(2)),
        new RegExp(`${said} \\(rows of 2 files, file:///drop/1.csv to file:///drop/2.csv\\)$`),
      );
      // The other way round it is the rows that do not fit: what column they would have gone into is told.
      await into(stream(groups([rows(line('double'), { id: 2, v: 0.5 })]), 'zenoti', 'other'), {
        targetName: 'u',
      });
      const late = {
        group: '2',
        after: '1',
        chunks: [rows(line('bigint'), { id: 3, v: '9007199254740993' })],
      };
      await rejects(
        into(stream([late], 'zenoti', 'other'), { targetName: 'u' }),
        name === 'mysql' ? /9007199254740993/ : /^table t: .*bigint.*column v|^table t: column v.*bigint/,
      );
      assert.deepEqual(await select('SELECT id FROM @u'), [['2']]);
    });

    test('columns of the user whose times have too few digits become wider', {
      skip: name === 'sqlite' && 'keeps times as text',
    }, async () => {
      const { into, run, select } = await fresh();
      await into(stream(groups([rows(table('other', 'id int', { merge: 'append' }), { id: 1 })])));
      const types = {
        duckdb: ['TIMESTAMP_S', 'TIMESTAMPTZ', 'TIME'],
        postgres: ['timestamp(0)', 'timestamp(3) with time zone', 'time(2)'],
        mysql: ['DATETIME(3)', 'DATETIME', 'TIME'],
        sqlite: [],
      }[name];
      await run(`CREATE TABLE @t (id int, a ${types[0]}, b ${types[1]}, c ${types[2]})`);
      const line = table('t', 'id int, a timestamp, b timestamptz, c time', { key: ['id'], merge: 'upsert' });
      const row = {
        id: 1,
        a: '2024-01-01T10:00:00.7',
        b: '2024-01-01T10:00:00.123456Z',
        c: '10:00:00.654321',
      };
      const next = () => stream([{ group: '2', after: '1', chunks: [rows(line, row)] }]);
      await rejects(
        into(next(), { contract: 'freeze' }),
        /^table t column \w: expected values of type .*\(contract freeze\), found time/,
      );
      await into(next());
      const [[a, b, c] = []] = await select('SELECT a, b, c FROM @t');
      assert.match(a!, /10:00:00\.7/);
      assert.match(b!, /10:00:00\.123456/);
      assert.match(c!, /10:00:00\.654321/);
    });

    test("an index of the user's in the way of a wider column is told", {
      skip: name !== 'duckdb' && 'the others alter a table under its indexes',
    }, async () => {
      const { into, run, select } = await fresh();
      const line = (v: string, w: string) =>
        table('t', `id int, v ${v}, w ${w}`, { key: ['id'], merge: 'upsert' });
      await into(stream(groups([rows(line('int', 'int'), { id: 1, v: 1, w: 1 })])));
      await run('CREATE INDEX mine ON @t (v)');
      for (const [v, w] of [
        ['bigint', 'int'],
        ['int', 'bigint'],
      ] as const) {
        const next = stream([{ group: '2', after: '1', chunks: [rows(line(v, w), { id: 2, v: 1, w: 1 })] }]);
        const column = v === 'bigint' ? 'v' : 'w';
        await rejects(
          into(next),
          new RegExp(`^table t: column ${column} cannot go from int to bigint: .*depend`),
        );
      }
      assert.deepEqual(await select('SELECT id FROM @t'), [['1']]);
    });

    test("a view of the user's in the way of a wider column is named", {
      skip: name !== 'postgres' && 'the others alter a table under its views',
    }, async () => {
      const { into, run, select } = await fresh();
      const line = (type: string) => table('t', `id int, v ${type}`, { key: ['id'], merge: 'upsert' });
      await into(stream(groups([rows(line('int'), { id: 1, v: 1 })])));
      await run('CREATE VIEW @mine AS SELECT v FROM @t');
      const next = stream([{ group: '2', after: '1', chunks: [rows(line('text'), { id: 2, v: 'x' })] }]);
      await rejects(into(next), /^table t: column v cannot go from int to text: .*view .*mine depends on /);
      assert.deepEqual(await select('SELECT v FROM @mine'), [['1']]);
    });

    test('a double that becomes text keeps all of its digits', async () => {
      const { into, select } = await fresh();
      const line = (type: string) => table('t', `id int, v ${type}`, { key: ['id'], merge: 'upsert' });
      await into(stream(groups([rows(line('double'), { id: 1, v: 0.1 + 0.2 })])));
      await into(stream([{ group: '2', after: '1', chunks: [rows(line('text'), { id: 2, v: 'x' })] }]));
      assert.deepEqual(await select('SELECT v FROM @t ORDER BY id'), [['0.30000000000000004'], ['x']]);
    });

    test('whole decimals that get a fraction and dates that become instants are what they were', async () => {
      const { into, select } = await fresh();
      const line = (v: string, w: string) =>
        table('t', `id int, v ${v}, w ${w}`, { key: ['id'], merge: 'upsert' });
      await into(stream(groups([rows(line('decimal(5,0)', 'date'), { id: 1, v: '5', w: '2024-01-31' })])));
      const wider = line('decimal(7,2)', 'timestamptz');
      const next = rows(wider, { id: 2, v: '7.25', w: '2024-01-31T00:00:00Z' });
      await into(stream([{ group: '2', after: '1', chunks: [next] }]));
      assert.deepEqual(await select('SELECT v FROM @t ORDER BY id'), [['5.00'], ['7.25']]);
      assert.deepEqual(await select('SELECT count(DISTINCT w) FROM @t'), [['1']]);
    });

    test('a snapshot that comes after a newer one brings back what is missing all the same', async () => {
      const { into, select } = await fresh();
      const line = table('f', 'id int, v text', { key: ['id'], merge: 'delete-insert' });
      const scope = 'snapshot/2026-01-31/POD1';
      const snapshot = (group: string, ...given: { id: number; v: string }[]) =>
        stream([{ group, after: null, scope, chunks: [rows(line, ...given)] }]);
      await into(snapshot('1001', { id: 1, v: 'newer' }));
      await into(snapshot('1000', { id: 1, v: 'older' }, { id: 2, v: 'missing' }), { allowGap: true });
      assert.deepEqual(await select('SELECT id, v FROM @f ORDER BY id'), [
        ['1', 'newer'],
        ['2', 'missing'],
      ]);
    });

    test('bytes that become text are the text that the wire has for them', {
      skip: name === 'sqlite' && 'it refuses that',
    }, async () => {
      const { into, select } = await fresh();
      const line = (type: string) => table('t', `id int, v ${type}`, { key: ['id'], merge: 'upsert' });
      const long = Buffer.alloc(90, 255).toString('base64');
      await into(stream(groups([rows(line('bytes'), { id: 1, v: 'AAD/' }, { id: 2, v: long })])));
      await into(stream([{ group: '2', after: '1', chunks: [rows(line('text'), { id: 3, v: 'x' })] }]));
      assert.deepEqual(await select('SELECT v FROM @t ORDER BY id'), [['AAD/'], [long], ['x']]);
    });

    test('a key that its rows do not have is told', async () => {
      const { into } = await fresh();
      const line = table('t', 'id int', { key: ['nr'], merge: 'upsert' });
      await rejects(
        into(stream(groups([rows(line, { id: 1 })]))),
        /^table t: expected the column nr of its key, found no such column$/,
      );
    });

    test('a column that was spoken of is made, though no row has it yet', async () => {
      const { into, select } = await fresh();
      const spoken = table('users', 'id int, name text, later text', { key: ['id'], merge: 'upsert' });
      await into(stream(groups([spoken, rows(user, { id: 1, name: 'a' })])));
      assert.deepEqual(await select('SELECT id, name, later FROM @users'), [['1', 'a', null]]);
    });

    test('rows without declared columns bring their own', async () => {
      const { into, select } = await fresh();
      const line = { $: 'table', table: 't', key: ['id'], merge: 'upsert' } as const;
      await into(
        stream(
          groups([
            rows(line, { id: 1, a: 'x' }),
            rows(line, { id: 2, b: 1.5 }),
            rows(line, { id: 3, a: 'z' }),
          ]),
        ),
      );
      assert.deepEqual(await select('SELECT id, a, b FROM @t ORDER BY id'), [
        ['1', 'x', null],
        ['2', null, '1.5'],
        ['3', 'z', null],
      ]);
    });

    test('a full delivery that would take too much away is refused; emptying needs 100', async () => {
      const { into, select } = await fresh();
      const many = Array.from({ length: 2000 }, (_, id) => ({ id, name: 'x' }));
      const full = { ...user, full: true } as const;
      await into(stream(groups([rows(user, ...many)])));
      const next = (count: number): Parameters<typeof stream>[0] => [
        { group: '2', after: '1', chunks: [full, rows(full, ...many.slice(0, count))] },
      ];
      await rejects(
        into(stream(next(900))),
        /^table users: expected to lose at most 50 % of its rows, found 1100 of 2000 to be deleted/,
      );
      await rejects(into(stream(next(0)), { maxDelete: 99 }), /found 2000 of 2000/);
      await into(stream(next(1100)));
      assert.deepEqual(await select('SELECT count(*) FROM @users'), [['1100']]);
      await into(stream([{ group: '3', after: '2', chunks: [full] }]), { maxDelete: 100 });
      assert.deepEqual(await select('SELECT count(*) FROM @users'), [['0']]);
    });

    test('also a small table is not emptied without being told so', async () => {
      const { into, select } = await fresh();
      const full = { ...user, full: true } as const;
      await into(stream(groups([rows(user, { id: 1, name: 'a' }, { id: 2, name: 'b' })])));
      const empty = () => stream([{ group: '2', after: '1', chunks: [full] }]);
      await rejects(into(empty()), /found 2 of 2 to be deleted/);
      await into(empty(), { maxDelete: 100 });
      assert.deepEqual(await select('SELECT count(*) FROM @users'), [['0']]);
    });

    test('a percentage that is given holds for small tables, too', async () => {
      const { into, select } = await fresh();
      const full = { ...user, full: true } as const;
      const four = [1, 2, 3, 4].map((id) => ({ id, name: 'a' }));
      await into(stream(groups([rows(user, ...four)])));
      const one = () => stream([{ group: '2', after: '1', chunks: [full, rows(full, four[0]!)] }]);
      await rejects(into(one(), { maxDelete: 74 }), /at most 74 % of its rows, found 3 of 4/);
      await into(one());
      assert.deepEqual(await select('SELECT count(*) FROM @users'), [['1']]);
    });

    test('a table that is replaced holds the last delivery only, with a key and without', async () => {
      const { into, select } = await fresh();
      for (const key of [[], ['id']]) {
        const line = table(`t${key.length}`, 'id int, name text', { key, merge: 'replace' });
        const first = rows(line, { id: 1, name: 'a' }, { id: 2, name: 'b' });
        await into(
          stream(
            groups([first], [rows(line, { id: 2, name: 'B' }, { id: 3, name: 'c' })]),
            'zenoti',
            line.table,
          ),
        );
        assert.deepEqual(await select(`SELECT id, name FROM @${line.table} ORDER BY id`), [
          ['2', 'B'],
          ['3', 'c'],
        ]);
      }
    });

    test('a small table may lose more than half of its rows', async () => {
      const { into, select } = await fresh();
      const full = { ...user, full: true } as const;
      const five = [1, 2, 3, 4, 5].map((id) => ({ id, name: 'a' }));
      await into(stream(groups([rows(user, ...five)])));
      await into(stream([{ group: '2', after: '1', chunks: [rows(full, five[0]!)] }]));
      assert.deepEqual(await select('SELECT id FROM @users'), [['1']]);
    });

    test('a column that one file of a group has and another has not keeps its value where it is absent', async () => {
      const { into, select } = await fresh();
      for (const merge of ['upsert', 'delete-insert'] as const) {
        const keyed = { key: ['id'], merge };
        const narrow = table(merge, 'id int, a text', keyed);
        const wide = table(merge, 'id int, a text, b text', keyed);
        await into(
          stream(
            groups(
              [rows(wide, { id: 1, a: 'x', b: 'stays' }, { id: 2, a: 'x', b: 'goes' })],
              [rows(narrow, { id: 1, a: 'y' }), rows(wide, { id: 2, a: 'y', b: null })],
            ),
            'zenoti',
            merge,
          ),
        );
        assert.deepEqual(await select(`SELECT id, a, b FROM @"${merge}" ORDER BY id`), [
          ['1', 'y', 'stays'],
          ['2', 'y', null],
        ]);
      }
    });

    test('soft deletes, which are the default, keep the row, hard ones remove it, and an older version does not bring it back', async () => {
      for (const deletes of [undefined, 'soft', 'hard'] as const) {
        const { into, select } = await fresh();
        const line = table('t', 'id int, seq bigint, gone timestamptz', {
          key: ['id'],
          merge: 'upsert',
          order: ['seq'],
          delete_flag: 'gone',
        });
        const options = { maxDelete: 100, ...(deletes === undefined ? {} : { deletes }) };
        await into(
          stream(groups([rows(line, { id: 1, seq: '10', gone: null }, { id: 2, seq: '10', gone: null })])),
          options,
        );
        await into(
          stream([
            {
              group: '2',
              after: '1',
              chunks: [
                rows(
                  line,
                  { id: 1, seq: '20', gone: '2024-01-01T00:00:00Z' },
                  { id: 3, seq: '9', gone: '2024-01-01T00:00:00Z' },
                ),
              ],
            },
          ]),
          options,
        );
        await into(
          stream([
            {
              group: '3',
              after: '2',
              chunks: [rows(line, { id: 1, seq: '15', gone: null }, { id: 3, seq: '8', gone: null })],
            },
          ]),
          options,
        );
        const expected =
          deletes !== 'hard'
            ? [
                ['1', '20'],
                ['2', '10'],
                ['3', '9'],
              ]
            : [['2', '10']];
        assert.deepEqual(await select('SELECT id, seq FROM @t ORDER BY id'), expected, deletes);
        await into(
          stream([{ group: '4', after: '3', chunks: [rows(line, { id: 1, seq: '21', gone: null })] }]),
          options,
        );
        assert.deepEqual(await select('SELECT seq FROM @t WHERE id = 1'), [['21']]);
      }
    });

    test('a deletion for good is remembered, whatever becomes of the same key in another table', async () => {
      const { into, select } = await fresh();
      const line = (name: string) =>
        table(name, 'id int, seq bigint, gone timestamptz', {
          key: ['id'],
          merge: 'upsert',
          order: ['seq'],
          delete_flag: 'gone',
        });
      const [a, b] = [line('a'), line('b')];
      const gone = '2024-01-01T00:00:00Z';
      const list = groups(
        [rows(a, { id: 1, seq: '10', gone: null }), rows(b, { id: 1, seq: '10', gone: null })],
        [rows(a, { id: 1, seq: '20', gone })],
        [rows(b, { id: 1, seq: '30', gone: null })],
        [rows(a, { id: 1, seq: '15', gone: null })],
      );
      await into(stream(list), { deletes: 'hard', maxDelete: 100 });
      assert.deepEqual(await select('SELECT id FROM @a'), []);
      assert.deepEqual(await select('SELECT seq FROM @b'), [['30']]);
    });

    test('deletions of composite keys do not run together', async () => {
      const { into, select } = await fresh();
      const line = table('t', 'a text, b text, seq bigint, gone timestamptz', {
        key: ['a', 'b'],
        merge: 'upsert',
        order: ['seq'],
        delete_flag: 'gone',
      });
      const at = (a: string, b: string, seq: string, gone: string | null = null) => ({ a, b, seq, gone });
      const now = '2024-01-01T00:00:00Z';
      const pairs = [
        ['x', 'yz', 'xy', 'z'],
        ['p|q', 'r', 'p', 'q|r'],
        ['s~', 't', 's', '~t'],
      ] as const;
      const list = groups(
        pairs.map(([a, b]) => rows(line, at(a, b, '20', now))),
        pairs.map(([, , a, b]) => rows(line, at(a, b, '10'))),
      );
      await into(stream(list), { deletes: 'hard', maxDelete: 100 });
      assert.deepEqual(await select('SELECT a, b FROM @t ORDER BY a'), [
        ['p', 'q|r'],
        ['s', '~t'],
        ['xy', 'z'],
      ]);
    });

    test('a newer version of a table replaces it, an older one arriving late is ignored', async () => {
      const { into, select } = await fresh();
      const line = table('t', 'id int, seq bigint, ver bigint', {
        key: ['id'],
        merge: 'upsert',
        order: ['seq'],
        version: 'ver',
      });
      const bodies = [
        [
          { id: 1, seq: '1', ver: '1' },
          { id: 2, seq: '2', ver: '1' },
        ],
        [
          { id: 2, seq: '3', ver: '2' },
          { id: 5, seq: '9', ver: '1' },
        ],
        [{ id: 1, seq: '99', ver: '1' }],
        [{ id: 3, seq: '4', ver: '2' }],
      ];
      await into(stream(groups(...bodies.map((body) => [rows(line, ...body)])), 'stitch'), {
        targetName: '{table}',
      });
      assert.deepEqual(await select('SELECT id, seq FROM @t ORDER BY id'), [
        ['2', '3'],
        ['3', '4'],
      ]);
    });

    test('a newer version of a table leaves no rows of its subtables, though it brings none', async () => {
      const { into, select } = await fresh();
      const versioned = { merge: 'upsert', order: ['seq'], version: 'ver' } as const;
      const parent = table('c', 'id int, seq bigint, ver bigint', { key: ['id'], ...versioned });
      const child = table('c__p', '_sdc_source_key_id int, _sdc_level_0_id int, seq bigint, ver bigint', {
        key: ['_sdc_source_key_id', '_sdc_level_0_id'],
        parent: 'c',
        ...versioned,
      });
      const of = (id: number) => ({ _sdc_source_key_id: id, _sdc_level_0_id: 0, seq: '1', ver: '1' });
      const list = groups(
        [
          rows(parent, { id: 1, seq: '1', ver: '1' }, { id: 2, seq: '1', ver: '1' }),
          rows(child, of(1), of(2)),
        ],
        [rows(parent, { id: 1, seq: '2', ver: '2' }), child],
      );
      await into(stream(list, 'stitch'), { targetName: '{table}' });
      assert.deepEqual(await select('SELECT id FROM @c'), [['1']]);
      assert.deepEqual(await select('SELECT _sdc_source_key_id FROM @c__p'), []);
    });

    test("subtable rows that come in a group before their parent's row are there when it comes", async () => {
      const order = ['_sdc_sequence'];
      const parent = table('c', 'id int, _sdc_sequence bigint', { key: ['id'], merge: 'upsert', order });
      const child = table('c__p', '_sdc_source_key_id int, _sdc_level_0_id int, _sdc_sequence bigint', {
        key: ['_sdc_source_key_id', '_sdc_level_0_id'],
        merge: 'upsert',
        order,
        parent: 'c',
      });
      const deletes = {
        ...parent,
        columns: [...parent.columns!, { name: 'gone', type: 'boolean' as const }],
      };
      const row = (id: number, sequence: number, gone?: boolean) =>
        gone === undefined
          ? rows(parent, { id, _sdc_sequence: sequence })
          : rows({ ...deletes, delete_flag: 'gone' }, { id, _sdc_sequence: sequence, gone });
      const parts = (id: number, sequence: number, count: number) =>
        rows(
          child,
          ...Array.from({ length: count }, (_, level) => ({
            _sdc_source_key_id: id,
            _sdc_level_0_id: level,
            _sdc_sequence: sequence,
          })),
        );
      const file = (name: string): Chunk => ({ $: 'file', uri: `file:///${name}.csv`, table: name });
      const eof = (name: string): Chunk => ({
        $: 'eof',
        uri: `file:///${name}.csv`,
        rows: 1,
        rejects: 0,
      });
      const ofFile = (name: string, ...chunks: Chunk[]) => [file(name), ...chunks, eof(name)];
      const list = groups(
        ofFile('c__p', parts(1, 5, 2), parts(2, 9, 2), parts(3, 5, 1)),
        // That of 1 is the one awaited; to 2 its own is still to come, 3 has a newer one without any.
        ofFile('c', row(1, 5), row(2, 8), row(3, 6)),
        // The same again in a group that has rows of the subtable: sent again, new, and of a version that is late.
        [...ofFile('c', row(1, 5), row(2, 8), row(4, 1)), ...ofFile('c__p', parts(4, 1, 3), parts(2, 8, 1))],
        ofFile('c', row(2, 9)),
        [...ofFile('c', row(4, 1)), ...ofFile('c__p', parts(4, 1, 1))],
        [...ofFile('c', row(5, 1)), ...ofFile('c__p', parts(5, 1, 2))],
        [...ofFile('c', row(5, 1), row(6, 1)), ...ofFile('c__p', parts(6, 1, 1))],
      );
      const left = [
        ['1', '5', '2'],
        ['2', '9', '2'],
        ['4', '1', '1'],
        ['5', '1', '2'],
        ['6', '1', '1'],
      ];
      const counts =
        'SELECT _sdc_source_key_id, _sdc_sequence, count(*) FROM @c__p GROUP BY _sdc_source_key_id, _sdc_sequence ORDER BY 1, 2';
      const options = { targetName: '{table}', deletes: 'hard' as const, maxDelete: 100 };
      const { into, select } = await fresh();
      for (let again = 0; again < 2; again++) {
        // A script knows the subtables of former streams, and those that its own group speaks of.
        for (const group of list) await into(stream([group], 'stitch'), options);
        assert.deepEqual(await select(counts), left);
      }
      // A parent that is gone takes them along.
      const last = { group: '8', after: '7', chunks: ofFile('c', row(1, 5, true)) };
      await into(stream([last], 'stitch'), options);
      assert.deepEqual(await select(counts), left.slice(1));
      if (name !== 'duckdb' && name !== 'postgres') return;
      const batched = await fresh();
      await batched.into(stream(list, 'stitch'), { ...options, batchGroups: 'auto' });
      assert.deepEqual(await batched.select(counts), left);
      const counted =
        "SELECT group_id, table_name, inserted, updated, deleted FROM @brigade_ledger WHERE group_id <> '8' ORDER BY 1, 2";
      assert.deepEqual(await batched.select(counted), await select(counted));
    });

    test('subtable rows follow the version of their parent that lives', async () => {
      const { into, select } = await fresh();
      const parent = table('c', 'id int, _sdc_sequence bigint', {
        key: ['id'],
        merge: 'upsert',
        order: ['_sdc_sequence'],
      });
      const child = table(
        'c__p',
        '_sdc_source_key_id int, _sdc_level_0_id int, _sdc_sequence bigint, value text',
        {
          key: ['_sdc_source_key_id', '_sdc_level_0_id'],
          merge: 'upsert',
          order: ['_sdc_sequence'],
          parent: 'c',
        },
      );
      const of = (id: number, seq: number, ...values: string[]) => [
        rows(parent, { id, _sdc_sequence: String(seq) }),
        ...(values.length === 0
          ? []
          : [
              rows(
                child,
                ...values.map((value, level) => ({
                  _sdc_source_key_id: id,
                  _sdc_level_0_id: level,
                  _sdc_sequence: String(seq),
                  value,
                })),
              ),
            ]),
      ];
      const children = () => select('SELECT _sdc_source_key_id, value FROM @c__p ORDER BY 1, 2');
      const options = { targetName: '{table}' };
      let last = 0;
      const next = (...chunks: Chunk[]) =>
        into(
          stream([{ group: String(++last), after: last === 1 ? null : String(last - 1), chunks }], 'stitch'),
          options,
        );
      // Two versions in one group, the older one's rows gone; the same version twice is there once.
      await next(
        ...of(1, 10, 'a', 'b', 'c'),
        ...of(1, 11, 'd', 'e'),
        ...of(1, 11, 'd', 'e'),
        ...of(2, 10, 'x'),
      );
      assert.deepEqual(await children(), [
        ['1', 'd'],
        ['1', 'e'],
        ['2', 'x'],
      ]);
      // An older version late: nothing. A shrunk array.
      await next(...of(1, 5, 'old'), ...of(2, 12, 'y'));
      assert.deepEqual(
        await select(
          "SELECT inserted, deleted FROM @brigade_ledger WHERE group_id = '2' AND table_name = 'c__p'",
        ),
        [['1', '1']],
      );
      assert.deepEqual(await children(), [
        ['1', 'd'],
        ['1', 'e'],
        ['2', 'y'],
      ]);
      // An empty array, with the subtable declared.
      await next(child, ...of(2, 13));
      assert.deepEqual(await children(), [
        ['1', 'd'],
        ['1', 'e'],
      ]);
      // An empty array in a group that does not speak of the subtable at all.
      // A script knows only what its stream speaks of.
      await next(...(name === 'sqlite' ? [child] : []), ...of(1, 12));
      assert.deepEqual(await children(), []);
      // Children without their parent: the greatest sequence wins unless the target has a newer one.
      await next(
        ...of(3, 20, 'p').slice(1),
        ...of(3, 21, 'q', 'r').slice(1),
        ...of(3, 21, 'q', 'r').slice(1),
      );
      assert.deepEqual(await children(), [
        ['3', 'q'],
        ['3', 'r'],
      ]);
      await next(...of(3, 19, 'late').slice(1));
      assert.deepEqual(await children(), [
        ['3', 'q'],
        ['3', 'r'],
      ]);
    });

    test('a changed key is told, and names the way out', async () => {
      const { into } = await fresh();
      await into(stream(groups([rows(user, { id: 1, name: 'a' })])));
      const other = { ...user, key: ['id', 'name'] };
      await rejects(
        into(stream([{ group: '2', after: '1', chunks: [rows(other, { id: 1, name: 'a' })] }])),
        /^table users: expected the merge used so far, upsert by id, found upsert by id,name; .*load the table anew \(docs\/merging\.md\)$/,
      );
    });

    test('a key whose columns come in another case is the same one', async () => {
      const { into, select } = await fresh();
      const upper = table('users', 'ID int, Area text, NAME text', { key: ['ID', 'Area'], merge: 'upsert' });
      const lower = table('users', 'id int, area text, name text', { key: ['id', 'area'], merge: 'upsert' });
      await into(stream(groups([rows(upper, { ID: 1, Area: 'x', NAME: 'a' })])));
      const chunks = [rows(lower, { id: 1, area: 'x', name: 'b' }, { id: 2, area: 'x', name: 'c' })];
      await into(stream([{ group: '2', after: '1', chunks }]));
      assert.deepEqual(await select('SELECT id, name FROM @users ORDER BY id'), [
        ['1', 'b'],
        ['2', 'c'],
      ]);
    });

    test('schema scripts are recorded, and a table that is only declared exists', async () => {
      const { into, select } = await fresh();
      async function* input(): AsyncIterable<Chunk> {
        yield { $: 'feed', wire: 1, feed: 'zenoti', source: 's', root: 'r' };
        yield {
          $: 'ddl',
          uri: 'file:///a.txt',
          modified: '2024-01-01T00:00:00Z',
          etag: 'e',
          sql: 'DROP TABLE users',
        };
        yield table('declared', 'id int, v text', { key: ['id'], merge: 'upsert' });
        yield { $: 'end', groups: 0 };
      }
      await into(input());
      await into(input());
      assert.deepEqual(await select('SELECT * FROM @declared'), []);
      assert.deepEqual(await select('SELECT source, uri, etag FROM @brigade_ddl'), [
        ['s', 'file:///a.txt', 'e'],
      ]);
    });

    test('counts that differ from what was read are refused on request; vendor-exact takes no dedupe', async () => {
      const { into, select } = await fresh();
      const body = (count: number): Chunk[] => [
        { $: 'file', uri: 'file:///f', table: 'Bi_FactForms', batch: '1' },
        rows(fact, { factformid: '1', organizationid: 'o', void: '0', v: 'x' }),
        { $: 'eof', uri: 'file:///f', rows: count, rejects: 0 },
      ];
      await rejects(
        into(stream(groups(body(2))), { strictCounts: true }),
        /expected the 2 rows read from its files, found 1$/,
      );
      await rejects(into(stream(groups(body(2))), { vendorExact: true }), /takes no dedupe/);
      async function* miscounted(): AsyncIterable<Chunk> {
        for await (const chunk of stream(groups(body(1))))
          yield '$' in chunk && chunk.$ === 'commit' ? { ...chunk, rows: 7 } : chunk;
      }
      const complaint = /expected the 7 rows of its commit line, found 1 in its eof lines$/;
      await rejects(into(miscounted(), { strictCounts: true }), complaint);
      if (name !== 'sqlite') {
        const { warnings } = await (await fresh()).into(miscounted());
        assert.match(warnings[0]!, complaint);
      }
      await into(stream(groups(body(1), body(1))), { vendorExact: true });
      const quoted = lower ? 'bi_factforms' : 'Bi_FactForms';
      // As the vendor's own statements have it: a row without its void twin is there twice.
      assert.deepEqual(await select(`SELECT count(*) FROM @"${quoted}"`), [['2']]);
    });

    test("the vendor's own statements go by the number of the logid", async () => {
      const { into, select } = await fresh();
      const logid = (batch: string, flag: string): Chunk[] => [
        { $: 'file', uri: `file:///${batch}`, table: 'Bi_FactForms', batch },
        rows(fact, { factformid: '1', organizationid: 'o', void: flag, v: batch }),
        { $: 'eof', uri: `file:///${batch}`, rows: 1, rejects: 0 },
      ];
      await into(stream(groups([...logid('10', '1'), ...logid('9', '0')])), { vendorExact: true });
      const quoted = lower ? 'bi_factforms' : 'Bi_FactForms';
      assert.deepEqual(await select(`SELECT v FROM @"${quoted}"`), []);
    });

    test('two sources and two scopes have groups of the same number, each its own', async () => {
      const { into, select } = await fresh();
      const first = (id: number, scope: string) => [
        { group: '1', after: null, scope, chunks: [rows(user, { id, name: scope })] },
      ];
      await into(stream(first(1, 'POD1'), 'zenoti', 'berlin'));
      await into(stream(first(2, 'POD2'), 'zenoti', 'berlin'));
      await into(stream(first(3, 'POD1'), 'zenoti', 'paris'));
      assert.deepEqual(await select('SELECT id FROM @users ORDER BY id'), [['1'], ['2'], ['3']]);
    });

    test('a loose body is applied at the end, without a ledger', async () => {
      const { into, select } = await fresh();
      async function* input(): AsyncIterable<Chunk> {
        yield rows(table('loose', 'a int'), { a: 1 }, { a: 2 });
        yield { $: 'end', groups: 0 };
      }
      await into(input());
      assert.deepEqual(await select('SELECT a FROM @loose ORDER BY a'), [['1'], ['2']]);
      assert.deepEqual(await select('SELECT count(*) FROM @brigade_ledger'), [['0']]);
    });
  });
}

test('DuckDB loads a table of thousands of columns', async () => {
  const target = await targets.duckdb();
  const names = Array.from({ length: 5000 }, (_, i) => `c${i}`);
  const line = table('wide', names.join(', '), { merge: 'append' });
  const row = Object.fromEntries(names.map((each, i) => [each, `text ${i}`]));
  await loadInto(target, stream(groups([rows(line, row, row)])));
  assert.deepEqual(await target.select('SELECT count(*), min(c0), max(c4999) FROM wide'), [
    ['2', 'text 0', 'text 4999'],
  ]);
});

describe('files that nobody decoded', () => {
  const folder = scratch('files');
  const put = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return pathToFileURL(join(folder, name)).href;
  };
  const file = (uri: string, batch: string): Chunk => ({
    $: 'file',
    uri,
    table: fact.table,
    format: 'csv',
    role: 'data',
    batch,
  });

  test('DuckDB reads them itself: NULL apart from empty, short rows, a header that may be there', async () => {
    const target = await targets.duckdb();
    const first = put(
      '1.csv',
      'factformid,organizationid,void,v\n1,o,0,""\n2,o,0,\n3,o,0\n4,"o\n,",0,"a ""b"""\n',
    );
    const second = put('2.csv', '1,o,1,gone\n2,o,1,old\n2,o,0,new\n');
    const chunks = [fact, file(first, '9'), file(second, '10')];
    const { warnings } = await loadInto(target, stream(groups(chunks)));
    assert.match(warnings[0]!, /1 table, 7 rows read, 3 inserted, /);
    assert.deepEqual(
      await target.select('SELECT factformid, organizationid, v FROM "Bi_FactForms" ORDER BY 1'),
      [
        ['2', 'o', 'new'],
        ['3', 'o', null],
        ['4', 'o\n,', 'a "b"'],
      ],
    );
  });

  test('a bad value names table, row and column; formats it cannot read name decode', async () => {
    const target = await targets.duckdb();
    const uri = put('bad.csv', '1,o,0,x\nx,o,0,y\n');
    await assert.rejects(
      loadInto(target, stream(groups([fact, file(uri, '1')]))),
      /^UserError: table Bi_FactForms row 2 column factformid: expected decimal\(19,0\), found "x" \(rows of file:.*bad\.csv\)$/,
    );
    const avro = { ...file(uri, '1'), format: 'avro' } as Chunk;
    await assert.rejects(loadInto(target, stream(groups([fact, avro]))), /decode before this command/);
    const zip = { ...file(uri, '1'), codec: 'zip' } as Chunk;
    await assert.rejects(loadInto(target, stream(groups([fact, zip]))), /decode before this command/);
  });

  test('a file of whose columns nothing is known needs decode', async () => {
    const target = await targets.duckdb();
    const file: Chunk = { $: 'file', uri: 'file:///drop/t.jsonl', table: 't' };
    for (const line of [[], [{ $: 'table', table: 't', merge: 'append' } as const]])
      await assert.rejects(
        loadInto(target, stream(groups([...line, file]))),
        /^UserError: file file:\/\/\/drop\/t\.jsonl: expected rows \(decode before this command\), or a table line with columns .*, found neither$/,
      );
  });

  test('PostgreSQL needs decode', async () => {
    const target = await targets.postgres();
    const uri = put('3.csv', '1,o,0,x\n');
    await assert.rejects(
      loadInto(target, stream(groups([fact, file(uri, '1')]))),
      /PostgreSQL does not read files \(decode before this command\)/,
    );
    assert.deepEqual(await target.select('SELECT count(*) FROM brigade_ledger'), [['0']]);
  });
});

describe('targets', () => {
  const context = (env: Record<string, string> = {}) => {
    const warnings: string[] = [];
    return { context: { env, warn: (message: string) => void warnings.push(message) }, warnings };
  };

  test('a target is a DuckDB path, a PostgreSQL URL, or one kept in a variable or a file', () => {
    const path = join(scratch('target'), 'target');
    writeFileSync(path, 'postgres://u:secret@h/db\n');
    const { context: quiet, warnings } = context({ DWH: 'postgres://u:secret@h/db' });
    assert.deepEqual(parseTarget('a/b.duckdb', quiet), { kind: 'duckdb', path: 'a/b.duckdb' });
    assert.deepEqual(parseTarget('duckdb:a.db', quiet), { kind: 'duckdb', path: 'a.db' });
    assert.deepEqual(parseTarget('env:DWH', quiet), { kind: 'postgres', url: 'postgres://u:secret@h/db' });
    assert.deepEqual(parseTarget(`file:${path}`, quiet), {
      kind: 'postgres',
      url: 'postgres://u:secret@h/db',
    });
    assert.deepEqual(warnings, []);
    assert.throws(() => parseTarget('env:NONE', quiet), UsageError);
    assert.throws(
      () => parseTarget('oracle://u:secret@h/db', quiet),
      (error: Error) => error instanceof UsageError && !error.message.includes('secret'),
    );
  });

  test('a password on the command line draws a warning that does not show it', () => {
    const { context: quiet, warnings } = context();
    parseTarget('postgres://u:secret@h/db', quiet);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /^postgres:\/\/u:\*\*\*@h\/db: /);
    assert.equal(
      maskTarget('postgres://h/db?user=u&password=secret&x=1'),
      'postgres://h/db?user=u&password=***&x=1',
    );
    // Not what a URL should look like, but what people write.
    assert.equal(maskTarget('postgres://u:p@ss/w:rd@h/db'), 'postgres://u:***@h/db');
    assert.throws(
      () => parseTarget('postgres://u:secret@h:port/db', quiet),
      (error: Error) => error instanceof UsageError && !error.message.includes('secret'),
    );
  });

  test('a server that does not answer and a file that is open elsewhere are temporary', async () => {
    const one = stream(groups([rows(user, { id: 1, name: 'a' })]));
    await assert.rejects(
      load('postgres://u:secret@127.0.0.1:1/db')(one, quietContext()),
      (error: Error) => error instanceof TemporaryError && !error.message.includes('secret'),
    );
    const target = await targets.duckdb();
    const { spawn } = await import('node:child_process');
    const holder = spawn(
      process.execPath,
      [
        '-e',
        `import('@duckdb/node-api').then(async ({ DuckDBInstance }) => { const i = await DuckDBInstance.create(${JSON.stringify(target.url)}); await i.connect(); console.log('open'); setInterval(() => i, 1e6); })`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'], cwd: process.cwd() },
    );
    try {
      await new Promise((resolve) => holder.stdout.once('data', resolve));
      await assert.rejects(
        loadInto(target, stream(groups([rows(user, { id: 1, name: 'a' })]))),
        (error: Error) => error instanceof TemporaryError && /found it locked$/.test(error.message),
      );
    } finally {
      holder.kill();
    }
  });

  test('what PostgreSQL refuses in the middle of a COPY is said in its words', async () => {
    const target = await targets.postgres();
    const wide = Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`c${i}`, 'a wide row']));
    const line = table('wide', Object.keys(wide).join(', '), { merge: 'append' });
    const chunks = Array.from({ length: 3 }, () => rows(line, ...Array.from({ length: 50 }, () => wide)));
    // So slow that the refusal is there before the next rows are.
    async function* slowly(input: AsyncIterable<Chunk>): AsyncIterable<Chunk> {
      for await (const chunk of input) {
        yield chunk;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
    await assert.rejects(
      loadInto(target, slowly(stream(groups(chunks)))),
      (error: Error) =>
        error instanceof UserError && /^table wide: row is too big: size /.test(error.message),
    );
    await loadInto(target, stream(groups([rows(user, { id: 1, name: 'a' })])));
  });

  test('what PostgreSQL says of a table when the next one begins names the first alone', async () => {
    const wide = Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`c${i}`, 'a wide row']));
    const line = table('wide', Object.keys(wide).join(', '), { merge: 'append' });
    await assert.rejects(
      loadInto(
        await targets.postgres(),
        stream(groups([rows(line, wide), rows(user, { id: 1, name: 'a' })])),
      ),
      { name: 'UserError', message: /^table wide: row is too big: size / },
    );
  });

  test('two loads at once into PostgreSQL wait for each other', async () => {
    const target = await targets.postgres();
    const scopes = ['POD1', 'POD2', 'POD3', 'POD4'];
    const input = (scope: string) =>
      stream(
        [1, 2, 3]
          .map((n) => ({
            group: String(n),
            after: n === 1 ? null : String(n - 1),
            scope,
            chunks: [rows(user, { id: 1, name: scope }, { id: n, name: scope })],
          }))
          .map((group, i) => (i === 0 ? { ...group, chunks: [rows(user, { id: 1, name: scope })] } : group)),
      );
    await Promise.all(scopes.map((scope) => loadInto(target, input(scope))));
    assert.deepEqual(await target.select('SELECT id FROM users ORDER BY id'), [['1'], ['2'], ['3']]);
    assert.deepEqual(await target.select("SELECT count(*) FROM brigade_ledger WHERE table_name = ''"), [
      ['12'],
    ]);
  });
});
