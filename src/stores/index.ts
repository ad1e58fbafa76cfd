/** The table of stores: which one a URI means, and the flags that tell how to reach it. */

import { pathToFileURL } from 'node:url';
import { type Flags, text, toggle } from '../commands/flags.ts';
import { UsageError } from '../errors.ts';
import { filePath, openFileStore } from './file.ts';
import type { Store, StoreOptions } from './store.ts';

/** The flags of every command that reads S3. */
export const storeFlags = {
  endpoint: text('URL', 'the address of an S3-compatible service'),
  region: text('NAME', 'the AWS region of the bucket (default: the profile, else found out)'),
  profile: text('NAME', 'a profile of the AWS configuration files'),
  pathStyle: toggle('put the bucket into the path and not into the host name'),
  requesterPays: toggle('accept the costs of a requester-pays bucket'),
  roleArn: text('ARN', 'an IAM role to assume'),
  externalId: text('ID', 'the external id that the role asks for'),
} as const satisfies Flags;

/** What a store may know of its surroundings; a `Context` will do. */
export interface StoreContext {
  /** Aborts listings and reads under way. */
  readonly signal?: AbortSignal;
}

/**
 * A store for any URI: `s3://bucket/key` (the raw key, nothing encoded), `file:` URLs (percent-encoded) and plain
 * paths. Opens nothing before it is asked for something; the AWS SDK is loaded at the first `s3://`.
 */
export function openStore(options: StoreOptions = {}, context: StoreContext = {}): Store {
  if (options.externalId !== undefined && options.roleArn === undefined)
    throw new UsageError('--external-id: expected --role-arn beside it, found none');
  const files = openFileStore(context);
  let s3: Promise<Store> | undefined;
  const storeOf = (uri: string): Promise<Store> | Store => {
    if (schemeOf(uri) !== 's3') return files;
    s3 ??= import('./s3.ts').then(({ openS3Store }) => openS3Store(options, context));
    return s3;
  };
  return {
    async *list(root, listOptions) {
      yield* (await storeOf(root)).list(root, listOptions);
    },
    async *folders(root, prefix) {
      yield* (await storeOf(root)).folders(root, prefix);
    },
    async *read(uri, readOptions) {
      yield* (await storeOf(uri)).read(uri, readOptions);
    },
    stat: async (uri) => (await storeOf(uri)).stat(uri),
    version: async (uri) => (await storeOf(uri)).version(uri),
    write: async (uri, body) => (await storeOf(uri)).write(uri, body),
    remove: async (uri) => (await storeOf(uri)).remove(uri),
    localPath: (uri) => (schemeOf(uri) === 's3' ? undefined : files.localPath(uri)),
  };
}

/** Where bytes lie, by the URI's scheme; throws `UsageError` for one that no store serves. */
function schemeOf(uri: string): 's3' | 'file' {
  // Most are plain paths, and the pattern costs a short command more than this.
  if (!uri.includes('://')) return 'file';
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(uri)?.[1]?.toLowerCase();
  if (scheme === 's3') return 's3';
  if (scheme === undefined || scheme === 'file') return 'file';
  throw new UsageError(
    `${uri}: expected s3://bucket/prefix, a folder or a file: URL, found the scheme ${scheme}`,
  );
}

/** A root in its one normal form, absolute and with a `/` at its end: `s3://bucket/prefix/`, `file:///path/`. */
export function normaliseRoot(url: string): string {
  if (schemeOf(url) === 'file') return closed(pathToFileURL(filePath(url)).href);
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]*)\/?(.*)$/is.exec(url)!;
  if (!/^[A-Za-z0-9][A-Za-z0-9._:-]*$/.test(bucket))
    throw new UsageError(`${url}: expected a bucket after s3://, found ${bucket || 'none'}`);
  return closed(`s3://${bucket}/${key}`);
}

const closed = (root: string): string => (root.endsWith('/') ? root : `${root}/`);
