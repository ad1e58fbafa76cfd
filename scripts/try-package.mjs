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

function expect(what, text, wanted) {
  const isRight = typeof wanted === 'string' ? text === wanted : wanted.test(text);
  if (!isRight) throw new Error(`${what}: expected ${wanted}, found:\n${text}`);
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
  run('printf "id,name\\n1,a\\n1,b\\nbroken\\n" > people.csv');
  expect('the library in its three layers', run('node embed.js'), EMBEDDED());
  expect('what it loaded', run('brigade state library.duckdb'), /"feed":"zenoti".*"group":"10"/);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

// As the README shows it.
function EMBED() {
  return `import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { compose, decode, dedupe, flattenRow, load, lsGroups, parseCsv, quietContext, readCatalog, readManifest, stages } from 'bucket-brigade';

console.log(JSON.stringify(await parseCsv('id,name\\n1,Ada\\n')));
console.log(JSON.stringify(flattenRow({ id: 1, phones: [{ mobile: '1' }] }, { table: 'people', key: ['id'] })));

const clean = compose(stages.decode({ onError: 'reject' }), stages.dedupe({ key: ['id'], onKeyConflict: 'last' }));
for await (const chunk of clean(stages.fileLines(['people.csv']), quietContext()))
  console.log('$' in chunk ? chunk.$ : JSON.stringify(chunk.objects()));

const rows = [];
for await (const row of createReadStream('people.csv').pipe(decode({ format: 'csv', onError: 'reject', output: 'rows' }))) rows.push(row);
console.log(JSON.stringify(rows));

const catalog = readCatalog('catalog.json');
await pipeline(lsGroups('drop', { feed: 'zenoti', settle: 0 }), readManifest({ catalog }), decode(), dedupe(), load('library.duckdb'));
`;
}

function EMBEDDED() {
  return `[{"id":"1","name":"Ada"}]
[{"table":"people","row":{"id":1}},{"table":"people__phones","row":{"_sdc_source_key_id":1,"_sdc_level_0_id":0,"mobile":"1"}}]
file
reject
eof
[{"id":"1","name":"b"}]
end
[{"id":"1","name":"a"},{"id":"1","name":"b"}]
`;
}
