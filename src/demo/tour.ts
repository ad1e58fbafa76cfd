/** The demonstration itself: what it runs and what it shows, as lines of text. */

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDuckDB } from '../duckdb.ts';
import { UserError } from '../errors.ts';
import { splitPipeline } from '../shell/args.ts';
import { type PipelineContext, readStep, startPipeline } from '../shell/pipeline.ts';
import { alignedRows, cut } from './align.ts';
import { compare, type Snapshot, snapshot } from './compare.ts';
import { type Delivery, DROPS, deliver, FEEDS, type FeedName } from './deliver.ts';

const ROWS_SHOWN = 3;
const MARK = 'brigade_demo';
const WITH_CATALOG: readonly FeedName[] = ['zenoti', 'stitch', 'exports'];

export interface TourOptions {
  /** The DuckDB file to make; an older one is replaced if the demo made it. */
  readonly out: string;
  /** Columns of the terminal. */
  readonly width: number;
}

/**
 * Delivers the sample drops twice into `out`, by the pipelines that it prints, and shows the tables, what changed, and
 * that a third run changes nothing. Throws `UserError` if `out` is someone else's file.
 */
export async function* tour({ out, width }: TourOptions, context: PipelineContext): AsyncIterable<string> {
  await makeWay(out);
  const bucket = mkdtempSync(join(tmpdir(), 'brigade-demo-'));
  const title = (text: string): string[] => [
    '',
    `── ${text} ${'─'.repeat(Math.max(3, width - text.length - 4))}`,
  ];
  try {
    yield* title('first delivery: four vendors have filled their buckets');
    for (const feed of FEEDS) yield* applyFeed(feed, 'first', { bucket, out, context });
    const first = await snapshot(out);
    yield* describeTables(first, width);

    yield* title('second delivery: updates, deletes, a full resync, new columns');
    for (const feed of FEEDS) yield* applyFeed(feed, 'second', { bucket, out, context });
    const second = await snapshot(out);
    yield* describeChanges(first, second, await keys(out), width);

    yield* title('once more: nothing is new, so nothing changes');
    for (const feed of FEEDS) yield* applyFeed(feed, undefined, { bucket, out, context });
    yield* describeChanges(second, await snapshot(out), await keys(out), width);
  } finally {
    rmSync(bucket, { recursive: true, force: true });
  }
  yield* ['', `${out} is yours to look at. The drops lie in ${DROPS}; try one by hand:`];
  yield `  ls-groups ${DROPS}/zenoti/first --feed zenoti --settle 0 | read-manifest --catalog ${DROPS}/zenoti/catalog.json | decode | head`;
}

interface Place {
  readonly bucket: string;
  readonly out: string;
  readonly context: PipelineContext;
}

async function* applyFeed(
  feed: FeedName,
  delivery: Delivery | undefined,
  place: Place,
): AsyncIterable<string> {
  const { bucket, out, context } = place;
  const root = join(bucket, feed);
  if (delivery !== undefined) deliver(feed, delivery, root);
  const catalog = WITH_CATALOG.includes(feed)
    ? ` --catalog ${quoted(join(DROPS, feed, 'catalog.json'))}`
    : '';
  const pipeline = [
    `ls-groups ${quoted(root)} --feed ${feed} --name ${feed} --after ${quoted(`@${out}`)}`,
    `read-manifest${catalog}`,
    'decode',
    ...(feed === 'stitch' ? ['flatten'] : []),
    'dedupe',
    `brigade load ${quoted(out)}`,
  ].join(' | ');
  yield '';
  yield `$ ${pipeline}`;
  const said: string[] = [];
  const warnAs = (command: string, message: string) => void said.push(`${command}: ${message}`);
  const listening = { ...context, warnAs, warn: (message: string) => void said.push(message) };
  const steps = [];
  for (const words of splitPipeline(pipeline)) steps.push(await readStep(words, context.registry));
  const outcome = await startPipeline(steps, listening);
  if (outcome.kind === 'done') await outcome.done;
  yield* said.map((message) => `  ${message}`);
}

function* describeTables(tables: Snapshot, width: number): Iterable<string> {
  for (const [name, table] of tables) {
    yield '';
    yield `${name}: ${count(table.rows.length, 'row')}`;
    const lines = alignedRows({ columns: table.columns, rows: table.rows.slice(0, ROWS_SHOWN) }, width - 2);
    for (const line of lines) yield `  ${line}`;
  }
}

function* describeChanges(
  before: Snapshot,
  after: Snapshot,
  keyOf: (table: string) => readonly string[],
  width: number,
): Iterable<string> {
  const changes = compare(before, after, keyOf);
  yield '';
  if (changes.length === 0)
    yield `No table changed: ${count(after.size, 'table')} hold the same rows as before.`;
  for (const { table, inserted, updated, deleted, newColumns, examples } of changes) {
    const columns = newColumns.length === 0 ? '' : `, new: ${newColumns.join(', ')}`;
    yield `${table}: ${inserted} inserted, ${updated} updated, ${deleted} deleted${columns}`;
    for (const example of examples) yield `  ${cut(example, width - 2)}`;
  }
}

/** The key that `load` merges each table by, out of what it keeps about its tables. */
async function keys(out: string): Promise<(table: string) => readonly string[]> {
  const database = await openDuckDB(out, { readOnly: true });
  try {
    const rows = await database.rows('SELECT target, merge_key FROM brigade_table');
    const known = new Map(rows.map((row) => [String(row['target']), String(row['merge_key'] ?? '')]));
    return (table) => (known.get(table) ?? '').split(',').filter((name) => name !== '');
  } finally {
    database.close();
  }
}

/** Removes an older demonstration; any other file of that name stays. */
async function makeWay(out: string): Promise<void> {
  if (existsSync(out)) {
    const refusal = new UserError(
      `${out}: expected no file or one that this demo has made, found another (--out names a new one)`,
    );
    const database = await openDuckDB(out, { readOnly: true }).catch((error: unknown) => {
      throw Object.assign(refusal, { cause: error });
    });
    const marks = await database.rows(`SELECT 1 FROM duckdb_tables() WHERE table_name = '${MARK}'`);
    database.close();
    if (marks.length === 0) throw refusal;
    rmSync(out);
    rmSync(`${out}.wal`, { force: true });
  }
  const database = await openDuckDB(out);
  await database.run(
    `CREATE TABLE ${MARK} AS SELECT 'made by brigade demo, which may replace this file' AS note`,
  );
  database.close();
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** A word as a shell and `run` read it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
