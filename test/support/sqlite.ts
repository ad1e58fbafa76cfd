import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import sqlite3, { type Database } from 'node-sqlite3-wasm';
import { scratch } from './scratch.ts';

/** Why tests with the `sqlite3` command are skipped; false where it is installed. */
export const sqliteMissing: string | false =
  spawnSync('sqlite3', ['--version']).status === 0 ? false : 'no sqlite3 here (apt-get install sqlite3)';

/** A path for a new file. */
export const sqliteFile = (): string => join(scratch('sqlite'), 'wh.sqlite');

function using<T>(path: string, how: (database: Database) => T): T {
  const database = new sqlite3.Database(path);
  try {
    return how(database);
  } finally {
    database.close();
  }
}

/** Rows as text, in the order of the query's columns; blobs in hexadecimal. */
export function sqliteRows(path: string, sql: string): (string | null)[][] {
  const text = (value: unknown) => {
    if (value === null) return null;
    return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value);
  };
  return using(path, (database) => database.all(sql).map((row) => Object.values(row).map(text)));
}

/**
 * Undoes what a killed `sqlite3` command was about to commit, as the next one does before anything else. The WebAssembly
 * takes the journal that is left for that of a process at work, and would read what was never committed.
 */
export function recoverSqlite(path: string): void {
  if (!existsSync(`${path}-journal`)) return;
  const { status, stderr } = spawnSync('sqlite3', [path, 'SELECT count(*) FROM sqlite_master'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
}

export function sqliteRun(path: string, sql: string): void {
  using(path, (database) => database.exec(sql));
}

/** Runs a script with the `sqlite3` command, or by SQLite as WebAssembly, for which its dot commands are left out. */
export function runSqlite(
  path: string,
  text: string,
  how: 'command' | 'wasm',
): { code: number; stdout: string; stderr: string } {
  if (how === 'command') {
    const { status, stdout, stderr } = spawnSync('sqlite3', [path], { input: text, encoding: 'utf8' });
    return { code: status ?? 1, stdout, stderr };
  }
  try {
    sqliteRun(path, text.replace(/^(\.(bail|timeout) .*\n)+/, ''));
    return { code: 0, stdout: '', stderr: '' };
  } catch (error) {
    return { code: 1, stdout: '', stderr: String(error) };
  }
}
