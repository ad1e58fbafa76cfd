/** What a flag is: its text in the help, and how its text becomes a value. */

import { type Catalog, readCatalog } from '../catalog.ts';
import { UsageError } from '../errors.ts';

export interface Flag<T> {
  /** The placeholder of its value in the help; absent for a switch. */
  readonly value?: string;
  readonly help: string;
  /** The same flag may stand several times; the texts are joined with `,` first. */
  readonly parse: (text: string, flag: string) => T;
}

export type Flags = Readonly<Record<string, Flag<unknown>>>;

/** The options a table of flags gives. */
export type OptionsOf<F extends Flags> = { readonly [K in keyof F]?: F[K] extends Flag<infer T> ? T : never };

export const text = (value: string, help: string): Flag<string> => ({ value, help, parse: (given) => given });

export const toggle = (help: string): Flag<boolean> => ({ help, parse: () => true });

export const list = (value: string, help: string): Flag<readonly string[]> => ({
  value,
  help,
  parse: (given) => given.split(',').filter((item) => item !== ''),
});

export function choice<const T extends string>(values: readonly T[], help: string): Flag<T> {
  return {
    value: values.join('|'),
    help,
    parse: (given, flag) => {
      const found = values.find((value) => value === given);
      if (found === undefined)
        throw new UsageError(`--${flag}: expected ${values.join(', ')}, found ${given}`);
      return found;
    },
  };
}

export const integer = (value: string, help: string): Flag<number> => ({
  value,
  help,
  parse: (given, flag) => {
    if (!/^\d+$/.test(given)) throw new UsageError(`--${flag}: expected a whole number, found ${given}`);
    return Number(given);
  },
});

const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, B: 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** Bytes: `1048576`, `256MB`, `1g`; units are powers of 1024. */
export const byteSize = (help: string): Flag<number> => ({
  value: 'SIZE',
  help,
  parse: (given, flag) => {
    const match = /^(\d+(?:\.\d+)?)\s*([kmg]?)(?:i?b)?$/i.exec(given);
    if (match === null) throw new UsageError(`--${flag}: expected a size such as 256MB, found ${given}`);
    return Math.floor(Number(match[1]) * SIZE_UNITS[match[2]!.toUpperCase()]!);
  },
});

const TIME_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 6e4, min: 6e4, h: 36e5, d: 864e5 };

/** Milliseconds: `90m`, `2h30m`, `1d`, `0`. */
export const duration = (help: string): Flag<number> => ({
  value: 'DURATION',
  help,
  parse: (given, flag) => {
    if (given === '0') return 0;
    if (!/^(\d+(\.\d+)?(ms|s|min|m|h|d))+$/.test(given)) {
      throw new UsageError(`--${flag}: expected a duration such as 90m, 2h30m or 1d, found ${given}`);
    }
    let total = 0;
    for (const [, number, unit] of given.matchAll(/(\d+(?:\.\d+)?)(ms|s|min|m|h|d)/g))
      total += Number(number) * TIME_UNITS[unit!]!;
    return total;
  },
});

/** The flag that every command takes which looks at tables. */
export const catalogFlag: Flag<Catalog> = {
  value: 'FILE',
  help: 'what is known of the tables: key, merge mode, order, column types (JSON)',
  parse: readCatalog,
};

/** `targetName` → `target-name`. */
export function flagName(option: string): string {
  return option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
