import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { BulkOptions } from '../dialects/warehouse.ts';
import { messageOf, UsageError } from '../errors.ts';
import { createApply } from '../merge/apply.ts';
import { planLines, rehearse } from '../merge/dry-run.ts';
import type { GroupReport, MergeOptions } from '../merge/options.ts';
import type { Sink } from '../stage.ts';
import type { StoreOptions } from '../stores/store.ts';
import { connect } from '../targets/index.ts';
import { parseTarget } from '../targets/target.ts';
import { redshiftFlags, scratchOf } from './bulk-flags.ts';
import { defineCommand } from './command.ts';
import { mergeFlags } from './merge-flags.ts';

export type LoadOptions = MergeOptions &
  Pick<BulkOptions, 'iamRole' | 'region' | 'scratch'> &
  StoreOptions & {
    /** Hears how each group went; default: a line through the context's `warn`. */
    readonly onGroup?: (report: GroupReport) => void;
  };

/**
 * Merges the stream into a database: each group in one transaction, together with its cursor, so that a group is
 * applied once or not at all, however often it comes. Resolves when the last one is committed. A stream without `end`
 * (an input that throws) rolls back what is open and keeps the groups committed before. Throws `UserError`, and
 * `TemporaryError` for a database that is locked or does not answer. With `dryRun` all of it is done in one transaction,
 * told, and rolled back; the database is locked meanwhile.
 */
export function load(target: string, given: LoadOptions = {}): Sink {
  return async (input, context) => {
    const place = parseTarget(target, context);
    for (const flag of ['iamRole', 'scratch'] as const) {
      if (given[flag] !== undefined && place.kind !== 'redshift')
        throw new UsageError(
          `--${flag === 'iamRole' ? 'iam-role' : flag}: expected a target redshift://…, found one of ${place.kind}`,
        );
    }
    const schema = given.schema ?? place.schema;
    const options = schema === undefined ? given : { ...given, schema };
    const isNew = place.kind === 'duckdb' && options.dryRun === true && !existsSync(place.path);
    const opened = isNew ? ({ kind: 'duckdb', path: ':memory:' } as const) : place;
    const scratch =
      options.scratch === undefined
        ? {}
        : { scratch: scratchOf(options.scratch, options, { run: randomUUID() }, context) };
    const connection = connect(opened, { schema, bulk: options, ...scratch }, context);
    const rehearsal = options.dryRun === true ? rehearse(connection) : undefined;
    const tell = (group: GroupReport) => {
      if (rehearsal === undefined) return context.warn(groupLine(group));
      for (const line of planLines(group, rehearsal.steps(), true)) context.warn(line);
    };
    const apply = createApply(rehearsal?.engine ?? connection, options, context, options.onGroup ?? tell);
    try {
      try {
        for await (const chunk of input) await apply.take(chunk);
      } finally {
        await apply.settle?.();
      }
      if (rehearsal !== undefined) await connection.abandon('--dry-run');
    } catch (error) {
      await connection.abandon(messageOf(error));
      throw error;
    } finally {
      await connection.close();
    }
  };
}

/** `zenoti POD1 1007: 2 tables, 120 rows read, 100 inserted, 15 updated, 5 deleted, 0.4 s` */
export function groupLine(group: GroupReport): string {
  if (!group.applied) return `${group.name}: applied before, nothing changed`;
  const tables = group.tables === 1 ? '1 table' : `${group.tables} tables`;
  const rejected = group.rejected === 0 ? '' : `, ${group.rejected} rejected`;
  // Its own share of the time cannot be told.
  const batch = group.batch === undefined ? '' : ` for ${group.batch} groups in one transaction`;
  return `${group.name}: ${tables}, ${group.read} rows read, ${group.inserted} inserted, ${group.updated} updated, ${group.deleted} deleted${rejected}, ${group.seconds.toFixed(1)} s${batch}`;
}

export const loadCommand = defineCommand({
  name: 'load',
  kind: 'sink',
  summary: 'merge the wire into a database, exactly once',
  details: `Each group is applied in one transaction, which also records it in brigade_ledger: a group that comes again
changes nothing, one that skips groups is refused. How a table is merged (append, upsert, delete-insert, replace, scd2) comes
with the wire, from feed and catalog. TARGET is a path ending in .duckdb, duckdb:PATH, postgres://…, redshift://…, mysql://…,
or env:NAME or file:PATH that hold one. A stream that is cut off changes nothing beyond the groups already committed.

Redshift takes files: leave decode out, and the cluster reads the bucket (--iam-role).`,
  examples: [
    'ls-groups fixtures/drops/zenoti/first --feed zenoti --settle 0 | read-manifest --catalog fixtures/drops/zenoti/catalog.json | decode | dedupe | brigade load wh.duckdb',
    'ls-groups s3://acme-csq --feed contentsquare | read-manifest | decode | dedupe | brigade load env:WAREHOUSE_URL',
    'ls-groups s3://acme-zenoti --feed zenoti | read-manifest --catalog catalog.json | brigade load env:REDSHIFT_URL --scratch s3://acme-scratch',
  ],
  args: 'TARGET [FILE…]',
  reads: 'files',
  ownArgs: 1,
  flags: { ...redshiftFlags, ...mergeFlags },
  make: (options, args) => {
    const [target] = args;
    if (target === undefined) throw new UsageError('expected a TARGET, found none: brigade load wh.duckdb');
    return load(target, options);
  },
});
