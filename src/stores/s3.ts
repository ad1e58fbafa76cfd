/** S3 and what speaks its protocol, as a store. */

import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { UserError } from '../errors.ts';
import { compareText } from '../wire/order.ts';
import { rewritten } from './file.ts';
import { type Body, PATIENCE, type Patience, resume } from './resume.ts';
import { errorName, isTemporary, type S3Call, s3Error } from './s3-errors.ts';
import type { Entry, ListOptions, ReadOptions, Store, StoreOptions } from './store.ts';

interface S3Context {
  readonly signal?: AbortSignal;
  readonly patience?: Patience;
}

/**
 * The store of S3 objects. Keys stand in a URI as they are: `s3://bucket/100% sure.csv`. Listings are read a page of
 * 1,000 keys at a time, the next one while the last is used. Reads ask for one version of an object (`If-Match`)
 * and go on at the byte when a connection breaks. Empty objects that stand for folders are left out.
 */
export function openS3Store(options: StoreOptions, context: S3Context = {}): Store {
  const { signal, patience = PATIENCE } = context;
  let opening: Promise<S3Client> | undefined;
  const client = () => {
    opening ??= connect(options, patience);
    return opening;
  };
  const payer = options.requesterPays ? { RequestPayer: 'requester' as const } : {};

  async function* pages(root: string, parameters: { prefix: string; startAfter?: string; delimiter?: '/' }) {
    const { bucket, key } = parts(root);
    const call: S3Call = { action: 's3:ListBucket', uri: root, bucket };
    const stop = new AbortController();
    const ask = async (token?: string): Promise<Page> => {
      const answer = await (await client()).send(
        new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: key + parameters.prefix,
          // Keys may hold characters that XML cannot.
          EncodingType: 'url',
          ...(parameters.delimiter === undefined ? {} : { Delimiter: parameters.delimiter }),
          ...(token === undefined ? {} : { ContinuationToken: token }),
          ...(parameters.startAfter === undefined || token !== undefined
            ? {}
            : { StartAfter: key + parameters.startAfter }),
          ...payer,
        }),
        { abortSignal: signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]) },
      );
      const decode = answer.EncodingType === 'url' ? urlDecoded : (text: string) => text;
      return {
        objects: (answer.Contents ?? []).map(({ Key, ...rest }) => ({ ...rest, Key: decode(Key!) })),
        folders: (answer.CommonPrefixes ?? []).map(({ Prefix }) => decode(Prefix!)),
        next: answer.IsTruncated ? answer.NextContinuationToken : undefined,
      };
    };
    const fail = (error: unknown): never => {
      signal?.throwIfAborted();
      throw s3Error(error, call);
    };
    try {
      let coming: Promise<Page> | undefined = ask();
      while (coming !== undefined) {
        const page: Page = await coming.catch(fail);
        coming = page.next === undefined ? undefined : ask(page.next);
        // Its error is thrown when the page is awaited, or never if nobody wants the page.
        coming?.catch(() => {});
        yield page;
      }
    } finally {
      stop.abort();
    }
  }

  return {
    async *list(root, { prefix = '', startAfter }: ListOptions = {}) {
      const { bucket, key } = parts(root);
      let last: string | undefined;
      for await (const page of pages(root, { prefix, ...(startAfter === undefined ? {} : { startAfter }) })) {
        last = sortPage(page.objects, ({ Key }) => Key, page.next !== undefined, last, root);
        for (const { Key, Size = 0, ETag, LastModified } of page.objects) {
          if (Size === 0 && Key.endsWith('/')) continue;
          yield entry({
            uri: `s3://${bucket}/${Key}`,
            path: Key.slice(key.length),
            bytes: Size,
            etag: ETag,
            modified: LastModified,
          });
        }
      }
    },
    async *folders(root, prefix = '') {
      const cut = parts(root).key.length + prefix.lastIndexOf('/') + 1;
      let last: string | undefined;
      for await (const page of pages(root, { prefix, delimiter: '/' })) {
        last = sortPage(page.folders, (folder) => folder, page.next !== undefined, last, root);
        for (const folder of page.folders) yield folder.slice(cut);
      }
    },
    read: (uri, readOptions = {}) => read(uri, readOptions),
    stat,
    version: async (uri) => (await stat(uri)).etag,
    write: (uri, body) =>
      send(uri, 's3:PutObject', (place) => new PutObjectCommand({ ...place, Body: body, ...payer })),
    remove: (uri) => send(uri, 's3:DeleteObject', (place) => new DeleteObjectCommand({ ...place, ...payer })),
    localPath: () => undefined,
  };

  async function stat(uri: string): Promise<Entry> {
    const { bucket, key } = parts(uri);
    try {
      const found = await (await client()).send(
        new HeadObjectCommand({ Bucket: bucket, Key: key, ...payer }),
        signal && { abortSignal: signal },
      );
      return entry({
        uri,
        path: key.slice(key.lastIndexOf('/') + 1),
        bytes: found.ContentLength ?? 0,
        etag: found.ETag,
        modified: found.LastModified,
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw s3Error(error, { action: 's3:GetObject', uri, bucket });
    }
  }

  async function send(
    uri: string,
    action: S3Call['action'],
    command: (place: { Bucket: string; Key: string }) => PutObjectCommand | DeleteObjectCommand,
  ): Promise<void> {
    const { bucket, key } = parts(uri);
    const options = signal === undefined ? {} : { abortSignal: signal };
    try {
      const request = command({ Bucket: bucket, Key: key });
      // One call per command: the client's types tell them apart.
      if (request instanceof PutObjectCommand) await (await client()).send(request, options);
      else await (await client()).send(request, options);
    } catch (error) {
      signal?.throwIfAborted();
      throw s3Error(error, { action, uri, bucket });
    }
  }

  async function* read(uri: string, { start = 0, end, etag }: ReadOptions): AsyncIterable<Uint8Array> {
    if (end !== undefined && end <= start) return;
    const { bucket, key } = parts(uri);
    let version = etag;
    const open = async (at: number, attempt: AbortSignal): Promise<Body> => {
      const range =
        at > 0 || end !== undefined ? { Range: `bytes=${at}-${end === undefined ? '' : end - 1}` } : {};
      try {
        const answer = await (await client()).send(
          new GetObjectCommand({
            Bucket: bucket,
            Key: key,
            ...range,
            ...payer,
            ...(version === undefined ? {} : { IfMatch: `"${version}"` }),
          }),
          { abortSignal: attempt },
        );
        const found = unquoted(answer.ETag);
        if (version !== undefined && found !== version) throw rewritten(uri, version, found);
        version = found;
        return { pieces: answer.Body as AsyncIterable<Uint8Array>, end: endOf(answer, at, uri) };
      } catch (error) {
        const name = errorName(error);
        if (name === 'PreconditionFailed' || name === '412') throw rewritten(uri, version ?? '', 'another');
        // Nothing lies at or after this byte: an empty object, or a range beyond its end.
        if (name === 'InvalidRange') return { pieces: nothing(), end: at };
        throw error;
      }
    };
    try {
      yield* resume(open, { start, patience, isTemporary, ...(signal === undefined ? {} : { signal }) });
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof RangeError) throw new UserError(`${uri}: ${error.message}`, { cause: error });
      throw s3Error(error, { action: 's3:GetObject', uri, bucket });
    }
  }
}

interface Page {
  readonly objects: {
    Key: string;
    Size?: number | undefined;
    ETag?: string | undefined;
    LastModified?: Date | undefined;
  }[];
  readonly folders: string[];
  readonly next: string | undefined;
}

// General-purpose buckets list in UTF-8 byte order. A service that does not, like a directory bucket, may lose keys
// at the border of two pages.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
function sortPage<T>(
  items: T[],
  keyOf: (item: T) => string,
  isMore: boolean,
  last: string | undefined,
  root: string,
): string | undefined {
  const isSorted = items.every((item, i) => {
    const before = i === 0 ? last : keyOf(items[i - 1]!);
    return before === undefined || compareText(before, keyOf(item)) < 0;
  });
  if (!isSorted) {
    if (isMore || last !== undefined)
      throw new UserError(
        `${root}: expected a listing in byte order of its keys, found another order; this S3 service cannot be listed safely beyond 1,000 keys`,
      );
    items.sort((a, b) => compareText(keyOf(a), keyOf(b)));
  }
  return items.length === 0 ? last : keyOf(items.at(-1)!);
}

async function connect(options: StoreOptions, patience: Patience): Promise<S3Client> {
  const config: S3ClientConfig = {
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    ...(options.pathStyle === undefined ? {} : { forcePathStyle: options.pathStyle }),
    followRegionRedirects: true,
    maxAttempts: patience.requestAttempts,
    // Checksums cover whole objects only; reads by range rely on TLS, lengths and the formats' own checks.
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: 10_000,
      requestTimeout: 60_000,
      throwOnRequestTimeout: true,
      socketAcquisitionWarningTimeout: 600_000,
    },
  };
  const region = options.region ?? (await configuredRegion(config));
  const credentials =
    options.roleArn === undefined ? {} : { credentials: await assumedRole(options, region) };
  return new S3Client({ ...config, ...credentials, region });
}

// Without a region any will do to begin with: S3 tells the right one.
async function configuredRegion(config: S3ClientConfig): Promise<string> {
  try {
    return await new S3Client(config).config.region();
  } catch {
    return 'us-east-1';
  }
}

async function assumedRole(options: StoreOptions, region: string) {
  const { fromNodeProviderChain, fromTemporaryCredentials } = await import('@aws-sdk/credential-providers');
  return fromTemporaryCredentials({
    masterCredentials: fromNodeProviderChain(
      options.profile === undefined ? {} : { profile: options.profile },
    ),
    clientConfig: { region },
    params: {
      RoleArn: options.roleArn!,
      RoleSessionName: 'bucket-brigade',
      ...(options.externalId === undefined ? {} : { ExternalId: options.externalId }),
    },
  });
}

function parts(uri: string): { bucket: string; key: string } {
  const match = /^s3:\/\/([^/]+)\/?(.*)$/is.exec(uri);
  if (match === null) throw new UserError(`${uri}: expected s3://bucket/key`);
  return { bucket: match[1]!, key: match[2]! };
}

function entry(found: {
  uri: string;
  path: string;
  bytes: number;
  etag: string | undefined;
  modified: Date | undefined;
}): Entry {
  return { ...found, etag: unquoted(found.etag), modified: (found.modified ?? new Date(0)).toISOString() };
}

const unquoted = (etag: string | undefined): string => (etag ?? '').replace(/^"|"$/g, '');

const urlDecoded = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '));

function endOf(
  answer: { ContentRange?: string | undefined; ContentLength?: number | undefined },
  at: number,
  uri: string,
): number {
  const range = /^bytes (\d+)-(\d+)\//.exec(answer.ContentRange ?? '');
  if (range !== null) {
    if (Number(range[1]) !== at)
      throw new UserError(`${uri}: expected bytes from ${at} on, found ${answer.ContentRange}`);
    return Number(range[2]) + 1;
  }
  if (at > 0)
    throw new UserError(
      `${uri}: expected bytes from ${at} on, found the whole object (this S3 service ignores Range)`,
    );
  if (answer.ContentLength === undefined)
    throw new UserError(`${uri}: expected a Content-Length, found none`);
  return answer.ContentLength;
}

async function* nothing(): AsyncIterable<Uint8Array> {}
