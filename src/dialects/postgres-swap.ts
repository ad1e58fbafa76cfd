/**
 * How PostgreSQL puts a new table in the place of another: all of it can be rolled back, and others wait for the end of
 * the transaction, then find the new table. https://www.postgresql.org/docs/current/sql-altertable.html
 */

import { type Dialect, type SwapForms, type SwapPair, singleQuoted } from './dialect.ts';

/** `block`: an anonymous block of statements. */
export function postgresSwap({
  block,
  check,
}: Pick<Dialect, 'check'> & { readonly block: (body: string) => string }): SwapForms {
  return {
    bindsViews: true,
    begin: (pair) => [
      // Nobody writes to the table, or changes it, from here on; reading goes on until it is dropped.
      // https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
      `LOCK TABLE ${pair.target} IN SHARE ROW EXCLUSIVE MODE`,
      check(obstacle(pair)),
    ],
    // Indexes are made when the rows are there, since that is faster than to keep them while rows come.
    // https://www.postgresql.org/docs/current/sql-createtable.html#SQL-CREATETABLE-PARMS-LIKE
    make: ({ target, shadow }) => [`CREATE TABLE ${shadow} (LIKE ${target} INCLUDING ALL EXCLUDING INDEXES)`],
    filled: (pair) => [block(copyIndexes(pair))],
    take: (pair) => [block(takePlace(pair))],
  };
}

const oid = (table: string) => `${singleQuoted(table)}::regclass`;

// What a table without any of it would break (DROP fails where something depends on it, and this says it first) or
// lose without a word: LIKE takes none of these along. Grants and comments are said in the docs.
function obstacle({ table, target, view }: SwapPair): string {
  const t = oid(target);
  const own = view === undefined ? '' : ` AND r.ev_class IS DISTINCT FROM to_regclass(${singleQuoted(view)})`;
  const described = `regexp_replace(pg_describe_object(d.classid, d.objid, d.objsubid), '^rule "?_RETURN"? on ', '')`;
  const things = [
    `SELECT ${described} AS found FROM pg_depend d LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid WHERE d.deptype = 'n' AND d.refclassid = 'pg_class'::regclass AND d.refobjid = ${t} AND (d.classid = 'pg_proc'::regclass OR k.conrelid <> ${t} OR (r.ev_class <> ${t}${own}))`,
    `SELECT 'trigger ' || g.tgname FROM pg_trigger g WHERE g.tgrelid = ${t} AND NOT g.tgisinternal`,
    `SELECT 'rule ' || r.rulename FROM pg_rewrite r WHERE r.ev_class = ${t}`,
    `SELECT 'policy ' || p.polname FROM pg_policy p WHERE p.polrelid = ${t}`,
    `SELECT 'foreign key ' || k.conname FROM pg_constraint k WHERE k.conrelid = ${t} AND k.contype = 'f'`,
    `SELECT 'publication ' || p.pubname FROM pg_publication_rel l JOIN pg_publication p ON p.oid = l.prpubid WHERE l.prrelid = ${t}`,
    `SELECT 'sequence ' || s.relname FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = ${t}`,
    `SELECT 'inheritance' FROM pg_inherits i WHERE ${t} IN (i.inhrelid, i.inhparent)`,
    `SELECT CASE WHEN c.relkind <> 'r' THEN 'something else than a plain table' WHEN c.relpersistence <> 'p' THEN 'an unlogged table' WHEN c.relrowsecurity THEN 'row security' WHEN c.reloptions IS NOT NULL THEN 'storage parameters' WHEN c.reltablespace <> 0 THEN 'a tablespace' WHEN c.relreplident <> 'd' THEN 'a replica identity' END FROM pg_class c WHERE c.oid = ${t}`,
  ];
  const message = singleQuoted(
    `table ${table}: expected nothing that a table in its place would break or lack, found `,
  );
  return `SELECT ${message} || o.found || ' (--swap copy leaves it as it is)' FROM (${things.join(' UNION ALL ')}) o WHERE o.found IS NOT NULL LIMIT 1`;
}

// The indexes of a table, by number.
const indexes = (t: string) =>
  `SELECT row_number() OVER (ORDER BY x.indexrelid) AS n, x.indexrelid, x.indisunique, c.relname::text AS name FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid WHERE x.indrelid = ${t}`;

// Under names of their own, for theirs are taken yet. The definition of an index names it and its table, that of a
// constraint neither: https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-CATALOG
function copyIndexes({ target, shadow, shadowName }: SwapPair): string {
  const t = oid(target);
  const made = `${singleQuoted(`${shadowName}_`)} || i.n`;
  const head = `format('CREATE %sINDEX %I ON %I.%I', CASE WHEN x.indisunique THEN 'UNIQUE ' ELSE '' END, x.name, s.nspname, r.relname)`;
  const query = `SELECT x.n, x.indisunique, pg_get_constraintdef(k.oid) AS con, substr(pg_get_indexdef(x.indexrelid), length(${head}) + 1) AS def FROM (${indexes(t)}) x JOIN pg_class r ON r.oid = ${t} JOIN pg_namespace s ON s.oid = r.relnamespace LEFT JOIN pg_constraint k ON k.conindid = x.indexrelid AND k.conrelid = ${t} AND k.contype IN ('p', 'u', 'x') ORDER BY x.n`;
  const to = singleQuoted(shadow);
  return `DECLARE i record; BEGIN FOR i IN ${query} LOOP IF i.con IS NOT NULL THEN EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', ${to}, ${made}, i.con); ELSE EXECUTE format('CREATE %sINDEX %I ON %s%s', CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END, ${made}, ${to}, i.def); END IF; END LOOP; END`;
}

// The index of a constraint gives its new name to the constraint: https://www.postgresql.org/docs/current/sql-alterindex.html
function takePlace({ target, shadow, shadowName, nameId, schemaId }: SwapPair): string {
  const names = `ARRAY(SELECT x.name FROM (${indexes(oid(target))}) x ORDER BY x.n)`;
  const rename = `EXECUTE format('ALTER INDEX %s.%I RENAME TO %I', ${singleQuoted(schemaId)}, ${singleQuoted(`${shadowName}_`)} || n, names[n])`;
  return `DECLARE names text[] := ${names}; BEGIN DROP TABLE ${target}; ALTER TABLE ${shadow} RENAME TO ${nameId}; FOR n IN 1..cardinality(names) LOOP ${rename}; END LOOP; END`;
}
