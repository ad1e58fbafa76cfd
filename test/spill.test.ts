import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { newSpill } from '../src/dedupe/spill.ts';
import { brigade, chain, within } from './support/chain.ts';

const KIB = 1024;

for (const behind of [false, true]) {
  test(`what was put away reads back as it was, before, while and after it is written${behind ? ' behind' : ''}`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'spill-'));
    const size = fc.oneof(fc.nat(100), fc.integer({ min: 15 * KIB, max: 17 * KIB }), fc.nat(400 * KIB));
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(size, fc.nat(2 ** 30), fc.boolean()), {
            minLength: 1,
            maxLength: 60,
            size: 'max',
          }),
          fc.constantFrom(0, 600 * KIB, 2 ** 30),
          async (pieces, memoryBytes) => {
            const spill = newSpill({ folder, memoryBytes, behind });
            const model = Buffer.alloc(pieces.reduce((sum, [bytes]) => sum + bytes, 0));
            let length = 0;
            for (const [n, [bytes, place, waits]] of pieces.entries()) {
              const piece = Buffer.alloc(bytes, n + 1);
              model.set(piece, length);
              length += bytes;
              // Whoever gets the memory back writes to it.
              spill.append(piece, () => piece.fill(0xff));
              assert.equal(spill.length, length);
              const from = place % (length + 1);
              const target = Buffer.alloc(Math.min(length - from, 300 * KIB) + 10);
              const read = spill.read(from, target);
              assert.equal(read, Math.min(length - from, target.length));
              assert.ok(target.subarray(0, read).equals(model.subarray(from, from + read)));
              if (waits) await spill.caughtUp();
            }
            const all = Buffer.alloc(length);
            spill.read(0, all);
            assert.ok(all.equals(model));
            assert.deepEqual(readdirSync(folder), []);
            spill.close();
          },
        ),
        { numRuns: 40 },
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test('what waits to be written behind keeps within bounds', async () => {
  const spill = newSpill({ folder: undefined, memoryBytes: KIB, behind: true });
  let held = 0;
  let most = 0;
  for (let n = 0; n < 400; n++) {
    held += 100 * KIB;
    spill.append(Buffer.alloc(100 * KIB), () => {
      held -= 100 * KIB;
    });
    most = Math.max(most, held);
    await spill.caughtUp();
  }
  assert.ok(most <= 4 * KIB * KIB, `${most} bytes`);
  spill.close();
});

test('a disk that is full while rows are written behind ends dedupe with a line that says so', async () => {
  const line = (id: number) => `{"id":${id},"text":"${'x'.repeat(100 * KIB)}"}\n`;
  const rows = Array.from({ length: 500 }, (_, id) => line(id)).join('');
  const stdin = Buffer.from(`{"$":"table","table":"t","key":["id"]}\n${rows}{"$":"end","groups":0}\n`);
  const { code, stderr, stdout } = await chain([within(40_000, brigade('dedupe'))], { stdin });
  assert.match(stderr, /^dedupe: cannot spill to .*: EFBIG/);
  assert.equal(code, 1);
  assert.doesNotMatch(stdout, /"end"/);
});
