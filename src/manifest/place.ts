import { basename, dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { mismatch } from '../errors.ts';

export interface PlaceOptions {
  /** The feed's root, ending in `/`. */
  readonly root: string;
  /** Whether a file outside the root may be read. */
  readonly allowOutside: boolean;
  /** What names the file, for messages. */
  readonly place: string;
  /** The folder from which on the root's layout repeats an `s3://` URL's key, where the vendor has such a mark (`sync_1234/`). */
  readonly mark?: string;
}

/** Where a file that a manifest names lies. */
export interface ListedPlace {
  readonly uri: string;
  /** The feed's root; of a file outside it its bucket or folder. */
  readonly root: string;
  /** The key below that root, not encoded. */
  readonly path: string;
}

/**
 * The place of a file that a manifest names by URL or by its path below the root. It must lie below the feed's root, or whoever
 * can write into the bucket could have any file read that our credentials reach; `UserError` otherwise. Manifests hold full
 * `s3://` URLs, so where the root is a folder, a copy of the drop, such a URL means the file at the same place in the copy.
 */
export function listedPlace(listed: string, options: PlaceOptions): ListedPlace {
  const { root, allowOutside, place, mark } = options;
  const s3 = /^s3[an]?:\/\/([^/]+)\/(.+)$/is.exec(listed);
  if (s3 !== null) {
    const [, bucket, key] = s3 as unknown as [string, string, string];
    const uri = `s3://${bucket}/${key}`;
    if (uri.startsWith(root)) return { uri, root, path: uri.slice(root.length) };
    if (allowOutside) return { uri, root: `s3://${bucket}/`, path: key };
    if (!root.startsWith('file:')) throw outside(place, root, listed);
    const at = mark === undefined ? -1 : `/${key}`.indexOf(`/${mark}`);
    return below(root, at === -1 ? key : key.slice(at), place);
  }
  if (/^file:/i.test(listed)) {
    const path = fileURLToPath(listed);
    const uri = pathToFileURL(path).href;
    if (uri.startsWith(root)) return { uri, root, path: path.slice(fileURLToPath(root).length) };
    if (allowOutside) return { uri, root: pathToFileURL(`${dirname(path)}/`).href, path: basename(path) };
    throw outside(place, root, listed);
  }
  return below(root, listed, place);
}

function outside(place: string, root: string, listed: string): Error {
  return mismatch(place, `a file below ${root} (or --allow-outside)`, listed);
}

/** A path below the root; in a folder `..` would lead out of it. */
function below(root: string, path: string, place: string): ListedPlace {
  if (!root.startsWith('file:')) return { uri: root + path, root, path };
  const { href: uri } = pathToFileURL(fileURLToPath(root) + path);
  if (!uri.startsWith(root)) throw outside(place, root, path);
  return { uri, root, path };
}
