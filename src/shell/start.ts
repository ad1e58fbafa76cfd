/**
 * Where the executables begin: runs a command from the parts that `scripts/build-cli.mjs` makes of the sources, by way of
 * V8's code cache. Half of what a short command does beyond Node's own start is V8 reading and compiling functions; a part
 * whose compiled functions an earlier run has kept (`keep-code.ts`) comes up without.
 *
 * What is kept is code: it lies beside the parts themselves, where whoever could change it could change them as well. It
 * holds for one build and one version of Node; V8 looks at its own version and flags. V8 does not look whether its data is
 * whole, and dies of it when it is not. So it is kept twice and compared, which costs a tenth of loading a checksum.
 */

import { readFileSync, statSync } from 'node:fs';
import { Script } from 'node:vm';
import type { keepCode } from './keep-code.ts';
import type { main } from './main.ts';

/** A digest of all parts, put in by the build. */
declare const BUILD: string;

/** A part of the executables, as far as its code goes. */
export interface LoadedPart {
  readonly name: string;
  readonly script: Script;
  /** Where its code is kept. */
  readonly cacheFile: string;
  /** Of which build and file the code is. */
  readonly key: string;
  /** The uses whose code is kept: see `keepCode`. None: nothing is kept, or nothing that is of use here. */
  readonly uses: readonly string[];
}

interface Module {
  exports: unknown;
}
type Body = (
  exports: unknown,
  module: Module,
  require: NodeJS.Require,
  part: (name: string) => unknown,
  folder: string,
) => void;

/** Runs the command line `words`, which must not begin with Node's own words. */
export async function start(words: readonly string[]): Promise<void> {
  const parts: LoadedPart[] = [];
  const modules = new Map<string, Module>();
  const command = words[0] ?? '';
  const isCached = /^[a-z][a-z-]*$/.test(command) && !process.env['NODE_DISABLE_COMPILE_CACHE'];
  const folder = `${import.meta.dirname}/.cache/${process.version}-${process.platform}-${process.arch}`;

  function part(name: string): unknown {
    const known = modules.get(name);
    if (known !== undefined) return known.exports;
    const filename = `${import.meta.dirname}/${name}.cjs`;
    // The parts are ASCII. One byte a character is what V8 reads fastest.
    const source = readFileSync(filename, 'latin1');
    const cacheFile = `${folder}/${command}.${name}`;
    const key = isCached ? `${BUILD} ${name} ${statSync(filename).mtimeMs}` : '';
    const kept = isCached ? readCode(cacheFile, key) : undefined;
    const script = new Script(source, { filename, ...(kept && { cachedData: kept.code }) });
    const isUsed = kept !== undefined && script.cachedDataRejected !== true;
    parts.push({ name, script, cacheFile, key, uses: isUsed ? kept.uses : [] });
    const module: Module = { exports: {} };
    modules.set(name, module);
    // Every package that a part asks for is found from here as well.
    (script.runInThisContext() as Body)(module.exports, module, require, part, import.meta.dirname);
    return module.exports;
  }

  const { isCutShort } = await (part('main') as { main: typeof main }).main(words);
  if (isCached) {
    const use = [...parts.map(({ name }) => name), ...(isCutShort ? ['cut'] : [])].join(' ');
    const missing = parts.filter(({ uses }) => !uses.includes(use));
    if (missing.length > 0) (part('keep') as { keepCode: typeof keepCode }).keepCode(missing, use);
  }
}

function readCode(file: string, key: string): { code: Buffer; uses: readonly string[] } | undefined {
  try {
    const bytes = readFileSync(file);
    const begin = bytes.indexOf('\n') + 1;
    const middle = (begin + bytes.length) / 2;
    const code = bytes.subarray(begin, middle);
    const header = JSON.parse(bytes.toString('latin1', 0, begin)) as { key: string; uses: string[] };
    if (header.key === key && code.equals(bytes.subarray(middle))) return { code, uses: header.uses };
  } catch {
    // None, or none that can be read: the source is there.
  }
  return undefined;
}
