/** What the tests that break loads off have in common: a clean run to compare with, and which places they try. */

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { mariadbQuery } from './mariadb.ts';
import { loadInto, type TestTarget } from './merging.ts';
import { type Random, random } from './random.ts';
import { everything, type Standing, standing, visible } from './standing.ts';
import { chunksOf, groupsOf, prefixOf, type WireText } from './wires.ts';

/** Every place instead of a few: minutes to hours. */
export const ALL = process.env['KILL_ALL'] !== undefined;
export const SEED = Number(process.env['KILL_SEED'] ?? 20260114);

/** All of `items`, or `few` of them that the seed picks, the last one among them. */
export function someOf<T>(items: readonly T[], few: number, r: Random = random(SEED)): T[] {
  if (ALL || items.length <= few) return [...items];
  const rest = items.slice(0, -1);
  const picked = new Set<number>([items.length - 1]);
  while (picked.size < few) picked.add(r.int(0, rest.length - 1));
  return [...picked].sort((a, b) => a - b).map((i) => items[i]!);
}

/** The same target as if it were new, which is cheaper than a new one. */
export async function emptied(target: TestTarget): Promise<TestTarget> {
  if (target.name === 'duckdb' || target.name === 'sqlite') {
    for (const rest of ['', '.wal', '-journal', '.brigade-spill', '.brigade-draft'])
      rmSync(`${target.url}${rest}`, { recursive: true, force: true });
  } else if (target.name === 'postgres') await target.run('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  else {
    const name = new URL(target.url).pathname.slice(1);
    const admin = Object.assign(new URL(target.url), { pathname: '/mysql' }).href;
    await mariadbQuery(admin, `DROP DATABASE ${name}`);
    await mariadbQuery(admin, `CREATE DATABASE ${name} CHARACTER SET latin1`);
  }
  return target;
}

/** Brings a stream, or what there is of it, to a target. */
export type Deliver = (target: TestTarget, bytes: Uint8Array) => Promise<unknown>;

const byLoad: Deliver = (target, bytes) => loadInto(target, chunksOf(bytes));

/** All of `items`, or every n-th one: of the tests for several engines each takes others, and together they take all. */
export function inTurn<T>(items: readonly T[], turn: number, every = 2): T[] {
  return items.filter((_, i) => ALL || i % every === turn % every);
}

export interface Clean {
  /** After so many groups. */
  readonly after: readonly Standing[];
  readonly whole: Standing;
  /** What stood when the whole stream was found to bring what it should. */
  readonly resumed: Set<string>;
}

/** What stands after each group, each delivered in a run of its own. That one run leaves the same is asserted. */
export async function cleanRuns(
  wire: WireText,
  target: () => Promise<TestTarget>,
  deliver: Deliver = byLoad,
): Promise<Clean> {
  const stepwise = await target();
  const after: Standing[] = [];
  for (let groups = 0; groups <= groupsOf(wire); groups++) {
    await deliver(stepwise, prefixOf(wire, groups));
    after.push(await standing(stepwise));
  }
  const once = await target();
  await deliver(once, wire.bytes);
  const whole = await standing(once);
  assert.deepEqual(after.at(-1), whole, 'group by group');
  return { after, whole, resumed: new Set() };
}

/** Between groups, nothing else can be seen. How many groups are there. */
export async function wholeGroups(target: TestTarget, clean: Clean, what: string): Promise<number> {
  return groupsIn(target, await standing(target), clean, what);
}

function groupsIn({ name }: TestTarget, now: Standing, { after }: Clean, what: string): number {
  // Changes of tables that commit by themselves come before the group that needs them.
  const seen = name === 'mysql' ? contents : JSON.stringify;
  const sight = seen(now);
  const groups = after.findLastIndex((each) => seen(each) === sight);
  if (groups < 0) assert.deepEqual(now, after, `${what}: not the tables of whole groups`);
  return groups;
}

/**
 * There are whole groups only; then the whole stream brings what it should. What a load does rests on what it finds, so
 * that it is run once for all places that leave the same.
 */
export async function resumes(
  target: TestTarget,
  wire: WireText,
  clean: Clean,
  what: string,
  deliver: Deliver = byLoad,
): Promise<void> {
  const found = await everything(target);
  groupsIn(target, visible(found.tables), clean, what);
  const now = JSON.stringify(found);
  if (clean.resumed.has(now)) return;
  await deliver(target, wire.bytes);
  assert.deepEqual(await standing(target), clean.whole, what);
  clean.resumed.add(now);
}

// The rows, without what an empty table or column adds, and a column that is to replace another.
function contents(found: Standing): string {
  const tables = Object.entries(found).map(([table, { columns, rows }]) => [
    table,
    rows
      .map((row) => {
        const values = JSON.parse(row) as (string | null)[];
        const filled = columns.flatMap((column, i) =>
          values[i] === null || column.startsWith('_brigade_') ? [] : [column.split(' ')[0], values[i]],
        );
        return filled.join('\n');
      })
      .sort(),
  ]);
  return JSON.stringify(tables.filter(([, rows]) => rows!.length > 0));
}
