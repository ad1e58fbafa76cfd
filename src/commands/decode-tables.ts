import type { Catalog } from '../catalog.ts';
import { catalogMembers, runUnder, spelledAndTyped } from '../catalog-stage.ts';
import type { Feed } from '../feeds/feed.ts';
import { sameTable } from '../wire/grammar.ts';
import type { Control, FileLine, Run, TableLine } from '../wire/types.ts';

/** What is known of the tables at a place of the wire. */
export interface Tables {
  /** Takes note of a control line that passes; of a `feed` line once the promise is kept. */
  note(control: Control): Promise<void> | undefined;
  /** The feed whose line has passed. */
  readonly feed: Feed | undefined;
  /**
   * The line that a file's rows stand under: the last one of its table in the group, else before the groups, else one
   * made of what the feed knows. The catalog is laid over either.
   */
  of(file: FileLine & { readonly table: string }): TableLine;
  /** The same rows with the types that catalog and feed give columns whatever the file says. */
  retyped(run: Run): Run;
}

export function createTables(catalog: Catalog | undefined): Tables {
  let feed: Feed | undefined;
  let inGroup = false;
  const outside = new Map<string, TableLine>();
  const inside = new Map<string, TableLine>();
  let last: { readonly from: TableLine; readonly to: TableLine } | undefined;

  // Files of one table with the same columns share one line, so that whoever compares lines is done at once.
  function retypedTable(table: TableLine): TableLine {
    if (last?.from === table) return last.to;
    const typed = spelledAndTyped(table, catalog, feed);
    const to = last !== undefined && sameTable(last.to, typed) ? last.to : typed;
    last = { from: table, to };
    return to;
  }

  // Loaded when first needed: a file given by name has no feed, and its first line should not wait for them.
  async function noteFeed(name: string): Promise<void> {
    const { feedOf } = await import('../feeds/index.ts');
    feed = feedOf(name);
  }

  return {
    note(control) {
      if (control.$ === 'feed') return noteFeed(control.feed);
      if (control.$ === 'group' || control.$ === 'commit') {
        inGroup = control.$ === 'group';
        inside.clear();
      }
      if (control.$ !== 'table') return undefined;
      const known = inside.get(control.table) ?? outside.get(control.table);
      (inGroup ? inside : outside).set(control.table, { ...known, ...control });
      return undefined;
    },
    get feed() {
      return feed;
    },
    of({ table }) {
      const declared = inside.get(table) ?? outside.get(table) ?? feedDefaults(feed, table);
      const line: TableLine = { ...declared, ...catalogMembers(catalog, table), $: 'table', table };
      return spelledAndTyped(line, catalog, feed);
    },
    retyped(run) {
      const table = retypedTable(run.table);
      return runUnder(table, run);
    },
  };
}

function feedDefaults(feed: Feed | undefined, table: string): Partial<TableLine> {
  const { types, ...members } = feed?.table(table) ?? {};
  return members;
}
