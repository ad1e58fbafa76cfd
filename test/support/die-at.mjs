// For `node --import`: the process kills itself at its DIE_AT-th DuckDB statement, DIE_WHEN: before, during or after it;
// `during` waits DIE_AFTER_US microseconds, without letting anything else happen here.

import { interceptCalls } from './duckdb-calls.mjs';

const { DIE_AT, DIE_WHEN, DIE_AFTER_US } = process.env;
const die = () => process.kill(process.pid, 'SIGKILL');
let calls = 0;

interceptCalls(async (_sql, go) => {
  calls++;
  if (calls !== Number(DIE_AT)) return go();
  if (DIE_WHEN === 'before') die();
  const running = go();
  if (DIE_WHEN === 'during') {
    const until = process.hrtime.bigint() + BigInt(DIE_AFTER_US ?? 0) * 1000n;
    while (process.hrtime.bigint() < until);
    die();
  }
  await running;
  die();
});
