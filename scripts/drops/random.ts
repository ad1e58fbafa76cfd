/** Numbers that look random and are the same on every machine: each is a function of what it is asked for. */

/** A number in [0, 1) that depends on nothing but the words. */
export function chance(...words: readonly (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const letter of words.join('\u0000')) {
    hash = Math.imul(hash ^ letter.codePointAt(0)!, 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** One of the items. */
export function pick<T>(items: readonly T[], ...words: readonly (string | number)[]): T {
  return items[Math.floor(chance(...words) * items.length)]!;
}

/** A whole number in [from, to). */
export function between(from: number, to: number, ...words: readonly (string | number)[]): number {
  return from + Math.floor(chance(...words) * (to - from));
}

/** A UUID, version 4. */
export function uuid(...words: readonly (string | number)[]): string {
  const hex = [0, 1, 2, 3].map((part) =>
    Math.floor(chance('uuid', part, ...words) * 2 ** 32)
      .toString(16)
      .padStart(8, '0'),
  );
  const all = hex.join('');
  const variant = '89ab'[Number.parseInt(all[16]!, 16) % 4]!;
  return `${all.slice(0, 8)}-${all.slice(8, 12)}-4${all.slice(13, 16)}-${variant}${all.slice(17, 20)}-${all.slice(20)}`;
}

/** The whole numbers in [from, to). */
export function* range(from: number, to: number): Iterable<number> {
  for (let number = from; number < to; number += 1) yield number;
}

/** `2026-01-14 02:10:09`, as many seconds after the start of 2026 as asked for. */
export function zonelessTime(seconds: number): string {
  return new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
}
