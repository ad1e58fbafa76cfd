/**
 * Where every id of Contentsquare's `user_migrations` ends, as statements: the map says that an id became another one,
 * in chains and now and then in a circle.
 *
 * Every row knows where its id is after 2^n steps, and each round puts two such walks together, so that few rounds go
 * any way. A recursion would be shorter to write, and is not to be had everywhere: Databricks ends one after 100 steps
 * (https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-syntax-qry-select-cte), BigQuery after 500
 * (https://cloud.google.com/bigquery/docs/recursive-ctes), Spark has none before 4.1, and none of the three, nor Redshift
 * (https://docs.aws.amazon.com/redshift/latest/dg/r_WITH_clause.html), nor Snowflake
 * (https://docs.snowflake.com/en/sql-reference/constructs/with), takes the UNION that ends it in a circle.
 */

import type { Dialect } from '../dialects/dialect.ts';
import type { Prepared } from './apply-tables.ts';
import type { Engine } from './engine.ts';
import { createStageTable, deleteFrom } from './forms.ts';
import { columnName, type Naming, qualified } from './names.ts';

/** The map as a unit brought it, and the table of its closure, qualified and quoted. */
export interface Closure extends Pick<Prepared, 'table' | 'plan' | 'merge'> {
  readonly resolved: string;
  readonly naming: Naming;
}

const MAP = 'brigade_map';

// Of a script, which cannot stop before: they go to the end of any chain of 2^16 ids, its end among them.
const ROUNDS = 16;

// The round of what has reached its end.
const ENDED = -1;

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

// No statement of MySQL names a temporary table twice.
const isPermanent = ({ opensOnce }: Dialect) => opensOnce === true;

const mapName = (naming: Naming): string => (isPermanent(naming.dialect) ? qualified(MAP, naming) : MAP);

/** Makes the table that a closure is found in; not within a transaction, unless tables can be made there. */
export function createMap(naming: Naming): string {
  const { dialect } = naming;
  const bigint = dialect.type('bigint');
  const columns = [`n ${dialect.type('int')}`, ...['f', 't', 'low'].map((name) => `${name} ${bigint}`)];
  return createStageTable(mapName(naming), columns, dialect, {
    key: [
      { id: 'f', type: 'bigint' },
      { id: 'n', type: 'int' },
    ],
    ifMissing: true,
    permanent: isPermanent(dialect),
  });
}

/**
 * Writes the closure anew. `f` is after 2^n steps at `t`; the least of the ids on its way is `low`. Where there is no
 * next step the way has an end, noted as such. What has none after the last round goes round: `t` is on the circle then,
 * and its own `low` is the smallest id of it. That a circle was walked as a whole shows at that id: it has come upon
 * itself.
 */
export async function writeClosure(
  { table, plan, merge, resolved, naming }: Closure,
  engine: Engine,
): Promise<void> {
  const { dialect } = naming;
  const { guard } = merge;
  const source = qualified(table.target, naming);
  const map = mapName(naming);
  const [from, to] = (['from_user_id', 'to_user_id'] as const).map((name) => {
    const type = plan.columns.find(({ column }) => column.name.toLowerCase() === name)?.type ?? 'text';
    const id = dialect.identifier(columnName(name, naming));
    const text = dialect.cast(`m.${id}`, type, 'text');
    const found = dialect.literal(`table ${table.name}: expected whole numbers in ${name}, found `);
    return {
      given: `m.${id} IS NOT NULL`,
      number: type === 'bigint' ? `m.${id}` : dialect.cast(text, 'staged text', 'bigint'),
      check: dialect.check(
        `SELECT ${found} || ${text} FROM ${source} m WHERE ${isNoId(text, dialect)} LIMIT 1`,
      ),
    };
  }) as [Id, Id];
  const analyze = async (name: string, columns: readonly string[]) => {
    if (dialect.analyze !== undefined) await engine.run(dialect.analyze(name, columns));
  };
  const empty = deleteFrom(map, {}, dialect);

  await engine.run(from.check);
  await engine.run(to.check);
  await engine.run(empty);
  const when = guard === undefined ? '' : ` AND ${guard}`;
  await engine.run(
    `INSERT INTO ${map} (n, f, t, low) SELECT 0, p.f, p.t, p.t FROM (SELECT ${from.number} AS f, max(${to.number}) AS t FROM ${source} m WHERE ${from.given} AND ${to.given}${when} GROUP BY 1) p`,
  );
  const circling = (n: number) => `FROM ${map} a JOIN ${map} b ON b.f = a.t AND b.n = ${n}`;
  const underway = (n: number) =>
    `FROM ${map} a LEFT JOIN ${map} b ON b.f = a.t AND b.n = ${n} LEFT JOIN ${map} c ON c.f = b.low AND c.n = ${n} AND c.low = c.f WHERE a.n = ${n} AND c.f IS NULL LIMIT 1`;
  let n = 0;
  for (; ; n++) {
    await analyze(map, ['n', 'f', 't']);
    const left = await engine.rows(`SELECT a.f ${underway(n)}`);
    if (left === undefined ? n === ROUNDS : left.length === 0) break;
    await engine.run(
      `INSERT INTO ${map} (n, f, t, low) SELECT CASE WHEN b.n = ${n} THEN ${n + 1} ELSE ${ENDED} END, a.f, coalesce(b.t, a.t), CASE WHEN b.low < a.low THEN b.low ELSE a.low END FROM ${map} a LEFT JOIN ${map} b ON b.f = a.t AND b.n IN (${n}, ${ENDED}) WHERE a.n = ${n}`,
    );
  }
  if (n === ROUNDS) {
    const long = dialect.literal(
      `table ${table.name}: expected chains of at most ${2 ** ROUNDS} ids, as far as a script goes, found a longer one that begins with `,
    );
    await engine.run(
      dialect.check(`SELECT ${long} || ${dialect.cast('a.f', 'bigint', 'text')} ${underway(n)}`),
    );
  }
  await engine.run(deleteFrom(resolved, { when: guard }, dialect));
  await engine.run(
    `INSERT INTO ${resolved} (from_user_id, to_user_id) SELECT a.f, a.t FROM ${map} a WHERE a.n = ${ENDED} UNION ALL SELECT a.f, b.low ${circling(n)} WHERE a.n = ${n}`,
  );
  await analyze(resolved, ['from_user_id']);
  await engine.run(empty);
}

interface Id {
  /** A condition. */
  readonly given: string;
  readonly number: string;
  readonly check: string;
}
