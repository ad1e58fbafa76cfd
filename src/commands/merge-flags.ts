import { UsageError } from '../errors.ts';
import { CONTRACTS } from '../merge/contract.ts';
import { catalogFlag, choice, type Flag, text, toggle } from './flags.ts';

const percent: Flag<number> = {
  value: 'PERCENT',
  help: "how much of a table's rows a full delivery or hard deletes may take away (default 50 of tables over 1,000 rows, given: of every table; emptying a table needs 100)",
  parse: (given, flag) => {
    const number = Number(given);
    if (given === '' || !(number >= 0 && number <= 100))
      throw new UsageError(`--${flag}: expected a percentage from 0 to 100, found ${given}`);
    return number;
  },
};

const batchGroups: Flag<number | 'auto'> = {
  value: 'N|auto',
  help: 'duckdb and postgres: apply up to N groups of a scope that follow one another in one transaction, for a first load of many; auto: as many as fit (1,000 groups, 96 MiB of rows); the result is the same as without',
  parse: (given, flag) => {
    if (given === 'auto') return given;
    const number = Number(given);
    if (!Number.isSafeInteger(number) || number < 1 || given.trim() === '')
      throw new UsageError(`--${flag}: expected a whole number from 1, or auto, found ${given}`);
    return number;
  },
};

/** The flags that `load` and `to-sql` share. */
export const mergeFlags = {
  catalog: catalogFlag,
  schema: text('NAME', 'the schema the tables go into (default: public, in DuckDB main); created if missing'),
  targetName: text(
    'TEMPLATE',
    "what tables are called, from {table} {source} {feed} {integration} (default '{table}'; for stitch '{integration}__{table}')",
  ),
  nameCase: choice(
    ['keep', 'lower', 'upper'],
    'the case of table and column names (default: that of unquoted names: lower for postgres and redshift, upper for snowflake; keep where case does not matter)',
  ),
  deletes: choice(
    ['soft', 'hard'],
    'soft: a row that was deleted at its source stays, with its delete flag (default); hard: it goes',
  ),
  maxDelete: percent,
  swap: choice(
    ['copy', 'rename'],
    'duckdb and postgres: how the contents of a table are replaced: its rows are deleted and inserted (copy, the default), or a new table is filled and renamed into its place (rename), which leaves no dead rows; grants and comments are lost, a table that others depend on is refused, and old snapshots find it empty (docs/merging.md)',
  ),
  allowGap: toggle('apply a stream that does not start at the cursor'),
  batchGroups,
  strictCounts: toggle('refuse a group of which other rows arrive than were read from its files'),
  overwrite: toggle(
    'zenoti: a monthly snapshot replaces rows that are there, too (default: it only brings back what is missing)',
  ),
  vendorExact: toggle(
    "zenoti: the statements of the vendor's sample code to the letter, per logid; takes no dedupe before it",
  ),
  identity: choice(
    ['views', 'rewrite', 'off'],
    'contentsquare: apply user_migrations to all that came before: by views called <table>_resolved (default), in the tables themselves (for good), or not at all',
  ),
  lineage: choice(
    ['off', 'load', 'file'],
    'columns that say where rows came from: load adds _brigade_load (the group), file also _brigade_file and _brigade_row (of decode --lineage)',
  ),
  contract: choice(
    CONTRACTS,
    'columns that come or change: the target\'s table follows (evolve, the default), the group fails (freeze), new columns are left out and told (discard); "contract" in the catalog says so for a table',
  ),
  dryRun: toggle(
    'print what would be done (files, bytes, tables, statements, changes of tables), and do nothing',
  ),
  bare: toggle('take rows without control lines (a cut input goes unseen)'),
} as const;
