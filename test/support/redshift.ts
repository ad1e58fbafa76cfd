/**
 * Amazon Redshift as its clients see it: a server in front of a real PostgreSQL that speaks the same protocol, carries out
 * `COPY … FROM 's3://…'` with the files of the tests' S3 server as the manual says, and refuses what Redshift lacks. All
 * other statements reach PostgreSQL as they are. The system views that a client asks are made beforehand.
 */

import { createServer, connect as dial, type Socket } from 'node:net';
import { cString, errorMessage, frame, messages, type PgMessage, rowsOf, startup } from './pg-messages.ts';
import { postgresServer, query } from './postgres.ts';
import { pgCopyText } from './redshift-copy.ts';

export interface RedshiftDatabase {
  /** For `load` and `state`: `redshift://…`. */
  readonly url: string;
  /** The same server for psql. */
  readonly psql: string;
  /** The PostgreSQL behind it. */
  readonly postgres: string;
  /** Every COPY that was asked for, in order. */
  readonly copies: readonly string[];
}

// https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_system-tables.html
const SHIMS = `
SET allow_system_table_mods = on;
SET standard_conforming_strings = on;
CREATE SEQUENCE pg_catalog.shim_copy;
CREATE TABLE pg_catalog.shim_detail (query_id bigint, session_id int, file_name char(256));
CREATE TABLE pg_catalog.shim_error (session_id int, start_time timestamp DEFAULT clock_timestamp(), file_name char(256), line_number bigint, column_name char(127), error_message char(512));
GRANT ALL ON pg_catalog.shim_detail, pg_catalog.shim_error, pg_catalog.shim_copy TO public;
CREATE VIEW pg_catalog.sys_load_detail AS SELECT query_id, file_name FROM pg_catalog.shim_detail;
CREATE VIEW pg_catalog.sys_load_error_detail AS SELECT * FROM pg_catalog.shim_error;
CREATE VIEW pg_catalog.svv_tables AS SELECT table_schema, table_name, table_type FROM information_schema.tables;
CREATE VIEW pg_catalog.svv_columns AS SELECT table_schema, table_name, column_name, ordinal_position, CASE data_type WHEN 'bytea' THEN 'binary varying' ELSE data_type END AS data_type, numeric_precision, numeric_scale FROM information_schema.columns;
CREATE FUNCTION pg_catalog.getdate() RETURNS timestamp LANGUAGE sql AS 'SELECT localtimestamp';
CREATE FUNCTION pg_catalog.pg_last_copy_id() RETURNS bigint LANGUAGE sql AS 'SELECT max(query_id) FROM pg_catalog.shim_detail WHERE session_id = pg_backend_pid()';
CREATE FUNCTION pg_catalog.to_varbyte(x text, form text) RETURNS bytea LANGUAGE sql AS 'SELECT decode(x, form)';
CREATE FUNCTION pg_catalog.from_varbyte(x bytea, form text) RETURNS text LANGUAGE sql AS 'SELECT encode(x, form)';
`;

// Not in Redshift, which descends from PostgreSQL 8; the last one not within a transaction.
const LACKS =
  /^DO |\bpg_advisory|\bON CONFLICT\b|\bADD COLUMN IF NOT EXISTS\b|\bjsonb\b|\bCREATE INDEX\b|\bALTER COLUMN .* TYPE\b/;

/** A new empty database. */
export async function redshiftDatabase(): Promise<RedshiftDatabase> {
  const { host, port, database } = await postgresServer();
  const postgres = await database();
  const name = postgres.slice(postgres.lastIndexOf('/') + 1);
  await query(postgres, SHIMS);
  // A backslash in a text escapes, as it does in Redshift.
  for (const setting of ['standard_conforming_strings', 'escape_string_warning'])
    await query(postgres, `ALTER DATABASE ${name} SET ${setting} = off`);
  await query(postgres, `ALTER DATABASE ${name} SET client_min_messages = warning`);
  const copies: string[] = [];
  const server = createServer((client) => serve(client, dial(port, host), copies));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  const at = `postgres@127.0.0.1:${(server.address() as { port: number }).port}/${name}`;
  return {
    url: `redshift://${at}?sslmode=disable`,
    psql: `postgres://${at}?sslmode=disable`,
    postgres,
    copies,
  };
}

function serve(client: Socket, server: Socket, copies: string[]): void {
  for (const socket of [client, server]) {
    socket.unref();
    // A statement is a few small pieces, which would wait for one another.
    socket.setNoDelay(true);
    socket.on('error', () => {});
  }
  client.on('close', () => server.destroy());
  server.on('close', () => client.destroy());
  // While a COPY is carried out, the server's answers are for us.
  let hear: ((message: PgMessage) => void) | undefined;
  messages(server, false, (message) => {
    if (hear === undefined) client.write(message.bytes);
    else hear(message);
  });

  /** Sends a query of our own; its answer up to one of the types given. */
  const ask = (bytes: Buffer, until: string): Promise<PgMessage[]> =>
    new Promise((resolve) => {
      const heard: PgMessage[] = [];
      hear = (message) => {
        heard.push(message);
        if (message.type !== 'Z' && !until.includes(message.type)) return;
        hear = undefined;
        resolve(heard);
      };
      server.write(bytes);
    });
  const rows = async (sql: string) => rowsOf(await ask(frame('Q', cString(sql)), 'Z'));

  async function copy(sql: string): Promise<void> {
    copies.push(sql);
    const made = await pgCopyText(sql, rows);
    if ('error' in made) {
      client.write(Buffer.concat([errorMessage('XX000', made.error), frame('Z', Buffer.from('I'))]));
      return;
    }
    const begun = await ask(frame('Q', cString(made.statement)), 'G');
    if (begun.at(-1)!.type === 'Z') {
      client.write(Buffer.concat(begun.map(({ bytes }) => bytes)));
      return;
    }
    const ended = await ask(Buffer.concat([frame('d', made.text), frame('c', Buffer.alloc(0))]), 'Z');
    client.write(Buffer.concat(ended.map(({ bytes }) => bytes)));
  }

  async function take({ type, body, bytes }: PgMessage): Promise<void> {
    if (type === '') {
      const said = startup(body);
      if (said === 'encryption') client.write('N');
      // "unrecognized configuration parameter": PostgreSQL's own settings of a session are not Redshift's.
      else if (said.includes('lock_timeout'))
        client.end(errorMessage('42704', 'unrecognized configuration parameter "lock_timeout"'));
      else server.write(bytes);
      return;
    }
    const sql = type === 'Q' ? body.toString('utf8', 0, body.length - 1) : '';
    if (/^\s*COPY\b/i.test(sql)) return copy(sql.trim());
    if (LACKS.test(sql)) {
      client.write(
        Buffer.concat([
          errorMessage('0A000', `Redshift has no such thing: ${sql}`),
          frame('Z', Buffer.from('I')),
        ]),
      );
      return;
    }
    const plain = sql.replace(/\bVARBYTE\(\d+\)/g, 'bytea').replaceAll(' WITH NO SCHEMA BINDING', '');
    server.write(plain === sql ? bytes : frame('Q', cString(plain)));
  }

  let turn = Promise.resolve();
  messages(client, true, (message) => {
    turn = turn.then(() => take(message));
    turn.catch((error: Error) => client.destroy(error));
  });
}
