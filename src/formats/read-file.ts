import { createReadStream, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mismatch, UserError } from '../errors.ts';
import type { Context } from '../stage.ts';
import type { Store } from '../stores/store.ts';
import type { Chunk, FileLine, TableLine } from '../wire/types.ts';
import { codecNamed, codecOfMagic, codecOfPath, withoutCodecEnding } from './codecs/index.ts';
import { isZip } from './codecs/magic.ts';
import type { Codec, Format, FormatInput, FormatOptions } from './format.ts';
import { type FormatName, formatNamed, formatOfMagic, formatOfPath, formatOfText, formats } from './index.ts';
import { lasting, type Peeked, peekBytes } from './peek.ts';

/** How a file is to be read, beyond what its line says. */
export interface ReadFileOptions {
  readonly store: Store;
  readonly context: Context;
  /** Instead of what line, name and bytes say. */
  readonly format?: FormatName;
  /** The name of a codec, or `none`. */
  readonly codec?: string;
  readonly formatOptions?: FormatOptions;
}

/** One file whose format is known, or one member of a zip. Its bytes are read once: by `columns` or by `decode`. */
export interface DataFile {
  /** The line it was opened for, with `format`, `codec` and `member` filled in. */
  readonly line: FileLine;
  /** The columns the file says it has, from as few of its bytes as possible. */
  columns(table: TableLine): Promise<TableLine['columns']>;
  /** Its rows under `table`, and rejects, in the file's order. */
  decode(table: TableLine): AsyncIterable<Chunk>;
}

/** The path that a file's name and endings are taken from. */
export function pathOf(line: FileLine): string {
  if (line.member !== undefined) return line.member;
  return /^file:/i.test(line.uri) ? fileURLToPath(line.uri) : line.uri;
}

/** The last part of a file's path without the endings of codec and format: a table's name when nothing else gives one. */
export function stemOf(line: FileLine): string {
  if (line.uri === '-' && line.member === undefined) return 'stdin';
  const path = withoutPacking(pathOf(line));
  const stem = path.slice(0, path.length - (formatOfPath(path)?.ending ?? 0));
  return lastPart(stem) || lastPart(path);
}

function withoutPacking(path: string): string {
  return path.toLowerCase().endsWith('.zip') ? path.slice(0, -'.zip'.length) : withoutCodecEnding(path);
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/**
 * Opens what a `file` line means: one file, or every data member of a zip in byte order of their paths (hidden ones
 * left out). `uri` is `s3://…`, a `file:` URL, a plain path or `-` for standard input. The bytes pass from the store
 * through the codec into the format; they touch the disk only where a format or a zip needs random access to what is
 * not a local file (mode 0600, removed before the generator ends). Each item is valid until the next is asked for.
 * Throws `UserError`; an object that is no longer what the line says (`etag`) is refused.
 */
export async function* openFiles(line: FileLine, options: ReadFileOptions): AsyncIterable<DataFile> {
  const { store, context } = options;
  const scratch = createScratch(context.signal);
  const path = line.uri === '-' ? undefined : store.localPath(line.uri);
  const kind = path === undefined ? undefined : kindOf(path);
  const local = kind === 'file' ? path : undefined;
  let raw: AsyncIterable<Uint8Array>;
  if (line.uri === '-') raw = context.stdin();
  else if (path !== undefined && kind === 'pipe') raw = createReadStream(path);
  else
    raw = store.read(line.uri, { fleeting: true, ...(line.etag === undefined ? {} : { etag: line.etag }) });
  const unchanged = local === undefined ? async () => {} : await watch(line, store);
  const peeked = await peekBytes(raw);
  try {
    const codec = givenCodec(line, options);
    if (codec === 'zip' || line.member !== undefined || (codec === undefined && isZip(peeked.head))) {
      let members = 0;
      const { zipMembers } = await import('./zip.ts');
      const archive = local ?? (await scratch.spool(lasting(peeked.bytes())));
      const { codec: _given, ...withoutCodec } = options;
      for await (const { path: member, bytes } of zipMembers(archive, nameOf(line))) {
        if (line.member !== undefined && line.member !== member) continue;
        members++;
        const inner = await peekBytes(bytes());
        try {
          const { codec: _zip, ...outer } = line;
          // The zip was the codec; what a member is compressed with is told by itself.
          yield* openOne({ ...outer, member }, withoutCodec, { peeked: inner, scratch, unchanged });
        } finally {
          await inner.close();
        }
      }
      if (members === 0 && line.member !== undefined)
        throw mismatch(line.uri, `a member ${line.member}`, 'none of that path');
    } else {
      yield* openOne(line, options, { peeked, scratch, unchanged, local });
    }
  } finally {
    await peeked.close();
    await scratch.remove();
  }
}

/** What messages call a file. */
function nameOf({ uri, member }: FileLine): string {
  const name = uri === '-' ? 'standard input' : uri;
  return member === undefined ? name : `${name}!${member}`;
}

interface Opened {
  readonly peeked: Peeked;
  readonly scratch: Scratch;
  /** The path of the same bytes, if they are a local file's. */
  readonly local?: string | undefined;
  /** Throws if the local file is no longer what it was. */
  readonly unchanged: () => Promise<void>;
}

async function* openOne(
  line: FileLine,
  options: ReadFileOptions,
  { peeked: outer, scratch, local, unchanged }: Opened,
): AsyncIterable<DataFile> {
  const name = nameOf(line);
  const codec = chooseCodec(line, options, outer.head);
  const inner = codec === undefined ? outer : await peekBytes(codec.decompress(lasting(outer.bytes()), name));
  try {
    const format = chooseFormat(line, options, inner.head);
    const { fleetingPieces, columns, decode }: Format = formats[format];
    const bytes = () => (codec === undefined && !fleetingPieces ? lasting(inner.bytes()) : inner.bytes());
    const input = (table: TableLine): FormatInput => ({
      name,
      uri: line.uri,
      bytes: bytes(),
      path: async () => (codec === undefined && local !== undefined ? local : scratch.spool(bytes())),
      table,
      options: options.formatOptions ?? {},
      context: options.context,
    });
    yield {
      line: { ...line, format, ...(codec === undefined ? {} : { codec: codec.name }) },
      columns: async (table) => columns?.(input(table)),
      decode: (table) => watched(decode(input(table)), unchanged),
    };
  } finally {
    await inner.close();
  }
}

async function* watched(chunks: AsyncIterable<Chunk>, unchanged: () => Promise<void>): AsyncIterable<Chunk> {
  try {
    yield* chunks;
  } catch (error) {
    // A file that changed under its reader looks like a damaged one.
    await unchanged();
    throw error;
  }
  await unchanged();
}

function givenCodec(line: FileLine, options: ReadFileOptions): string | undefined {
  return options.codec ?? line.codec;
}

// What was said, else what the bytes are, else what the name says: then the codec tells why the bytes are not that.
function chooseCodec(line: FileLine, options: ReadFileOptions, head: Uint8Array): Codec | undefined {
  const given = givenCodec(line, options);
  if (given === 'none') return undefined;
  if (given !== undefined) return codecNamed(given, nameOf(line));
  return codecOfMagic(head) ?? codecOfPath(pathOf(line));
}

function chooseFormat(line: FileLine, options: ReadFileOptions, head: Uint8Array): FormatName {
  if (options.format !== undefined) return options.format;
  const name = nameOf(line);
  const said =
    line.format === undefined
      ? formatOfPath(withoutPacking(pathOf(line)))?.name
      : formatNamed(line.format, name);
  const seen = formatOfMagic(head);
  if (said !== undefined && seen !== undefined && said !== seen) {
    throw mismatch(
      name,
      `${said}, as ${line.format === undefined ? 'its name' : 'its file line'} says`,
      `the first bytes of ${seen} (--format ${seen})`,
    );
  }
  return said ?? seen ?? formatOfText(head);
}

interface Scratch {
  /** Writes bytes to a temporary file and gives its path. */
  spool(bytes: AsyncIterable<Uint8Array>): Promise<string>;
  remove(): Promise<void>;
}

function createScratch(signal: AbortSignal): Scratch {
  let directory: string | undefined;
  let files = 0;
  return {
    async spool(bytes) {
      const { makeTemporaryDirectory, spool } = await import('./temporary-files.ts');
      directory ??= await makeTemporaryDirectory();
      return spool(bytes, join(directory, String(files++)), signal);
    },
    async remove() {
      if (directory === undefined) return;
      const { removeTemporaryDirectory } = await import('./temporary-files.ts');
      await removeTemporaryDirectory(directory);
    },
  };
}

// A pipe (`decode <(zcat x.gz)`) has a path too, but can only be read on and on.
function kindOf(path: string): 'file' | 'pipe' | undefined {
  try {
    const found = statSync(path);
    if (found.isFile()) return 'file';
    return found.isFIFO() || found.isCharacterDevice() ? 'pipe' : undefined;
  } catch {
    // Whoever reads it says why it cannot be.
    return undefined;
  }
}

// The store watches over what is read through it; a format that opens a local file by itself goes unwatched.
async function watch({ uri, etag }: FileLine, store: Store): Promise<() => Promise<void>> {
  const expected = etag ?? (await store.version(uri));
  return async () => {
    const found = await store.version(uri);
    if (found === expected) return;
    throw new UserError(`${uri}: rewritten while it was read: expected version ${expected}, found ${found}`);
  };
}
