import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { LoadOptions } from '../src/commands/load.ts';
import type { Chunk, TableLine } from '../src/wire/types.ts';
import {
  groups,
  hasPsql,
  loadInto,
  rows,
  runScript,
  script,
  stream,
  type TestGroup,
  type TestTarget,
  table,
  targets,
} from './support/merging.ts';

const user = table('users', 'id int, name text', { key: ['id'], merge: 'upsert' });
const at = (group: string, after: string | null, ...chunks: Chunk[]): TestGroup => ({ group, after, chunks });

for (const name of ['duckdb', 'postgres'] as const) {
  describe(`what a load into ${name} tells and leaves out`, () => {
    let made: Promise<TestTarget> | undefined;
    let schemas = 0;
    const fresh = async () => {
      made ??= targets[name]();
      const target = await made;
      const schema = `s${++schemas}`;
      const into = async (list: readonly TestGroup[], options: LoadOptions = {}) =>
        (await loadInto(target, stream(list), { schema, ...options })).warnings;
      const byScript = async (list: readonly TestGroup[], options: LoadOptions = {}, feed = 'zenoti') => {
        const { text, error } = await script(stream(list, feed), { dialect: name, schema, ...options });
        assert.equal(error, undefined);
        const { code, stderr } = await runScript(target, text);
        assert.equal(code, 0, stderr);
      };
      const tryScript = async (list: readonly TestGroup[], options: LoadOptions = {}) => {
        const { text } = await script(stream(list), { dialect: name, schema, ...options });
        const { code, stderr } = await runScript(target, text);
        return code === 0 ? '' : stderr;
      };
      const here = (sql: string) => sql.replaceAll('@', `"${schema}".`);
      const select = (sql: string) => target.select(here(sql));
      const run = (sql: string) => target.run(here(sql));
      return { into, byScript, tryScript, select, run, target, schema };
    };

    test('rows whose delete flag is NULL count as not deleted, and are counted', async () => {
      const { into, select } = await fresh();
      const fact = table('facts', 'id int, void int', {
        key: ['id'],
        merge: 'delete-insert',
        delete_flag: 'void',
      });
      const body = [rows(fact, { id: 1, void: null }, { id: 2, void: 1 }, { id: 3, void: null })];
      assert.equal(
        (await into(groups(body)))[0],
        'group zenoti POD1 1: table facts: 2 rows have NULL in void, the delete flag, and count as not deleted',
      );
      assert.deepEqual(await select('SELECT id FROM @facts ORDER BY id'), [['1'], ['3']]);
      assert.deepEqual(await into(groups(body)), ['zenoti POD1 1: applied before, nothing changed']);
    });

    test('a group that was applied with another listing is told, a table chosen later is not', async () => {
      const { into, target, schema } = await fresh();
      const other = table('others', 'id int', { key: ['id'], merge: 'upsert' });
      await into(groups([rows(user, { id: 1, name: 'a' })]));
      const listed = `UPDATE "${schema}".brigade_ledger SET digest = 'of other files'`;
      assert.deepEqual(await into(groups([rows(user, { id: 1, name: 'b' })])), [
        'zenoti POD1 1: applied before, nothing changed',
      ]);
      await target.run(listed);
      assert.match(
        (await into(groups([rows(user, { id: 1, name: 'b' })])))[0]!,
        /^group zenoti POD1 1 was applied with another listing \(late or changed files\)/,
      );
      assert.match(
        (await into(groups([rows(user), rows(other, { id: 1 })])))[0]!,
        /^zenoti POD1 1: .*1 inserted/,
      );
      assert.deepEqual(await into(groups([rows(user), rows(other, { id: 1 })])), [
        'zenoti POD1 1: applied before, nothing changed',
      ]);
    });

    for (const rest of [{ full: true }, { merge: 'replace' }] as const) {
      test(`a whole copy (${Object.keys(rest)}) that comes late does not replace a newer one, by load and by script`, async () => {
        const copy = { ...user, ...rest };
        for (const way of ['load', 'script']) {
          if (way === 'script' && name === 'postgres' && !hasPsql) continue;
          const { into, byScript, select } = await fresh();
          const list = [
            at('20', null, rows(copy, { id: 1, name: 'new' }, { id: 2, name: 'new' })),
            at(
              '10',
              '9',
              rows(copy, { id: 1, name: 'old' }),
              rows(table('t', 'a int', { merge: 'append' }), { a: 1 }),
            ),
          ];
          const options = { allowGap: true, maxDelete: 100 };
          if (way === 'script') await byScript(list, options);
          else
            assert.equal(
              (await into(list, options))[1],
              'group zenoti POD1 10: table users: a whole copy older than what was applied; left out',
            );
          assert.deepEqual(await select('SELECT id, name FROM @users ORDER BY id'), [
            ['1', 'new'],
            ['2', 'new'],
          ]);
          assert.deepEqual(await select('SELECT a FROM @t'), [['1']]);
          assert.deepEqual(await select(`SELECT count(*) FROM @brigade_ledger WHERE group_id = '10'`), [
            ['2'],
          ]);
        }
      });
    }

    test('a deletion for good is compared by all columns of the order', async () => {
      const { into, select } = await fresh();
      const line = table('t', 'id int, day date, seq int, gone boolean', {
        key: ['id'],
        merge: 'upsert',
        order: ['day', 'seq'],
        delete_flag: 'gone',
      });
      const row = (seq: number | null, gone: boolean) => rows(line, { id: 1, day: '2024-01-01', seq, gone });
      const options = { deletes: 'hard', maxDelete: 100 } as const;
      await into(groups([row(5, false)], [row(7, true)], [row(6, false)], [row(null, false)]), options);
      assert.deepEqual(await select('SELECT * FROM @t'), []);
      await into([at('5', '4', row(7, false))], options);
      assert.deepEqual(await select('SELECT id, seq FROM @t'), [['1', '7']]);
    });

    test('a changed mode stops, and what the documentation says of loading a table anew lets it in', async () => {
      const { into, select, run } = await fresh();
      const other = table('others', 'id int, name text', { key: ['id'], merge: 'upsert' });
      const both = (line: typeof user) =>
        groups(
          [rows(line, { id: 1, name: 'a' }), rows(other, { id: 1, name: 'a' })],
          [rows(line, { id: 1, name: 'b' })],
        );
      await into(both(user));
      const { key: _, ...rest } = user;
      const log = { ...rest, merge: 'append' } as const;
      await assert.rejects(
        into([at('3', '2', rows(log, { id: 1, name: 'c' }))]),
        /^UserError: table users: expected the merge used so far, upsert by id, found append by ; to have it merged in another way, load the table anew \(docs\/merging\.md\)$/,
      );
      const replaced = { ...user, merge: 'replace' } as const;
      await assert.rejects(
        into([at('3', '2', rows(replaced, { id: 1, name: 'c' }))]),
        /expected the merge used so far, upsert by id, found replace by id; /,
      );
      assert.deepEqual(
        await select(`SELECT merge_mode, merge_key FROM @brigade_table WHERE target = 'users'`),
        [['upsert', 'id']],
      );
      assert.deepEqual(await select('SELECT name FROM @users'), [['b']]);

      const recipe = /## Loading a table anew.*?```sql\n(.*?)```/s.exec(
        readFileSync('docs/merging.md', 'utf8'),
      )![1]!;
      for (const statement of recipe.split(';\n').filter((text) => text !== ''))
        await run(statement.replace(/(DROP TABLE|FROM) /, '$1 @').replace(`'zenoti:s3://acme'`, `'test'`));
      const chosen = [...both(log), at('3', '2', rows(log, { id: 1, name: 'c' }))].map((group) => ({
        ...group,
        tables: ['users'],
      }));
      await into(chosen, { allowGap: true });
      assert.deepEqual(await select('SELECT name FROM @users ORDER BY name'), [['a'], ['b'], ['c']]);
      assert.deepEqual(await select('SELECT count(*) FROM @others'), [['1']]);
      assert.equal((await into(chosen))[0], 'zenoti POD1 1: applied before, nothing changed');
    });

    for (const way of ['load', 'script'] as const) {
      test(`a late group never undoes what a newer one brought, by ${way}`, {
        skip: way === 'script' && name === 'postgres' && !hasPsql && 'no psql here',
      }, async () => {
        const { into, select, tryScript } = await fresh();
        const apply = async (list: readonly TestGroup[], options: LoadOptions = {}): Promise<string> => {
          if (way === 'script') return tryScript(list, options);
          return into(list, options).then(
            () => '',
            (error) => String(error),
          );
        };
        const columnText = 'id int, rev int, gone int, name text';
        const line = (each: string, rest: Partial<TableLine>) =>
          table(each, columnText, { key: ['id'], ...rest });
        const unsafe = [
          line('facts', { merge: 'delete-insert', delete_flag: 'gone' }),
          line('dims', { merge: 'upsert' }),
        ];
        const safe = [
          line('ordered', { merge: 'upsert', order: ['rev'] }),
          line('log', { merge: 'append' }),
          line('versions', { merge: 'scd2', order: ['rev'] }),
        ];
        const of = (lines: readonly TableLine[], rev: number, name: string) =>
          lines.map((each) => rows(each, { id: 1, rev, gone: 0, name }));
        const all = [...unsafe, ...safe];
        assert.equal(await apply([at('1', null, ...of(all, 1, 'first'))]), '');
        assert.equal(await apply([at('3', '2', ...of(all, 3, 'third'))], { allowGap: true }), '');
        for (const each of unsafe) {
          const why = each.merge === 'upsert' ? 'upsert without an order' : 'delete-insert';
          for (const allowGap of [false, true]) {
            const message = await apply([at('2', '3', ...of([each, ...safe], 2, 'late'))], { allowGap });
            assert.ok(
              message.includes(
                `group zenoti POD1 2: table ${each.table}: expected a group after 3, found an older one, whose rows would undo newer ones (merge ${why}); list without --lookback to leave it out, or load the table anew (docs/merging.md)`,
              ),
              message,
            );
          }
        }
        assert.deepEqual(await select(`SELECT count(*) FROM @brigade_ledger WHERE group_id = '2'`), [['0']]);
        assert.equal(await apply([at('2', '3', ...of(safe, 2, 'late'))]), '');
        for (const each of ['facts', 'dims', 'ordered'])
          assert.deepEqual(await select(`SELECT name FROM @${each}`), [['third']]);
        for (const each of ['log', 'versions'])
          assert.deepEqual(await select(`SELECT name FROM @${each} ORDER BY rev`), [
            ['first'],
            ['late'],
            ['third'],
          ]);
        // A table that no newer group brought, and groups that were applied, are not late.
        assert.equal(await apply([at('2', '3', ...of([line('news', { merge: 'upsert' })], 2, 'late'))]), '');
        assert.equal(await apply([at('1', null, ...of(all, 1, 'first'))]), '');
        assert.deepEqual(await select('SELECT name FROM @facts'), [['third']]);
      });
    }

    test('a script clears the subtables that a group does not mention', {
      skip: name === 'duckdb' ? 'subtables.test.ts has it' : !hasPsql && 'no psql here',
    }, async () => {
      const { byScript, select } = await fresh();
      const parent = table('c', 'id int, _sdc_sequence bigint, _sdc_table_version bigint', {
        key: ['id'],
        merge: 'upsert',
        order: ['_sdc_sequence'],
        version: '_sdc_table_version',
      });
      const child = table(
        "c__p'q",
        '_sdc_source_key_id int, _sdc_level_0_id int, _sdc_sequence bigint, v text',
        {
          key: ['_sdc_source_key_id', '_sdc_level_0_id'],
          merge: 'upsert',
          order: ['_sdc_sequence'],
          parent: 'c',
        },
      );
      const of = (id: number, seq: number) => ({ id, _sdc_sequence: seq, _sdc_table_version: 1 });
      const part = (id: number, seq: number, v: string) => ({
        _sdc_source_key_id: id,
        _sdc_level_0_id: 0,
        _sdc_sequence: seq,
        v,
      });
      const options = { targetName: '{table}' };
      await byScript(
        groups([rows(parent, of(1, 1), of(2, 1)), rows(child, part(1, 1, 'a'), part(2, 1, 'b'))]),
        options,
        'stitch',
      );
      assert.deepEqual(await select(`SELECT v FROM @"c__p'q" ORDER BY v`), [['a'], ['b']]);
      await byScript([at('2', '1', rows(parent, of(1, 2)))], options, 'stitch');
      assert.deepEqual(await select(`SELECT v FROM @"c__p'q"`), [['b']]);
    });
  });
}
