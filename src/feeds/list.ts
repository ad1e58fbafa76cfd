/** What `ls-groups` does: the groups of a feed, complete and in order, as lines of the wire. */

import { createHash } from 'node:crypto';
import { globMatch } from '../catalog.ts';
import { UsageError, UserError } from '../errors.ts';
import type { Context, Source } from '../stage.ts';
import { normaliseRoot, openStore } from '../stores/index.ts';
import type { Store } from '../stores/store.ts';
import { type Chunk, type FileLine, WIRE_VERSION } from '../wire/types.ts';
import { cursorOf, parseCursors, readCursors } from './cursor.ts';
import type { Feed, ListContext, ListGroupsOptions } from './feed.ts';
import { compareIds } from './group-id.ts';
import { feedOf, feeds } from './index.ts';
import { isOrgTable } from './zenoti-tables.ts';

/** The feeds that have a layout of the user's, and the one that has snapshots and organisation-level tables. */
const WITH_TEMPLATE: readonly string[] = ['stitch', 'exports', 'template'];
const ONLY_ZENOTI = { snapshot: '--snapshot', skipOrgTables: '--skip-org-tables' } as const;

/**
 * Lists the groups below a root: a `feed` line, then `ddl` lines and groups of `file` lines, then `end`. Groups are in
 * numeric order per scope, after the cursor, and only complete ones. Nothing is asked of the store before the first
 * chunk is. Memory: see each feed. Throws `UsageError` for options that do not fit the feed, `UserError` where
 * nothing at the root looks like it.
 */
export function listGroups(url: string, options: ListGroupsOptions): Source {
  const feed = feedOf(options.feed);
  if (feed === undefined)
    throw new UsageError(`--feed: expected one of ${Object.keys(feeds).join(', ')}, found ${options.feed}`);
  if (options.template !== undefined && !WITH_TEMPLATE.includes(feed.name))
    throw new UsageError(
      `--template: expected --feed ${WITH_TEMPLATE.join(' or ')} beside it, found ${feed.name}`,
    );
  for (const [option, flag] of Object.entries(ONLY_ZENOTI)) {
    if (options[option as keyof typeof ONLY_ZENOTI] && feed.name !== 'zenoti')
      throw new UsageError(`${flag}: expected --feed zenoti beside it, found ${feed.name}`);
  }
  if (feed.name === 'template' && options.template === undefined)
    throw new UsageError(`--feed template: expected --template beside it, found none`);
  const root = normaliseRoot(url);
  const source = options.name ?? `${feed.name}:${root}`;
  const until = cursorOf(options.until === undefined ? [] : parseCursors(options.until, 'until'));
  if (options.after !== undefined && !options.after.startsWith('@')) parseCursors(options.after, 'after');
  return async function* list(context: Context): AsyncIterable<Chunk> {
    const store = openStore(options, context);
    const cursor = await readCursors(
      options.after,
      {
        feed: feed.name,
        source,
        stateSchema: options.stateSchema,
        ...(options.tables === undefined ? {} : { tables: options.tables }),
      },
      context,
    );
    const scopes = new Set<string>();
    const listing: ListContext = {
      ...context,
      store,
      root,
      // Cursors from a target know what was applied, so files that came late are looked for as the feed needs it.
      options: {
        ...options,
        lookback: options.lookback ?? (options.after?.startsWith('@') ? feed.lookbackMs : 0),
      },
      cursor: cursor.start,
      applied: cursor.applied,
      isFirst: cursor.isFirst,
      until,
      noteScope: (scope) => void scopes.add(scope),
      wanted: (table) =>
        (options.tables === undefined || options.tables.some((glob) => globMatch(glob, table))) &&
        !(options.skipOrgTables === true && isOrgTable(table)),
      nowMs: Date.now(),
    };
    yield { $: 'feed', wire: WIRE_VERSION, feed: feed.name, source, root };
    let groups = 0;
    let isEmpty = true;
    for await (const chunk of lines(feed, listing)) {
      isEmpty = false;
      if ('$' in chunk && chunk.$ === 'commit') groups += 1;
      yield chunk;
    }
    if (isEmpty && scopes.size === 0 && cursor.isEmpty) await nothingThere(store, root, feed, options);
    if (groups === 0 && options.scope !== undefined) refuseUnknownScope(options.scope, scopes);
    yield { $: 'end', groups };
  };
}

async function* lines(feed: Feed, context: ListContext): AsyncIterable<Chunk> {
  const newest = new Map<string, string>();
  for await (const item of feed.list(context)) {
    context.signal.throwIfAborted();
    if (item.kind === 'ddl') {
      yield item.line;
      continue;
    }
    const { scope, group } = item;
    const names = { feed: feed.name, scope, group };
    // A late group stands after the cursor too: that is where the target is.
    const after = newest.get(scope) ?? context.cursor(scope);
    yield { $: 'group', ...names, after, ...(item.whole === true ? {} : chosen(context)) };
    for (const table of item.emptied ?? []) yield { $: 'table', table, full: true };
    const digest = createHash('sha256');
    let files = 0;
    for await (const found of item.files) {
      const file: FileLine = { $: 'file', ...found, seq: files };
      digest.update(`${JSON.stringify([file.uri, file.bytes, file.etag])}\n`);
      files += 1;
      yield file;
    }
    context.progress(`${scope} ${group}: ${files} files`);
    yield { $: 'commit', ...names, files, digest: digest.digest('hex') };
    if (after === null || compareIds(group, after) > 0) newest.set(scope, group);
  }
}

// What a sink may take for applied once the group is.
function chosen({ options: { tables } }: ListContext): { tables?: readonly string[] } {
  if (tables === undefined || tables.some((glob) => /^\*+$/.test(glob))) return {};
  return { tables: [...new Set(tables.map((glob) => glob.trim()))] };
}

// A wrong root is told from one with nothing new by an example of what lies there.
async function nothingThere(
  store: Store,
  root: string,
  feed: Feed,
  options: ListGroupsOptions,
): Promise<never> {
  const example = options.template ?? feed.examples.find(({ expect }) => expect !== null)!.key;
  let found = 'nothing';
  for await (const entry of store.list(root)) {
    found = `such as ${entry.path}`;
    break;
  }
  throw new UserError(`${root}: expected keys of the feed ${feed.name}, such as ${example}, found ${found}`);
}

function refuseUnknownScope(scope: string, scopes: ReadonlySet<string>): void {
  const globs = scope.split(',');
  if (scopes.size === 0 || [...scopes].some((name) => globs.some((glob) => globMatch(glob.trim(), name))))
    return;
  throw new UserError(`--scope: expected one of ${[...scopes].slice(0, 10).join(', ')}, found ${scope}`);
}
