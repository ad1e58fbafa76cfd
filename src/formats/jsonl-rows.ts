import { isUtf8 } from 'node:buffer';
import { mismatch } from '../errors.ts';
import { JSONL_STATUS, type JsonlKernel, OUTPUT_FACTOR } from '../kernels/jsonl.ts';
import { runOfCopy } from '../wire/run.ts';
import { type Chunk, type RejectLine, RUN_BYTES, type Run, type TableLine } from '../wire/types.ts';
import {
  type BadRecord,
  badRecordError,
  invalidByte,
  MAX_RECORD_BYTES,
  rejectLine,
  snippet,
} from './bad-record.ts';
import { firstInvalidUtf8 } from './encoding.ts';
import type { FormatInput } from './format.ts';
import { EACH_NAME_ONCE, jsonProblem } from './json-problem.ts';
import { jsonlColumns, MAX_COLUMNS } from './jsonl-columns.ts';
import type { RowReader } from './row-reader.ts';
import { validRows } from './valid-rows.ts';

interface Stop {
  readonly status: number;
  readonly bad: BadRecord | undefined;
}

const LF = 10;
const CR = 13;
const LAST_LINE_FEED = Uint8Array.of(LF);

/** `base`: where the kernel's first byte is in the file; undefined if the file had to be transcoded. */
export function jsonlReader(kernel: JsonlKernel, input: FormatInput, base: number | undefined): RowReader {
  const { buffers, functions } = kernel;
  const known = jsonlColumns(input.table.columns ?? []);
  let line = 1;
  // Whether the row at `start` has told something new, which does not count unless it gets written.
  let learned = false;
  let table: TableLine | undefined;
  let namesCounted = false;
  // Rows at the beginning of the kernel's output that have not left yet.
  let heldBytes = 0;
  let heldRows = 0;
  // How many of the unread bytes are whole lines.
  let wholeBytes = 0;
  // Why no more rows were written.
  let stop: Stop | undefined;

  const place = (): string => `${input.name} line ${line}`;
  const offsetOf = (position: number): number | undefined =>
    base === undefined ? undefined : base + buffers.offset + position - buffers.start;

  function append(piece: Uint8Array, from: number): number {
    let taken = buffers.append(piece, from);
    if (taken === 0) {
      const size = buffers.end - buffers.start;
      if (size >= MAX_RECORD_BYTES) {
        throw mismatch(place(), `a line of at most ${MAX_RECORD_BYTES} bytes`, 'a longer one');
      }
      buffers.reserve({ input: 2 * size, output: OUTPUT_FACTOR * 2 * size });
      taken = buffers.append(piece, from);
    }
    const last = buffers.bytes.subarray(buffers.end - taken, buffers.end).lastIndexOf(LF);
    if (last >= 0) wholeBytes = buffers.end - taken + last + 1 - buffers.start;
    return taken;
  }

  function consume(position: number): void {
    wholeBytes -= position - buffers.start;
    buffers.consume(position);
  }

  // Tells the kernel what `learn` finds out about a column.
  function learnFrom(learn: () => number): void {
    if (!learned) known.mark();
    learned = true;
    const column = learn();
    kernel.update(known.names, known.states, column);
    table = undefined;
  }

  // Writes the next lines as rows, until something is the matter with one.
  function write(): Stop {
    const { bytes, start, output } = buffers;
    const end = start + wholeBytes;
    const step = validRows(bytes, start, output + heldBytes, (from, outputFrom, maxRows) => {
      const counted = Number(namesCounted && from === start);
      const status = functions.run(from, end, outputFrom, output + RUN_BYTES, maxRows, counted);
      return {
        status,
        at: functions.getAt(),
        outputAt: functions.getOutputAt(),
        rows: functions.getRows(),
        lines: functions.getLines(),
      };
    });
    const bad = step.invalid === undefined ? badness(step.status) : notUtf8(step.invalid);
    if (step.rows > 0) {
      learned = false;
      namesCounted = false;
    }
    heldBytes = step.outputAt - output;
    heldRows += step.rows;
    line += step.lines;
    consume(step.at);
    return { status: step.status, bad };
  }

  function release(): Run | undefined {
    if (heldRows === 0) return undefined;
    const { bytes, output } = buffers;
    table ??= { ...input.table, columns: [...known.columns] };
    const run = runOfCopy(table, bytes.subarray(output, output + heldBytes), heldRows);
    heldBytes = heldRows = 0;
    return run;
  }

  function notUtf8(position: number): BadRecord {
    return invalidByte(buffers.bytes[position] ?? 0, offsetOf(position));
  }

  function badness(status: number): BadRecord | undefined {
    if (status < JSONL_STATUS.notObject) return undefined;
    const { bytes } = buffers;
    const found = functions.getFound();
    const rest = snippet(bytes.subarray(found, bytes.indexOf(LF, found)));
    const text = snippet(bytes.subarray(found, functions.getFoundEnd()));
    if (status === JSONL_STATUS.wrongType) {
      const { name = '', type = '' } = known.columns[functions.getColumn()] ?? {};
      return {
        column: name,
        expected: type,
        found: valueText(bytes.subarray(found, functions.getFoundEnd())),
      };
    }
    return { offset: offsetOf(found), ...jsonProblem(status, rest, text) };
  }

  // The names from a member on to the end of its row, so that the kernel need not walk the row once for each new one. None
  // where that cannot be told in the row's order: it asks for the next one then.
  function namesFrom(member: number): string[] {
    const rest = buffers.bytes.subarray(member, buffers.bytes.indexOf(LF, member));
    if (!isUtf8(rest)) return [];
    try {
      const names = Object.keys(JSON.parse(`{${rest.toString('utf8')}`) as object);
      // JavaScript puts such names before all others.
      return names.some((name) => /^\d+$/.test(name)) ? [] : names;
    } catch {
      return [];
    }
  }

  // What the kernel needs to go on with the row at `start`; or what is wrong with that.
  function help(status: number): BadRecord | undefined {
    const found = functions.getFound();
    const text = Buffer.from(buffers.bytes.subarray(found, functions.getFoundEnd()));
    switch (status) {
      case JSONL_STATUS.newName:
        if (!isUtf8(text)) return notUtf8(found + firstInvalidUtf8(text));
        if (known.columns.length === MAX_COLUMNS) {
          throw mismatch(place(), `at most ${MAX_COLUMNS} names in all rows`, `one more, ${snippet(text)}`);
        }
        learnFrom(() => known.add(text));
        for (const name of namesFrom(found)) {
          if (known.columns.length === MAX_COLUMNS) break;
          if (!known.has(name)) learnFrom(() => known.add(Buffer.from(JSON.stringify(name))));
        }
        return undefined;
      case JSONL_STATUS.newType:
        learnFrom(() => {
          known.widen(functions.getColumn(), text.toString('latin1'));
          return functions.getColumn();
        });
        return undefined;
      case JSONL_STATUS.escapedNames:
        if (!isUtf8(text)) return notUtf8(found + firstInvalidUtf8(text));
        namesCounted = countNames(JSON.parse(text.toString('utf8'))) === functions.getMembers();
        return namesCounted
          ? undefined
          : { expected: EACH_NAME_ONCE, found: 'one twice, escaped differently' };
      case JSONL_STATUS.manyNames:
        if (kernel.allowMoreNames()) return undefined;
        return { expected: 'at most two million names in a row', found: 'more' };
      default:
        return undefined;
    }
  }

  function reject(bad: BadRecord): RejectLine {
    if (input.options.onError !== 'reject') throw badRecordError(place(), bad);
    const { bytes, start } = buffers;
    const end = bytes.indexOf(LF, start);
    const raw = bytes.subarray(start, bytes[end - 1] === CR ? end - 1 : end);
    const reject = rejectLine(input, line, offsetOf(start), bad, raw);
    namesCounted = false;
    consume(end + 1);
    line++;
    if (learned) {
      known.rollBack();
      kernel.configure(known.names, known.states);
      table = undefined;
      learned = false;
    }
    return reject;
  }

  function next(after: 'more' | 'none' | 'end'): Chunk | undefined {
    while (true) {
      if (stop !== undefined) {
        const wrong = stop.bad ?? help(stop.status);
        stop = undefined;
        if (wrong !== undefined) return reject(wrong);
      }
      if (wholeBytes === 0) {
        if (after !== 'end' || buffers.start === buffers.end) return after === 'more' ? undefined : release();
        append(LAST_LINE_FEED, 0);
      }
      const written = write();
      if (written.status === JSONL_STATUS.needInput && written.bad === undefined) continue;
      // The rows before it leave first.
      stop = written;
      const run = release();
      if (run !== undefined) return run;
    }
  }

  return { append, next };
}

// A value as a message shows it: a string in its quotes already.
function valueText(bytes: Buffer): string {
  return bytes[0] === 0x22 ? snippet(bytes.subarray(1, -1)) : JSON.parse(snippet(bytes));
}

function countNames(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = Array.isArray(value) ? 0 : Object.keys(value).length;
  for (const inner of Object.values(value)) count += countNames(inner);
  return count;
}
