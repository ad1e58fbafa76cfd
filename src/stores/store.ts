/** Where bytes lie. The same behaviour for S3 and for folders, so that a pipeline is tried on a copy of a drop. */

/** One object. `uri` is absolute and names it for any command: `s3://bucket/key` or `file:///path/key`. */
export interface Entry {
  readonly uri: string;
  /** The path below the listed prefix, with `/` between parts, as the vendor wrote it (not percent-encoded). */
  readonly path: string;
  readonly bytes: number;
  readonly etag: string;
  /** ISO 8601 instant. */
  readonly modified: string;
}

export interface ListOptions {
  /** Only below this prefix of the root (`'POD1/'`). */
  readonly prefix?: string;
  /** Only keys after this one, in byte order, relative to the root like `Entry.path`. */
  readonly startAfter?: string;
}

export interface ReadOptions {
  /** Half-open range of bytes. */
  readonly start?: number;
  readonly end?: number;
  /** A piece need only last until the next one is asked for, so that its memory may be used again. */
  readonly fleeting?: boolean;
  /** Refuse to read anything but this version of the object. */
  readonly etag?: string;
}

export interface Store {
  /** Entries in byte order of their keys, a page at a time; memory does not grow with their number. */
  list(root: string, options?: ListOptions): AsyncIterable<Entry>;
  /** The names of the "folders" directly below `prefix` (each ending in `/`), in byte order. */
  folders(root: string, prefix?: string): AsyncIterable<string>;
  /** The bytes of one object, retried by range when a connection breaks. Throws `UserError` when it is not there. */
  read(uri: string, options?: ReadOptions): AsyncIterable<Uint8Array>;
  stat(uri: string): Promise<Entry>;
  /** The etag of one object. */
  version(uri: string): Promise<string>;
  /** Writes one small object in whole; in the place of what is there. */
  write(uri: string, body: Uint8Array): Promise<void>;
  /** Removes one object; it need not be there. */
  remove(uri: string): Promise<void>;
  /** A path a native reader may open: the file itself, or undefined where the bytes are not local. */
  localPath(uri: string): string | undefined;
}

/** How to reach S3; the names are those of the flags. */
export interface StoreOptions {
  readonly endpoint?: string;
  readonly region?: string;
  readonly profile?: string;
  readonly pathStyle?: boolean;
  readonly requesterPays?: boolean;
  readonly roleArn?: string;
  readonly externalId?: string;
}
