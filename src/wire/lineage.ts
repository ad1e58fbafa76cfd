/** Columns that say where a row came from. They travel and are kept with it, and are never taken for its content. */

/** The file, by its URI (of a zip's member: `uri!member`); written by `decode --lineage`. */
export const LINEAGE_FILE = '_brigade_file';
/** The row's place among the rows of its file, from 1; written by `decode --lineage`. */
export const LINEAGE_ROW = '_brigade_row';
/** The group that wrote the row; written by `load` and `to-sql`, never on the wire. */
export const LINEAGE_LOAD = '_brigade_load';

const NAMES: ReadonlySet<string> = new Set([LINEAGE_FILE, LINEAGE_ROW, LINEAGE_LOAD]);

/** Whether a column tells where a row came from. */
export const isLineage = (name: string): boolean => NAMES.has(name);
