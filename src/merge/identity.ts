/**
 * Contentsquare's users: `user_migrations` says that an id became another one, in chains, and the vendor resolves none
 * of it (Contentsquare, "Data Connect": `user_migrations` maps `from_user_id` to `to_user_id`). Here its closure is kept
 * as `user_migrations_resolved`, made anew whenever the map arrives, and applied to the whole history: by views beside
 * the tables, or by rewriting the tables themselves.
 *
 * Ids are compared as 64-bit integers: in the files `user_id` is a long, while the two columns of the map are strings.
 */

import type { TargetColumn } from '../dialects/dialect.ts';
import { mismatch } from '../errors.ts';
import type { ApplyTables, Prepared } from './apply-tables.ts';
import { deleteFrom, updateFrom } from './forms.ts';
import type { ColumnType } from './lattice.ts';
import { columnName, qualified, targetName } from './names.ts';
import type { TablePlan } from './plan.ts';
import type { StagedTable } from './staged.ts';

const MAP = 'user_migrations';
const USERS = 'users';
const SUFFIX = '_resolved';
const USER = 'user_id';
const NEWEST = 'last_modified';

/** What is done about identities in a unit; undefined: nothing. */
function identityMode(apply: ApplyTables): 'views' | 'rewrite' | undefined {
  const { identity = 'views' } = apply.options;
  if (apply.feed !== 'contentsquare' || identity === 'off') return undefined;
  if (apply.engine.dialect.replacingView !== undefined) return identity;
  if (apply.options.identity === undefined) {
    if (!apply.told.has(MAP) && apply.tables.some(({ name }) => same(name, MAP))) {
      apply.told.add(MAP);
      apply.context.warn(
        `${MAP} is merged as it comes: ${apply.engine.dialect.name} resolves no identities (--identity off)`,
      );
    }
    return undefined;
  }
  throw mismatch('--identity', `off for ${apply.engine.dialect.name}`, identity);
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** What the target calls the resolved map, unquoted. */
function resolvedName(apply: ApplyTables): string {
  return `${targetName(MAP, apply, apply.naming) ?? MAP}${SUFFIX}`;
}

// A table whose rows belong to users, as a unit has it.
interface UserTable {
  /** Unquoted. */
  readonly target: string;
  readonly isUsers: boolean;
  /** Of its `user_id`; undefined: not known. */
  readonly type: ColumnType | undefined;
  /** It has the column that tells which of two rows of a user is the newer one. */
  readonly hasOrder: boolean;
}

function userTable(table: StagedTable, plan: TablePlan): UserTable | undefined {
  if (same(table.name, MAP) || table.line.parent !== undefined) return undefined;
  const staged = plan.columns.flatMap(({ column, type }) => (type === undefined ? [] : [column.name]));
  const promised = [...table.promised.values()].flatMap(({ name, type }) =>
    type === undefined ? [] : [name],
  );
  const names = [...staged, ...promised];
  if (!names.some((name) => same(name, USER))) return undefined;
  return {
    target: table.target,
    isUsers: same(table.name, USERS),
    type: plan.columns.find(({ column }) => same(column.name, USER))?.type,
    hasOrder: names.some((name) => same(name, NEWEST)),
  };
}

/** Pieces of statements about one table, `t`, and the resolved map, `r`. */
function partsOf(table: UserTable, apply: ApplyTables) {
  const { naming, engine } = apply;
  const { dialect } = engine;
  const id = (name: string) => dialect.identifier(columnName(name, naming));
  const { type } = table;
  const as = (column: string) =>
    type === undefined || type === 'bigint' || type === 'int'
      ? `r.${column}`
      : `CAST(r.${column} AS ${dialect.type(type)})`;
  const user = id(USER);
  const on = `${as('from_user_id')} = t.${user}`;
  const target = qualified(table.target, naming);
  const resolved = qualified(resolvedName(apply), naming);
  const from = `${target} t LEFT JOIN ${resolved} r ON ${on}`;
  const now = `coalesce(${as('to_user_id')}, t.${user})`;
  // Of the rows of one user its own is kept, else the newest one of those that became it.
  const newest = table.hasOrder ? `t.${id(NEWEST)} DESC NULLS LAST, ` : '';
  const ranked = `SELECT t.${user} AS u, row_number() OVER (PARTITION BY ${now} ORDER BY CASE WHEN t.${user} = ${now} THEN 0 ELSE 1 END, ${newest}t.${user}) AS n FROM ${from}`;
  return { user, as, on, target, resolved, from, now, ranked };
}

/** Before a table's columns are widened: PostgreSQL refuses to while a view uses them. */
export function dropView(table: StagedTable, plan: TablePlan, apply: ApplyTables): string[] {
  if (plan.widen.length === 0 || identityMode(apply) !== 'views' || userTable(table, plan) === undefined)
    return [];
  return [`DROP VIEW IF EXISTS ${qualified(table.target + SUFFIX, apply.naming)}`];
}

/** When the columns of all tables fit: the table of the closure, and the views. */
export async function prepareIdentity(
  plans: ReadonlyMap<StagedTable, TablePlan>,
  apply: ApplyTables,
): Promise<void> {
  const mode = identityMode(apply);
  if (mode === undefined) return;
  const { engine, naming } = apply;
  const { dialect } = engine;
  const name = resolvedName(apply);
  const resolved = qualified(name, naming);
  const bigint = dialect.type('bigint');
  if (!Array.isArray(await engine.columns(name))) {
    await engine.run(
      `CREATE TABLE IF NOT EXISTS ${resolved} (from_user_id ${bigint} NOT NULL, to_user_id ${bigint} NOT NULL)`,
    );
    if (dialect.keyIndex !== undefined)
      await engine.run(
        dialect.keyIndex(resolved, `${name}_brigade_key`, [{ id: 'from_user_id', type: 'bigint' }]),
      );
  }
  if (mode !== 'views') return;
  for (const [table, plan] of plans) {
    const about = userTable(table, plan);
    if (about === undefined) continue;
    const view = about.target + SUFFIX;
    const there = await engine.rows(
      `SELECT table_type AS kind FROM information_schema.tables WHERE table_schema = ${dialect.literal(naming.schema)} AND table_name = ${dialect.literal(view)}`,
    );
    const kind = there?.[0]?.['kind'];
    if (kind !== undefined && kind !== 'VIEW')
      throw mismatch(
        `table ${table.name}`,
        `the name ${view} free for its view (or --identity off)`,
        'a table',
      );
    if (kind !== undefined && plan.ddl.length === 0) continue;
    const columns = there === undefined ? undefined : await engine.columns(about.target);
    await engine.run(viewOf(about, qualified(view, naming), columns ?? undefined, apply));
  }
}

function viewOf(
  table: UserTable,
  view: string,
  columns: readonly TargetColumn[] | undefined,
  apply: ApplyTables,
): string {
  const { dialect } = apply.engine;
  const { from, now, ranked, user, target } = partsOf(table, apply);
  const one = table.isUsers ? ` WHERE t.${user} IN (SELECT q.u FROM (${ranked}) q WHERE q.n = 1)` : '';
  const rest = `FROM ${from}${one}`;
  if (columns === undefined)
    return dialect.replacingView!({
      view,
      table: target,
      column: columnName(USER, apply.naming),
      by: now,
      rest,
    });
  const list = columns.map(({ name }) => {
    const id = dialect.identifier(name);
    return same(name, USER) ? `${now} AS ${id}` : `t.${id}`;
  });
  return `CREATE OR REPLACE VIEW ${view} AS SELECT ${list.join(', ')} ${rest}`;
}

/** After the merges of a unit, in its transaction: the closure, if the map came, and what follows from it. */
export async function applyIdentity(prepared: readonly Prepared[], apply: ApplyTables): Promise<void> {
  const mode = identityMode(apply);
  if (mode === undefined) return;
  const { engine, flag } = apply;
  const map = prepared.find(({ table }) => same(table.name, MAP));
  if (map !== undefined) {
    const body = async () => {
      for (const statement of closure(map, apply)) await engine.run(statement);
    };
    if (flag === undefined) await body();
    else await engine.when(flag(map.table.n), body);
  }
  if (mode !== 'rewrite') return;
  const tables = prepared.flatMap(({ table, plan }) => userTable(table, plan) ?? []);
  if (map !== undefined) tables.push(...(await otherTables(prepared, apply)));
  for (const table of tables) for (const statement of rewrite(table, apply)) await engine.run(statement);
}

// Tables of the same source that this unit does not mention; only a connection can tell.
async function otherTables(prepared: readonly Prepared[], apply: ApplyTables): Promise<UserTable[]> {
  const { engine, own, source } = apply;
  const { dialect } = engine;
  const rows = await engine.rows(
    `SELECT target, table_name FROM ${own.table} WHERE source = ${dialect.literal(source ?? '')} ORDER BY target`,
  );
  const others: UserTable[] = [];
  for (const row of rows ?? []) {
    const [target, name] = [String(row['target']), String(row['table_name'])];
    if (same(name, MAP) || prepared.some(({ table }) => table.target === target)) continue;
    const columns = (await engine.columns(target)) ?? [];
    const user = columns.find((column) => same(column.name, USER));
    if (user === undefined) continue;
    const hasOrder = columns.some((column) => same(column.name, NEWEST));
    others.push({ target, isUsers: same(name, USERS), type: user.type, hasOrder });
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

/**
 * Where every id of the map ends. From the ends of the chains backwards each id is met once; what is not met leads into
 * a circle, and ends at its smallest id. Both steps end, whatever the map says.
 */
function closure({ table }: Prepared, apply: ApplyTables): string[] {
  const { engine, naming } = apply;
  const { dialect } = engine;
  const map = qualified(table.target, naming);
  const resolved = qualified(resolvedName(apply), naming);
  const text = dialect.type('text');
  const bigint = dialect.type('bigint');
  const ids = ['from_user_id', 'to_user_id'].map((name) => dialect.identifier(columnName(name, naming)));
  const [from, to] = ids as [string, string];
  const said = (id: string) => `CAST(m.${id} AS ${text})`;
  const isOdd = (id: string) => `(${said(id)} = '' OR ltrim(${said(id)}, '-0123456789') <> '')`;
  const checks = ids.map((id) =>
    dialect.check(
      `SELECT ${dialect.literal(`table ${table.name}: expected whole numbers in ${id.replaceAll('"', '')}, found `)} || ${said(id)} FROM ${map} m WHERE ${isOdd(id)} LIMIT 1`,
    ),
  );
  const steps = [
    `m (f, t) AS (SELECT CAST(${from} AS ${bigint}), max(CAST(${to} AS ${bigint})) FROM ${map} WHERE ${from} IS NOT NULL AND ${to} IS NOT NULL GROUP BY 1)`,
    `back (f, t) AS (SELECT m.f, m.t FROM m WHERE NOT EXISTS (SELECT 1 FROM m e WHERE e.f = m.t) UNION ALL SELECT m.f, b.t FROM back b JOIN m ON m.t = b.f)`,
    `circling (f, t) AS (SELECT m.f, m.t FROM m WHERE NOT EXISTS (SELECT 1 FROM back b WHERE b.f = m.f))`,
    `walk (f, t) AS (SELECT f, t FROM circling UNION SELECT w.f, o.t FROM walk w JOIN circling o ON o.f = w.t)`,
  ];
  const ends = `SELECT w.f, min(w.t) FROM walk w JOIN walk c ON c.f = w.t AND c.t = w.t GROUP BY w.f`;
  return [
    ...checks,
    `DELETE FROM ${resolved}`,
    `INSERT INTO ${resolved} (from_user_id, to_user_id) WITH RECURSIVE ${steps.join(', ')} SELECT f, t FROM back UNION ALL ${ends}`,
    ...(dialect.analyze === undefined ? [] : [dialect.analyze(resolved, ['from_user_id'])]),
  ];
}
