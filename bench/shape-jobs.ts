/** CSV in other shapes than that of the first jobs, without a bar. */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Job } from './jobs.ts';
import { canonical, duckdb, peer, readCsv } from './peers.ts';
import {
  EXPORTS_FOLDER,
  gzipped,
  longRows,
  quotedRows,
  shortRows,
  smallFiles,
  unicodeRows,
  wideRows,
} from './shapes.ts';

interface Shape {
  readonly name: string;
  /** What is read: a file, or a folder of files. */
  path(): Promise<string>;
  /** Bytes of CSV; default: those of the file. */
  bytes?(path: string): number;
  /** Arguments for `decode` and Miller. */
  readonly files?: (path: string) => string;
  readonly millerFlags?: string;
  /** Rows that are compared. */
  readonly sample?: number;
}

const SMALL_FILES = 2000;
const ROW_OF = 'decode CSV → NDJSON, in other shapes';
const INPUT = 'About 100 MB of CSV each, and as many bytes or files as the names say; nothing here has a bar';

/** Each about 100 MB, the compressed one 220 MB. */
export function shapeJobs(scale: number): readonly Job[] {
  const count = (usual: number) => Math.max(1, Math.round(usual * scale));
  const files = count(SMALL_FILES);
  const drop = () => smallFiles(files);
  const all = (folder: string) => join(folder, '*.csv');
  const shapes: readonly Shape[] = [
    { name: 'rows of 30 bytes', path: () => shortRows(count(3_300_000)) },
    { name: 'rows of 100 KB', path: () => longRows(count(1000)), sample: 100 },
    { name: 'quotes, delimiters and line feeds in every field', path: () => quotedRows(count(900_000)) },
    { name: 'characters of two to four bytes', path: () => unicodeRows(count(300_000)) },
    { name: '1,000 columns', path: () => wideRows(count(13_000)), sample: 200 },
    {
      name: '33 columns, 220 MB compressed by gzip',
      path: () => gzipped(count(400_000)),
      bytes: (file) => statSync(file.replace(/\.gz$/, '')).size,
      millerFlags: '--gzin',
    },
    {
      name: `${files} files of 20 rows`,
      path: async () => join(await drop(), EXPORTS_FOLDER),
      bytes: (folder) => files * statSync(join(folder, 'part-00000.csv')).size,
      files: all,
    },
  ];
  return [
    ...shapes.map((shape) => shapeJob(shape)),
    {
      name: `${files} files of 20 rows, listed as a drop of exports`,
      rowOf: ROW_OF,
      async prepare() {
        const folder = await drop();
        return {
          input: INPUT,
          inputBytes: files * statSync(join(folder, EXPORTS_FOLDER, 'part-00000.csv')).size,
          ours: `ls-groups ${folder} --feed exports --settle 0 | read-manifest | decode > /dev/null`,
          peers: [],
        };
      },
    },
  ];
}

function shapeJob({ name, path, bytes, files = (file) => file, millerFlags = '', sample }: Shape): Job {
  return {
    name,
    rowOf: ROW_OF,
    async prepare() {
      const file = await path();
      const args = files(file);
      return {
        input: INPUT,
        inputBytes: bytes?.(file) ?? statSync(file).size,
        ours: `decode --table t ${args} > /dev/null`,
        peers: [
          {
            name: 'DuckDB, 2 threads',
            command: duckdb(2, `COPY (FROM ${readCsv(args)}) TO '/dev/null' (FORMAT json)`),
          },
          {
            name: 'Miller',
            command: `mlr ${millerFlags} --icsv --ojsonl cat ${args} > /dev/null`,
            needs: 'mlr',
            once: true,
          },
          { name: 'csv-parse', command: peer('csv-parse', file), once: true },
        ],
        agree: [
          `decode --table t ${args} --bare | ${canonical(sample)}`,
          `${peer('csv-parse', file, '/dev/stdout')} | sed 's/:""/:null/g' | ${canonical(sample)}`,
        ],
      };
    },
  };
}
