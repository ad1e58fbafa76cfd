import { mismatch, type UserError } from '../errors.ts';
import type { RejectLine } from '../wire/types.ts';
import type { FormatInput } from './format.ts';

/** The most bytes one record of a text format may have. */
export const MAX_RECORD_BYTES = 256 * 1024 * 1024;

/** The most bytes of a record that a reject line repeats; `raw` of a larger one is left out. */
const MAX_RAW_BYTES = 1024 * 1024;

/** Why a record could not be read. */
export interface BadRecord {
  readonly column?: string;
  /** Byte of the file at which it goes wrong. */
  readonly offset?: number | undefined;
  readonly expected: string;
  /** Absent while it takes the rest of the record to tell. */
  readonly found?: string;
}

/** `name line 812 column id: expected bigint, found "abc"`. */
export function badRecordError(place: string, { column, offset, expected, found }: BadRecord): UserError {
  const inside = column !== undefined ? ` column ${column}` : offset !== undefined ? ` byte ${offset}` : '';
  return mismatch(place + inside, expected, found ?? 'something else');
}

/** The reject line of a record whose first byte is at `offset` of the file; `raw` are its bytes without line end. */
export function rejectLine(
  input: FormatInput,
  line: number,
  offset: number | undefined,
  { column, expected, found }: BadRecord,
  raw: Buffer,
): RejectLine {
  return {
    $: 'reject',
    uri: input.uri,
    line,
    ...(offset === undefined ? {} : { offset }),
    ...(column === undefined ? {} : { column }),
    reason: `expected ${expected}, found ${found ?? 'something else'}`,
    ...(raw.length > MAX_RAW_BYTES ? {} : { raw: raw.toString('utf8') }),
  };
}

/** A byte at which UTF-8 goes wrong. */
export function invalidByte(byte: number, offset: number | undefined): BadRecord {
  return { offset, expected: 'UTF-8', found: `byte 0x${byte.toString(16).padStart(2, '0')}` };
}

/** Some bytes as a message shows them: quoted, and cut when they are many. */
export function snippet(bytes: Buffer): string {
  const text = bytes.subarray(0, 80).toString('utf8');
  return JSON.stringify(text.length > 40 || bytes.length > 80 ? `${text.slice(0, 40)}…` : text);
}
