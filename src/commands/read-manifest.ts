import { writeFile } from 'node:fs/promises';
import type { Catalog } from '../catalog.ts';
import { messageOf, mismatch } from '../errors.ts';
import type { Feed } from '../feeds/feed.ts';
import { feedOf, feeds } from '../feeds/index.ts';
import { parseTemplate } from '../feeds/key-template.ts';
import { webhookLines } from '../feeds/stitch-webhook.ts';
import { mapAhead } from '../manifest/ahead.ts';
import { holdForKeys } from '../manifest/hold.ts';
import { catalogStub, catalogText, missingKeys } from '../manifest/keys.ts';
import { createLineReader } from '../manifest/reader.ts';
import { renumber } from '../manifest/renumber.ts';
import type { Context, Stage } from '../stage.ts';
import { openStore, storeFlags } from '../stores/index.ts';
import type { Store, StoreOptions } from '../stores/store.ts';
import type { Chunk, TableLine } from '../wire/types.ts';
import { defineCommand } from './command.ts';
import { catalogFlag, text, toggle } from './flags.ts';

/** The options of `read-manifest`; the names are those of the flags. */
export interface ReadManifestOptions extends StoreOptions {
  readonly catalog?: Catalog;
  /** Read files outside the feed's root too, when a manifest names them. */
  readonly allowOutside?: boolean;
  /** Where to write a catalog of the tables without a key. */
  readonly catalogOut?: string;
  /** Of Stitch: how object keys are made up, where a webhook body names them. */
  readonly template?: string;
  /** Of webhook bodies: where their objects lie, and the name under which state is kept; default: the body's bucket, the feed and root. */
  readonly root?: string;
  readonly name?: string;
}

/** Scripts, manifests and headers are small: requests for so many lines are under way at once. */
const LINES_AT_ONCE = 16;

/**
 * Expands manifests, fills in schema scripts and gives every table its line before its first file of a group. Order is kept. Holds
 * some thousand lines at first (see `holdForKeys`), later those under way. Throws `UserError` on bad manifests and scripts, missing
 * files, files outside the root, and, for all tables together, missing keys. With `bodies`, files that hold bodies of Stitch's webhooks, these are
 * read instead of the input.
 */
export function readManifest(options: ReadManifestOptions = {}, bodies: readonly string[] = []): Stage {
  if (options.template !== undefined) parseTemplate(options.template);
  return (input, context) => {
    const store = openStore(options, context);
    const lines = bodies.length === 0 ? input : webhookLines(bodies, { ...options, store });
    return readLines(lines, context, options, store);
  };
}

async function* readLines(
  input: AsyncIterable<Chunk>,
  context: Context,
  options: ReadManifestOptions,
  store: Store,
): AsyncGenerator<Chunk> {
  const { catalog, allowOutside = false, template } = options;
  const reader = createLineReader({
    store,
    context,
    catalog,
    allowOutside,
    template,
    feedOf: knownFeed,
    headerOf: async (file, feed) => (await header()).readHeader(file, { store, context, csv: feed?.csv }),
    firstRowOf: async (file, feed) => (await header()).readFirstRow(file, { store, context, csv: feed?.csv }),
  });
  const read = mapAhead(input, LINES_AT_ONCE, async (line) => ({ line, becomes: await reader.read(line) }));
  yield* holdForKeys(renumber(read), { fail: (tables) => reportMissing(tables, options, context) });
}

// The formats are loaded only if a header is read.
const header = () => import('../manifest/header.ts');

function knownFeed(name: string): Feed {
  const feed = feedOf(name);
  if (feed === undefined) throw mismatch('feed line', `a feed (${Object.keys(feeds).join(', ')})`, name);
  return feed;
}

/** The error to fail with; the catalog to fill in is written if that was asked for. Nothing is overwritten. */
async function reportMissing(
  tables: readonly TableLine[],
  options: ReadManifestOptions,
  context: Context,
): Promise<Error> {
  const { catalogOut, catalog } = options;
  if (catalogOut === undefined) return missingKeys(tables);
  try {
    await writeFile(catalogOut, `${catalogText(catalogStub(tables, catalog))}\n`, { flag: 'wx' });
    return missingKeys(tables, catalogOut);
  } catch (error) {
    context.warn(`--catalog-out ${catalogOut}: not written: ${messageOf(error)}`);
    return missingKeys(tables);
  }
}

export const readManifestCommand = defineCommand({
  name: 'read-manifest',
  kind: 'filter',
  summary: 'expand manifests and schema scripts, and say what each table holds',
  details: `Reads the lines of ls-groups. Manifests become the files they list; only those count, and they must lie below the
feed's root. Schema scripts become columns and types. Where nothing else tells a table's columns, the header of its
first file in a group is read (Avro schema, Parquet footer, CSV header). Everything else passes.

Before the first file of a table in a group goes its table line: columns with types, key, merge mode, order. What
--catalog says of a table wins over what the feed knows. Tables that lack a key which their merge needs are reported
together: the first 20,000 lines are held until all of their tables have been looked at.

BODY.json is the body of a webhook that Stitch sent after a load (either of its two forms). It is read instead of the
lines of ls-groups, and what it names becomes groups. What was loaded before it is not known then, so that a sink
needs --allow-gap.`,
  examples: [
    'ls-groups fixtures/drops/contentsquare/first --feed contentsquare --settle 0 | read-manifest',
    'ls-groups fixtures/drops/zenoti/first --feed zenoti --settle 0 | read-manifest --catalog fixtures/drops/zenoti/catalog.json | decode',
  ],
  flags: {
    catalog: catalogFlag,
    catalogOut: text('FILE', 'write a catalog of the tables without a key, to be filled in'),
    allowOutside: toggle('read files that a manifest names outside the root too'),
    template: text(
      'TEMPLATE',
      'how object keys are made up that a webhook body names (default: as Stitch does it)',
    ),
    root: text('URL', 'where the objects of a webhook body lie (default: the bucket that it names)'),
    name: text(
      'NAME',
      'of webhook bodies: the name under which all state is kept (default: the feed and the root)',
    ),
    ...storeFlags,
  },
  args: '[BODY.json…]',
  make: (options, args) => readManifest(options, args),
});
