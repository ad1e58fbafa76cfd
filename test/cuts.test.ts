/**
 * Exactly once, wherever a pipe is cut: the wire at every line, a script at every line and at random bytes, also within
 * the data of a COPY. A few places of each; KILL_ALL=1 tries every line. Places come in order and into one target, so that
 * each run also resumes after the one before, and what has been committed comes again.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ToSqlOptions } from '../src/commands/to-sql.ts';
import { FEEDS, type FeedName } from '../src/demo/deliver.ts';
import { dialects } from '../src/dialects/index.ts';
import { openDuckDB } from '../src/duckdb.ts';
import { ALL, cleanRuns, type Deliver, inTurn, SEED, someOf, wholeGroups } from './support/breaking.ts';
import { mariadbMissing } from './support/mariadb.ts';
import {
  duckdbTarget,
  groups,
  hasPsql,
  loadInto,
  mysqlTarget,
  postgresTarget,
  rows,
  runScript,
  script,
  sqliteTarget,
  stream,
  type TestTarget,
  table,
} from './support/merging.ts';
import { random } from './support/random.ts';
import { sqliteMissing } from './support/sqlite.ts';
import { standing } from './support/standing.ts';
import { chunksOf, replaceWire, smallWire, type WireText, wireText } from './support/wires.ts';

const HOUR_MS = 3_600_000;
const how = ALL ? 'KILL_ALL' : `KILL_SEED=${SEED}`;

const engines = [
  { name: 'DuckDB', target: duckdbTarget },
  { name: 'PostgreSQL', target: postgresTarget },
];

for (const [n, { name, target }] of engines.entries()) {
  describe(`a wire that is cut at any line leaves whole groups in ${name}`, () => {
    for (const [turn, feed] of inTurn(FEEDS, n).entries()) {
      test(`${feed} (${how})`, { timeout: HOUR_MS }, async (t) => {
        const wire = await smallWire(feed);
        const clean = await cleanRuns(wire, target);
        const broken = await target();
        const cuts = someOf(wire.lines.slice(0, -1), 3, random(SEED + turn));
        for (const cut of cuts) {
          const bytes = wire.bytes.subarray(0, cut);
          await assert.rejects(loadInto(broken, chunksOf(bytes)), /found the end of input/);
          const groups = bytes.toString('utf8').match(/^\{"\$":"commit"/gm)?.length ?? 0;
          assert.deepEqual(await standing(broken), clean.after[groups], `cut at byte ${cut}`);
        }
        await loadInto(broken, chunksOf(wire.bytes));
        assert.deepEqual(await standing(broken), clean.whole);
        t.diagnostic(`${feed}: ${cuts.length} cuts`);
      });
    }
  });
}

interface Client {
  readonly dialect: ToSqlOptions['dialect'];
  readonly target: () => Promise<TestTarget>;
  readonly skip: string | false;
  /** For one script: what runs its beginnings, each to its end or its first error. */
  runs(): (target: TestTarget, text: string) => Promise<unknown>;
}

const clients: readonly Client[] = [
  {
    dialect: 'postgres',
    target: postgresTarget,
    skip: hasPsql ? false : 'no psql here',
    runs: () => runScript,
  },
  { dialect: 'duckdb', target: duckdbTarget, skip: false, runs: duckdbCuts },
  { dialect: 'mysql', target: mysqlTarget, skip: mariadbMissing, runs: () => runScript },
  { dialect: 'sqlite', target: () => sqliteTarget('command'), skip: sqliteMissing, runs: () => runScript },
];

interface Given {
  readonly name: string;
  readonly wire: () => Promise<WireText>;
  readonly options: Omit<ToSqlOptions, 'dialect'>;
}

const renamed: Given = { name: 'tables renamed', wire: replaceWire, options: { swap: 'rename' } };

// Its scripts add columns to a table of which they were told only (--target-schema).
const isTold = (dialect: string, feed: FeedName) => dialect !== 'sqlite' || feed !== 'exports';

for (const [n, { dialect, target, skip, runs }] of clients.entries()) {
  describe(`a script for ${dialect} that is cut anywhere leaves whole groups`, { skip }, () => {
    const feeds = inTurn(FEEDS, n).filter((each) => isTold(dialect, each));
    const cases: readonly Given[] = [
      ...feeds.map((feed): Given => ({ name: feed, wire: () => smallWire(feed), options: {} })),
      ...(typeof dialects[dialect].swap === 'string' ? [] : [renamed]),
    ];
    for (const [turn, { name, wire: wireOf, options }] of cases.entries()) {
      test(`${name} (${how})`, { timeout: HOUR_MS }, async (t) => {
        const wire = await wireOf();
        const textOf = async (bytes: Uint8Array) => {
          const { text, error } = await script(chunksOf(bytes), { ...options, dialect });
          assert.equal(error, undefined);
          return text;
        };
        const deliver: Deliver = async (to, bytes) => {
          const { code, stderr } = await runScript(to, await textOf(bytes));
          assert.equal(code, 0, stderr);
        };
        const clean = await cleanRuns(wire, target, deliver);
        const broken = await target();
        const whole = wireText(await textOf(wire.bytes));
        const r = random(SEED + turn);
        const bytes = Array.from({ length: ALL ? whole.lines.length : 3 }, () =>
          r.int(0, whole.bytes.length - 1),
        );
        const cuts = [...someOf(whole.lines.slice(0, -1), 3, r), ...bytes].sort((a, b) => a - b);
        const run = runs();
        let groups = 0;
        for (const cut of cuts) {
          const part = whole.bytes.subarray(0, cut);
          await run(broken, part.toString('utf8'));
          const now = await wholeGroups(broken, clean, `cut at ${cut}, after ${part.subarray(-200)}`);
          assert.ok(now >= groups, `cut at ${cut}: ${now} groups, ${groups} before`);
          groups = now;
        }
        await deliver(broken, wire.bytes);
        assert.deepEqual(await standing(broken), clean.whole);
        t.diagnostic(`${name}: ${cuts.length} cuts`);
      });
    }
  });
}

test('a change of a table in a script for mysql is whole or not made, wherever the script is cut', {
  skip: mariadbMissing,
}, async () => {
  const target = await mysqlTarget();
  const column = async () =>
    (await target.select(
      "SELECT column_type FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 't' AND column_name <> 'id'",
    )) as string[][];
  const before = table('t', 'id int', { key: ['id'], merge: 'upsert' });
  const later = table('t', 'id int, more decimal(20,4)', { key: ['id'], merge: 'upsert' });
  const wire = groups([rows(before, { id: 1 })], [rows(later, { id: 1, more: '1.2345' })]);
  await loadInto(target, stream(wire.slice(0, 1)));
  const known = new Map([['t', [{ name: 'id', sql: 'int(11)' }]]]);
  const { text } = await script(stream(wire.slice(1)), { dialect: 'mysql', targetSchema: known });
  const at = text.indexOf('ALTER TABLE');
  const end = text.indexOf('\n', at);
  assert.ok(at > 0);
  // Without its digits a DECIMAL is another type.
  const digits = text.indexOf('(20,4)', at);
  const cuts = Array.from({ length: end - at }, (_, i) => at + i);
  for (const cut of ALL ? cuts : [at + 20, digits, digits + 3, end - 2]) {
    await runScript(target, text.slice(0, cut));
    assert.deepEqual(await column(), [], text.slice(at, cut));
  }
  assert.equal((await runScript(target, text)).code, 0);
  assert.deepEqual(await column(), [['decimal(20,4)']]);
});

// As the duckdb command does: statement by statement, and what is left at the end is one, too. Of cuts that leave the same
// whole statements and no other one is run: what cannot be read is not begun.
function duckdbCuts(): (target: TestTarget, text: string) => Promise<void> {
  const tried = new Set<string>();
  return async (target, text) => {
    if (!text.startsWith('.bail on\n')) return;
    const body = text.slice('.bail on\n'.length);
    const end = endOfStatements(body);
    const rest = body.slice(end);
    const database = await openDuckDB(':memory:');
    const isRead = await database.connection.extractStatements(rest).then(
      () => true,
      () => false,
    );
    database.close();
    const what = `${end} ${isRead ? rest.trim() : ''}`;
    if (tried.has(what)) return;
    tried.add(what);
    await runDuckdb(target, [body.slice(0, end), rest]);
  };
}

async function runDuckdb(target: TestTarget, parts: readonly string[]): Promise<void> {
  const database = await openDuckDB(target.url);
  try {
    for (const part of parts) if (part.trim() !== '') await database.run(part);
  } catch {
    // The script ends here.
  } finally {
    database.close();
  }
}

/** Behind the last semicolon that is not part of a text or a name. */
function endOfStatements(text: string): number {
  let end = 0;
  for (const { 0: token, index } of text.matchAll(/'(?:[^']|'')*'?|"(?:[^"]|"")*"?|;/g))
    if (token === ';') end = index + 1;
  return end;
}
