import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseCatalog } from '../src/catalog.ts';
import { readTargetSchema } from '../src/dialects/script.ts';
import type { MergeOptions } from '../src/merge/options.ts';
import { quietContext } from '../src/stage.ts';
import { readSchema } from '../src/targets/index.ts';
import type { Chunk } from '../src/wire/types.ts';
import {
  groups,
  hasPsql,
  loadInto,
  rows,
  runScript,
  script,
  stream,
  type TestTarget,
  table,
  targets,
} from './support/merging.ts';
import { scratch } from './support/scratch.ts';

const rest = { key: ['id'], merge: 'upsert' } as const;
const old = table('t', 'id int, n int, name text', rest);
const wider = table('t', 'id int, n bigint, name text', rest);
const more = table('t', 'id int, n int, name text, Extra text, other date', rest);
const next = (...chunks: Chunk[]) => stream([{ group: '2', after: '1', chunks }]);

for (const name of ['duckdb', 'postgres'] as const) {
  describe(`contracts with ${name}`, () => {
    const fresh = async () => {
      const target = await targets[name]();
      await loadInto(target, stream(groups([rows(old, { id: 1, n: 1, name: 'a' })])), { contract: 'freeze' });
      return target;
    };
    const columnsOf = async (target: TestTarget) =>
      (
        await target.select(
          "SELECT lower(column_name), lower(data_type) FROM information_schema.columns WHERE table_name = 't' ORDER BY ordinal_position",
        )
      ).map(
        ([column, type]) =>
          `${column} ${type === 'character varying' ? 'text' : type?.replace('varchar', 'text')}`,
      );
    const added = rows(more, { id: 2, n: 2, name: 'b', Extra: 'x', other: null });

    test('evolve adds and widens', async () => {
      const target = await fresh();
      await loadInto(target, next(added, rows(wider, { id: 3, n: '3000000000', name: 'c' })));
      assert.deepEqual(await columnsOf(target), [
        'id integer',
        'n bigint',
        'name text',
        'extra text',
        'other date',
      ]);
    });

    test('freeze stops on a new column and on a wider type, changing nothing; fitting values pass', async () => {
      const target = await fresh();
      const contract = 'freeze';
      await assert.rejects(
        loadInto(target, next(added), { contract }),
        /^UserError: table t: expected the columns that the target has \(contract freeze\), found extra text, other date$/i,
      );
      await assert.rejects(
        loadInto(target, next(rows(wider, { id: 3, n: '5', name: 'c' })), { contract }),
        /^UserError: table t column n: expected values of type int \(contract freeze\), found bigint$/,
      );
      // Of values of no stated type it is what they are that counts.
      await loadInto(target, next(rows(table('t', 'id, n, name', rest), { id: 3, n: '5', name: 'c' })), {
        contract,
      });
      assert.deepEqual(await target.select('SELECT id, n FROM t ORDER BY id'), [
        ['1', '1'],
        ['3', '5'],
      ]);
    });

    test('discard leaves new columns out and tells of them once, a wider type stops', async () => {
      const target = await fresh();
      const contract = 'discard';
      const body = stream([
        { group: '2', after: '1', chunks: [added] },
        { group: '3', after: '2', chunks: [rows(more, { id: 1, n: 9, name: 'z', Extra: 'y', other: null })] },
      ]);
      const { warnings } = await loadInto(target, body, { contract });
      const told = warnings.filter((line) => line.includes('left out'));
      assert.deepEqual(told, [
        'table t: left out, since the target does not have it (contract discard): Extra, other',
      ]);
      assert.deepEqual(await target.select('SELECT * FROM t ORDER BY id'), [
        ['1', '9', 'z'],
        ['2', '2', 'b'],
      ]);
      await assert.rejects(
        loadInto(
          target,
          stream([{ group: '4', after: '3', chunks: [rows(wider, { id: 3, n: '5', name: 'c' })] }]),
          {
            contract,
          },
        ),
        /table t column n: expected values of type int \(contract discard\), found bigint/,
      );
    });

    test('the catalog speaks for a table, whatever the run says', async () => {
      const catalog = parseCatalog('{"tables":{"T":{"contract":"discard"}}}', 'c.json');
      const target = await fresh();
      await loadInto(target, next(added), { contract: 'freeze', catalog });
      assert.deepEqual(await columnsOf(target), ['id integer', 'n integer', 'name text']);
      assert.throws(
        () => parseCatalog('{"tables":{"t":{"contract":"thaw"}}}', 'c.json'),
        /c.json: tables.t.contract: expected one of evolve, freeze, discard/,
      );
    });

    test('a script needs to know what the target has', {
      skip: name === 'postgres' && !hasPsql ? 'no psql here' : false,
    }, async () => {
      const target = await fresh();
      const path = join(scratch('contract'), 'schema.ndjson');
      const schema = await readSchema(target.url, quietContext());
      writeFileSync(path, schema.map((line) => `${JSON.stringify(line)}\n`).join(''));
      const by = (options: MergeOptions, known = true) =>
        script(next(added), {
          dialect: name,
          ...(known ? { targetSchema: readTargetSchema(path) } : {}),
          ...options,
        });
      assert.match(
        String((await by({ contract: 'freeze' }, false)).error),
        /table t: expected --target-schema FILE for contract freeze/,
      );
      assert.match(String((await by({ contract: 'freeze' })).error), /found extra text, other date/i);
      const { text, error } = await by({ contract: 'discard' });
      assert.equal(error, undefined);
      assert.equal((await runScript(target, text)).code, 0);
      assert.deepEqual(await target.select('SELECT * FROM t WHERE id = 2'), [['2', '2', 'b']]);
    });
  });
}
