/**
 * Contentsquare's users: `user_migrations` says that an id became another one, in chains, and the vendor resolves none
 * of it (Contentsquare, "Data Connect": `user_migrations` maps `from_user_id` to `to_user_id`). Here its closure is kept
 * as `user_migrations_resolved`, made anew whenever the map arrives, and applied to the whole history: by views beside
 * the tables, or by rewriting the tables themselves.
 *
 * Ids are compared as 64-bit integers: in the files `user_id` is a long, while the two columns of the map are strings.
 */

import type { ReplacingView, TargetColumn } from '../dialects/dialect.ts';
import { mismatch } from '../errors.ts';
import type { ApplyTables, Prepared } from './apply-tables.ts';
import { createMap, writeClosure } from './closure.ts';
import { deleteFrom, updateFrom } from './forms.ts';
import { type ColumnType, columnType } from './lattice.ts';
import { columnName, qualified, targetName } from './names.ts';
import type { TablePlan } from './plan.ts';
import type { StagedTable } from './staged.ts';
import { newestFirst } from './statement.ts';

const MAP = 'user_migrations';
const USERS = 'users';
const SUFFIX = '_resolved';
const USER = 'user_id';
const NEWEST = 'last_modified';

/** What is done about identities in a unit; undefined: nothing. */
function identityMode(apply: ApplyTables): 'views' | 'rewrite' | undefined {
  const { identity = 'views' } = apply.options;
  return apply.feed !== 'contentsquare' || identity === 'off' ? undefined : identity;
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** What the target calls the resolved map, unquoted. */
function resolvedName(apply: ApplyTables): string {
  return resolvedBeside(targetName(MAP, apply, apply.naming) ?? MAP, apply);
}

/** The name of what stands beside a table; both unquoted. */
const resolvedBeside = (target: string, { naming }: ApplyTables): string =>
  target + columnName(SUFFIX, naming);

// A table whose rows belong to users, as a unit has it.
export interface UserTable {
  /** Unquoted. */
  readonly target: string;
  readonly isUsers: boolean;
  /** Of its `user_id`. */
  readonly type: ColumnType;
  /** Of the column that tells which of two rows of a user is the newer one; undefined: it has none. */
  readonly order: ColumnType | undefined;
  /** The names of its columns, as far as this unit tells. */
  readonly columns: readonly string[];
}

function userTable(table: StagedTable, plan: TablePlan): UserTable | undefined {
  if (same(table.name, MAP) || table.line.parent !== undefined) return undefined;
  const staged = plan.columns.flatMap(({ column, type }) =>
    type === undefined ? [] : [{ name: column.target, type }],
  );
  const names = new Set(staged.map(({ name }) => name.toLowerCase()));
  const promised = [...table.promised.values()].flatMap((column) => {
    const type = columnType(column);
    return type === undefined || names.has(column.name.toLowerCase()) ? [] : [{ name: column.name, type }];
  });
  return tableOf(table.target, table.name, [...staged, ...promised]);
}

function tableOf(
  target: string,
  name: string,
  columns: readonly { readonly name: string; readonly type: ColumnType | undefined }[],
): UserTable | undefined {
  const find = (wanted: string) => columns.find((column) => same(column.name, wanted));
  const user = find(USER);
  if (user === undefined) return undefined;
  return {
    target,
    isUsers: same(name, USERS),
    type: user.type ?? 'bigint',
    order: find(NEWEST)?.type,
    columns: columns.map((column) => column.name),
  };
}

/** Pieces of statements about one table, `t`, and the resolved map, `r`. */
function partsOf(table: UserTable, apply: ApplyTables) {
  const { naming, engine } = apply;
  const { dialect } = engine;
  const id = (name: string) => dialect.identifier(columnName(name, naming));
  const as = (column: string) =>
    table.type === 'int' ? `r.${column}` : dialect.cast(`r.${column}`, 'bigint', table.type);
  const user = id(USER);
  const on = `${as('from_user_id')} = t.${user}`;
  const target = qualified(table.target, naming);
  const resolved = qualified(resolvedName(apply), naming);
  const from = `${target} t LEFT JOIN ${resolved} r ON ${on}`;
  const now = `coalesce(${as('to_user_id')}, t.${user})`;
  // Of the rows of one user its own is kept, else the newest one of those that became it.
  const newest =
    table.order === undefined ? [] : newestFirst(dialect, [{ id: id(NEWEST), type: table.order }], 't');
  const ranks = [`CASE WHEN t.${user} = ${now} THEN 0 ELSE 1 END`, ...newest, `t.${user}`];
  const ranked = `SELECT t.${user} AS u, row_number() OVER (PARTITION BY ${now} ORDER BY ${ranks.join(', ')}) AS n FROM ${from}`;
  return { user, as, on, target, resolved, from, now, ranked };
}

/** Before a table's columns are widened: PostgreSQL refuses to while a view uses them. */
export function dropView(table: StagedTable, plan: TablePlan, apply: ApplyTables): string[] {
  const view = plan.widen.length === 0 ? undefined : viewName(table, plan, apply);
  if (view === undefined) return [];
  const name = resolvedBeside(table.target, apply);
  apply.engine.changed?.(name, []);
  apply.views.delete(name);
  return [`DROP VIEW IF EXISTS ${view}`];
}

/** The view beside a table, if it is to have one; qualified and quoted. */
export function viewName(table: StagedTable, plan: TablePlan, apply: ApplyTables): string | undefined {
  if (identityMode(apply) !== 'views' || userTable(table, plan) === undefined) return undefined;
  return qualified(resolvedBeside(table.target, apply), apply.naming);
}

/** What drops that view, and what makes it again of the columns that the table has by then. */
export async function resolvedView(
  table: StagedTable,
  plan: TablePlan,
  apply: ApplyTables,
): Promise<{ readonly drop: readonly string[]; readonly create: readonly string[] } | undefined> {
  const about = userTable(table, plan);
  const view = viewName(table, plan, apply);
  if (about === undefined || view === undefined) return undefined;
  const columns = (await apply.engine.columns(about.target)) ?? undefined;
  return { drop: [`DROP VIEW IF EXISTS ${view}`], create: viewOf(about, columns, apply) };
}

/** When the columns of all tables fit: the table of the closure, and the views. */
export async function prepareIdentity(
  plans: ReadonlyMap<StagedTable, TablePlan>,
  apply: ApplyTables,
): Promise<void> {
  const { engine } = apply;
  const mode = identityMode(apply);
  if (mode === undefined) return;
  await createResolved(apply);
  if ([...plans.keys()].some(({ name, declaredOnly }) => same(name, MAP) && !declaredOnly))
    await engine.run(createMap(apply.naming));
  if (mode !== 'views') return;
  for (const [table, plan] of plans) {
    const about = userTable(table, plan);
    if (about !== undefined) await createView(about, table.name, apply);
  }
}

async function createResolved(apply: ApplyTables): Promise<void> {
  const { engine, naming } = apply;
  const { dialect } = engine;
  const name = resolvedName(apply);
  if (Array.isArray(await engine.columns(name))) return;
  const resolved = qualified(name, naming);
  const bigint = dialect.type('bigint');
  const key = [{ id: 'from_user_id', type: 'bigint' }] as const;
  const clause = dialect.keyClause === undefined ? '' : `, ${dialect.keyClause(key)}`;
  await engine.run(
    `CREATE TABLE IF NOT EXISTS ${resolved} (from_user_id ${bigint} NOT NULL, to_user_id ${bigint} NOT NULL${clause})`,
  );
  if (dialect.keyIndex !== undefined)
    await engine.run(dialect.keyIndex(resolved, `${name}_brigade_key`, key));
}

async function createView(about: UserTable, name: string, apply: ApplyTables): Promise<void> {
  const { engine, naming } = apply;
  const { dialect } = engine;
  const view = resolvedBeside(about.target, apply);
  const schema = naming.schema === '' ? 'DATABASE()' : dialect.literal(naming.schema);
  const there = await engine.rows(
    `SELECT table_type AS kind FROM ${dialect.tablesView ?? 'information_schema.tables'} WHERE table_schema = ${schema} AND table_name = ${dialect.literal(view)}`,
  );
  const kind = there?.[0]?.['kind'];
  if (kind !== undefined && kind !== 'VIEW')
    throw mismatch(`table ${name}`, `the name ${view} free for its view (or --identity off)`, 'a table');
  const columns = (await engine.columns(about.target)) ?? undefined;
  // What a script does not know its view has, as long as no column came that it did not have when it was made.
  const known = apply.views.get(view);
  if (there === undefined && known !== undefined && about.columns.every((each) => known.has(each))) return;
  apply.views.set(view, new Set([...(known ?? []), ...about.columns]));
  // One that is there and has all columns keeps its grants.
  const seen = await engine.columns(view);
  if (JSON.stringify(seen?.map(nameOf) ?? []) === JSON.stringify(columns?.map(nameOf))) return;
  for (const statement of viewOf(about, columns, apply)) await engine.run(statement);
  if (columns !== undefined) engine.changed?.(view, columns);
}

function viewOf(
  about: UserTable,
  columns: readonly TargetColumn[] | undefined,
  apply: ApplyTables,
): readonly string[] {
  const { naming } = apply;
  const view = resolvedBeside(about.target, apply);
  const { from, now, ranked, user, target } = partsOf(about, apply);
  const one = about.isUsers ? ` WHERE t.${user} IN (SELECT q.u FROM (${ranked}) q WHERE q.n = 1)` : '';
  const form: ReplacingView = {
    view: qualified(view, naming),
    table: target,
    schema: naming.schema,
    name: about.target,
    viewName: view,
    columns: columns?.map(nameOf),
    expected: about.columns,
    column: columnName(USER, naming),
    by: now,
    rest: `FROM ${from}${one}`,
  };
  return naming.dialect.replacingView(form);
}

const nameOf = ({ name }: TargetColumn): string => name;

/** After the merges of a unit, in its transaction: the closure, if the map came, and what follows from it. */
export async function applyIdentity(prepared: readonly Prepared[], apply: ApplyTables): Promise<void> {
  const mode = identityMode(apply);
  if (mode === undefined) return;
  const { engine, flag } = apply;
  const map = prepared.find(({ table }) => same(table.name, MAP));
  if (map !== undefined) {
    const body = async () => {
      const resolved = qualified(resolvedName(apply), apply.naming);
      await writeClosure({ ...map, resolved, naming: apply.naming }, engine);
    };
    if (flag === undefined) await body();
    else await engine.when(flag(map.table.n), body);
  }
  if (mode !== 'rewrite') return;
  const own = prepared.flatMap(({ table, plan }) => userTable(table, plan) ?? []);
  const tables = map === undefined ? own : [...own, ...(await otherTables(prepared, apply))];
  for (const table of own) apply.userTables.set(table.target, table);
  for (const table of tables) for (const statement of rewrite(table, apply)) await engine.run(statement);
}

// Tables of the same source that this unit does not mention: a connection can tell, a script knows those before it.
async function otherTables(prepared: readonly Prepared[], apply: ApplyTables): Promise<UserTable[]> {
  const { engine, own, source } = apply;
  const { dialect } = engine;
  const rows = await engine.rows(
    `SELECT target, table_name FROM ${own.table} WHERE source = ${dialect.literal(source ?? '')} ORDER BY target`,
  );
  const isOther = (target: string) => !prepared.some(({ table }) => table.target === target);
  if (rows === undefined) return [...apply.userTables.values()].filter(({ target }) => isOther(target));
  const others: UserTable[] = [];
  for (const row of rows) {
    const [target, name] = [String(row['target']), String(row['table_name'])];
    if (same(name, MAP) || !isOther(target)) continue;
    const table = tableOf(target, name, (await engine.columns(target)) ?? []);
    if (table !== undefined) others.push(table);
  }
  return others;
}

function rewrite(table: UserTable, apply: ApplyTables): string[] {
  const { dialect } = apply.engine;
  const { user, as, on, target, resolved, ranked } = partsOf(table, apply);
  const update = updateFrom(
    target,
    {
      sets: [`${user} = ${as('to_user_id')}`],
      from: `${resolved} r`,
      on: `${on} AND r.from_user_id <> r.to_user_id`,
    },
    dialect,
  );
  if (!table.isUsers) return [update];
  const from = `(SELECT q.u FROM (${ranked}) q WHERE q.n > 1) l`;
  return [deleteFrom(target, { from, on: (t) => `${t}.${user} = l.u` }, dialect), update];
}
