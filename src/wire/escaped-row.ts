/**
 * How the line of a row that has a member `$` begins; the row itself and one more bracket follow. Any other line whose
 * first member is `$` is a control line.
 */
export const ESCAPED_ROW = '{"$":"row","row":';
