/**
 * Exactly once through `to-sql | psql`: psql cut off, killed, or told that a statement fails, at every message; `to-sql`
 * killed; what is before it killed. A few of them; KILL_ALL=1 tries each message.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FEEDS } from '../src/demo/deliver.ts';
import { ALL, cleanRuns, type Deliver, emptied, inTurn, resumes, SEED, someOf } from './support/breaking.ts';
import { brigade, type ChainOptions, chain, psql } from './support/chain.ts';
import { shell } from './support/cli.ts';
import { startFaultProxy } from './support/fault-proxy.ts';
import { hasPsql, postgresTarget, runPsql, script, type TestTarget } from './support/merging.ts';
import { random } from './support/random.ts';
import { chunksOf, smallWire } from './support/wires.ts';

const HOUR_MS = 3_600_000;
const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 2);
const skip = hasPsql ? false : 'no psql here (apt-get install postgresql-client)';

const scriptOf = async (bytes: Uint8Array) => (await script(chunksOf(bytes), { dialect: 'postgres' })).text;

const bySql: Deliver = async (target, bytes) => {
  const { code, stderr } = await runPsql(target.url, await scriptOf(bytes));
  assert.equal(code, 0, stderr);
};

describe('psql, at every message', { skip }, () => {
  for (const [turn, feed] of FEEDS.entries()) {
    test(`${feed} (${ALL ? 'KILL_ALL' : `KILL_SEED=${SEED}`})`, { timeout: HOUR_MS }, async (t) => {
      const wire = await smallWire(feed);
      const target = await postgresTarget();
      const clean = await cleanRuns(wire, async () => emptied(target), bySql);
      const text = await scriptOf(wire.bytes);
      await emptied(target);
      const counting = await startFaultProxy(target.url, () => 'pass');
      assert.equal((await runPsql(counting.url, text)).code, 0);
      counting.close();
      // The last message is the good-bye.
      const places = counting.messages
        .slice(0, -1)
        .flatMap((message, i) =>
          (['before', 'after', 'fail'] as const).map((fate) => ({ fate, n: i + 1, message })),
        )
        .filter(({ fate, message }) => fate !== 'fail' || counting.canFail(message));
      const chosen = someOf(places, 2, random(SEED + turn));
      for (const { fate, n, message } of chosen) {
        const what = `${fate} message ${n}: ${message.toString('latin1').slice(0, 200)}`;
        await emptied(target);
        const proxy = await startFaultProxy(target.url, (at) => (at === n ? fate : 'pass'));
        const { code } = await runPsql(proxy.url, text);
        proxy.close();
        assert.notEqual(code, 0, what);
        await resumes(target, wire, clean, what, bySql);
      }
      t.diagnostic(`${feed}: ${chosen.length} breaks`);
    });
  }
});

describe('one of the pipe is killed', { skip }, () => {
  test(`to-sql or psql, at any moment, ${ROUNDS} rounds (KILL_SEED=${SEED})`, {
    timeout: HOUR_MS,
  }, async () => {
    const r = random(SEED);
    const wire = await smallWire('stitch');
    const clean = await cleanRuns(wire, postgresTarget, bySql);
    const startedMs = Date.now();
    const pipe = (target: TestTarget, started: ChainOptions['started'] = () => {}) =>
      chain([brigade('to-sql', '--dialect', 'postgres'), psql(target.url)], { stdin: wire.bytes, started });
    await pipe(await postgresTarget());
    const cleanMs = Date.now() - startedMs;
    for (let round = 0; round < ROUNDS; round++) {
      const broken = await postgresTarget();
      const [who, atMs] = [round % 2 === 0 ? 'psql' : 'to-sql', r.int(0, cleanMs)] as const;
      await pipe(broken, (processes) => setTimeout(() => processes.get(who)!.kill('SIGKILL'), atMs).unref());
      await resumes(broken, wire, clean, `${who} killed after ${atMs} ms`, bySql);
    }
  });

  test('the one before to-sql, at any byte: psql fails', async () => {
    const r = random(SEED);
    for (const feed of inTurn(FEEDS, 0)) {
      const wire = await smallWire(feed);
      const broken = await postgresTarget();
      const bytes = r.int(0, wire.bytes.length - 1);
      const { text, error } = await script(chunksOf(wire.bytes.subarray(0, bytes)), { dialect: 'postgres' });
      assert.match(String(error), /found the end of input/);
      const { code, stderr } = await runPsql(broken.url, text);
      assert.equal(code, 3, `cut at byte ${bytes}: ${stderr}`);
      assert.match(stderr, /the script was cut off/);
      await resumes(
        broken,
        wire,
        await cleanRuns(wire, postgresTarget, bySql),
        `cut at byte ${bytes}`,
        bySql,
      );
    }
  });

  test('the line of shell fails with it', async () => {
    const wire = await smallWire('zenoti');
    const { url } = await postgresTarget();
    const { code, stderr } = await shell(`head -c 50000 | to-sql --dialect postgres | psql -X -q "${url}"`, {
      stdin: wire.bytes,
    });
    assert.notEqual(code, 0);
    assert.match(stderr, /the script was cut off/);
  });
});
