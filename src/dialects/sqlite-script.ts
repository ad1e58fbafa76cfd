/**
 * The statements as a script for the `sqlite3` command. It has no conditionals: what is decided stands in a temporary
 * table, the stages of tables that were merged before are emptied, and what changes without staged rows asks that table.
 * https://www.sqlite.org/cli.html
 */

import { mismatch } from '../errors.ts';
import type { Fill, StageColumn } from '../merge/engine.ts';
import type { Row } from '../wire/types.ts';
import { exactText } from './exact-text.ts';
import { insertStatements } from './insert-rows.ts';
import { knownTables, onceOnly, refuseFiles, type Script, type ScriptOptions } from './script.ts';
import { sqlite } from './sqlite.ts';
import { exactDouble } from './sqlite-double.ts';

const LIMITS = { characters: 512 * 1024, rows: 500 };

/** How long another program may hold the file. */
const WAIT_MS = 600_000;

export function sqliteScript({ write, targetSchema }: ScriptOptions): Script {
  const isNews = onceOnly(/^CREATE .* IF NOT EXISTS /);
  let opened = false;
  const start = () => {
    if (!opened) write(`.bail on\n.timeout ${WAIT_MS}\n`);
    opened = true;
  };
  return {
    dialect: sqlite,
    takes: 'objects',
    open: async () => start(),
    async run(sql) {
      if (!isNews(sql)) return;
      write(`${sql};\n`);
    },
    rows: async () => undefined,
    async fill(fill, run) {
      const values = fill.columns.map((column) => ({ name: column.name, write: literalOf(fill, column) }));
      const valuesOf = (number: number, row: Row) =>
        values.map((value) => value.write(number, row[value.name]));
      for (const statement of insertStatements(fill, run, sqlite.identifier, LIMITS, valuesOf))
        write(`${statement};\n`);
    },
    fillFiles: refuseFiles('SQLite'),
    settle: async () => {},
    ...knownTables(targetSchema, sqlite),
    hasSchema: async () => undefined,
    async decide(flags) {
      if (flags.length === 0) return;
      write('CREATE TEMPORARY TABLE IF NOT EXISTS brigade_go (flag TEXT);\nDELETE FROM temp.brigade_go;\n');
      for (const { name, condition } of flags)
        write(`INSERT INTO temp.brigade_go SELECT ${sqlite.literal(name)} WHERE ${condition};\n`);
    },
    when: (_flag, body) => body(),
    guard: (flag) => `EXISTS (SELECT 1 FROM temp.brigade_go WHERE flag = ${sqlite.literal(flag)})`,
    async abandon(reason) {
      start();
      const fail = `${sqlite.check(`SELECT ${sqlite.literal(`the script was cut off: ${reason}`)}`)};\n`;
      // With no transaction open ROLLBACK fails itself, and would be all that is told.
      write(`${fail}ROLLBACK;\n${fail}`);
    },
  };
}

/** Writes the values of a column as literals. Throws `UserError` for one that SQLite would alter. */
function literalOf(fill: Fill, column: StageColumn): (row: number, value: unknown) => string {
  const { name, type } = column;
  const exact = exactText(column);
  return (row, value) => {
    if (value === null || value === undefined) return 'NULL';
    const wrong = (expected: string) =>
      mismatch(`table ${fill.table} row ${row + 1} column ${name}`, expected, JSON.stringify(value));
    const text = exact(value as Parameters<typeof exact>[0]);
    if (typeof text === 'object') throw wrong(text.expected);
    switch (type) {
      case 'boolean':
        return text === 'true' ? '1' : '0';
      case 'int':
      case 'bigint':
        return text;
      case 'float':
      case 'double':
        // NaN becomes NULL: https://www.sqlite.org/floatingpoint.html
        if (text === 'NaN') throw wrong(`a ${type} other than NaN, which SQLite makes NULL of`);
        return exactDouble(text);
      case 'bytes':
        return `X'${text}'`;
      case 'timestamptz':
        return `'${text}+00:00'`;
      default:
        // https://www.sqlite.org/nulinstr.html
        if (text.includes('\0')) throw wrong('text without NUL, at which SQLite takes it to end');
        return sqlite.literal(text);
    }
  };
}
