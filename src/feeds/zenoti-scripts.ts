/** Zenoti's schema scripts: when each takes effect among the groups. */

import type { Entry } from '../stores/store.ts';
import { compareText } from '../wire/order.ts';
import type { ListContext, Listed } from './feed.ts';

const FULL = 'SchemaFull';
const UPGRADE = 'SchemaUpgrade';
export const SCRIPT_FOLDERS = [FULL, UPGRADE] as const;

/** Scripts that have not been yielded yet. */
export interface PendingScripts {
  isEmpty(): boolean;
  /** Those that take effect no later than this time, in order. */
  upTo(modified: string): Iterable<Listed>;
  rest(): Iterable<Listed>;
}

interface Script {
  readonly entry: Entry;
  readonly effective: string;
}

/**
 * The scripts of the wanted tables. SchemaFull stands before everything: without it a file that has no header cannot
 * be read, and files from before a change are only shorter. An upgrade takes effect at its time, none before an
 * earlier release. One that the table's SchemaFull script is newer than is contained in it and left out; at a first
 * set-up, one of the same time too (seed: "Ignore the 'SchemaUpgrade' folder during initial setup").
 * Held in memory: a line per script.
 */
export async function pendingScripts(context: ListContext): Promise<PendingScripts> {
  const full = await scripts(context, FULL);
  const fullTime = new Map(full.map((entry) => [tableOf(entry), entry.modified]));
  const upgrades = (await scripts(context, UPGRADE)).filter((entry) => {
    const known = fullTime.get(tableOf(entry));
    return (
      known === undefined ||
      (context.isFirst(tableOf(entry)) ? entry.modified > known : entry.modified >= known)
    );
  });
  upgrades.sort(
    (a, b) =>
      RELEASES.compare(releaseOf(a), releaseOf(b)) ||
      compareText(a.modified, b.modified) ||
      compareText(a.path, b.path),
  );
  const pending: Script[] = full.map((entry) => ({ entry, effective: '' }));
  let effective = '';
  for (const entry of upgrades) {
    if (entry.modified > effective) effective = entry.modified;
    pending.push({ entry, effective });
  }
  const take = (count: number): Listed[] => pending.splice(0, count).map(({ entry }) => ddl(entry));
  return {
    isEmpty: () => pending.length === 0,
    upTo: (modified) => {
      const later = pending.findIndex((script) => script.effective > modified);
      return take(later < 0 ? pending.length : later);
    },
    rest: () => take(pending.length),
  };
}

// "2026.10" comes after "2026.9".
const RELEASES = new Intl.Collator('en', { numeric: true });

const releaseOf = ({ path }: Entry): string => path.split('/').slice(1, -1).join('/');

const tableOf = ({ path }: Entry): string =>
  path
    .slice(path.lastIndexOf('/') + 1)
    .replace(/\.txt$/i, '')
    .toLowerCase();

async function scripts(context: ListContext, folder: string): Promise<Entry[]> {
  const found: Entry[] = [];
  for await (const entry of context.store.list(context.root, { prefix: `${folder}/` })) {
    if (/\.txt$/i.test(entry.path) && context.wanted(tableOf(entry))) found.push(entry);
  }
  return found;
}

function ddl({ uri, modified, etag, bytes }: Entry): Listed {
  return { kind: 'ddl', line: { $: 'ddl', uri, modified, etag, bytes } };
}
