/** What a batch of groups leaves and counts in cases of which there is one right answer, and how it reaches its stages. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Chunk, Value } from '../src/wire/types.ts';
import { batchSizes, groups, loadInto, rows, stream, table, targets } from './support/merging.ts';

const upserted = table('plain', 'k int, v text', { merge: 'upsert', key: ['k'] });
const appended = table('log', 'k int', { merge: 'append' });

const flagged = table('flagged', 'k int, o int, gone boolean', {
  merge: 'upsert',
  key: ['k'],
  order: ['o'],
  delete_flag: 'gone',
});

describe('a batch of groups', () => {
  for (const name of ['duckdb', 'postgres'] as const) {
    const wide = table('wide', 'k int, v text', { merge: 'upsert', key: ['k'] });
    // More than is staged at once: each brings a row of its own, and changes one that the first group brought.
    const large = (count: number, change: (n: number) => Chunk[] = () => []) =>
      groups(
        ...Array.from({ length: count }, (_, i): Chunk[] => {
          const v = String(i + 1).repeat(3 * 2 ** 20);
          const own = [wide, rows(wide, { k: i + 1, v }, ...(i > 0 ? [{ k: 0, v: `${i}` }] : []))];
          const small = rows(upserted, { k: 1, v: `${i}` }, { k: i + 2, v: 'x' });
          return [...own, upserted, small, appended, rows(appended, { k: i }), ...change(i + 1)];
        }),
      );

    test(`rows of a batch reach the stages of ${name} in several pieces, and none is lost or out of turn`, async () => {
      const target = await targets[name]();
      const found = await batchSizes(target, stream(large(7)), { batchGroups: 'auto' });
      assert.deepEqual(Object.values(found), Array(7).fill(7));
      const wides = await target.select(
        `SELECT k, length(v) AS n, substr(v, 1, 1) AS c FROM wide ORDER BY k`,
      );
      assert.deepEqual(wides, [
        ['0', '1', '6'],
        ...[1, 2, 3, 4, 5, 6, 7].map((k) => [String(k), String(3 * 2 ** 20), String(k)]),
      ]);
      const plains = await target.select('SELECT k, v FROM plain ORDER BY k');
      assert.deepEqual(plains, [['1', '6'], ...[2, 3, 4, 5, 6, 7, 8].map((k) => [String(k), 'x'])]);
      assert.equal((await target.select('SELECT k FROM log')).length, 7);
      assert.deepEqual(
        await target.select(
          `SELECT inserted, updated FROM brigade_ledger WHERE table_name = '' ORDER BY group_id`,
        ),
        [['4', '0'], ['4', '1'], ...Array(5).fill(['3', '2'])],
      );
    });

    test(`a row that ${name} refuses while a batch is staged fails its own group alone`, async () => {
      const target = await targets[name]();
      const bad = (n: number) => (n === 6 ? [wide, rows(wide, { k: 3_000_000_000, v: 'too large' })] : []);
      await assert.rejects(
        loadInto(target, stream(large(7, bad)), { batchGroups: 'auto' }),
        /table wide row 3/,
      );
      const applied = `SELECT group_id FROM brigade_ledger WHERE table_name = '' ORDER BY group_id`;
      assert.deepEqual((await target.select(applied)).flat(), ['1', '2', '3', '4', '5']);
      await loadInto(target, stream(large(7)), { batchGroups: 'auto' });
      assert.deepEqual((await target.select(applied)).flat(), ['1', '2', '3', '4', '5', '6', '7']);
    });

    test(`of each logid what stays counts in ${name}, and of each group what it found`, async () => {
      const target = await targets[name]();
      const valued = table('facts', 'k int, v text, void boolean', {
        merge: 'delete-insert',
        key: ['k'],
        delete_flag: 'void',
      });
      const row = (k: number, v: string | null): Record<string, Value> => ({ k, v, void: v === null });
      const list = groups(
        [valued, rows(valued, row(1, 'a'), row(2, 'b'), row(3, 'c'))],
        [valued, rows(valued, row(2, null), row(2, 'B'), row(3, 'C'), row(3, null), row(4, null))],
        [valued, rows(valued, row(1, null), row(5, 'e'))],
        [valued, rows(valued, row(5, null), row(1, 'A'))],
      );
      const found = await batchSizes(target, stream(list), { batchGroups: 'auto' });
      assert.deepEqual(Object.values(found), [4, 4, 4, 4]);
      assert.deepEqual(await target.select('SELECT k, v FROM facts ORDER BY k'), [
        ['1', 'A'],
        ['2', 'B'],
        ['3', 'C'],
      ]);
      assert.deepEqual(
        await target.select(
          `SELECT inserted, updated, deleted FROM brigade_ledger WHERE table_name = 'facts' ORDER BY group_id`,
        ),
        [
          ['3', '0', '0'],
          ['0', '2', '0'],
          ['1', '0', '1'],
          ['1', '0', '1'],
        ],
      );
    });

    test(`a row that comes back in ${name} after its deletion has nothing of its former values`, async () => {
      const target = await targets[name]();
      const whole = table('facts', 'k int, void boolean, v text, w text', {
        merge: 'delete-insert',
        key: ['k'],
        delete_flag: 'void',
      });
      const short = { ...whole, columns: whole.columns!.slice(0, 3) };
      const row = (k: number, v: string): Record<string, Value> => ({ k, void: false, v });
      const list = groups(
        [whole, rows(whole, { ...row(1, 'a'), w: 'x' }, { ...row(2, 'b'), w: 'y' })],
        [whole, rows(whole, { ...row(1, 'a'), void: true, w: 'x' })],
        [short, rows(short, row(1, 'A'), row(2, 'B'))],
      );
      for (const schema of ['together', 'later']) {
        const options = { schema, batchGroups: 'auto' } as const;
        if (schema === 'later') await loadInto(target, stream(list.slice(0, 1)), options);
        const found = await batchSizes(target, stream(list), options);
        assert.deepEqual(Object.values(found), [3, 3, 3]);
        const left = `SELECT k, v, w FROM ${target.table(schema, 'facts')} ORDER BY k`;
        assert.deepEqual(await target.select(left), [
          ['1', 'A', null],
          ['2', 'B', 'y'],
        ]);
      }
    });

    test(`a record that comes and goes within a batch clears its subtables in ${name} all the same`, async () => {
      const target = await targets[name]();
      const contacts = table('contacts', 'id int, gone boolean, _sdc_sequence bigint', {
        merge: 'upsert',
        key: ['id'],
        order: ['_sdc_sequence'],
        delete_flag: 'gone',
      });
      const tags = table(
        'contacts__tags',
        '_sdc_source_key_id int, _sdc_level_0_id int, _sdc_sequence bigint',
        {
          merge: 'upsert',
          key: ['_sdc_source_key_id', '_sdc_level_0_id'],
          order: ['_sdc_sequence'],
          parent: 'contacts',
        },
      );
      const contact = (id: number, _sdc_sequence: string, gone = false): Record<string, Value> => ({
        id,
        gone,
        _sdc_sequence,
      });
      const tag = (_sdc_source_key_id: number): Record<string, Value> => ({
        _sdc_source_key_id,
        _sdc_level_0_id: 0,
        _sdc_sequence: '1',
      });
      const list = groups(
        // Rows whose record has not come yet.
        [tags, rows(tags, tag(1), tag(2))],
        [contacts, rows(contacts, contact(1, '2'))],
        [contacts, rows(contacts, contact(1, '3', true))],
      );
      const options = {
        batchGroups: 'auto',
        deletes: 'hard',
        maxDelete: 100,
        targetName: '{table}',
      } as const;
      const found = await batchSizes(target, stream(list, 'stitch'), options);
      assert.deepEqual(Object.values(found), [1, 2, 2]);
      assert.deepEqual(await target.select('SELECT _sdc_source_key_id AS id FROM contacts__tags'), [['2']]);
    });

    test(`a batch neither repeats in ${name} what was applied before nor brings back what was deleted then`, async () => {
      const target = await targets[name]();
      const row = (k: number, o: number, gone = false): Record<string, Value> => ({ k, o, gone });
      const list = groups(
        ...[
          [row(1, 1), row(2, 1), row(3, 1)],
          [row(1, 9, true), row(2, 9, true)],
          [row(1, 8), row(2, 10), row(3, 2)],
          [row(1, 7), row(3, 1)],
        ].map((given, k) => [flagged, rows(flagged, ...given), appended, rows(appended, { k })]),
      );
      const options = { batchGroups: 'auto', deletes: 'hard' } as const;
      await loadInto(target, stream(list.slice(0, 2)), options);
      const found = await batchSizes(target, stream(list), options);
      assert.deepEqual(Object.values(found), [4, 4, 4, 4]);
      assert.deepEqual(await target.select('SELECT k, o FROM flagged ORDER BY k'), [
        ['2', '10'],
        ['3', '2'],
      ]);
      assert.deepEqual((await target.select('SELECT k FROM log ORDER BY k')).flat(), ['0', '1', '2', '3']);
    });

    test(`--max-delete is held against each group of a batch in ${name}, by what was there when its turn came`, async () => {
      const target = await targets[name]();
      const list = groups(
        ...[[1, 2, 3], [-1, -2], [4], [-3, -4], [5]].map((keys, o): Chunk[] => [
          flagged,
          rows(flagged, ...keys.map((k) => ({ k: Math.abs(k), o, gone: k < 0 }))),
        ]),
      );
      const options = { batchGroups: 'auto', deletes: 'hard' } as const;
      const found = await batchSizes(target, stream(list.slice(0, 3)), options);
      assert.deepEqual(Object.values(found), [3, 3, 3]);
      await assert.rejects(
        loadInto(target, stream(list), options),
        /table flagged: expected to lose at most 50 % of its rows, found 2 of 2 to be deleted/,
      );
      assert.deepEqual((await target.select('SELECT k FROM flagged ORDER BY k')).flat(), ['3', '4']);
    });

    test(`values are read in ${name} as the type that their own group says`, async () => {
      const target = await targets[name]();
      const narrower = table('plain', 'k int, v int', { merge: 'upsert', key: ['k'] });
      const list = groups(
        [upserted, rows(upserted, { k: 1, v: '007' })],
        [narrower, rows(narrower, { k: 2, v: '007' })],
      );
      await loadInto(target, stream(list), { batchGroups: 'auto' });
      assert.deepEqual(await target.select('SELECT k, v FROM plain ORDER BY k'), [
        ['1', '007'],
        ['2', '7'],
      ]);
    });

    test(`a gap between groups is found in ${name} also where they could share a transaction`, async () => {
      const target = await targets[name]();
      const list = groups(...[1, 2, 3, 4, 5].map((k): Chunk[] => [upserted, rows(upserted, { k, v: 'x' })]));
      await assert.rejects(
        loadInto(target, stream(list.toSpliced(2, 1)), { batchGroups: 'auto' }),
        /cursor of POD1 is 2, stream starts after 3/,
      );
      assert.deepEqual((await target.select('SELECT k FROM plain ORDER BY k')).flat(), ['1', '2']);
    });

    test(`a key that ${name} has twice is healed by a batch whose rows lack columns`, async () => {
      const target = await targets[name]();
      const whole = table('facts', 'k int, v text, w text', { merge: 'delete-insert', key: ['k'] });
      const short = { ...whole, columns: whole.columns!.slice(0, 2) };
      const list = groups(
        [whole, rows(whole, { k: 1, v: 'a', w: 'x' }, { k: 2, v: 'b', w: 'y' })],
        [short, rows(short, { k: 1, v: 'A' }, { k: 2, v: 'B' })],
        [short, rows(short, { k: 3, v: 'C' })],
      );
      await loadInto(target, stream(list.slice(0, 1)));
      await target.run('INSERT INTO facts SELECT k, v, w FROM facts WHERE k = 1');
      const found = await batchSizes(target, stream(list.slice(1)), { batchGroups: 'auto' });
      assert.deepEqual(Object.values(found), [2, 2]);
      assert.deepEqual(await target.select(`SELECT k, v, coalesce(w, '-') AS w FROM facts ORDER BY k`), [
        ['1', 'A', '-'],
        ['2', 'B', 'y'],
        ['3', 'C', '-'],
      ]);
    });

    test(`rows of a subtable that wait in ${name} for their parent's row stay until a batch clears them`, async () => {
      const order = ['seq'];
      const c = table('c', 'id int, seq int, gone boolean', {
        key: ['id'],
        merge: 'upsert',
        order,
        delete_flag: 'gone',
      });
      const key = ['_sdc_source_key_id', '_sdc_level_0_id'];
      const parts = table('c__p', `${key[0]} int, ${key[1]} int, seq int`, {
        key,
        merge: 'upsert',
        order,
        parent: 'c',
      });
      const record = (id: number, seq: number, count: number, gone = false): Chunk[] => [
        rows(c, { id, seq, gone }),
        parts,
        ...(count === 0 ? [] : [partsOf(id, seq, count)]),
      ];
      const partsOf = (id: number, seq: number, count: number) =>
        rows(
          parts,
          ...Array.from({ length: count }, (_, place) => ({ [key[0]!]: id, [key[1]!]: place, seq })),
        );
      const file: Chunk = { $: 'file', uri: 'file:///p.csv', table: 'c__p' };
      const eof: Chunk = { $: 'eof', uri: 'file:///p.csv', rows: 8, rejects: 0 };
      const waiting: Chunk[] = [file, ...[1, 2, 3, 4].map((id) => partsOf(id, 5, 2)), eof];
      const list = groups(
        waiting,
        // Too old for what waits; of its version, and empty; newer, and empty; too old, as is the one that deletes it.
        [c, ...record(1, 4, 3), c, ...record(2, 5, 0), c, ...record(3, 6, 0), c, ...record(4, 3, 1)],
        [c, ...record(1, 5, 0), c, ...record(2, 5, 1), c, ...record(3, 6, 1), c, ...record(4, 3, 0, true)],
        [c, ...record(1, 5, 0), c, ...record(2, 5, 0), c, ...record(3, 7, 0), c, ...record(4, 4, 3)],
      );
      const left = 'SELECT _sdc_source_key_id, seq, count(*) FROM c__p GROUP BY 1, 2 ORDER BY 1, 2';
      const counted =
        'SELECT group_id, table_name, inserted, updated, deleted FROM brigade_ledger ORDER BY 1, 2';
      const options = { targetName: '{table}', deletes: 'hard', maxDelete: 100 } as const;
      const one = await targets[name]();
      await loadInto(one, stream(list, 'stitch'), options);
      const batched = await targets[name]();
      const found = await batchSizes(batched, stream(list, 'stitch'), { ...options, batchGroups: 'auto' });
      assert.deepEqual(Object.values(found), [1, 3, 3, 3]);
      assert.deepEqual(await one.select(left), [
        ['1', '5', '2'],
        ['2', '5', '1'],
        ['4', '4', '3'],
      ]);
      assert.deepEqual(await batched.select(left), await one.select(left));
      assert.deepEqual(await batched.select(counted), await one.select(counted));
    });
  }
});
