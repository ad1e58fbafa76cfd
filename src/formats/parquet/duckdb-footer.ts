import { type DuckDB, quoteText } from '../../duckdb.ts';
import { mismatch } from '../../errors.ts';
import type { Column } from '../../wire/types.ts';
import { annotationOf } from './leaf.ts';
import type { ParquetMetadata } from './metadata.ts';
import { type Projection, projectionOf } from './projection.ts';

/** What a Parquet footer says, as far as reading it exactly needs. */
export interface Footer {
  /** Of the whole file; what has been read must come to the same. */
  readonly rows: number;
  /** Rows of each row group, in order. */
  readonly rowGroups: readonly number[];
  /** Of a row on the average, as its columns say; a guess at what it takes as text. */
  readonly bytesPerRow: number;
  readonly columns: readonly (Column & Pick<Projection, 'convert'>)[];
}

/** The SQL of a file's rows: nothing is guessed from its path. */
export function parquetScan(path: string): string {
  return `read_parquet(${quoteText(path)}, hive_partitioning = false)`;
}

/** What DuckDB has to know of a file beyond its metadata. Throws `UserError` on a column that it cannot read as it is. */
export async function readFooter(
  database: DuckDB,
  path: string,
  name: string,
  { rows, rowGroups, schema }: ParquetMetadata,
): Promise<Footer> {
  const bytes = rowGroups.reduce(
    (sum, { chunks }) => chunks.reduce((total, chunk) => total + chunk.uncompressedBytes, sum),
    0,
  );
  const empty = await database.run(`SELECT * FROM ${parquetScan(path)} LIMIT 0`);
  const columns = schema.map((node, at) => {
    const given = node.name;
    // The reader renames what it cannot name (an empty name, a second one in another case).
    const read = empty.columnCount > at ? empty.columnName(at) : 'nothing';
    if (read !== given)
      throw mismatch(`${name} column ${at + 1}`, `the name ${JSON.stringify(given)}`, JSON.stringify(read));
    const type = empty.columnType(at);
    const projection = projectionOf(type);
    if (projection === undefined)
      throw mismatch(`${name} column ${given}`, 'a type that the wire knows', type.toString());
    // A column of nothing but NULL has no type of its own, whatever it is stored as.
    const column = annotationOf(node).kind === 'unknown' ? {} : projection.column;
    return { name: given, ...column, ...(projection.convert && { convert: projection.convert }) };
  });
  return {
    rows,
    rowGroups: rowGroups.map((group) => group.rows),
    bytesPerRow: bytes / Math.max(1, rows),
    columns,
  };
}
