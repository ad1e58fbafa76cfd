/** The tables of one unit: first what must change of their columns, then, inside its transaction, the merges. */

import { mismatch, UserError } from '../errors.ts';
import { contractOf } from './contract.ts';
import type { Engine } from './engine.ts';
import { deleteFrom, dropStage } from './forms.ts';
import { applyIdentity, dropView, prepareIdentity } from './identity.ts';
import type { ColumnType } from './lattice.ts';
import { type LedgerEntry, rememberTable } from './ledger.ts';
import { append, deleteInsert, replace, upsert } from './modes.ts';
import { columnName, type Naming, qualified, targetName } from './names.ts';
import type { MergeOptions } from './options.ts';
import {
  checkOrder,
  mergeColumns,
  modeOf,
  namedColumns,
  planTable,
  sourceOf,
  type TablePlan,
} from './plan.ts';
import { scd2, scd2Mode, type Validity } from './scd2.ts';
import { keyMissing, type StagedTable } from './staged.ts';
import { rowsRead } from './staging.ts';
import { createWork, type Merge, type MergeColumn, type OwnTables } from './statement.ts';
import { forsaken, type Subtable, sourceKey, subtable } from './subtable.ts';
import { vendorExact } from './vendor-exact.ts';
import { followVersion } from './version.ts';

export interface ApplyTables {
  readonly engine: Engine;
  readonly naming: Naming;
  readonly own: OwnTables;
  readonly counts: string;
  readonly options: MergeOptions;
  readonly feed: string | undefined;
  readonly source: string | undefined;
  readonly scope: string | undefined;
  readonly tables: readonly StagedTable[];
  /** The flag that tells whether a table is to be merged at all; undefined: it always is. */
  readonly flag: ((n: number) => string) | undefined;
}

/** A table whose columns fit by now, with what its statements are made of. */
export interface Prepared {
  readonly table: StagedTable;
  readonly merge: Merge;
  readonly plan: TablePlan;
}

/**
 * Makes the target's tables fit and creates the work tables; parents before their subtables. Idempotent, since it is
 * not part of the transaction where an engine commits at every change of a table.
 */
export async function prepareTables(apply: ApplyTables): Promise<Prepared[]> {
  const { engine, naming, tables } = apply;
  const { dialect } = engine;
  const sorted = [...tables].sort(
    (a, b) => Number(a.line.parent !== undefined) - Number(b.line.parent !== undefined),
  );
  const plans = new Map<StagedTable, TablePlan>();
  // All changes of columns come before all changes of rows: DuckDB fails at COMMIT otherwise.
  for (const table of sorted) {
    const target = qualified(table.target, naming);
    const existing = await engine.columns(table.target);
    const hints = parentTypes(table, sorted, plans);
    const contract = contractOf(table.name, apply.options);
    const plan = planTable(table, existing, target, naming, hints, contract);
    for (const statement of [...dropView(table, plan, apply), ...plan.ddl]) await engine.run(statement);
    plans.set(table, plan);
  }
  await prepareIdentity(plans, apply);
  const merged = sorted.filter((table) => !table.declaredOnly && !isIdle(table, sorted));
  const merges = new Map<string, Merge>();
  const prepared: Prepared[] = [];
  for (const table of merged) {
    checkRepeatable(table, apply);
    const plan = plans.get(table)!;
    const merge = mergeOf(table, plan, apply, merges);
    merges.set(table.name, merge);
    prepared.push({ table, merge, plan });
    await engine.run(dropStage(merge.work, dialect));
    await engine.run(createWork(merge.work, merge.key, dialect));
  }
  return prepared;
}

/** Merges the tables: nothing but changes of rows. What the ledger is to say of each. */
export async function applyTables(apply: ApplyTables, prepared: readonly Prepared[]): Promise<LedgerEntry[]> {
  const { engine, naming, own } = apply;
  const { dialect } = engine;
  const merges = new Map(prepared.map(({ table, merge }) => [table.name, merge]));
  for (const { table, merge } of prepared) {
    if (merge.guard !== undefined && table.created)
      await engine.run(deleteFrom(table.stage, { when: `NOT ${merge.guard}` }, dialect));
  }
  const entries: LedgerEntry[] = [];
  for (const { table, merge, plan } of prepared) {
    if (table.created && dialect.analyze !== undefined) await engine.run(dialect.analyze(table.stage));
    const body = async () => {
      const mode = modeOf(table);
      const parent =
        table.line.parent === undefined ? undefined : targetName(table.line.parent, apply, naming);
      if (apply.flag !== undefined) {
        const key = [...(table.line.key ?? [])].sort();
        const entry = {
          target: table.target,
          table: table.name,
          source: apply.source ?? '',
          key,
          mode: plan.validity === undefined ? mode : scd2Mode(plan.validity),
          parent,
        };
        for (const statement of rememberTable(entry, own, dialect)) await engine.run(statement);
      }
      for (const statement of statementsOf(table, merge, apply)) await engine.run(statement);
      for (const statement of await forsakenOf(table, merge, merges, apply)) await engine.run(statement);
    };
    if (apply.flag === undefined) await body();
    else await engine.when(apply.flag(table.n), body);
    entries.push({
      table: table.name,
      files: table.files,
      read: rowsRead(table),
      rejected: table.rejected,
      key: table.line.key,
      mode: modeOf(table),
      n: table.n,
    });
  }
  await applyIdentity(prepared, apply);
  return entries;
}

// Without a transaction, what breaks off is done again from the start: that must not add its rows twice.
function checkRepeatable(table: StagedTable, { engine, flag }: ApplyTables): void {
  const { dialect } = engine;
  if (dialect.begin !== '' || flag === undefined || modeOf(table) !== 'append') return;
  throw mismatch(
    `table ${table.name}`,
    `a key to merge by, since ${dialect.name} has no transaction over several tables and appended rows would come twice when a run breaks off`,
    'merge append',
  );
}

// A subtable without rows in a unit that does not touch its parent.
function isIdle(table: StagedTable, tables: readonly StagedTable[]): boolean {
  const { parent, full } = table.line;
  if (parent === undefined || table.created || full === true) return false;
  return !tables.some(({ name }) => name === parent);
}

function statementsOf(table: StagedTable, merge: Merge, apply: ApplyTables): string[] {
  const full = table.line.full === true;
  if ('rowKey' in merge) return subtable(merge as Subtable);
  const mode = modeOf(table);
  // Of a table that is replaced, files without rows say that it is empty now; no file says nothing.
  if (mode === 'scd2')
    return scd2(merge, table.line, (name) => quoted(columnName(name, apply.naming), apply));
  const delivered = merge.source !== undefined || table.read !== undefined;
  if (full || (mode === 'replace' && delivered))
    return replace(mode === 'append' ? { ...merge, key: [] } : merge);
  if (merge.source === undefined) return [];
  if (apply.options.vendorExact === true && merge.key.length > 0)
    return vendorExact(merge, mode, [...table.batches]);
  switch (mode) {
    case 'append':
      return append(merge);
    case 'delete-insert':
      return deleteInsert(needsKey(merge, table));
    case 'upsert':
      return upsert(needsKey(merge, table));
    default:
      return [];
  }
}

const quoted = (name: string, { engine }: ApplyTables): string => engine.dialect.identifier(name);

function quotedValidity(names: Validity | undefined, apply: ApplyTables): Validity | undefined {
  if (names === undefined) return undefined;
  const [from, to] = [names.from, names.to].map((name) => quoted(columnName(name, apply.naming), apply));
  return { from: from!, to: to! };
}

function needsKey(merge: Merge, table: StagedTable): Merge {
  if (merge.key.length === 0) throw keyMissing([table]);
  return merge;
}

function mergeOf(
  table: StagedTable,
  plan: TablePlan,
  apply: ApplyTables,
  merges: ReadonlyMap<string, Merge>,
): Merge {
  const { engine, naming, own, counts, options } = apply;
  const { dialect } = engine;
  const columns = mergeColumns(table, plan, dialect);
  const { line } = table;
  const named = (names: readonly string[] | undefined, member: string): MergeColumn[] => {
    // Without rows nothing is looked up, and a table that is just mentioned need not say what it has.
    if (!table.created) return columns.filter((column) => names?.includes(column.name));
    return namedColumns(table, columns, names ?? [], member);
  };
  const key = named(line.key, 'key');
  // An order or a flag that this delivery does not have says nothing about its rows.
  const present = (names: readonly string[] | undefined) =>
    (names ?? []).flatMap((name) => columns.filter((column) => column.name === name));
  const order = present(line.order);
  if (table.created) checkOrder(table, order, options.catalog);
  const partial = key.find((column) => column.shapes !== undefined);
  if (partial !== undefined) {
    throw new UserError(
      `table ${table.name}: expected the key column ${partial.name} in every file, found files without it`,
    );
  }
  const merge: Merge = {
    dialect,
    n: table.n,
    table: table.name,
    target: qualified(table.target, naming),
    targetName: table.target,
    columns,
    key,
    order,
    flag: present(line.delete_flag === undefined ? [] : [line.delete_flag])[0],
    version: columns.find((column) => column.name === line.version),
    source: sourceOf(table, plan, dialect),
    work: dialect.identifier(`brigade_work_${table.n}`),
    own,
    counts,
    wholeRows: plan.wholeRows,
    hardDeletes: options.deletes === 'hard',
    onlyMissing: isSnapshot(apply.scope) && options.overwrite !== true,
    stopOnConflict: apply.feed !== 'stitch',
    maxDeletePercent: options.maxDelete ?? 50,
    guard: apply.flag === undefined ? undefined : engine.guard(apply.flag(table.n)),
    validity: quotedValidity(plan.validity, apply),
  };
  if (line.parent === undefined) return merge;
  const parent = merges.get(line.parent);
  const source = sourceKey(key);
  if (source.length === 0 && table.created) {
    throw new UserError(
      `table ${table.name}, a subtable of ${line.parent}: expected _sdc_source_key_… columns in its key, found none`,
    );
  }
  const own_: Subtable = {
    ...merge,
    key: source,
    rowKey: key,
    parent,
    full: line.full === true || modeOf(table) === 'replace',
  };
  return own_;
}

// Zenoti's monthly recovery copies lie in scopes of their own (feeds/zenoti.ts).
const isSnapshot = (scope: string | undefined): boolean => scope?.startsWith('snapshot/') ?? false;

// A subtable's copies of its parent's columns have the parent's types, so that they compare.
function parentTypes(
  table: StagedTable,
  tables: readonly StagedTable[],
  plans: ReadonlyMap<StagedTable, TablePlan>,
): ReadonlyMap<string, ColumnType> {
  const hints = new Map<string, ColumnType>();
  const parent = tables.find(({ name }) => name === table.line.parent);
  const plan = parent === undefined ? undefined : plans.get(parent);
  if (parent === undefined || plan === undefined) return hints;
  for (const { column, type } of plan.columns) {
    if (type === undefined) continue;
    const isKey = parent.line.key?.includes(column.name);
    const isOrder = parent.line.order?.includes(column.name) || parent.line.version === column.name;
    for (const own of table.columns.keys()) {
      if (isKey && own.toLowerCase() === `_sdc_source_key_${column.name}`.toLowerCase()) hints.set(own, type);
      if (isOrder && own === column.name) hints.set(own, type);
    }
  }
  return hints;
}

// Subtables of former groups that this one does not mention: Stitch sends all of a row's subtable rows with each of
// its versions, so that a version without any has none.
async function forsakenOf(
  table: StagedTable,
  merge: Merge,
  merges: ReadonlyMap<string, Merge>,
  apply: ApplyTables,
): Promise<string[]> {
  if (
    apply.feed !== 'stitch' ||
    table.line.parent !== undefined ||
    merge.key.length === 0 ||
    merge.source === undefined
  )
    return [];
  const { engine, naming, own } = apply;
  const { dialect } = engine;
  const rows = await engine.rows(
    `SELECT target, table_name FROM ${own.table} WHERE parent = ${dialect.literal(merge.targetName)} ORDER BY target`,
  );
  if (rows === undefined) return forsakenByName(merge, apply);
  const statements: string[] = [];
  for (const row of rows) {
    const [target, name] = [String(row['target']), String(row['table_name'])];
    if (apply.tables.some((other) => other.name === name) || merges.has(name)) continue;
    const columns = await engine.columns(target);
    const keys = merge.key.map((column) => ({
      id: dialect.identifier(columnName(`_sdc_source_key_${column.name}`, naming)),
      name: columnName(`_sdc_source_key_${column.name}`, naming),
      parent: column.id,
    }));
    if (
      columns === null ||
      columns === undefined ||
      !keys.every((key) => columns.some((column) => column.name === key.name))
    )
      continue;
    statements.push(forsaken(merge, qualified(target, naming), keys));
    const version = merge.version === undefined ? undefined : columnName(merge.version.name, naming);
    if (version !== undefined && columns.some((column) => column.name === version)) {
      statements.push(...followVersion(merge, qualified(target, naming), dialect.identifier(version)));
    }
  }
  return statements;
}

// The same in a script, which cannot look: only where the engine itself can go over tables.
function forsakenByName(merge: Merge, { naming, own, tables }: ApplyTables): string[] {
  const { dialect, schema } = naming;
  if (dialect.forEachTable === undefined) return [];
  const literal = (text: string) => dialect.literal(text);
  const mentioned = tables.map(({ name }) => literal(name)).join(', ');
  const tablesWith = (names: readonly string[]) =>
    `SELECT b.target FROM ${own.table} b WHERE b.parent = ${literal(merge.targetName)} AND b.table_name NOT IN (${mentioned}) AND (SELECT count(*) FROM information_schema.columns c WHERE c.table_schema = ${literal(schema)} AND c.table_name = b.target AND c.column_name IN (${names.map(literal).join(', ')})) = ${names.length} ORDER BY b.target`;
  const keys = merge.key.map((column) => {
    const name = columnName(`_sdc_source_key_${column.name}`, naming);
    return { name, id: dialect.identifier(name), parent: column.id };
  });
  const names = keys.map(({ name }) => name);
  const each = dialect.forEachTable;
  const statements = [each(tablesWith(names), schema, (table) => forsaken(merge, table, keys))];
  if (merge.version === undefined) return statements;
  const version = columnName(merge.version.name, naming);
  const having = tablesWith([...names, version]);
  for (const i of followVersion(merge, '', dialect.identifier(version)).keys()) {
    statements.push(
      each(having, schema, (table) => followVersion(merge, table, dialect.identifier(version))[i]!),
    );
  }
  return statements;
}
