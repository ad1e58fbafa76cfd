import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { dedupe } from '../src/dedupe/dedupe.ts';
import type { DedupeOptions } from '../src/dedupe/rules.ts';
import { flatten } from '../src/flatten/flatten.ts';
import { compose, quietContext, type Stage } from '../src/stage.ts';
import { runOfBytes, runOfRows } from '../src/wire/run.ts';
import { type Chunk, type FileLine, isControl, type Row, type TableLine } from '../src/wire/types.ts';

const USERS: TableLine = { $: 'table', table: 'users', key: ['id'], merge: 'upsert' };
const END: Chunk = { $: 'end', groups: 0 };
const GROUP: Chunk = { $: 'group', feed: 'f', scope: 's', group: '9', after: null };
const COMMIT: Chunk = { $: 'commit', feed: 'f', scope: 's', group: '9', files: 1, digest: '' };
const file = (uri: string, batch?: string): FileLine =>
  batch === undefined ? { $: 'file', uri } : { $: 'file', uri, batch };
const rows = (table: TableLine, ...list: object[]): Chunk => runOfRows(table, list as Row[]);
const text = (table: TableLine, ...lines: string[]): Chunk =>
  runOfBytes(table, Buffer.from(lines.map((line) => `${line}\n`).join('')), lines.length);

async function through(stage: Stage, chunks: readonly Chunk[], warnings: string[] = []): Promise<Chunk[]> {
  const input = (async function* () {
    yield* chunks;
  })();
  const out: Chunk[] = [];
  for await (const chunk of stage(input, quietContext({ warn: (message) => warnings.push(message) })))
    out.push(chunk);
  return out;
}

const lineText = (chunk: Chunk): string[] =>
  isControl(chunk) ? [] : Buffer.from(chunk.ndjson()).toString().trimEnd().split('\n');

/** The lines that are left of each table. */
async function left(options: DedupeOptions, ...chunks: Chunk[]): Promise<Record<string, string[]>> {
  const tables: Record<string, string[]> = {};
  for (const chunk of await through(dedupe(options), [...chunks, END])) {
    if (!isControl(chunk))
      tables[chunk.table.table] = [...(tables[chunk.table.table] ?? []), ...lineText(chunk)];
  }
  return tables;
}

test('of the rows of a key the one of the greatest order stays, in order of arrival of the winners', async () => {
  const ordered: TableLine = { ...USERS, order: ['t'] };
  const got = await left(
    {},
    rows(ordered, { id: 1, t: 1 }, { id: 2, t: 5 }, { id: 1, t: 3 }, { id: 3, t: 1 }),
    rows(ordered, { id: 2, t: 4 }, { id: 1, t: 2 }),
  );
  assert.deepEqual(got['users'], ['{"id":2,"t":5}', '{"id":1,"t":3}', '{"id":3,"t":1}']);
  const first = await left(
    { keep: 'first' },
    rows(ordered, { id: 1, t: 3 }, { id: 1, t: 1 }, { id: 1, t: 1, x: 2 }),
  );
  assert.deepEqual(first['users'], ['{"id":1,"t":1}']);
});

test('rows leave before the commit of their group, and each group is for itself', async () => {
  const ordered: TableLine = { ...USERS, order: ['t'] };
  const out = await through(dedupe(), [
    GROUP,
    file('a'),
    rows(ordered, { id: 1, t: 2 }),
    rows(ordered, { id: 1, t: 1 }),
    COMMIT,
    GROUP,
    rows(ordered, { id: 1, t: 0 }),
    COMMIT,
    END,
  ]);
  assert.deepEqual(
    out.map((chunk) => (isControl(chunk) ? chunk.$ : lineText(chunk).join())),
    ['group', 'file', '{"id":1,"t":2}', 'commit', 'group', '{"id":1,"t":0}', 'commit', 'end'],
  );
});

test('of many more keys than the table of winners begins with, each keeps its newest row', async () => {
  const ordered: TableLine = { ...USERS, order: ['t'] };
  const keys = 40_000;
  const version = (t: number) =>
    text(ordered, ...Array.from({ length: keys }, (_, id) => `{"id":${id},"t":${(t + id) % 3}}`));
  for (const memory of [2 ** 28, 2 ** 21]) {
    const got = await left({ memory }, version(0), version(1), version(2));
    assert.equal(got['users']!.length, keys);
    assert.equal(new Set(got['users']).size, keys);
    assert.ok(got['users']!.every((line) => line.endsWith('"t":2}')));
  }
});

test('a 19-digit sequence, decimals and instants compare exactly, NULL lowest', async () => {
  const pairs: [string, string, TableLine['columns']][] = [
    ['"1565276078922000095"', '"1565276078922000096"', undefined],
    ['"9999999999999999998"', '"9999999999999999999"', undefined],
    [
      '"123456789012345678901234567890.1"',
      '"123456789012345678901234567890.2"',
      [{ name: 't', type: 'decimal' }],
    ],
    ['"9"', '"10"', [{ name: 't', type: 'bigint' }]],
    ['"-10"', '-9', [{ name: 't', type: 'bigint' }]],
    ['"-0.5"', '"0"', [{ name: 't', type: 'decimal' }]],
    ['"2018-01-01T10:00:00+02:00"', '"2018-01-01T08:00:00.000001Z"', [{ name: 't', type: 'timestamptz' }]],
    [
      '"2018-01-01T08:00:00.0000001Z"',
      '"2018-01-01T08:00:00.0000002Z"',
      [{ name: 't', type: 'timestamptz' }],
    ],
    ['"2017-12-31 23:59:59.999"', '"2018-01-01"', undefined],
    ['null', '"0"', undefined],
    ['null', '-5', undefined],
    ['"the same fourteen a"', '"the same fourteen b"', [{ name: 't', type: 'text' }]],
    ['"10"', '"9"', [{ name: 't', type: 'text' }]],
  ];
  for (const [low, high, columns] of pairs) {
    const table: TableLine = {
      ...USERS,
      order: ['t'],
      ...(columns === undefined ? {} : { columns: [{ name: 'id' }, ...columns] }),
    };
    const older = `{"id":1,"t":${low},"x":"older"}`;
    const newer = `{"id":1,"t":${high},"x":"newer"}`;
    for (const both of [
      [older, newer],
      [newer, older],
    ]) {
      assert.deepEqual((await left({}, text(table, ...both)))['users'], [newer], `${low} < ${high}`);
    }
  }
});

test('the second column of an order decides where the first is equal, then the later row', async () => {
  const table: TableLine = { ...USERS, order: ['a', 'b', 'c'] };
  assert.deepEqual((await left({}, rows(table, { id: 1, a: 1, b: 2 }, { id: 1, a: 1, b: 1 })))['users'], [
    '{"id":1,"a":1,"b":2}',
  ]);
  assert.deepEqual(
    (await left({}, rows(table, { id: 1, a: 1, b: 2, c: 'z' }, { id: 1, a: 1, b: 2, c: 'a' })))['users'],
    ['{"id":1,"a":1,"b":2,"c":"z"}'],
  );
  assert.deepEqual(
    (await left({}, rows(table, { id: 1, a: 1, b: 2, x: 1 }, { id: 1, a: 1, b: 2, x: 2 })))['users'],
    ['{"id":1,"a":1,"b":2,"x":2}'],
  );
});

test('keys compare by value, whatever form they stand in', async () => {
  const typed = (type: 'bigint' | 'text' | 'uuid' | 'timestamptz' | 'boolean' | 'decimal'): TableLine => ({
    ...USERS,
    order: ['t'],
    columns: [{ name: 'id', type }, { name: 't' }],
  });
  const count = async (table: TableLine, ...ids: string[]) =>
    (await left({}, text(table, ...ids.map((id, t) => `{"id":${id},"t":${t}}`))))['users']!.length;
  assert.equal(await count(typed('bigint'), '1', '"1"', '"01"', '1.0', '"+1"', '1e0', ' 1'), 1);
  assert.equal(await count(typed('decimal'), '"1.10"', '1.1', '"01.1"'), 1);
  assert.equal(await count(typed('text'), '"a"', '"A"', '"\\u0061"', '"b"'), 3);
  assert.equal(await count(typed('text'), '"1"', '1', '"01"'), 2);
  assert.equal(
    await count(
      typed('uuid'),
      '"0AB4D5D2-1111-4222-8333-444455556666"',
      '"0ab4d5d2111142228333444455556666"',
      '"0ab4d5d2-1111-4222-8333-444455556666"',
    ),
    1,
  );
  assert.equal(
    await count(typed('timestamptz'), '"2018-01-01T00:00:00Z"', '"2018-01-01 01:00:00.000+01"'),
    1,
  );
  assert.equal(await count(typed('boolean'), 'true', '"t"', '1', 'false'), 2);
  assert.equal(
    await count(
      USERS.order === undefined ? { ...USERS, order: ['t'] } : USERS,
      '1',
      '"1"',
      '"01"',
      '9007199254740993',
      '"9007199254740993"',
    ),
    3,
  );
});

test('a composite key does not run together, and its columns may be named with escapes', async () => {
  const table: TableLine = { ...USERS, key: ['a"b', 'é'], order: ['t'] };
  const got = await left(
    {},
    text(
      table,
      '{"a\\"b":"x","é":"yz","t":1}',
      '{"a\\"b":"xy","é":"z","t":1}',
      '{"a\\u0022b":"x","\\u00e9":"yz","t":2}',
    ),
  );
  assert.deepEqual(got['users'], ['{"a\\"b":"xy","é":"z","t":1}', '{"a\\u0022b":"x","\\u00e9":"yz","t":2}']);
});

test('rows written with blanks, CRLF or a blank line, rows with a member $ and rows of a megabyte are rows like others', async () => {
  const table: TableLine = { ...USERS, order: ['t'] };
  const blanks = runOfBytes(table, Buffer.from('{ "id" : 1, "t":1}\r\n\n{"id":1,"t":2}'), 2);
  assert.deepEqual((await left({}, blanks))['users'], ['{"id":1,"t":2}']);
  const big = 'x'.repeat(1_200_000);
  const got = await left(
    {},
    rows(
      table,
      { $: 'row', id: 1, t: 1 },
      { id: 2, t: 1, big },
      { id: 1, t: 2 },
      { id: 2, t: 2, big },
      { id: 3, t: 1 },
      { id: 3, t: 3, $: 1 },
    ),
  );
  assert.deepEqual(
    got['users']!.map((line) => (line.length > 1e6 ? line.length : line)),
    ['{"id":1,"t":2}', 1_200_022, '{"$":"row","row":{"id":3,"t":3,"$":1}}'].map((line) =>
      line === 1_200_022 ? JSON.stringify({ id: 2, t: 2, big }).length : line,
    ),
  );
});

test('a key or order called $ or row is found in the row itself, not in its escaping', async () => {
  for (const [key, order] of [
    ['$', 'row'],
    ['row', '$'],
    ['$', 't'],
  ] as const) {
    const table: TableLine = { ...USERS, key: [key], order: [order] };
    const list = [
      { [key]: 'a', [order]: 2 },
      { [key]: 'b', [order]: 1 },
      { [key]: 'a', [order]: 1 },
      { [key]: 'b', [order]: 3 },
    ];
    const got = await left({}, rows(table, ...list));
    const expected = [list[0]!, list[3]!].map((row) => `{"$":"row","row":${JSON.stringify(row)}}`);
    assert.deepEqual(got['users'], expected);
  }
});

test('two different rows of a key with no order stop with an example, the same row twice does not', async () => {
  await assert.rejects(
    left({}, rows(USERS, { id: 1, a: 1 }, { id: 1, a: 2 })),
    /table users: expected one row per key \(id\).*found different rows of id 1: a 1 and 2; is the key too narrow/,
  );
  assert.equal(
    (await left({}, rows(USERS, { id: 1, a: 1 }, { a: 1, id: 1 }, { id: '1', a: 1, b: null })))['users']!
      .length,
    1,
  );
  assert.deepEqual(
    (await left({ onKeyConflict: 'last' }, rows(USERS, { id: 1, a: 1 }, { id: 1, a: 2 })))['users'],
    ['{"id":1,"a":2}'],
  );
  const stitch: Chunk = { $: 'feed', wire: 1, feed: 'stitch', source: 's', root: 'r' };
  assert.deepEqual((await left({}, stitch, rows(USERS, { id: 1, a: 1 }, { id: 1, a: 2 })))['users'], [
    '{"id":1,"a":2}',
  ]);
  assert.deepEqual(
    (
      await left(
        {},
        file('a', '9'),
        rows(USERS, { id: 1, a: 1 }),
        file('b', '10'),
        rows(USERS, { id: 1, a: 2 }),
        file('c', '2'),
        rows(USERS, { id: 1, a: 3 }),
      )
    )['users'],
    ['{"id":1,"a":2}'],
  );
});

test('a NULL in the key stops, or becomes a reject that says where', async () => {
  await assert.rejects(
    left({}, file('s3://b/k'), rows(USERS, { id: 1 }, { id: null })),
    /table users, s3:\/\/b\/k row 2: expected a value in key column id, found NULL/,
  );
  const out = await through(dedupe({ onError: 'reject' }), [
    file('s3://b/k'),
    rows(USERS, { id: 1 }, { a: 5 }),
    END,
  ]);
  assert.deepEqual(out[1], {
    $: 'reject',
    uri: 's3://b/k',
    row: 2,
    column: 'id',
    reason: 'NULL in key column id of users',
    raw: '{"a":5}',
  });
  assert.deepEqual(lineText(out[2]!), ['{"id":1}']);
});

test('append, scd2 and replace without a key pass untouched; a table without a key is an error', async () => {
  for (const merge of ['append', 'scd2', 'replace'] as const) {
    const { key: _, ...keyless } = USERS;
    const run = rows({ ...(merge === 'replace' ? keyless : USERS), merge }, { id: 1 }, { id: 1 });
    assert.equal((await through(dedupe(), [run]))[0], run);
  }
  await assert.rejects(left({}, rows({ $: 'table', table: 't' }, { id: 1 })), /table t: expected a key/);
  assert.deepEqual(
    (
      await left(
        { key: ['id'], order: ['t'] },
        rows({ $: 'table', table: 't' }, { id: 1, t: 1 }, { id: 1, t: 2 }),
      )
    )['t'],
    ['{"id":1,"t":2}'],
  );
});

test('delete-insert: the highest batch decides, in it a row that does not delete, of those the last', async () => {
  const facts: TableLine = { ...USERS, merge: 'delete-insert', delete_flag: 'void' };
  const warnings: string[] = [];
  const chunks = [
    file('a', '9'),
    rows(
      facts,
      { id: 1, void: 0, n: 1 },
      { id: 2, void: 1 },
      { id: 2, void: 0 },
      { id: 3, void: '0' },
      { id: 4, void: null },
    ),
    file('b', '10'),
    rows(
      facts,
      { id: 1, void: 0, n: 2 },
      { id: 1, void: 0, n: 3 },
      { id: 1, void: 1 },
      { id: 3, void: true },
    ),
  ];
  const out = await through(dedupe(), [...chunks, END], warnings);
  assert.deepEqual(out.flatMap(lineText), [
    '{"id":2,"void":0}',
    '{"id":4,"void":null}',
    '{"id":1,"void":0,"n":3}',
    '{"id":3,"void":true}',
  ]);
  assert.match(warnings.join(), /1 rows have NULL as delete flag/);
});

test('delete-insert: an order decides within a batch, never between batches', async () => {
  const facts: TableLine = { ...USERS, merge: 'delete-insert', delete_flag: 'void', order: ['n'] };
  const out = await through(dedupe(), [
    file('a', '9'),
    rows(facts, { id: 1, void: 0, n: 50 }, { id: 2, void: 0, n: 3 }, { id: 2, void: 0, n: 2 }),
    file('b', '10'),
    rows(facts, { id: 1, void: 0, n: 4 }),
    END,
  ]);
  assert.deepEqual(out.flatMap(lineText), ['{"id":2,"void":0,"n":3}', '{"id":1,"void":0,"n":4}']);
});

const CONTACTS: TableLine = {
  $: 'table',
  table: 'contacts',
  key: ['id'],
  merge: 'upsert',
  order: ['_sdc_sequence', '_sdc_batched_at'],
  version: '_sdc_table_version',
};
const TAGS: TableLine = {
  ...CONTACTS,
  table: 'contacts__tags',
  parent: 'contacts',
  key: ['_sdc_source_key_id', '_sdc_level_0_id'],
};

test('rows of a subtable follow the winner of their top-level row, wherever they come', async () => {
  const { version: _, ...contacts } = CONTACTS;
  const { version: __, ...tags } = TAGS;
  const tag = (id: number, level: number, sequence: string, x = 0) => ({
    _sdc_source_key_id: id,
    _sdc_level_0_id: level,
    _sdc_sequence: sequence,
    x,
  });
  const got = await left(
    {},
    rows(
      tags,
      tag(1, 0, '9'),
      tag(1, 1, '9'),
      tag(1, 0, '10'),
      tag(2, 0, '5'),
      tag(7, 0, '1'),
      tag(7, 1, '1'),
      tag(7, 0, '2'),
    ),
    rows(
      contacts,
      { id: 1, _sdc_sequence: '9' },
      { id: 1, _sdc_sequence: '10' },
      { id: '2', _sdc_sequence: '6' },
    ),
    rows(tags, tag(1, 0, '10', 1), tag(1, 0, '9', 2)),
  );
  assert.deepEqual(got['contacts'], ['{"id":1,"_sdc_sequence":"10"}', '{"id":"2","_sdc_sequence":"6"}']);
  assert.deepEqual(
    got['contacts__tags'],
    [tag(7, 0, '2'), tag(1, 0, '10', 1)].map((row) => JSON.stringify(row)),
  );
});

test('a table that loses all its rows is still declared', async () => {
  const parent = rows(CONTACTS, { id: 1, _sdc_sequence: 2 });
  const out = await through(dedupe(), [
    parent,
    rows(TAGS, { _sdc_source_key_id: 1, _sdc_level_0_id: 0, _sdc_sequence: 1 }),
    END,
  ]);
  assert.deepEqual(out.slice(1), [TAGS, END]);
});

test('only the greatest version of a table lives, with its subtables', async () => {
  const row = (id: number, version: number, sequence: number) => ({
    id,
    _sdc_table_version: version,
    _sdc_sequence: sequence,
  });
  const tag = (id: number, version: number, sequence: number) => ({
    _sdc_source_key_id: id,
    _sdc_level_0_id: 0,
    _sdc_table_version: version,
    _sdc_sequence: sequence,
  });
  const got = await left(
    {},
    rows(CONTACTS, row(1, 1, 9), row(2, 1, 9)),
    rows(TAGS, tag(1, 1, 9), tag(3, 1, 9)),
    rows(CONTACTS, row(1, 2, 3)),
    rows(TAGS, tag(1, 2, 3)),
    rows(CONTACTS, row(1, 1, 10)),
    rows(TAGS, tag(1, 1, 10)),
  );
  assert.deepEqual(got, {
    contacts: [JSON.stringify(row(1, 2, 3))],
    contacts__tags: [JSON.stringify(tag(1, 2, 3))],
  });
});

/** The permissions of the files of a folder that this process has open, unlinked ones too. */
function openFiles(folder: string): string[] {
  if (!existsSync('/proc/self/fd')) return [];
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    const path = `/proc/self/fd/${descriptor}`;
    try {
      return readlinkSync(path).startsWith(folder) ? [(statSync(path).mode & 0o777).toString(8)] : [];
    } catch {
      // The descriptor of the listing itself.
      return [];
    }
  });
}

test('nothing is left in the folder of spilled rows, even while they are there', async () => {
  const tmp = mkdtempSync(join(tmpdir(), 'dedupe-'));
  const modes: string[] = [];
  try {
    const table: TableLine = { ...USERS, order: ['t'] };
    const input = (async function* (): AsyncIterable<Chunk> {
      for (let part = 0; part < 20; part++) {
        yield rows(
          table,
          ...Array.from({ length: 1000 }, (_, i) => ({
            id: (part * 1000 + i) % 7000,
            t: part,
            pad: 'x'.repeat(50),
          })),
        );
        assert.deepEqual(readdirSync(tmp), []);
        modes.push(...openFiles(tmp));
      }
      yield END;
    })();
    let count = 0;
    for await (const chunk of dedupe({ memory: 65536, tmp })(input, quietContext()))
      if (!isControl(chunk)) count += chunk.count;
    assert.equal(count, 7000);
    if (existsSync('/proc/self/fd')) {
      assert.ok(modes.length > 0, 'files are open');
      assert.deepEqual([...new Set(modes)], ['600']);
    }
    await assert.rejects(
      left({ memory: 1, tmp: join(tmp, 'missing') }, rows(table, { id: 1, t: 1 }, { id: 2, t: 2 })),
      /cannot spill to .*missing.*ENOENT/,
    );
  } finally {
    rmSync(tmp, { recursive: true });
  }
});

interface Item {
  table: 'parent' | 'child';
  id: number;
  level: number;
  sequence: number;
  at: number;
  version: number;
  batch: number;
  flag: number | null;
  form: number;
  n: number;
}

/** Which of the items live: what the issue and merging.md say, in the plainest way. */
function model(items: readonly Item[], mode: 'order' | 'batch', useVersion: boolean): Set<number> {
  const newest = Math.max(...items.map(({ version }) => version));
  const alive = items.filter(({ version }) => !useVersion || version === newest);
  const rank = (item: Item): number[] =>
    mode === 'order'
      ? [item.sequence, item.at, item.n]
      : [item.batch, item.table === 'parent' && item.flag === 1 ? 0 : 1, item.n];
  const greatest = (list: readonly Item[]): Item =>
    list.reduce((a, b) =>
      rank(a)
        .map((x, i) => x - rank(b)[i]!)
        .find((difference) => difference !== 0)! > 0
        ? a
        : b,
    );
  const live = new Set<number>();
  for (const id of new Set(alive.map((item) => item.id))) {
    const parents = alive.filter((item) => item.id === id && item.table === 'parent');
    const children = alive.filter((item) => item.id === id && item.table === 'child');
    const winner = parents.length > 0 ? greatest(parents) : greatest(children);
    if (parents.length > 0) live.add(winner.n);
    const depth = mode === 'order' ? 1 : 2;
    const matching = children.filter(
      (child) => rank(child).slice(0, depth).join() === rank(winner).slice(0, depth).join(),
    );
    for (const level of new Set(matching.map((child) => child.level)))
      live.add(greatest(matching.filter((child) => child.level === level)).n);
  }
  return live;
}

function itemLine(item: Item): string {
  const id = [`${item.id}`, `"${item.id}"`, `"0${item.id}"`, `${item.id}.0`][item.form % 4]!;
  const sequence =
    item.form % 3 === 0 ? `"156527607892200009${item.sequence}"` : `"0156527607892200009${item.sequence}.0"`;
  const at =
    item.form % 2 === 0 ? `"2018-01-01T00:00:0${item.at}Z"` : `"2018-01-01 01:00:0${item.at}.000+01:00"`;
  const key =
    item.table === 'parent' ? `"id":${id}` : `"_sdc_source_key_id":${id},"_sdc_level_0_id":${item.level}`;
  return `{"pad":"a\\"b{[","n":${item.n},${key},"s":${item.form % 5 === 0 ? sequence : `"156527607892200009${item.sequence}"`},"at":${at},"v":${item.version},"void":${JSON.stringify(item.flag)}}`;
}

test('key and order are found in rows of any shape, whatever shape the rows before had', async () => {
  const names = [
    'id',
    't',
    'a',
    'id2',
    'sixteen bytes, ',
    'a name of more than sixteen bytes',
    'é',
    'toString',
  ];
  const value = fc.oneof(
    fc.constantFrom('plain', 'with "quotes" and \\', 'x'.repeat(40), '}\n,"id":7', '', null, true, -1.5e-7),
    fc.jsonValue({ maxDepth: 2 }),
  );
  const shape = fc
    .tuple(fc.shuffledSubarray(names.slice(2)), fc.nat(8), fc.nat(8))
    .map(([others, id, t]) => others.toSpliced(id, 0, 'id').toSpliced(t, 0, 't'));
  const wide = [...Array.from({ length: 130 }, (_, i) => `c${i}`), 'id', 't'];
  const row = fc.record({
    shape: fc.nat(4),
    id: fc.nat(5),
    t: fc.nat(20),
    values: fc.array(value, { minLength: 4, maxLength: 4 }),
    space: fc.constantFrom('', '', '', '', ' '),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(shape, { minLength: 3, maxLength: 3 }),
      fc.array(row, { minLength: 1, maxLength: 60, size: 'max' }),
      async (drawn, items) => {
        const shapes = [...drawn, ['t', 'id'], wide];
        const lines = items.map(({ shape, id, t, values, space }) => {
          const members = shapes[shape]!.map((name, i) => {
            const held = name === 'id' ? id : name === 't' ? t : values[i % values.length];
            return `${JSON.stringify(name)}:${space}${JSON.stringify(held)}`;
          });
          return `{${members.join(',')}}`;
        });
        const newest = new Map<number, number>();
        for (const [i, { id, t }] of items.entries())
          if (t >= (items[newest.get(id) ?? -1]?.t ?? -1)) newest.set(id, i);
        const ordered: TableLine = { ...USERS, order: ['t'] };
        const half = Math.ceil(lines.length / 2);
        const got = await left(
          {},
          text(ordered, ...lines.slice(0, half)),
          text(ordered, ...lines.slice(half)),
        );
        assert.deepEqual(
          got['users'],
          [...newest.values()].sort((a, b) => a - b).map((i) => lines[i]),
        );
      },
    ),
    { numRuns: 300 },
  );
});

for (const mode of ['order', 'batch'] as const) {
  test(`random rows in random runs, with memory for a few, give what a plain model gives (${mode})`, async () => {
    const item = fc.record({
      table: fc.constantFrom('parent' as const, 'child' as const),
      id: fc.nat(300),
      level: fc.nat(2),
      sequence: fc.nat(3),
      at: fc.nat(2),
      version: fc.nat(1),
      batch: fc.constantFrom(8, 9, 10, 100),
      flag: fc.constantFrom(0, 1, null),
      form: fc.nat(60),
    });
    const columns = [
      { name: 'id', type: 'bigint' },
      { name: '_sdc_source_key_id', type: 'bigint' },
      { name: 's', type: 'decimal' },
      { name: 'at', type: 'timestamptz' },
    ] as const;
    await fc.assert(
      fc.asyncProperty(
        fc.array(item, { minLength: 1, maxLength: 1500, size: 'max' }),
        fc.boolean(),
        fc.constantFrom(1, 2000, 30_000, 2 ** 28),
        fc.integer({ min: 1, max: 60 }),
        async (drawn, useVersion, memory, runRows) => {
          const items: Item[] = drawn.map((one, n) => ({ ...one, n }));
          const parent: TableLine = {
            $: 'table',
            table: 'p',
            key: ['id'],
            columns,
            ...(mode === 'order'
              ? { merge: 'upsert', order: ['s', 'at'] }
              : { merge: 'delete-insert', delete_flag: 'void' }),
            ...(useVersion ? { version: 'v' } : {}),
          };
          const { delete_flag: _, ...rest } = parent;
          const child: TableLine = {
            ...rest,
            table: 'p__c',
            parent: 'p',
            key: ['_sdc_source_key_id', '_sdc_level_0_id'],
          };
          const chunks: Chunk[] = [];
          let run: Item[] = [];
          const close = () => {
            if (run.length > 0)
              chunks.push(
                file('f', String(run[0]!.batch)),
                text(run[0]!.table === 'parent' ? parent : child, ...run.map(itemLine)),
              );
            run = [];
          };
          for (const one of items) {
            const last = run.at(-1);
            if (
              last !== undefined &&
              (run.length >= runRows || last.table !== one.table || last.batch !== one.batch)
            )
              close();
            run.push(one);
          }
          close();
          const got = Object.values(await left({ memory }, ...chunks))
            .flat()
            .map((line) => JSON.parse(line).n as number);
          const expected = model(items, mode, useVersion);
          assert.deepEqual(
            got.sort((a, b) => a - b),
            [...expected].sort((a, b) => a - b),
          );
        },
      ),
      { numRuns: 60 },
    );
  });
}

test('flatten then dedupe leaves the same rows as dedupe then flatten', async () => {
  const record = fc.record({
    id: fc.nat(4),
    list: fc.array(fc.record({ x: fc.nat(3), deep: fc.array(fc.nat(3), { maxLength: 2 }) }), {
      maxLength: 3,
    }),
    version: fc.nat(1),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(record, { maxLength: 12 }), async (records) => {
      const list = records.map(({ version, ...item }, sequence) => ({
        ...item,
        _sdc_sequence: String(sequence),
        _sdc_table_version: version,
      }));
      const sorted = async (stage: Stage): Promise<string[]> => {
        const out: string[] = [];
        for (const chunk of await through(stage, [GROUP, rows(CONTACTS, ...list), COMMIT, END]))
          if (!isControl(chunk))
            out.push(...chunk.objects().map((row) => `${chunk.table.table} ${JSON.stringify(row)}`));
        return out.sort();
      };
      assert.deepEqual(
        await sorted(compose(flatten(), dedupe())),
        await sorted(compose(dedupe(), flatten())),
      );
    }),
    { numRuns: 200 },
  );
});

test('without an order, versions of a record whose subtables differ are an error, and repeated records are not', async () => {
  const orders: TableLine = { $: 'table', table: 'orders', key: ['id'], merge: 'upsert' };
  const stage = (options: DedupeOptions = {}) => compose(flatten(), dedupe(options));
  const both = (a: object, b: object): Chunk[] => [
    GROUP,
    file('f'),
    rows(orders, a, { id: 9, l: [7] }, b),
    COMMIT,
    END,
  ];
  for (const [a, b] of [
    [
      { id: 1, l: [1, 2] },
      { id: 1, l: [1] },
    ],
    [
      { id: 1, l: [1] },
      { id: 1, l: [1, 2] },
    ],
    [
      { id: 1, l: [1] },
      { id: 1, l: [] },
    ],
    [{ id: 1 }, { id: 1, l: [{ m: [1] }] }],
    [
      { id: 1, l: [{ m: [1] }] },
      { id: 1, l: [{ m: [] }] },
    ],
  ] as const) {
    await assert.rejects(
      through(stage(), both(a, b)),
      /table orders: expected one row per key or an order to choose by, found 2 rows of id 1 whose subtables differ/,
      JSON.stringify([a, b]),
    );
    await assert.rejects(through(stage({ onKeyConflict: 'last' }), both(a, b)), /subtables differ/);
  }
  for (const same of [
    { id: 1, l: [1, 2] },
    { id: 1, l: [] },
    { id: 1, l: [{ m: [1, 2] }, null] },
  ]) {
    const once = await through(stage(), [
      GROUP,
      file('f'),
      rows(orders, { id: 9, l: [7] }, same),
      COMMIT,
      END,
    ]);
    const twice = await through(stage(), both(same, same));
    assert.deepEqual(twice.flatMap(lineText).sort(), once.flatMap(lineText).sort());
  }
  // A later batch replaces what an earlier one said, and an order tells versions apart.
  const later = await through(stage(), [
    GROUP,
    file('f', '1'),
    rows(orders, { id: 1, l: [1, 2] }),
    rows(orders, { id: 1, l: [1, 2] }),
    file('g', '2'),
    rows(orders, { id: 1, l: [3] }),
    COMMIT,
    END,
  ]);
  assert.deepEqual(later.flatMap(lineText), [
    '{"id":1}',
    '{"_sdc_source_key_id":1,"_sdc_level_0_id":0,"value":3}',
  ]);
  const ordered: TableLine = { ...orders, order: ['n'] };
  const newest = await through(stage(), [
    GROUP,
    rows(ordered, { id: 1, n: 1, l: [1, 2] }, { id: 1, n: 2, l: [3] }),
    COMMIT,
    END,
  ]);
  assert.deepEqual(newest.flatMap(lineText), [
    '{"id":1,"n":2}',
    '{"_sdc_source_key_id":1,"_sdc_level_0_id":0,"n":2,"value":3}',
  ]);
});
