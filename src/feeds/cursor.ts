/** Cursors: how far each scope has been applied, as told on the command line, in a file, or by a target. */

import { readFile } from 'node:fs/promises';
import { globMatch } from '../catalog.ts';
import { messageOf, UsageError, UserError } from '../errors.ts';
import type { Context } from '../stage.ts';
import type { Cursor } from './feed.ts';
import { compareIds, idNumber } from './group-id.ts';

/** The group that a scope has come to, or null. */
export type CursorOf = (scope: string) => string | null;

/** How far the tables of each scope have been applied. Memory: a line of state each. */
export interface Cursors {
  /** Where the listing of a scope starts: the newest group that all tables that are wanted have been brought to. */
  readonly start: CursorOf;
  /** The newest group that one table has been brought to, or null. */
  applied(scope: string, table: string): string | null;
  /** Nothing of a table has been applied yet, in any scope. */
  isFirst(table: string): boolean;
  /** There is no cursor at all. */
  readonly isEmpty: boolean;
}

/** Reads `1007` (every scope) or `POD1=1007,POD2=55`, each scope once. Throws `UsageError` naming the flag. */
export function parseCursors(text: string, flag: string): readonly Cursor[] {
  const cursors = text.split(',').map((item): Cursor => {
    const [, scope, group = ''] = /^(?:(.*)=)?([^=]*)$/s.exec(item.trim())!;
    try {
      idNumber(group);
    } catch (error) {
      throw new UsageError(`--${flag}: expected CURSOR such as 1007 or POD1=1007,POD2=55, found ${text}`, {
        cause: error,
      });
    }
    return scope === undefined ? { group } : { scope, group };
  });
  const seen = new Set<string | undefined>();
  for (const { scope } of cursors) {
    if (seen.has(scope)) {
      const what = scope === undefined ? 'group for every scope' : `group for ${scope}`;
      throw new UsageError(`--${flag}: expected one ${what}, found ${text}`);
    }
    seen.add(scope);
  }
  return cursors;
}

interface CursorSource {
  readonly feed: string;
  readonly source: string;
  /** As `--tables` names them; undefined: all. */
  readonly tables?: readonly string[];
  /** The schema that a target's state is in. */
  readonly stateSchema?: string | undefined;
}

/**
 * Reads `--after`: a CURSOR, `@FILE` with lines as `state` prints them, or `@TARGET`, whose state is read (and the
 * connection closed) before anything is listed. Lines of other sources do not count.
 */
export async function readCursors(
  after: string | undefined,
  source: CursorSource,
  context: Context,
): Promise<Cursors> {
  if (after === undefined) return cursorsOf([], source.tables);
  if (!after.startsWith('@')) return cursorsOf(parseCursors(after, 'after'), source.tables);
  const place = after.slice(1);
  const lines = isTarget(place)
    ? await targetState(place, source.stateSchema, context)
    : await stateLines(place);
  const ours = lines.filter(
    (line) => (line.feed ?? source.feed) === source.feed && (line.source ?? source.source) === source.source,
  );
  return cursorsOf(ours, source.tables);
}

/**
 * What lines of state say together. A line without `table` speaks for all tables, one whose `table` is a name or a
 * pattern of `--tables` for those it matches: each was applied up to its group, without a gap.
 */
function cursorsOf(cursors: readonly Cursor[], wanted: readonly string[] | undefined): Cursors {
  const whole = cursorOf(cursors.filter(({ table }) => table === undefined));
  const scopes = new Map<string | undefined, Map<string, string>>();
  for (const { scope, table, group } of cursors) {
    if (table === undefined) continue;
    const tables = scopes.get(scope) ?? new Map<string, string>();
    scopes.set(scope, tables);
    const known = tables.get(table);
    if (known === undefined || compareIds(group, known) > 0) tables.set(table, group);
  }
  const applied = (scope: string, table: string): string | null => {
    let newest = whole(scope);
    for (const tables of [scopes.get(scope), scopes.get(undefined)]) {
      for (const [pattern, group] of tables ?? []) {
        if (newest !== null && compareIds(group, newest) <= 0) continue;
        if (globMatch(pattern, table)) newest = group;
      }
    }
    return newest;
  };
  return {
    // A pattern that another one matches is one of those that this stands for, so patterns are asked for like names.
    start: (scope) =>
      wanted === undefined ? whole(scope) : oldest(wanted.map((table) => applied(scope, table))),
    applied,
    isFirst: (table) =>
      !cursors.some((cursor) => cursor.table === undefined || globMatch(cursor.table, table)),
    isEmpty: cursors.length === 0,
  };
}

function oldest(groups: readonly (string | null)[]): string | null {
  let found: string | null | undefined;
  for (const group of groups) {
    if (group === null) return null;
    if (found === undefined || found === null || compareIds(group, found) < 0) found = group;
  }
  return found ?? null;
}

/** The newest group of each scope; one without a scope counts for those that have none of their own. */
export function cursorOf(cursors: readonly Cursor[]): CursorOf {
  const newest = new Map<string | undefined, string>();
  for (const { scope, group } of cursors) {
    const known = newest.get(scope);
    if (known === undefined || compareIds(group, known) > 0) newest.set(scope, group);
  }
  return (scope: string) => newest.get(scope) ?? newest.get(undefined) ?? null;
}

function isTarget(place: string): boolean {
  return /^(env|file):/i.test(place) || /\.duckdb$/i.test(place) || /^[a-z][a-z0-9+.-]*:/i.test(place);
}

async function targetState(
  target: string,
  schema: string | undefined,
  context: Context,
): Promise<readonly Cursor[]> {
  const { readState } = await import('../targets/index.ts');
  return readState(target, context, schema === undefined ? {} : { schema });
}

async function stateLines(path: string): Promise<readonly Cursor[]> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw new UserError(`--after @${path}: ${messageOf(error)}`, { cause: error });
  });
  return text.split('\n').flatMap((line, i): Cursor[] => {
    if (line.trim() === '') return [];
    const fail = (found: string, cause?: unknown): never => {
      throw new UserError(
        `${path} line ${i + 1}: expected a line as brigade state prints it, found ${found}`,
        { cause },
      );
    };
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      return fail(JSON.stringify(line.slice(0, 60)), error);
    }
    const { feed, source, scope, table, group } = (value ?? {}) as Record<string, unknown>;
    if (typeof group !== 'string' && typeof group !== 'number') return fail('no member "group"');
    try {
      idNumber(String(group));
    } catch (error) {
      return fail(`group ${JSON.stringify(group)}`, error);
    }
    const texts = Object.entries({ feed, source, scope, table }).filter(
      ([, item]) => typeof item === 'string',
    );
    return [{ ...Object.fromEntries(texts), group: String(group) }];
  });
}
