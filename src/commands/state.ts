import { UsageError } from '../errors.ts';
import { readSchema, readState } from '../targets/index.ts';
import { defineCommand } from './command.ts';
import { text, toggle } from './flags.ts';

export const stateCommand = defineCommand({
  name: 'state',
  kind: 'action',
  summary: 'print how far a target has been brought',
  details: `One line of JSON per scope, and per table of it, with the newest group that was applied: what
ls-groups --after @TARGET goes by. The lines can be kept in a file and given as --after @FILE. A target into which
nothing was ever loaded prints nothing.`,
  examples: ['brigade state wh.duckdb', 'brigade state env:WAREHOUSE_URL --state-schema landing'],
  args: 'TARGET',
  flags: {
    schema: toggle('print the tables and their columns instead, for to-sql --target-schema'),
    stateSchema: text('NAME', 'the schema that everything is in (default: public, in DuckDB main)'),
  },
  make: (options, args) => {
    const [target, ...rest] = args;
    if (target === undefined) throw new UsageError('expected a TARGET, found none: brigade state wh.duckdb');
    if (rest.length > 0) throw new UsageError(`expected one TARGET, found ${rest[0]} after it`);
    return async function* (context) {
      const encoder = new TextEncoder();
      const where = options.stateSchema === undefined ? {} : { schema: options.stateSchema };
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
