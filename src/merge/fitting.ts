/** What is said when a table of the target cannot be made to fit what arrived. */

import { TemporaryError, UserError } from '../errors.ts';
import type { TablePlan } from './plan.ts';
import type { StagedTable } from './staged.ts';

/**
 * Does what makes a table fit. An error of the engine's about columns that have to become wider names them, with both
 * types; any error names the files that the rows came from, as far as `fileTables` (the table of each file) tells.
 */
export async function fitting<T>(
  table: StagedTable,
  widen: TablePlan['widen'],
  fileTables: ReadonlyMap<string, string> | undefined,
  how: () => T | Promise<T>,
): Promise<T> {
  try {
    return await how();
  } catch (error) {
    if (!(error instanceof UserError) || error instanceof TemporaryError) throw error;
    const wanted = widen.map(({ name, from, to }) => `column ${name} cannot go from ${from} to ${to}`);
    const said =
      wanted.length === 0 ? error.message : `table ${table.name}: ${wanted.join(' or ')}: ${error.message}`;
    throw new UserError(`${said}${rowsOf(table, fileTables)}`, { cause: error });
  }
}

// Which of several files brought a value is not known any more when all of them are through.
function rowsOf({ name, line }: StagedTable, fileTables: ReadonlyMap<string, string> | undefined): string {
  const of = (table: string | undefined) =>
    [...(fileTables ?? [])].flatMap(([uri, each]) => (each === table ? [uri] : []));
  // A subtable's rows were cut from those of its parent.
  const own = of(name);
  const files = own.length > 0 ? own : of(line.parent);
  return rowsOfFiles(files);
}

/** ` (rows of …)`: one file, or the first and last of several; of a zip its members alone. */
export function rowsOfFiles(files: readonly string[]): string {
  const listed = files.filter((uri) => !files.some((other) => other.startsWith(`${uri}!`)));
  const [first] = listed;
  if (first === undefined) return '';
  return listed.length === 1
    ? ` (rows of ${first})`
    : ` (rows of ${listed.length} files, ${first} to ${listed.at(-1)})`;
}
