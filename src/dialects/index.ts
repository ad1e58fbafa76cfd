import { bigquery } from './bigquery.ts';
import { databricks } from './databricks.ts';
import type { Dialect } from './dialect.ts';
import { duckdb } from './duckdb.ts';
import { mysql } from './mysql.ts';
import { postgres } from './postgres.ts';
import { redshift } from './redshift.ts';
import { snowflake } from './snowflake.ts';
import { spark } from './spark.ts';
import { sqlite } from './sqlite.ts';

/** Every engine we speak to. */
export const dialects = {
  duckdb,
  postgres,
  redshift,
  snowflake,
  bigquery,
  databricks,
  spark,
  mysql,
  sqlite,
} as const satisfies Record<string, Dialect>;

export type DialectName = keyof typeof dialects;
