import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openDuckDB } from '../src/duckdb.ts';
import { shell } from './support/cli.ts';
import { scratch } from './support/scratch.ts';

const PAGE = readFileSync(new URL('../docs/merging.md', import.meta.url), 'utf8');

describe('the worked examples of docs/merging.md', () => {
  const from = PAGE.indexOf('### A worked example of each');
  const section = PAGE.slice(from, PAGE.indexOf('\n### ', from + 1));
  const [definitions = '', ...examples] = [...section.matchAll(/^```sh\n(.*?)^```\n/gms)].map(
    ([, words]) => words!,
  );
  const tables = [...section.matchAll(/(?:^\|.*\n)+/gm)].map(([table]) => readTable(table));

  test('are one of each mode, with the table that comes of it', () => {
    assert.deepEqual(
      tables.map(({ name }) => name),
      ['logins', 'people', 'forms', 'rooms', 'prices'],
    );
    assert.equal(examples.length, tables.length);
  });

  for (const [i, { name, columns, rows }] of tables.entries()) {
    test(`the commands for ${name} leave the rows that the page shows`, async () => {
      const cwd = scratch('example');
      const done = await shell(`set -e\n${definitions}\n${examples[i]}`, { cwd });
      assert.equal(done.code, 0, done.stderr);
      const database = await openDuckDB(join(cwd, 'wh.duckdb'), { readOnly: true });
      try {
        const found = await database.rows(
          `SELECT coalesce(COLUMNS(*)::VARCHAR, 'NULL') FROM (FROM ${name} ORDER BY ALL)`,
        );
        assert.deepEqual(
          found.map((row) => Object.entries(row as object)),
          rows.map((row) => row.map((value, place) => [columns[place], value])),
        );
      } finally {
        database.close();
      }
    });
  }
});

/** A table of the page: its first heading is the name of the table, the others are columns. */
function readTable(markdown: string) {
  const cells = (line: string) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim());
  const [head = '', , ...body] = markdown.trim().split('\n');
  const [name = '', ...columns] = cells(head);
  return { name, columns, rows: body.map((line) => cells(line).slice(1)) };
}
