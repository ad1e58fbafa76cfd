import { type DialectName, dialects } from '../dialects/index.ts';
import { columnsQuery, cursorsQuery } from '../dialects/state-query.ts';
import { UsageError } from '../errors.ts';
import { readSchema, readState } from '../targets/index.ts';
import { defineCommand } from './command.ts';
import { choice, text, toggle } from './flags.ts';

export const stateCommand = defineCommand({
  name: 'state',
  kind: 'action',
  summary: 'print how far a target has been brought',
  details: `One line of JSON per scope, and per table of it, with the newest group that was applied: what
ls-groups --after @TARGET goes by. The lines can be kept in a file and given as --after @FILE. A target into which
nothing was ever loaded prints nothing.

For engines that are no TARGET, --dialect with --sql prints the query to run there, whose result has these lines.`,
  examples: [
    'brigade state wh.duckdb',
    'brigade state env:WAREHOUSE_URL --state-schema landing',
    'brigade state --dialect redshift --sql | psql -At > state.ndjson',
  ],
  args: '[TARGET]',
  flags: {
    dialect: choice(Object.keys(dialects) as DialectName[], 'with --sql: the engine that will be asked'),
    sql: toggle('print a query for --dialect instead of asking a TARGET'),
    schema: toggle('print the tables and their columns instead, for to-sql --target-schema'),
    stateSchema: text('NAME', 'the schema that everything is in (default: public, in DuckDB main)'),
  },
  make: (options, args) => {
    const { dialect, sql, stateSchema } = options;
    if ((dialect === undefined) !== (sql === undefined))
      throw new UsageError('--dialect, --sql: expected both or neither, found one');
    const [target, ...rest] = dialect === undefined ? args : ['', ...args];
    if (target === undefined) throw new UsageError('expected a TARGET, found none: brigade state wh.duckdb');
    if (rest.length > 0)
      throw new UsageError(
        dialect === undefined
          ? `expected one TARGET, found ${rest[0]} after it`
          : `expected no TARGET with --sql, found ${rest[0]}`,
      );
    return async function* (context) {
      const encoder = new TextEncoder();
      if (dialect !== undefined) {
        const query = options.schema === true ? columnsQuery : cursorsQuery;
        yield encoder.encode(`${query(dialect, stateSchema)};\n`);
        return;
      }
      const where = stateSchema === undefined ? {} : { schema: stateSchema };
      if (options.schema === true) {
        for (const table of await readSchema(target, context, where))
          yield encoder.encode(`${JSON.stringify(table)}\n`);
        return;
      }
      for (const state of await readState(target, context, where)) {
        const { feed, source, scope, table, group, files, rows, applied_at } = state;
        yield encoder.encode(
          `${JSON.stringify({ feed, source, scope, table, group, files, rows, applied_at })}\n`,
        );
      }
    };
  },
});
