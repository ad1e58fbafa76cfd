// For `node --import`: the process kills itself at its DIE_AT-th DuckDB statement, DIE_WHEN: before, during or after it.

import { interceptCalls } from './duckdb-calls.mjs';

const { DIE_AT, DIE_WHEN } = process.env;
const die = () => process.kill(process.pid, 'SIGKILL');
let calls = 0;

interceptCalls(async (_sql, go) => {
  calls++;
  if (calls !== Number(DIE_AT)) return go();
  if (DIE_WHEN === 'before') die();
  const running = go();
  if (DIE_WHEN === 'during') die();
  await running;
  die();
});
