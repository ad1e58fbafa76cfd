import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { caseNames, missingNeed, readGolden, runCase, writeGolden } from './support/cases.ts';

// Raise it with every case: a folder that is not found must not pass unseen.
const CASE_COUNT = 330;
const update = process.env['UPDATE_CASES'] !== undefined;
const only = process.env['CASE'];

describe('golden cases', { concurrency: 2 }, () => {
  const names = caseNames().filter((name) => only === undefined || name.includes(only));
  for (const name of names) {
    test(`${name} gives what its golden files say`, async (t) => {
      const missing = await missingNeed(name);
      if (missing !== undefined) return t.skip(missing);
      const outcome = await runCase(name);
      if (update) return writeGolden(name, outcome);
      assert.deepEqual(outcome, readGolden(name));
    });
  }
});

test('every golden case is found', { skip: only !== undefined }, () => {
  assert.equal(caseNames().length, CASE_COUNT);
});
