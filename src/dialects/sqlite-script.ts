/**
 * The statements as a script for the `sqlite3` command. It has no conditionals: what is decided stands in a temporary
 * table, the stages of tables that were merged before are emptied, and what changes without staged rows asks that table.
 * https://www.sqlite.org/cli.html
 */

import { mismatch } from '../errors.ts';
import { BATCH, type Fill, ROW, SHAPE, type StageColumn } from '../merge/engine.ts';
import type { Run } from '../wire/types.ts';
import { exactText } from './exact-text.ts';
import { knownTables, type Script, type ScriptOptions } from './script.ts';
import { sqlite } from './sqlite.ts';
import { exactDouble } from './sqlite-double.ts';

/** Characters and rows of an INSERT after which it ends. */
const STATEMENT_CHARACTERS = 512 * 1024;
const STATEMENT_ROWS = 500;

/** How long another program may hold the file. */
const WAIT_MS = 600_000;

export function sqliteScript({ write, targetSchema }: ScriptOptions): Script {
  const said = new Set<string>();
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
      if (/^CREATE .* IF NOT EXISTS /.test(sql)) {
        if (said.has(sql)) return;
        said.add(sql);
      }
      write(`${sql};\n`);
    },
    rows: async () => undefined,
    async fill(fill, run) {
      for (const statement of insertStatements(fill, run)) write(`${statement};\n`);
    },
    fillFiles: (_fill, files) =>
      Promise.reject(
        mismatch(
          `file ${files[0]!.uri}`,
          'rows on the wire, since SQLite does not read files (decode before this command)',
          'a file that nobody decoded',
        ),
      ),
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
      // With no transaction open this fails, which ends the script just as well.
      write('ROLLBACK;\n');
      write(`${sqlite.check(`SELECT ${sqlite.literal(`the script was cut off: ${reason}`)}`)};\n`);
    },
  };
}

function* insertStatements(fill: Fill, run: Run): Iterable<string> {
  const names = [ROW, BATCH, SHAPE, ...fill.columns.map(({ target }) => sqlite.identifier(target))];
  const head = `INSERT INTO ${fill.stage} (${names.join(', ')}) VALUES\n`;
  const fields = fill.columns.map((column) => ({ name: column.name, write: literalOf(fill, column) }));
  let lines: string[] = [];
  let size = 0;
  let number = fill.firstRow;
  for (const row of run.objects()) {
    const values = fields.map(({ name, write }) => write(number, row[name]));
    const line = `(${[number, fill.batch, fill.shape, ...values].join(', ')})`;
    lines.push(line);
    size += line.length;
    number++;
    if (lines.length < STATEMENT_ROWS && size < STATEMENT_CHARACTERS) continue;
    yield head + lines.join(',\n');
    lines = [];
    size = 0;
  }
  if (lines.length > 0) yield head + lines.join(',\n');
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
