/** Writing a drop's files: small pieces collected, so that a file of any size takes constant memory. */

import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

const PIECE_CHARS = 64 * 1024;

/** Writes the pieces of text one after the other into `root/path`, making its folders. */
export function writeText(root: string, path: string, pieces: Iterable<string>): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  const handle = openSync(file, 'w');
  let held = '';
  for (const piece of pieces) {
    held += piece;
    if (held.length < PIECE_CHARS) continue;
    writeSync(handle, held);
    held = '';
  }
  writeSync(handle, held);
  closeSync(handle);
}

/** Writes one whole file. */
export function writeBytes(root: string, path: string, bytes: Uint8Array): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  const handle = openSync(file, 'w');
  writeSync(handle, bytes);
  closeSync(handle);
}

/** A JSON document as people write it. */
export function writeJson(root: string, path: string, value: unknown): void {
  writeText(root, path, [`${JSON.stringify(value, null, 2)}\n`]);
}

/** The records, a line each. */
export function* jsonLines(records: Iterable<unknown>): Iterable<string> {
  for (const record of records) yield `${typeof record === 'string' ? record : JSON.stringify(record)}\n`;
}

/** A field of a CSV: null is the unquoted empty field, the empty string a quoted one. */
export type Field = string | number | boolean | null;

/** CSV lines after RFC 4180: quotes only where they are needed. */
export function* csvLines(rows: Iterable<readonly Field[]>, lineBreak = '\n'): Iterable<string> {
  for (const row of rows) yield row.map(csvField).join(',') + lineBreak;
}

function csvField(field: Field): string {
  if (field === null) return '';
  const text = String(field);
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
