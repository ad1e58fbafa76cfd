import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { commands } from '../src/commands/index.ts';
import { command, shell } from './support/cli.ts';
import { postgresServer } from './support/postgres.ts';
import { scratch } from './support/scratch.ts';
import { canonical, duckdbTables, postgresTables } from './support/targets.ts';

const ROWS = 1_000_000;
// biome-ignore lint/suspicious/noTemplateCurlyInString: a word of bash
const STATUSES = 'echo "${PIPESTATUS[*]}"';

/** A CSV of so many rows, with a header; about 30 bytes a row. */
function csvFile(folder: string, rows: number): string {
  const lines = ['id,name'];
  for (let id = 0; id < rows; id += 1) lines.push(`${id},"name ${id}, and more"`);
  const path = join(folder, 'rows.csv');
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

const perlMissing = (await shell('command -v perl')).code === 0 ? false : 'needs perl';
const ptyMissing = (await shell('script --version')).code === 0 ? false : 'needs script';
const psqlMissing = (await shell('command -v psql')).code === 0 ? false : 'needs psql';

const GROUP = '{"$":"group","feed":"zenoti","scope":"POD1","group":"7","after":null}';
const FEED = '{"$":"feed","wire":1,"feed":"zenoti","source":"acme","root":"file:///x/"}';
const TABLE =
  '{"$":"table","table":"t","key":["id"],"merge":"upsert","columns":[{"name":"id","type":"int"}]}';
const COMMIT = '{"$":"commit","feed":"zenoti","scope":"POD1","group":"7","files":0,"digest":"00"}';
const END = '{"$":"end","groups":1}';
const lines = (...parts: string[]): string => parts.map((part) => `${part}\n`).join('');

describe('a reader that leaves early', () => {
  test('ends decode with status 0 and without a word', async () => {
    const cwd = scratch();
    csvFile(cwd, 200_000);
    const { stdout, stderr, code } = await shell(
      `decode rows.csv --header yes --bare | head -1; ${STATUSES}`,
      { cwd },
    );
    assert.equal(stdout, '{"id":"0","name":"name 0, and more"}\n0 0\n');
    assert.equal(stderr, '');
    assert.equal(code, 0);
  });

  test('ends every stage of a pipeline that way', async () => {
    const cwd = scratch();
    csvFile(cwd, 200_000);
    const line = `decode rows.csv --header yes | flatten | dedupe --key id | head -1; ${STATUSES}`;
    const { stdout, stderr } = await shell(line, { cwd });
    assert.match(stdout, /\n0 0 0 0\n$/);
    assert.equal(stderr, '');
  });
});

test('a million rows survive a slow reader', async () => {
  const cwd = scratch();
  csvFile(cwd, ROWS);
  const slow = '{ sleep 1; dd bs=3000 status=none | { sleep 1; wc -l; }; }';
  const { stdout, stderr, code } = await shell(`decode rows.csv --header yes --bare | ${slow}`, { cwd });
  assert.equal(stdout.trim(), String(ROWS));
  assert.equal(stderr, '');
  assert.equal(code, 0);
});

test('a million rows survive a pipe that another program has made non-blocking', {
  skip: perlMissing,
}, async () => {
  const cwd = scratch();
  csvFile(cwd, ROWS);
  const unblock = `perl -MFcntl -e 'fcntl(STDOUT, F_SETFL, O_NONBLOCK | fcntl(STDOUT, F_GETFL, 0)); exec @ARGV'`;
  const slow = '{ sleep 1; dd bs=3000 status=none | wc -l; }';
  const { stdout, stderr } = await shell(`${unblock} decode rows.csv --header yes --bare | ${slow}`, { cwd });
  assert.equal(stdout.trim(), String(ROWS));
  assert.equal(stderr, '');
});

describe('a stream whose upstream was killed', () => {
  const open = lines(FEED, GROUP, TABLE, '{"id":1}', '{"id":2}');
  const killed = `{ printf '%s' "$WIRE"; kill -9 $BASHPID; } |`;

  for (const [what, wire] of [
    ['in the middle of a group', open],
    ['before its first line', ''],
    ['in the middle of a line', `${open}{"id":`],
  ] as const) {
    test(`commits nothing to DuckDB (${what})`, async () => {
      const cwd = scratch();
      const { stdout, stderr } = await shell(`${killed} brigade load wh.duckdb; ${STATUSES}`, {
        cwd,
        env: { WIRE: wire },
      });
      assert.equal(stdout, '137 1\n');
      assert.match(stderr, /^load: .*end/m);
      const tables = await duckdbTables(join(cwd, 'wh.duckdb')).catch(() => new Map());
      assert.deepEqual(canonical(tables), {});
    });
  }

  test('commits nothing to PostgreSQL', async () => {
    const target = await (await postgresServer()).database();
    const { stdout, stderr } = await shell(`${killed} brigade load "$TARGET"; ${STATUSES}`, {
      env: { WIRE: open, TARGET: target },
    });
    assert.equal(stdout, '137 1\n');
    assert.match(stderr, /^load: .*end/m);
    assert.deepEqual(canonical(await postgresTables(target)), {});
  });

  test('keeps the groups before the broken one', async () => {
    const cwd = scratch();
    const wire = lines(
      FEED,
      GROUP,
      TABLE,
      '{"id":1}',
      COMMIT,
      GROUP.replace('"7"', '"8"').replace('null', '"7"'),
      '{"id":2}',
    );
    const { stdout } = await shell(`${killed} brigade load wh.duckdb; ${STATUSES}`, {
      cwd,
      env: { WIRE: wire },
    });
    assert.equal(stdout, '137 1\n');
    assert.deepEqual(canonical(await duckdbTables(join(cwd, 'wh.duckdb'))), { t: ['{"id":"1"}'] });
  });

  test('makes a script that ends in ROLLBACK and a statement that fails', async () => {
    const line = `${killed} to-sql --dialect postgres > script.sql; ${STATUSES}; tail -n 5 script.sql`;
    const { stdout } = await shell(line, { env: { WIRE: open } });
    assert.match(stdout, /^137 1\n/);
    assert.match(stdout, /ROLLBACK/);
  });

  test('makes a script that psql refuses', { skip: psqlMissing }, async () => {
    const target = await (await postgresServer()).database();
    const line = `${killed} to-sql --dialect postgres | psql -q "$TARGET"; ${STATUSES}`;
    for (const wire of [open, `${open}{"id":`]) {
      const { stdout, stderr } = await shell(line, { env: { WIRE: wire, TARGET: target } });
      assert.match(stdout, /^137 1 [1-9]\n$/);
      assert.match(stderr, /ERROR/);
    }
    assert.deepEqual(canonical(await postgresTables(target)), {});
  });

  test('is told from one that failed for its own reasons: decode says where, load that the end is missing', async () => {
    const cwd = scratch();
    writeFileSync(join(cwd, 'bad.csv'), 'id,name\n1,a\n2,b,c\n');
    const line = `decode bad.csv --header yes | brigade load wh.duckdb; ${STATUSES}`;
    const { stdout, stderr } = await shell(line, { cwd });
    assert.equal(stdout, '1 1\n');
    assert.match(stderr, /^decode: .*bad\.csv line 3: expected 2 fields, found 3$/m);
    assert.match(stderr, /^load: /m);
  });
});

test('a decode that is killed while it waits for input takes nothing into the target', async () => {
  const cwd = scratch();
  csvFile(cwd, 50_000);
  const line = `
    mkfifo input
    { decode --format csv --header yes --table t < input & echo $! > pid; wait $!; } | brigade load wh.duckdb &
    exec 9> input
    cat rows.csv >&9
    kill -9 "$(cat pid)"
    exec 9>&-
    wait %1; echo "$?"`;
  const { stdout } = await shell(line, { cwd });
  assert.notEqual(stdout, '0\n');
  const tables = await duckdbTables(join(cwd, 'wh.duckdb')).catch(() => new Map());
  assert.deepEqual(canonical(tables), {});
});

describe('every command', () => {
  for (const name of Object.keys(commands)) {
    test(`${name} refuses an unknown flag with status 2, one line and no output`, async () => {
      const { stdout, stderr, code } = await command('brigade', [name, '--no-such-flag']);
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.match(stderr, new RegExp(`^${name}: .*--no-such-flag.*\n$`));
    });

    test(`${name} --help tells what it does, with an example`, async () => {
      const { stdout, stderr, code } = await command('brigade', [name, '--help']);
      assert.equal(code, 0);
      assert.equal(stderr, '');
      assert.match(stdout, new RegExp(name));
      assert.match(stdout, /example/i);
    });
  }
});

test('what is wrong in the toolkit itself says so, with its stack and status 70', async () => {
  const broken = `import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const { readFileSync } = fs;
fs.readFileSync = (path, ...options) => {
  if (String(path).endsWith('package.json')) throw new TypeError('this cannot be');
  return readFileSync(path, ...options);
};
syncBuiltinESMExports();`;
  const path = join(scratch('broken'), 'preload.mjs');
  writeFileSync(path, broken);
  const env = { NODE_OPTIONS: `--import ${path}` };
  const { stdout, stderr, code } = await command('brigade', ['--version'], { env });
  assert.equal(code, 70);
  assert.equal(stdout, '');
  assert.match(stderr, /^--version: this is a bug in bucket-brigade; .*\nTypeError: this cannot be\n {4}at /);
});

test('a command that would read a terminal tells how it is used', { skip: ptyMissing }, async () => {
  const { stdout } = await shell(`script -qec 'decode; echo "exit $?"' /dev/null`);
  assert.match(
    stdout.replaceAll('\r', ''),
    /^decode: expected input from a pipe or file, found a terminal .*\nexit 2\n$/,
  );
});

test('a signal ends a waiting command as a shell expects it', async () => {
  const line = 'sleep 4 | brigade load wh.duckdb & sleep 1; kill -TERM $!; wait $!; echo "$?"';
  const { stdout, stderr } = await shell(line);
  assert.equal(stdout, '143\n');
  assert.equal(stderr, '');
});

test('a password never shows in a message', async () => {
  const target = 'postgres://someone:very-secret@127.0.0.1:9/db';
  const { stderr, code } = await command('brigade', ['load', target], {
    stdin: lines(FEED, GROUP, TABLE, '{"id":1}', COMMIT, END),
  });
  assert.equal(code, 75);
  assert.match(stderr, /^load: .*127\.0\.0\.1:9/);
  assert.doesNotMatch(stderr, /very-secret/);
});
