import type { TypeName } from '../wire/types.ts';

/** What the kernels need of a column's type to tell a value of it: see assembly/_typed.ts. */
export interface TypeCode {
  /** 0: anything is a value of it. */
  readonly code: number;
  /** Of decimals: how many digits may stand before the point (upper 16 bits) and after it. */
  readonly limits: number;
}

const NO_LIMITS = 0xffffffff;
const DECIMAL = 4;

// The numbers stand in assembly/_typed.ts too. Types not named here take anything.
const CODES: Readonly<Record<string, number>> = {
  boolean: 1,
  int: 2,
  bigint: 3,
  decimal: DECIMAL,
  float: 5,
  double: 5,
  date: 6,
  time: 7,
  timestamp: 8,
  timestamptz: 8,
  uuid: 9,
};

export function typeCode(type: TypeName | undefined): TypeCode {
  if (type === undefined) return { code: 0, limits: NO_LIMITS };
  const match = /^decimal\((\d+), ?(\d+)\)$/.exec(type);
  if (match === null) return { code: CODES[type] ?? 0, limits: NO_LIMITS };
  const precision = Number(match[1]);
  const scale = Number(match[2]);
  return { code: DECIMAL, limits: ((Math.max(0, precision - scale) << 16) | scale) >>> 0 };
}
