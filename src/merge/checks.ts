import type { Dialect } from '../dialects/dialect.ts';
import { mismatch, UserError } from '../errors.ts';
import type { Context } from '../stage.ts';
import type { CommitLine } from '../wire/types.ts';
import type { MergeOptions } from './options.ts';
import { keyMissing, type StagedTable } from './staged.ts';
import { countedRows } from './staging.ts';
import { type Unit, unitName } from './unit.ts';

/** In a group a table is never merged by guess: without key and mode it would grow with every replay. */
export function checkKeys(tables: readonly StagedTable[]): void {
  const without = tables.filter(
    ({ line }) => line.merge === undefined && line.parent === undefined && (line.key ?? []).length === 0,
  );
  if (without.length > 0) throw keyMissing(without);
}

type Named = Pick<StagedTable, 'name' | 'target'>;

/** Two tables that the target calls by one name: they would replace or mix each other's rows. */
export function sharedTarget(
  tables: Iterable<Named>,
  dialect: Dialect,
): { readonly one: Named; readonly other: Named } | undefined {
  const seen = new Map<string, Named>();
  for (const other of tables) {
    const id = dialect.foldsCase ? other.target.toLowerCase() : other.target;
    const one = seen.get(id) ?? other;
    if (one.name !== other.name) return { one, other };
    seen.set(id, other);
  }
  return undefined;
}

/** Throws if two tables of a unit would be one in the target. */
export function checkTargets(tables: readonly StagedTable[], dialect: Dialect): void {
  const found = sharedTarget(tables, dialect);
  if (found === undefined) return;
  const { one, other } = found;
  throw mismatch(
    `table ${other.name}`,
    `tables of different names in ${dialect.name}`,
    `${one.name} and ${other.name}, both called ${other.target} there (see --target-name and --name-case)`,
  );
}

/**
 * Compares what arrived with what was said to have been read. A difference is told, and refused with `strictCounts`;
 * `vendorExact` needs every row, since a row that deletes does so in its own logid.
 */
export function checkCounts(
  unit: Unit,
  commit: CommitLine | undefined,
  options: MergeOptions,
  context: Context,
): void {
  if (!unit.decoded) return;
  if (commit?.rows !== undefined && commit.rows !== unit.read) {
    const complaint = `${unitName(unit)}: expected the ${commit.rows} rows of its commit line, found ${unit.read} in its eof lines`;
    if (options.strictCounts === true) throw new UserError(complaint);
    context.warn(complaint);
  }
  if (options.strictCounts !== true && options.vendorExact !== true) return;
  for (const table of unit.tables.values()) {
    if (table.read === undefined || table.line.parent !== undefined) continue;
    const staged = countedRows(table);
    if (table.read === staged) continue;
    const why = options.vendorExact === true ? ' (--vendor-exact takes no dedupe or filter before it)' : '';
    throw mismatch(
      `${unitName(unit)}: table ${table.name}`,
      `the ${table.read} rows read from its files`,
      `${staged}${why}`,
    );
  }
}
