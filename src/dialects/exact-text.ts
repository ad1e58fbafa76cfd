/**
 * The one text that stands for a value of a type, for engines that would alter what they are given (round seconds and
 * decimals, drop zones, take `12abc` for 12) or that keep such values as text and compare them as text.
 */

import { type StageColumn, textOf } from '../merge/engine.ts';
import { type ColumnType, decimalDigits } from '../merge/lattice.ts';
import type { Value } from '../wire/types.ts';

/** What a value should have been. */
interface Expected {
  readonly expected: string;
}

export type Exact = (value: Exclude<Value, null>) => string | Expected;

/**
 * How values of a column are written. `boolean`: `true`, `false` · whole numbers: digits · `decimal(p,s)`: digits with s of
 * them after the point · `float`, `double`: as given, or `NaN`, `Infinity`, `-Infinity` · `date`: `2024-01-31` · `time`:
 * `10:00:00[.5]` · `timestamp`, `timestamptz` (in UTC): `2024-01-31 10:00:00[.5]` · `bytes`: hexadecimal · others: as given.
 */
export function exactText({ type }: Pick<StageColumn, 'type'>): Exact {
  if (type === undefined || type === 'text') return plain;
  const digits = decimalDigits(type);
  if (digits !== undefined) return decimal(digits, type);
  switch (type) {
    case 'boolean':
      return boolean;
    case 'int':
      return whole(type, 2n ** 31n);
    case 'bigint':
      return whole(type, 2n ** 63n);
    case 'float':
      return double(type, 3.4028235677973366e38, 1e-46);
    case 'double':
      return double(type, Number.MAX_VALUE, Number.MIN_VALUE);
    case 'date':
      return date;
    case 'time':
      return time;
    case 'timestamp':
    case 'timestamptz':
      return instant(type);
    case 'uuid':
      return uuid;
    case 'bytes':
      return bytes;
    default:
      return json;
  }
}

// A lone surrogate would be written as another character.
const UNPAIRED_SURROGATE = /\p{Surrogate}/u;
const UTF8: Expected = { expected: 'text that UTF-8 can hold' };

const plain: Exact = (value) => {
  const text = textOf(value)!;
  return UNPAIRED_SURROGATE.test(text) ? UTF8 : text;
};

const boolean: Exact = (value) => {
  const text = textOf(value)!;
  if (/^(1|t|y|true|yes)$/i.test(text)) return 'true';
  return /^(0|f|n|false|no)$/i.test(text) ? 'false' : { expected: 'boolean' };
};

function whole(type: ColumnType, limit: bigint): Exact {
  return (value) => {
    const text = textOf(value)!.trim();
    if (!/^[+-]?\d+$/.test(text)) return { expected: type };
    const number = BigInt(text.replace('+', ''));
    return number < -limit || number >= limit ? { expected: type } : String(number);
  };
}

function decimal({ precision, scale }: { precision: number; scale: number }, type: ColumnType): Exact {
  return (value) => {
    const match = /^\s*([+-]?)(\d*)(?:\.(\d*))?\s*$/.exec(textOf(value)!);
    const [, sign, before = '', after = ''] = match ?? [];
    if (before + after === '') return { expected: type };
    const front = before.replace(/^0+/, '');
    const back = after.replace(/0+$/, '');
    if (front.length > precision - scale || back.length > scale) return { expected: type };
    const text = (front || '0') + (scale === 0 ? '' : `.${back.padEnd(scale, '0')}`);
    return sign === '-' && front + back !== '' ? `-${text}` : text;
  };
}

function double(type: ColumnType, greatest: number, least: number): Exact {
  return (value) => {
    const text = textOf(value)!.trim();
    const special = /^([+-]?)(?:inf(?:inity)?|(nan))$/i.exec(text);
    if (special !== null)
      return special[2] !== undefined ? 'NaN' : `${special[1] === '-' ? '-' : ''}Infinity`;
    if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return { expected: type };
    const size = Math.abs(Number(text));
    const isTooSmall = size < least && /[1-9]/.test(text.replace(/e.*$/i, ''));
    return size > greatest || isTooSmall ? { expected: type } : text.replace(/^\+/, '');
  };
}

const DATE = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]00:00(?::00(?:\.0*)?)?)?$/;
const TIME = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d*))?)?$/;
const INSTANT =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}:\d{2}(?::\d{2}(?:\.\d*)?)?)\s?([zZ]|UTC|[+-]\d{2}(?::?\d{2})?)?)?$/;

const date: Exact = (value) => {
  const match = DATE.exec(textOf(value)!);
  return dayOf(match) ?? { expected: 'date' };
};

const time: Exact = (value) => timeOf(textOf(value)!) ?? { expected: 'time' };

// `2024-01-31`; undefined for a day that no calendar has.
function dayOf(match: RegExpExecArray | null): string | undefined {
  if (match === null) return undefined;
  const [year, month, day] = [match[1], match[2], match[3]].map(Number) as [number, number, number];
  const text = [match[1], String(month).padStart(2, '0'), String(day).padStart(2, '0')].join('-');
  if (year < 1 || month < 1 || month > 12) return undefined;
  return new Date(`${text}T00:00:00Z`).getUTCDate() === day ? text : undefined;
}

// `10:00:00.5`; undefined if it is none, or finer than microseconds.
function timeOf(text: string): string | undefined {
  const match = TIME.exec(text);
  if (match === null) return undefined;
  const [, hours = '', minutes = '', seconds = '00', fraction = ''] = match;
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  const digits = fraction.replace(/0+$/, '');
  if (digits.length > 6) return undefined;
  return `${hours.padStart(2, '0')}:${minutes}:${seconds}${digits === '' ? '' : `.${digits}`}`;
}

function instant(type: 'timestamp' | 'timestamptz'): Exact {
  const wrong = { expected: type };
  return (value) => {
    const match = INSTANT.exec(textOf(value)!);
    const day = dayOf(match);
    const clock = timeOf(match?.[4] ?? '00:00');
    if (match === null || day === undefined || clock === undefined) return wrong;
    const zone = match[5];
    if (zone === undefined) return `${day} ${clock}`;
    if (type === 'timestamp') return { expected: 'timestamp (without a zone)' };
    const offset = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone);
    if (offset === null) return `${day} ${clock}`;
    const minutes = (Number(offset[2]) * 60 + Number(offset[3] ?? 0)) * (offset[1] === '-' ? -1 : 1);
    if (Math.abs(minutes) >= 16 * 60) return wrong;
    const utc = new Date(Date.parse(`${day}T${clock.slice(0, 8)}Z`) - minutes * 60_000).toISOString();
    if (!/^(?!0000)\d{4}-/.test(utc)) return wrong;
    return `${utc.slice(0, 10)} ${utc.slice(11, 19)}${clock.slice(8)}`;
  };
}

const uuid: Exact = (value) => {
  const digits = textOf(value)!.replace(/^\{(.*)\}$/, '$1');
  if (!/^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(digits)) return { expected: 'uuid' };
  return digits
    .replaceAll('-', '')
    .toLowerCase()
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
};

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const bytes: Exact = (value) =>
  typeof value === 'string' && BASE64.test(value)
    ? Buffer.from(value, 'base64').toString('hex')
    : { expected: 'bytes in base64' };

const json: Exact = (value) => {
  if (typeof value === 'string' && UNPAIRED_SURROGATE.test(value)) return UTF8;
  return typeof value === 'string' && isJson(value) ? value : JSON.stringify(value);
};

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
