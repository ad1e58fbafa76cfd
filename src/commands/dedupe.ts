import { dedupe } from '../dedupe/dedupe.ts';
import { defineCommand } from './command.ts';
import { byteSize, catalogFlag, choice, list, text } from './flags.ts';

export const dedupeCommand = defineCommand({
  name: 'dedupe',
  kind: 'filter',
  summary: 'keep the live version of every key',
  details: `Of the rows of one key, per group and table, the one of the greatest order stays; of equal ones that of the
later file, then the later row. Rows leave before the commit of their group, in order of arrival. Tables with
merge mode append or scd2 pass untouched. With delete-insert the highest batch of a key decides; there a row
that does not delete wins over one that does, and the last of them stays. Where a table has a version column only
rows of its greatest version stay. Rows of a subtable stay with the row they were cut from.

Keys and order compare by value: 64-bit integers and decimals as numbers, timestamps as instants, NULL lowest.
Two different rows of one key with no order between them are an error (not in feed stitch, not with
delete-insert): the key may be too narrow. A row with NULL in its key is an error or, as told, a reject.

Memory stays within --memory; what does not fit is spilled to files that are readable by nobody else.`,
  examples: ['decode users.jsonl | dedupe --key user_id --order last_modified'],
  flags: {
    catalog: catalogFlag,
    key: list('COLUMN,…', 'the key of tables that come without one'),
    order: list(
      'COLUMN,…',
      'what tells which row is newer, the most significant first, where a table does not say',
    ),
    keep: choice(['last', 'first'], 'which row of a key stays: the newest (default) or the oldest'),
    onKeyConflict: choice(
      ['stop', 'last'],
      'two different rows of one key and no order: fail (default), or take the last',
    ),
    onError: choice(
      ['stop', 'reject'],
      'a row with NULL in its key: fail (default), or pass it on as a reject line',
    ),
    memory: byteSize('how much memory to work in (default 256MB)'),
    tmp: text('DIR', 'where to spill (default: the system’s temporary folder)'),
  },
  args: '[FILE…]',
  reads: 'files',
  make: ({ catalog: _, ...options }) => dedupe(options),
});
