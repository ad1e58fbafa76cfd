import { Readable } from 'node:stream';
import type { Connection as Client, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { LOCKED, mysql } from '../dialects/mysql.ts';
import { insertStatements, loadLines, loadStatement } from '../dialects/mysql-rows.ts';
import { refuseFiles } from '../dialects/script.ts';
import { codeOf, messageOf, mismatch, TemporaryError, UserError } from '../errors.ts';
import type { Fill } from '../merge/engine.ts';
import type { Context } from '../stage.ts';
import type { Row, Run } from '../wire/types.ts';
import type { Connection } from './connection.ts';
import { flagsByColumns } from './settled-flags.ts';
import { maskTarget } from './target.ts';

const CONNECT_TIMEOUT_MS = 30_000;

/** Characters of rows in memory before they go into the stage. */
const BATCH_CHARACTERS = 4 * 2 ** 20;

// Too many connections, shutdown, network, a lock not had in time, deadlock, limits of a user, connection killed:
// https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html and https://mariadb.com/kb/en/mariadb-error-code-reference/
const TEMPORARY = new Set([
  1040, 1053, 1077, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1205, 1213, 1226, 1317, 1927, 4031,
]);
const TEMPORARY_CODE =
  /^(ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|PROTOCOL_.*)$/;
// Our own mistakes: syntax, unknown or ambiguous names, a temporary table opened twice.
const BUG = new Set([1052, 1054, 1064, 1066, 1093, 1137, 1305]);
// What `check` fails with: the refused value of a variable, shortened.
const CHECKED = 1231;

function translated(error: unknown, sql: string, url: string): Error {
  const code = codeOf(error) ?? '';
  const number = (error as { errno?: number }).errno ?? 0;
  const message = maskTarget(messageOf(error)) || code;
  if (BUG.has(number)) return new Error(`${message}\n${sql.slice(0, 4000)}`, { cause: error });
  if (TEMPORARY.has(number) || TEMPORARY_CODE.test(code) || /connection is in closed state/i.test(message))
    return new TemporaryError(`${maskTarget(url)}: ${message}`, { cause: error });
  return new UserError(message, { cause: error });
}

/** A connection to MySQL or MariaDB for `load`. Rows reach stages by LOAD DATA where the server allows it, else by INSERT. */
export function connectMysql(
  url: string,
  { schema = mysql.schema }: { readonly schema: string | undefined },
  context: Context,
): Connection {
  let client: Client | undefined;
  let takesFiles = false;
  let filling: { readonly fill: Fill; readonly to: string; text: string[]; size: number } | undefined;

  async function send<T>(sql: string, how: (client: Client) => Promise<T>): Promise<T> {
    if (client === undefined) throw new Error('mysql: a statement before open');
    try {
      return await how(client);
    } catch (error) {
      if ((error as { errno?: number }).errno === CHECKED) throw await checked(error, sql);
      throw translated(error, sql, url);
    }
  }

  // The error shows 200 characters of the message; the same query yields all of it.
  async function checked(error: unknown, sql: string): Promise<Error> {
    const query = /^SET SESSION completion_type = coalesce\((\(.*\)), @@SESSION\.completion_type\)$/s.exec(
      sql,
    )?.[1];
    if (query === undefined) return translated(error, sql, url);
    const short = /set to the value of '(.*)'$/s.exec(messageOf(error))?.[1];
    if (short?.startsWith(LOCKED))
      return new TemporaryError(`${maskTarget(url)}: ${short}`, { cause: error });
    const [rows] = await client!.query<RowDataPacket[]>(`SELECT ${query} AS m`);
    return new UserError(String(rows[0]?.['m'] ?? short), { cause: error });
  }

  const run = async (sql: string): Promise<void> => {
    await send(sql, (open) => open.query(sql));
  };
  const rows = (sql: string): Promise<readonly Row[]> =>
    send(sql, async (open) => (await open.query<RowDataPacket[]>(sql))[0] as unknown as readonly Row[]);

  async function settle(): Promise<void> {
    if (filling === undefined) return;
    const { fill, to, text } = filling;
    filling = undefined;
    await send(to, async (open) => {
      const [result] = await open.query<ResultSetHeader>({
        sql: to,
        infileStreamFactory: () => Readable.from(text.map((part) => Buffer.from(part))),
      });
      if (result.warningStatus === 0) return;
      // LOCAL makes warnings of errors; values were looked at before, so there should be none.
      const [warnings] = await open.query<RowDataPacket[]>('SHOW WARNINGS LIMIT 1');
      throw new UserError(`table ${fill.table}: ${String(warnings[0]?.['Message'])}`);
    });
  }

  async function fillRows(fill: Fill, run_: Run): Promise<void> {
    if (!takesFiles) {
      for (const statement of insertStatements(fill, run_)) await run(statement);
      return;
    }
    const to = loadStatement(fill);
    if (filling !== undefined && filling.to !== to) await settle();
    filling ??= { fill, to, text: [], size: 0 };
    const text = loadLines(fill, run_);
    filling.text.push(text);
    filling.size += text.length;
    if (filling.size >= BATCH_CHARACTERS) await settle();
  }

  const inSchema = schema === '' ? 'DATABASE()' : mysql.literal(schema);

  return {
    dialect: mysql,
    takes: 'objects',
    async open() {
      if (client !== undefined) return;
      const uri = url.replace(/^mariadb:/, 'mysql:');
      if (new URL(uri).pathname.length < 2)
        throw mismatch(maskTarget(url), 'a database, mysql://user@host/DATABASE', 'none');
      const { createConnection } = await import('mysql2/promise');
      try {
        client = await createConnection({
          uri,
          charset: 'utf8mb4',
          connectTimeout: CONNECT_TIMEOUT_MS,
          dateStrings: true,
          supportBigNumbers: true,
          bigNumberStrings: true,
          flags: ['+LOCAL_FILES'],
        });
      } catch (error) {
        throw translated(error, '', url);
      }
      // A connection that is lost is heard of by the next statement; without this it would end the process.
      client.on('error', () => {});
      context.signal.addEventListener('abort', () => client?.destroy(), { once: true });
      const [row] = await rows('SELECT @@GLOBAL.local_infile AS allowed');
      takesFiles = Number(row?.['allowed']) === 1;
    },
    run,
    rows,
    fill: fillRows,
    fillFiles: refuseFiles('MySQL'),
    settle,
    async columns(table) {
      const found = await rows(
        `SELECT c.column_name AS name, c.column_type AS type, c.column_comment AS comment FROM information_schema.columns c WHERE c.table_schema = ${inSchema} AND c.table_name = ${mysql.literal(asStored(table))} ORDER BY c.ordinal_position`,
      );
      if (found.length === 0) return null;
      return found.map((row) => {
        const marked = /^(json|timestamptz|uuid)$/.test(String(row['comment']));
        const sql = `${String(row['type'])}${marked ? ` COMMENT '${String(row['comment'])}'` : ''}`;
        return { name: String(row['name']), sql, type: mysql.typeOf(sql) };
      });
    },
    async tables() {
      const found = await rows(
        `SELECT t.table_name AS name FROM information_schema.tables t WHERE t.table_schema = ${inSchema} AND t.table_type = 'BASE TABLE' ORDER BY t.table_name`,
      );
      return found.map((row) => String(row['name']));
    },
    async hasSchema() {
      return (
        (await rows(`SELECT 1 AS x FROM information_schema.schemata s WHERE s.schema_name = ${inSchema}`))
          .length > 0
      );
    },
    ...flagsByColumns(rows),
    async abandon() {
      filling = undefined;
      await client?.query('ROLLBACK').catch(() => {});
    },
    async close() {
      const open = client;
      client = undefined;
      await open?.end().catch(() => {});
    },
  };
}

// As the server knows it: shortened.
const asStored = (name: string) => mysql.identifier(name).slice(1, -1).replaceAll('``', '`');
