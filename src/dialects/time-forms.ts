/**
 * What dates and times look like on the wire, ISO 8601 with a space allowed where it has a `T`. Databases know more
 * (`infinity`, `epoch`, names of zones), each something else, and cut, drop or move what a type does not hold (a leap
 * second): what does not look like this is refused by all of them alike. Without backslashes other than `\d`, so that DuckDB reads them too.
 */

// There is no year 0 before 1 in any of them.
const YEAR = String.raw`(\d{3}[1-9]|\d{2}[1-9]\d|\d[1-9]\d{2}|[1-9]\d{3,})`;
const DAY = `${YEAR}-${String.raw`\d{1,2}-\d{1,2}`}`;
const CLOCK = String.raw`\d{1,2}:\d{2}(:[0-5]\d([.]\d{1,6}0*)?)?`;
const MIDNIGHT = '00:00(:00([.]0*)?)?';
const OFFSET = String.raw`[+-](0\d|1[0-5])(:?[0-5]\d)?`;

export const DATE = new RegExp(`^${DAY}([T ]${MIDNIGHT})?$`);
export const TIME = new RegExp(`^${CLOCK}$`);
export const TIMESTAMP = new RegExp(`^${DAY}([T ]${CLOCK})?$`);
export const INSTANT = new RegExp(`^${DAY}([T ]${CLOCK} ?([zZ]|UTC|${OFFSET})?)?$`);
/** A time that names its zone. */
export const ZONE = /([zZ]|UTC|[T ].*[+-]\d{2}(:?\d{2})?)$/;
