/**
 * What type a column has when nobody said so, and what type holds the values of two others.
 *
 *     boolean < int < bigint < decimal < double < text     date < timestamp < timestamptz < text     json < text
 */

import type { Column, TypeName, Value } from '../wire/types.ts';

/** A type a column of a database can have: nested ones are kept as JSON. */
export type ColumnType = Exclude<TypeName, 'array' | 'object'>;

export function columnType(column: Pick<Column, 'type'>): ColumnType | undefined {
  return column.type === 'array' || column.type === 'object' ? 'json' : column.type;
}

/** The digits of `decimal(p,s)`; undefined for any other type, also for `decimal` without limits. */
export function decimalDigits(type: ColumnType): { precision: number; scale: number } | undefined {
  const match = /^decimal\((\d+),(\d+)\)$/.exec(type);
  return match === null ? undefined : { precision: Number(match[1]), scale: Number(match[2]) };
}

const NUMBERS = ['boolean', 'int', 'bigint', 'decimal', 'float', 'double'];
const TIMES = ['date', 'timestamp', 'timestamptz'];
const WHOLE_DIGITS: Readonly<Record<string, number>> = { boolean: 1, int: 10, bigint: 19 };

const family = (type: ColumnType): string => type.replace(/\(.*/, '');

/** The narrowest type that holds the values of both. */
export function joinTypes(a: ColumnType, b: ColumnType): ColumnType {
  if (a === b) return a;
  const [low, high] = [a, b].sort((x, y) => NUMBERS.indexOf(family(x)) - NUMBERS.indexOf(family(y))) as [
    ColumnType,
    ColumnType,
  ];
  if (NUMBERS.includes(family(low))) {
    if (high === 'float') return low === 'boolean' ? 'float' : 'double';
    if (family(high) === 'decimal') return joinDecimals(low, high);
    return high;
  }
  if (TIMES.includes(a) && TIMES.includes(b)) return TIMES.indexOf(a) > TIMES.indexOf(b) ? a : b;
  // A number or a boolean is JSON as it stands; other text is not.
  if (a === 'json' || b === 'json') return NUMBERS.includes(family(a === 'json' ? b : a)) ? 'json' : 'text';
  return 'text';
}

function joinDecimals(a: ColumnType, b: ColumnType): ColumnType {
  if (a === 'decimal' || b === 'decimal') return 'decimal';
  const digits = [a, b].map((type) => {
    const own = decimalDigits(type);
    return own === undefined
      ? { whole: WHOLE_DIGITS[type] ?? 0, scale: 0 }
      : { whole: own.precision - own.scale, scale: own.scale };
  });
  const scale = Math.max(...digits.map((own) => own.scale));
  return `decimal(${Math.max(...digits.map((own) => own.whole)) + scale},${scale})`;
}

/** What has been seen of the values of one column. */
export interface Observed {
  boolean: boolean;
  date: boolean;
  timestamp: boolean;
  timestamptz: boolean;
  json: boolean;
  text: boolean;
  whole: boolean;
  /** Text such as `9.50`: digits after a point, without an exponent. */
  decimal: boolean;
  /** What only a double is: a JSON number with a fraction, an exponent, negative zero. */
  double: boolean;
  /** An exponent or negative zero, which no decimal has. */
  exponent: boolean;
  /** A number with more digits than a double keeps. */
  long: boolean;
  /** The most digits before and after the point. */
  wholeDigits: number;
  scale: number;
  /** The largest whole number, without its sign. */
  largest: bigint;
}

export function newObserved(): Observed {
  return {
    boolean: false,
    date: false,
    timestamp: false,
    timestamptz: false,
    json: false,
    text: false,
    whole: false,
    decimal: false,
    double: false,
    exponent: false,
    long: false,
    wholeDigits: 0,
    scale: 0,
    largest: 0n,
  };
}

// Text with leading zeros (`007`) or a plus is a code, not a number: as a number it would come back altered.
const NUMBER = /^-?(0|[1-9]\d*)(?:\.(\d+))?([eE][+-]?\d+)?$/;
const DATE = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
const TIMESTAMP =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?$/;
const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Takes one value into account; NULL says nothing. */
export function observe(seen: Observed, value: Value): void {
  if (value === null || seen.text) return;
  if (typeof value === 'boolean') seen.boolean = true;
  else if (typeof value === 'number') {
    observeNumber(seen, NUMBER.exec(Object.is(value, -0) ? '-0' : String(value))!, true);
  } else if (typeof value === 'object') seen.json = true;
  else observeText(seen, value);
}

function observeText(seen: Observed, text: string): void {
  const number = NUMBER.exec(text);
  // `12E4` is more likely a code than a number.
  if (number !== null && !/^\d+[eE]\d+$/.test(text)) observeNumber(seen, number, false);
  else if (text === 'true' || text === 'false') seen.boolean = true;
  else if (DATE.test(text) && isDay(text)) seen.date = true;
  else {
    const time = TIMESTAMP.exec(text);
    if (time === null || !isDay(text)) seen.text = true;
    else if (time[6] === undefined) seen.timestamp = true;
    else seen.timestamptz = true;
  }
}

function isDay(text: string): boolean {
  const [year, month, day] = [text.slice(0, 4), text.slice(5, 7), text.slice(8, 10)].map(Number) as [
    number,
    number,
    number,
  ];
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= DAYS[month - 1]! && (month !== 2 || day <= 28 || leap) && year > 0;
}

// `isDouble`: a JSON number, which on the wire is always one that a double holds.
function observeNumber(seen: Observed, match: RegExpExecArray, isDouble: boolean): void {
  const [text, whole = '', fraction = '', exponent] = match;
  if (exponent !== undefined || (text.startsWith('-0') && Number(text) === 0)) {
    seen.exponent = true;
    seen.double = true;
    if (!Number.isFinite(Number(text))) seen.text = true;
  } else if (fraction !== '') {
    if (isDouble) seen.double = true;
    else seen.decimal = true;
  } else {
    seen.whole = true;
    if (whole.length > 9) {
      const size = BigInt(whole);
      if (size > seen.largest) seen.largest = size;
    }
  }
  seen.wholeDigits = Math.max(seen.wholeDigits, whole.length);
  seen.scale = Math.max(seen.scale, fraction.length);
  const digits = (whole === '0' ? '' : whole) + fraction.replace(/0+$/, '');
  if (!isDouble && digits.length > 15) seen.long = true;
}

const INT_MAX = 2n ** 31n - 1n;
const BIGINT_MAX = 2n ** 63n - 1n;

/** The type that holds everything seen; undefined when only NULLs were. `maxDigits`: of the engine's decimals. */
export function observedType(seen: Observed, maxDigits: number): ColumnType | undefined {
  if (seen.text) return 'text';
  const kinds: ColumnType[] = [];
  if (seen.boolean) kinds.push('boolean');
  if (seen.whole || seen.decimal || seen.double) kinds.push(numberType(seen, maxDigits));
  if (seen.date) kinds.push('date');
  if (seen.timestamp) kinds.push('timestamp');
  if (seen.timestamptz) kinds.push('timestamptz');
  if (seen.json) kinds.push('json');
  return kinds.length === 0 ? undefined : kinds.reduce(joinTypes);
}

function numberType(seen: Observed, maxDigits: number): ColumnType {
  if (!seen.decimal && !seen.double && seen.largest <= BIGINT_MAX) {
    return seen.largest <= INT_MAX ? 'int' : 'bigint';
  }
  const digits = seen.wholeDigits + seen.scale;
  if (!seen.long && (seen.double || digits > maxDigits)) return 'double';
  // Digits that a double would drop, and no decimal as wide: the text as it stands.
  return seen.exponent || digits > maxDigits ? 'text' : `decimal(${digits},${seen.scale})`;
}
