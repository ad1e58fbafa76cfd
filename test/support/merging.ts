/** Streams and targets for the tests of merging: real DuckDB files and a real PostgreSQL. */

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { type LoadOptions, load } from '../../src/commands/load.ts';
import { type ToSqlOptions, toSql } from '../../src/commands/to-sql.ts';
import { readTargetSchema } from '../../src/dialects/script.ts';
import { columnsQuery } from '../../src/dialects/state-query.ts';
import { openDuckDB } from '../../src/duckdb.ts';
import { UserError } from '../../src/errors.ts';
import { quietContext } from '../../src/stage.ts';
import { runOfBytes, runOfRows } from '../../src/wire/run.ts';
import type { Chunk, Column, Row, TableLine, TypeName } from '../../src/wire/types.ts';
import { program } from './cli.ts';
import { mariadbQuery, mariadbServer, runMariadb } from './mariadb.ts';
import { postgresServer, query } from './postgres.ts';
import { redshiftDatabase } from './redshift.ts';
import { scratch } from './scratch.ts';
import { recoverSqlite, runSqlite, sqliteFile, sqliteRows, sqliteRun } from './sqlite.ts';

export const encoder = new TextEncoder();

/** `columns('id int, name')`: the second has no type. */
export function columns(text: string): Column[] {
  return text.split(/,\s*(?![^(]*\))/).map((part) => {
    const [name = '', type] = part.trim().split(/\s+/);
    return type === undefined ? { name } : { name, type: type as TypeName };
  });
}

export function table(name: string, columnText: string, rest: Partial<TableLine> = {}): TableLine {
  return { $: 'table', table: name, columns: columns(columnText), ...rest };
}

export function rows(line: TableLine, ...given: readonly Record<string, unknown>[]): Chunk {
  return runOfRows(line, given as unknown as Row[]);
}

/** The same as bytes, as they come over a pipe. */
export function lines(line: TableLine, ...given: readonly string[]): Chunk {
  return runOfBytes(line, encoder.encode(given.map((text) => `${text}\n`).join('')), given.length);
}

export interface TestGroup {
  readonly group: string;
  readonly after: string | null;
  readonly chunks: readonly Chunk[];
  readonly scope?: string;
  /** As `--tables` chose them. */
  readonly tables?: readonly string[];
}

/** A whole stream. */
export async function* stream(
  groups: readonly TestGroup[],
  feed = 'zenoti',
  source = 'test',
): AsyncIterable<Chunk> {
  yield { $: 'feed', wire: 1, feed, source, root: 'file:///drop/' };
  for (const { group, after, chunks, scope = 'POD1', tables } of groups) {
    yield { $: 'group', feed, scope, group, after, ...(tables === undefined ? {} : { tables }) };
    yield* chunks;
    yield { $: 'commit', feed, scope, group, files: 0, digest: `digest of ${group}` };
  }
  yield { $: 'end', groups: groups.length };
}

/** Groups 1, 2, 3 … of one scope. */
export function groups(...bodies: readonly (readonly Chunk[])[]): TestGroup[] {
  return bodies.map((chunks, i) => ({ group: String(i + 1), after: i === 0 ? null : String(i), chunks }));
}

/** A stream whose input fails after some of its chunks. */
export async function* cut(input: AsyncIterable<Chunk>, after: number): AsyncIterable<Chunk> {
  let n = 0;
  for await (const chunk of input) {
    if (n++ === after) throw new Error('input line 7: expected an end line, found the end of input');
    yield chunk;
  }
}

/** A database that tests look into. */
export interface TestTarget {
  readonly name: 'duckdb' | 'postgres' | 'mysql' | 'sqlite' | 'redshift';
  readonly url: string;
  /** A table's name in a query. */
  table(schema: string | undefined, name: string): string;
  /** Rows as text, all columns named in order, sorted by the database. */
  select(sql: string): Promise<(string | null)[][]>;
  run(sql: string): Promise<void>;
}

export const targets = { duckdb: duckdbTarget, postgres: postgresTarget } as const;

const qualified =
  (quote: '"' | '`') =>
  (schema: string | undefined, name: string): string =>
    [...(schema === undefined ? [] : [schema]), name]
      .map((each) => quote + each.replaceAll(quote, quote + quote) + quote)
      .join('.');

export async function duckdbTarget(): Promise<TestTarget> {
  const url = join(scratch('duckdb'), 'wh.duckdb');
  const using = async <T>(how: (db: Awaited<ReturnType<typeof openDuckDB>>) => Promise<T>): Promise<T> => {
    const db = await openDuckDB(url);
    try {
      return await how(db);
    } finally {
      db.close();
    }
  };
  return {
    name: 'duckdb',
    url,
    table: qualified('"'),
    select: (sql) =>
      using(async (db) => {
        const found = await db.rows(`SELECT COLUMNS(*)::VARCHAR FROM (${sql})`);
        return found.map((row) => Object.values(row) as (string | null)[]);
      }),
    run: (sql) => using(async (db) => void (await db.run(sql))),
  };
}

export async function postgresTarget(): Promise<TestTarget> {
  return onPostgres('postgres', await (await postgresServer()).database());
}

/** A server that takes files only: see `storedRows`. */
export async function redshiftTarget(): Promise<TestTarget & { readonly psql: string }> {
  const { url, psql, postgres } = await redshiftDatabase();
  return { ...onPostgres('redshift', postgres), url, psql };
}

function onPostgres(name: TestTarget['name'], url: string): TestTarget {
  return {
    name,
    url,
    table: qualified('"'),
    select: async (sql) => {
      // Every column by the cast that psql would print it with, in the order of the query.
      const client = new pg.Client({
        connectionString: url,
        types: { getTypeParser: () => (text: string) => text },
      });
      await client.connect();
      try {
        await client.query("SET TimeZone = 'UTC'");
        return (await client.query<(string | null)[]>({ text: sql, rowMode: 'array' })).rows;
      } finally {
        await client.end();
      }
    },
    run: async (sql) => void (await query(url, sql)),
  };
}

export async function mysqlTarget(): Promise<TestTarget> {
  const url = await (await mariadbServer()).database();
  return {
    name: 'mysql',
    url,
    table: qualified('`'),
    select: (sql) => mariadbQuery(url, sql),
    run: async (sql) => void (await mariadbQuery(url, sql)),
  };
}

/** A file of its own; `how`: what runs scripts. */
export async function sqliteTarget(
  how: 'command' | 'wasm',
): Promise<TestTarget & { readonly how: typeof how }> {
  const url = sqliteFile();
  return {
    name: 'sqlite',
    how,
    url,
    table: qualified('"'),
    select: async (sql) => {
      if (how === 'command') recoverSqlite(url);
      return sqliteRows(url, sql);
    },
    run: async (sql) => sqliteRun(url, sql),
  };
}

export interface Loaded {
  readonly warnings: string[];
}

export async function loadInto(
  target: TestTarget,
  input: AsyncIterable<Chunk>,
  options: LoadOptions = {},
): Promise<Loaded> {
  const warnings: string[] = [];
  await load(target.url, options)(input, quietContext({ warn: (message) => warnings.push(message) }));
  return { warnings };
}

/** The script of a stream, and the error it ended with. */
export async function script(
  input: AsyncIterable<Chunk>,
  options: ToSqlOptions,
): Promise<{ text: string; error: unknown }> {
  let text = '';
  try {
    for await (const piece of toSql(options)(input, quietContext()))
      text += Buffer.from(piece).toString('utf8');
  } catch (error) {
    return { text, error };
  }
  return { text, error: undefined };
}

export const hasPsql = spawnSync('psql', ['--version']).status === 0;

/** Runs a script, or the beginning of one. */
export async function runPsql(url: string, text: string): Promise<{ code: number; stderr: string }> {
  const { code, stdout, stderr } = await program('psql', ['-X', url], { stdin: text });
  return { code, stderr: stderr + stdout };
}

/** Runs a script as the engine's own client would: psql, or, for want of a duckdb command, its statements. */
export async function runScript(target: TestTarget, text: string): Promise<{ code: number; stderr: string }> {
  if (target.name === 'postgres') return runPsql(target.url, text);
  if (target.name === 'redshift')
    return runPsql((target as Awaited<ReturnType<typeof redshiftTarget>>).psql, text);
  if (target.name === 'mysql' || target.name === 'sqlite') {
    const { code, stdout, stderr } =
      target.name === 'mysql'
        ? runMariadb(target.url, text)
        : runSqlite(target.url, text, (target as Awaited<ReturnType<typeof sqliteTarget>>).how);
    return { code, stderr: stderr + stdout };
  }
  const [first, ...rest] = text.split('\n');
  if (text !== '' && first !== '.bail on')
    return { code: 1, stderr: `expected .bail on first, found ${first}` };
  try {
    await target.run(rest.join('\n'));
    return { code: 0, stderr: '' };
  } catch (error) {
    return { code: 1, stderr: String(error) };
  }
}

/** A file for `--target-schema`: what the target has by now. */
export async function schemaFile(target: TestTarget, schema?: string): Promise<string> {
  const path = join(scratch('schema'), 'columns.ndjson');
  const columns = await target.select(columnsQuery(target.name, schema));
  writeFileSync(path, columns.map(([line]) => `${line}\n`).join(''));
  return path;
}

/**
 * What `load` would do, by scripts: each knows the target's columns, and what its client fails with is an error of ours.
 */
export async function scriptInto(
  target: TestTarget,
  input: AsyncIterable<Chunk>,
  options: Omit<ToSqlOptions, 'dialect'> = {},
): Promise<Loaded> {
  const targetSchema = readTargetSchema(await schemaFile(target, options.schema));
  const { text, error } = await script(input, { ...options, dialect: target.name, targetSchema });
  const { code, stderr } = await runScript(target, text);
  if (error !== undefined) throw error;
  const message = /(?:bad JSON path|JSON path error near|can't be set to the value of):? '(.*)'/s.exec(
    stderr,
  )?.[1];
  if (code !== 0) throw new UserError((message ?? stderr).replaceAll("''", "'"));
  return { warnings: [] };
}

/** How many groups were in the transaction of each group, by its id. */
export async function batchSizes(
  target: TestTarget,
  given: AsyncIterable<Chunk>,
  options: LoadOptions,
): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  await loadInto(target, given, {
    ...options,
    onGroup: ({ name, batch = 1 }) => {
      found[name.split(' ').slice(1).join(' ')] = batch;
    },
  });
  return found;
}
