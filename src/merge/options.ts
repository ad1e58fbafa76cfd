import type { Catalog } from '../catalog.ts';
import type { Contract } from './contract.ts';
import type { NameCase } from './names.ts';

/** The options that `load` and `to-sql` share; the names are those of the flags. */
export interface MergeOptions {
  readonly catalog?: Catalog;
  /** Default: the dialect's (`public`, `main`). */
  readonly schema?: string;
  /** Default: `{table}`; for stitch `{integration}__{table}`. */
  readonly targetName?: string;
  /** Default: the dialect's. */
  readonly nameCase?: NameCase;
  /** Default: `soft`: a deleted row stays, with its delete flag. */
  readonly deletes?: 'soft' | 'hard';
  /** Percent of a table's rows a full delivery or hard deletes may take away, of every table. Default: 50 of those over 1,000 rows. */
  readonly maxDelete?: number;
  /**
   * How a table's contents are replaced. `copy` (the default): its rows are deleted and the new ones inserted; the table stays
   * itself. `rename`: a new table of the same definition is filled and takes its place, in the same transaction; grants and
   * comments go with the old one.
   */
  readonly swap?: 'copy' | 'rename';
  /** Apply a stream that does not start at the cursor. */
  readonly allowGap?: boolean;
  /** Refuse a group of which fewer or more rows arrived than were read from its files. */
  readonly strictCounts?: boolean;
  /** Zenoti's snapshots: replace rows that the target has, too; default: insert only what is missing. */
  readonly overwrite?: boolean;
  /**
   * Columns that say where rows came from: `load` adds `_brigade_load` (the group that wrote the row), `file` also keeps
   * `_brigade_file` and `_brigade_row`, which `decode --lineage` writes. Default: `off`.
   */
  readonly lineage?: 'off' | 'load' | 'file';
  /**
   * Contentsquare: whose row it is, by the newest `user_migrations`. `views` (the default) keeps the tables as they came,
   * with a view `<table>_resolved` beside each; `rewrite` changes `user_id` in the tables themselves, for good.
   */
  readonly identity?: 'views' | 'rewrite' | 'off';
  /** Zenoti: the statements of its sample code, per logid, to the letter. */
  readonly vendorExact?: boolean;
  /** What may become of tables that no longer hold what arrives; default: `evolve`. The catalog's word goes before. */
  readonly contract?: Contract;
  /**
   * How many groups that follow one another in a scope may share a transaction at most; `auto`: as many as fit. The
   * result is the same.
   */
  readonly batchGroups?: number | 'auto';
  /** Tell what would be done, and do nothing. */
  readonly dryRun?: boolean;
}

/** How one group went. */
export interface GroupReport {
  readonly name: string;
  readonly files: number;
  /** Of the files, as far as their lines say. */
  readonly bytes: number;
  readonly tables: number;
  readonly read: number;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  readonly rejected: number;
  readonly seconds: number;
  /** The groups of its transaction, whose time `seconds` is; absent: it had one of its own. */
  readonly batch?: number;
  /** Tables that new ones took the place of (`swap: 'rename'`); absent: none. */
  readonly swapped?: readonly string[];
  /** False: the ledger had it already, nothing was changed. */
  readonly applied: boolean;
}
