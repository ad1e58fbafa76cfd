/** What a process that is killed leaves of a DuckDB file: its files as they are just then, since nothing else outlives it. */

import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { interceptCalls } from './duckdb-calls.mjs';
import type { TestTarget } from './merging.ts';
import { scratch } from './scratch.ts';

export interface Remains {
  /** The statements around which they were there. */
  readonly places: string[];
  /** Puts them in the place of a target's own. */
  restore(): void;
}

export interface Deaths {
  readonly remains: readonly Remains[];
  /** The statements, from 1, that change files: only a kill shows what is there in the middle of these. */
  readonly writers: readonly { readonly n: number; readonly sql: string }[];
  readonly statements: number;
}

/** Runs a load and notes what lies there before, during and after each of its statements. */
export async function deathsOf({ url }: TestTarget, load: () => Promise<unknown>): Promise<Deaths> {
  const folder = dirname(url);
  const found = new Map<string, Remains>();
  const writers: { n: number; sql: string }[] = [];
  let calls = 0;
  const note = (place: string): string => {
    const [id, files] = look(folder);
    const known = found.get(id) ?? keep(folder, files);
    known.places.push(place);
    found.set(id, known);
    return id;
  };
  const end = interceptCalls(async (sql, go) => {
    const n = ++calls;
    const before = note(`before statement ${n}: ${sql.slice(0, 200)}`);
    const running = go();
    // A file that is being written may be seen half old and half new, which is for a real kill to show.
    const [during] = look(folder);
    const result = await running;
    const after = note(`after statement ${n}: ${sql.slice(0, 200)}`);
    if (before !== after || before !== during) writers.push({ n, sql });
    return result;
  });
  try {
    await load();
  } finally {
    end();
  }
  return { remains: [...found.values()], writers, statements: calls };
}

const look = (folder: string): [id: string, files: string[]] => {
  const files = existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .sort()
    : [];
  const hash = createHash('sha1');
  for (const file of files) hash.update(`${file}\n`).update(readFileSync(file));
  return [hash.digest('hex'), files];
};

function keep(folder: string, files: readonly string[]): Remains {
  const kept = scratch('remains');
  const copies = files.map((file, i) => ({ file, copy: join(kept, String(i)) }));
  for (const { file, copy } of copies) copyFileSync(file, copy);
  return {
    places: [],
    restore() {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
      for (const { file, copy } of copies) {
        mkdirSync(dirname(file), { recursive: true });
        copyFileSync(copy, file);
      }
    },
  };
}
