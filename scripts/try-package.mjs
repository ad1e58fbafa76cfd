// Installs a packed tarball in an empty folder and uses it as a stranger would: commands, a pipeline, the library.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const tarball = resolve(process.argv[2]);
const folder = mkdtempSync(join(tmpdir(), 'bucket-brigade-'));
const env = { ...process.env, PATH: `${join(folder, 'node_modules/.bin')}:${process.env.PATH}` };
const run = (command) =>
  execFileSync('bash', ['-eo', 'pipefail', '-c', command], { cwd: folder, env, encoding: 'utf8' });

function expect(what, text, pattern) {
  if (!pattern.test(text)) throw new Error(`${what}: expected ${pattern}, found:\n${text}`);
  console.log(`ok: ${what}`);
}

try {
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}');
  run(`npm install --silent --no-audit --no-fund ${tarball}`);
  expect('brigade --help', run('brigade --help'), /Usage: brigade COMMAND/);
  for (const verb of ['ls-groups', 'read-manifest', 'decode', 'flatten', 'dedupe', 'to-sql']) {
    expect(`${verb} --help`, run(`${verb} --help`), new RegExp(`Usage: brigade ${verb} `));
  }
  cpSync(join(folder, 'node_modules/bucket-brigade/fixtures/drops/zenoti/first'), join(folder, 'drop'), {
    recursive: true,
  });
  cpSync(
    join(folder, 'node_modules/bucket-brigade/fixtures/drops/zenoti/catalog.json'),
    join(folder, 'catalog.json'),
  );
  run(
    'ls-groups drop --feed zenoti --settle 0 | read-manifest --catalog catalog.json | decode | dedupe | brigade load wh.duckdb 2>log',
  );
  expect('a pipeline into DuckDB', run('brigade state wh.duckdb'), /"feed":"zenoti".*"group":"10"/);
  expect('brigade demo', run('brigade demo'), /No table changed/);
  writeFileSync(join(folder, 'embed.js'), EMBED());
  expect(
    'the library',
    run('printf "id,name\\n1,a\\n2,b\\n" > people.csv; node embed.js'),
    /^\[{"id":"1","name":"a"},{"id":"2","name":"b"}\]\n$/,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function EMBED() {
  return `import { createReadStream } from 'node:fs';
import { decode } from 'bucket-brigade';

const rows = [];
for await (const row of createReadStream('people.csv').pipe(decode({ format: 'csv', output: 'rows' }))) rows.push(row);
console.log(JSON.stringify(rows));
`;
}
