import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type Dialect as PolyglotDialect, parse } from '@polyglot-sql/sdk';
import { type DialectName, dialects } from '../src/dialects/index.ts';
import { knownTables, readTargetSchema } from '../src/dialects/script.ts';
import { columnsQuery, cursorsQuery } from '../src/dialects/state-query.ts';
import { quietContext } from '../src/stage.ts';
import { readState } from '../src/targets/index.ts';
import { command } from './support/cli.ts';
import { groups, loadInto, rows, stream, type TestTarget, table, targets } from './support/merging.ts';
import { scratch } from './support/scratch.ts';

const SOURCE = `s3://it's "a\\b"/`;

async function filled(target: TestTarget): Promise<TestTarget> {
  const line = table('Odd "name"\\', 'id bigint, n decimal(9,2), s text, at timestamp', {
    key: ['id'],
    merge: 'upsert',
  });
  const input = groups(
    [line, rows(line, { id: '1', n: '1.50', s: 'x', at: null })],
    [rows(line, { id: '2' })],
  );
  await loadInto(target, stream(input, 'zenoti', SOURCE));
  return target;
}

const linesOf = async (target: TestTarget, query: string) =>
  (await target.select(query)).map(([line]) => JSON.parse(line!) as Record<string, unknown>);

describe('the queries that state prints', () => {
  for (const name of ['duckdb', 'postgres'] as const) {
    test(`give on ${name} what state says`, async () => {
      const target = await filled(await targets[name]());
      const found = await linesOf(target, cursorsQuery(name, undefined));
      const expected = await readState(target.url, quietContext());
      assert.ok(expected.length > 0);
      const plain = ({
        feed,
        source,
        scope,
        table: of,
        group,
        files,
        rows: read,
      }: Record<string, unknown>) => ({
        feed,
        source,
        scope,
        table: of ?? null,
        group,
        files,
        rows: read,
      });
      assert.deepEqual(
        found.map(plain),
        expected.map((state) => plain({ ...state })),
      );
    });

    test(`give on ${name} the columns that to-sql --target-schema reads`, async () => {
      const target = await filled(await targets[name]());
      const found = await target.select(columnsQuery(name, undefined));
      const path = join(scratch('schema'), 'columns.ndjson');
      writeFileSync(path, found.map(([line]) => `${line}\n`).join(''));
      const known = knownTables(readTargetSchema(path), dialects[name]);
      const columns = await known.columns(name === 'postgres' ? 'odd "name"\\' : 'Odd "name"\\');
      assert.deepEqual(
        columns?.map(({ name: column, type }) => [column, type]),
        [
          ['id', 'bigint'],
          ['n', 'decimal(9,2)'],
          ['s', 'text'],
          ['at', 'timestamp'],
        ],
      );
    });
  }

  test("give on Redshift's tables what they give on PostgreSQL's", async () => {
    const target = await filled(await targets.postgres());
    await target.run(`CREATE VIEW svv_columns AS SELECT * FROM information_schema.columns`);
    await target.run(
      `ALTER DATABASE ${target.url.slice(target.url.lastIndexOf('/') + 1)} SET standard_conforming_strings = off`,
    );
    const [first] = await linesOf(target, cursorsQuery('redshift', undefined));
    assert.equal(first?.['source'], SOURCE);
    const columns = (await linesOf(target, columnsQuery('redshift', undefined))).filter(
      (line) => line['table'] !== 'svv_columns',
    );
    assert.deepEqual(
      columns.map((line) => line['type']),
      ['bigint', 'numeric(9,2)', 'text', 'timestamp without time zone'],
    );
  });

  for (const name of Object.keys(dialects) as DialectName[]) {
    test(`are SQL of ${name}`, async () => {
      for (const query of name === 'spark' ? [cursorsQuery] : [cursorsQuery, columnsQuery]) {
        const { success, error } = parse(
          query(name, 'landing'),
          (name === 'postgres' ? 'postgresql' : name) as PolyglotDialect,
        );
        assert.ok(success, error ?? '');
      }
      const { stdout, code } = await command('brigade', ['state', '--dialect', name, '--sql']);
      assert.equal(code, 0);
      assert.equal(stdout, `${cursorsQuery(name, undefined)};\n`);
    });
  }

  test('are refused with a TARGET beside them, and of an engine that lists no columns', async () => {
    for (const args of [['--dialect', 'spark', '--sql', 'wh.duckdb'], ['--sql'], ['--dialect', 'spark']])
      assert.equal((await command('brigade', ['state', ...args])).code, 2);
    assert.throws(() => columnsQuery('spark', undefined), /DESCRIBE TABLE/);
  });
});
