// node duckdb-file.mjs DATABASE STATEMENTS.json
import { readFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';

const [path, statements] = process.argv.slice(2);
const instance = await DuckDBInstance.create(path, { threads: '2' });
const connection = await instance.connect();
for (const sql of JSON.parse(readFileSync(statements, 'utf8'))) await connection.run(sql);
connection.closeSync();
instance.closeSync();
