/** Folders as a store: what a bucket's copy on disk looks like, in the same order and with the same errors. */

import { isUtf8 } from 'node:buffer';
import {
  type BigIntStats,
  closeSync,
  type Dirent,
  fstatSync,
  open,
  openSync,
  promises,
  read,
  readdirSync,
  readSync,
  statSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { codeOf, messageOf, UserError } from '../errors.ts';
import { compareText } from '../wire/order.ts';
import type { Entry, ListOptions, ReadOptions, Store } from './store.ts';

const PIECE_BYTES = 512 * 1024;
// The most that is read at a time: little at first, so that the first rows leave soon, then twice as much each time.
let mostBytes = 8 * 1024;
// What is taken for a small file, or one whose size says nothing.
const LEAST_BYTES = 4 * 1024;
// Pieces that a file was read into and that the next one may be read into.
const spare: Buffer[] = [];
const SPARE_PIECES = 4;

/** The path that a `file:` URL or a plain path means. Throws `UserError` for a URL of another machine. */
export function filePath(uri: string): string {
  if (uri.slice(0, 5).toLowerCase() !== 'file:') return resolve(uri);
  try {
    return fileURLToPath(uri);
  } catch (error) {
    throw new UserError(`${uri}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * The store of local files. Entries come in byte order of their paths as from S3, symbolic links followed, sockets
 * and pipes left out; an ETag is made of size and time of change (to the nanosecond). A listing holds the names of
 * one folder per level at a time.
 */
export function openFileStore({ signal }: { readonly signal?: AbortSignal } = {}): Store {
  return {
    async *list(root, options = {}) {
      const base = await existingFolder(root);
      const { prefix = '', startAfter } = options;
      const slash = prefix.lastIndexOf('/') + 1;
      yield* walk(
        base,
        prefix.slice(0, slash),
        { prefix, ...(startAfter === undefined ? {} : { startAfter }) },
        signal,
      );
    },
    async *folders(root, prefix = '') {
      const base = await existingFolder(root);
      const slash = prefix.lastIndexOf('/') + 1;
      for (const name of await names(base, prefix.slice(0, slash))) {
        signal?.throwIfAborted();
        if (
          name.endsWith('/') &&
          name.startsWith(prefix.slice(slash)) &&
          (await holdsFile(join(base, prefix.slice(0, slash), name)))
        )
          yield name;
      }
    },
    read: (uri, options = {}) => readFile(uri, options, signal),
    async stat(uri) {
      const path = filePath(uri);
      const found = fileAt(path, uri);
      return entryOf(path, path.slice(path.lastIndexOf('/') + 1), found);
    },
    async write(uri, body) {
      const path = filePath(uri);
      try {
        await promises.mkdir(dirname(path), { recursive: true });
        // Nobody reads half of it.
        await promises.writeFile(`${path}.part`, body);
        await promises.rename(`${path}.part`, path);
      } catch (error) {
        throw new UserError(`${uri}: expected a file to write, found: ${messageOf(error)}`, { cause: error });
      }
    },
    remove: async (uri) => promises.rm(filePath(uri), { force: true }).catch((error) => fail(uri, error)),
    version: async (uri) => etagOf(fileAt(filePath(uri), uri)),
    localPath: filePath,
  };
}

async function existingFolder(root: string): Promise<string> {
  const path = filePath(root);
  const found = await promises.stat(path).catch((error) => fail(root, error, 'no such folder'));
  if (!found.isDirectory()) throw new UserError(`${root}: expected a folder, found a file`);
  return path;
}

async function* walk(
  base: string,
  folder: string,
  options: ListOptions,
  signal?: AbortSignal,
): AsyncIterable<Entry> {
  const { prefix = '', startAfter } = options;
  for (const name of await names(base, folder)) {
    signal?.throwIfAborted();
    const path = folder + name;
    if (!path.startsWith(prefix) && !prefix.startsWith(path)) continue;
    // A folder whose name is a prefix of `startAfter` still holds later keys.
    if (
      startAfter !== undefined &&
      compareText(path, startAfter) <= 0 &&
      !(name.endsWith('/') && startAfter.startsWith(path))
    )
      continue;
    if (name.endsWith('/')) yield* walk(base, path, options, signal);
    else {
      const full = join(base, path);
      yield entryOf(full, path, sizeAndTimes(full));
    }
  }
}

// At once: it takes a tenth of the time that the way through the thread pool does.
function sizeAndTimes(path: string, uri = path): BigIntStats {
  try {
    return statSync(path, { bigint: true });
  } catch (error) {
    return fail(uri, error);
  }
}

function fileAt(path: string, uri: string): BigIntStats {
  const found = sizeAndTimes(path, uri);
  if (!found.isFile()) throw new UserError(`${uri}: expected a file, found a folder`);
  return found;
}

// The files and folders (with a `/`) of one folder in the byte order of the keys below them: `a-b` before `a/`.
async function names(base: string, folder: string): Promise<string[]> {
  const path = join(base, folder);
  const found: string[] = [];
  for (const entry of entriesOf(path, folder !== '')) {
    const { name } = entry;
    if (name.includes(REPLACEMENT)) checkNames(path);
    let kind: { isFile(): boolean; isDirectory(): boolean } = entry;
    if (entry.isSymbolicLink())
      kind = await promises.stat(join(path, name)).catch((error) => fail(join(path, name), error));
    if (kind.isDirectory()) found.push(`${name}/`);
    else if (kind.isFile()) found.push(name);
  }
  return found.sort(compareText);
}

// At once, as `sizeAndTimes`.
function entriesOf(path: string, mayMiss: boolean): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    if (mayMiss && (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR')) return [];
    return fail(path, error);
  }
}

// What stands for bytes that are no UTF-8, or for itself.
const REPLACEMENT = '\uFFFD';

function checkNames(folder: string): void {
  for (const name of readdirSync(folder, { encoding: 'buffer' })) {
    if (!isUtf8(name))
      throw new UserError(
        `${folder}: expected file names in UTF-8, found ${JSON.stringify(name.toString('latin1'))}`,
      );
  }
}

// S3 has no empty folders.
async function holdsFile(folder: string): Promise<boolean> {
  for (const name of await names(folder, '')) {
    if (!name.endsWith('/') || (await holdsFile(join(folder, name)))) return true;
  }
  return false;
}

function entryOf(file: string, path: string, found: BigIntStats): Entry {
  return {
    uri: pathToFileURL(file).href,
    path,
    bytes: Number(found.size),
    etag: etagOf(found),
    modified: new Date(Number(found.mtimeNs / 1_000_000n)).toISOString(),
  };
}

function etagOf(found: BigIntStats): string {
  return `${found.size.toString(36)}-${found.mtimeNs.toString(36)}`;
}

// By descriptor: a FileHandle costs several times as much, which many small files would pay, and `promises`, which Node
// loads when it is first asked for, costs 2 ms.
const openFile = promisify(open);
const readPiece = promisify(read);
// So little of a file is read at once: the threads to wait for it with take longer to start.
const LITTLE_BYTES = 64 * 1024;

// What is no file may keep its opener waiting.
async function opened(path: string): Promise<number> {
  return statSync(path).isFile() ? openSync(path, 'r') : openFile(path, 'r');
}

async function* readFile(uri: string, options: ReadOptions, signal?: AbortSignal): AsyncIterable<Uint8Array> {
  const { start = 0, end = Number.POSITIVE_INFINITY, etag, fleeting } = options;
  const pieces: Buffer[] = [];
  // Of two that take turns one is read into while the other is looked at.
  const takeTurns = (): Buffer => {
    const piece =
      pieces.length === 2 ? pieces.shift()! : (spare.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES));
    pieces.push(piece);
    return piece;
  };
  const file = await opened(filePath(uri)).catch((error) => fail(uri, error));
  try {
    const found = fstatSync(file, { bigint: true });
    if (found.isDirectory()) throw new UserError(`${uri}: expected a file, found a folder`);
    if (etag !== undefined && etagOf(found) !== etag) throw rewritten(uri, etag, etagOf(found));
    // Of what is no file, or says that it is empty, only reading tells the end.
    const isSized = found.isFile() && found.size > 0n;
    const last = Math.min(end, isSized ? Number(found.size) : Number.POSITIVE_INFINITY);
    const pieceBytes = Math.min(PIECE_BYTES, Math.max(LEAST_BYTES, Number(found.size)));
    const fill = async (at: number): Promise<{ piece: Buffer; bytesRead: number }> => {
      const length = Math.max(0, Math.min(pieceBytes, mostBytes, last - at));
      mostBytes = Math.min(PIECE_BYTES, 2 * mostBytes);
      const piece = fleeting ? takeTurns() : Buffer.allocUnsafeSlow(length);
      const bytesRead =
        found.isFile() && length <= LITTLE_BYTES
          ? readSync(file, piece, 0, length, at)
          : (await readPiece(file, piece, 0, length, at)).bytesRead;
      return { piece, bytesRead };
    };
    let next = fill(start);
    try {
      for (let at = start; at < last; ) {
        signal?.throwIfAborted();
        const { piece, bytesRead } = await next.catch((error) => fail(uri, error));
        if (bytesRead === 0) break;
        at += bytesRead;
        // Read while this one is at work.
        if (at < last) next = fill(at);
        // It is waited for later.
        next.catch(() => {});
        yield piece.subarray(0, bytesRead);
      }
    } finally {
      await next.catch(() => {});
    }
    const after = etagOf(fstatSync(file, { bigint: true }));
    if (found.isFile() && after !== etagOf(found)) throw rewritten(uri, etagOf(found), after);
  } finally {
    closeSync(file);
    spare.push(...pieces.slice(0, SPARE_PIECES - spare.length));
  }
}

/** The error of an object that is no longer the one that was listed. */
export function rewritten(uri: string, expected: string, found: string): UserError {
  return new UserError(
    `${uri}: rewritten since it was listed: expected version ${expected}, found ${found}; list again`,
  );
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'a part of its path is no folder',
  EACCES: 'no permission to read it',
  EPERM: 'no permission to read it',
  EISDIR: 'expected a file, found a folder',
  ELOOP: 'its symbolic links go in a circle',
  ENAMETOOLONG: 'its path is too long',
  EMFILE: 'too many files are open',
  EIO: 'the disk could not read it',
};

function fail(place: string, error: unknown, missing?: string): never {
  const code = codeOf(error);
  const reason =
    code === 'ENOENT' && missing !== undefined
      ? missing
      : (code !== undefined && REASONS[code]) || messageOf(error);
  throw new UserError(`${place}: ${reason}`, { cause: error });
}
