import { mismatch } from '../errors.ts';
import type { FormatOptions } from './format.ts';

type Encoding = NonNullable<FormatOptions['encoding']>;

/** The bytes of a text file as UTF-8 without byte order mark. */
export interface Utf8Text {
  /** Not validated when the file itself was UTF-8. To be consumed at once, and only once. */
  readonly pieces: AsyncIterable<Uint8Array>;
  /** Where the first byte of `pieces` is in the file; undefined if the file was in another encoding. */
  readonly base: number | undefined;
}

/**
 * Tells a text file's encoding and transcodes it, piece by piece. A byte order mark decides over UTF-8, which is the
 * default, and over the byte order of `utf-16`; without a mark UTF-16 is little-endian unless its first byte is 0.
 * `windows-1252` maps as the WHATWG Encoding Standard does. Throws `UserError` with the byte offset on UTF-16 with
 * half a surrogate pair or half a unit.
 */
export async function openText(
  bytes: AsyncIterable<Uint8Array>,
  given: Encoding | undefined,
  name: string,
): Promise<Utf8Text> {
  const iterator = bytes[Symbol.asyncIterator]();
  let head: Uint8Array = new Uint8Array();
  while (head.length < 3) {
    const { done, value } = await iterator.next();
    if (done === true) break;
    // A copy of a piece that is not enough: it does not outlast the next one.
    head = head.length === 0 && value.length >= 3 ? value : Buffer.concat([head, value]);
  }
  const { encoding, markBytes } = tell(head, given);
  const rest = remaining(head.subarray(markBytes), iterator);
  switch (encoding) {
    case 'utf-8':
      return { pieces: rest, base: markBytes };
    case 'windows-1252':
      return { pieces: fromWindows1252(rest), base: undefined };
    default:
      return { pieces: fromUtf16(rest, encoding === 'utf-16be', markBytes, name), base: undefined };
  }
}

function tell(
  head: Uint8Array,
  given: Encoding | undefined,
): { encoding: 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252'; markBytes: number } {
  const [first, second, third] = head;
  if (given === undefined || given === 'utf-8') {
    if (first === 0xef && second === 0xbb && third === 0xbf) return { encoding: 'utf-8', markBytes: 3 };
  }
  if (given === 'windows-1252') return { encoding: 'windows-1252', markBytes: 0 };
  if (given !== 'utf-8') {
    if (first === 0xff && second === 0xfe && given !== 'utf-16be')
      return { encoding: 'utf-16le', markBytes: 2 };
    if (first === 0xfe && second === 0xff && given !== 'utf-16le')
      return { encoding: 'utf-16be', markBytes: 2 };
  }
  if (given === 'utf-16') return { encoding: first === 0 ? 'utf-16be' : 'utf-16le', markBytes: 0 };
  return { encoding: given ?? 'utf-8', markBytes: 0 };
}

async function* remaining(head: Uint8Array, iterator: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  let ended = false;
  try {
    if (head.length > 0) yield head;
    while (true) {
      const { done, value } = await iterator.next();
      if (done === true) {
        ended = true;
        return;
      }
      if (value.length > 0) yield value;
    }
  } finally {
    if (!ended) await iterator.return?.();
  }
}

async function* fromUtf16(
  pieces: AsyncIterable<Uint8Array>,
  bigEndian: boolean,
  markBytes: number,
  name: string,
): AsyncIterable<Uint8Array> {
  let offset = markBytes;
  let rest: Uint8Array = new Uint8Array();
  for await (const piece of pieces) {
    const whole = Buffer.concat([rest, piece]);
    let length = whole.length & ~1;
    // A high surrogate waits for its other half.
    if (length > 0 && (whole[bigEndian ? length - 2 : length - 1]! & 0xfc) === 0xd8) length -= 2;
    rest = Buffer.from(whole.subarray(length));
    yield utf8OfUtf16(whole.subarray(0, length), bigEndian, offset, name);
    offset += length;
  }
  if (rest.length % 2 === 1) {
    throw mismatch(`${name} byte ${offset}`, 'UTF-16', 'half a unit at the end');
  }
  if (rest.length > 0) yield utf8OfUtf16(Buffer.from(rest), bigEndian, offset, name);
}

// `units` is swapped in place.
function utf8OfUtf16(units: Buffer, bigEndian: boolean, offset: number, name: string): Buffer {
  const text = (bigEndian ? units.swap16() : units).toString('utf16le');
  const lone = text.search(/\p{Surrogate}/u);
  if (lone >= 0) {
    const unit = text.charCodeAt(lone).toString(16);
    throw mismatch(`${name} byte ${offset + 2 * lone}`, 'UTF-16', `half a surrogate pair (0x${unit})`);
  }
  return Buffer.from(text, 'utf8');
}

// The code points of bytes 0x80 to 0x9f: https://encoding.spec.whatwg.org/index-windows-1252.txt
const WINDOWS_1252 =
  '\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f' +
  '\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178';

async function* fromWindows1252(pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const encoder = new TextEncoder();
  const codes = Array.from({ length: 256 }, (_, byte) =>
    encoder.encode(byte >= 0x80 && byte < 0xa0 ? WINDOWS_1252[byte - 0x80]! : String.fromCharCode(byte)),
  );
  for await (const piece of pieces) {
    const out = Buffer.allocUnsafeSlow(piece.length * 3);
    let length = 0;
    for (const byte of piece) {
      if (byte < 0x80) out[length++] = byte;
      else for (const unit of codes[byte]!) out[length++] = unit;
    }
    yield out.subarray(0, length);
  }
}

/** Where `bytes` stop being UTF-8: the first byte of the first sequence that is none; their length if all is well. */
export function firstInvalidUtf8(bytes: Uint8Array): number {
  let i = 0;
  while (i < bytes.length) {
    const length = sequenceLength(bytes, i);
    if (length === 0) return i;
    i += length;
  }
  return i;
}

// Unicode Standard, table 3-7: well-formed UTF-8 byte sequences. 0: none.
function sequenceLength(bytes: Uint8Array, i: number): number {
  const first = bytes[i]!;
  if (first < 0x80) return 1;
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  for (let k = 1; k < length; k++) if (((bytes[i + k] ?? 0) & 0xc0) !== 0x80) return 0;
  const second = bytes[i + 1] ?? 0;
  if (first === 0xe0 && second < 0xa0) return 0;
  if (first === 0xed && second > 0x9f) return 0;
  if (first === 0xf0 && second < 0x90) return 0;
  if (first === 0xf4 && second > 0x8f) return 0;
  return length;
}
