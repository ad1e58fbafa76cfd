import { spawnSync } from 'node:child_process';
import mysql from 'mysql2/promise';
import { freePort, serverPlace, startServer, untilReady } from './server.ts';

// Debian keeps the server where only root looks.
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin`;

const runs = (command: string) =>
  spawnSync(command, ['--version'], { env: { ...process.env, PATH } }).status === 0;

interface Program {
  readonly server: string;
  readonly client: string;
  /** Makes the folder of the data: a command and its arguments. */
  readonly make: (data: string) => readonly [string, ...string[]];
  /** Settings that the other one does not have, or has by itself. */
  readonly settings: string;
}

// MYSQLD=PATH, and MYSQL=PATH for the client, has MySQL's own server stand in MariaDB's place.
const program: Program =
  process.env['MYSQLD'] === undefined
    ? {
        server: 'mariadbd',
        client: 'mariadb',
        make: (data) => [
          'mariadb-install-db',
          ...['--no-defaults', `--datadir=${data}`],
          ...['--auth-root-authentication-method=normal', '--skip-test-db'],
        ],
        settings: '--debug-no-sync',
      }
    : {
        server: process.env['MYSQLD'],
        client: process.env['MYSQL'] ?? 'mysql',
        make: (data) => [program.server, '--no-defaults', '--initialize-insecure', `--datadir=${data}`],
        settings: '--mysqlx=OFF --local-infile=1 --secure-file-priv=NULL',
      };

/** Why tests that need MariaDB (or MySQL) are skipped; false where it is installed. */
export const mariadbMissing: string | false =
  runs(program.server) && runs(program.client) ? false : 'no MariaDB here (apt-get install mariadb-server)';

export interface MariadbServer {
  readonly port: number;
  /** A new empty database; its `mysql://` URL. */
  database(): Promise<string>;
}

let server: Promise<MariadbServer> | undefined;
let databases = 0;

/** The MariaDB of this test file, on loopback; started when first asked for, gone with the process. */
export function mariadbServer(): Promise<MariadbServer> {
  server ??= start();
  return server;
}

/** Runs one query against a database; rows as text, in the order of its columns. Names may stand in double quotes. */
export async function mariadbQuery(url: string, sql: string): Promise<(string | null)[][]> {
  const client = await mysql.createConnection({
    uri: url,
    charset: 'utf8mb4',
    rowsAsArray: true,
    typeCast: (field) => field.string('utf8'),
  });
  try {
    await client.query(`SET SESSION sql_mode = 'ANSI_QUOTES'`);
    const [rows] = await client.query(sql);
    return Array.isArray(rows) ? (rows as (string | null)[][]) : [];
  } finally {
    await client.end();
  }
}

async function start(): Promise<MariadbServer> {
  const place = serverPlace('mariadb');
  const { data, user } = place;
  const env = { PATH, LC_ALL: 'C', TZ: 'UTC' };
  const [command, ...args] = program.make(data);
  const made = spawnSync(command, args, { ...user, env, encoding: 'utf8', cwd: data });
  if (made.status !== 0) throw new Error(`${command}: ${made.error?.message ?? ''} ${made.stderr}`);

  const port = await freePort();
  // The shell stops the server when our end of its standard input closes: also when this process is killed.
  // A folder of its own for temporary tables: a server that starts deletes those of all others in a shared one.
  const script =
    '"$2" --no-defaults --datadir="$0" --tmpdir="$0" --port="$1" --bind-address=127.0.0.1 --socket="$0/socket" --pid-file="$0/pid" ' +
    '--innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=64M --skip-log-bin ' +
    `${program.settings} >"$0/log" 2>&1 </dev/null & ` +
    'server=$!; cat >/dev/null; kill -TERM $server; wait $server';
  startServer([script, data, String(port), program.server], place, env);

  const admin = `mysql://root@127.0.0.1:${port}/mysql`;
  await untilReady(place, () => mariadbQuery(admin, 'SELECT 1'));
  return {
    port,
    database: async () => {
      databases += 1;
      const name = `test_${databases}`;
      // The server's default, which no table of ours may depend on.
      await mariadbQuery(admin, `CREATE DATABASE ${name} CHARACTER SET latin1`);
      return `mysql://root@127.0.0.1:${port}/${name}`;
    },
  };
}

/** The `mariadb` or `mysql` command, as a user would give it. */
export function mariadbClient(url: string): readonly [string, ...string[]] {
  const { hostname, port, pathname } = new URL(url);
  const where = [`--host=${hostname}`, `--port=${port}`, '--user=root', pathname.slice(1)];
  return [program.client, '--no-defaults', ...where];
}

/** Runs a script with it. */
export function runMariadb(url: string, text: string): { code: number; stdout: string; stderr: string } {
  const [client, ...args] = mariadbClient(url);
  const { status, stdout, stderr } = spawnSync(client, args, { input: text, encoding: 'utf8' });
  return { code: status ?? 1, stdout, stderr };
}
