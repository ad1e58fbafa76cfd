/**
 * The statements as a script for psql. ON_ERROR_STOP comes first: without it psql would run the rows of a failed COPY as
 * SQL and commit the next group. COPY never stands within `\if`, where a quote in the data would swallow `\endif`.
 * https://www.postgresql.org/docs/current/app-psql.html
 */

import { BATCH, ROW, SHAPE } from '../merge/engine.ts';
import { copyLines } from './copy-text.ts';
import { postgres } from './postgres.ts';
import { knownTables, onceOnly, refuseFiles, type Script, type ScriptOptions } from './script.ts';

export function postgresScript({ write, targetSchema }: ScriptOptions): Script {
  const isNews = onceOnly(/^(CREATE|ALTER) .* IF NOT EXISTS /);
  let copying: string | undefined;
  let opened = false;
  // While a conditional's body is made: if that fails, nothing of it was written.
  let held: string[] | undefined;

  const put = (text: string) => (held === undefined ? write(text) : void held.push(text));
  const endCopy = () => {
    if (copying !== undefined) write('\\.\n');
    copying = undefined;
  };
  const statement = (sql: string) => {
    endCopy();
    // A result would be printed; as variables it is not.
    put(/^SELECT\b/.test(sql) ? `${sql} \\gset brigade_\n` : `${sql};\n`);
  };
  const start = () => {
    if (!opened) write('\\set ON_ERROR_STOP on\n\\set QUIET on\n');
    opened = true;
  };

  return {
    dialect: postgres,
    takes: 'bytes',
    async open() {
      start();
    },
    async run(sql) {
      if (!isNews(sql)) return;
      statement(sql);
    },
    rows: async () => undefined,
    async fill(fill, run) {
      const names = [ROW, BATCH, SHAPE, ...fill.columns.map(({ target }) => postgres.identifier(target))];
      const copy = `COPY ${fill.stage} (${names.join(', ')}) FROM stdin;\n`;
      const lines = copyLines(fill, run);
      if (copying !== copy) {
        endCopy();
        write(copy);
        copying = copy;
      }
      write(lines);
    },
    fillFiles: refuseFiles('PostgreSQL'),
    settle: async () => endCopy(),
    ...knownTables(targetSchema, postgres),
    hasSchema: async () => undefined,
    async decide(flags) {
      if (flags.length === 0) return;
      endCopy();
      write(`SELECT ${flags.map(({ name, condition }) => `${condition} AS ${name}`).join(',\n  ')} \\gset\n`);
    },
    async when(flag, body) {
      held = [];
      try {
        await body();
      } catch (error) {
        held = undefined;
        throw error;
      }
      const texts = held;
      held = undefined;
      write(`\\if :${flag}\n${texts.join('')}\\endif\n`);
    },
    guard: () => undefined,
    async abandon(reason) {
      start();
      endCopy();
      write('ROLLBACK;\n');
      statement(postgres.check(`SELECT ${postgres.literal(`the script was cut off: ${reason}`)}::text`));
    },
  };
}
