import { readFileSync } from 'node:fs';
import { messageOf, mismatch, UsageError, UserError } from '../errors.ts';
import type { Context } from '../stage.ts';

/** Where tables are kept. */
export type Target =
  | { readonly kind: 'duckdb'; readonly path: string; readonly schema?: undefined }
  | {
      readonly kind: 'postgres' | 'redshift' | 'mysql';
      readonly url: string;
      /** What the URL says (`?schema=landing`); a flag goes before it. */
      readonly schema?: string;
    };

const SCHEMES: ReadonlyMap<string, 'postgres' | 'redshift' | 'mysql'> = new Map([
  ['postgres', 'postgres'],
  ['postgresql', 'postgres'],
  ['redshift', 'redshift'],
  ['mysql', 'mysql'],
  ['mariadb', 'mysql'],
] as const);

/**
 * Reads a TARGET: a path ending in `.duckdb`, `duckdb:PATH`, `postgres://…`, `redshift://…`, `mysql://…` (or `mariadb://…`), or
 * one of these kept in a variable (`env:NAME`) or a file (`file:PATH`), so that a password need not stand on the command
 * line. Throws `UsageError`.
 */
export function parseTarget(text: string, context: Pick<Context, 'env' | 'warn'>, from?: string): Target {
  if (from === undefined && text.startsWith('env:')) {
    const name = text.slice('env:'.length);
    const value = context.env[name];
    if (value === undefined || value === '')
      throw new UsageError(`${text}: expected a target in the variable ${name}, found it not set`);
    return parseTarget(value.trim(), context, text);
  }
  if (from === undefined && /^file:(?!\/\/)/.test(text))
    return parseTarget(readTarget(text.slice('file:'.length)), context, text);
  const kind = SCHEMES.get(/^([a-z]+):\/\//.exec(text)?.[1] ?? '');
  if (kind !== undefined) {
    // As `pg` reads it: a password may hold anything that a URL can be parsed with.
    const readable = text.replaceAll(' ', '%20');
    if (!URL.canParse(readable, `${kind}://host`)) {
      throw new UsageError(
        mismatch(from ?? 'TARGET', `${kind}://user@host:port/database`, 'what is no URL').message,
      );
    }
    if (from === undefined && maskTarget(text) !== text) {
      context.warn(
        `${maskTarget(text)}: a password on the command line is seen by everyone on this machine: keep the target in env:NAME or file:PATH`,
      );
    }
    const schema = kind === 'mysql' ? null : new URL(readable, `${kind}://host`).searchParams.get('schema');
    return { kind, url: text, ...(schema === null || schema === '' ? {} : { schema }) };
  }
  if (text.startsWith('duckdb:')) return { kind: 'duckdb', path: text.slice('duckdb:'.length) };
  if (text.endsWith('.duckdb') && !/^\w+:\/\//.test(text)) return { kind: 'duckdb', path: text };
  throw new UsageError(
    mismatch(
      'TARGET',
      'a path ending in .duckdb, duckdb:PATH, postgres://…, redshift://…, mysql://…, env:NAME or file:PATH',
      from ?? maskTarget(text),
    ).message,
  );
}

function readTarget(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new UserError(`file:${path}: expected a file that holds a target: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** A target as messages show it: without its password. */
export function maskTarget(text: string): string {
  return text
    .replace(/^(\w+:\/\/[^/@:]*):[^?]+@/, '$1:***@')
    .replace(/([?&](?:password|sslpassword)=)[^&]*/gi, '$1***');
}
