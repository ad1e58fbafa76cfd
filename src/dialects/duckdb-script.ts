/**
 * The statements as a script for the `duckdb` command. It has no conditionals: what is decided stands in a temporary table,
 * the stages of tables that were merged before are emptied, and what changes without staged rows asks that table.
 * https://duckdb.org/docs/stable/clients/cli/dot_commands
 */

import { fileURLToPath } from 'node:url';
import { mismatch } from '../errors.ts';
import { checkSound } from '../formats/sound.ts';
import { BATCH, type Fill, ROW, SHAPE, textOf } from '../merge/engine.ts';
import type { Run } from '../wire/types.ts';
import { duckdb } from './duckdb.ts';
import { insertFiles, insertParsed, wireName } from './duckdb-read.ts';
import { knownTables, onceOnly, type Script, type ScriptOptions } from './script.ts';

/** Rows of one INSERT. */
const ROWS = 1000;

export function duckdbScript({ write: out, targetSchema }: ScriptOptions): Script {
  const write = (sql: string) => {
    // Literals hold none: what is left is a name.
    if (sql.includes('\r\n')) {
      throw mismatch('to-sql', 'names that the duckdb command reads as they stand', 'a CR LF in a name');
    }
    out(sql);
  };
  const isNews = onceOnly(/^(CREATE|ALTER) .* IF NOT EXISTS /);
  let opened = false;
  const start = () => {
    if (!opened) write('.bail on\n');
    opened = true;
  };
  return {
    dialect: duckdb,
    takes: 'objects',
    async open() {
      start();
    },
    async run(sql) {
      if (!isNews(sql)) return;
      write(`${sql};\n`);
    },
    rows: async () => undefined,
    async fill(fill, run) {
      for (const statement of insertRows(fill, run)) write(`${statement};\n`);
    },
    async fillFiles(fill, files, csv) {
      const paths = files.map(({ uri }) => (uri.startsWith('file:') ? fileURLToPath(uri) : uri));
      const statement = insertFiles(fill, files, paths, csv);
      for (const file of files) if (file.uri.startsWith('file:')) await checkSound(file);
      write(`${statement};\n`);
    },
    settle: async () => {},
    ...knownTables(targetSchema, duckdb),
    hasSchema: async () => undefined,
    async decide(flags) {
      if (flags.length === 0) return;
      const rows = flags.map(
        ({ name, condition }) => `SELECT ${duckdb.literal(name)} AS flag WHERE ${condition}`,
      );
      write(`CREATE OR REPLACE TEMPORARY TABLE brigade_go AS ${rows.join(' UNION ALL ')};\n`);
    },
    when: (_flag, body) => body(),
    guard: (flag) => `EXISTS (SELECT 1 FROM brigade_go WHERE flag = ${duckdb.literal(flag)})`,
    async abandon(reason) {
      start();
      const fail = `SELECT error(${duckdb.literal(`the script was cut off: ${reason}`)});\n`;
      // With no transaction open ROLLBACK fails itself, and would be all that is told.
      write(`${fail}ROLLBACK;\n${fail}`);
    },
  };
}

/** Rows as text literals in statements of up to a thousand. */
function* insertRows(fill: Fill, run: Run): Iterable<string> {
  const rows = run.objects();
  const names = [ROW, BATCH, SHAPE, ...fill.columns.map(({ name }) => wireName(name))].join(', ');
  for (let start = 0; start < rows.length; start += ROWS) {
    const lines = rows.slice(start, start + ROWS).map((row, i) => {
      const number = fill.firstRow + start + i;
      const values = fill.columns.map(({ name }) => {
        const text = textOf(row[name]);
        if (text?.includes('\0') || /\p{Surrogate}/u.test(text ?? '')) {
          throw mismatch(
            `table ${fill.table} row ${number + 1} column ${name}`,
            'text that a script can hold, without NUL',
            JSON.stringify(text),
          );
        }
        // The first row gives the columns their type.
        if (text === null) return i === 0 ? 'CAST(NULL AS VARCHAR)' : 'NULL';
        return duckdb.literal(text);
      });
      return `(${[number, fill.batch, fill.shape, ...values].join(', ')})`;
    });
    const own = { row: `r.${ROW}`, batch: `r.${BATCH}`, shape: `r.${SHAPE}` };
    yield insertParsed(fill, `(VALUES\n${lines.join(',\n')}) r(${names})`, own);
  }
}
