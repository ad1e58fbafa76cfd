import type { Catalog } from '../catalog.ts';
import { catalogMembers, runUnder, spelledAndTyped } from '../catalog-stage.ts';
import type { Feed } from '../feeds/feed.ts';
import { feedOf } from '../feeds/index.ts';
import type { Control, FileLine, Run, TableLine } from '../wire/types.ts';

/** What is known of the tables at a place of the wire. */
export interface Tables {
  /** Takes note of a control line that passes. */
  note(control: Control): void;
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
  const retyped = new WeakMap<TableLine, TableLine>();

  function retypedTable(table: TableLine): TableLine {
    let result = retyped.get(table);
    if (result === undefined) {
      result = spelledAndTyped(table, catalog, feed);
      retyped.set(table, result);
    }
    return result;
  }

  return {
    note(control) {
      if (control.$ === 'feed') feed = feedOf(control.feed);
      if (control.$ === 'group' || control.$ === 'commit') {
        inGroup = control.$ === 'group';
        inside.clear();
      }
      if (control.$ !== 'table') return;
      const known = inside.get(control.table) ?? outside.get(control.table);
      (inGroup ? inside : outside).set(control.table, { ...known, ...control });
    },
    get feed() {
      return feed;
    },
    of({ table }) {
      const declared = inside.get(table) ?? outside.get(table) ?? feedDefaults(feed, table);
      return retypedTable({ ...declared, ...catalogMembers(catalog, table), $: 'table', table });
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
