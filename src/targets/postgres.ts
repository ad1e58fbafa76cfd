import { finished } from 'node:stream/promises';
import type { CopyStreamQuery } from 'pg-copy-streams';
import { copyLines } from '../dialects/copy-text.ts';
import { postgres } from '../dialects/postgres.ts';
import { refuseFiles } from '../dialects/script.ts';
import { BATCH, type Fill, ROW, SHAPE } from '../merge/engine.ts';
import type { Context } from '../stage.ts';
import type { Row } from '../wire/types.ts';
import type { Connection } from './connection.ts';
import { copyFailure } from './copy-failure.ts';
import { pgSession } from './pg-session.ts';
import { flagsByColumns } from './settled-flags.ts';

/** How long to wait for another load to end its group. */
const LOCK_TIMEOUT_MS = 600_000;
/** Small runs reach the server together: each message costs the client more than a hundred rows do. */
const MESSAGE_BYTES = 128 * 1024;

interface Copying {
  readonly to: string;
  /** Its first rows. */
  readonly fill: Fill;
  readonly stream: CopyStreamQuery;
  /** Lines that are to be sent, and their size. */
  lines: Buffer[];
  bytes: number;
  /** What the server said of it. */
  failure?: Error;
}

/** A connection to PostgreSQL for `load`. Rows reach stages by COPY in text format. */
export function connectPostgres(
  url: string,
  { schema = postgres.schema }: { readonly schema: string | undefined },
  context: Context,
): Connection {
  const session = pgSession(url, { lock_timeout: LOCK_TIMEOUT_MS }, context);
  let copying: Copying | undefined;

  async function query(sql: string): Promise<readonly Row[]> {
    session.client(sql);
    await endCopy();
    return session.query(sql);
  }

  async function startCopy(to: string, fill: Fill): Promise<Copying> {
    await endCopy();
    const { from } = (await import('pg-copy-streams')).default;
    const stream = session.client(to).query(from(to, { highWaterMark: 256 * 1024 }));
    const started: Copying = { to, fill, stream, lines: [], bytes: 0 };
    // Heard by whoever writes next: the stream itself neither ends nor remembers it.
    stream.on('error', (error: Error) => {
      started.failure ??= error;
    });
    copying = started;
    return started;
  }

  async function send(current: Copying): Promise<void> {
    const { lines, stream, to } = current;
    const message = lines.length === 1 ? lines[0]! : Buffer.concat(lines);
    current.lines = [];
    current.bytes = 0;
    await new Promise<void>((resolve, reject) => {
      const failed = (error: unknown) =>
        reject(copyFailure(session.translated(current.failure ?? error, to), current.fill));
      if (current.failure !== undefined) return failed(current.failure);
      // Of a connection that ends meanwhile the write itself never hears.
      stream.once('error', failed);
      stream.write(message, (error) => {
        stream.off('error', failed);
        if (error) failed(error);
        else resolve();
      });
    });
  }

  async function endCopy(): Promise<void> {
    if (copying === undefined) return;
    const ending = copying;
    const { stream, to, fill } = ending;
    if (ending.bytes > 0) await send(ending);
    copying = undefined;
    try {
      if (ending.failure !== undefined) throw ending.failure;
      const done = finished(stream);
      stream.end();
      await done;
    } catch (error) {
      throw copyFailure(session.translated(ending.failure ?? error, to), fill);
    }
  }

  return {
    dialect: postgres,
    takes: 'bytes',
    open: session.open,
    run: async (sql) => {
      await query(sql);
    },
    rows: query,
    async fill(fill, run) {
      const names = [ROW, BATCH, SHAPE, ...fill.columns.map(({ target }) => postgres.identifier(target))];
      const to = `COPY ${fill.stage} (${names.join(', ')}) FROM STDIN`;
      const text = copyLines(fill, run);
      session.client(to);
      const current = copying?.to === to ? copying : await startCopy(to, fill);
      current.lines.push(text);
      current.bytes += text.length;
      if (current.bytes >= MESSAGE_BYTES) await send(current);
    },
    fillFiles: refuseFiles('PostgreSQL'),
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
    ...flagsByColumns(query),
    undoes: true,
    async abandon() {
      if (session.isLost()) return;
      if (copying !== undefined) {
        // Tells the server to fail the COPY instead of taking what came so far.
        copying.stream.destroy();
        copying = undefined;
      }
      await session.query('ROLLBACK').catch(() => {});
    },
    close: session.close,
  };
}

// As the server shortened it.
const unquoted = (name: string) => postgres.identifier(name).slice(1, -1).replaceAll('""', '"');
