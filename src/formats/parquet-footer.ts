import { open } from 'node:fs/promises';
import { type DuckDB, quoteText } from '../duckdb.ts';
import { mismatch } from '../errors.ts';
import type { Column } from '../wire/types.ts';
import { type Projection, projectionOf } from './parquet-projection.ts';

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

const MAGIC = 'PAR1';
const ENCRYPTED = 'PARE';
// A magic word at either end, and the length of the footer before the last.
const LEAST_BYTES = 12;

/** The SQL of a file's rows: nothing is guessed from its path. */
export function parquetScan(path: string): string {
  return `read_parquet(${quoteText(path)}, hive_partitioning = false)`;
}

/** Checks the two ends of the file, which tell a cut one from a damaged one. Throws `UserError`. */
export async function checkEnds(path: string, name: string): Promise<void> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const read = async (position: number) => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, position);
      return buffer.subarray(0, bytesRead);
    };
    const head = size === 0 ? 'nothing' : (await read(0)).toString('latin1', 0, 4);
    if (head === ENCRYPTED) throw mismatch(name, 'a Parquet file without encryption', 'an encrypted one');
    if (head !== MAGIC)
      throw mismatch(
        name,
        `a Parquet file, which begins with ${MAGIC}`,
        size === 0 ? 'an empty file' : JSON.stringify(head),
      );
    const tail = size < LEAST_BYTES ? Buffer.alloc(8) : await read(size - 8);
    if (size < LEAST_BYTES || tail.toString('latin1', 4) !== MAGIC) {
      throw mismatch(name, `a Parquet footer and ${MAGIC} at the end`, `a file cut after ${size} bytes`);
    }
    const footerBytes = tail.readUInt32LE(0);
    if (footerBytes > size - LEAST_BYTES)
      throw mismatch(name, `a footer within ${size} bytes`, `one of ${footerBytes} bytes`);
  } finally {
    await file.close();
  }
}

/** Reads the footer. Throws `UserError` on what DuckDB's reader would change without a word. */
export async function readFooter(database: DuckDB, path: string, name: string): Promise<Footer> {
  const file = quoteText(path);
  const schema = (
    await database.rows(`SELECT name, num_children, type, logical_type FROM parquet_schema(${file})`)
  ).map(schemaNode);
  const nodes = checkSchema(schema, name);
  const [facts] = await database.rows(`SELECT num_rows, num_row_groups FROM parquet_file_metadata(${file})`);
  const rows = Number(facts?.['num_rows']);
  const groups = await database.rows(
    `SELECT row_group_id, any_value(row_group_num_rows) AS rows, sum(total_uncompressed_size) AS bytes FROM parquet_metadata(${file}) GROUP BY row_group_id ORDER BY row_group_id`,
  );
  const rowGroups = groups.map((group) => Number(group['rows']));
  const bytes = groups.reduce((sum, group) => sum + Number(group['bytes']), 0);
  const empty = await database.run(`SELECT * FROM ${parquetScan(path)} LIMIT 0`);
  const columns = nodes.map(({ name: given, logicalType }, at) => {
    // The reader renames what it cannot name (an empty name, a second one in another case).
    const read = empty.columnCount > at ? empty.columnName(at) : 'nothing';
    if (read !== given)
      throw mismatch(`${name} column ${at + 1}`, `the name ${JSON.stringify(given)}`, JSON.stringify(read));
    const type = empty.columnType(at);
    const projection = projectionOf(type);
    if (projection === undefined)
      throw mismatch(`${name} column ${given}`, 'a type that the wire knows', type.toString());
    // A column of nothing but NULL has no type of its own, whatever it is stored as.
    const column = logicalType === 'NullType()' ? {} : projection.column;
    return { name: given, ...column, ...(projection.convert && { convert: projection.convert }) };
  });
  return { rows, rowGroups, bytesPerRow: bytes / Math.max(1, rows), columns };
}

interface SchemaNode {
  readonly name: string;
  readonly children: number;
  readonly type: string;
  readonly logicalType: string;
}

function schemaNode(row: Record<string, unknown>): SchemaNode {
  const text = (member: string) => String(row[member] ?? '');
  return {
    name: text('name'),
    children: Number(row['num_children'] ?? 0),
    type: text('type'),
    logicalType: text('logical_type'),
  };
}

// The schema comes as a list, each node before its children. Gives the columns.
function checkSchema(schema: readonly SchemaNode[], file: string): readonly SchemaNode[] {
  let at = 0;
  function walk(path: readonly string[]): SchemaNode[] {
    const node = schema[at++];
    if (node === undefined) throw mismatch(file, 'a complete schema', `one cut after ${path.join('.')}`);
    if (node.children === 0) checkLeaf(node, `${file} column ${path.join('.')}`);
    const names = new Map<string, string>();
    const children: SchemaNode[] = [];
    for (let child = 0; child < node.children; child++) {
      const name = schema[at]?.name ?? '';
      const inner = [...path, name];
      const other = names.get(name.toLowerCase());
      if (name === '')
        throw mismatch(
          `${file}${path.map((part) => ` ${part}`).join('')}`,
          'a name for every column',
          'one without',
        );
      if (other !== undefined)
        throw mismatch(
          `${file} column ${inner.join('.')}`,
          'a name that occurs once, in any case',
          `${other} and ${name}`,
        );
      names.set(name.toLowerCase(), name);
      children.push(schema[at]!);
      walk(inner);
    }
    return children;
  }
  return walk([]);
}

// Seen with DuckDB 1.5.6: it reads these, and rounds them.
function checkLeaf(node: SchemaNode, place: string): void {
  if (/^Time(stamp)?Type\(isAdjustedToUTC=1, .*NANOS=Nano/.test(node.logicalType)) {
    throw mismatch(
      place,
      'times in UTC of at most microseconds',
      'nanoseconds, which the reader would cut off',
    );
  }
  const precision = Number(/^DecimalType\(.*precision=(\d+)/.exec(node.logicalType)?.[1] ?? 0);
  if (precision > 38)
    throw mismatch(
      place,
      'a decimal of at most 38 digits',
      `one of ${precision}, which the reader would round`,
    );
}
