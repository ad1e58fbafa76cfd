import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { csv } from '../src/formats/csv.ts';
import { firstInvalidUtf8, openText } from '../src/formats/encoding.ts';
import type { FormatOptions } from '../src/formats/format.ts';
import { cuts, decodeText, piecesOf } from './support/decode-text.ts';

async function transcode(
  pieces: readonly Uint8Array[],
  encoding?: FormatOptions['encoding'],
): Promise<string> {
  const text = await openText(
    (async function* () {
      yield* pieces;
    })(),
    encoding,
    'file',
  );
  const parts: Uint8Array[] = [];
  for await (const piece of text.pieces) parts.push(piece);
  return Buffer.concat(parts).toString('utf8');
}

const bigEndian = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();

test('UTF-16 of either order is read by its mark, wherever it is cut', async () => {
  const text = 'naïve,✓\n😀,x';
  for (const bytes of [Buffer.from(`\ufeff${text}`, 'utf16le'), bigEndian(`\ufeff${text}`)]) {
    for (const pieces of cuts(bytes)) {
      assert.equal(await transcode(pieces), text);
      assert.equal(await transcode(pieces, 'utf-16'), text);
    }
  }
});

test('UTF-16 without mark is read as told, or by its first byte', async () => {
  const text = 'a,😀\n';
  assert.equal(await transcode([bigEndian(text)], 'utf-16be'), text);
  assert.equal(await transcode([bigEndian(text)], 'utf-16'), text);
  assert.equal(await transcode([Buffer.from(text, 'utf16le')], 'utf-16le'), text);
  assert.equal(await transcode([Buffer.from(text, 'utf16le')], 'utf-16'), text);
});

test('any text comes out of UTF-16 as it went in', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 9 }), async (text, size) => {
      assert.equal(await transcode(piecesOf(Buffer.from(`\ufeff${text}`, 'utf16le'), size)), text);
      assert.equal(await transcode(piecesOf(bigEndian(text), size), 'utf-16be'), text.replace(/^\ufeff/, ''));
    }),
  );
});

test('UTF-16 that is none is refused with the byte at fault', async () => {
  const half = Buffer.from('ab\ud800c', 'utf16le');
  for (const pieces of cuts(half)) {
    await assert.rejects(transcode(pieces, 'utf-16le'), {
      message: 'file byte 4: expected UTF-16, found half a surrogate pair (0xd800)',
    });
  }
  await assert.rejects(transcode([Buffer.from('ab\ud83d', 'utf16le')], 'utf-16le'), /file byte 4: .*0xd83d/);
  await assert.rejects(
    transcode([Buffer.from([0xff, 0xfe, 0x61, 0, 0x62])]),
    /file byte 4: expected UTF-16, found half a unit at the end/,
  );
});

test('every byte of windows-1252 is the character of the WHATWG standard', async () => {
  const bytes = Buffer.from(Array.from({ length: 255 }, (_, at) => at + 1));
  for (const size of [1, 7, 255]) {
    const text = await transcode(piecesOf(bytes, size), 'windows-1252');
    assert.equal([...text].length, 255);
    assert.equal(text.slice(0x7f, 0x8b), '\u20ac\u0081‚ƒ„…†‡ˆ‰Š‹');
    assert.equal(text.slice(0x98, 0xa0), '™š›œ\u009džŸ\u00a0');
    assert.equal(text.at(-1), 'ÿ');
  }
});

test('where UTF-8 goes wrong is found', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.constantFrom(0x41, 0xc3, 0xa9, 0xe2, 0x9c, 0x93, 0xf0, 0x9f, 0x98, 0x80, 0xed, 0xa0, 0xff),
          fc.nat(255),
        ),
      ),
      (list) => {
        const bytes = Uint8Array.from(list);
        const at = firstInvalidUtf8(bytes);
        assert.equal(at === bytes.length, isUtf8(bytes));
        assert.ok(isUtf8(bytes.subarray(0, at)));
      },
    ),
    { numRuns: 3000 },
  );
});

test('a CSV in another encoding is read like any other', async () => {
  const { rows } = await decodeText(csv, { pieces: [Buffer.from('\ufeffa,b\r\né,✓\r\n', 'utf16le')] });
  assert.deepEqual({ ...rows[0] }, { a: 'é', b: '✓' });
  const latin = await decodeText(csv, {
    pieces: [Buffer.from('a\n\x80\xe9\n', 'latin1')],
    options: { encoding: 'windows-1252' },
  });
  assert.deepEqual({ ...latin.rows[0] }, { a: '€é' });
});
