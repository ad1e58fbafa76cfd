import { finished } from 'node:stream/promises';
import type { Client, DatabaseError } from 'pg';
import type { CopyStreamQuery } from 'pg-copy-streams';
import { copyLines } from '../dialects/copy-text.ts';
import { postgres } from '../dialects/postgres.ts';
import { codeOf, messageOf, mismatch, TemporaryError, UserError } from '../errors.ts';
import { BATCH, ROW, SHAPE } from '../merge/engine.ts';
import type { Context } from '../stage.ts';
import type { Row } from '../wire/types.ts';
import type { Connection } from './connection.ts';
import { maskTarget } from './target.ts';

/** How long to wait for another load to end its group. */
const LOCK_TIMEOUT_MS = 600_000;
const CONNECT_TIMEOUT_MS = 30_000;

// https://www.postgresql.org/docs/current/errcodes-appendix.html: connection exceptions, insufficient resources,
// operator intervention, lock not available, serialization failure, deadlock.
const TEMPORARY =
  /^(08...|53...|57P0.|55P03|40001|40P01|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH)$/;
// Our own mistakes: syntax, undefined names, ambiguous names.
const BUG = /^(42601|42P01|42703|42702|42883|42P10)$/;

function translated(error: unknown, sql: string, url: string, table?: string): Error {
  const code = codeOf(error) ?? '';
  const message = maskTarget(messageOf(error)) || code;
  if (BUG.test(code)) return new Error(`${message}\n${sql.slice(0, 4000)}`, { cause: error });
  if (TEMPORARY.test(code) || /timeout expired|Connection terminated/i.test(message)) {
    return new TemporaryError(`${maskTarget(url)}: ${message}`, { cause: error });
  }
  const where = (error as Partial<DatabaseError>).where;
  // Of a COPY: `COPY brigade_stage_1, line 3, column v: "x"`.
  const place = table === undefined ? '' : `table ${table}: `;
  const detail = where?.startsWith('COPY') ? ` (${where.split('\n', 1)[0]})` : '';
  return new UserError(`${place}${message}${detail}`, { cause: error });
}

interface Copying {
  readonly to: string;
  readonly table: string;
  readonly stream: CopyStreamQuery;
  /** What the server said of it. */
  failure?: Error;
}

/** A connection to PostgreSQL for `load`. Rows reach stages by COPY in text format. */
export function connectPostgres(
  url: string,
  { schema = postgres.schema }: { readonly schema: string | undefined },
  context: Context,
): Connection {
  let client: Client | undefined;
  let copying: Copying | undefined;
  let lost: Error | undefined;
  const chosen = new Map<string, boolean>();

  async function query(sql: string): Promise<readonly Row[]> {
    if (client === undefined) throw new Error('postgres: a statement before open');
    if (lost !== undefined) throw translated(lost, sql, url);
    await endCopy();
    try {
      return (await client.query(sql)).rows as readonly Row[];
    } catch (error) {
      throw translated(error, sql, url);
    }
  }

  async function startCopy(to: string, table: string): Promise<Copying> {
    await endCopy();
    const { from } = (await import('pg-copy-streams')).default;
    const stream = client!.query(from(to, { highWaterMark: 256 * 1024 }));
    const started: Copying = { to, table, stream };
    // Heard by whoever writes next: the stream itself neither ends nor remembers it.
    stream.on('error', (error: Error) => {
      started.failure ??= error;
    });
    copying = started;
    return started;
  }

  async function endCopy(): Promise<void> {
    if (copying === undefined) return;
    const ending = copying;
    const { stream, to, table } = ending;
    copying = undefined;
    try {
      if (ending.failure !== undefined) throw ending.failure;
      const done = finished(stream);
      stream.end();
      await done;
    } catch (error) {
      throw translated(ending.failure ?? error, to, url, table);
    }
  }

  return {
    dialect: postgres,
    takes: 'bytes',
    async open() {
      if (client !== undefined) return;
      const pg = (await import('pg')).default;
      client = new pg.Client({
        connectionString: url,
        application_name: 'bucket-brigade',
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
        lock_timeout: LOCK_TIMEOUT_MS,
      });
      client.on('error', (error: Error) => {
        lost = error;
      });
      try {
        await client.connect();
      } catch (error) {
        client = undefined;
        throw translated(error, '', url);
      }
      context.signal.addEventListener('abort', () => void client?.end().catch(() => {}), { once: true });
    },
    run: async (sql) => {
      await query(sql);
    },
    rows: query,
    async fill(fill, run) {
      const names = [ROW, BATCH, SHAPE, ...fill.columns.map(({ target }) => postgres.identifier(target))];
      const to = `COPY ${fill.stage} (${names.join(', ')}) FROM STDIN`;
      const text = copyLines(fill, run);
      if (lost !== undefined) throw translated(lost, to, url);
      const current = copying?.to === to ? copying : await startCopy(to, fill.table);
      await new Promise<void>((resolve, reject) => {
        const failed = (error: unknown) => reject(translated(current.failure ?? error, to, url, fill.table));
        if (current.failure !== undefined) failed(current.failure);
        else current.stream.write(text, (error) => (error ? failed(error) : resolve()));
      });
    },
    fillFiles: (_fill, files) =>
      Promise.reject(
        mismatch(
          `file ${files[0]!.uri}`,
          'rows on the wire, since PostgreSQL does not read files (decode before this command)',
          'a file that nobody decoded',
        ),
      ),
    settle: endCopy,
    async columns(table) {
      const rows = await query(
        `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS sql FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ${postgres.literal(schema)} AND c.relname = ${postgres.literal(unquoted(table))} AND c.relkind IN ('r', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
      );
      if (rows.length === 0) return null;
      return rows.map((row) => ({
        name: String(row['name']),
        sql: String(row['sql']),
        type: postgres.typeOf(String(row['sql'])),
      }));
    },
    async tables() {
      const found = await query(
        `SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ${postgres.literal(schema)} AND c.relkind IN ('r', 'p', 'f') ORDER BY c.relname`,
      );
      return found.map((row) => String(row['name']));
    },
    async hasSchema() {
      return (
        (await query(`SELECT 1 AS x FROM pg_namespace WHERE nspname = ${postgres.literal(schema)}`)).length >
        0
      );
    },
    async decide(flags) {
      chosen.clear();
      if (flags.length === 0) return;
      const [row] = await query(
        `SELECT ${flags.map(({ name, condition }) => `${condition} AS ${name}`).join(', ')}`,
      );
      for (const { name } of flags) chosen.set(name, row?.[name] === true);
    },
    async when(flag, body) {
      if (chosen.get(flag) === true) await body();
    },
    guard: () => undefined,
    async abandon() {
      if (client === undefined || lost !== undefined) return;
      if (copying !== undefined) {
        // Tells the server to fail the COPY instead of taking what came so far.
        copying.stream.destroy();
        copying = undefined;
      }
      await client.query('ROLLBACK').catch(() => {});
    },
    async close() {
      const open = client;
      client = undefined;
      await open?.end().catch(() => {});
    },
  };
}

// As the server shortened it.
const unquoted = (name: string) => postgres.identifier(name).slice(1, -1).replaceAll('""', '"');
