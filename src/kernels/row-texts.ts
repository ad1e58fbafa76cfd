/** What stands before each value of a row: `{"id":`, `,"name":`. A row with a column `$` is escaped. */
export function keyTexts(names: readonly string[]): Buffer[] {
  const opening = names.includes('$') ? '{"$":"row","row":{' : '{';
  return names.map((name, index) => Buffer.from(`${index === 0 ? opening : ','}${JSON.stringify(name)}:`));
}

/** What stands after the last value of a row; at most 3 bytes. */
export function closingText(names: readonly string[]): Buffer {
  return Buffer.from(names.includes('$') ? '}}\n' : '}\n');
}
