// node duckdb.mjs THREADS SQL
import { DuckDBInstance } from '@duckdb/node-api';

const [threads, ...statements] = process.argv.slice(2);
const instance = await DuckDBInstance.create(':memory:', { threads });
const connection = await instance.connect();
for (const sql of statements) await connection.run(sql);
