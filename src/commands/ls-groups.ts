import { UsageError } from '../errors.ts';
import type { ListGroupsOptions } from '../feeds/feed.ts';
import { feeds } from '../feeds/index.ts';
import { listGroups } from '../feeds/list.ts';
import { summaryOf } from '../feeds/summary.ts';
import { storeFlags } from '../stores/index.ts';
import { defineCommand } from './command.ts';
import { catalogFlag, choice, duration, type Flags, list, text, toggle } from './flags.ts';

const flags = {
  feed: choice(
    Object.keys(feeds) as (keyof typeof feeds)[],
    'the vendor whose layout lies there; template: one of your own',
  ),
  name: text('NAME', 'the name under which all state of this root is kept (default: the feed and the root)'),
  after: text(
    'CURSOR|@TARGET|@FILE',
    'only later groups: 1007 or POD1=1007,POD2=55, or what a target or the lines of `brigade state` say',
  ),
  stateSchema: text('NAME', 'the schema that the state of --after @TARGET is in (load --schema)'),
  until: text('CURSOR', 'only groups up to this one, itself included'),
  tables: list('GLOB,…', 'only files of these tables; * for any text, in any case'),
  scope: text('GLOB,…', 'only these scopes (a POD, an integration/table)'),
  template: text(
    'TEMPLATE',
    "how keys are made up, such as '{pod}/{group:int}/{table}/{log:int}/{file}.csv' or Stitch's [table_name]/…",
  ),
  settle: duration(
    'how long nothing of a group must have changed where nothing else says that it is complete (0: at once)',
  ),
  lookback: duration(
    'list groups before the cursor again that changed within this time before now (stitch: loaded within it before the cursor; default with @: stitch 24h, else 0)',
  ),
  snapshot: text('DATE|latest', "Zenoti's monthly snapshot instead of the groups"),
  skipOrgTables: toggle(
    "without Zenoti's organisation-level tables, which the bucket of every centre repeats",
  ),
  summary: toggle('print counts per scope and table as text instead of the wire'),
  catalog: catalogFlag,
  ...storeFlags,
} satisfies Flags;

/** Lists what is new at a root; see `listGroups`. */
export const lsGroups = defineCommand({
  name: 'ls-groups',
  kind: 'source',
  summary: 'list the groups of files that are new in a bucket or folder, in order',
  details: `URL is s3://bucket/prefix, a folder, or a file: URL. A group is what the vendor delivers at once: Zenoti's group,
Contentsquare's dump, Stitch's load of a table, a day's export. Groups are listed in numeric order per scope, after
the cursor, and only when they are complete: a later one is there, a manifest lists its files, or nothing has changed
for the settle time. Schema scripts stand where they take effect. Prints control lines; decode reads the files.

In a template {scope}, {pod} or {integration} name the scope; {group}, {date} or {timestamp_loaded} the group; {table}
the table; {batch}, {log} or {logid} an ordered part of a group; {file} any name; {path} any rest; {any} anything.`,
  args: 'URL',
  examples: [
    'ls-groups fixtures/drops/zenoti/first --feed zenoti --summary',
    'ls-groups fixtures/drops/contentsquare/first --feed contentsquare --after 999',
    'ls-groups s3://acme-zenoti/CustomerFolder --feed zenoti --after @wh.duckdb | read-manifest | decode | head',
  ],
  flags,
  make: (options, args) => listGroups(urlOf(args), optionsOf(options)),
  print(options, args) {
    if (options.summary !== true) return undefined;
    const source = listGroups(urlOf(args), optionsOf(options));
    return async function* print(context) {
      yield new TextEncoder().encode(await summaryOf(source(context)));
    };
  },
});

function urlOf(args: readonly string[]): string {
  const [url, ...others] = args;
  if (url === undefined) throw new UsageError('expected a URL or folder, found none');
  if (others.length > 0) throw new UsageError(`expected one URL or folder, found ${others[0]} after it`);
  return url;
}

function optionsOf(options: Partial<ListGroupsOptions>): ListGroupsOptions {
  if (options.feed === undefined)
    throw new UsageError(`--feed: expected one of ${Object.keys(feeds).join(', ')}, found none`);
  return { ...options, feed: options.feed };
}
