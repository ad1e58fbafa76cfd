// Bundles the executables into dist/cli/<part>.cjs. Most of `decode FILE | head -1` is starting, where each module costs
// and so does what is read and never run: docs/performance.md has the numbers. So a module that is imported lazily in src
// becomes part of a file of its kind, and the files are scripts, since Node's loader of ES modules alone takes 5 ms. Each is
// one function, which src/shell/start.ts compiles and calls; itself it becomes dist/cli/start.cjs, a CommonJS module.
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

const root = new URL('..', import.meta.url).pathname;
// What src/shell/start.ts asks for.
const FACES = { main: 'src/shell/main.ts', keep: 'src/shell/keep-code.ts' };

// What each part begins with. A module is in the first part that reaches it by static imports, so that it exists once,
// with its classes and its state; parts therefore load those before them only.
const PARTS = {
  main: /^src\/(shell\/main|commands\/decode)\.ts$/,
  csv: /^src\/formats\/csv\.ts$/,
  jsonl: /^src\/formats\/jsonl\.ts$/,
  avro: /^src\/formats\/avro\.ts$/,
  files: /^src\/(formats\/|stores\/s3\.ts$)/,
  flatten: /^src\/commands\/flatten\.ts$/,
  dedupe: /^src\/commands\/dedupe\.ts$/,
  keep: /^src\/shell\/keep-code\.ts$/,
  batch: /./,
};
const FORMATS = ['csv', 'jsonl', 'avro'];
// Parts of several beginnings, whose modules run when they are first asked for.
const MIXED = ['files', 'batch'];

const common = {
  absWorkingDir: root,
  bundle: true,
  packages: 'external',
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  define: { 'import.meta.dirname': '__dirname' },
  // `import()` becomes `require()`, for packages too.
  supported: { 'dynamic-import': false },
};

const { metafile } = await build({
  ...common,
  entryPoints: Object.values(FACES),
  outdir: 'dist/cli',
  write: false,
  metafile: true,
});
const importsOf = (module) => metafile.inputs[module].imports.filter(({ external }) => !external);
const isLazy = (kind) => kind === 'dynamic-import';

function reach(modules, found = new Set()) {
  for (const module of modules) {
    if (found.has(module)) continue;
    const statics = importsOf(module).filter(({ kind }) => !isLazy(kind));
    reach(
      statics.map(({ path }) => path),
      found.add(module),
    );
  }
  return found;
}

const lazy = Object.keys(metafile.inputs).flatMap((module) =>
  importsOf(module).flatMap(({ kind, path }) => (isLazy(kind) ? [path] : [])),
);
const partOf = new Map();
const formatsOf = new Map();
for (const [part, start] of Object.entries(PARTS)) {
  for (const module of reach([...Object.values(FACES), ...lazy].filter((name) => start.test(name)))) {
    if (FORMATS.includes(part)) formatsOf.set(module, (formatsOf.get(module) ?? 0) + 1);
    if (!partOf.has(module)) partOf.set(module, part);
  }
}
// What formats share is nobody's own.
for (const [module, formats] of formatsOf) if (formats > 1) partOf.set(module, 'main');

// Whether a module is asked for by name: from another part, or lazily.
const isAsked = (module, kind, part) => isLazy(kind) || partOf.get(module) !== part;
const asked = Object.fromEntries(Object.keys(PARTS).map((part) => [part, new Set()]));
for (const [module, part] of partOf)
  for (const { path, kind } of importsOf(module))
    if (isAsked(path, kind, part)) asked[partOf.get(path)].add(path);

// What an earlier build's parts were compiled to.
rmSync(new URL('../dist/cli', import.meta.url), { recursive: true, force: true });
const digest = createHash('sha256');
for (const part of Object.keys(PARTS)) {
  const { outputFiles } = await build({
    ...common,
    stdin: { contents: face(part), resolveDir: root, sourcefile: `${part}.cjs` },
    outfile: `dist/cli/${part}.cjs`,
    banner: { js: "(function (exports, module, require, part, __dirname) { 'use strict';" },
    footer: { js: '})' },
    plugins: [{ name: 'parts', setup: (builder) => askForModules(builder, part) }],
    write: false,
  });
  mkdirSync(new URL('../dist/cli', import.meta.url), { recursive: true });
  for (const { path, contents } of outputFiles) {
    digest.update(contents);
    writeFileSync(path, contents);
  }
}
await build({
  ...common,
  entryPoints: ['src/shell/start.ts'],
  outfile: 'dist/cli/start.cjs',
  banner: { js: "'use strict';" },
  define: { ...common.define, BUILD: JSON.stringify(digest.digest('hex')) },
});

/** What a part exports: the modules it is asked for, by name, and what the executables call. */
function face(part) {
  const modules = [...asked[part]];
  if (MIXED.includes(part))
    return modules
      .map((module) => `Object.defineProperty(exports, '${module}', { get: () => require('./${module}') });`)
      .join('\n');
  return [
    ...modules.map(
      (module, at) => `import * as m${at} from './${module}';\nexport { m${at} as '${module}' };`,
    ),
    ...(part in FACES ? [`export * from './${FACES[part]}';`] : []),
  ].join('\n');
}

function askForModules({ onResolve, onLoad, resolve }, part) {
  onResolve({ filter: /^\./ }, async ({ path, namespace, pluginData, ...from }) => {
    if (namespace === 'asked') return { path, external: true };
    if (pluginData === 'resolving') return undefined;
    const found = await resolve(path, { ...from, pluginData: 'resolving' });
    const module = found.path.slice(root.length);
    return isAsked(module, from.kind, part) ? { path: module, namespace: 'asked' } : found;
  });
  onLoad({ filter: /./, namespace: 'asked' }, ({ path }) => ({
    contents: `module.exports = part('${partOf.get(path)}')['${path}'];`,
  }));
}
