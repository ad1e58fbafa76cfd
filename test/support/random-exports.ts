import { writeText } from '../../scripts/drops/write.ts';
import { openDuckDB, quoteName, quoteText } from '../../src/duckdb.ts';
import { applyExport, type Model, type ModelRow } from './model.ts';
import { BIG, type Random, type RandomDrop, rowsOf, TEXTS } from './random.ts';

/** Daily runs in which a table may have no file. Of several that are ready, only the newest is applied. */
export function randomExports(r: Random): RandomDrop {
  const runs = Array.from({ length: r.int(1, 3) }, () => {
    const tables: Record<string, ModelRow[]> = {};
    for (const name of ['DIM_LOCATIONS', 'FACT_REVIEWS']) {
      tables[name] = Array.from({ length: r.chance(0.8) ? r.int(1, 6) : 0 }, (_, place) => ({
        ID: String(BIG + BigInt(place)),
        NAME: r.pick([...TEXTS, null]),
        AMOUNT: r.pick(['1.50', '-0.01', null]),
        AT: r.pick(['2026-01-02 03:04:05.123456', '2026-01-02 03:04:05', null]),
      }));
    }
    return tables;
  });
  const expected = (visits: readonly number[]): Map<string, ModelRow[]> => {
    const model: Model = new Map();
    let done = 0;
    for (const visit of visits) {
      const before = done;
      done += visit;
      // A run without any file is not there.
      const newest = runs
        .slice(before, done)
        .findLast((run) => Object.values(run).some((rows) => rows.length > 0));
      if (newest !== undefined) applyExport(model, newest);
    }
    return rowsOf(model);
  };
  const steps = runs.map((tables, day) => (root: string) => writeExport(root, `2026-02-0${day + 1}`, tables));
  return { feed: 'exports', steps, catalog: { tables: {} }, expected };
}

async function writeExport(
  root: string,
  date: string,
  tables: Readonly<Record<string, readonly ModelRow[]>>,
): Promise<void> {
  const types: Readonly<Record<string, string>> = {
    ID: 'BIGINT',
    NAME: 'VARCHAR',
    AMOUNT: 'DECIMAL(18,2)',
    AT: 'TIMESTAMP',
  };
  const database = await openDuckDB();
  for (const [name, rows] of Object.entries(tables)) {
    if (rows.length === 0) continue;
    const path = `analytics-export/${date}/${name}/data_0_0_0.snappy.parquet`;
    writeText(root, path, []);
    const selects = rows.map(
      (row) =>
        `SELECT ${Object.entries(row)
          .map(
            ([column, value]) =>
              `${value === null ? 'NULL' : quoteText(value)}::${types[column]} AS ${quoteName(column)}`,
          )
          .join(', ')}`,
    );
    await database.run(
      `COPY (${selects.join(' UNION ALL ')}) TO ${quoteText(`${root}/${path}`)} (FORMAT parquet)`,
    );
  }
  database.close();
}
