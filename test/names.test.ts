import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dialects } from '../src/dialects/index.ts';
import { UserError } from '../src/errors.ts';
import { groups, loadInto, rows, stream, table, targets } from './support/merging.ts';

const columnsOf = (row: object) => Object.keys(row).map((name) => ({ name }));

for (const name of ['duckdb', 'postgres'] as const) {
  describe(`names in ${name}`, () => {
    const refused = async (tableName: string, column: string, message: RegExp) => {
      const target = await targets[name]();
      const chunks = rows({ $: 'table', table: tableName, merge: 'append' }, { [column]: 1 });
      await assert.rejects(loadInto(target, stream(groups([chunks]))), (error: Error) => {
        assert.match(error.message, message);
        return error instanceof UserError;
      });
    };

    test('an empty name and one with a NUL are refused in one line', async () => {
      await refused('t', '', /^table t: expected names of text without NUL, found ""$/);
      await refused('t', 'a\0b', /^table t: expected names of text without NUL, found "a\\u0000b"$/);
      await refused('', 'a', /^table : expected names of text without NUL, found ""$/);
    });

    test('no table of a drop can be one of our own, in any case', async () => {
      await refused('Brigade_ledger', 'source', /expected table names that do not begin with brigade_/);
    });

    test('a name longer than the engine takes is found again by the next load', async () => {
      const target = await targets[name]();
      const long = `${'x'.repeat(300)}${'é'.repeat(600)}`;
      const line = table(long, `id int, ${long} text`, { key: ['id'], merge: 'upsert' });
      for (const [value, more] of [
        ['a', {}],
        ['b', { [`${long}2`]: 1 }],
      ] as const) {
        const row = { id: 1, [long]: value, ...more };
        const said = { ...line, columns: columnsOf(row) };
        // Over a pipe the table line comes before its rows.
        await loadInto(target, stream(groups([said, rows(said, row)]), 'zenoti', value));
      }
      const [found] = await target.select(`SELECT * FROM ${dialects[name].identifier(long)}`);
      assert.deepEqual(found, ['1', 'b', '1']);
    });

    test('quotes, semicolons, line breaks, long and reserved names are names like others', async () => {
      const target = await targets[name]();
      const odd = [
        'select',
        'a";drop table x;--',
        "it's\ta\nname",
        'é'.repeat(200),
        '__proto__',
        'constructor',
      ];
      const row = JSON.parse(`{${odd.map((column, i) => `${JSON.stringify(column)}:${i}`).join(',')}}`);
      const chunks = odd.map((tableName) =>
        rows(table(tableName, 'select int', { merge: 'append' }), { select: 1 }),
      );
      await loadInto(
        target,
        stream(groups([...chunks, rows({ $: 'table', table: 'all', merge: 'append' }, row)])),
      );
      const all = odd
        .map((column, i) => `"${column.replaceAll('"', '""')}" = ${i}`)
        .filter((_, i) => i !== 3);
      assert.deepEqual(await target.select(`SELECT count(*) FROM "all" WHERE ${all.join(' AND ')}`), [['1']]);
    });
  });
}
