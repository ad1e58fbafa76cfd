/** Rows as MySQL and MariaDB take them: as INSERT statements, or as lines for LOAD DATA. */

import { mismatch } from '../errors.ts';
import { BATCH, type Fill, ROW, SHAPE } from '../merge/engine.ts';
import type { Run } from '../wire/types.ts';
import { exactText } from './exact-text.ts';
import { insertStatements as insertRows } from './insert-rows.ts';
import { mysql } from './mysql.ts';

/** Far below the least `max_allowed_packet`. */
const LIMITS = { characters: 512 * 1024, rows: 1000 };

interface Field {
  readonly name: string;
  readonly isBytes: boolean;
  readonly isNumber: boolean;
  readonly encode: (row: number, value: unknown) => string | undefined;
}

/** Writes the values of a column, undefined for NULL. Throws `UserError` for what the column's type would alter. */
function fieldOf(fill: Fill, column: Fill['columns'][number]): Field {
  const exact = exactText(column);
  const { name, type } = column;
  const wrong = (row: number, expected: string, value: unknown) =>
    mismatch(`table ${fill.table} row ${row + 1} column ${name}`, expected, JSON.stringify(value));
  return {
    name,
    isBytes: type === 'bytes',
    isNumber: type !== undefined && /^(boolean|int|bigint|decimal|float|double)/.test(type),
    encode: (row, value) => {
      if (value === null || value === undefined) return undefined;
      const text = exact(value as Parameters<typeof exact>[0]);
      if (typeof text === 'object') throw wrong(row, text.expected, value);
      if (type === 'boolean') return text === 'true' ? '1' : '0';
      // https://dev.mysql.com/doc/refman/8.4/en/floating-point-types.html
      if ((type === 'double' || type === 'float') && /^-?(I|N)/.test(text))
        throw wrong(row, `a finite ${type}, which is all that MySQL holds`, value);
      return text;
    },
  };
}

const ownNames = [ROW, BATCH, SHAPE];

/** Rows in statements of up to a thousand. */
export function insertStatements(fill: Fill, run: Run): Iterable<string> {
  const fields = fill.columns.map((column) => fieldOf(fill, column));
  return insertRows(fill, run, mysql.identifier, LIMITS, (number, row) =>
    fields.map(({ name, isBytes, isNumber, encode }) => {
      const text = encode(number, row[name]);
      if (text === undefined) return 'NULL';
      if (isBytes) return `X'${text}'`;
      return isNumber ? text : mysql.literal(text);
    }),
  );
}

const SPECIAL = /[\\\n\r\t\0]/g;
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\0': '\\0',
};

/** Rows as lines of LOAD DATA's own format. https://dev.mysql.com/doc/refman/8.4/en/load-data.html */
export function loadLines(fill: Fill, run: Run): string {
  const fields = fill.columns.map((column) => fieldOf(fill, column));
  const tail = `\t${fill.batch}\t${fill.shape}`;
  let text = '';
  let number = fill.firstRow;
  for (const row of run.objects()) {
    text += number + tail;
    for (const { name, encode } of fields) {
      const value = encode(number, row[name]);
      text += value === undefined ? '\t\\N' : `\t${value.replace(SPECIAL, (c) => ESCAPES[c]!)}`;
    }
    text += '\n';
    number++;
  }
  return text;
}

/** The statement that takes such lines. The form is said in full, whatever sql_mode says of backslashes. */
export function loadStatement(fill: Fill): string {
  const names = fill.columns.map(({ target, type }, i) =>
    type === 'bytes' ? `@b${i}` : mysql.identifier(target),
  );
  const sets = fill.columns.flatMap(({ target, type }, i) =>
    type === 'bytes' ? [`${mysql.identifier(target)} = unhex(@b${i})`] : [],
  );
  return `LOAD DATA LOCAL INFILE 'rows' INTO TABLE ${fill.stage} CHARACTER SET utf8mb4 FIELDS TERMINATED BY X'09' ENCLOSED BY '' ESCAPED BY X'5c' LINES STARTING BY '' TERMINATED BY X'0a' (${[...ownNames, ...names].join(', ')})${sets.length === 0 ? '' : ` SET ${sets.join(', ')}`}`;
}
