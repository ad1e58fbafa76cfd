/** Cursors: how far each scope has been applied, as told on the command line, in a file, or by a target. */

import { readFile } from 'node:fs/promises';
import { globMatch } from '../catalog.ts';
import { messageOf, UsageError, UserError } from '../errors.ts';
import type { Context } from '../stage.ts';
import type { Cursor } from './feed.ts';
import { compareIds, idNumber } from './group-id.ts';

/** The group that a scope has come to, or null. */
export interface CursorOf {
  (scope: string): string | null;
  /** There is no cursor for any scope. */
  readonly isEmpty: boolean;
}

/** Reads `1007` (every scope) or `POD1=1007,POD2=55`. Throws `UsageError` naming the flag. */
export function parseCursors(text: string, flag: string): readonly Cursor[] {
  return text.split(',').map((item) => {
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
}

interface CursorSource {
  readonly feed: string;
  readonly source: string;
  readonly tables?: readonly string[];
}

/**
 * Reads `--after`: a CURSOR, `@FILE` with lines as `state` prints them, or `@TARGET`, whose state is read (and the
 * connection closed) before anything is listed. Lines of other sources, and of tables that `--tables` leaves out,
 * do not count.
 */
export async function readCursors(
  after: string | undefined,
  source: CursorSource,
  context: Context,
): Promise<CursorOf> {
  if (after === undefined) return cursorOf([]);
  if (!after.startsWith('@')) return cursorOf(parseCursors(after, 'after'));
  const place = after.slice(1);
  const lines = isTarget(place) ? await targetState(place, context) : await stateLines(place);
  const ours = lines.filter(
    (line) =>
      (line.feed ?? source.feed) === source.feed &&
      (line.source ?? source.source) === source.source &&
      (line.table === undefined ||
        source.tables === undefined ||
        source.tables.some((glob) => globMatch(glob, line.table!))),
  );
  return cursorOf(ours);
}

/** The newest group of each scope; one without a scope counts for those that have none of their own. */
export function cursorOf(cursors: readonly Cursor[]): CursorOf {
  const newest = new Map<string | undefined, string>();
  for (const { scope, group } of cursors) {
    const known = newest.get(scope);
    if (known === undefined || compareIds(group, known) > 0) newest.set(scope, group);
  }
  return Object.assign((scope: string) => newest.get(scope) ?? newest.get(undefined) ?? null, {
    isEmpty: newest.size === 0,
  });
}

function isTarget(place: string): boolean {
  return /^(env|file):/i.test(place) || /\.duckdb$/i.test(place) || /^[a-z][a-z0-9+.-]*:/i.test(place);
}

async function targetState(target: string, context: Context): Promise<readonly Cursor[]> {
  const { readState } = await import('../targets/index.ts');
  return readState(target, context);
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
