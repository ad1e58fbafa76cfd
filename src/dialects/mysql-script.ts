/**
 * The statements as a script for the `mysql` and `mariadb` commands, which stop at the first error as long as nobody says
 * --force. There are no conditionals outside of stored programs: what is decided stands in variables of the session, the
 * stages of tables that were merged before are emptied, and what changes without staged rows asks the variable.
 * https://dev.mysql.com/doc/refman/8.4/en/mysql-batch-commands.html
 */

import { mysql } from './mysql.ts';
import { prepared } from './mysql-alter.ts';
import { insertStatements } from './mysql-rows.ts';
import { knownTables, onceOnly, refuseFiles, type Script, type ScriptOptions } from './script.ts';

export function mysqlScript({ write, targetSchema }: ScriptOptions): Script {
  const isNews = onceOnly(/^CREATE .* IF NOT EXISTS /);
  return {
    dialect: mysql,
    takes: 'objects',
    open: async () => {},
    async run(sql) {
      if (!isNews(sql)) return;
      // At the end of a script that was cut off the client runs what there is, and half of an ALTER TABLE, or of a view, may
      // well be another one. Half of a text is none.
      const statements = /^(ALTER|CREATE OR REPLACE VIEW) /.test(sql) ? prepared(mysql.literal(sql)) : [sql];
      for (const statement of statements)
        write(`${statement};
`);
    },
    rows: async () => undefined,
    async fill(fill, run) {
      for (const statement of insertStatements(fill, run)) write(`${statement};\n`);
    },
    fillFiles: refuseFiles('MySQL'),
    settle: async () => {},
    ...knownTables(targetSchema, mysql),
    hasSchema: async () => undefined,
    async decide(flags) {
      for (const { name, condition } of flags) write(`SET @${name} = (${condition});\n`);
    },
    when: (_flag, body) => body(),
    guard: (flag) => `@${flag}`,
    async abandon(reason) {
      write('ROLLBACK;\n');
      write(`${mysql.check(`SELECT ${mysql.literal(`the script was cut off: ${reason}`)}`)};\n`);
    },
  };
}
