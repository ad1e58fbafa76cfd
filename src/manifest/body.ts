/** Reads the JSON that vendors describe a delivery with. Every error names the file and the path inside it. */

import { messageOf, mismatch } from '../errors.ts';
import type { Store } from '../stores/store.ts';

/** Manifests are lists of files, not data: one larger than this is not read into memory. */
const BODY_BYTES = 64 * 2 ** 20;

/** The whole of a small object. Throws `UserError` when it is larger than a manifest or script can sensibly be. */
export async function fetchBody(store: Store, uri: string, etag?: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of store.read(uri, etag === undefined ? {} : { etag })) {
    bytes += piece.length;
    if (bytes > BODY_BYTES)
      throw mismatch(uri, `at most ${BODY_BYTES} bytes of a manifest or script`, 'more');
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** A value inside a body, with its place for messages. */
export interface BodyValue {
  readonly value: unknown;
  /** `s3://b/manifests/1.json tables[2].name` */
  readonly place: string;
}

/** The object that a body is. */
export function parseBody(body: string, name: string): BodyValue {
  let value: unknown;
  try {
    value = JSON.parse(body.startsWith('\uFEFF') ? body.slice(1) : body);
  } catch (error) {
    throw mismatch(name, 'JSON', messageOf(error), error);
  }
  return asObject({ value, place: name }).self;
}

/** Takes an object apart: `at` gives the value of a member, absent ones as undefined. */
export function asObject(body: BodyValue): {
  self: BodyValue;
  names: readonly string[];
  at(member: string): BodyValue;
} {
  const { value, place } = body;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(body, 'an object');
  const object = value as Record<string, unknown>;
  const dot = place.includes(' ') ? '.' : ' ';
  return {
    self: body,
    names: Object.keys(object),
    at: (member) => ({
      value: Object.hasOwn(object, member) ? object[member] : undefined,
      place: `${place}${dot}${member}`,
    }),
  };
}

export function asList(body: BodyValue): readonly BodyValue[] {
  if (!Array.isArray(body.value)) throw wrong(body, 'a list');
  return body.value.map((value: unknown, i) => ({ value, place: `${body.place}[${i}]` }));
}

export function asText(body: BodyValue): string {
  if (typeof body.value !== 'string' || body.value === '') throw wrong(body, 'a text');
  return body.value;
}

export function asBoolean(body: BodyValue): boolean {
  if (typeof body.value !== 'boolean') throw wrong(body, 'true or false');
  return body.value;
}

/** A whole number, as the text of its digits. */
export function asInteger(body: BodyValue): string {
  const { value } = body;
  if (typeof value === 'string' && /^\d+$/.test(value)) return value;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw wrong(body, 'a whole number');
  return String(value);
}

export const asTexts = (body: BodyValue): readonly string[] => asList(body).map(asText);

export function isAbsent({ value }: BodyValue): boolean {
  return value === undefined || value === null;
}

/** The error of a value that is of another kind than it should be. */
export function wrong({ value, place }: BodyValue, expected: string): Error {
  const found = value === undefined ? 'nothing' : JSON.stringify(value);
  return mismatch(place, expected, found.length > 100 ? `${found.slice(0, 100)}…` : found);
}
