/** Scripts of engines that nobody can start here: the golden ones, and what makes those of every mode. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Chunk, TableLine } from '../../src/wire/types.ts';
import { CASES } from './cases.ts';
import { groups, type TestGroup, table } from './merging.ts';

/** The engines that take files. */
export const NAMES = ['redshift', 'snowflake', 'bigquery', 'databricks', 'spark'] as const;
export type Name = (typeof NAMES)[number];

/** The golden scripts of an engine; `whole`: not those of which a case shows some lines. */
export function goldens(name: Name, { whole = false } = {}): string[] {
  const text = (folder: string, file: string) => readFileSync(join(CASES, 'to-sql', folder, file), 'utf8');
  return readdirSync(join(CASES, 'to-sql'))
    .filter(
      (folder) => folder.startsWith(`${name}-`) && !(whole && /to-sql[^|]*[|]/.test(text(folder, 'cmd'))),
    )
    .map((folder) => text(folder, 'stdout'))
    .filter((script) => script !== '');
}

/** What all of them need to be made. */
export const OPTIONS = { storageIntegration: 'acme_s3', connection: 'acme.aws.reader', schema: 'landing' };

export const file = (name: string, uri: string, format: string, batch = '1'): Chunk => ({
  $: 'file',
  uri,
  table: name,
  format: format as 'csv',
  bytes: 10,
  etag: 'e',
  modified: '2026-01-01T00:00:00Z',
  batch,
});

const COLUMNS =
  'id bigint, org text, void boolean, seq decimal(19,0), at timestamp, on_day date, t time, tz timestamptz, raw bytes, d double, ok uuid, v int, code';

/** Every mode, with all that can be asked of it; `repeatable`: those too that need a transaction. */
export function modes(repeatable: boolean, format: string): TestGroup[] {
  const line = (name: string, rest: Partial<TableLine>): TableLine => table(name, COLUMNS, rest);
  const lines = [
    line('up', { key: ['id'], merge: 'upsert' }),
    line('ordered', { key: ['id', 'org'], merge: 'upsert', order: ['seq', 'at'], delete_flag: 'tz' }),
    line('versioned', { key: ['id'], merge: 'upsert', order: ['seq'], version: 'v' }),
    line('fact', { key: ['id', 'org'], merge: 'delete-insert', delete_flag: 'void' }),
    line('history', { key: ['id'], merge: 'scd2', order: ['seq'], delete_flag: 'void' }),
    line('whole', { key: ['id'], merge: 'replace' }),
    line('keyless', { merge: 'replace' }),
    line('refreshed', { key: ['id'], merge: 'upsert', full: true }),
    ...(repeatable ? [line('log', { merge: 'append' })] : []),
  ];
  const uri = (name: string, n: number) => `s3://acme/in's/${name}/${n}.${format}`;
  const chunks = lines.flatMap((each) => [
    each,
    file(each.table, uri(each.table, 1), format),
    file(each.table, uri(each.table, 2), format, '2'),
  ]);
  const emptied = line('emptied', { key: ['id'], merge: 'upsert', full: true });
  const closed = line('closed', { key: ['id'], merge: 'scd2', order: ['seq'], full: true });
  return groups(chunks, [emptied, closed], chunks);
}
