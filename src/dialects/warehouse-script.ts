/**
 * A script for an engine that reads the files by itself. There are no conditionals that all clients know: what is
 * decided stands in a small table, the stages of tables that were merged before are emptied, and what changes without
 * staged rows asks that table.
 */

import { mismatch, UserError } from '../errors.ts';
import type { Engine } from '../merge/engine.ts';
import type { Dialect } from './dialect.ts';
import { ONCE } from './drift.ts';
import { knownTables, onceOnly, type Script, type ScriptOptions } from './script.ts';
import type { Warehouse } from './warehouse.ts';
import { loadStatements, refuseRows } from './warehouse-load.ts';

const GO = 'brigade_go';

/** Makes the script of an engine. */
export function warehouseScript(warehouse: Warehouse): (options: ScriptOptions) => Script {
  const { dialect } = warehouse;
  return ({ write, targetSchema, bulk = {}, scratch }) => {
    const isNews = onceOnly(ONCE);
    let opened = false;
    let transaction: string[] | undefined;
    const start = () => {
      if (!opened) for (const line of warehouse.start) write(`${line}\n`);
      opened = true;
    };
    let bytes = 0;
    const say = (sql: string) => {
      if (sql === '') return;
      const line = `${sql};\n`;
      bytes += Buffer.byteLength(line);
      write(line);
    };
    const checkLength = () => {
      const { maxScriptBytes = Number.POSITIVE_INFINITY } = warehouse;
      if (bytes > maxScriptBytes)
        throw new UserError(
          `${dialect.name}: expected a script of at most ${maxScriptBytes} bytes, which is what one query may have, found more: list fewer groups (ls-groups --until) or fewer tables (--tables) at a time`,
        );
    };
    const run = (sql: string) => {
      if (!isNews(sql)) return;
      if (warehouse.block === undefined) return say(sql);
      if (sql === dialect.begin) transaction = [];
      if (transaction === undefined) return say(sql);
      transaction.push(sql);
      if (sql !== dialect.commit) return;
      say(warehouse.block(transaction));
      transaction = undefined;
    };
    return {
      dialect,
      takes: 'objects',
      async open() {
        start();
        if (bulk.vendorExact === true && !warehouse.vendorExact)
          throw mismatch('--vendor-exact', 'redshift, whose statements they are', dialect.name);
      },
      run: async (sql) => {
        run(sql);
        checkLength();
      },
      rows: async () => undefined,
      fill: (fill) => Promise.reject(refuseRows(fill, warehouse)),
      async fillFiles(fill, files, csv) {
        const loading = { fill, files, csv, options: bulk, scratch };
        for (const statement of await loadStatements(warehouse, loading)) say(statement);
        checkLength();
      },
      settle: async () => {},
      ...knownTables(targetSchema, dialect),
      hasSchema: async () => undefined,
      async decide(flags) {
        if (flags.length === 0) return;
        run(`DELETE FROM ${GO} WHERE 1 = 1`);
        run(`INSERT INTO ${GO} (flag) ${selectHolding(flags, dialect)}`);
      },
      when: (_flag, body) => body(),
      guard: (flag) => `EXISTS (SELECT 1 FROM ${GO} WHERE flag = ${dialect.literal(flag)})`,
      async abandon(reason) {
        start();
        // Of a transaction that is still being put together nothing was written.
        if (warehouse.block === undefined) say(dialect.rollback);
        transaction = undefined;
        const message = dialect.literal(`the script was cut off: ${reason}`);
        say(dialect.failure?.(message) ?? dialect.check(`SELECT ${message} AS m`));
      },
    };
  };
}

/** The names of the flags whose condition holds, a row each. */
export function selectHolding(
  flags: Parameters<Engine['decide']>[0],
  { literal }: Pick<Dialect, 'literal'>,
): string {
  return flags
    .map(
      ({ name, condition }) => `SELECT ${literal(name)} AS flag FROM (SELECT 1 AS one) o WHERE ${condition}`,
    )
    .join(' UNION ALL ');
}

/** The table that says what is new; part of what a warehouse prepares. */
export function createGo(permanent: boolean, text: string): string {
  return `CREATE ${permanent ? '' : 'TEMPORARY '}TABLE IF NOT EXISTS ${GO} (flag ${text})`;
}
