/**
 * How the engines that read files by themselves make a view of all columns of a table, one of them replaced. Columns are
 * always named: what a `*` means is settled when a view is made, or the view breaks at the next column. A script that
 * was not told the target's columns has the engine look them up, where the engine can.
 */

import { type Dialect, type ReplacingView, replacingQuery } from './dialect.ts';

type Forms = Pick<Dialect, 'identifier' | 'literal'>;

/**
 * A view is replaced with its grants: https://docs.snowflake.com/en/sql-reference/sql/create-view
 * A block may run the statement that it has put together: https://docs.snowflake.com/en/sql-reference/sql/execute-immediate
 */
export function replacingViewSnowflake(form: ReplacingView, { identifier, literal }: Forms): string[] {
  const head = `CREATE OR REPLACE VIEW ${form.view} COPY GRANTS AS`;
  if (form.columns !== undefined) return [`${head} ${replacingQuery(form.columns, form, identifier)}`];
  const id = `'"' || replace(c.column_name, '"', '""') || '"'`;
  const replaced = literal(`${form.by} AS ${identifier(form.column)}`);
  const list = `listagg(CASE WHEN c.column_name = ${literal(form.column)} THEN ${replaced} ELSE 't.' || ${id} END, ', ') WITHIN GROUP (ORDER BY c.ordinal_position)`;
  const query = `SELECT ${literal(`${head} SELECT `)} || ${list} || ${literal(` ${form.rest}`)} INTO :q FROM INFORMATION_SCHEMA.COLUMNS c WHERE c.table_schema = ${literal(form.schema)} AND c.table_name = ${literal(form.name)}`;
  const body = `DECLARE\n  q VARCHAR;\nBEGIN\n  ${query};\n  EXECUTE IMMEDIATE q;\nEND;`;
  return [body.includes('$$') ? `EXECUTE IMMEDIATE ${literal(body)}` : `EXECUTE IMMEDIATE $$\n${body}\n$$`];
}

/**
 * https://cloud.google.com/bigquery/docs/reference/standard-sql/procedural-language#execute_immediate
 * Names of columns hold neither backticks nor backslashes; columns without a position are none of the table's:
 * https://cloud.google.com/bigquery/docs/schemas#flexible-column-names
 * https://cloud.google.com/bigquery/docs/information-schema-columns
 */
export function replacingViewBigquery(form: ReplacingView, { identifier, literal }: Forms): string[] {
  const head = `CREATE OR REPLACE VIEW ${form.view} AS`;
  if (form.columns !== undefined) return [`${head} ${replacingQuery(form.columns, form, identifier)}`];
  const replaced = literal(`${form.by} AS ${identifier(form.column)}`);
  const isReplaced = `lower(c.column_name) = ${literal(form.column.toLowerCase())}`;
  const list = `string_agg(CASE WHEN ${isReplaced} THEN ${replaced} ELSE concat('t.\`', c.column_name, '\`') END, ', ' ORDER BY c.ordinal_position)`;
  const text = `concat(${literal(`${head} SELECT `)}, ${list}, ${literal(` ${form.rest}`)})`;
  return [
    `EXECUTE IMMEDIATE (SELECT ${text} FROM ${identifier(form.schema)}.INFORMATION_SCHEMA.COLUMNS c WHERE c.table_name = ${literal(form.name)} AND c.ordinal_position IS NOT NULL)`,
  ];
}

/**
 * Neither Spark before 4 nor Databricks without Unity Catalog looks columns up. Where they were not told, a view that is
 * there stays, and one that has not as many columns as its table fails the script: so does a UNION of the two.
 * https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-syntax-ddl-create-view (replacing takes its grants away)
 * https://spark.apache.org/docs/latest/sql-ref-syntax-ddl-create-view.html
 * https://spark.apache.org/docs/latest/sql-ref-syntax-qry-select-setops.html
 */
export function replacingViewSpark(form: ReplacingView, { identifier }: Forms): string[] {
  const query = replacingQuery(form.columns ?? form.expected, form, identifier);
  if (form.columns !== undefined) return [`CREATE OR REPLACE VIEW ${form.view} AS ${query}`];
  const hint = '/* expected the same columns in both; --target-schema has them added to the view */';
  return [
    `CREATE VIEW IF NOT EXISTS ${form.view} AS ${query}`,
    `SELECT * FROM ${form.view} WHERE 1 = 0 UNION ALL SELECT * FROM ${form.table} WHERE 1 = 0 ${hint}`,
  ];
}

/**
 * Redshift has neither DO nor a view that is replaced by one with other columns; a call is a transaction, so that nobody
 * finds the view missing. A view of late binding lets its tables be changed and dropped, and its columns are told all the
 * same. https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html
 * https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_COLUMNS.html
 * https://docs.aws.amazon.com/redshift/latest/dg/c_PLpgSQL-statements.html
 */
export function replacingViewRedshift(form: ReplacingView, { identifier, literal }: Forms): string[] {
  const unquoted = (name: string) => identifier(name).slice(1, -1).replaceAll('""', '"');
  const given = [unquoted(form.schema), unquoted(form.name), unquoted(form.viewName)];
  return [
    `CALL brigade_view(${[...given, form.view, unquoted(form.column), form.by, form.rest].map(literal).join(', ')})`,
  ];
}

const columnsInto = (text: string, of: string, statements: string): string =>
  `FOR c IN SELECT s.column_name AS n FROM svv_columns s WHERE s.table_schema = of_schema AND s.table_name = ${of} ORDER BY s.ordinal_position LOOP ${text} := ${text} || ',' || quote_ident(c.n); ${statements}END LOOP;`;

/** What `replacingViewRedshift` calls. */
export const CREATE_BRIGADE_VIEW = `CREATE OR REPLACE PROCEDURE brigade_view(of_schema VARCHAR(127), of_table VARCHAR(127), of_view VARCHAR(127), quoted_view VARCHAR(600), replaced VARCHAR(127), by_what VARCHAR(65535), the_rest VARCHAR(65535)) AS $$ DECLARE c RECORD; wanted VARCHAR(65535) := ''; seen VARCHAR(65535) := ''; picked VARCHAR(65535) := ''; BEGIN ${columnsInto(
  'wanted',
  'of_table',
  `IF c.n = replaced THEN picked := picked || ', ' || by_what || ' AS ' || quote_ident(c.n); ELSE picked := picked || ', t.' || quote_ident(c.n); END IF; `,
)} ${columnsInto('seen', 'of_view', '')} IF seen <> wanted THEN EXECUTE 'DROP VIEW IF EXISTS ' || quoted_view; EXECUTE 'CREATE VIEW ' || quoted_view || ' AS SELECT ' || substring(picked, 3) || ' ' || the_rest || ' WITH NO SCHEMA BINDING'; END IF; END; $$ LANGUAGE plpgsql`;
