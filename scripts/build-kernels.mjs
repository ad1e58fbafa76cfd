// Compiles every kernel in src/kernels/assembly to dist/kernels/<name>.wasm, skipping those already up to date.
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import asc from 'assemblyscript/asc';

const from = new URL('../src/kernels/assembly/', import.meta.url);
const to = new URL('../dist/kernels/', import.meta.url);
mkdirSync(to, { recursive: true });
const modified = (url) => statSync(url, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const sources = readdirSync(from).filter((file) => file.endsWith('.ts'));
const newestSource = Math.max(
  ...sources.map((file) => modified(new URL(file, from))),
  modified(import.meta.url),
);

// Files whose name starts with `_` are parts shared by kernels.
for (const file of sources.filter((name) => !name.startsWith('_'))) {
  const wasm = new URL(file.replace(/\.ts$/, '.wasm'), to);
  if (modified(wasm) > newestSource) continue;
  const { error, stderr } = await asc.main([
    new URL(file, from).pathname,
    '--outFile',
    wasm.pathname,
    '-O3',
    '--enable',
    'simd',
    '--importMemory',
    '--runtime',
    'stub',
    '--noAssert',
  ]);
  if (error) {
    console.error(stderr.toString());
    process.exitCode = 1;
  }
}
