/** Subtables that a unit does not mention, though it changes rows of their parent. */

import type { ApplyTables } from './apply-tables.ts';
import { columnName, qualified } from './names.ts';
import type { StagedTable } from './staged.ts';
import type { Merge } from './statement.ts';
import { forsaken } from './subtable.ts';
import { followVersion } from './version.ts';

/**
 * The statements about subtables of former groups that this unit does not mention: Stitch sends all of a row's subtable
 * rows with each of its versions, so that a version without any has none.
 */
export async function forsakenOf(
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
  const { engine, own } = apply;
  const { dialect } = engine;
  const parentIs = `parent = ${dialect.literal(merge.targetName)}`;
  const rows = await engine.rows(
    `SELECT target, table_name FROM ${own.table} WHERE ${parentIs} ORDER BY target`,
  );
  if (rows !== undefined) {
    const others = rows
      .map((row) => ({ target: String(row['target']), name: String(row['table_name']) }))
      .filter(({ name }) => !apply.tables.some((table) => table.name === name) && !merges.has(name));
    return statementsAbout(merge, others, apply);
  }
  if (dialect.forEachTable !== undefined) return forsakenByName(merge, apply);
  const names = await engine.tables();
  if (names !== undefined) return statementsAbout(merge, namesBelow(merge, names, apply), apply);
  tellOnce(apply);
  return [];
}

const keyNames = ({ key }: Merge, naming: ApplyTables['naming']): string[] =>
  key.map(({ name }) => columnName(`_sdc_source_key_${name}`, naming));

// Its rows carry what their parent's is ordered by.
const orderNames = ({ order }: Merge, naming: ApplyTables['naming']): string[] =>
  order.map(({ name }) => columnName(name, naming));

interface Other {
  readonly target: string;
  /** What must hold for it to be a subtable of this parent; undefined: it is. */
  readonly when?: string;
}

async function statementsAbout(
  merge: Merge,
  others: readonly Other[],
  { engine, naming }: ApplyTables,
): Promise<string[]> {
  const { dialect } = engine;
  const fold = (name: string) => (dialect.foldsCase ? name.toLowerCase() : name);
  const statements: string[] = [];
  for (const { target, when } of others) {
    const columns = await engine.columns(target);
    const has = (name: string) => columns?.some((column) => fold(column.name) === fold(name)) === true;
    const names = keyNames(merge, naming);
    if (!names.every(has)) continue;
    const keys = names.map(dialect.identifier);
    const table = qualified(target, naming);
    const order = orderNames(merge, naming).every(has) ? merge.order : [];
    statements.push(forsaken(merge, { target: table, keys, order, when }));
    const version = merge.version === undefined ? undefined : columnName(merge.version.name, naming);
    if (version !== undefined && has(version))
      statements.push(...followVersion(merge, table, dialect.identifier(version), { when }));
  }
  return statements;
}

// Subtables are called after their parent; whether a table of such a name is one, the target knows.
function namesBelow(merge: Merge, names: readonly string[], { engine, own, tables }: ApplyTables): Other[] {
  const { dialect } = engine;
  const { literal } = dialect;
  const fold = (name: string) => (dialect.foldsCase ? name.toLowerCase() : name);
  const folded = (sql: string) => (dialect.foldsCase ? `lower(${sql})` : sql);
  return names
    .filter((name) => fold(name).startsWith(`${fold(merge.targetName)}__`))
    .filter((name) => !tables.some(({ target }) => fold(target) === fold(name)))
    .map((target) => ({
      target,
      when: `EXISTS (SELECT 1 FROM ${own.table} b WHERE b.parent = ${literal(merge.targetName)} AND ${folded('b.target')} = ${literal(fold(target))})`,
    }));
}

function tellOnce({ engine, context, told }: ApplyTables): void {
  if (told.has('subtables')) return;
  told.add('subtables');
  context.warn(
    `rows of subtables that a group does not mention stay, since a script for ${engine.dialect.name} cannot look for them: --target-schema tells it which there are`,
  );
}

// The same in a script, which cannot look: only where the engine itself can go over tables.
function forsakenByName(merge: Merge, { naming, own, tables }: ApplyTables): string[] {
  const { dialect, schema } = naming;
  if (dialect.forEachTable === undefined) return [];
  const literal = (text: string) => dialect.literal(text);
  const mentioned = tables.map(({ name }) => literal(name)).join(', ');
  const has = (names: readonly string[]) =>
    `(SELECT count(*) FROM information_schema.columns c WHERE c.table_schema = ${literal(schema)} AND c.table_name = b.target AND c.column_name IN (${names.map(literal).join(', ')})) = ${names.length}`;
  const tablesWith = (...conditions: readonly string[]) =>
    `SELECT b.target FROM ${own.table} b WHERE b.parent = ${literal(merge.targetName)} AND b.table_name NOT IN (${mentioned}) AND ${conditions.join(' AND ')} ORDER BY b.target`;
  const names = keyNames(merge, naming);
  const keys = names.map(dialect.identifier);
  const each = dialect.forEachTable;
  const clear = (query: string, order: Merge['order']) =>
    each(query, schema, (target) => forsaken(merge, { target, keys, order }));
  const ordered = orderNames(merge, naming);
  const statements =
    ordered.length === 0
      ? [clear(tablesWith(has(names)), [])]
      : [
          clear(tablesWith(has(names), has(ordered)), merge.order),
          clear(tablesWith(has(names), `NOT ${has(ordered)}`), []),
        ];
  if (merge.version === undefined) return statements;
  const version = columnName(merge.version.name, naming);
  const having = tablesWith(has([...names, version]));
  for (const i of followVersion(merge, '', dialect.identifier(version)).keys()) {
    statements.push(
      each(having, schema, (table) => followVersion(merge, table, dialect.identifier(version))[i]!),
    );
  }
  return statements;
}
