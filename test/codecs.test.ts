import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import {
  codecNamed,
  codecOfMagic,
  codecOfPath,
  codecs,
  withoutCodecEnding,
} from '../src/formats/codecs/index.ts';
import type { Codec } from '../src/formats/format.ts';
import { pieces } from './support/avro.ts';
import { sampleRuns, sampleText } from './support/codec-samples.ts';

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../fixtures/codecs/${name}`, import.meta.url));

async function decompress(codec: Codec, parts: Iterable<Uint8Array>): Promise<Buffer> {
  const output: Uint8Array[] = [];
  const input = (async function* () {
    yield* parts;
  })();
  for await (const piece of codec.decompress(input, 'x')) output.push(piece);
  return Buffer.concat(output);
}

const text = sampleText(250_000);
const runs = sampleRuns();
const nothing = Buffer.alloc(0);
const skipped = Buffer.from('5a2a4d1803000000aabbcc', 'hex');

const samples: readonly { codec: Codec; packed: Buffer; content: Buffer }[] = [
  { codec: codecs.gzip, packed: gzipSync(text), content: text },
  { codec: codecs.gzip, packed: gzipSync(runs), content: runs },
  { codec: codecs.gzip, packed: gzipSync(nothing), content: nothing },
  { codec: codecs.bzip2, packed: fixture('text.bz2'), content: text },
  { codec: codecs.bzip2, packed: fixture('runs.bz2'), content: runs },
  { codec: codecs.bzip2, packed: fixture('empty.bz2'), content: nothing },
  { codec: codecs.zstd, packed: fixture('text.zst'), content: text },
  { codec: codecs.zstd, packed: fixture('runs.zst'), content: runs },
  { codec: codecs.zstd, packed: fixture('empty.zst'), content: nothing },
];

test('what the usual tools have compressed is decompressed, in pieces of any size', async () => {
  for (const { codec, packed, content } of samples) {
    for (const size of [1, 7, 1000, 65536]) {
      if (size === 1 && packed.length > 2000) continue;
      assert.ok(
        (await decompress(codec, pieces(packed, size))).equals(content),
        `${codec.name} in pieces of ${size}`,
      );
    }
  }
});

test('several members, streams or frames one after the other are one content', async () => {
  for (const codec of [codecs.gzip, codecs.bzip2, codecs.zstd]) {
    const own = samples.filter((sample) => sample.codec === codec);
    const packed = Buffer.concat([...own, ...own].map((sample) => sample.packed));
    const content = Buffer.concat([...own, ...own].map((sample) => sample.content));
    for (const size of [3, 4096, packed.length])
      assert.ok((await decompress(codec, pieces(packed, size))).equals(content), codec.name);
  }
});

test('what a piece of a gzip holds leaves before the next piece is asked for', async () => {
  const member = gzipSync(text);
  let taken = 0;
  async function* slowly() {
    for (let given = 0; given < 3; given++) {
      assert.equal(taken, given * text.length);
      yield member;
    }
  }
  for await (const piece of codecs.gzip.decompress(slowly(), 'x')) taken += piece.length;
  assert.equal(taken, 3 * text.length);
});

test('zstd frames to be skipped are skipped, first, last and in between', async () => {
  const frame = fixture('runs.zst');
  const packed = Buffer.concat([skipped, frame, skipped, skipped, frame, skipped]);
  for (const size of [1, 100_000]) {
    assert.ok((await decompress(codecs.zstd, pieces(packed, size))).equals(Buffer.concat([runs, runs])));
  }
});

test('a file cut short anywhere is an error', async () => {
  for (const { codec, packed } of samples) {
    const step = packed.length > 2000 ? 397 : 1;
    for (let at = 0; at < packed.length; at += step) {
      await assert.rejects(
        decompress(codec, [packed.subarray(0, at)]),
        { name: 'UserError', message: /^x \(offset \d+.*\): expected .*, found the end of the file$/ },
        `${codec.name} of ${packed.length} cut at ${at}`,
      );
    }
  }
});

test('a byte changed anywhere is an error, or changes nothing', async () => {
  for (const { codec, packed, content } of samples) {
    // Made without a checksum.
    if (codec === codecs.zstd && content === runs) continue;
    const step = packed.length > 2000 ? 101 : 1;
    for (let at = 0; at < packed.length; at += step) {
      const broken = Buffer.from(packed);
      broken[at]! ^= 1 << (at % 8);
      const found = await decompress(codec, [broken]).catch((error) => {
        assert.equal(error.name, 'UserError', error.stack);
        return undefined;
      });
      if (found !== undefined) assert.ok(found.equals(content), `${codec.name} changed at ${at}`);
    }
  }
});

test('a wrong checksum is an error, of a block, of a stream, of a frame', async () => {
  // Behind the block's magic of a bzip2; before the padding bits of its last byte; the last bytes of the others.
  const places: readonly [string, number][] = [
    ['runs.bz2', 11],
    ['runs.bz2', -3],
    ['text.zst', -1],
    ['text.zst', -4],
  ];
  for (const [name, at] of places) {
    const broken = fixture(name);
    broken[at < 0 ? broken.length + at : at]! ^= 1;
    const codec = codecOfPath(name)!;
    await assert.rejects(
      decompress(codec, [broken]),
      { name: 'UserError', message: /CRC|checksum/ },
      `${name} at ${at}`,
    );
  }
  const broken = gzipSync(text);
  broken[broken.length - 8]! ^= 1;
  await assert.rejects(decompress(codecs.gzip, [broken]), {
    name: 'UserError',
    message: /found incorrect data check/,
  });
});

test('what follows the last member must be another one; zero bytes behind a gzip are padding', async () => {
  for (const { codec, packed } of samples) {
    for (const parts of [
      [packed, Buffer.from('garbage!')],
      [Buffer.concat([packed, Buffer.from('garbage!')])],
    ]) {
      await assert.rejects(decompress(codec, parts), {
        name: 'UserError',
        message: /expected another .* or the end, found other bytes/,
      });
    }
  }
  const packed = gzipSync('abc');
  const zeros = Buffer.alloc(1000);
  for (const size of [1, 24, 100_000]) {
    assert.equal(
      (await decompress(codecs.gzip, pieces(Buffer.concat([packed, zeros]), size))).toString(),
      'abc',
    );
    await assert.rejects(decompress(codecs.gzip, pieces(Buffer.concat([packed, zeros, packed]), size)), {
      message: `x (offset ${packed.length + 1000} of the gzip): expected another member or the end, found other bytes`,
    });
  }
});

test('a zstd frame that wants a huge window or a dictionary is refused before anything is allocated', async () => {
  const frame = (...header: number[]) =>
    decompress(codecs.zstd, [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, ...header, 1, 0, 0])]);
  await assert.rejects(frame(0, 0xf8), {
    message: /expected a zstd window of at most 134217728 bytes, found/,
  });
  await assert.rejects(frame(0xe0, 0, 0, 0, 0, 0, 1, 0, 0), {
    message: /expected a zstd window of at most 134217728 bytes/,
  });
  await assert.rejects(frame(1, 0, 7), {
    message: /expected a zstd frame without a dictionary, found one with dictionary 7/,
  });
  await assert.rejects(frame(0x20, 9), { message: /expected a zstd frame of 9 bytes, found 0 bytes/ });
});

for (const { tool, codec, flags } of [
  { tool: 'bzip2', codec: codecs.bzip2, flags: [['-1'], ['-9']] },
  {
    tool: 'zstd',
    codec: codecs.zstd,
    flags: [['-1'], ['-19', '--check'], ['-3', '--no-check', '--long=24']],
  },
]) {
  const missing = spawnSync(tool, ['--version']).error !== undefined;
  test(`random contents pass through ${tool} and back`, {
    skip: missing ? `${tool} is not installed` : false,
  }, async () => {
    const content = fc.array(
      fc.tuple(fc.uint8Array({ maxLength: 20 }), fc.oneof(fc.constant(1), fc.nat(2000))),
      { maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(
        content,
        fc.constantFrom(...flags),
        fc.constantFrom(1, 5, 100_000),
        async (parts, options, size) => {
          const bytes = Buffer.concat(
            parts.flatMap(([part, times]) => Array.from({ length: times }, () => part)),
          );
          const { stdout } = spawnSync(tool, ['-c', '-q', ...options], { input: bytes, maxBuffer: 2 ** 26 });
          assert.ok((await decompress(codec, pieces(stdout, size))).equals(bytes));
        },
      ),
      { numRuns: 60 },
    );
  });
}

test('a codec is found by name, ending or first bytes', () => {
  assert.equal(codecNamed('zstd', 'x'), codecs.zstd);
  assert.throws(() => codecNamed('toString', 'x'), {
    message: 'x: expected a codec (gzip, zstd, bzip2), found toString',
  });
  assert.equal(codecOfPath('s3://b/A.CSV.GZ'), codecs.gzip);
  assert.equal(codecOfPath('a.csv'), undefined);
  assert.equal(withoutCodecEnding('a.csv.bz2'), 'a.csv');
  for (const { codec, packed } of samples) assert.equal(codecOfMagic(packed), codec);
  assert.equal(codecOfMagic(skipped), codecs.zstd);
  assert.equal(codecOfMagic(Buffer.from('BZhello')), undefined);
  assert.equal(codecOfMagic(nothing), undefined);
});
