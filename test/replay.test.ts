/** What comes again changes nothing, whatever the mode; what skips groups is refused. By load and by script. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LoadOptions } from '../src/commands/load.ts';
import { FEEDS } from '../src/demo/deliver.ts';
import type { Chunk, TableLine } from '../src/wire/types.ts';
import { ALL, inTurn } from './support/breaking.ts';
import { mariadbMissing } from './support/mariadb.ts';
import {
  duckdbTarget,
  groups,
  hasPsql,
  type Loaded,
  loadInto,
  mysqlTarget,
  postgresTarget,
  rows,
  scriptInto,
  sqliteTarget,
  stream,
  type TestGroup,
  type TestTarget,
  table,
} from './support/merging.ts';
import { type Standing, standing } from './support/standing.ts';
import { chunksOf, groupsOf, prefixOf, wireOf } from './support/wires.ts';

const SQLITE = () => sqliteTarget('wasm');

interface Way {
  readonly name: string;
  readonly target: () => Promise<TestTarget>;
  readonly into: (target: TestTarget, input: AsyncIterable<Chunk>, options?: LoadOptions) => Promise<Loaded>;
  readonly skip: string | false;
}

const ways: readonly Way[] = [
  { name: 'load into DuckDB', target: duckdbTarget, into: loadInto, skip: false },
  { name: 'load into PostgreSQL', target: postgresTarget, into: loadInto, skip: false },
  { name: 'load into MariaDB', target: mysqlTarget, into: loadInto, skip: mariadbMissing },
  { name: 'to-sql for DuckDB', target: duckdbTarget, into: scriptInto, skip: false },
  {
    name: 'to-sql for PostgreSQL',
    target: postgresTarget,
    into: scriptInto,
    skip: hasPsql ? false : 'no psql here',
  },
  { name: 'to-sql for MariaDB', target: mysqlTarget, into: scriptInto, skip: mariadbMissing },
  { name: 'to-sql for SQLite', target: SQLITE, into: scriptInto, skip: false },
];

const key = { key: ['id'] };
const order = { ...key, order: ['at'] };
const flagged = { ...order, delete_flag: 'void' };
const line = (merge: NonNullable<TableLine['merge']>, rest: Partial<TableLine> = {}) =>
  table('t', 'id int, at int, v text, void int', { merge, ...rest });

const a = { id: 1, at: 5, v: 'a', void: 0 };
const b = { id: 2, at: 5, v: 'b', void: 0 };
const newer = { id: 1, at: 7, v: 'A', void: 0 };
const gone = { id: 2, at: 8, v: 'b', void: 1 };
const late = { id: 2, at: 4, v: 'late', void: 0 };

/** Three groups of one table; the first gives the third's rows no chance to be the same as before. */
const three = (mode: TableLine, last: TableLine = mode): TestGroup[] =>
  groups([rows(mode, a, b)], [rows(mode, newer, gone)], [rows(last, late, { ...a, id: 3 })]);

const full = (merge: 'upsert' | 'scd2', rest: Partial<TableLine>) =>
  three(line(merge, rest), { ...line(merge, rest), full: true });

interface Mode {
  readonly name: string;
  readonly groups: readonly TestGroup[];
  readonly options?: LoadOptions;
}

// Where changes of tables commit by themselves, a table may be there already.
const rowsOf = (found: Standing) => Object.values(found).flatMap((each) => each.rows);

const any = { maxDelete: 100 };
const modes: readonly Mode[] = [
  { name: 'append', groups: three(line('append')) },
  { name: 'upsert', groups: three(line('upsert', key)) },
  { name: 'upsert with an order', groups: three(line('upsert', order)) },
  { name: 'upsert with soft deletes', groups: three(line('upsert', flagged)) },
  {
    name: 'upsert with hard deletes',
    groups: three(line('upsert', flagged)),
    options: { deletes: 'hard', ...any },
  },
  {
    name: 'upsert with lineage',
    groups: three(line('upsert', order)),
    options: { lineage: 'load' },
  },
  { name: 'upsert of a whole copy', groups: full('upsert', order), options: any },
  { name: 'delete-insert', groups: three(line('delete-insert', { ...key, delete_flag: 'void' })) },
  { name: 'replace', groups: three(line('replace')), options: any },
  { name: 'scd2', groups: three(line('scd2', flagged)) },
  { name: 'scd2 of a whole copy', groups: full('scd2', flagged), options: any },
  {
    name: 'two modes beside each other',
    groups: groups(
      [rows(line('append'), a, b), rows({ ...line('upsert', order), table: 'u' }, a, b)],
      [rows({ ...line('upsert', order), table: 'u' }, newer)],
      [rows(line('append'), a)],
    ),
  },
];

for (const [n, { name, target, into, skip }] of ways.entries()) {
  describe(`${name}: a group that comes again`, { skip }, () => {
    for (const mode of name === 'load into PostgreSQL' ? modes : inTurn(modes, n, 3)) {
      test(`changes nothing by ${mode.name}`, async () => {
        const place = await target();
        const deliver = (given: readonly TestGroup[]) => into(place, stream(given), mode.options);
        await deliver(mode.groups);
        const before = await standing(place);
        const [first, second, third] = mode.groups as [TestGroup, TestGroup, TestGroup];
        const alone = [[first], [second], [third], [second, third]];
        for (const again of [...(ALL ? alone : []), [third, second, first], mode.groups]) {
          const { warnings } = await deliver(again);
          assert.ok(
            warnings.every((text) => text.endsWith('applied before, nothing changed')),
            warnings.join('\n'),
          );
          assert.deepEqual(await standing(place), before, again.map(({ group }) => group).join(', '));
        }
      });
    }

    test('is refused if it skips one, unless that is allowed', async () => {
      const place = await target();
      const [first, second, third] = three(line('append')) as [TestGroup, TestGroup, TestGroup];
      const refused = async (given: TestGroup, why: RegExp) => {
        const before = rowsOf(await standing(place));
        await assert.rejects(into(place, stream([given])), why);
        assert.deepEqual(rowsOf(await standing(place)), before);
      };
      await refused(second, /cursor of POD1 is not set, stream starts after 1 \(group 2\)/);
      await into(place, stream([first]));
      await refused(third, /cursor of POD1 is 1, stream starts after 2 \(group 3\)/);
      await refused({ ...second, after: null }, /cursor of POD1 is 1, stream starts at its first group/);
      await into(place, stream([third]), { allowGap: true });
      const { t } = await standing(place);
      assert.equal(t!.rows.length, 4);
    });
  });
}

for (const [n, { name, target, into, skip }] of ways.filter((way) => way.into === loadInto).entries()) {
  describe(`${name}: the sample drops, group by group again`, { skip }, () => {
    for (const feed of inTurn(FEEDS, n)) {
      test(`${feed} stays as it is`, async () => {
        const place = await target();
        const wire = await wireOf(feed);
        await into(place, chunksOf(wire.bytes));
        const before = await standing(place);
        const groups = ALL ? groupsOf(wire) : 1;
        for (let n = 1; n <= groups; n++) {
          await into(place, chunksOf(prefixOf(wire, n)));
          assert.deepEqual(await standing(place), before, `the first ${n} groups`);
        }
      });
    }

    test("a snapshot of Zenoti's adds what is missing once, and moves no cursor", async () => {
      const place = await target();
      const main = await wireOf('zenoti');
      const snapshot = await wireOf('zenoti', ['--snapshot', 'latest']);
      assert.ok(groupsOf(snapshot) > 0);
      await into(place, chunksOf(main.bytes));
      const cursor = (await standing(place))['brigade_ledger']!.rows;
      await into(place, chunksOf(snapshot.bytes));
      const before = await standing(place);
      const ledger = before['brigade_ledger']!.rows.filter((row) => !row.includes('snapshot/'));
      assert.deepEqual(ledger, cursor);
      for (const again of [snapshot, main, snapshot]) {
        await into(place, chunksOf(again.bytes));
        assert.deepEqual(await standing(place), before);
      }
    });
  });
}
