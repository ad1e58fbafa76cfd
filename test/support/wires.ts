/** The wires of the sample drops, for tests that break them off. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { commands } from '../../src/commands/index.ts';
import { type Delivery, DROPS, type FeedName } from '../../src/demo/deliver.ts';
import { type PipelineContext, readStep, startPipeline } from '../../src/shell/pipeline.ts';
import { quietContext } from '../../src/stage.ts';
import { readWire } from '../../src/wire/read.ts';
import type { Chunk } from '../../src/wire/types.ts';
import { writeWire } from '../../src/wire/write.ts';
import { groups, rows, stream, table } from './merging.ts';
import { drop } from './scratch.ts';

export interface WireText {
  readonly bytes: Buffer;
  /** Where each line begins, and where the last one ends. */
  readonly lines: readonly number[];
}

/** What the pipeline up to `dedupe` says of both deliveries of a feed. `listing`: more flags of `ls-groups`. */
export async function wireOf(feed: FeedName, listing: readonly string[] = []): Promise<WireText> {
  // A run replaces the ones before it, so that only the newest would be listed.
  if (feed !== 'exports' || listing.length > 0)
    return wireText(await say(feed, ['first', 'second'], listing));
  const first = await say(feed, ['first'], []);
  const second = await say(feed, ['first', 'second'], ['--after', lastGroup(first)]);
  return joined(first, second);
}

// Two groups, of the tables that matter most.
const LISTINGS: Record<FeedName, readonly string[]> = {
  zenoti: ['--scope', 'POD1', '--until', '10'],
  contentsquare: ['--until', '1000'],
  stitch: ['--scope', 'salesforce-prod/contacts', '--until', '1768359600000'],
  exports: [],
};

/** A small part of that, for tests that try every line or every statement. */
export const smallWire = (feed: FeedName): Promise<WireText> => wireOf(feed, LISTINGS[feed]);

/** Two groups, between which columns come, and change their types in every way that engines go about it differently. */
export async function driftWire(): Promise<WireText> {
  const known = { key: ['id'], merge: 'upsert' } as const;
  const before = table('d', 'id int, x double, n int, s int', known);
  const later = table('d', 'id int, x text, n bigint, s text, more decimal(10,2), at timestamptz', known);
  const chunks = stream(
    groups(
      [rows(before, { id: 1, x: 1.5, n: 1, s: 7 }, { id: 2, x: -2.5, n: 2, s: 8 })],
      [rows(later, { id: 2, x: 'none', n: '5000000000', s: 'x', more: '1.10', at: '2026-01-01T00:00:00Z' })],
    ),
  );
  return written(chunks);
}

/** Chunks as they go over a pipe. */
export async function written(chunks: AsyncIterable<Chunk>): Promise<WireText> {
  let text = '';
  for await (const piece of writeWire(chunks)) text += Buffer.from(piece).toString('utf8');
  return wireText(text);
}

/** Three groups that share transactions, of tables in every mode that may. */
export function batchWire(): Promise<WireText> {
  const shape = 'k int, o int, v text, void boolean';
  const known = { key: ['k'] } as const;
  const appended = table('appended', shape, { merge: 'append' });
  const plain = table('plain', shape, { ...known, merge: 'upsert' });
  const flagged = { ...known, delete_flag: 'void' } as const;
  const ordered = table('ordered', shape, { ...flagged, merge: 'upsert', order: ['o'] });
  const facts = table('facts', shape, { ...flagged, merge: 'delete-insert' });
  const row = (k: number, o: number, v: string, isVoid = false) => ({ k, o, v, void: isVoid });
  const all = (...given: readonly ReturnType<typeof row>[]) =>
    [appended, plain, ordered, facts].map((line) => rows(line, ...given));
  return written(
    stream(
      groups(
        all(row(1, 5, 'a'), row(2, 5, 'b'), row(3, 5, 'c')),
        all(row(1, 6, 'A'), row(2, 4, 'late'), row(3, 6, 'gone', true)),
        all(row(3, 7, 'C'), row(4, 1, 'd')),
      ),
    ),
  );
}

/** Three groups of tables whose contents are replaced: with a column more, with other rows, with none. */
export function replaceWire(): Promise<WireText> {
  const rooms = table('rooms', 'id int, name text', { key: ['id'], merge: 'replace' });
  const wider = table('rooms', 'id int, name text, seats int', { key: ['id'], merge: 'replace' });
  const halls = table('halls', 'id int, name text', { key: ['id'], merge: 'upsert', full: true });
  const guests = table('guests', 'id int, name text', { key: ['id'], merge: 'upsert' });
  const row = (id: number, name: string) => ({ id, name });
  return written(
    stream(
      groups(
        [
          rows(rooms, row(1, 'a'), row(2, 'b')),
          rows(halls, row(1, 'a'), row(2, 'b')),
          rows(guests, row(1, 'a')),
        ],
        [
          rows(wider, { ...row(2, 'B'), seats: 3 }),
          rows(halls, row(2, 'B'), row(3, 'c')),
          rows(guests, row(2, 'b')),
        ],
        [
          rows(wider, { ...row(2, 'B'), seats: 4 }, { ...row(4, 'd'), seats: null }),
          rows(halls, row(3, 'c')),
        ],
      ),
    ),
  );
}

export function wireText(text: string): WireText {
  const bytes = Buffer.from(text);
  const lines = [0];
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines.push(at + 1);
  return { bytes, lines };
}

/** The chunks of a wire, as a command reads them. */
export function chunksOf(bytes: Uint8Array): AsyncIterable<Chunk> {
  return readWire(
    (async function* () {
      yield bytes;
    })(),
  );
}

/** The stream up to and with its n-th group, whole. */
export function prefixOf({ bytes }: WireText, groups: number): Buffer {
  const kept: string[] = [];
  let committed = 0;
  for (const line of bytes.toString('utf8').split('\n')) {
    if (committed === groups) break;
    kept.push(line);
    if (line.startsWith('{"$":"commit"')) committed++;
  }
  return Buffer.from(`${[...kept, JSON.stringify({ $: 'end', groups: committed })].join('\n')}\n`);
}

/** The stream without its first n groups. */
export function suffixOf({ bytes }: WireText, groups: number): Buffer {
  let begun = 0;
  let isInGroup = false;
  const kept = bytes
    .toString('utf8')
    .split('\n')
    .filter((line) => {
      if (line.startsWith('{"$":"group"')) {
        begun++;
        isInGroup = true;
      }
      const isKept = !isInGroup || begun > groups;
      if (line.startsWith('{"$":"commit"')) isInGroup = false;
      return isKept;
    });
  const end = kept.findLastIndex((line) => line.startsWith('{"$":"end"'));
  kept[end] = JSON.stringify({ $: 'end', groups: begun - groups });
  return Buffer.from(kept.join('\n'));
}

/** For each group the one that it follows, as places in the stream; -1: the first of its scope. */
export function predecessors({ bytes }: WireText): number[] {
  const last = new Map<string, number>();
  return (bytes.toString('utf8').match(/^\{"\$":"group".*$/gm) ?? []).map((line, i) => {
    const { scope } = JSON.parse(line) as { scope: string };
    const before = last.get(scope) ?? -1;
    last.set(scope, i);
    return before;
  });
}

export const groupsOf = ({ bytes }: WireText): number =>
  bytes.toString('utf8').match(/^\{"\$":"commit"/gm)?.length ?? 0;

function joined(first: string, second: string): WireText {
  const isSaid = (line: string) => line !== '' && !line.startsWith('{"$":"end"');
  const head = first.split('\n').filter(isSaid);
  const tail = second.split('\n').filter((line) => isSaid(line) && !line.startsWith('{"$":"feed"'));
  const text = [...head, ...tail].join('\n');
  const groups = text.match(/^\{"\$":"commit"/gm)?.length;
  return wireText(`${text}\n${JSON.stringify({ $: 'end', groups })}\n`);
}

function lastGroup(text: string): string {
  const line = text.split('\n').findLast((each) => each.startsWith('{"$":"commit"'));
  return (JSON.parse(line!) as { group: string }).group;
}

const folders = new Map<string, string>();

// One folder for all listings of a drop, since URIs and entity tags are kept.
function folderOf(feed: FeedName, deliveries: readonly Delivery[]): string {
  const id = `${feed} ${deliveries}`;
  const folder = folders.get(id) ?? drop(feed, ...deliveries);
  folders.set(id, folder);
  return folder;
}

/** The pipeline up to `dedupe`, as words. */
export function stepsOf(
  feed: FeedName,
  deliveries: readonly Delivery[],
  listing: readonly string[],
): string[][] {
  const known = join(DROPS, feed, 'catalog.json');
  const catalog = existsSync(known) ? ['--catalog', known] : [];
  return [
    ['ls-groups', folderOf(feed, deliveries), '--feed', feed, '--name', feed, '--settle', '0', ...listing],
    ['read-manifest', ...catalog],
    ['decode'],
    ['flatten'],
    ['dedupe'],
  ];
}

async function say(
  feed: FeedName,
  deliveries: readonly Delivery[],
  listing: readonly string[],
): Promise<string> {
  const words = stepsOf(feed, deliveries, listing);
  const steps = await Promise.all(words.map((each) => readStep(each, commands)));
  const context: PipelineContext = {
    ...quietContext(),
    stdinIsTerminal: async () => false,
    warnAs: () => {},
    registry: commands,
  };
  const outcome = await startPipeline(steps, context);
  if (outcome.kind !== 'wire') throw new Error(`expected a wire, found ${outcome.kind}`);
  return (await written(outcome.chunks)).bytes.toString('utf8');
}
