import { fileURLToPath, pathToFileURL } from 'node:url';
import { mismatch } from '../errors.ts';

export interface PlaceOptions {
  /** The feed's root, ending in `/`. */
  readonly root: string;
  /** Whether a file outside the root may be read. */
  readonly allowOutside: boolean;
  /** What names the file, for messages. */
  readonly place: string;
  /** The part of an `s3://` URL's key from which on the root's folders repeat it, where the vendor has such a mark (`sync_1234/`). */
  readonly mark?: string;
}

/**
 * The URI of a file that a manifest names. It must lie below the feed's root, or whoever can write into the bucket could have
 * any file read that our credentials reach; `UserError` otherwise. Manifests hold full `s3://` URLs, so in a drop that was
 * copied into a folder, a listed URL means the copy at the same place below the root.
 */
export function listedUri(listed: string, { root, allowOutside, place, mark }: PlaceOptions): string {
  const s3 = /^s3[an]?:\/\/[^/]+\/(.+)$/i.exec(listed);
  if (s3 !== null && root.startsWith('file:') && !allowOutside) {
    const key = s3[1]!;
    const at = mark === undefined ? -1 : `/${key}`.indexOf(`/${mark}`);
    return insideFolder(at === -1 ? key : key.slice(at), root, place);
  }
  const uri = listed.replace(/^s3[an]:/i, 's3:');
  if (!/^(?:s3|file):\/\//i.test(uri)) return insideFolder(uri, root, place);
  const normal = uri.startsWith('s3:') ? uri : pathToFileURL(fileURLToPath(uri)).href;
  if (!allowOutside && !normal.startsWith(root)) {
    throw mismatch(place, `a file below ${root} (or --allow-outside)`, listed);
  }
  return normal;
}

/** A relative path below the root; `..` would lead out of a folder. */
function insideFolder(path: string, root: string, place: string): string {
  if (path.split('/').some((part) => part === '..' || part === '.')) {
    throw mismatch(place, `a file below ${root}`, path);
  }
  return root.startsWith('file:') ? pathToFileURL(fileURLToPath(root) + path).href : root + path;
}
