import type { Context } from '../stage.ts';
import type { Chunk, TableLine, TypeName } from '../wire/types.ts';

/** What `decode` was told, beyond what stands on the wire. The names are those of the flags. */
export interface FormatOptions {
  /** Names of the columns of a CSV without header, or `name:type` pairs. */
  readonly columns?: readonly { readonly name: string; readonly type?: TypeName }[];
  /** Whether row 1 of a CSV is a header; `auto`: if it equals the declared names, in any case. */
  readonly header?: 'yes' | 'no' | 'auto';
  /** One byte; default: `,`. */
  readonly delimiter?: string;
  /** An unquoted CSV field of this text is NULL; default: the empty field. */
  readonly null?: string;
  /** A quoted empty CSV field is NULL too. */
  readonly emptyIsNull?: boolean;
  readonly encoding?: 'utf-8' | 'utf-16' | 'utf-16le' | 'utf-16be' | 'windows-1252';
  readonly onError?: 'stop' | 'reject';
}

/** One file on its way through a format. */
export interface FormatInput {
  /** What messages call the file: its URI, with `!member` for a member of a zip. */
  readonly name: string;
  readonly uri: string;
  /** The decompressed bytes, in pieces of any size. To be consumed at most once; see `fleetingPieces`. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** A local path of the same, decompressed, bytes for formats that need random access; spools when asked. */
  path(): Promise<string>;
  /** The table as declared (catalog, feed, schema scripts); its columns may be absent. */
  readonly table: TableLine;
  readonly options: FormatOptions;
  readonly context: Context;
}

/** What a format's table entry says of it; its code is loaded when a file of it is read. */
export interface Format extends FormatCode {
  readonly name: string;
  /** Endings of file names, with the dot, without the codec's. */
  readonly extensions: readonly string[];
  /** It is done with a piece of bytes before it asks for the next one: then their memory may be used again. */
  readonly fleetingPieces?: boolean;
  /** Whether a file beginning with these bytes (up to 4 KiB) can only be of this format. */
  detect(head: Uint8Array): boolean;
}

/**
 * A way of writing records down.
 *
 * `decode` yields runs whose `table` is the declared line with `columns` set to what this file holds, and
 * `reject` lines (only with `onError: 'reject'`); nothing else. It throws `UserError` as
 * `${name} line 812: expected 33 fields, found 32`, and yields nothing after that.
 */
export interface FormatCode {
  /** The columns a file says it has, from as few of its bytes as possible; undefined if it does not say. */
  columns?(input: FormatInput): Promise<TableLine['columns']>;
  decode(input: FormatInput): AsyncIterable<Chunk>;
}

/** A compression around a file. */
export interface Codec {
  readonly name: string;
  readonly extensions: readonly string[];
  detect(head: Uint8Array): boolean;
  /** Throws `UserError` on a truncated or corrupt stream. */
  decompress(bytes: AsyncIterable<Uint8Array>, name: string): AsyncIterable<Uint8Array>;
}
