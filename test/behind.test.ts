/** What goes on while more is read: in what order it is done, and that whoever reads on hears of what failed. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createBehind } from '../src/merge/behind.ts';
import { cut, groups, loadInto, rows, stream, table, targets } from './support/merging.ts';

describe('a step that goes on behind', () => {
  test('begins at once, and the next one when it is through', async () => {
    const said: string[] = [];
    const step = (name: string) => async () => {
      said.push(`${name} begins`);
      await setImmediate();
      said.push(`${name} ends`);
    };
    const behind = createBehind();
    await behind.start(step('one'));
    assert.deepEqual(said, ['one begins']);
    await behind.start(step('two'));
    assert.deepEqual(said, ['one begins', 'one ends', 'two begins']);
    await behind.settle();
    assert.deepEqual(said.at(-1), 'two ends');
    await behind.settle();
  });

  test('tells of its failure once, whoever waits for it first', async () => {
    const behind = createBehind();
    const failing = async () => {
      throw new Error('it failed');
    };
    await behind.start(failing);
    await setImmediate();
    await assert.rejects(
      behind.start(async () => assert.fail('begun after a failure')),
      /it failed/,
    );
    await behind.settle();
  });

  test('is waited for where it is begun, if it is to be', async () => {
    let ended = false;
    await createBehind({ atOnce: true }).start(async () => {
      await setImmediate();
      ended = true;
    });
    assert.equal(ended, true);
  });
});

describe('while a batch', () => {
  const plain = table('plain', 'k int, v text', { merge: 'upsert', key: ['k'] });

  for (const name of ['duckdb', 'postgres'] as const) {
    const keys = async (target: Awaited<ReturnType<(typeof targets)['duckdb']>>) =>
      (await target.select('SELECT k FROM plain ORDER BY k')).flat();

    test(`is merged into ${name} and the input ends too early, the batch is committed and the input's error is said`, async () => {
      const target = await targets[name]();
      const list = groups(...[1, 2, 3].map((k) => [plain, rows(plain, { k, v: `v${k}` })]));
      // Of the feed and two groups of four chunks.
      await assert.rejects(
        loadInto(target, cut(stream(list), 1 + 2 * 4), { batchGroups: 2 }),
        /end of input/,
      );
      assert.deepEqual(await keys(target), ['1', '2']);
    });

    test(`fails in ${name} and the input ends too early, what is said is why the batch failed`, async () => {
      const target = await targets[name]();
      const list = groups(
        [plain, rows(plain, { k: 1, v: 'v1' })],
        [plain, rows(plain, { k: 9, v: 'a' }, { k: 9, v: 'b' })],
        [plain, rows(plain, { k: 3, v: 'v3' })],
      );
      await assert.rejects(
        loadInto(target, cut(stream(list), 1 + 2 * 4), { batchGroups: 2 }),
        /found different rows of k 9/,
      );
      assert.deepEqual(await keys(target), ['1']);
    });

    test(`is staged in ${name} and a value is refused, the groups before it are applied and the error is its own`, async () => {
      const target = await targets[name]();
      // More than is staged at once.
      const large = (...given: readonly number[]) => [
        plain,
        ...given.map((k) => rows(plain, { k, v: 'x'.repeat(3 * 2 ** 20) })),
      ];
      const list = groups(large(1, 2), large(3, 99_999_999_999), large(5, 6), large(7, 8));
      await assert.rejects(loadInto(target, stream(list), { batchGroups: 'auto' }), /99999999999/);
      assert.deepEqual(await keys(target), ['1', '2']);
    });
  }
});
