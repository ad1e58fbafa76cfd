/** What the tests that break loads off at random deliver. */

import type { LoadOptions } from '../../src/commands/load.ts';
import { FEEDS, type FeedName } from '../../src/demo/deliver.ts';
import type { MeansName } from './faults.ts';
import { stream } from './merging.ts';
import type { Random } from './random.ts';
import { randomRecords, randomTables } from './random-groups.ts';
import { groupsOf, stepsOf, type WireText, wireOf, written } from './wires.ts';

/** Where it is to go. */
interface Into {
  readonly name: string;
  /** The client of a script, if nothing else may bring it there. */
  readonly client?: MeansName;
}

/** A stream, and how it may come to a target. */
export interface Source {
  readonly wire: WireText;
  readonly options: LoadOptions;
  /** Some more than once, to come up more often. */
  readonly ways: readonly MeansName[];
  /** The pipeline that brings what is missing after so many groups, and after how many it ends. */
  readonly steps?: (
    groups: number,
    after: readonly string[],
  ) => { readonly words: string[][]; readonly until: number };
}

const sample =
  (feed: FeedName) =>
  async (_: Random, { name }: Into): Promise<Source> => {
    // On DuckDB a group takes ten times as long: the groups of one table.
    const listing = feed === 'stitch' && name === 'DuckDB' ? ['--scope', 'salesforce-prod/contacts'] : [];
    const wire = await wireOf(feed, listing);
    return {
      wire,
      options: {},
      ways: [...LOADS, 'dedupe | load', 'run', 'to-sql | psql'],
      // Of runs that replace all, a listing has the newest. One of Zenoti's that begins later hears of more scripts, and so
      // does our table of them.
      steps: (groups, cursor) => {
        const first = feed === 'exports' && groups === 0;
        const after = feed === 'zenoti' ? [] : cursor;
        return {
          words: stepsOf(feed, first ? ['first'] : ['first', 'second'], [...listing, ...after]),
          until: first ? 1 : groupsOf(wire),
        };
      },
    };
  };

// A process costs ten times what a call does, and only a process can be killed.
const LOADS: readonly MeansName[] = ['load()', 'load()', 'load', 'load'];

const SETTINGS: readonly LoadOptions[] = [
  { maxDelete: 100 },
  { maxDelete: 100, deletes: 'hard' },
  { maxDelete: 100, lineage: 'load' },
  { maxDelete: 100, contract: 'discard' },
];

/** By its name; what is random in it is made anew each time. */
export const sources: Readonly<Record<string, (r: Random, into: Into) => Promise<Source>>> = {
  ...Object.fromEntries(FEEDS.map((feed) => [feed, sample(feed)])),
  'tables in every mode': async (r, { client }) => {
    // A script cannot look what became of columns without a type.
    const drifts = client === undefined && r.chance(0.5);
    const options = r.pick(drifts ? SETTINGS : SETTINGS.slice(0, 3));
    const { feed, groups } = randomTables(r, drifts, 0.4);
    const wire = await written(stream(groups, feed));
    return { wire, options, ways: drifts ? LOADS : [...LOADS, 'to-sql | psql'] };
  },
  'records with subtables': async (r) => {
    const options = r.pick(SETTINGS.slice(0, 3));
    const { feed, groups } = randomRecords(r);
    return {
      wire: await written(stream(groups, feed)),
      options,
      ways: [...LOADS, 'to-sql | psql'],
    };
  },
};
