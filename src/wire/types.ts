/** The lines of the wire, as docs/wire.md describes them, and the chunks in which stages hand them on. */

export const WIRE_VERSION = 1;

/** A value as it stands on the wire. 64-bit integers and decimals of typed columns are strings. */
export type Value = null | boolean | number | string | readonly Value[] | { readonly [name: string]: Value };

/** A record. Rows made by this library have a null prototype, so `__proto__` is a name like any other. */
export type Row = { [name: string]: Value };

/**
 * The names of column types: `boolean int bigint decimal(p,s) float double text bytes date time timestamp
 * timestamptz uuid json`, and `array` and `object` until flattened. `decimal` alone has no limits.
 */
export type TypeName =
  | 'boolean'
  | 'int'
  | 'bigint'
  | 'decimal'
  | `decimal(${number},${number})`
  | 'float'
  | 'double'
  | 'text'
  | 'bytes'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'timestamptz'
  | 'uuid'
  | 'json'
  | 'array'
  | 'object';

export interface Column {
  readonly name: string;
  /** Absent: not known beforehand, so a sink observes the values while they pass. */
  readonly type?: TypeName;
  /** Of `object`: the inner columns. */
  readonly columns?: readonly Column[];
  /** Of `array`: the column of an element (its name is of no meaning). */
  readonly items?: Column;
}

export type MergeMode = 'append' | 'upsert' | 'delete-insert' | 'replace' | 'scd2';

export interface FeedLine {
  readonly $: 'feed';
  readonly wire: number;
  readonly feed: string;
  /** The user's name for this root of this feed: all state is kept under it. */
  readonly source: string;
  readonly root: string;
}

export interface DdlLine {
  readonly $: 'ddl';
  readonly uri: string;
  readonly modified: string;
  readonly etag: string;
  /** The script's text; `read-manifest` fills it in. */
  readonly sql?: string;
  readonly bytes?: number;
}

export interface GroupLine {
  readonly $: 'group';
  readonly feed: string;
  readonly scope: string;
  readonly group: string;
  /** The group this one was listed after in its scope; null for the first. */
  readonly after: string | null;
  /** Names or patterns of the only tables that were listed (`--tables`); absent: all. */
  readonly tables?: readonly string[];
}

export type FileRole = 'data' | 'manifest' | 'rejects';

export interface FileLine {
  readonly $: 'file';
  readonly uri: string;
  readonly table?: string;
  readonly format?: string;
  readonly codec?: string;
  readonly bytes?: number;
  readonly etag?: string;
  /** ISO 8601 instant. */
  readonly modified?: string;
  readonly role?: FileRole;
  /** The path of a member inside a zip. */
  readonly member?: string;
  /** An ordered part of the group (Zenoti's logid), as an integer in text form. */
  readonly batch?: string;
  /** The place of the file in its group, from 0. */
  readonly seq?: number;
  /** Of a manifest: tables whose files here are void, since a later full copy in this listing replaces them. */
  readonly superseded?: readonly string[];
}

export interface TableLine {
  readonly $: 'table';
  readonly table: string;
  /** What the rows after this line may hold; a column not listed is absent, a listed one that a row lacks is NULL. */
  readonly columns?: readonly Column[];
  readonly key?: readonly string[];
  readonly merge?: MergeMode;
  /** Columns that tell which of two rows of one key is newer, the most significant first. */
  readonly order?: readonly string[];
  /** A boolean (or 0/1) column that is true, or any other column that is not NULL, in a row that deletes. */
  readonly delete_flag?: string;
  /** The table this one's rows were cut from; they live and die with its row `_sdc_source_key_<key>`. */
  readonly parent?: string;
  /** What follows in this group is the whole table. */
  readonly full?: boolean;
  /** A column holding an integer version of the whole table: only rows of its greatest value live. */
  readonly version?: string;
}

export interface RejectLine {
  readonly $: 'reject';
  readonly uri: string;
  readonly line?: number;
  readonly row?: number;
  /** Byte offset of the record in the decompressed file. */
  readonly offset?: number;
  readonly column?: string;
  readonly reason: string;
  readonly raw?: string;
}

export interface EofLine {
  readonly $: 'eof';
  readonly uri: string;
  readonly member?: string;
  readonly rows: number;
  readonly rejects: number;
}

export interface CommitLine {
  readonly $: 'commit';
  readonly feed: string;
  readonly scope: string;
  readonly group: string;
  readonly files: number;
  /** Rows read from the files; absent while nothing has been decoded. */
  readonly rows?: number;
  /** SHA-256 of the group's listing (uri, bytes, etag of every file), hexadecimal. */
  readonly digest: string;
}

export interface EndLine {
  readonly $: 'end';
  readonly groups: number;
}

export type Control =
  | FeedLine
  | DdlLine
  | GroupLine
  | FileLine
  | TableLine
  | RejectLine
  | EofLine
  | CommitLine
  | EndLine;

/** Rows of one table, in order: whole NDJSON lines, or objects, each made from the other on demand. */
export interface Run {
  /** The table line the rows stand under, with what it inherits from earlier lines of its group filled in. */
  readonly table: TableLine;
  readonly count: number;
  /** Whole lines, escaped where a row has a member `$`; never written to again. */
  ndjson(): Uint8Array;
  /** The rows themselves; made once, then kept. */
  objects(): readonly Row[];
  /** Gives the memory of the lines back to be used again: only for the last who has the run, and its last word. */
  release?(): void;
}

export type Chunk = Control | Run;

/** Tells a control line from a run of rows. */
export function isControl(chunk: Chunk): chunk is Control {
  return '$' in chunk;
}

/** Bytes a run may hold before a stage closes it. */
export const RUN_BYTES = 192 * 1024;
