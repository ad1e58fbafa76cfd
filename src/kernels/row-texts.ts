import { ESCAPED_ROW } from '../wire/escaped-row.ts';

/** What a row with these columns begins with; one with a column `$` is escaped. */
export function openingText(names: readonly string[]): string {
  return names.includes('$') ? `${ESCAPED_ROW}{` : '{';
}

/** What stands before each value of a row: `{"id":`, `,"name":`. */
export function keyTexts(names: readonly string[]): Buffer[] {
  const opening = openingText(names);
  return names.map((name, index) => Buffer.from(`${index === 0 ? opening : ','}${JSON.stringify(name)}:`));
}

/** What stands after the last value of a row; at most 3 bytes. */
export function closingText(names: readonly string[]): Buffer {
  return Buffer.from(names.includes('$') ? '}}\n' : '}\n');
}
