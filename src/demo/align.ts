/** Rows as people read them in a terminal: aligned, cut to its width. */

const CELL_WIDTH = 24;
const WIDE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}]/u;

export interface Table {
  readonly columns: readonly string[];
  /** In the order of the columns; null is NULL. */
  readonly rows: readonly (readonly (string | null)[])[];
}

/** A value as one line: control characters escaped, the rest of a long text cut off. */
export function cell(value: string | null, maxWidth = CELL_WIDTH): string {
  if (value === null) return 'NULL';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach a terminal
  const text = value.replace(/[\u0000-\u001f\u007f-\u009f]/g, (letter) =>
    JSON.stringify(letter).slice(1, -1),
  );
  return cut(text, maxWidth);
}

/** A header and the given rows, each line at most `width` columns wide; columns that do not fit are counted. */
export function alignedRows(table: Table, width: number): string[] {
  const grid = [
    table.columns.map((name) => cell(name)),
    ...table.rows.map((row) => row.map((value) => cell(value))),
  ];
  const widths = table.columns.map((_, place) => Math.max(...grid.map((line) => widthOf(line[place]!))));
  const note = (left: number): string => (left === 0 ? '' : `  … ${left} more columns`);
  let shown = 0;
  let used = 0;
  while (shown < widths.length) {
    const next = used + widths[shown]! + (shown === 0 ? 0 : 2);
    if (next + note(widths.length - shown - 1).length > width && shown > 0) break;
    used = next;
    shown += 1;
  }
  return grid.map((line, place) => {
    const cells = line
      .slice(0, shown)
      .map((text, column) => text + ' '.repeat(widths[column]! - widthOf(text)));
    return (cells.join('  ') + (place === 0 ? note(widths.length - shown) : '')).trimEnd();
  });
}

/** Cut to a width in columns of a terminal. */
export function cut(text: string, maxWidth: number): string {
  if (widthOf(text) <= maxWidth) return text;
  let kept = '';
  let used = 0;
  for (const letter of text) {
    used += widthOf(letter);
    if (used > maxWidth - 1) break;
    kept += letter;
  }
  return `${kept}…`;
}

function widthOf(text: string): number {
  let width = 0;
  for (const letter of text) width += WIDE.test(letter) ? 2 : 1;
  return width;
}
