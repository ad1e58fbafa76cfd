import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, test } from 'node:test';
import { BIN, program } from './support/cli.ts';
import { scratch } from './support/scratch.ts';

interface Loaded {
  readonly files: readonly string[];
  readonly builtins: readonly string[];
}

const READ = '"$@"';
const UNREAD = '(sleep 0.2; "$@") | true';

// What a program has loaded by the time it ends, started by a line of shell.
async function loaded(args: readonly string[], line = READ): Promise<Loaded> {
  const folder = scratch('loaded');
  const preload = join(folder, 'preload.cjs');
  writeFileSync(
    preload,
    `const fs = require('node:fs');
const files = [];
const { readFileSync } = fs;
fs.readFileSync = (file, ...rest) => {
  if (String(file).endsWith('.cjs')) files.push(file);
  return readFileSync(file, ...rest);
};
process.on('exit', () => {
  const loaded = { files, builtins: process.moduleLoadList };
  fs.writeFileSync(${JSON.stringify(join(folder, 'loaded.json'))}, JSON.stringify(loaded));
});`,
  );
  const { code, stderr } = await program(
    'sh',
    ['-c', line, 'sh', process.execPath, '--require', preload, ...args],
    {
      env: { NODE_DISABLE_COMPILE_CACHE: '1' },
    },
  );
  assert.equal(code, 0, stderr);
  const { files, builtins } = JSON.parse(readFileSync(join(folder, 'loaded.json'), 'utf8')) as Loaded;
  return {
    files: files.map((file) => basename(file)),
    builtins,
  };
}

const texts = scratch('texts');
writeFileSync(join(texts, 'rows.csv'), 'id,name\n1,Ada\n');
writeFileSync(join(texts, 'rows.jsonl'), '{"id":1}\n');
const COSTLY = /^NativeModule (stream|net|tty|zlib|fs\/promises|internal\/modules\/esm\/translators)$/;

describe('looking into a file starts with its format and nothing else', () => {
  for (const [format, file] of [
    ['csv', join(texts, 'rows.csv')],
    ['jsonl', join(texts, 'rows.jsonl')],
  ] as const) {
    test(format, async () => {
      const nothing = await loaded(['-e', '0']);
      const { files, builtins } = await loaded([join(BIN, 'decode.cjs'), file]);
      assert.deepEqual(files, ['decode.cjs', 'start.cjs', 'main.cjs', `${format}.cjs`]);
      assert.deepEqual(
        builtins.filter((name) => COSTLY.test(name) && !nothing.builtins.includes(name)),
        [],
      );
    });
  }
});

test('for a reader who has left no format is loaded', async () => {
  const { files } = await loaded([join(BIN, 'decode.cjs'), join(texts, 'rows.csv')], UNREAD);
  assert.deepEqual(files, ['decode.cjs', 'start.cjs', 'main.cjs']);
});
