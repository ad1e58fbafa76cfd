/** What PostgreSQL says of rows that a COPY brought. */

import type { DatabaseError } from 'pg';
import { codeOf, mismatch, TemporaryError, UserError } from '../errors.ts';
import type { Fill } from '../merge/engine.ts';

// `COPY brigade_stage_1, line 3, column v: "x"`, with the value cut where it is long. What it says of whole rows comes
// when it stores them, many at a time: then the line is only the last one it has read.
const WHERE = /^COPY .*?, line (\d+), column (.*?): "(.*)"$/s;
// https://www.postgresql.org/docs/current/errcodes-appendix.html
const DATA_EXCEPTION = /^22/;

/** `said`: the server's error as one of ours; `fill`: the first rows of the COPY. */
export function copyFailure(said: Error, fill: Fill): Error {
  if (!(said instanceof UserError) || said instanceof TemporaryError) return said;
  const { cause, message } = said;
  const [, line, target, value] =
    WHERE.exec((cause as Partial<DatabaseError> | undefined)?.where ?? '') ?? [];
  if (line === undefined) return new UserError(`table ${fill.table}: ${message}`, { cause });
  const column = fill.columns.find((each) => each.target === target);
  const row = fill.firstRow + Number(line);
  const place = `table ${fill.table} row ${row}${column === undefined ? '' : ` column ${column.name}`}`;
  if (DATA_EXCEPTION.test(codeOf(cause) ?? '') && column?.type !== undefined && value !== undefined)
    return mismatch(place, column.type, JSON.stringify(value), cause);
  return new UserError(`${place}: ${message}`, { cause });
}
