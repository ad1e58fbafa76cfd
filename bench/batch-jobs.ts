/** A first load of many small groups: in batches, and one after the other. */

import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { postgresServer, query } from '../test/support/postgres.ts';
import { DATA, once } from './inputs.ts';
import type { Job } from './jobs.ts';

const TABLES = ['Bi_FactA', 'Bi_FactB', 'Bi_DimC'];
/** Rows of each table in a group: where groups cost the most, and where rows do. */
const SIZES = [20, 200];

/** Each group brings new rows, changes some that are there, and deletes a few. */
export function batchJobs(scale: number): readonly Job[] {
  const count = Math.round(1000 * scale);
  const database = (name: string) => join(DATA, `${name}.duckdb`);
  const fresh = (name: string) => async () => {
    for (const ending of ['', '.wal']) rmSync(database(name) + ending, { force: true });
  };
  const engines = {
    DuckDB: async () => ({
      ours: { target: database('batch'), reset: fresh('batch') },
      theirs: { target: database('groups'), reset: fresh('groups') },
    }),
    PostgreSQL: async () => {
      const target = await (await postgresServer()).database();
      const reset = () => query(target, 'DROP SCHEMA public CASCADE; CREATE SCHEMA public').then(() => {});
      return { ours: { target, reset }, theirs: { target, reset } };
    },
  };
  return Object.entries(engines).flatMap(([engine, open]) =>
    SIZES.map((rows) => ({
      name: `a batch of ${count} groups of ${TABLES.length} × ${rows} rows → ${engine}`,
      async prepare() {
        const file = await once(`groups-${count}-${rows}.wire`, (path) => writeGroups(path, count, rows));
        const { ours, theirs } = await open();
        return {
          input: `${count} Zenoti groups of ${TABLES.length} × about ${rows} rows, as the wire; --batch-groups auto ([performance.md](performance.md#batches-of-groups-into-postgresql))`,
          ours: `brigade load ${ours.target} --batch-groups auto < ${file}`,
          reset: ours.reset,
          peers: [
            {
              name: 'the same groups one by one',
              command: `brigade load ${theirs.target} < ${file}`,
              reset: theirs.reset,
              must: 10,
              once: true,
            },
          ],
        };
      },
    })),
  );
}

function writeGroups(path: string, count: number, size: number): void {
  const file = openSync(path, 'w');
  const say = (line: object) => writeSync(file, `${JSON.stringify(line)}\n`);
  const columns = Object.entries({
    id: 'bigint',
    organizationid: 'text',
    void: 'boolean',
    note: 'text',
    amount: 'decimal(19,2)',
    at: 'timestamp',
  }).map(([name, type]) => ({ name, type }));
  say({ $: 'feed', wire: 1, feed: 'zenoti', source: 'bench', root: 'file:///bench/' });
  for (let n = 1; n <= count; n++) {
    const group = { feed: 'zenoti', scope: 'POD1', group: String(n) };
    say({ $: 'group', ...group, after: n === 1 ? null : String(n - 1) });
    for (const [seq, table] of TABLES.entries()) {
      const uri = `file:///bench/POD1/${n}/${table}/${n}/part.csv`;
      const merge =
        table === 'Bi_DimC' ? { merge: 'upsert' } : { merge: 'delete-insert', delete_flag: 'void' };
      say({ $: 'file', uri, table, batch: String(n), seq });
      say({ $: 'table', table, columns, key: ['id'], ...merge });
      const rows = new Map<number, string>();
      for (let row = 0; row < size; row++) {
        const isNew = row < (size * 3) / 4;
        const id = isNew ? n * size + row : ((n * 37 + row * 13) % n) * size + (row % size);
        rows.set(
          id,
          `{"id":"${id}","organizationid":"org ${id % 7}","void":${row % 20 === 7},"note":"row ${row} of ${n}","amount":"${row}.50","at":"2026-01-02T03:04:05"}\n`,
        );
      }
      writeSync(file, [...rows.values()].join(''));
      say({ $: 'eof', uri, rows: rows.size, rejects: 0 });
    }
    say({ $: 'commit', ...group, files: TABLES.length, digest: `group ${n}` });
  }
  say({ $: 'end', groups: count });
  closeSync(file);
}
