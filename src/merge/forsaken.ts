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
