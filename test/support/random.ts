/** Random drops, each with what the model makes of it: every step is a vendor's delivery. */

import type { Model, ModelRow } from './model.ts';

/** Numbers from a seed (mulberry32). */
export interface Random {
  /** A whole number in [from, to]. */
  int(from: number, to: number): number;
  pick<T>(items: readonly T[]): T;
  chance(share: number): boolean;
}

export function random(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  return { int, pick: (items) => items[int(0, items.length - 1)]!, chance: (share) => next() < share };
}

export interface RandomDrop {
  readonly feed: 'zenoti' | 'contentsquare' | 'stitch' | 'exports';
  /** Each writes its files below a folder, which stands for the bucket of that name. */
  readonly steps: readonly ((root: string, bucket: string) => void | Promise<void>)[];
  readonly catalog: unknown;
  /** What the target must hold after all steps, delivered in visits of so many steps: tables by lower-case name. */
  expected(visits: readonly number[]): ReadonlyMap<string, readonly ModelRow[]>;
}

export const TEXTS = [
  'plain',
  'with "quotes", commas',
  'two\nlines',
  'Grüße 💆‍♀️ 東京',
  "O'Neil; --",
  '\\N',
  'back\\slash\ttab',
  'NULL',
  ' blank ',
  '',
];
export const rowsOf = (model: Model): Map<string, ModelRow[]> =>
  new Map([...model].map(([name, rows]) => [name.toLowerCase(), [...rows.values()]]));

/** Beyond 2^53, where doubles have gaps. */
export const BIG = 9_007_199_254_740_993n;
