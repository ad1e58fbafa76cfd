/** Several loads at once: of one stream, of parts of it, of scopes that share tables. KILL_ALL=1 repeats each many times. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FEEDS } from '../src/demo/deliver.ts';
import { TemporaryError } from '../src/errors.ts';
import { ALL, cleanRuns, resumes, SEED } from './support/breaking.ts';
import { command } from './support/cli.ts';
import { startFaultProxy } from './support/fault-proxy.ts';
import { mariadbMissing } from './support/mariadb.ts';
import {
  duckdbTarget,
  hasPsql,
  loadInto,
  mysqlTarget,
  postgresTarget,
  runPsql,
  script,
  type TestTarget,
} from './support/merging.ts';
import { random } from './support/random.ts';
import { standing } from './support/standing.ts';
import { chunksOf, smallWire, suffixOf, type WireText, wireOf } from './support/wires.ts';

const HOUR_MS = 3_600_000;
const TIMES = ALL ? 25 : 1;

const times = function* () {
  for (let i = 0; i < TIMES; i++) yield i;
};

async function loaded(target: () => Promise<TestTarget>, wire: WireText) {
  const clean = await target();
  await loadInto(clean, chunksOf(wire.bytes));
  return standing(clean);
}

const servers = [
  { name: 'PostgreSQL', target: postgresTarget, skip: false, few: FEEDS },
  { name: 'MariaDB', target: mysqlTarget, skip: mariadbMissing, few: ALL ? FEEDS : (['stitch'] as const) },
] as const;

for (const { name, target, skip, few } of servers) {
  describe(`loads at once into ${name}`, { skip }, () => {
    for (const feed of few) {
      test(`two and four of the same stream of ${feed} leave what one leaves`, {
        timeout: HOUR_MS,
      }, async () => {
        const wire = await smallWire(feed);
        const expected = await loaded(target, wire);
        for (const i of times()) {
          const into = await target();
          const loads = Array.from({ length: i % 2 === 0 ? 4 : 2 }, () =>
            loadInto(into, chunksOf(wire.bytes)),
          );
          const said = (await Promise.all(loads)).flatMap(({ warnings }) => warnings);
          const applied = said.filter((line) => / rows read, /.test(line));
          // Each group by one of them, and by the others it was found done.
          assert.equal(new Set(applied.map((line) => line.split(':')[0])).size, applied.length);
          assert.deepEqual(await standing(into), expected);
        }
      });
    }

    test('scopes that share tables, each twice, leave what one load of all leaves', {
      timeout: HOUR_MS,
    }, async () => {
      const pods = ['POD1', 'POD2'];
      const wires = await Promise.all(pods.map((pod) => wireOf('zenoti', ['--scope', pod])));
      const expected = await loaded(target, await wireOf('zenoti'));
      for (const _ of times()) {
        const into = await target();
        await Promise.all([...wires, ...wires].map(({ bytes }) => loadInto(into, chunksOf(bytes))));
        assert.deepEqual(await standing(into), expected);
      }
    });

    test('of two parts of a stream the later one waits its turn or is refused', {
      timeout: HOUR_MS,
    }, async () => {
      const wire = await wireOf('zenoti', ['--scope', 'POD1']);
      const later = suffixOf(wire, 2);
      const expected = await loaded(target, wire);
      for (const _ of times()) {
        const into = await target();
        const [, second] = await Promise.allSettled(
          [wire.bytes, later].map((bytes) => loadInto(into, chunksOf(bytes))),
        );
        if (second!.status === 'rejected')
          assert.match(String(second!.reason), /cursor of POD1 is .*after 10/);
        await loadInto(into, chunksOf(later));
        assert.deepEqual(await standing(into), expected);
      }
    });

    test('some of them cut off do not disturb the others', { timeout: HOUR_MS }, async () => {
      const wire = await smallWire('contentsquare');
      const clean = await cleanRuns(wire, target);
      const r = random(SEED);
      for (const _ of times()) {
        const into = await target();
        const cuts = [r.int(1, 200), r.int(1, 200)];
        const proxies = await Promise.all(
          cuts.map((at) =>
            startFaultProxy(into.url, (n) => (n === at ? r.pick(['before', 'after']) : 'pass')),
          ),
        );
        const ways = [into.url, ...proxies.map(({ url }) => url), into.url];
        const loads = await Promise.allSettled(
          ways.map((url) => loadInto({ ...into, url }, chunksOf(wire.bytes))),
        );
        for (const proxy of proxies) proxy.close();
        for (const [i, load] of loads.entries()) {
          if (load.status === 'rejected') {
            assert.ok(load.reason instanceof TemporaryError, String(load.reason?.stack));
            assert.ok(i === 1 || i === 2, `a load that nobody cut: ${load.reason.message}`);
          }
        }
        await resumes(into, wire, clean, `cut at ${cuts}`);
      }
    });
  });
}

test('two psql with the same script at once leave what one leaves', {
  skip: hasPsql ? false : 'no psql here',
  timeout: HOUR_MS,
}, async () => {
  const wire = await smallWire('stitch');
  const { text } = await script(chunksOf(wire.bytes), { dialect: 'postgres' });
  const clean = await postgresTarget();
  assert.equal((await runPsql(clean.url, text)).code, 0);
  const expected = await standing(clean);
  for (const _ of times()) {
    const into = await postgresTarget();
    const ended = await Promise.all([runPsql(into.url, text), runPsql(into.url, text)]);
    for (const { code, stderr } of ended) assert.equal(code, 0, stderr);
    assert.deepEqual(await standing(into), expected);
  }
});

test('of two loads at once into a DuckDB file one may be told to try again', {
  timeout: HOUR_MS,
}, async () => {
  const wire = await smallWire('stitch');
  const clean = await cleanRuns(wire, duckdbTarget);
  for (const _ of times()) {
    const into = await duckdbTarget();
    const load = () => command('brigade', ['load', into.url], { stdin: wire.bytes });
    const ended = await Promise.all([load(), load()]);
    for (const { code, stderr } of ended)
      if (code !== 0) assert.ok(code === 75 && /found it locked/.test(stderr), `${code} ${stderr}`);
    assert.ok(ended.some(({ code }) => code === 0));
    await resumes(into, wire, clean, 'two at once');
  }
});
