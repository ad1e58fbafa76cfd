/**
 * Groups that share a transaction leave what one transaction each leaves: tables, ledger, tombstones. BATCH_RUNS=50
 * BATCH_SEED=1 runs more of it.
 */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { LoadOptions } from '../src/commands/load.ts';
import { mergeFlags } from '../src/commands/merge-flags.ts';
import { UsageError } from '../src/errors.ts';
import type { MergeOptions } from '../src/merge/options.ts';
import type { Chunk } from '../src/wire/types.ts';
import {
  batchSizes,
  cut,
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
import { type Random, random } from './support/random.ts';
import { type RandomStream, randomRecords, randomTables } from './support/random-groups.ts';
import { scratch } from './support/scratch.ts';

const RUNS = Number(process.env['BATCH_RUNS'] ?? 2);
const SEED = Number(process.env['BATCH_SEED'] ?? 20260114);
const SIZES = [2, 3, 'auto'] as const;

/** All tables of a schema, ours too, without instants. */
async function standing(target: TestTarget, schema: string): Promise<Record<string, string[]>> {
  const found = await target.select(
    `SELECT table_name FROM information_schema.tables WHERE table_schema = '${schema}' AND table_type = 'BASE TABLE' ORDER BY table_name`,
  );
  const json = target.name === 'duckdb' ? 'CAST(to_json(t) AS VARCHAR)' : 'CAST(row_to_json(t) AS text)';
  const names = found.map(([name]) => name!);
  const all = await target.select(
    names
      .map((name) => `SELECT '${name}' AS name, ${json} AS line FROM ${target.table(schema, name)} t`)
      .join(' UNION ALL '),
  );
  return Object.fromEntries(
    names.map((name) => [
      name,
      all
        .filter(([of]) => of === name)
        .map(([, line]) => {
          const row = JSON.parse(line!) as Record<string, unknown>;
          delete row['applied_at'];
          delete row['deleted_at'];
          return JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)));
        })
        .sort(),
    ]),
  );
}

type Apply = (target: TestTarget, input: RandomStream, options: LoadOptions) => Promise<number>;

/** How many groups shared a transaction is returned. */
const byLoad: Apply = async (target, { feed, groups }, options) => {
  let batched = 0;
  const onGroup = ({ batch = 1 }) => {
    if (batch > 1) batched++;
  };
  await loadInto(target, stream(groups, feed), { ...options, onGroup });
  return batched;
};

const byScript: Apply = async (target, { feed, groups }, options) => {
  const { text, error } = await script(stream(groups, feed), { ...options, dialect: target.name });
  assert.equal(error, undefined);
  const { code, stderr } = await runScript(target, text);
  assert.equal(code, 0, stderr);
  return (text.match(/INSERT INTO brigade_entry/g) ?? []).length;
};

const settings: readonly MergeOptions[] = [
  { maxDelete: 100 },
  { maxDelete: 100, deletes: 'hard' },
  { maxDelete: 100, lineage: 'load' },
  { maxDelete: 100, contract: 'discard' },
];

let schemas = 0;

async function equals(target: TestTarget, given: RandomStream, apply: Apply, r: Random): Promise<number> {
  const needsSchema = target.name === 'duckdb' && apply === byScript;
  const options = { ...r.pick(needsSchema ? settings.slice(0, 3) : settings) };
  if (apply === byScript) delete options.contract;
  const one = `one_${++schemas}`;
  await apply(target, given, { ...options, schema: one });
  const expected = await standing(target, one);
  let batched = 0;
  for (const batchGroups of SIZES) {
    const schema = `batch_${++schemas}`;
    // Some of the groups are there already.
    const before = r.chance(0.4) ? r.int(0, given.groups.length) : 0;
    if (before > 0)
      await apply(target, { ...given, groups: given.groups.slice(0, before) }, { ...options, schema });
    batched += await apply(target, given, { ...options, schema, batchGroups });
    const what = `--batch-groups ${batchGroups}, ${JSON.stringify(options)}, ${before} before`;
    assert.deepEqual(await standing(target, schema), expected, what);
  }
  return batched;
}

for (const [what, make] of Object.entries({
  'tables in every mode': randomTables,
  'records with subtables': randomRecords,
})) {
  for (const name of ['duckdb', 'postgres'] as const) {
    for (const [means, apply] of Object.entries({ load: byLoad, 'to-sql': byScript })) {
      const skip = name === 'postgres' && means === 'to-sql' && !hasPsql ? 'needs psql' : false;
      describe(`${means} into ${name}: batches of groups, ${what}, leave what one by one leaves`, {
        skip,
      }, () => {
        let target: TestTarget | undefined;
        let batched = 0;
        for (let run = 0; run < RUNS; run++) {
          test(`random groups (BATCH_SEED=${SEED + run})`, async () => {
            target ??= await targets[name]();
            const r = random(SEED + run);
            batched += await equals(target, make(r, apply === byLoad), apply, r);
          });
        }
        test('and groups did share transactions', () => assert.ok(batched > 0));
      });
    }
  }
}

const upserted = table('plain', 'k int, v text', { merge: 'upsert', key: ['k'] });
const facts = table('facts', 'k int, void boolean', {
  merge: 'delete-insert',
  key: ['k'],
  delete_flag: 'void',
});

describe('--batch-groups', () => {
  const plain = (...ids: readonly number[]) =>
    groups(...ids.map((k) => [upserted, rows(upserted, { k, v: `v${k}` })]));

  test('a batch ends before what cannot share a transaction', async () => {
    const target = await targets.duckdb();
    const one = (n: number): Chunk[] => [upserted, rows(upserted, { k: n, v: 'x' })];
    const wider = table('plain', 'k bigint, v text', { merge: 'upsert', key: ['k'] });
    const grown = table('plain', 'k bigint, v text, w text', { merge: 'upsert', key: ['k'] });
    const full = { ...grown, full: true };
    const bodies: Record<string, Chunk[]> = {
      1: one(1),
      2: one(2),
      3: [wider, rows(wider, { k: '3', v: 'y' })],
      4: [grown, rows(grown, { k: '3', v: 'y', w: 'z' })],
      5: [full, rows(full, { k: '1', v: 'y', w: 'z' })],
      6: [grown, rows(grown, { k: '3', v: 'y', w: 'z' })],
      7: [{ $: 'ddl', uri: 'file:///s.txt', modified: '2026-01-01T00:00:00Z', etag: '1', sql: '' }, grown],
      8: [grown, rows(grown, { k: '3', v: 'y', w: 'z' })],
      9: [grown, rows(grown, { k: '4', v: 'y', w: 'z' })],
    };
    const list = groups(...Object.values(bodies));
    list.push({ group: '10', after: null, scope: 'POD2', chunks: one(1) });
    list.push({ group: '11', after: '10', scope: 'POD2', chunks: one(1) });
    const found = await batchSizes(target, stream(list), { batchGroups: 'auto', maxDelete: 100 });
    assert.deepEqual(found, {
      'POD1 1': 2,
      'POD1 2': 2,
      'POD1 3': 2,
      'POD1 4': 2,
      'POD1 5': 1,
      'POD1 6': 1,
      'POD1 7': 1,
      'POD1 8': 2,
      'POD1 9': 2,
      'POD2 10': 2,
      'POD2 11': 2,
    });
  });

  for (const name of ['duckdb', 'postgres'] as const) {
    test(`a stream that is cut off leaves whole batches in ${name}, and the next run brings the rest`, async () => {
      const target = await targets[name]();
      const list = plain(1, 2, 3, 4, 5, 6, 7);
      // Five groups of four chunks after the feed: the fifth is in the second batch.
      await assert.rejects(
        loadInto(target, cut(stream(list), 1 + 5 * 4), { batchGroups: 3 }),
        /end of input/,
      );
      const applied = () =>
        target.select(`SELECT group_id FROM brigade_ledger WHERE table_name = '' ORDER BY group_id`);
      assert.deepEqual((await applied()).flat(), ['1', '2', '3']);
      await loadInto(target, stream(list), { batchGroups: 3 });
      assert.deepEqual((await applied()).flat(), ['1', '2', '3', '4', '5', '6', '7']);
      assert.equal((await target.select('SELECT k FROM plain')).length, 7);
    });

    test(`a group that fails in ${name} fails by itself: those before it are applied, and the error is its own`, async () => {
      const target = await targets[name]();
      const list = plain(1, 2, 3, 4);
      const bad = rows(upserted, { k: 9, v: 'a' }, { k: 9, v: 'b' });
      const withBad = list.map((each) => (each.group === '3' ? { ...each, chunks: [upserted, bad] } : each));
      await assert.rejects(
        loadInto(target, stream(withBad), { batchGroups: 'auto' }),
        /table plain: expected one row per key .* found different rows of k 9/,
      );
      assert.deepEqual((await target.select('SELECT k FROM plain ORDER BY k')).flat(), ['1', '2']);
      await loadInto(target, stream(list), { batchGroups: 'auto' });
      assert.deepEqual((await target.select('SELECT k FROM plain ORDER BY k')).flat(), ['1', '2', '3', '4']);
    });
  }

  test('a stream that skips groups is refused, and --allow-gap takes it', async () => {
    const target = await targets.duckdb();
    const list = plain(1, 2, 3, 4, 5);
    await loadInto(target, stream(list.slice(0, 1)));
    const later = () => stream(list.slice(2));
    await assert.rejects(
      loadInto(target, later(), { batchGroups: 'auto' }),
      /cursor of POD1 is 1, stream starts after 2 \(group 3\); --allow-gap takes it all the same/,
    );
    const found = await batchSizes(target, later(), { batchGroups: 'auto', allowGap: true });
    assert.deepEqual(found, { 'POD1 3': 3, 'POD1 4': 3, 'POD1 5': 3 });
  });

  test('a group too large to be held is applied by itself', async () => {
    const target = await targets.duckdb();
    const list = plain(1, 2, 3, 4, 5);
    const large = Array.from({ length: 98 }, (_, k) => rows(upserted, { k, v: 'x'.repeat(2 ** 20) }));
    const given = list.map((each) => (each.group === '3' ? { ...each, chunks: [upserted, ...large] } : each));
    const found = await batchSizes(target, stream(given), { batchGroups: 'auto' });
    assert.deepEqual(Object.values(found), [2, 2, 1, 2, 2]);
    assert.deepEqual(await target.select('SELECT count(*) AS n FROM plain'), [['98']]);
  });

  test('each group has its own line, with the time of its transaction', async () => {
    const target = await targets.duckdb();
    const list = groups(
      [facts, rows(facts, { k: 1, void: false }, { k: 2, void: false })],
      [facts, rows(facts, { k: 1, void: true }, { k: 2, void: false })],
    );
    const { warnings } = await loadInto(target, stream(list), { batchGroups: 'auto' });
    assert.deepEqual(
      warnings.map((line) => line.replace(/\d+\.\d s/, 'T')),
      [
        'zenoti POD1 1: 1 table, 0 rows read, 2 inserted, 0 updated, 0 deleted, T for 2 groups in one transaction',
        'zenoti POD1 2: 1 table, 0 rows read, 0 inserted, 1 updated, 1 deleted, T for 2 groups in one transaction',
      ],
    );
    const again = await loadInto(target, stream(list), { batchGroups: 'auto' });
    assert.deepEqual(
      again.warnings,
      [1, 2].map((n) => `zenoti POD1 ${n}: applied before, nothing changed`),
    );
  });

  test('DuckDB reads the files of several groups by itself', async () => {
    const folder = scratch('files');
    const target = await targets.duckdb();
    const list = groups(
      ...[1, 2, 3].map((n): Chunk[] => {
        writeFileSync(join(folder, `${n}.csv`), `k,void\n1,${n === 2}\n${n},false\n`);
        const uri = pathToFileURL(join(folder, `${n}.csv`)).href;
        return [facts, { $: 'file', uri, table: 'facts', format: 'csv', batch: String(20 - n) }];
      }),
    );
    const found = await batchSizes(target, stream(list, 'exports'), { batchGroups: 'auto' });
    assert.deepEqual(Object.values(found), [3, 3, 3]);
    assert.deepEqual(
      await target.select(
        `SELECT group_id, rows_read, inserted, updated, deleted FROM brigade_ledger WHERE table_name = 'facts' ORDER BY group_id`,
      ),
      [
        ['1', '2', '1', '0', '0'],
        ['2', '2', '1', '0', '1'],
        ['3', '2', '2', '0', '0'],
      ],
    );
  });

  test('its value is a whole number from 1, or auto', () => {
    const { parse } = mergeFlags.batchGroups;
    assert.equal(parse('12', 'batch-groups'), 12);
    assert.equal(parse('auto', 'batch-groups'), 'auto');
    for (const given of ['0', '-1', '1.5', '', ' ', 'all'])
      assert.throws(
        () => parse(given, 'batch-groups'),
        (error: unknown) =>
          error instanceof UsageError &&
          error.message === `--batch-groups: expected a whole number from 1, or auto, found ${given}`,
      );
  });

  for (const dialect of [
    'redshift',
    'snowflake',
    'bigquery',
    'databricks',
    'spark',
    'mysql',
    'sqlite',
  ] as const) {
    test(`to-sql --dialect ${dialect} takes group by group, and says so`, async () => {
      const { error } = await script(stream(plain(1)), { dialect, batchGroups: 'auto' });
      assert.ok(error instanceof UsageError);
      assert.match(error.message, new RegExp(`--batch-groups: expected an engine .*, found ${dialect}`));
    });
  }
});
