/**
 * Which groups may share a transaction with which: those for which one merge of all their rows leaves what merges one
 * after the other leave. Whatever cannot be told from what a group says ends the batch before it.
 */

import { type Chunk, isControl, type TableLine } from '../wire/types.ts';
import type { Delivery } from './apply-unit.ts';
import { familyOf } from './batch-family.ts';
import { checkCounts, checkKeys, sharedTarget } from './checks.ts';
import { contractOf } from './contract.ts';
import { type ColumnType, joinTypes } from './lattice.ts';
import type { Naming } from './names.ts';
import { modeOf } from './plan.ts';
import { isOlder } from './selection.ts';
import type { Session } from './session.ts';
import { addShape, type StagedColumn, type StagedTable, settledType } from './staged.ts';

/** A group that is through, with what it said. */
export interface HeldGroup {
  readonly delivery: Delivery;
  readonly chunks: readonly Chunk[];
  readonly bytes: number;
  /** That nobody decoded. */
  readonly files: number;
  readonly fileBytes: number;
}

export interface BatchRules {
  /** Takes a group into account as the next of the batch. False: it cannot be that, and nothing was changed. */
  takes(group: HeldGroup): boolean;
}

/** What a table is like in all groups of a batch. */
interface Common {
  readonly facts: string;
  readonly columns: Map<
    string,
    { readonly name: string; readonly declared: boolean; type: ColumnType | undefined }
  >;
  /** Of the columns that decide about rows; undefined while there are no rows. */
  ruling: string | undefined;
}

/** The rules of a batch that is empty yet. */
export function createBatchRules(session: Session): BatchRules {
  const tables = new Map<string, Common>();
  const named = new Map<string, StagedTable>();
  let last: HeldGroup | undefined;
  let subtables: string | undefined;
  let version: string | undefined;
  return {
    takes(group) {
      if (isAlone(group, session) || (last !== undefined && !follows(group, last))) return false;
      const { unit } = group.delivery;
      const all = [...unit.tables.values()];
      if (sharedTarget([...named.values(), ...all], session.engine.dialect) !== undefined) return false;
      const lines = all.map(({ line }) => line);
      const children = lines.filter(({ parent }) => parent !== undefined).map(({ table }) => table);
      if (last !== undefined && subtables !== JSON.stringify(children.sort())) return false;
      const family = hasFamily(lines) ? familyOf(group.chunks, lines) : undefined;
      if (family !== undefined) {
        const [first] = family.versions;
        if (family.orphans || family.versions.size > 1) return false;
        if (version !== undefined && first !== undefined && version !== first) return false;
        version ??= first;
      }
      const next = new Map<string, Common>();
      for (const table of all) {
        const joined = join(tables.get(table.name), table, session);
        if (joined === undefined) return false;
        next.set(table.name, joined);
      }
      for (const [name, common] of next) tables.set(name, common);
      for (const table of all) named.set(table.name, table);
      subtables = JSON.stringify(children.sort());
      last = group;
      return true;
    },
  };
}

const hasFamily = (lines: readonly TableLine[]) =>
  lines.some(({ parent, version }) => parent !== undefined || version !== undefined);

// The next group of the same scope, of the same kind.
function follows({ delivery }: HeldGroup, { delivery: before }: HeldGroup): boolean {
  const [group, former] = [delivery.unit.group!, before.unit.group!];
  return (
    group.scope === former.scope &&
    group.after === former.group &&
    isOlder(former.group, group.group) &&
    delivery.feed === before.feed &&
    delivery.unit.decoded === before.unit.decoded &&
    delivery.unit.undecoded.size > 0 === before.unit.undecoded.size > 0
  );
}

// Whether a group has a transaction of its own whatever comes before and after it.
function isAlone({ delivery, chunks }: HeldGroup, { options, context }: Session): boolean {
  const { unit, declared, ddl, feed } = delivery;
  const { group } = unit;
  const tables = [...unit.tables.values()];
  if (group === undefined || declared.length > 0 || ddl.length > 0 || group.tables !== undefined) return true;
  if (options.vendorExact === true) return true;
  if (group.scope.startsWith('snapshot/') && options.overwrite !== true) return true;
  if ((feed?.feed ?? group.feed) === 'contentsquare' && options.identity === 'rewrite') return true;
  if (unit.undecoded.size > 0 && (unit.decoded || hasFamily(tables.map(({ line }) => line)))) return true;
  if (chunks.some((chunk) => isControl(chunk) && chunk.$ === 'file' && !/^-?\d+$/.test(chunk.batch ?? '0')))
    return true;
  try {
    checkKeys(tables);
    if (options.strictCounts === true) checkCounts(unit, delivery.commit, options, context);
  } catch {
    return true;
  }
  return tables.some((table) => {
    const { line } = table;
    const mode = modeOf(table);
    const hasRows = table.created;
    if (line.full === true || (mode === 'replace' && (hasRows || table.read !== undefined))) return true;
    if (line.parent !== undefined) {
      const parent = unit.tables.get(line.parent);
      if (mode !== 'upsert' || parent === undefined || modeOf(parent) !== 'upsert') return true;
      if (parent.line.parent !== undefined) return true;
      // With files of their own they may be in the target before their parent's row.
      if ([...unit.fileTables.values()].includes(table.name)) return true;
      // Versions are in the order of their groups by all columns of it only.
      const of = parent.line.order ?? [];
      const shared = (line.order ?? []).filter((name) => of.includes(name));
      if (shared.length > 0 && JSON.stringify(shared) !== JSON.stringify(of)) return true;
    }
    if (!hasRows) return false;
    if (mode === 'scd2' || (mode !== 'append' && (line.key ?? []).length === 0)) return true;
    // Rows without declared columns: each of them may bring others.
    if (table.lastShape !== undefined) return true;
    const rulers = [...(line.key ?? []), ...rulingNames(line)];
    return [...table.columns.values()].some(
      (column) =>
        (column.observed !== undefined && column.declared !== undefined) ||
        (rulers.includes(column.name) && column.shapes.size !== table.shapes),
    );
  });
}

const rulingNames = ({ order, delete_flag, version }: TableLine): string[] => [
  ...(order ?? []),
  ...(delete_flag === undefined ? [] : [delete_flag]),
  ...(version === undefined ? [] : [version]),
];

// Columns that rows of the group do not have, though a table line gave them a type.
function onlyPromised(table: StagedTable, { dialect, nameCase }: Naming): StagedColumn[] {
  const bare: StagedTable = { ...table, columns: new Map(), shapes: 0 };
  const typed = [...table.promised.values()].filter(
    ({ name, type }) => type !== undefined && !table.columns.has(name),
  );
  addShape(bare, typed, dialect, nameCase);
  return [...bare.columns.values()].filter(({ observed }) => observed === undefined);
}

// What a table is like with one more group; undefined: it is not like that in this group.
function join(
  common: Common | undefined,
  table: StagedTable,
  { naming, options }: Session,
): Common | undefined {
  const { dialect } = naming;
  const { line, target } = table;
  const { key, merge, order, delete_flag, parent, version } = line;
  const isOpen = contractOf(table.name, options) === 'evolve';
  const promised = isOpen ? [] : [...table.promised.keys(), ...table.columns.keys()].sort();
  const facts = JSON.stringify([target, key, merge, order, delete_flag, parent, version, promised]);
  if (common !== undefined && common.facts !== facts) return undefined;
  const fold = (name: string) => (dialect.foldsCase ? name.toLowerCase() : name);
  const columns = new Map(common?.columns);
  for (const column of [...table.columns.values(), ...onlyPromised(table, naming)]) {
    const id = fold(column.target);
    const known = columns.get(id);
    const declared = column.observed === undefined;
    const type = settledType(column, dialect);
    if (known === undefined) {
      if (common !== undefined && !isOpen) return undefined;
      columns.set(id, { name: column.name, declared, type });
      continue;
    }
    if (known.name !== column.name || known.declared !== declared) return undefined;
    if (type === undefined) continue;
    // A column that would be widened between two groups has values in it that were read as the narrower type.
    if (known.type === undefined ? !isOpen : joinTypes(known.type, type) !== known.type) return undefined;
    if (declared && known.type !== type) return undefined;
    if (known.type === undefined) columns.set(id, { ...known, type });
  }
  const ruling = table.created
    ? JSON.stringify(
        [...(key ?? []), ...rulingNames(line)].map((name) => {
          const column = table.columns.get(name);
          return column !== undefined && settledType(column, dialect) !== undefined;
        }),
      )
    : undefined;
  if (common?.ruling !== undefined && ruling !== undefined && common.ruling !== ruling) return undefined;
  return { facts, columns, ruling: common?.ruling ?? ruling };
}
