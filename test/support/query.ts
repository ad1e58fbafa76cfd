/** `query TARGET SQL` for golden cases: the rows as lines of JSON, values as text. */

import pg from 'pg';
import { openDuckDB } from '../../src/duckdb.ts';

const [target = '', sql = ''] = process.argv.slice(2);

async function duckdbRows(): Promise<unknown[]> {
  const database = await openDuckDB(target, { readOnly: true });
  try {
    return await database.rows(`SELECT COLUMNS(*)::VARCHAR FROM (${sql})`);
  } finally {
    database.close();
  }
}

async function postgresRows(): Promise<unknown[]> {
  const types = { getTypeParser: () => (value: unknown) => value } as never;
  const client = new pg.Client({ connectionString: target, types });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

const rows = target.startsWith('postgres') ? await postgresRows() : await duckdbRows();
for (const row of rows) console.log(JSON.stringify(row));
