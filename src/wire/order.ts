/**
 * What it means for one wire value to be newer than, or the same as, another.
 *
 * A value may stand in its type's JSON form or in its text form (`1` and `"1"` of a bigint column), so nothing
 * here looks at the form: numbers compare as exact decimals of any length, times as instants of any precision
 * (one without a zone counts as UTC), text by its UTF-8 bytes. NULL is lowest. Without a type the value itself
 * tells: numbers come before instants, instants before other text.
 */

import type { TypeName, Value } from './types.ts';

/** How values of a type are compared: all its spellings that mean one value are equal. */
export type ValueKind = 'number' | 'boolean' | 'instant' | 'time' | 'uuid' | 'text' | 'any';

/** A column that is looked at, and how its values compare. */
export interface KindedName {
  readonly name: string;
  readonly kind: ValueKind;
}

/** The kind of a column type; `any` where it is not known. */
export function kindOf(type: TypeName | undefined): ValueKind {
  if (type === undefined) return 'any';
  if (type.startsWith('decimal')) return 'number';
  switch (type) {
    case 'int':
    case 'bigint':
    case 'float':
    case 'double':
      return 'number';
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return 'instant';
    case 'boolean':
    case 'time':
    case 'uuid':
      return type;
    default:
      return 'text';
  }
}

/**
 * A value in a form that compares: `rank` first (NULL 0, numbers 1, instants 2, text 3), then `high`, then
 * `text` by UTF-8 bytes. A number's `high` is its sign and size, an instant's its seconds since 1970.
 */
export interface OrderValue {
  readonly rank: 0 | 1 | 2 | 3;
  readonly high: number;
  /** Of numbers the significant digits (those of a negative one complemented), of instants the fraction. */
  readonly text: string;
}

const NULL: OrderValue = { rank: 0, high: 0, text: '' };

/** The comparable form of a value of a column. */
export function orderValue(value: Value | undefined, kind: ValueKind): OrderValue {
  if (value === null || value === undefined) return NULL;
  if (typeof value === 'object') return { rank: 3, high: 0, text: JSON.stringify(value) };
  if (kind === 'boolean' || typeof value === 'boolean') {
    const truth = truthOf(value);
    if (truth !== undefined && kind !== 'text') return numberValue(truth ? '1' : '0')!;
  }
  const text = String(value);
  if (kind === 'number' || kind === 'any') {
    const number = numberValue(text);
    if (number !== undefined) return number;
  }
  if (kind === 'instant' || kind === 'any') {
    const instant = instantValue(text);
    if (instant !== undefined) return instant;
  }
  if (kind === 'time') {
    const instant = instantValue(`1970-01-01T${text}`);
    if (instant !== undefined) return instant;
  }
  return { rank: 3, high: 0, text: kind === 'uuid' ? uuidText(text) : text };
}

/** Negative if `a` is lower than `b`, 0 if they are the same, else positive. */
export function compareOrderValues(a: OrderValue, b: OrderValue): number {
  if (a.rank !== b.rank) return a.rank - b.rank;
  if (a.high !== b.high) return a.high < b.high ? -1 : 1;
  return a.text === b.text ? 0 : compareText(a.text, b.text);
}

/** Compares two values of one column. */
export function compareValues(a: Value | undefined, b: Value | undefined, type?: TypeName): number {
  const kind = kindOf(type);
  return compareOrderValues(orderValue(a, kind), orderValue(b, kind));
}

/** Compares text by its UTF-8 bytes, which is by code points and not, as `<` does, by UTF-16 units. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // A surrogate stands for a code point above every other unit's.
    const high = x >= 0xd800 && x <= 0xdfff;
    return high === (y >= 0xd800 && y <= 0xdfff) ? x - y : high ? 1 : -1;
  }
  return a.length - b.length;
}

/**
 * The text under which a value counts as a key: equal for equal values of a column in whatever form they stand,
 * different for different ones; null for NULL. Without a type `1` and `"1"` are equal, `"1"` and `"01"` are not.
 */
export function keyText(value: Value | undefined, kind: ValueKind): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'object') return JSON.stringify(value);
  if (kind === 'boolean') return String(truthOf(value) ?? value);
  const text = String(value);
  if (kind === 'number' || typeof value === 'number') return numberText(text) ?? text;
  if (kind === 'uuid') return uuidText(text);
  if (kind === 'instant' || kind === 'time') {
    const instant = instantValue(kind === 'time' ? `1970-01-01T${text}` : text);
    if (instant !== undefined) return `@${instant.high}.${instant.text}`;
  }
  return text;
}

/** What a value says as a boolean: 0/1, t/f, true/false, y/n, yes/no in any case; undefined for anything else. */
export function truthOf(value: Value | undefined): boolean | undefined {
  if (typeof value === 'boolean') return value;
  switch (String(value).toLowerCase()) {
    case '1':
    case 't':
    case 'true':
    case 'y':
    case 'yes':
      return true;
    case '0':
    case 'f':
    case 'false':
    case 'n':
    case 'no':
      return false;
    default:
      return undefined;
  }
}

interface Decimal {
  readonly negative: boolean;
  /** Without leading and trailing zeros; empty for zero. */
  readonly digits: string;
  /** The value is 0.digits times ten to this. */
  readonly size: number;
}

const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,9}))?$/;

function decimalOf(text: string): Decimal | undefined {
  const match = NUMBER.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  if (whole === '' && fraction === '') return undefined;
  const all = whole + fraction;
  let start = 0;
  let end = all.length;
  while (start < end && all.charCodeAt(start) === 48) start++;
  while (end > start && all.charCodeAt(end - 1) === 48) end--;
  if (start === end) return { negative: false, digits: '', size: 0 };
  return {
    negative: sign === '-',
    digits: all.slice(start, end),
    size: whole.length - start + Number(exponent),
  };
}

// Bounds of `high` for numbers: sizes lie within ±(1e9 + 2^30) of zero, infinities and NaN outside.
const SIZE_OFFSET = 4e9;
const INFINITE = 9e9;

function numberValue(text: string): OrderValue | undefined {
  const decimal = decimalOf(text);
  if (decimal === undefined) return notFinite(text);
  if (decimal.digits === '') return { rank: 1, high: 0, text: '' };
  const high = SIZE_OFFSET + decimal.size;
  if (!decimal.negative) return { rank: 1, high, text: decimal.digits };
  // Complemented digits and a closing `:` (above every digit) make the longer of two negative numbers the lower.
  const complement = Array.from(decimal.digits, (digit) => 9 - Number(digit)).join('');
  return { rank: 1, high: -high, text: `${complement}:` };
}

/** The greatest integer not above a number in comparable form, cut at 30 digits. */
export function floorOf(value: OrderValue): { readonly floor: bigint; readonly isExact: boolean } {
  if (value.high === 0) return { floor: 0n, isExact: true };
  const isNegative = value.high < 0;
  if (Math.abs(value.high) >= INFINITE)
    return { floor: isNegative ? -(10n ** 30n) : 10n ** 30n, isExact: false };
  const size = Math.min(Math.abs(value.high) - SIZE_OFFSET, 30);
  const digits = isNegative
    ? Array.from(value.text.slice(0, -1), (digit) => 9 - Number(digit)).join('')
    : value.text;
  const isWhole = digits.length <= size;
  const whole = size <= 0 ? 0n : BigInt(digits.slice(0, size).padEnd(size, '0') || '0');
  if (!isNegative) return { floor: whole, isExact: isWhole };
  return { floor: isWhole ? -whole : -whole - 1n, isExact: isWhole };
}

// As PostgreSQL orders them: NaN above everything.
function notFinite(text: string): OrderValue | undefined {
  switch (text) {
    case 'NaN':
      return { rank: 1, high: INFINITE + 1, text: '' };
    case 'Infinity':
      return { rank: 1, high: INFINITE, text: '' };
    case '-Infinity':
      return { rank: 1, high: -INFINITE, text: '' };
    default:
      return undefined;
  }
}

/** Numbers of more digits than this are written with an exponent as keys. */
const PLAIN_DIGITS = 40;

function numberText(text: string): string | undefined {
  const decimal = decimalOf(text);
  if (decimal === undefined) return undefined;
  const { negative, digits, size } = decimal;
  if (digits === '') return '0';
  const sign = negative ? '-' : '';
  if (digits.length <= size && size <= PLAIN_DIGITS) return sign + digits.padEnd(size, '0');
  return `${sign}.${digits}e${size}`;
}

const INSTANT =
  /^([+-]?\d{4,6})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s?(Z|z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?)?$/;

function instantValue(text: string): OrderValue | undefined {
  const match = INSTANT.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z'] = match;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const seconds =
    date.getTime() / 1000 + Number(hour) * 3600 + Number(minute) * 60 + Number(second) - zoneSeconds(zone);
  return Number.isFinite(seconds) ? { rank: 2, high: seconds, text: fraction.replace(/0+$/, '') } : undefined;
}

function zoneSeconds(zone: string): number {
  if (zone === 'Z' || zone === 'z') return 0;
  const digits = zone.slice(1).replaceAll(':', '').padEnd(6, '0');
  const seconds =
    Number(digits.slice(0, 2)) * 3600 + Number(digits.slice(2, 4)) * 60 + Number(digits.slice(4, 6));
  return zone.startsWith('-') ? -seconds : seconds;
}

function uuidText(text: string): string {
  return text.replace(/[-{}]/g, '').toLowerCase();
}
