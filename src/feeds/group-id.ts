/** Ids of groups: integers or dates, compared as numbers and never as text (`9 < 10`, `sync_999 < sync_1000`). */

import { UsageError } from '../errors.ts';

export const DATE_PATTERN = String.raw`\d{4}-\d{2}-\d{2}|\d{4}_\d{2}_\d{2}|\d{8}`;

/** The one way in which an integer id is written: `0042` and `42` are one group. */
export function integerId(text: string): string {
  return BigInt(text).toString();
}

/** The one way in which a date is written: `2026-01-28` for `20260128` and `2026_01_28` too. */
export function dateId(text: string): string {
  const digits = text.replace(/\D/g, '');
  return `${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6)}`;
}

/** The number by which an id is ordered: the integer itself, of a date its digits. */
export function idNumber(id: string): bigint {
  const digits = id.replace(/^(\d{4})[-_](\d{2})[-_](\d{2})$/, '$1$2$3');
  if (!/^\d+$/.test(digits))
    throw new UsageError(`expected the id of a group (an integer or a date), found ${id}`);
  return BigInt(digits);
}

/** Negative if `a` comes before `b`, 0 if they are one. */
export function compareIds(a: string, b: string): number {
  const x = idNumber(a);
  const y = idNumber(b);
  return x < y ? -1 : x > y ? 1 : 0;
}
