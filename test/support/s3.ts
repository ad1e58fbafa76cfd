import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { buildApp } from 'fauxqs';
import './byte-order.ts';
import { filesBelow } from '../../src/demo/deliver.ts';

/** The bucket to which the server denies all access, as S3 words it. */
export const DENIED_BUCKET = 'acme-denied';

export interface S3Server {
  readonly endpoint: string;
  readonly client: S3Client;
  /** The flags with which a command reaches the server. */
  readonly flags: readonly string[];
  /** Makes a bucket and puts the files of a folder into it, in the given order (default: by name). */
  upload(bucket: string, folder: string, options?: UploadOptions): Promise<void>;
  put(bucket: string, key: string, body: Uint8Array | string): Promise<void>;
  makeBucket(bucket: string): Promise<void>;
}

interface UploadOptions {
  readonly prefix?: string;
  readonly paths?: readonly string[];
}

let server: Promise<S3Server> | undefined;

/** The S3 server of this test file, on loopback; started when first asked for, gone with the process. */
export function s3Server(): Promise<S3Server> {
  server ??= start();
  return server;
}

async function start(): Promise<S3Server> {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  const app = buildApp({ logger: false });
  app.addHook('onRequest', async (request, reply) => {
    if (!request.url.startsWith(`/${DENIED_BUCKET}`)) return;
    reply.code(403).header('content-type', 'application/xml');
    return reply.send('<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>');
  });
  const endpoint = await app.listen({ port: 0, host: '127.0.0.1' });
  // Neither the listener nor its idle connections keep a test file running.
  app.server.unref();
  app.server.on('connection', (socket) => socket.unref());
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  const makeBucket = async (bucket: string): Promise<void> => {
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
  };
  const put = async (bucket: string, key: string, body: Uint8Array | string): Promise<void> => {
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
  };
  return {
    endpoint,
    client,
    flags: ['--endpoint', endpoint, '--region', 'us-east-1', '--path-style'],
    makeBucket,
    put,
    upload: async (bucket, folder, { prefix = '', paths = filesBelow(folder) } = {}) => {
      await makeBucket(bucket);
      for (const path of paths) await put(bucket, prefix + path, readFileSync(join(folder, path)));
    },
  };
}
