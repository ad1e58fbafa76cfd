import { isUtf8 } from 'node:buffer';
import { mismatch } from '../errors.ts';
import { FIRST_SIZES } from '../kernels/buffers.ts';
import { CSV_STATUS, type CsvKernel } from '../kernels/csv.ts';
import { runOfCopy } from '../wire/run.ts';
import { type Chunk, type Column, RUN_BYTES, type Run, type TableLine } from '../wire/types.ts';
import {
  type BadRecord,
  badRecordError,
  invalidByte,
  MAX_RECORD_BYTES,
  rejectLine,
  snippet,
} from './bad-record.ts';
import { type CsvDialect, csvColumns, fieldCount } from './csv-dialect.ts';
import { firstInvalidUtf8 } from './encoding.ts';
import type { FormatInput } from './format.ts';
import type { RowReader } from './row-reader.ts';
import { validRows } from './valid-rows.ts';

/** One CSV file on its way through the kernel. */
export interface CsvReader extends RowReader {
  /** The columns by the file's first record; undefined while it is not there. */
  first(final: boolean): { readonly header: boolean; readonly columns: readonly Column[] } | undefined;
}

// Of a record so large and not yet whole, the end is looked for first, instead of its beginning read again and again.
const LARGE_RECORD_BYTES = FIRST_SIZES.input / 2;

/** `base`: where the kernel's first byte is in the file; undefined if the file had to be transcoded. */
export function csvReader(
  kernel: CsvKernel,
  input: FormatInput,
  dialect: CsvDialect,
  base: number | undefined,
): CsvReader {
  const { buffers, functions } = kernel;
  const rejecting = input.options.onError === 'reject';
  let line = 1;
  let columns: readonly Column[] | undefined;
  let table: TableLine = input.table;
  let lonelyCr = false;
  // A record whose end is being looked for: because it is larger than a step, or because it is bad.
  let measuring = false;
  let measuredBytes = 0;
  let bad: BadRecord | undefined;
  // Nothing can be made of what is there until more is appended.
  let idle = false;
  // Rows at the beginning of the kernel's output that have not left yet.
  let heldBytes = 0;
  let heldRows = 0;

  const place = (): string => `${input.name} line ${line}`;
  const offsetOf = (position: number): number | undefined =>
    base === undefined ? undefined : base + buffers.offset + position - buffers.start;

  function configure(shape: readonly Column[]): void {
    const { delimiter, nullText, emptyIsNull } = dialect;
    kernel.configure({ delimiter, nullText, emptyIsNull, lonelyCr, columns: shape });
  }

  configure([]);

  // The record at `start`, once all of it is there.
  function measure(final: boolean): { next: number; end: number; fields: number; lines: number } | undefined {
    if (measuredBytes === 0) functions.startMeasure(dialect.delimiter);
    const anyCr = columns === undefined || lonelyCr;
    const done = functions.measure(buffers.start + measuredBytes, buffers.end, Number(final), Number(anyCr));
    measuredBytes = functions.getNext() - buffers.start;
    if (done === 0) return undefined;
    measuredBytes = 0;
    return {
      next: functions.getNext(),
      end: functions.getTextEnd(),
      fields: functions.getFieldCount(),
      lines: functions.getLineCount(),
    };
  }

  function describe(status: number): BadRecord {
    const column = functions.getColumn();
    const found = functions.getFound();
    const offset = offsetOf(found);
    const at = columns?.[column];
    const text = (end: number): string => snippet(buffers.bytes.subarray(found, end));
    const fields = fieldCount(columns?.length ?? 0);
    switch (status) {
      case CSV_STATUS.tooFew:
        return { expected: fields, found: String(column + 1) };
      case CSV_STATUS.tooMany:
        return { expected: fields };
      case CSV_STATUS.bareQuote:
        return { offset, expected: 'quotes around a whole field', found: 'a quote inside unquoted text' };
      case CSV_STATUS.afterQuote:
        return { offset, expected: 'a delimiter or line end after a closing quote', found: text(found + 1) };
      case CSV_STATUS.unterminated:
        return {
          offset,
          expected: 'an end of the quoted field that begins here',
          found: 'the end of the file',
        };
      case CSV_STATUS.nul:
        return { offset, expected: 'text', found: 'a NUL byte' };
      case CSV_STATUS.bareCr:
        return {
          offset,
          expected: 'line ends as in the first line',
          found: 'a carriage return without line feed',
        };
      case CSV_STATUS.wrongType:
        return {
          column: at?.name ?? '',
          expected: at?.type ?? '',
          found: text(functions.getFoundEnd()),
        };
      default:
        throw new Error(`csv kernel: unknown status ${status}`);
    }
  }

  // Stops, unless bad records are to become reject lines; what was found may not be known before the record's end.
  function fail(record: BadRecord): void {
    const knowsColumns =
      columns !== undefined || (dialect.declared !== undefined && dialect.header !== 'yes');
    if (record.found !== undefined && !(rejecting && knowsColumns)) throw badRecordError(place(), record);
    bad = record;
  }

  function skipEmptyLines(final: boolean): void {
    const { bytes, end } = buffers;
    let { start } = buffers;
    while (start < end) {
      if (bytes[start] === 13) {
        if (start + 1 === end && !final) break;
        if (bytes[start + 1] === 10) start++;
      } else if (bytes[start] !== 10) break;
      start++;
      line++;
    }
    buffers.consume(start);
  }

  function first(final: boolean): ReturnType<CsvReader['first']> {
    if (dialect.declared?.length !== 1) skipEmptyLines(final);
    if (buffers.start === buffers.end) return undefined;
    const record = measure(final);
    if (record === undefined) return undefined;
    lonelyCr = functions.endedByCr() !== 0;
    const length = record.next - buffers.start;
    configure(Array.from({ length: record.fields }, (_, index) => ({ name: String(index) })));
    while (true) {
      const { start, output, outputEnd } = buffers;
      const status = functions.run(start, start + length, output, outputEnd, outputEnd, 1, 1);
      if (functions.getRows() === 1) break;
      if (status === CSV_STATUS.outputFull) growOutput();
      else {
        fail(describe(status));
        return undefined;
      }
    }
    const { bytes, start, output } = buffers;
    if (!isUtf8(bytes.subarray(start, start + length))) {
      const wrong = start + firstInvalidUtf8(bytes.subarray(start, start + length));
      fail(invalidByte(bytes[wrong] ?? 0, offsetOf(wrong)));
      return undefined;
    }
    const row = JSON.parse(bytes.toString('utf8', output, functions.getOutputAt()));
    const fields = Array.from({ length: record.fields }, (_, index) => row[index] as string | null);
    const told = csvColumns(dialect, fields, place());
    if (told.header) {
      buffers.consume(start + length);
      line += record.lines;
    }
    columns = told.columns;
    return told;
  }

  // The header or shape first; then `start` is at the first row.
  function begin(final: boolean): boolean {
    const told = first(final);
    if (told === undefined) return false;
    configure(told.columns);
    table = { ...input.table, columns: told.columns };
    return true;
  }

  function growOutput(): void {
    const size = buffers.outputEnd - buffers.output;
    if (size > 4 * MAX_RECORD_BYTES) {
      throw mismatch(place(), `a record whose row has at most ${size} bytes`, 'a larger one');
    }
    buffers.reserve({ output: 2 * size });
  }

  // Writes the next whole records that are right as rows; sets `bad` if one follows that is not.
  function write(final: boolean): number {
    const { bytes, start, end, output, outputEnd } = buffers;
    const enough = output + RUN_BYTES;
    const step = validRows(bytes, start, output + heldBytes, (from, outputFrom, maxRows) => {
      const status = functions.run(from, end, outputFrom, enough, outputEnd, Number(final), maxRows);
      return {
        status,
        at: functions.getAt(),
        outputAt: functions.getOutputAt(),
        rows: functions.getRows(),
        lines: functions.getLines(),
      };
    });
    if (step.invalid !== undefined) bad = invalidByte(bytes[step.invalid] ?? 0, offsetOf(step.invalid));
    else if (step.status > CSV_STATUS.outputFull) bad = describe(step.status);
    heldBytes = step.outputAt - output;
    heldRows += step.rows;
    buffers.consume(step.at);
    line += step.lines;
    return step.status;
  }

  function release(): Run | undefined {
    if (heldRows === 0) return undefined;
    const { bytes, output } = buffers;
    const run = runOfCopy(table, bytes.subarray(output, output + heldBytes), heldRows);
    heldBytes = heldRows = 0;
    return run;
  }

  function next(after: 'more' | 'none' | 'end'): Chunk | undefined {
    const final = after === 'end';
    while (final || !idle) {
      if (bad !== undefined) {
        fail(bad);
        const record = measure(final);
        if (record === undefined) return undefined;
        const whole = { found: String(record.fields), ...bad };
        fail(whole);
        const raw = buffers.bytes.subarray(buffers.start, record.end);
        const reject = rejectLine(input, line, offsetOf(buffers.start), whole, raw);
        buffers.consume(record.next);
        line += record.lines;
        bad = undefined;
        return reject;
      }
      if (measuring) {
        if (measure(final) === undefined) return undefined;
        measuring = false;
      }
      if (columns === undefined && !begin(final)) {
        if (bad !== undefined) continue;
        return undefined;
      }
      const status = write(final);
      const isShort = status === CSV_STATUS.needInput && bad === undefined;
      measuring = isShort && buffers.end - buffers.start > LARGE_RECORD_BYTES;
      idle = isShort && !measuring;
      if (status !== CSV_STATUS.needInput || after !== 'more') {
        const run = release();
        if (run !== undefined) return run;
      }
      if (bad !== undefined) continue;
      if (status === CSV_STATUS.outputFull) growOutput();
      if (idle) return undefined;
    }
    return undefined;
  }

  function append(piece: Uint8Array, from: number): number {
    idle = false;
    const taken = buffers.append(piece, from);
    if (taken > 0) return taken;
    const size = buffers.end - buffers.start;
    if (size >= MAX_RECORD_BYTES) {
      throw mismatch(
        place(),
        `a record of at most ${MAX_RECORD_BYTES} bytes`,
        'a larger one (a quote never closed?)',
      );
    }
    buffers.reserve({ input: 2 * size });
    return buffers.append(piece, from);
  }

  return { append, next, first };
}
