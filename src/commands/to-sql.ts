import { bigqueryWarehouse } from '../dialects/bigquery.ts';
import { databricksWarehouse } from '../dialects/databricks.ts';
import { duckdbScript } from '../dialects/duckdb-script.ts';
import { dialects } from '../dialects/index.ts';
import { mysqlScript } from '../dialects/mysql-script.ts';
import { postgresScript } from '../dialects/postgres-script.ts';
import { redshiftWarehouse } from '../dialects/redshift.ts';
import { readTargetSchema, type Script, type ScriptOptions, type TargetSchema } from '../dialects/script.ts';
import { snowflakeWarehouse } from '../dialects/snowflake.ts';
import { sparkWarehouse } from '../dialects/spark.ts';
import { sqliteScript } from '../dialects/sqlite-script.ts';
import type { BulkOptions } from '../dialects/warehouse.ts';
import { warehouseScript } from '../dialects/warehouse-script.ts';
import { messageOf, UsageError } from '../errors.ts';
import { createApply } from '../merge/apply.ts';
import { planLines, rehearseScript } from '../merge/dry-run.ts';
import type { MergeOptions } from '../merge/options.ts';
import type { Printer } from '../stage.ts';
import type { StoreOptions } from '../stores/store.ts';
import { redshiftFlags, scratchOf } from './bulk-flags.ts';
import { defineCommand } from './command.ts';
import { choice, type Flag, text } from './flags.ts';
import { mergeFlags } from './merge-flags.ts';

const scripts = {
  duckdb: duckdbScript,
  postgres: postgresScript,
  redshift: warehouseScript(redshiftWarehouse),
  snowflake: warehouseScript(snowflakeWarehouse),
  bigquery: warehouseScript(bigqueryWarehouse),
  databricks: warehouseScript(databricksWarehouse),
  spark: warehouseScript(sparkWarehouse),
  mysql: mysqlScript,
  sqlite: sqliteScript,
} as const satisfies Record<keyof typeof dialects, (options: ScriptOptions) => Script>;

const WITH_MANIFESTS: readonly string[] = [redshiftWarehouse, bigqueryWarehouse].map(
  ({ dialect }) => dialect.name,
);

export type ToSqlOptions = MergeOptions &
  BulkOptions &
  StoreOptions & {
    readonly dialect: keyof typeof scripts;
    /** What the target looks like, so that columns can be widened; without it tables are only created and columns added. */
    readonly targetSchema?: TargetSchema;
  };

/**
 * Prints one script that merges the stream: per group prepare, apply, cursor, in order, each group in a transaction of
 * its own. Memory is that of one run. When the input breaks off (throws) the script ends in ROLLBACK and a statement
 * that fails, so that its client fails too; then the error is thrown on.
 */
export function toSql(options: ToSqlOptions): Printer {
  const make = scripts[options.dialect];
  if (make === undefined)
    throw new UsageError(`--dialect: expected ${Object.keys(scripts).join(', ')}, found ${options.dialect}`);
  const { dialect, scratch, dryRun = false } = options;
  if (scratch !== undefined && !WITH_MANIFESTS.includes(dialect))
    throw new UsageError(
      `--scratch: expected --dialect ${WITH_MANIFESTS.join(' or ')}, which read manifests, found ${dialect}`,
    );
  return async function* (input, context) {
    let pieces: (string | Uint8Array)[] = [];
    const script = make({
      write: (text) => {
        if (!dryRun) pieces.push(text);
      },
      targetSchema: options.targetSchema,
      bulk: options,
      scratch: scratch === undefined ? undefined : scratchOf(scratch, options, { dryRun }, context),
    });
    const rehearsal = rehearseScript(script);
    const engine = dryRun ? rehearsal.engine : script;
    const apply = createApply(engine, options, context, (group) => {
      // As comments: a client that gets them all the same does nothing.
      if (dryRun) for (const line of planLines(group, rehearsal.steps(), false)) pieces.push(`-- ${line}\n`);
    });
    const drain = (): Uint8Array => {
      const all = pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece));
      // Rows are most of a script and come in one piece, which need not be copied again.
      const bytes = all.length === 1 ? all[0]! : Buffer.concat(all);
      pieces = [];
      return bytes;
    };
    try {
      for await (const chunk of input) {
        await apply.take(chunk);
        if (pieces.length > 0) yield drain();
      }
    } catch (error) {
      await script.abandon(messageOf(error).split('\n', 1)[0]!);
      yield drain();
      throw error;
    }
  };
}

const bulkFlags = {
  ...redshiftFlags,
  storageIntegration: text('NAME', 'snowflake: the storage integration that reads the bucket'),
  connection: text('NAME', 'bigquery: the connection that reads a bucket outside Google Cloud Storage'),
} as const;

const schemaFlag: Flag<TargetSchema> = {
  value: 'FILE',
  help: 'the columns that the target has (brigade state TARGET --schema prints them), so that they can be widened',
  parse: readTargetSchema,
};

export const toSqlCommand = defineCommand({
  name: 'to-sql',
  kind: 'printer',
  summary: 'print the SQL that merges the wire into a database',
  details: `One script, to be run by the engine's own client; docs/engines.md has the commands. Each group is applied in one
transaction, which also records it in brigade_ledger: a group that comes again changes nothing, one that skips groups
fails. Run psql without -1, and the pipeline under set -o pipefail; when a command before this one fails, the script ends
in a statement that fails.

PostgreSQL, MySQL and SQLite take rows; DuckDB takes rows and reads files that nobody decoded by itself. Redshift, Snowflake, BigQuery,
Databricks and Spark take files only: leave decode out, and the warehouse reads the bucket. No key ever stands in a script:
what may read the bucket is said by --iam-role, --storage-integration, --connection, or is set up in the engine. --scratch
writes manifests to S3 for Redshift and BigQuery (--endpoint, --profile … say how); they stay there, since the script is
run later.`,
  examples: [
    'ls-groups fixtures/drops/zenoti/first --feed zenoti --settle 0 | read-manifest --catalog fixtures/drops/zenoti/catalog.json | decode | dedupe | to-sql --dialect postgres | psql',
    'ls-groups fixtures/drops/exports/first --feed exports --settle 0 | read-manifest | to-sql --dialect duckdb | duckdb wh.duckdb',
    'ls-groups s3://acme-zenoti --feed zenoti | read-manifest --catalog catalog.json | to-sql --dialect redshift --iam-role default | psql',
  ],
  args: '[FILE…]',
  reads: 'files',
  flags: {
    dialect: choice(
      Object.keys(dialects) as (keyof typeof dialects)[],
      'the engine that will run the script',
    ),
    targetSchema: schemaFlag,
    ...bulkFlags,
    ...mergeFlags,
  },
  make: ({ dialect, ...options }) => {
    if (dialect === undefined)
      throw new UsageError(`--dialect: expected ${Object.keys(dialects).join(', ')}, found none`);
    return toSql({ dialect, ...options });
  },
});
