/** Names of the columns that `flatten` gives the rows of a subtable. */

const SOURCE_KEY = '_sdc_source_key_';

/** The column that holds a key column of the top-level row. */
export const sourceKeyColumn = (name: string): string => SOURCE_KEY + name;

export const isSourceKey = (column: string): boolean => column.startsWith(SOURCE_KEY);

/** The key column that such a column holds. */
export const sourceKeyOf = (column: string): string => column.slice(SOURCE_KEY.length);

/** The column that holds the index on an array level, from 0. */
export const levelColumn = (level: number): string => `_sdc_level_${level}_id`;
