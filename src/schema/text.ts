import { mismatch } from '../errors.ts';

/**
 * The text of a script's bytes: UTF-8, or UTF-16 by its byte order mark, as SQL Server's tools save it; the mark itself is left
 * out. UTF-16 without a mark is recognised by the zero byte beside an ASCII character. Throws `UserError` on bytes that are
 * no valid text.
 */
export function scriptText(bytes: Uint8Array, name: string): string {
  const encoding = encodingOf(bytes);
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (error) {
    throw mismatch(name, `text in ${encoding.toUpperCase()}`, 'bytes that are not', error);
  }
}

function encodingOf(bytes: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  if (bytes.length >= 2 && first !== 0 && second === 0) return 'utf-16le';
  return bytes.length >= 2 && first === 0 && second !== 0 ? 'utf-16be' : 'utf-8';
}
