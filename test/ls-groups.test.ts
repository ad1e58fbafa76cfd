import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { lsGroups } from '../src/commands/ls-groups.ts';
import { FEEDS } from '../src/demo/deliver.ts';
import { UsageError, UserError } from '../src/errors.ts';
import type { ListGroupsOptions } from '../src/feeds/feed.ts';
import { listGroups } from '../src/feeds/list.ts';
import { quietContext } from '../src/stage.ts';
import { normaliseRoot } from '../src/stores/index.ts';
import type { Chunk, Control } from '../src/wire/types.ts';
import './support/byte-order.ts';
import { startProxy } from './support/proxy.ts';
import { s3Server } from './support/s3.ts';
import { drop, scratch } from './support/scratch.ts';

process.env['AWS_ACCESS_KEY_ID'] = 'test';
process.env['AWS_SECRET_ACCESS_KEY'] = 'test';

async function listed(url: string, options: ListGroupsOptions): Promise<Control[]> {
  const lines: Control[] = [];
  for await (const chunk of listGroups(url, options)(quietContext())) lines.push(chunk as Control);
  return lines;
}

const groupsOf = (lines: readonly Control[]) =>
  lines.flatMap((line) => (line.$ === 'group' ? [`${line.scope} ${line.group}`] : []));

const s3Options = (endpoint: string) => ({ endpoint, region: 'us-east-1', pathStyle: true });

for (const feed of FEEDS) {
  test(`${feed}: the sample drops give the same groups and files from S3 and from a folder`, async () => {
    const folder = drop(feed, 'first', 'second');
    const server = await s3Server();
    await server.upload(`acme-${feed}`, folder, { prefix: 'in/' });
    const s3Root = `s3://acme-${feed}/in/`;
    const fromFolder = await listed(folder, { feed, settle: 0, name: 'n' });
    const fromS3 = await listed(s3Root, { feed, settle: 0, name: 'n', ...s3Options(server.endpoint) });
    // An upload makes every object new, so scripts stand elsewhere.
    const comparable = (lines: readonly Control[], root: string) =>
      lines
        .filter((line) => line.$ !== 'ddl')
        .map((line) =>
          JSON.stringify(line, (name, value) =>
            ['etag', 'modified', 'digest'].includes(name)
              ? ''
              : typeof value === 'string'
                ? decodeURI(value.replace(root, ''))
                : value,
          ),
        );
    assert.deepEqual(comparable(fromS3, s3Root), comparable(fromFolder, normaliseRoot(folder)));
    assert.ok(groupsOf(fromFolder).length > 0);
  });
}

test('the lines are a whole stream: feed, groups with numbered files, commits with count and digest, end', async () => {
  const lines = await listed(drop('zenoti', 'first'), { feed: 'zenoti', name: 'berlin' });
  assert.equal(lines[0]!.$, 'feed');
  assert.equal(lines[0]!.$ === 'feed' && lines[0]!.source, 'berlin');
  assert.deepEqual(lines.at(-1), { $: 'end', groups: 3 });
  let digest = createHash('sha256');
  let files = 0;
  let commits = 0;
  for (const line of lines) {
    if (line.$ === 'group') {
      digest = createHash('sha256');
      files = 0;
    } else if (line.$ === 'file') {
      assert.equal(line.seq, files++);
      digest.update(`${JSON.stringify([line.uri, line.bytes, line.etag])}\n`);
    } else if (line.$ === 'commit') {
      commits += 1;
      assert.deepEqual([line.files, line.digest], [files, digest.digest('hex')]);
    }
  }
  assert.equal(commits, 3);
});

test('the source is named after the feed and the normalised root, unless a name is given', async () => {
  const folder = drop('stitch', 'first');
  const [line] = await listed(`${folder}/../${folder.split('/').at(-1)}`, { feed: 'stitch' });
  assert.deepEqual(line, {
    $: 'feed',
    wire: 1,
    feed: 'stitch',
    source: `stitch:${normaliseRoot(folder)}`,
    root: normaliseRoot(folder),
  });
});

test('a cursor from the lines of state counts for its own source, scope and tables only', async () => {
  const folder = drop('zenoti', 'first', 'second');
  const state = join(scratch(), 'state');
  const line = (parts: object) => `${JSON.stringify({ feed: 'zenoti', source: 'berlin', ...parts })}\n`;
  writeFileSync(
    state,
    line({ scope: 'POD1', table: 'Bi_FactForms', group: '10' }) +
      line({ scope: 'POD1', table: 'Bi_DimUser', group: '9' }) +
      line({ scope: 'POD1', table: 'Bi_FactForms', group: '12', source: 'paris' }) +
      line({ scope: 'POD1', table: 'Bi_FactForms', group: '12', feed: 'exports' }) +
      line({ scope: 'POD2', table: 'Bi_FactForms', group: '55' }),
  );
  const options = { feed: 'zenoti', name: 'berlin', after: `@${state}` };
  // What is listed anew: groups of all scopes, since there is no cursor of all tables, with the files that are new.
  const found = await listed(folder, { ...options, scope: 'POD1' });
  assert.deepEqual(groupsOf(found), ['POD1 9', 'POD1 10', 'POD1 11', 'POD1 12']);
  const inGroup = (lines: readonly Control[], group: string) => {
    const start = lines.findIndex((line) => line.$ === 'group' && line.group === group);
    const files = lines.slice(
      start,
      lines.findIndex((line) => line.$ === 'commit' && line.group === group),
    );
    return [...new Set(files.flatMap((line) => (line.$ === 'file' ? [line.table] : [])))];
  };
  assert.equal(inGroup(found, '10').includes('Bi_FactForms'), false);
  assert.equal(inGroup(found, '11').includes('Bi_FactForms'), true);
  assert.equal(inGroup(found, '10').includes('Bi_DimUser'), true);
  assert.deepEqual(groupsOf(await listed(folder, { ...options, tables: ['bi_dimuser'], scope: 'POD1' })), [
    'POD1 10',
    'POD1 11',
    'POD1 12',
  ]);
  const others = await listed(folder, { ...options, name: 'paris', tables: ['Bi_FactForms'], scope: 'POD1' });
  assert.deepEqual(groupsOf(others), []);
});

test('of several lines of state the newest of a scope counts, and of several tables the oldest', async () => {
  const folder = drop('zenoti', 'first', 'second');
  const state = join(scratch(), 'state');
  const after = async (options: object, ...lines: readonly object[]) => {
    writeFileSync(state, lines.map((line) => `${JSON.stringify({ scope: 'POD1', ...line })}\n`).join(''));
    return groupsOf(await listed(folder, { feed: 'zenoti', scope: 'POD1', after: `@${state}`, ...options }));
  };
  assert.deepEqual(await after({}, { group: '9' }, { group: '11' }, { group: '10' }), ['POD1 12']);
  const tables = ['Bi_FactForms', 'Bi_DimUser'];
  const [forms, users] = tables.map((table) => ({ table }));
  for (const lines of [
    [
      { ...forms, group: '11' },
      { ...users, group: '9' },
      { ...users, group: '10' },
    ],
    [
      { ...users, group: '10' },
      { ...users, group: '9' },
      { ...forms, group: '11' },
    ],
  ])
    assert.deepEqual(await after({ tables }, ...lines), ['POD1 11', 'POD1 12']);
});

test('a state file that is none is refused with its line', async () => {
  const folder = drop('zenoti', 'first');
  const state = join(scratch(), 'state');
  for (const [text, message] of [
    [
      '{"group":"9"}\nnonsense\n',
      /state line 2: expected a line as brigade state prints it, found "nonsense"/,
    ],
    ['{"scope":"POD1"}', /state line 1: .* found no member "group"/],
    ['{"group":"x9"}', /state line 1: .* found group "x9"/],
  ] as const) {
    writeFileSync(state, text);
    await assert.rejects(
      listed(folder, { feed: 'zenoti', after: `@${state}` }),
      (error: Error) => error instanceof UserError && message.test(error.message),
    );
  }
  await assert.rejects(listed(folder, { feed: 'zenoti', after: '@/nowhere/state' }), UserError);
});

test('requests grow with what is new, not with what lies before the cursor', async () => {
  const server = await s3Server();
  await server.makeBucket('acme-history');
  const keys = Array.from({ length: 400 }, (_, i) => `POD1/${i + 1}/t/1/x.csv`);
  for (let i = 0; i < keys.length; i += 50)
    await Promise.all(keys.slice(i, i + 50).map((key) => server.put('acme-history', key, 'x')));
  const requests = async (after: string) => {
    const proxy = await startProxy(server.endpoint);
    const lines = await listed('s3://acme-history/', {
      feed: 'zenoti',
      after,
      settle: 0,
      ...s3Options(proxy.endpoint),
    });
    return { groups: groupsOf(lines).length, requests: proxy.requests.length };
  };
  // Root, POD and two schema folders; two groups and, to see that it is complete, the last one once more.
  assert.deepEqual(await requests('398'), { groups: 2, requests: 7 });
  assert.deepEqual(await requests('400'), { groups: 0, requests: 4 });
});

test('nothing new is an empty stream, and an unknown scope an error that names the ones there are', async () => {
  const folder = drop('zenoti', 'first');
  const lines = await listed(folder, { feed: 'zenoti', after: 'POD1=10,POD2=55' });
  assert.deepEqual(groupsOf(lines), []);
  assert.deepEqual(lines.at(-1), { $: 'end', groups: 0 });
  await assert.rejects(
    listed(folder, { feed: 'zenoti', scope: 'POD9' }),
    /--scope: expected one of POD1, POD2, found POD9/,
  );
});

test('options that do not fit are refused before anything is listed', () => {
  const wrong: [ListGroupsOptions, RegExp][] = [
    [{ feed: 'zenotti' }, /--feed: expected one of zenoti, .*, found zenotti/],
    [{ feed: 'stitch', snapshot: 'latest' }, /--snapshot: expected --feed zenoti beside it, found stitch/],
    [{ feed: 'exports', skipOrgTables: true }, /--skip-org-tables: expected --feed zenoti/],
    [
      { feed: 'zenoti', template: '{group}/{table}' },
      /--template: expected --feed stitch or exports or template/,
    ],
    [{ feed: 'template' }, /--feed template: expected --template beside it/],
    [
      { feed: 'zenoti', after: 'yesterday' },
      /--after: expected CURSOR such as 1007 or POD1=1007,POD2=55, found yesterday/,
    ],
    [{ feed: 'zenoti', until: 'POD1=' }, /--until: expected CURSOR/],
  ];
  for (const [options, message] of wrong)
    assert.throws(
      () => listGroups('/tmp', options),
      (error: Error) => error instanceof UsageError && message.test(error.message),
    );
  assert.throws(
    () => lsGroups.kind === 'source' && lsGroups.make({ feed: 'zenoti' }, []),
    /expected a URL or folder, found none/,
  );
  assert.throws(() => lsGroups.kind === 'source' && lsGroups.make({}, ['/tmp']), /--feed: expected one of/);
  assert.throws(
    () => lsGroups.kind === 'source' && lsGroups.make({ feed: 'zenoti' }, ['/tmp', '/x']),
    /found \/x after it/,
  );
});

test('the summary is an aligned text per scope and table', async () => {
  assert.ok(lsGroups.kind === 'source');
  assert.equal(lsGroups.print!({ feed: 'zenoti' }, ['/tmp']), undefined);
  const print = lsGroups.print!({ feed: 'zenoti', summary: true }, [drop('zenoti', 'first')])!;
  let text = '';
  for await (const piece of print(quietContext())) text += Buffer.from(piece).toString();
  const rows = text.trimEnd().split('\n');
  assert.match(rows[0]!, /^scope +table +groups +first +last +files +bytes$/);
  assert.match(rows[1]!, /^POD1 +2 +9 +10 +7 +\d+,\d+$/);
  assert.match(rows[3]!, /^ +Bi_FactForms +2 +9 +10 +4 +\d+,\d+$/);
  assert.equal(new Set(rows.map((row) => row.length)).size, 1);
});

test('an aborted listing ends with the reason', async () => {
  const abort = new AbortController();
  const source = listGroups(drop('zenoti', 'first'), { feed: 'zenoti' });
  const work = async () => {
    const chunks: Chunk[] = [];
    for await (const chunk of source(quietContext({ signal: abort.signal }))) {
      chunks.push(chunk);
      abort.abort(new UserError('stopped'));
    }
  };
  await assert.rejects(work(), /stopped/);
});
