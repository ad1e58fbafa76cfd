import { UsageError } from '../errors.ts';
import { codecNames, codecOfMagic } from '../formats/codecs/index.ts';
import { isZip } from '../formats/codecs/magic.ts';
import type { FormatOptions } from '../formats/format.ts';
import { type FormatName, formatNames, formatOfMagic, formatOfText } from '../formats/index.ts';
import { type DataFile, openFiles, pathOf, stemOf } from '../formats/read-file.ts';
import type { Context, Stage } from '../stage.ts';
import { openStore, storeFlags } from '../stores/index.ts';
import type { Store } from '../stores/store.ts';
import { runOfBytes } from '../wire/run.ts';
import {
  type Chunk,
  type Control,
  type FileLine,
  isControl,
  type Run,
  type TypeName,
} from '../wire/types.ts';
import { defineCommand } from './command.ts';
import { createLineage } from './decode-lineage.ts';
import { createTables, type Tables } from './decode-tables.ts';
import { catalogFlag, choice, type Flag, integer, type OptionsOf, text, toggle } from './flags.ts';

type GivenColumns = NonNullable<FormatOptions['columns']>;

const TYPE =
  /^(boolean|int|bigint|decimal(\(\d+,\d+\))?|float|double|text|bytes|date|time|timestamp|timestamptz|uuid|json)$/;

const columnsFlag: Flag<GivenColumns> = {
  value: 'NAME[:TYPE],…',
  help: 'the columns of a CSV file without header, in order',
  parse: (given, flag) =>
    // The comma of decimal(10,2) is no separator.
    given.split(/,(?![^(]*\))/).map((item) => {
      const [, name, type] = /^(.*?)(?::([a-z]+(?:\(\s*\d+\s*,\s*\d+\s*\))?))?$/is.exec(item.trim())!;
      const spelled = type?.toLowerCase().replaceAll(' ', '');
      if (name === '')
        throw new UsageError(`--${flag}: expected a name for every column, found ${JSON.stringify(given)}`);
      if (spelled !== undefined && !TYPE.test(spelled))
        throw new UsageError(`--${flag}: expected a type for ${name}, found ${type}`);
      return spelled === undefined ? { name: name! } : { name: name!, type: spelled as TypeName };
    }),
};

const delimiterFlag: Flag<string> = {
  value: 'CHARACTER',
  help: 'what separates the fields of a CSV file (default: a comma; \\t is a tab)',
  parse: (given) => (given === '\\t' ? '\t' : given),
};

export const decodeFlags = {
  format: choice(formatNames, 'what the files are, whatever their names say'),
  codec: choice(
    [...codecNames, 'zip', 'none'],
    'what the files are compressed with (default: told by their first bytes)',
  ),
  columns: columnsFlag,
  header: choice(
    ['yes', 'no', 'auto'],
    'whether row 1 of a CSV file is a header (auto: if it has the declared names)',
  ),
  delimiter: delimiterFlag,
  null: text('TEXT', 'the unquoted CSV field that means NULL (default: the empty one)'),
  encoding: choice(
    ['utf-8', 'utf-16', 'utf-16le', 'utf-16be', 'windows-1252'],
    'the encoding of CSV and JSONL files',
  ),
  table: text('NAME', "the table of files that name none (default: the file's name without its endings)"),
  onError: choice(
    ['stop', 'reject'],
    'what a record that cannot be read does: end everything (default), or become a reject line',
  ),
  limit: integer('N', 'no more than N rows of each file'),
  lineage: toggle('add _brigade_file and _brigade_row to every row: its file, and its place there from 1'),
  bare: toggle('write rows only, no control lines'),
  catalog: catalogFlag,
  ...storeFlags,
} as const;

export type DecodeOptions = OptionsOf<typeof decodeFlags>;

/**
 * Turns `file` lines into the rows of the files. Everything else passes, rows that are there already too.
 *
 * Of each data file: its line (with `format` and `codec` filled in; one line per member of a zip), its rows in the
 * file's order, `reject` lines, `eof` with the counts; the rows of a group add up in its `commit`. Files of role
 * `manifest` and `rejects` pass undecoded. A file line is held until the next line shows that its rows do not follow
 * yet. After an error nothing more is said. Memory: what the format holds (below 150 MB for CSV, JSONL and Avro).
 */
export function decode(options: DecodeOptions = {}): Stage {
  return async function* (input, context) {
    const reader = createReader(options, context);
    for await (const chunk of withoutDecoded(input)) {
      if ('pending' in chunk) {
        yield* reader.decode(chunk.pending);
      } else if (isControl(chunk)) {
        await reader.tables.note(chunk);
        yield chunk.$ === 'commit' ? { ...chunk, rows: (chunk.rows ?? 0) + reader.takeRows() } : chunk;
      } else {
        yield chunk;
      }
    }
  };
}

/** A data file whose rows are not on the wire yet. */
interface Pending {
  readonly pending: FileLine;
}

// Marks the files that are to be decoded. One whose rows, rejects or eof follow has been.
async function* withoutDecoded(input: AsyncIterable<Chunk>): AsyncIterable<Chunk | Pending> {
  let file: FileLine | undefined;
  let tables: Chunk[] = [];
  for await (const chunk of input) {
    if (file !== undefined) {
      if (isControl(chunk) && chunk.$ === 'table') {
        tables.push(chunk);
        continue;
      }
      const isDecoded =
        !isControl(chunk) || ((chunk.$ === 'reject' || chunk.$ === 'eof') && chunk.uri === file.uri);
      yield isDecoded ? file : { pending: file };
      yield* tables;
      file = undefined;
      tables = [];
    }
    if (isControl(chunk) && chunk.$ === 'file' && (chunk.role ?? 'data') === 'data') file = chunk;
    else yield chunk;
  }
  if (file !== undefined) yield { pending: file };
  yield* tables;
}

interface Reader {
  readonly tables: Tables;
  decode(line: FileLine): AsyncIterable<Chunk>;
  /** The rows decoded since it was last asked. */
  takeRows(): number;
}

function createReader(options: DecodeOptions, context: Context): Reader {
  const tables = createTables(options.catalog);
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  const lineage = options.lineage === true ? createLineage() : undefined;
  let store: Store | undefined;
  let groupRows = 0;

  async function* rowsOf(file: DataFile, line: FileLine & { readonly table: string }): AsyncIterable<Chunk> {
    let rows = 0;
    let rejects = 0;
    const addLineage = lineage?.(line);
    for await (const chunk of file.decode(tables.of(line))) {
      if (isControl(chunk)) {
        if (chunk.$ === 'reject') rejects++;
        yield chunk;
        continue;
      }
      const plain = tables.retyped(firstRows(chunk, limit - rows));
      const run = addLineage === undefined ? plain : addLineage(plain);
      rows += run.count;
      groupRows += run.count;
      // No rows, yet columns: the table is declared, so that a sink can make it.
      yield run.count === 0 ? run.table : run;
      if (rows >= limit) break;
    }
    yield {
      $: 'eof',
      uri: line.uri,
      ...(line.member === undefined ? {} : { member: line.member }),
      rows,
      rejects,
    };
  }

  return {
    tables,
    async *decode(pending) {
      store ??= openStore(options, context);
      const formatOptions: FormatOptions = { ...tables.feed?.csv, ...formatOptionsOf(options) };
      const { format, codec } = options;
      const given = { ...(format && { format }), ...(codec && { codec }) };
      for await (const file of openFiles(pending, { store, context, formatOptions, ...given })) {
        const line = { ...file.line, table: file.line.table ?? options.table ?? stemOf(file.line) };
        context.progress(pathOf(line));
        yield line;
        yield* rowsOf(file, line);
      }
    },
    takeRows() {
      const rows = groupRows;
      groupRows = 0;
      return rows;
    },
  };
}

function formatOptionsOf({
  columns,
  header,
  delimiter,
  null: nullText,
  encoding,
  onError,
}: DecodeOptions): FormatOptions {
  return {
    ...(columns && { columns }),
    ...(header && { header }),
    ...(delimiter !== undefined && { delimiter }),
    ...(nullText !== undefined && { null: nullText }),
    ...(encoding && { encoding }),
    ...(onError && { onError }),
  };
}

const LINE_FEED = 10;

function firstRows(run: Run, count: number): Run {
  if (run.count <= count) return run;
  const bytes = run.ndjson();
  let end = 0;
  for (let row = 0; row < count; row++) end = bytes.indexOf(LINE_FEED, end) + 1;
  return runOfBytes(run.table, bytes.subarray(0, end), count);
}

/**
 * The wire that stands for files given by name: a `file` line each, in the order given, and `end`. A name is
 * `s3://…`, a `file:` URL, a plain path or `-` for standard input. Nothing is opened.
 */
export async function* fileLines(files: readonly string[]): AsyncIterable<Control> {
  if (files.filter((file) => file === '-').length > 1)
    throw new UsageError('expected - (standard input) once, found it twice');
  for (const uri of files) yield { $: 'file', uri };
  yield { $: 'end', groups: 0 };
}

/**
 * What standard input is, by its first bytes (a line or 4 KiB are enough): the wire if it begins with a control line,
 * `empty`, else a file: of a format, or `compressed`, when only decompressing tells.
 */
export function sniff(head: Uint8Array): 'wire' | 'empty' | 'compressed' | FormatName {
  if (head.length === 0) return 'empty';
  if (isZip(head) || codecOfMagic(head) !== undefined) return 'compressed';
  if (/^\s*\{\s*"\$"\s*:/.test(Buffer.from(head.subarray(0, 1024)).toString('latin1'))) return 'wire';
  return formatOfMagic(head) ?? formatOfText(head);
}

export const decodeCommand = defineCommand({
  name: 'decode',
  kind: 'filter',
  summary: 'read CSV, JSONL, Avro and Parquet files into rows',
  details: `
Reads the files named, in order (- is standard input), or those of the wire on standard input; bytes on
standard input that are no wire are read as one file. A file is an s3:// URL, a file: URL or a path.
The format is told by --format, else the file's line on the wire, else its name, else its first bytes
(neither telling: JSONL if they begin with {, else CSV). Files may be compressed; each member of a zip
is read as a file. Rows keep the file's order and the exact values: 64-bit integers and decimals are text,
NULL and the empty string differ. A table is called after --table, else after the file.
What cannot be read ends everything with one line that says where; nothing is said after it, so that no
sink commits. --on-error reject goes on after a bad record (CSV, JSONL).`,
  examples: [
    'decode part-00000.avro | head',
    'decode --format csv --header no --columns id:bigint,name < drop.csv',
    'ls-groups ./drop --feed stitch | read-manifest | decode | dedupe | to-sql --dialect postgres | psql',
  ],
  flags: decodeFlags,
  args: '[FILE…]',
  reads: 'files',
  make: (options) => decode(options),
});
