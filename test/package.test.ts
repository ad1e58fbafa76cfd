import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

interface LockedPackage {
  readonly version?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

async function lockedPackages(): Promise<Record<string, LockedPackage>> {
  const text = await readFile(new URL('../package-lock.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { packages: Record<string, LockedPackage> }).packages;
}

// `npm ci` refuses a lock that leaves out a platform's package, on every platform; an npm that could not reach one writes such a lock.
test('the lock file has an entry for every platform that a package has a binary for', async () => {
  const packages = await lockedPackages();
  const missing: string[] = [];
  for (const [at, entry] of Object.entries(packages)) {
    for (const name of Object.keys(entry.optionalDependencies ?? {})) {
      if (!packages[`node_modules/${name}`] && !packages[`${at}/node_modules/${name}`]) missing.push(name);
    }
  }
  assert.deepEqual(missing, []);
});
