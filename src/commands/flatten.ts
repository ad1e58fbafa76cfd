import { flatten } from '../flatten/flatten.ts';
import { defineCommand } from './command.ts';
import { catalogFlag, choice, integer, text } from './flags.ts';

export const flattenCommand = defineCommand({
  name: 'flatten',
  kind: 'filter',
  summary: 'turn nested records into rows of a table and its subtables',
  details: `Objects become columns (phone.mobile becomes phone__mobile). Every array becomes a table of its own
(contacts__personas) with one row per element: the key of the top-level row as _sdc_source_key_<column>, the index
on each array level as _sdc_level_<n>_id, counted from 0, and the top-level row's _sdc_ columns. Scalars in an array
become the column "value"; an array directly in an array belongs to its element like a member of that name.
A null element keeps its row; an empty array has none.

Tables need a key (from read-manifest or the catalog) as soon as their rows hold arrays. Two paths that lead to one
name are an error. Needs "table" lines in its input.`,
  examples: [
    'flatten contacts.jsonl --catalog keys.json',
    'ls-groups ./drop --feed stitch | read-manifest | decode | flatten | dedupe | brigade load wh.duckdb',
  ],
  flags: {
    catalog: catalogFlag,
    separator: text('TEXT', 'between the names that make up a column or a table (default __)'),
    valueColumn: text('NAME', 'the column for the scalars of an array (default value)'),
    arrays: choice(['subtables', 'json'], 'arrays become subtables (default), or JSON text in a column'),
    maxDepth: integer(
      'LEVELS',
      'objects and arrays nested deeper than this stay JSON text (default: no limit)',
    ),
  },
  args: '[FILE…]',
  reads: 'files',
  make: ({ catalog: _, ...options }) => flatten(options),
});
