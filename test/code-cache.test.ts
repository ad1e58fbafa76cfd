import assert from 'node:assert/strict';
import { chmodSync, chownSync, cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { BIN, type Outcome, program, type RunOptions, shell } from './support/cli.ts';
import { scratch } from './support/scratch.ts';

const CSV = 'id,name\n1,Ada\n2,Grace\n';

/** The executables in a place of their own, as installed, with nothing kept yet. */
interface Install {
  readonly root: string;
  decode(options?: RunOptions, ...flags: readonly string[]): Promise<Outcome>;
  /** What is kept, by name: the file's number and its bytes. */
  kept(): Map<string, { readonly inode: number; readonly bytes: Buffer }>;
  /** The parts that a run takes from what is kept. */
  used(): Promise<string[]>;
}

function install(): Install {
  const root = scratch('installed');
  cpSync(BIN, join(root, 'bin'), { recursive: true });
  for (const folder of ['cli', 'kernels'])
    cpSync(join(BIN, '../dist', folder), join(root, 'dist', folder), {
      recursive: true,
      filter: (file) => !file.endsWith('.cache'),
    });
  writeFileSync(join(root, 'rows.csv'), CSV);
  const preload = join(root, 'preload.cjs');
  writeFileSync(
    preload,
    `const vm = require('node:vm');
const used = [];
vm.Script = class extends vm.Script {
  constructor(source, options) {
    super(source, options);
    if (this.cachedDataRejected === false) used.push(require('node:path').basename(options.filename, '.cjs'));
  }
};
process.on('exit', () => process.stderr.write(JSON.stringify(used)));`,
  );
  const cache = join(root, 'dist/cli/.cache');
  const run = (flags: readonly string[], options?: RunOptions) =>
    program(process.execPath, [...flags, join(root, 'bin/decode.cjs'), 'rows.csv'], {
      cwd: root,
      ...options,
    });
  return {
    root,
    decode: (options, ...flags) => run(flags, options),
    kept: () =>
      new Map(
        filesIn(cache).map((name) => {
          const file = join(cache, name);
          return [name.split('/').at(-1)!, { inode: statSync(file).ino, bytes: readFileSync(file) }];
        }),
      ),
    used: async () => JSON.parse((await run(['--require', preload])).stderr) as string[],
  };
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath.slice(folder.length + 1), entry.name));
  } catch {
    return [];
  }
}

// The file of one part.
function fileOf({ root }: Install, name: string): string {
  const cache = join(root, 'dist/cli/.cache');
  return join(cache, filesIn(cache).find((file) => file.endsWith(name))!);
}

const expected = await install().decode();
assert.match(expected.stdout, /"Ada"/);
const asEver = ({ stdout, stderr, code }: Outcome) =>
  assert.deepEqual({ stdout, stderr, code }, { stdout: expected.stdout, stderr: '', code: 0 });

describe('compiled code', () => {
  test('is kept by the first run and used by the next ones, which leave it as it is', async () => {
    const installed = install();
    asEver(await installed.decode());
    const kept = installed.kept();
    assert.deepEqual([...kept.keys()].sort(), ['decode.csv', 'decode.main']);
    asEver(await installed.decode());
    assert.deepEqual(installed.kept(), kept);
    assert.deepEqual(await installed.used(), ['main', 'csv']);
  });

  test('is added to by a run of another kind, once', async () => {
    const installed = install();
    await installed.decode();
    const before = installed.kept();
    writeFileSync(join(installed.root, 'rows.jsonl'), '{"id":1}\n');
    const jsonl = () =>
      program(process.execPath, [join(installed.root, 'bin/decode.cjs'), join(installed.root, 'rows.jsonl')]);
    await jsonl();
    const after = installed.kept();
    assert.deepEqual([...after.keys()].sort(), ['decode.csv', 'decode.jsonl', 'decode.main']);
    assert.ok(after.get('decode.main')!.bytes.length > before.get('decode.main')!.bytes.length);
    await jsonl();
    await installed.decode();
    assert.deepEqual(installed.kept(), after);
  });

  test('is kept although the reader leaves after one line', async () => {
    const installed = install();
    const { code } = await shell(`"${process.execPath}" bin/decode.cjs rows.csv | head -1`, {
      cwd: installed.root,
    });
    assert.equal(code, 0);
    assert.deepEqual(await installed.used(), ['main', 'csv']);
  });

  for (const [damage, make] of [
    ['one bit is another', (bytes: Buffer) => bytes.fill(bytes[5000]! ^ 1, 5000, 5001)],
    ['its last byte is another', (bytes: Buffer) => bytes.fill(bytes.at(-1)! ^ 1, bytes.length - 1)],
    ['its end is missing', (bytes: Buffer) => bytes.subarray(0, bytes.length - 1000)],
    ['half of it is missing', (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1)],
    ['it is empty', () => Buffer.alloc(0)],
    ['it is all zeros', (bytes: Buffer) => Buffer.alloc(bytes.length)],
    ['its code is all zeros', (bytes: Buffer) => bytes.fill(0, bytes.indexOf('\n') + 1)],
    [
      'it is of another build',
      (bytes: Buffer) => Buffer.from(bytes.toString('latin1').replace(/"key":"../, '"key":"zz'), 'latin1'),
    ],
  ] as const) {
    test(`is made anew where ${damage}, and not used`, async () => {
      const installed = install();
      await installed.decode();
      const file = fileOf(installed, 'decode.main');
      writeFileSync(file, make(readFileSync(file)));
      assert.deepEqual(await installed.used(), ['csv']);
      asEver(await installed.decode());
      assert.deepEqual(await installed.used(), ['main', 'csv']);
    });
  }

  test('of a part that was written anew since is not used', async () => {
    const installed = install();
    await installed.decode();
    const part = join(installed.root, 'dist/cli/csv.cjs');
    writeFileSync(part, readFileSync(part, 'utf8').replaceAll('found', 'fOUND'));
    assert.deepEqual(await installed.used(), ['main']);
  });

  test("is neither used nor written anew by a run under other flags of V8's", async () => {
    const installed = install();
    await installed.decode();
    const kept = installed.kept();
    asEver(await installed.decode({}, '--no-opt'));
    asEver(await installed.decode({ env: { NODE_OPTIONS: '--max-old-space-size=200' } }));
    assert.deepEqual(installed.kept(), kept);
  });

  test('is not kept of a run that fails, nor where NODE_DISABLE_COMPILE_CACHE says so', async () => {
    const installed = install();
    const { code } = await program(process.execPath, [join(installed.root, 'bin/decode.cjs'), 'none.csv']);
    assert.equal(code, 1);
    asEver(await installed.decode({ env: { NODE_DISABLE_COMPILE_CACHE: '1' } }));
    assert.equal(installed.kept().size, 0);
  });

  test("is not kept in a folder that is another user's, that cannot be written, or that anybody may write", async () => {
    const installed = install();
    const folder = join(installed.root, 'dist/cli');
    chmodSync(folder, 0o777);
    asEver(await installed.decode());
    chmodSync(folder, 0o555);
    // Nothing is forbidden to root, whose folder this is no more.
    if (process.geteuid?.() === 0) chownSync(folder, 12345, 12345);
    asEver(await installed.decode());
    chmodSync(folder, 0o755);
    assert.equal(installed.kept().size, 0);
  });

  test('is whole when many runs keep it at once', async () => {
    const installed = install();
    for (const run of await Promise.all(Array.from({ length: 8 }, () => installed.decode()))) asEver(run);
    assert.deepEqual([...installed.kept().keys()].sort(), ['decode.csv', 'decode.main']);
    assert.deepEqual(await installed.used(), ['main', 'csv']);
  });
});
