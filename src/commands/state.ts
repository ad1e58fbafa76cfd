import { UsageError } from '../errors.ts';
import { readState } from '../targets/index.ts';
import { defineCommand } from './command.ts';
import { text } from './flags.ts';

export const stateCommand = defineCommand({
  name: 'state',
  kind: 'action',
  summary: 'Prints how far a target has been brought',
  details: `One line of JSON per scope, and per table of it, with the newest group that was applied: what
ls-groups --after @TARGET goes by. The lines can be kept in a file and given as --after @FILE. A target into which
nothing was ever loaded prints nothing.`,
  examples: ['brigade state wh.duckdb', 'brigade state env:WAREHOUSE_URL --schema landing'],
  args: 'TARGET',
  flags: { schema: text('NAME', 'the schema the tables are in (default: public, in DuckDB main)') },
  make: (options, args) => {
    const [target, ...rest] = args;
    if (target === undefined) throw new UsageError('expected a TARGET, found none: brigade state wh.duckdb');
    if (rest.length > 0) throw new UsageError(`expected one TARGET, found ${rest[0]} after it`);
    return async function* (context) {
      const encoder = new TextEncoder();
      for (const state of await readState(target, context, options)) {
        const { feed, source, scope, table, group, files, rows, applied_at } = state;
        yield encoder.encode(
          `${JSON.stringify({ feed, source, scope, table, group, files, rows, applied_at })}\n`,
        );
      }
    };
  },
});
