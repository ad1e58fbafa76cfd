import type { Catalog } from '../catalog.ts';
import type { FormatOptions } from '../formats/format.ts';
import type { Context } from '../stage.ts';
import type { Store, StoreOptions } from '../stores/store.ts';
import type { Chunk, DdlLine, FeedLine, FileLine, MergeMode, TableLine, TypeName } from '../wire/types.ts';

/** How far a scope (or one table of it) has been applied; what `state` prints, a line each. */
export interface Cursor {
  readonly feed?: string;
  readonly source?: string;
  /** Absent: every scope. */
  readonly scope?: string;
  /** Absent: every table. A table's name, or a pattern of `--tables`, which speaks for all that it matches. */
  readonly table?: string;
  readonly group: string;
}

/** The options of `ls-groups`; the names are those of the flags. */
export interface ListGroupsOptions extends StoreOptions {
  readonly feed: string;
  readonly name?: string;
  readonly after?: string;
  /** The schema of the target that `after` names with `@`. */
  readonly stateSchema?: string;
  readonly until?: string;
  readonly tables?: readonly string[];
  readonly scope?: string;
  readonly template?: string;
  /** Milliseconds nothing of a group must have changed for before it counts as complete. */
  readonly settle?: number;
  /** Milliseconds before the cursor in which late files are looked for. */
  readonly lookback?: number;
  readonly snapshot?: string;
  readonly skipOrgTables?: boolean;
  readonly summary?: boolean;
  readonly catalog?: Catalog;
}

/** What a feed gets to list a root. */
export interface ListContext extends Context {
  readonly store: Store;
  /** Normalised, ends in `/`. */
  readonly root: string;
  readonly options: ListGroupsOptions;
  /** Where a scope's listing starts: the last group applied of all tables that are wanted, or null. */
  cursor(scope: string): string | null;
  /** The last group applied of one table, which may be ahead of its scope; or null. */
  applied(scope: string, table: string): string | null;
  /** A scope is there, whether or not it is wanted or holds anything new. */
  noteScope(scope: string): void;
  /** Nothing of a table has been applied yet. */
  isFirst(table: string): boolean;
  /** The last group of a scope that is wanted, or null. */
  until(scope: string): string | null;
  /** Whether `--tables` (and `--skip-org-tables`) let a table through. */
  wanted(table: string): boolean;
  readonly nowMs: number;
}

/** A file of a group that a feed has found. `seq` and `$` are added by `ls-groups`. */
export type ListedFile = Omit<FileLine, '$' | 'seq'>;

/** What a feed's listing yields, in order; `ls-groups` makes wire lines of it, with `after`, digests and `end`. */
export type Listed =
  | { readonly kind: 'ddl'; readonly line: DdlLine }
  | {
      readonly kind: 'group';
      readonly scope: string;
      readonly group: string;
      readonly files: AsyncIterable<ListedFile> | readonly ListedFile[];
      /** Tables without any file that are empty by this group. */
      readonly emptied?: readonly string[];
      /** All of the group is there, whatever `--tables` says: its scope is what was chosen. */
      readonly whole?: boolean;
    };

/** What a feed knows of a table before anything was read of it. */
export interface TableDefaults {
  readonly key?: readonly string[];
  readonly merge?: MergeMode;
  readonly order?: readonly string[];
  readonly delete_flag?: string;
  readonly parent?: string;
  readonly version?: string;
  readonly types?: Readonly<Record<string, TypeName>>;
}

/** What expanding a manifest needs. */
export interface ManifestContext extends Context {
  readonly store: Store;
  readonly feed: FeedLine;
  readonly allowOutside: boolean;
  /** How the keys of objects are made up, unless as the feed does it by default. */
  readonly template?: string;
}

/** A key below the root and what the listing makes of it; null: it is left out. */
interface FeedExample {
  readonly key: string;
  /** What the object holds, where the listing looks into it. */
  readonly body?: string;
  /** A manifest belongs to no table. */
  readonly expect: {
    readonly scope: string;
    readonly group: string;
    readonly table?: string;
    readonly batch?: string;
  } | null;
}

/** A vendor's way of dropping: data first, functions where data cannot say it. */
export interface Feed {
  readonly name: string;
  readonly summary: string;
  readonly settleMs: number;
  readonly lookbackMs: number;
  /** How its CSV files are written. */
  readonly csv: Pick<FormatOptions, 'header' | 'emptyIsNull' | 'delimiter'>;
  /** Groups in numeric order per scope, after the cursor, only complete ones. */
  list(context: ListContext): AsyncIterable<Listed>;
  /** What is known of a table by its name, and its columns if those are known already. */
  table(name: string, columns?: TableLine['columns']): TableDefaults;
  /** The top-level table of a scope that this table is a subtable of by its name. */
  topLevelOf?(scope: string, table: string): string | undefined;
  /** Expands a file of role `manifest`: its table and file lines, in order. */
  expand?(file: FileLine, context: ManifestContext): AsyncIterable<Chunk>;
  /** Schema scripts are of this dialect and give the tables their columns. */
  readonly ddl?: 'redshift';
  /** Keys below the root and what the listing must make of them: documentation under test. */
  readonly examples: readonly FeedExample[];
}
