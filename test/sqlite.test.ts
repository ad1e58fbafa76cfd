import { describe, test } from 'node:test';
import { holdsByScript } from './support/merge-model.ts';
import { sqliteTarget } from './support/merging.ts';
import { sqliteMissing } from './support/sqlite.ts';

const RUNS = 8;

for (const how of ['command', 'wasm'] as const) {
  describe(`SQLite (${how})`, { skip: how === 'command' ? sqliteMissing : false }, () => {
    test('the script of random deliveries leaves what the model says, and a replay changes nothing', async () => {
      await holdsByScript(async () => ({ target: await sqliteTarget(how) }), RUNS);
    });
  });
}
