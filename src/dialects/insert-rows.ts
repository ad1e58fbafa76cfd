/** Rows as INSERT statements, for engines that take nothing else. */

import { BATCH, type Fill, ROW, SHAPE } from '../merge/engine.ts';
import type { Row, Run } from '../wire/types.ts';

/** Characters and rows after which a statement ends. */
export interface InsertLimits {
  readonly characters: number;
  readonly rows: number;
}

/** Statements that insert a run into its stage. `valuesOf`: the literals of a row, by its number; in the order of the columns. */
export function* insertStatements(
  fill: Fill,
  run: Run,
  identifier: (name: string) => string,
  limits: InsertLimits,
  valuesOf: (number: number, row: Row) => readonly string[],
): Iterable<string> {
  const names = [ROW, BATCH, SHAPE, ...fill.columns.map(({ target }) => identifier(target))];
  const head = `INSERT INTO ${fill.stage} (${names.join(', ')}) VALUES\n`;
  let lines: string[] = [];
  let size = 0;
  let number = fill.firstRow;
  for (const row of run.objects()) {
    const line = `(${[number, fill.batch, fill.shape, ...valuesOf(number, row)].join(', ')})`;
    lines.push(line);
    size += line.length;
    number++;
    if (lines.length < limits.rows && size < limits.characters) continue;
    yield head + lines.join(',\n');
    lines = [];
    size = 0;
  }
  if (lines.length > 0) yield head + lines.join(',\n');
}
