/** A folder for files that a database reads while it loads: written, used, and taken away again. */

import { createHash } from 'node:crypto';
import { messageOf } from '../errors.ts';
import type { Store } from './store.ts';

export interface Scratch {
  /** Writes a file and tells its address. */
  put(text: string): Promise<string>;
  /** Removes what was put so far. What cannot be removed is told, and no reason to fail. */
  clean(): Promise<void>;
}

export interface ScratchOptions {
  /** Part of every name, so that two loads do not take away each other's files. Default: names by content alone. */
  readonly run?: string;
  /** Nothing is written: only the addresses are told. */
  readonly dryRun?: boolean;
  readonly warn: (message: string) => void;
}

/**
 * A scratch folder below `root` (`s3://bucket/prefix/`). Names end in a hash of the content, so that a script that is
 * made again names the same files.
 */
export function openScratch(
  store: Pick<Store, 'write' | 'remove'>,
  root: string,
  { run, dryRun = false, warn }: ScratchOptions,
): Scratch {
  const put = new Set<string>();
  return {
    async put(text) {
      const hash = createHash('sha256').update(text).digest('hex').slice(0, 32);
      const uri = `${root}brigade/${run === undefined ? '' : `${run}/`}${hash}.manifest`;
      if (dryRun) return uri;
      await store.write(uri, new TextEncoder().encode(text));
      put.add(uri);
      return uri;
    },
    async clean() {
      for (const uri of put) {
        put.delete(uri);
        await store.remove(uri).catch((error) => warn(`${messageOf(error)}; this file stays behind`));
      }
    },
  };
}
