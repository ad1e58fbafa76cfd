/** A session over PostgreSQL's protocol: what the targets that speak it share. */

import type { Client, ClientConfig, DatabaseError } from 'pg';
import { codeOf, messageOf, TemporaryError, UserError } from '../errors.ts';
import type { Context } from '../stage.ts';
import type { Row } from '../wire/types.ts';
import { maskTarget } from './target.ts';

const CONNECT_TIMEOUT_MS = 30_000;

// https://www.postgresql.org/docs/current/errcodes-appendix.html: connection exceptions, insufficient resources,
// operator intervention, lock not available, serialization failure, deadlock.
const TEMPORARY =
  /^(08...|53...|57P0.|55P03|40001|40P01|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH)$/;
// Our own mistakes: syntax, undefined names, ambiguous names.
const BUG = /^(42601|42P01|42703|42702|42883|42P10)$/;
// What another object stands in the way of: which one, the detail says.
const DEPENDENT = /^(0A000|2BP01)$/;

export interface PgSession {
  open(): Promise<void>;
  /** The client itself; throws before `open` and when the connection was lost. */
  client(sql: string): Client;
  query(sql: string): Promise<readonly Row[]>;
  /** An error of the server or the client as one of ours. */
  translated(error: unknown, sql: string): Error;
  isLost(): boolean;
  close(): Promise<void>;
}

/** A session that is not open yet. `isTemporary`: messages of the engine that are over when it is tried again. */
export function pgSession(
  url: string,
  config: Omit<ClientConfig, 'connectionString'>,
  context: Context,
  isTemporary: RegExp = /(?!)/,
): PgSession {
  let client: Client | undefined;
  let lost: Error | undefined;

  function translated(error: unknown, sql: string): Error {
    const code = codeOf(error) ?? '';
    const detail = (error as Partial<DatabaseError>).detail ?? '';
    const message = maskTarget(messageOf(error)) || code;
    if (BUG.test(code)) return new Error(`${message}\n${sql.slice(0, 4000)}`, { cause: error });
    if (
      TEMPORARY.test(code) ||
      /timeout expired|Connection terminated/i.test(message) ||
      isTemporary.test(`${message}\n${detail}`)
    )
      return new TemporaryError(`${maskTarget(url)}: ${message}`, { cause: error });
    return new UserError(DEPENDENT.test(code) && detail !== '' ? `${message}: ${detail}` : message, {
      cause: error,
    });
  }

  const opened = (sql: string): Client => {
    if (client === undefined) throw new Error('a statement before open');
    if (lost !== undefined) throw translated(lost, sql);
    return client;
  };

  return {
    async open() {
      if (client !== undefined) return;
      const pg = (await import('pg')).default;
      client = new pg.Client({
        connectionString: url,
        application_name: 'bucket-brigade',
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
        ...config,
      });
      client.on('error', (error: Error) => {
        lost = error;
      });
      try {
        await client.connect();
      } catch (error) {
        client = undefined;
        throw translated(error, '');
      }
      context.signal.addEventListener('abort', () => void client?.end().catch(() => {}), { once: true });
    },
    client: opened,
    async query(sql) {
      const open = opened(sql);
      try {
        return (await open.query(sql)).rows as readonly Row[];
      } catch (error) {
        throw translated(error, sql);
      }
    },
    translated,
    isLost: () => client === undefined || lost !== undefined,
    async close() {
      const open = client;
      client = undefined;
      await open?.end().catch(() => {});
    },
  };
}
