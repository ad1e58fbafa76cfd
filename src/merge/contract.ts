/** What may become of a table of the target whose columns no longer hold what arrives. */

import { type Catalog, catalogTable } from '../catalog.ts';
import type { TargetColumn } from '../dialects/dialect.ts';
import { mismatch } from '../errors.ts';
import type { ColumnType } from './lattice.ts';
import type { MergeOptions } from './options.ts';
import type { PlannedColumn } from './plan.ts';
import type { StagedTable } from './staged.ts';

/**
 * `evolve`: columns are added and widened. `freeze`: drift is an error. `discard`: new columns are left out; a value that
 * a column cannot hold is an error, since half a value is none. A table that is not there is made under each of them.
 */
export type Contract = 'evolve' | 'freeze' | 'discard';

export const CONTRACTS = ['evolve', 'freeze', 'discard'] as const satisfies readonly Contract[];

/** The contract of a table: the catalog's, else that of the run. */
export function contractOf(
  table: string,
  { contract, catalog }: { readonly contract?: MergeOptions['contract']; readonly catalog?: Catalog },
): Contract {
  return catalogTable(catalog, table).contract ?? contract ?? 'evolve';
}

/** What a table that exists lacks for what is staged. */
export interface Drift {
  readonly add: readonly { readonly name: string; readonly type: ColumnType }[];
  readonly widen: readonly { readonly name: string; readonly from: ColumnType; readonly to: ColumnType }[];
}

/**
 * Holds a table's drift against its contract. Throws `UserError` for drift that is not allowed, and where a script does
 * not know what the target has; else returns the staged columns that are left out.
 */
export function checkContract(
  table: StagedTable,
  contract: Contract,
  existing: readonly TargetColumn[] | null | undefined,
  { columns, drift }: { readonly columns: readonly PlannedColumn[]; readonly drift: Drift },
): readonly PlannedColumn[] {
  if (contract === 'evolve' || existing === null) return [];
  const said = `contract ${contract}`;
  if (existing === undefined) {
    throw mismatch(
      `table ${table.name}`,
      `--target-schema FILE for ${said}, which goes by what the target has`,
      'none',
    );
  }
  const [wider] = drift.widen;
  if (wider !== undefined) {
    throw mismatch(
      `table ${table.name} column ${wider.name}`,
      `values of type ${wider.from === wider.to ? nativeOf(wider.name, existing) : wider.from} (${said})`,
      wider.to,
    );
  }
  const [first] = drift.add;
  if (first === undefined) return [];
  if (contract === 'freeze') {
    throw mismatch(
      `table ${table.name}`,
      `the columns that the target has (${said})`,
      drift.add.map(({ name, type }) => `${name} ${type}`).join(', '),
    );
  }
  const names = new Set(drift.add.map(({ name }) => name));
  return columns.filter(({ column, type }) => type !== undefined && names.has(column.target));
}

const nativeOf = (name: string, existing: readonly TargetColumn[]) =>
  existing.find((column) => column.name === name)?.sql;
