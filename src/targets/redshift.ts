import { redshift, redshiftWarehouse } from '../dialects/redshift.ts';
import { columnsOf } from '../dialects/state-query.ts';
import type { BulkOptions } from '../dialects/warehouse.ts';
import { loadStatements, refuseRows } from '../dialects/warehouse-load.ts';
import { selectHolding } from '../dialects/warehouse-script.ts';
import { codeOf, messageOf, TemporaryError, UserError } from '../errors.ts';
import type { Context } from '../stage.ts';
import type { Scratch } from '../stores/scratch.ts';
import type { Row } from '../wire/types.ts';
import type { Connection } from './connection.ts';
import { pgSession } from './pg-session.ts';
import { settledFlags } from './settled-flags.ts';

/** How long to wait for another load to end its group. */
const LOCK_TIMEOUT_MS = 600_000;

// https://docs.aws.amazon.com/redshift/latest/mgmt/connecting-from-psql.html
const PORT = '5439';

// "Retry the canceled transaction": https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation-serializable-isolation-troubleshooting.html
const CONFLICT =
  /serializable isolation violation|conflict with concurrent transaction|concurrently updated/i;

// What CREATE TABLE IF NOT EXISTS says when another session makes the table at the same moment.
const MADE_MEANWHILE = /^(42P07|23505)$/;

export interface RedshiftOptions {
  readonly schema: string | undefined;
  readonly bulk: BulkOptions;
  /** Where manifests are written; without it each file is a COPY of its own. */
  readonly scratch: Scratch | undefined;
}

/** A connection to Amazon Redshift for `load`. It takes files, which the cluster copies from S3 by itself. */
export function connectRedshift(
  url: string,
  { schema = redshift.schema, bulk, scratch }: RedshiftOptions,
  context: Context,
): Connection {
  const session = pgSession(postgresUrl(url), {}, context, CONFLICT);
  const inSchema = redshift.literal(schema.toLowerCase());

  async function run(sql: string): Promise<void> {
    if (sql.startsWith('LOCK TABLE')) return lock(sql);
    try {
      await session.query(sql);
    } catch (error) {
      if (!sql.startsWith('CREATE TABLE IF NOT EXISTS') || !MADE_MEANWHILE.test(serverCode(error)))
        throw error;
      await session.query(sql);
    }
  }

  // There is no limit for locks alone: https://docs.aws.amazon.com/redshift/latest/dg/r_statement_timeout.html
  async function lock(sql: string): Promise<void> {
    await session.query(`SET statement_timeout TO ${LOCK_TIMEOUT_MS}`);
    try {
      await session.query(sql);
    } catch (error) {
      if (serverCode(error) !== '57014') throw error;
      throw new TemporaryError(`schema ${schema}: another load held its lock for ten minutes`, {
        cause: error,
      });
    }
    await session.query('RESET statement_timeout');
  }

  async function copy(sql: string, table: string, uris: readonly string[]): Promise<void> {
    try {
      await session.query(sql);
    } catch (error) {
      if (session.isLost() || error instanceof TemporaryError) throw error;
      const place = await loadError(session.query, uris);
      const message = messageOf(error).split('\n', 1)[0]!;
      if (place === undefined && !(error instanceof UserError)) throw error;
      throw new UserError(
        place === undefined ? `table ${table}: ${message}` : `table ${table} ${place} (${message})`,
        { cause: error },
      );
    }
  }

  return {
    dialect: redshift,
    takes: 'objects',
    open: session.open,
    run,
    rows: session.query,
    fill: (fill) => Promise.reject(refuseRows(fill, redshiftWarehouse)),
    async fillFiles(fill, files, csv) {
      const uris = files.map(({ uri }) => uri);
      for (const sql of await loadStatements(redshiftWarehouse, {
        fill,
        files,
        csv,
        options: bulk,
        scratch,
      })) {
        if (sql.startsWith('COPY ')) await copy(sql, fill.table, uris);
        else await run(sql);
      }
      await scratch?.clean();
    },
    settle: async () => {},
    async columns(table) {
      const rows = await session.query(columnsOf('redshift', schema.toLowerCase(), unquoted(table)));
      if (rows.length === 0) return null;
      return rows.map((row) => {
        const sql = String(row['type']);
        return { name: String(row['name']), sql, type: redshift.typeOf(sql) };
      });
    },
    // https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_TABLES.html
    async tables() {
      const found = await session.query(
        `SELECT t.table_name AS name FROM svv_tables t WHERE t.table_schema = ${inSchema} AND t.table_type = 'BASE TABLE' ORDER BY t.table_name`,
      );
      return found.map((row) => String(row['name']));
    },
    async hasSchema() {
      return (await session.query(`SELECT 1 AS x FROM pg_namespace WHERE nspname = ${inSchema}`)).length > 0;
    },
    ...settledFlags(async (flags) => {
      const rows = await session.query(selectHolding(flags, redshift));
      return new Set(rows.map((row) => String(row['flag'])));
    }),
    async abandon() {
      if (session.isLost()) return;
      await session.query('ROLLBACK').catch(() => {});
    },
    async close() {
      await scratch?.clean();
      await session.close();
    },
  };
}

/** `pg` knows neither the scheme nor the port. Amazon's own drivers encrypt unless told otherwise. */
function postgresUrl(url: string): string {
  const parsed = new URL(url.replaceAll(' ', '%20').replace(/^redshift:/, 'postgres:'));
  if (parsed.port === '') parsed.port = PORT;
  const { searchParams } = parsed;
  if (!['ssl', 'sslmode', 'sslrootcert'].some((name) => searchParams.has(name)))
    searchParams.set('sslmode', 'verify-full');
  searchParams.delete('schema');
  return parsed.href;
}

const serverCode = (error: unknown): string =>
  codeOf(error instanceof Error && error.cause !== undefined ? error.cause : error) ?? '';

// As the server folds and shortens it.
const unquoted = (name: string) => redshift.identifier(name).slice(1, -1).replaceAll('""', '"');

// Of the newest COPY of this session that failed. The second view is of provisioned clusters only.
// https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_ERROR_DETAIL.html
// https://docs.aws.amazon.com/redshift/latest/dg/r_STL_LOAD_ERRORS.html
const LOAD_ERRORS = [
  `SELECT rtrim(file_name) AS file, line_number AS line, rtrim(column_name) AS name, rtrim(error_message) AS reason FROM sys_load_error_detail WHERE session_id = pg_backend_pid() ORDER BY start_time DESC LIMIT 1`,
  `SELECT rtrim(filename) AS file, line_number AS line, rtrim(colname) AS name, rtrim(err_reason) AS reason FROM stl_load_errors WHERE session = pg_backend_pid() ORDER BY starttime DESC LIMIT 1`,
];

// The views hold no more of a file's name.
const MAX_FILE_CHARACTERS = 256;

/** `file s3://… line 3 column amount: reason`, as the cluster has noted it of one of these files; undefined: it has not. */
async function loadError(
  query: (sql: string) => Promise<readonly Row[]>,
  uris: readonly string[],
): Promise<string | undefined> {
  for (const sql of LOAD_ERRORS) {
    const [row] = await query(sql).catch(() => []);
    if (row === undefined) continue;
    const [file, name, reason] = [row['file'], row['name'], row['reason']].map((each) => String(each ?? ''));
    const cut = [...file!].length >= MAX_FILE_CHARACTERS;
    const uri = uris.find((each) => each === file || (cut && each.startsWith(file!)));
    if (uri === undefined) continue;
    // Columnar files have no lines.
    const line = Number(row['line']) > 0 ? ` line ${row['line']}` : '';
    return `file ${uri}${line}${name === '' ? '' : ` column ${name}`}: ${reason}`;
  }
  return undefined;
}
