import { describe, test } from 'node:test';
import { mariadbMissing } from './support/mariadb.ts';
import { holdsByLoad, holdsByScript, type Places } from './support/merge-model.ts';
import { mysqlTarget } from './support/merging.ts';

const RUNS = 8;

// A schema is a database here: every other run is in one that is made for it.
const places: Places = async (run) => ({
  target: await mysqlTarget(),
  ...(run % 2 === 0 ? { schema: `own_${++schemas}` } : {}),
});
let schemas = 0;

describe('MySQL and MariaDB', { skip: mariadbMissing }, () => {
  test('load: random deliveries leave what the model says, in every mode, and a replay changes nothing', async () => {
    await holdsByLoad(places, RUNS);
  });

  test('to-sql: the script of random deliveries leaves the same', async () => {
    await holdsByScript(places, RUNS);
  });
});
