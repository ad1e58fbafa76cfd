import { UsageError, UserError } from '../errors.ts';
import type { Column } from '../wire/types.ts';
import type { FormatInput } from './format.ts';

/** How a CSV file is written, and what is known of its columns. */
export interface CsvDialect {
  /** One byte. */
  readonly delimiter: number;
  readonly nullText: Uint8Array;
  readonly emptyIsNull: boolean;
  readonly header: 'yes' | 'no' | 'auto';
  readonly declared: readonly Column[] | undefined;
}

/** What the options and the table line say; throws `UsageError` on what cannot be. */
export function csvDialect(input: FormatInput): CsvDialect {
  const { options } = input;
  const delimiter = Buffer.from(options.delimiter ?? (/\.tsv(\.|$)/i.test(input.name) ? '\t' : ','));
  if (delimiter.length !== 1 || delimiter[0]! >= 0x80 || '"\r\n\0'.includes(delimiter.toString())) {
    throw new UsageError(
      `--delimiter: expected one ASCII character other than a quote or line end, found ${JSON.stringify(options.delimiter)}`,
    );
  }
  const nullText = options.null ?? '';
  if (/["\r\n\0]/.test(nullText) || nullText.includes(delimiter.toString())) {
    throw new UsageError(
      `--null: expected text without quote, delimiter and line end, found ${JSON.stringify(nullText)}`,
    );
  }
  return {
    delimiter: delimiter[0]!,
    nullText: Buffer.from(nullText),
    emptyIsNull: options.emptyIsNull ?? false,
    header: options.header ?? 'auto',
    declared: declaredColumns(input),
  };
}

// `--columns` gives the names, if it is there; a type it leaves out is the table's.
function declaredColumns({ options, table }: FormatInput): readonly Column[] | undefined {
  if (options.columns === undefined) return table.columns?.length === 0 ? undefined : table.columns;
  const known = byFoldedName(table.columns ?? []);
  return options.columns.map((column) => {
    if (column.type !== undefined) return { name: column.name, type: column.type };
    return { ...known.get(fold(column.name)), name: column.name };
  });
}

const fold = (name: string): string => name.toLowerCase();

function byFoldedName(columns: readonly Column[]): Map<string, Column> {
  return new Map(columns.map((column) => [fold(column.name), column]));
}

/**
 * The columns of a file whose first record is `first`, and whether that record is a header.
 *
 * A header's names decide; one that is declared (in any case) takes the declared spelling and type. Without a header
 * the fields are the first of the declared columns: a file from before columns were added is shorter.
 * With `auto` and declared columns, row 1 is a header if all its fields are declared names, or all declared names
 * are among its fields. Throws `UserError` when the columns cannot be told.
 */
export function csvColumns(
  dialect: CsvDialect,
  first: readonly (string | null)[],
  place: string,
): { readonly header: boolean; readonly columns: readonly Column[] } {
  const { declared } = dialect;
  if (dialect.header === 'yes' || (dialect.header === 'auto' && isHeader(declared, first))) {
    return { header: true, columns: headerColumns(declared ?? [], first, place) };
  }
  if (declared === undefined) {
    throw new UserError(
      `${place}: expected to know the columns of a file without header, found none declared (--columns)`,
    );
  }
  if (first.length > declared.length) {
    throw new UserError(`${place}: expected at most ${fieldCount(declared.length)}, found ${first.length}`);
  }
  return { header: false, columns: declared.slice(0, first.length) };
}

function isHeader(declared: readonly Column[] | undefined, first: readonly (string | null)[]): boolean {
  if (declared === undefined) return true;
  const names = new Set(declared.map((column) => fold(column.name)));
  const fields = new Set(first.map((field) => fold(field ?? '')));
  return [...fields].every((field) => names.has(field)) || [...names].every((name) => fields.has(name));
}

function headerColumns(
  declared: readonly Column[],
  first: readonly (string | null)[],
  place: string,
): readonly Column[] {
  const known = byFoldedName(declared);
  const seen = new Set<string>();
  return first.map((field, index) => {
    if (field === null || field === '') {
      throw new UserError(`${place}: expected a name for column ${index + 1} in the header, found none`);
    }
    const column = known.get(fold(field)) ?? { name: field };
    if (seen.has(column.name)) {
      throw new UserError(
        `${place}: expected each name once in the header, found ${JSON.stringify(field)} twice`,
      );
    }
    seen.add(column.name);
    return column;
  });
}

/** `1 field`, `33 fields`. */
export function fieldCount(count: number): string {
  return count === 1 ? '1 field' : `${count} fields`;
}
