/**
 * Where every id of Contentsquare's `user_migrations` ends, as statements: the map says that an id became another one,
 * in chains and now and then in a circle.
 */

import type { Dialect } from '../dialects/dialect.ts';
import { createStageTable, dropStage } from './forms.ts';
import { columnName, type Naming, qualified } from './names.ts';
import type { TablePlan } from './plan.ts';
import type { StagedTable } from './staged.ts';

/** The map as a unit brought it, and the table of its closure, qualified and quoted. */
export interface Closure {
  readonly table: StagedTable;
  readonly plan: TablePlan;
  readonly resolved: string;
  readonly naming: Naming;
}

// The map, an id once.
const MAP = 'brigade_map';

const MAX_BIGINT = '9223372036854775807';
const DIGITS = [...'0123456789'];

// Text that is no whole number, or one that no bigint holds: some engines would read something else from it.
function isNoId(text: string, dialect: Dialect): string {
  const digits = `CASE WHEN ${text} LIKE '-%' THEN substr(${text}, 2) ELSE ${text} END`;
  const others = DIGITS.reduce((rest, digit) => `replace(${rest}, '${digit}', '')`, digits);
  const short = dialect.withoutZeros?.(digits) ?? `ltrim(${digits}, '0')`;
  const isBig = `(length(${short}) = ${MAX_BIGINT.length} AND ${dialect.bytewise(short)} > '${MAX_BIGINT}')`;
  return `(${digits} = '' OR ${others} <> '' OR length(${short}) > ${MAX_BIGINT.length} OR ${isBig})`;
}

/**
 * Writes the closure anew. From the ends of the chains backwards each id is met once; what is not met leads into a
 * circle, and ends at its smallest id. Both steps end, whatever the map says.
 */
export function closure({ table, plan, resolved, naming }: Closure): string[] {
  const { dialect } = naming;
  const map = qualified(table.target, naming);
  const bigint = dialect.type('bigint');
  const [from, to] = (['from_user_id', 'to_user_id'] as const).map((name) => {
    const type = plan.columns.find(({ column }) => column.name.toLowerCase() === name)?.type ?? 'text';
    const id = dialect.identifier(columnName(name, naming));
    const text = dialect.cast(`m.${id}`, type, 'text');
    const found = dialect.literal(`table ${table.name}: expected whole numbers in ${name}, found `);
    return {
      given: `m.${id} IS NOT NULL`,
      number: type === 'bigint' ? `m.${id}` : dialect.cast(text, 'staged text', 'bigint'),
      check: dialect.check(`SELECT ${found} || ${text} FROM ${map} m WHERE ${isNoId(text, dialect)} LIMIT 1`),
    };
  }) as [Id, Id];
  const pairs = `SELECT ${from.number} AS f, max(${to.number}) AS t FROM ${map} m WHERE ${from.given} AND ${to.given} GROUP BY 1`;
  const steps = [
    `back (f, t) AS (SELECT m.f, m.t FROM ${MAP} m LEFT JOIN ${MAP} e ON e.f = m.t WHERE e.f IS NULL UNION ALL SELECT m.f, b.t FROM back b JOIN ${MAP} m ON m.t = b.f)`,
    `circling (f, t) AS (SELECT m.f, m.t FROM ${MAP} m LEFT JOIN back b ON b.f = m.f WHERE b.f IS NULL)`,
    `walk (f, t) AS (SELECT f, t FROM circling UNION SELECT w.f, o.t FROM walk w JOIN circling o ON o.f = w.t)`,
  ];
  const ends = `SELECT w.f, min(w.t) FROM walk w JOIN walk c ON c.f = w.t AND c.t = w.t GROUP BY w.f`;
  // SQLite looks the map up at every step of the recursion, which takes an index.
  const isStaged = dialect.opensOnce !== true;
  const key = [{ id: 't', type: 'bigint' }] as const;
  return [
    from.check,
    to.check,
    ...(isStaged
      ? [
          dropStage(MAP, dialect),
          createStageTable(MAP, [`f ${bigint}`, `t ${bigint}`], dialect, { unique: 'f', key }),
          `INSERT INTO ${MAP} (f, t) ${pairs}`,
          ...analyzed(MAP, 't', dialect),
        ]
      : []),
    `DELETE FROM ${resolved}`,
    `INSERT INTO ${resolved} (from_user_id, to_user_id) WITH RECURSIVE ${[...(isStaged ? [] : [`${MAP} AS (${pairs})`]), ...steps].join(', ')} SELECT f, t FROM back UNION ALL ${ends}`,
    ...analyzed(resolved, 'from_user_id', dialect),
    ...(isStaged ? [dropStage(MAP, dialect)] : []),
  ];
}

const analyzed = (table: string, column: string, { analyze }: Dialect): string[] =>
  analyze === undefined ? [] : [analyze(table, [column])];

interface Id {
  /** A condition. */
  readonly given: string;
  readonly number: string;
  readonly check: string;
}
