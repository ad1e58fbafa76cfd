/**
 * Groups that share a transaction leave what one transaction each leaves: tables, ledger, tombstones. BATCH_RUNS=50
 * BATCH_SEED=1 runs more of it.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LoadOptions } from '../src/commands/load.ts';
import type { MergeOptions } from '../src/merge/options.ts';
import { hasPsql, loadInto, runScript, script, stream, type TestTarget, targets } from './support/merging.ts';
import { type Random, random } from './support/random.ts';
import { type RandomStream, randomRecords, randomTables } from './support/random-groups.ts';

const RUNS = Number(process.env['BATCH_RUNS'] ?? 3);
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
