import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { TemporaryError, UsageError, UserError } from '../src/errors.ts';
import { openFileStore } from '../src/stores/file.ts';
import { normaliseRoot, openStore } from '../src/stores/index.ts';
import { PATIENCE } from '../src/stores/resume.ts';
import { openS3Store } from '../src/stores/s3.ts';
import { openScratch } from '../src/stores/scratch.ts';
import type { Store } from '../src/stores/store.ts';
import './support/byte-order.ts';
import { type Fault, startProxy } from './support/proxy.ts';
import { DENIED_BUCKET, s3Server } from './support/s3.ts';
import { scratch } from './support/scratch.ts';

process.env['AWS_ACCESS_KEY_ID'] = 'test';
process.env['AWS_SECRET_ACCESS_KEY'] = 'test';

const ODD_KEYS = [
  'POD:POD1/9/a b.csv',
  'POD:POD1/10/100% sure+.csv',
  'ünï/€😀.csv',
  'ünï/😀.csv',
  'ünï/\uffee.csv',
  'q"<>&\'.csv',
  'a#b?c=d.csv',
  'a-b',
  'a/b',
  'a/b.c',
  'a.b',
  'a b/c',
  'line\nbreak.csv',
  'back\\slash.csv',
  ' leading',
  'trailing ',
  'dots/..data/.hidden',
];
const NUMBERED = Array.from({ length: 1150 }, (_, i) => `POD1/${i}/T/${i}.csv`);
const KEYS = [...ODD_KEYS, ...NUMBERED];
const BUCKET = 'acme-stores';
const S3_ROOT = `s3://${BUCKET}/`;

let s3: Store;
let folder: string;
let fileRoot: string;
let endpoint: string;
const quick = { ...PATIENCE, delayMs: 1, maxDelayMs: 5, idleMs: 250, requestAttempts: 2 };
const s3Options = () => ({ endpoint, region: 'us-east-1', pathStyle: true });

before(async () => {
  const server = await s3Server();
  endpoint = server.endpoint;
  s3 = openStore(s3Options());
  folder = scratch('stores');
  fileRoot = normaliseRoot(folder);
  await server.makeBucket(BUCKET);
  for (let i = 0; i < KEYS.length; i += 50) {
    await Promise.all(KEYS.slice(i, i + 50).map((key) => server.put(BUCKET, key, `body of ${key}`)));
  }
  for (const key of KEYS) {
    const file = join(folder, key);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `body of ${key}`);
  }
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const text = async (pieces: AsyncIterable<Uint8Array>) => Buffer.concat(await all(pieces)).toString();

async function failure(work: Promise<unknown>): Promise<Error> {
  const error = await work.then(
    () => undefined,
    (reason) => reason,
  );
  assert.ok(error instanceof Error, 'expected an error, found none');
  return error;
}

test('a bucket and a folder of the same content give the same listing, in byte order, over several pages', async () => {
  const [fromS3, fromFolder] = [await all(s3.list(S3_ROOT)), await all(openStore().list(fileRoot))];
  const expected = KEYS.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  assert.deepEqual(
    fromS3.map((entry) => entry.path),
    expected,
  );
  assert.deepEqual(
    fromFolder.map((entry) => entry.path),
    expected,
  );
  assert.deepEqual(
    fromS3.map((entry) => entry.bytes),
    fromFolder.map((entry) => entry.bytes),
  );
  assert.ok(
    fromFolder.every((entry) => entry.etag !== '' && !entry.etag.includes('"') && /Z$/.test(entry.modified)),
  );
});

test('any prefix and any key to start after give the same keys from both, and all of them', async () => {
  const files = openStore();
  const position = fc.oneof(
    fc.constantFrom(...KEYS),
    fc.constantFrom('', 'a', 'a/', 'POD1/', 'POD1/1', 'POD', 'zzz', 'POD1/99/T/99.csv0'),
  );
  await fc.assert(
    fc.asyncProperty(position, fc.nat(8), position, async (whole, cut, startAfter) => {
      const prefix = whole.slice(0, cut);
      const options = { prefix, startAfter };
      const wanted = KEYS.filter(
        (key) => key.startsWith(prefix) && Buffer.compare(Buffer.from(key), Buffer.from(startAfter)) > 0,
      );
      wanted.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      assert.deepEqual(
        (await all(files.list(fileRoot, options))).map(({ path }) => path),
        wanted,
      );
      assert.deepEqual(
        (await all(s3.list(S3_ROOT, options))).map(({ path }) => path),
        wanted,
      );
    }),
    { numRuns: 25 },
  );
});

test('folders below a prefix are the same from both', async () => {
  for (const prefix of ['', 'POD1/', 'POD:POD1/', 'POD', 'dots/', 'none/']) {
    const found = await all(s3.folders(S3_ROOT, prefix));
    assert.deepEqual(await all(openStore().folders(fileRoot, prefix)), found, prefix);
    assert.equal(
      found.length,
      { '': 6, 'POD1/': 1150, 'POD:POD1/': 2, POD: 2, 'dots/': 1, 'none/': 0 }[prefix],
      prefix,
    );
  }
});

test('an entry of a listing can be read and looked up by its URI, whatever its key', async () => {
  for (const [store, root] of [
    [s3, S3_ROOT],
    [openStore(), fileRoot],
  ] as const) {
    const entries = (await all(store.list(root))).filter(({ path }) => ODD_KEYS.includes(path));
    assert.equal(entries.length, ODD_KEYS.length);
    for (const entry of entries) {
      assert.equal(await text(store.read(entry.uri, { etag: entry.etag })), `body of ${entry.path}`);
      const part = Buffer.concat(await all(store.read(entry.uri, { start: 5, end: 9 })));
      assert.ok(part.equals(Buffer.from(`body of ${entry.path}`).subarray(5, 9)));
      const found = await store.stat(entry.uri);
      assert.deepEqual([found.uri, found.bytes, found.etag], [entry.uri, entry.bytes, entry.etag]);
    }
  }
});

test('pieces of a file are kept for good, unless fleeting ones were asked for: those until the next', async () => {
  const path = join(scratch(), 'long.bin');
  const content = Buffer.from(Uint32Array.from({ length: 700_000 }, (_, at) => at).buffer);
  writeFileSync(path, content);
  const kept: Uint8Array[] = [];
  for await (const piece of openFileStore().read(path)) kept.push(piece);
  assert.ok(Buffer.concat(kept).equals(content));
  const copies: Uint8Array[] = [];
  const memory = new Set<ArrayBufferLike>();
  for await (const piece of openFileStore().read(path, { fleeting: true, start: 5 })) {
    copies.push(Buffer.from(piece));
    memory.add(piece.buffer);
  }
  assert.ok(Buffer.concat(copies).equals(content.subarray(5)));
  assert.equal(memory.size, 2);
});

test('a range that begins at or after the end is empty', async () => {
  const uri = `${S3_ROOT}a-b`;
  assert.equal(await text(s3.read(uri, { start: 11 })), '');
  assert.equal(await text(s3.read(uri, { start: 4, end: 4 })), '');
  assert.equal(await text(openStore().read(join(folder, 'a-b'), { start: 11 })), '');
});

test('objects that stand for folders, as the console makes them, are no files', async () => {
  const server = await s3Server();
  await server.makeBucket('acme-markers');
  await server.put('acme-markers', 'root/', '');
  await server.put('acme-markers', 'root/POD1/', '');
  await server.put('acme-markers', 'root/POD1/a.csv', 'x');
  const entries = await all(s3.list('s3://acme-markers/root/'));
  assert.deepEqual(
    entries.map(({ path }) => path),
    ['POD1/a.csv'],
  );
});

test('a rewritten object is refused by name, before and while it is read', async () => {
  const uri = `${S3_ROOT}a-b`;
  const file = join(scratch('rewritten'), 'a.csv');
  writeFileSync(file, Buffer.alloc(600_000, 'x'));
  const files = openFileStore();
  const { etag } = await files.stat(file);
  // One after the other: a failure that nobody awaits yet would end the test.
  for (const work of [
    () => text(s3.read(uri, { etag: 'older' })),
    () => text(files.read(file, { etag: 'older' })),
  ]) {
    const error = await failure(work());
    assert.ok(error instanceof UserError);
    assert.match(error.message, /a-b|a\.csv/);
    assert.match(error.message, /rewritten since it was listed: expected version older/);
  }
  const halfway = async () => {
    for await (const _ of files.read(file, { etag })) utimesSync(file, new Date(0), new Date(0));
  };
  assert.match((await failure(halfway())).message, /a\.csv: rewritten since/);
  const growing = async () => {
    for await (const _ of files.read(file)) appendFileSync(file, 'more');
  };
  assert.match((await failure(growing())).message, /a\.csv: rewritten since/);
});

const STATUS = '/proc/self/status';

test('a file that says it is empty is read to its end', { skip: !existsSync(STATUS) }, async () => {
  const found = await text(openFileStore().read(STATUS));
  assert.ok(found.startsWith('Name:\t') && found.endsWith('\n'));
});

test('what is wrong with a bucket, a key or a folder is said in one line', async () => {
  const wrong: [() => Promise<unknown>, RegExp][] = [
    [() => all(s3.list('s3://acme-nowhere/')), /^s3:\/\/acme-nowhere\/: no bucket acme-nowhere$/],
    [() => all(s3.folders('s3://acme-nowhere/')), /no bucket acme-nowhere$/],
    [
      () => all(s3.list(`s3://${DENIED_BUCKET}/`)),
      /access denied: these credentials may not s3:ListBucket here$/,
    ],
    [
      () => text(s3.read(`s3://${DENIED_BUCKET}/a`)),
      /access denied: these credentials may not s3:GetObject here$/,
    ],
    [() => s3.stat(`s3://${DENIED_BUCKET}/a`), /access denied: these credentials may not s3:GetObject here$/],
    [() => text(s3.read(`${S3_ROOT}none.csv`)), /none\.csv: no such object$/],
    [() => s3.stat(`${S3_ROOT}none.csv`), /none\.csv: no such object$/],
    [() => all(openStore().list('/nowhere/at/all')), /^\/nowhere\/at\/all: no such folder$/],
    [() => all(openStore().list(join(folder, 'a-b'))), /a-b: expected a folder, found a file$/],
    [() => text(openStore().read(join(folder, 'none'))), /none: no such file$/],
    [() => text(openStore().read(folder)), /: expected a file, found a folder$/],
    [() => openStore().stat(folder), /: expected a file, found a folder$/],
  ];
  for (const [work, message] of wrong) {
    const error = await failure(work());
    assert.ok(error instanceof UserError && !(error instanceof TemporaryError), String(error));
    assert.match(error.message, message);
  }
});

test('codes of S3 become one line that says what to do, and exit 75 where trying again helps', async () => {
  let fault: Fault;
  const proxy = await startProxy(endpoint, () => fault);
  const store = openStore({ ...s3Options(), endpoint: proxy.endpoint });
  const table: [number, string, RegExp, boolean][] = [
    [400, 'ExpiredToken', /the credentials have expired/, false],
    [403, 'InvalidAccessKeyId', /access key id of the credentials is unknown/, false],
    [403, 'SignatureDoesNotMatch', /secret key of the credentials does not fit/, false],
    [403, 'RequestTimeTooSkewed', /clock of this machine/, false],
    [403, 'InvalidObjectState', /archived \(Glacier\)/, false],
    [301, 'PermanentRedirect', /another region: give it with --region/, false],
    [418, 'Teapot', /S3 answered Teapot: as told/, false],
    [503, 'SlowDown', /busy \(SlowDown.*try again/, true],
  ];
  for (const [status, code, message, isTemporary] of table) {
    fault = { kind: 'status', status, code };
    const error = await failure(all(store.list(S3_ROOT)));
    assert.match(error.message, message);
    assert.equal(error instanceof TemporaryError, isTemporary, code);
  }
});

test('a service that cannot be reached is a temporary error', async () => {
  const closed = await new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
  const error = await failure(
    all(openStore({ ...s3Options(), endpoint: `http://127.0.0.1:${closed}` }).list(S3_ROOT)),
  );
  assert.ok(error instanceof TemporaryError, String(error));
});

test('a download goes on at the byte through cuts, stalls and busy answers, and loses nothing', async () => {
  const server = await s3Server();
  const body = Buffer.from(Array.from({ length: 700_000 }, (_, i) => (i * 31 + (i >> 8)) & 255));
  await server.put(BUCKET, 'big.bin', body);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ kind: fc.constantFrom('cut', 'stall', 'busy', 'short'), at: fc.nat(400_000) }), {
        maxLength: 5,
      }),
      async (faults) => {
        const left = faults.filter(({ kind }, i) => kind !== 'stall' || i < 1);
        const proxy = await startProxy(endpoint, (): Fault => {
          const next = left.shift();
          if (next === undefined) return undefined;
          return next.kind === 'busy'
            ? { kind: 'status', status: 503, code: 'SlowDown' }
            : { kind: next.kind as 'cut', afterBytes: next.at };
        });
        const store = openS3Store({ ...s3Options(), endpoint: proxy.endpoint }, { patience: quick });
        const found = Buffer.concat(await all(store.read(`${S3_ROOT}big.bin`, { start: 3 })));
        assert.ok(found.equals(body.subarray(3)));
        // Every request after the first names the version that the first one gave.
        for (const { headers } of proxy.requests.slice(1))
          assert.ok(headers['range'] === 'bytes=3-' || headers['if-match'] !== undefined);
      },
    ),
    { numRuns: 12, endOnFailure: true },
  );
});

test('an answer that ends too early without a word is asked for the rest', async () => {
  let count = 0;
  const proxy = await startProxy(endpoint, () =>
    count++ === 0 ? { kind: 'short', afterBytes: 4 } : undefined,
  );
  const store = openS3Store({ ...s3Options(), endpoint: proxy.endpoint }, { patience: quick });
  assert.equal(await text(store.read(`${S3_ROOT}a-b`, { start: 1 })), 'ody of a-b');
  assert.equal(proxy.requests.length, 2);
});

test('keys that a service encodes for its listing are decoded, and others left as they are', async () => {
  const server = createServer((request, response) => {
    const isEncoded = new URL(request.url!, 'http://s3').searchParams.get('encoding-type') === 'url';
    const keys = isEncoded
      ? ['a+b%2Bc', 'line%0D%0Abreak', '%C3%BC%25']
      : ['the request did not ask for encoded keys'];
    const contents = keys.map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`).join('');
    response.writeHead(200, { 'content-type': 'application/xml' });
    response.end(`<ListBucketResult><EncodingType>url</EncodingType>${contents}</ListBucketResult>`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  const { port } = server.address() as AddressInfo;
  const store = openStore({ ...s3Options(), endpoint: `http://127.0.0.1:${port}` });
  const found = (await all(store.list('s3://encoded/'))).map(({ path }) => path);
  assert.deepEqual(found, ['a b+c', 'line\r\nbreak', 'ü%']);
  server.closeAllConnections();
});

test('a download that never gets anywhere ends as a temporary error', async () => {
  const proxy = await startProxy(endpoint, () => ({ kind: 'cut', afterBytes: 0 }));
  const store = openS3Store(
    { ...s3Options(), endpoint: proxy.endpoint },
    { patience: { ...quick, attempts: 3 } },
  );
  const error = await failure(text(store.read(`${S3_ROOT}a-b`)));
  assert.ok(error instanceof TemporaryError, String(error));
  assert.match(error.message, /a-b: S3 cannot be reached or is busy/);
});

test('an object rewritten in the middle of a broken download is refused, never mixed', async () => {
  const server = await s3Server();
  await server.put(BUCKET, 'mixed.bin', Buffer.alloc(400_000, 'a'));
  let count = 0;
  const proxy = await startProxy(endpoint, () =>
    count++ === 0 ? { kind: 'cut', afterBytes: 150_000 } : undefined,
  );
  const store = openS3Store({ ...s3Options(), endpoint: proxy.endpoint }, { patience: quick });
  const halfway = async () => {
    let isFirst = true;
    for await (const _ of store.read(`${S3_ROOT}mixed.bin`)) {
      if (isFirst) await server.put(BUCKET, 'mixed.bin', Buffer.alloc(400_000, 'b'));
      isFirst = false;
    }
  };
  assert.match((await failure(halfway())).message, /mixed\.bin: rewritten since it was listed/);
});

test('an abort ends listings and reads, with its own reason', async () => {
  for (const [root, open] of [
    [S3_ROOT, (signal: AbortSignal) => openStore(s3Options(), { signal })],
    [fileRoot, (signal: AbortSignal) => openStore({}, { signal })],
  ] as const) {
    const abort = new AbortController();
    const listing = async () => {
      for await (const _ of open(abort.signal).list(root)) abort.abort(new Error('enough'));
    };
    assert.equal((await failure(listing())).message, 'enough');
  }
  const abort = new AbortController();
  const stalling = await startProxy(endpoint, (): Fault => ({ kind: 'stall', afterBytes: 1 }));
  setTimeout(() => abort.abort(new Error('enough')), 50);
  const store = openS3Store({ ...s3Options(), endpoint: stalling.endpoint }, { signal: abort.signal });
  assert.equal((await failure(text(store.read(`${S3_ROOT}a-b`)))).message, 'enough');
});

test('a reader that leaves a listing early asks for no further page than the next', async () => {
  const proxy = await startProxy(endpoint);
  const store = openStore({ ...s3Options(), endpoint: proxy.endpoint });
  for await (const _ of store.list(S3_ROOT)) break;
  assert.ok(proxy.requests.length <= 2, `${proxy.requests.length} requests`);
});

test('requester-pays goes with every request', async () => {
  const proxy = await startProxy(endpoint);
  const store = openStore({ ...s3Options(), endpoint: proxy.endpoint, requesterPays: true });
  await all(store.list(S3_ROOT, { prefix: 'a' }));
  await text(store.read(`${S3_ROOT}a-b`));
  await store.stat(`${S3_ROOT}a-b`);
  assert.deepEqual(
    proxy.requests.map(({ headers }) => headers['x-amz-request-payer']),
    ['requester', 'requester', 'requester'],
  );
});

test('the bucket stands in the path when that is asked for', async () => {
  const proxy = await startProxy(endpoint);
  // By an address every bucket is asked for in the path.
  const named = proxy.endpoint.replace('127.0.0.1', 'localhost');
  await openStore({ ...s3Options(), endpoint: named, pathStyle: true }).stat(`${S3_ROOT}a-b`);
  assert.match(String(proxy.requests[0]!.headers.host), /^localhost:/);
});

test('a profile gives credentials and region, unless the region is given', async () => {
  const folder = scratch('aws');
  writeFileSync(
    join(folder, 'credentials'),
    '[acme]\naws_access_key_id = PROFILED\naws_secret_access_key = s\n',
  );
  writeFileSync(join(folder, 'config'), '[profile acme]\nregion = eu-central-1\n');
  const files = { AWS_SHARED_CREDENTIALS_FILE: 'credentials', AWS_CONFIG_FILE: 'config' };
  for (const [name, file] of Object.entries(files)) process.env[name] = join(folder, file);
  const signed = async (region?: string) => {
    const proxy = await startProxy(endpoint);
    const { region: _, ...options } = s3Options();
    const store = openStore({
      ...options,
      endpoint: proxy.endpoint,
      profile: 'acme',
      ...(region === undefined ? {} : { region }),
    });
    await store.stat(`${S3_ROOT}a-b`);
    return /Credential=(\w+)\/\d+\/([\w-]+)\//
      .exec(String(proxy.requests[0]!.headers['authorization']))
      ?.slice(1);
  };
  try {
    assert.deepEqual(await signed(), ['PROFILED', 'eu-central-1']);
    assert.deepEqual(await signed('eu-west-1'), ['PROFILED', 'eu-west-1']);
  } finally {
    for (const name of Object.keys(files)) delete process.env[name];
  }
});

test('a role is assumed with its external id, and its credentials sign the requests', async () => {
  let asked = '';
  const sts = createServer(async (request, response) => {
    for await (const piece of request as AsyncIterable<Buffer>) asked += piece;
    const expiration = new Date(Date.now() + 3600e3).toISOString();
    response
      .writeHead(200, { 'content-type': 'text/xml' })
      .end(
        `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASSUMED</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>${expiration}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
      );
  });
  await new Promise<void>((resolve) => sts.listen(0, '127.0.0.1', resolve));
  sts.unref();
  process.env['AWS_ENDPOINT_URL_STS'] = `http://127.0.0.1:${(sts.address() as AddressInfo).port}`;
  const proxy = await startProxy(endpoint);
  const roleArn = 'arn:aws:iam::123456789012:role/reader';
  const store = openStore({ ...s3Options(), endpoint: proxy.endpoint, roleArn, externalId: 'acme-7' });
  await store.stat(`${S3_ROOT}a-b`);
  delete process.env['AWS_ENDPOINT_URL_STS'];
  sts.closeAllConnections();
  assert.match(asked, /ExternalId=acme-7/);
  assert.match(asked, /RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Freader/);
  assert.match(String(proxy.requests[0]!.headers['authorization']), /Credential=ASSUMED\//);
  assert.throws(() => openStore({ externalId: 'acme-7' }), UsageError);
});

test('a service that lists in another order than that of bytes is refused beyond one page', async () => {
  const xml = (keys: string[], isTruncated: boolean) =>
    `<ListBucketResult><IsTruncated>${isTruncated}</IsTruncated><NextContinuationToken>t</NextContinuationToken>${keys.map((key) => `<Contents><Key>${key}</Key><Size>1</Size><ETag>"e"</ETag><LastModified>2026-01-01T00:00:00Z</LastModified></Contents>`).join('')}</ListBucketResult>`;
  let isTruncated = false;
  const server = createServer((_, response) =>
    response.writeHead(200, { 'content-type': 'application/xml' }).end(xml(['b', 'a'], isTruncated)),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  const store = openStore({
    ...s3Options(),
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  });
  assert.deepEqual(
    (await all(store.list('s3://odd/'))).map(({ path }) => path),
    ['a', 'b'],
  );
  isTruncated = true;
  assert.match((await failure(all(store.list('s3://odd/')))).message, /expected a listing in byte order/);
  server.closeAllConnections();
});

test('links to files and folders are followed; a circle of links, a dangling one and an unreadable folder are errors', async () => {
  const links = scratch('links');
  writeFileSync(join(links, 'a.csv'), 'x');
  mkdirSync(join(links, 'empty'));
  symlinkSync('a.csv', join(links, 'b.csv'));
  assert.deepEqual(
    (await all(openStore().list(links))).map(({ path }) => path),
    ['a.csv', 'b.csv'],
  );
  assert.deepEqual(await all(openStore().folders(links)), []);
  symlinkSync('.', join(links, 'c'));
  assert.match((await failure(all(openStore().list(links)))).message, /its symbolic links go in a circle/);
  const dangling = scratch('dangling');
  symlinkSync('gone', join(dangling, 'b.csv'));
  assert.match((await failure(all(openStore().list(dangling)))).message, /b\.csv: no such file/);
  const closed = scratch('closed');
  mkdirSync(join(closed, 'in'));
  writeFileSync(join(closed, 'in/a.csv'), 'x');
  chmodSync(join(closed, 'in'), 0);
  // Root may read anything.
  if (process.getuid?.() !== 0)
    assert.match((await failure(all(openStore().list(closed)))).message, /in: no permission to read it/);
  chmodSync(join(closed, 'in'), 0o700);
});

test('a root has one normal form', () => {
  const table: [string, string][] = [
    ['s3://b', 's3://b/'],
    ['s3://b/', 's3://b/'],
    ['s3://b/a%20b', 's3://b/a%20b/'],
    ['s3://b/x/y/', 's3://b/x/y/'],
    ['/x/a b/', 'file:///x/a%20b/'],
    ['/x/../y', 'file:///y/'],
    ['file:///x/a%20b', 'file:///x/a%20b/'],
    ['/', 'file:///'],
    ['drop', `${pathToFileURL('drop').href}/`],
    ['drop/', `${pathToFileURL('drop').href}/`],
  ];
  for (const [given, expected] of table) assert.equal(normaliseRoot(given), expected);
  for (const wrong of ['gs://b/x', 'https://b.s3.amazonaws.com/x', 's3://', 's3:///x'])
    assert.throws(() => normaliseRoot(wrong), UsageError);
});

test('one object is written in whole, replaced and removed, and removing it again is no error', async () => {
  const where = [
    [s3, `${S3_ROOT}written/x y.json`],
    [openStore(), pathToFileURL(join(scratch('written'), 'a', 'x y.json')).href],
  ] as const;
  for (const [store, uri] of where) {
    await store.write(uri, Buffer.from('first'));
    await store.write(uri, Buffer.from('second'));
    assert.equal(await text(store.read(uri)), 'second');
    await store.remove(uri);
    await store.remove(uri);
    assert.match((await failure(text(store.read(uri)))).message, /no such (object|file)/);
  }
  assert.match(
    (await failure(s3.write(`s3://${DENIED_BUCKET}/x`, Buffer.from('x')))).message,
    /may not s3:PutObject here/,
  );
});

test('what a scratch folder cannot remove is told, and no reason to fail', async () => {
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  const store = {
    write: async () => {},
    remove: () => Promise.reject(new UserError('s3://b/x: access denied')),
  };
  const folder = openScratch(store, 's3://b/', { warn });
  assert.equal(await folder.put('same'), await folder.put('same'));
  await folder.clean();
  await folder.clean();
  assert.deepEqual(warnings, ['s3://b/x: access denied; this file stays behind']);
});
