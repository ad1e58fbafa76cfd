import { mismatch } from '../errors.ts';
import { ESCAPED_ROW } from '../wire/escaped-row.ts';
import { LINEAGE_FILE, LINEAGE_ROW } from '../wire/lineage.ts';
import { runOfBytes } from '../wire/run.ts';
import type { FileLine, Run, TableLine } from '../wire/types.ts';

/** Adds to the rows of a file which file that is and which of its rows they are; called with its runs in order. */
export type AddLineage = (run: Run) => Run;

const LF = 10;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const ESCAPED = Buffer.from(ESCAPED_ROW);

/** Gives what adds the lineage of one file after the other; table lines with the two columns are made once each. */
export function createLineage(): (file: FileLine) => AddLineage {
  const lines = new WeakMap<TableLine, TableLine>();
  const withColumns = (table: TableLine): TableLine => {
    let line = lines.get(table);
    if (line === undefined) {
      line = extended(table);
      lines.set(table, line);
    }
    return line;
  };
  return ({ uri, member }) => {
    const name = JSON.stringify(member === undefined ? uri : `${uri}!${member}`);
    const head = Buffer.from(`${JSON.stringify(LINEAGE_FILE)}:${name},${JSON.stringify(LINEAGE_ROW)}:"`);
    let rows = 0;
    return (run) => {
      const first = rows + 1;
      rows += run.count;
      const table = withColumns(run.table);
      return run.count === 0 ? { ...run, table } : runOfBytes(table, extend(run, head, first), run.count);
    };
  };
}

function extended(table: TableLine): TableLine {
  if (table.columns === undefined) return table;
  const taken = table.columns.find(({ name }) => name === LINEAGE_FILE || name === LINEAGE_ROW);
  if (taken !== undefined)
    throw mismatch(`table ${table.table}`, 'columns of other names than those of --lineage', taken.name);
  const columns = [
    ...table.columns,
    { name: LINEAGE_FILE, type: 'text' },
    { name: LINEAGE_ROW, type: 'bigint' },
  ] as const;
  return { ...table, columns };
}

// `{"a":1}` becomes `{"a":1,"_brigade_file":"…","_brigade_row":"7"}`: two copies a row, nothing is parsed.
function extend(run: Run, head: Buffer, first: number): Uint8Array {
  const bytes = run.ndjson();
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = Buffer.allocUnsafe(bytes.length + run.count * (head.length + 20));
  let at = 0;
  let number = first;
  for (let start = 0; start < source.length; ) {
    const next = source.indexOf(LF, start) + 1 || source.length + 1;
    let end = closing(source, next - 1);
    if (source.subarray(start, start + ESCAPED.length).equals(ESCAPED)) end = closing(source, end);
    const isEmpty = source[before(source, end)] === OPEN;
    at += source.copy(out, at, start, end);
    if (!isEmpty) at += out.write(',', at, 'latin1');
    at += head.copy(out, at);
    at += out.write(`${number}"`, at, 'latin1');
    at += source.copy(out, at, end, next);
    number++;
    start = next;
  }
  return out.subarray(0, at);
}

/** The place of the last `}` before a place. */
const closing = (bytes: Buffer, at: number): number => bytes.lastIndexOf(CLOSE, at - 1);

// The last byte before a place that is no white space.
function before(bytes: Buffer, at: number): number {
  let place = at - 1;
  while (bytes[place]! <= 0x20) place--;
  return place;
}
