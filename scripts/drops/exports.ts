/**
 * The StartEdge export, as Snowflake unloads it: one run a day, Parquet with Snappy, upper-case names. In the second
 * run DIM_EMPLOYEES has no file and FACT_REVIEWS a new column.
 */

import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { range } from './random.ts';
import { writeJson } from './write.ts';

/** What DuckDB selects for one file; `$n` rows. */
interface Export {
  readonly path: string;
  readonly rows: number;
  readonly select: string;
}

const DATES = `strftime(DATE '2026-01-01' + i::INT, '%Y%m%d')::INT AS DATE_ID, DATE '2026-01-01' + i::INT AS "DATE",
  dayname(DATE '2026-01-01' + i::INT) AS DAY_NAME, false AS IS_HOLIDAY`;

const locations = (day: number): string => `(100 + i)::BIGINT AS LOCATION_ID,
  ['Café Nord', 'Main St "42"', 'Łódź, Piotrkowska', '大阪'][(i % 4 + 1)::INT] AS NAME,
  (CASE WHEN i % 3 = 0 THEN NULL ELSE 48 + i / 1000.0 END)::DECIMAL(9,6) AS LATITUDE,
  ${day > 0 ? "(CASE WHEN i = 2 THEN 'closed' ELSE 'open' END)" : "'open'"} AS STATUS`;

const EMPLOYEES = `(7000 + i)::BIGINT AS EMPLOYEE_ID, 'Employee ' || i AS DISPLAY_NAME, (100 + i % 4)::BIGINT AS LOCATION_ID,
  TIMESTAMP '2025-06-01 08:00:00' + to_hours(i::INT) AS HIRED_AT`;

const reviews = (
  day: number,
): string => `(9007199254740993 + i)::BIGINT AS REVIEW_ID, (100 + i % 4)::BIGINT AS LOCATION_ID,
  (1 + (i + ${day} * (i % 5 = 0)::INT) % 5)::INT AS RATING, ((i * 37) % 100 / 10.0)::DECIMAL(4,1) AS SCORE,
  CASE WHEN i % 4 = 0 THEN NULL WHEN i % 4 = 1 THEN '' ELSE 'Line one' || chr(10) || 'line two – ' || i END AS BODY,
  CASE WHEN i % 3 = 0 THEN NULL ELSE '{"source":"google","tags":["a",' || i || '],"score":1.10}' END AS METADATA,
  TIMESTAMP '2026-01-20 10:00:00.123456' + to_minutes(i::INT) AS CREATED_AT,
  (TIMESTAMP '2026-01-2${7 + day} 04:00:00') AS LOADED_AT${
    day > 0 ? ", CASE WHEN i % 2 = 0 THEN 'positive' END AS SENTIMENT" : ''
  }`;

const transactions = (
  day: number,
): string => `'T-' || lpad(i::VARCHAR, 8, '0') AS TRANSACTION_ID, (100 + i % 4)::BIGINT AS LOCATION_ID,
  (i * 1.37 + ${day})::DECIMAL(38,4) AS AMOUNT, (i % 7 * 0.5)::DECIMAL(18,2) AS TIP, (i / 3.0)::DOUBLE AS RATIO, (i / 7.0)::FLOAT AS WEIGHT,
  DATE '2026-01-10' + (i % 17)::INT AS BUSINESS_DATE`;

const statistics = (
  day: number,
  hour: number,
): string => `(100 + i)::BIGINT AS LOCATION_ID, 2026012${7 + day}::INT AS DATE_ID, ${hour}::INT AS HOUR,
  (i * 3 + ${hour})::BIGINT AS VISITS, (i * 0.25)::DECIMAL(12,3) AS REVENUE`;

function exportsOfDay(day: number, scale: number): Export[] {
  const date = `2026-01-2${7 + day}`;
  // A partition folder for each day so far: every run is the whole table.
  const stats = (of: number, hour: number): Export => ({
    path: `FACT_LOCATION_DAILY_STATS/date=2026-01-2${7 + of}/hour=${hour}/data_0_0_0.snappy.parquet`,
    rows: 4,
    select: statistics(of, hour),
  });
  const files: Export[] = [
    { path: 'DIM_DATES/data_0_0_0.snappy.parquet', rows: 40, select: DATES },
    { path: 'DIM_LOCATIONS/data_0_0_0.snappy.parquet', rows: 4 + day, select: locations(day) },
    { path: 'FACT_REVIEWS/data_0_0_0.snappy.parquet', rows: 30 * scale, select: reviews(day) },
    {
      path: 'FACT_REVIEWS/data_0_1_0.snappy.parquet',
      rows: 5 * scale,
      select: reviews(day).replace('9007199254740993', '9007199255740993'),
    },
    {
      path: 'FACT_TRANSACTIONS/data_0_0_0.snappy.parquet',
      rows: (50 - 10 * day) * scale,
      select: transactions(day),
    },
  ];
  for (const of of range(0, day + 1)) files.push(stats(of, 9), stats(of, 18));
  if (day === 0) files.push({ path: 'DIM_EMPLOYEES/data_0_0_0.snappy.parquet', rows: 6, select: EMPLOYEES });
  return files.map((file) => ({ ...file, path: `analytics-export/${date}/${file.path}` }));
}

/** Writes the drop's two deliveries under `out`; `scale` multiplies the number of rows of the fact tables. */
export async function makeExports(out: string, scale: number): Promise<void> {
  writeJson(out, 'exports/catalog.json', {
    tables: {
      DIM_EMPLOYEES: { key: ['EMPLOYEE_ID'] },
      FACT_REVIEWS: { key: ['REVIEW_ID'] },
      FACT_TRANSACTIONS: { key: ['TRANSACTION_ID'] },
      FACT_LOCATION_DAILY_STATS: { key: ['LOCATION_ID', 'DATE_ID', 'HOUR'] },
    },
  });
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection: DuckDBConnection = await instance.connect();
  for (const [day, delivery] of ['first', 'second'].entries()) {
    for (const { path, rows, select } of exportsOfDay(day, scale)) {
      const file = `${out}/exports/${delivery}/${path}`;
      mkdirSync(dirname(file), { recursive: true });
      await connection.run(
        `COPY (SELECT ${select} FROM range(${rows}) AS numbers(i)) TO '${file.replaceAll("'", "''")}' (FORMAT parquet, COMPRESSION snappy)`,
      );
    }
  }
  connection.closeSync();
  instance.closeSync();
}
