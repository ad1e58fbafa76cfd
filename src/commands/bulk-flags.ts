import { UsageError } from '../errors.ts';
import type { Context } from '../stage.ts';
import { normaliseRoot, openStore, storeFlags } from '../stores/index.ts';
import { openScratch, type Scratch } from '../stores/scratch.ts';
import type { StoreOptions } from '../stores/store.ts';
import { text } from './flags.ts';

/** How Redshift gets at files, for `load` and `to-sql`; the flags of S3 say how we write manifests there. */
export const redshiftFlags = {
  iamRole: text('ARN', 'redshift: the role that reads S3 (default: the default role of the cluster)'),
  scratch: text(
    'URL',
    'redshift, bigquery: a folder in S3 for manifests, so that one statement reads all files of a table (default: redshift one COPY a file, bigquery all names in the statement)',
  ),
  ...storeFlags,
  region: text('NAME', 'redshift: the region of the bucket, where it is not that of the cluster'),
} as const;

/** The scratch folder that `--scratch` names. Throws `UsageError` for one that the cluster cannot read. */
export function scratchOf(
  root: string,
  options: StoreOptions,
  { run, dryRun = false }: { readonly run?: string; readonly dryRun?: boolean },
  context: Context,
): Scratch {
  if (!root.startsWith('s3://'))
    throw new UsageError(`--scratch: expected s3://bucket/folder, found ${root}`);
  const about = { dryRun, warn: context.warn, ...(run === undefined ? {} : { run }) };
  return openScratch(openStore(options, context), normaliseRoot(root), about);
}
