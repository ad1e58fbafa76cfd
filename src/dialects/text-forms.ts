/**
 * What text from a file must look like to be a value of a type, for engines whose casts would round, cut or drop
 * something without a word. POSIX regular expressions without backslashes, for text in lower case, whole.
 */

import { type ColumnType, decimalDigits } from '../merge/lattice.ts';

const DAY = '[0-9]{4}-[0-9]{2}-[0-9]{2}';
const CLOCK = '[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6}0*)?)?';
const MIDNIGHT = '00:00(:00([.]0*)?)?';
const ZONE = ' ?(z|utc|[+-][0-9]{2}(:?[0-9]{2})?)';

/** The expression of a type; undefined where any text will do. */
export function textForm(type: ColumnType): string | undefined {
  const digits = decimalDigits(type);
  if (digits !== undefined) {
    const { scale } = digits;
    return `[+-]?([0-9]+[.]?[0-9]{0,${scale}}0*|[.][0-9]{1,${Math.max(scale, 1)}}0*)`;
  }
  switch (type) {
    case 'boolean':
      return '0|1|t|f|y|n|true|false|yes|no';
    case 'int':
    case 'bigint':
      return '[+-]?[0-9]+';
    case 'decimal':
      return '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)';
    case 'float':
    case 'double':
      return '[+-]?(([0-9]+[.]?[0-9]*|[.][0-9]+)(e[+-]?[0-9]+)?|inf|infinity|nan)';
    case 'date':
      return `${DAY}([t ]${MIDNIGHT})?`;
    case 'time':
      return CLOCK;
    case 'timestamp':
      return `${DAY}([t ]${CLOCK})?`;
    case 'timestamptz':
      return `${DAY}([t ]${CLOCK}(${ZONE})?)?`;
    case 'bytes':
      return '[a-z0-9+/]*=?=?';
    default:
      return undefined;
  }
}
