import { isUtf8 } from 'node:buffer';
import { mismatch, type UserError } from '../errors.ts';
import { runOfBytes, runOfCopy } from '../wire/run.ts';
import type { Chunk, RejectLine, Run, TableLine } from '../wire/types.ts';
import type { AvroKernel, AvroProblem, AvroStep } from './avro-kernel.ts';
import type { FormatInput } from './format.ts';

/** Where decoding is, for messages and rejects. */
export interface Position {
  block: number;
  offset: number;
  /** Rows before the block, and done in it. */
  rowsBefore: number;
  rowsDone: number;
}

export interface LineCollector {
  /** What a step makes due: a full run, a reject. Throws where the step found the input wrong. */
  after(step: AvroStep, at: Position, place: () => string): Iterable<Chunk>;
  /** The rows written so far. */
  flush(at: Position): Iterable<Chunk>;
}

/** Makes runs of what the kernel has written, and decides what becomes of what is wrong. */
export function lineCollector(kernel: AvroKernel, table: TableLine, input: FormatInput): LineCollector {
  const rejecting = input.options.onError === 'reject';
  let rows = 0;
  let firstRow = 1;

  const reject = (row: number, problem: AvroProblem, offset: number, raw: Uint8Array): RejectLine => ({
    $: 'reject',
    uri: input.uri,
    row,
    offset,
    ...(problem.path === undefined ? {} : { column: problem.path }),
    reason: `expected ${problem.expected}, found ${problem.found}`,
    raw: Buffer.from(raw).toString('base64'),
  });

  function* flush(at: Position): Iterable<Chunk> {
    if (rows === 0) return;
    const bytes = kernel.take();
    const count = rows;
    const first = firstRow;
    firstRow += rows;
    rows = 0;
    if (isUtf8(bytes)) {
      yield runOfCopy(table, bytes, count);
      return;
    }
    yield* lineByLine(Buffer.from(bytes), first, at);
  }

  /** Rows of which at least one holds a text that is no UTF-8. */
  function* lineByLine(bytes: Uint8Array, first: number, at: Position): Iterable<Chunk> {
    const good: Uint8Array[] = [];
    const run = (): Run => runOfBytes(table, Buffer.concat(good), good.length);
    for (let from = 0, row = first; from < bytes.length; row++) {
      const end = bytes.indexOf(10, from) + 1;
      const line = bytes.subarray(from, end);
      from = end;
      if (isUtf8(line)) {
        good.push(line);
        continue;
      }
      const problem = { path: columnWithBadText(line), expected: 'text in UTF-8', found: 'other bytes' };
      if (!rejecting)
        throw mismatch(`${input.name} row ${row} column ${problem.path}`, problem.expected, problem.found);
      if (good.length > 0) yield run();
      good.length = 0;
      yield reject(row, problem, at.offset, line);
    }
    if (good.length > 0) yield run();
  }

  return {
    flush,
    *after(step, at, place) {
      const done = kernel.rows();
      at.rowsDone += done;
      rows += step.kind === 'bad-row' ? done - 1 : done;
      if (step.kind === 'full') yield* flush(at);
      if (step.kind !== 'broken' && step.kind !== 'bad-row') return;
      const { problem } = step;
      const row = at.rowsBefore + at.rowsDone + (step.kind === 'broken' ? 1 : 0);
      const column = problem.path === undefined ? '' : ` column ${problem.path}`;
      const error = (): UserError =>
        mismatch(`${place()} row ${row}${column}`, problem.expected, problem.found);
      if (step.kind === 'broken' || !rejecting) throw error();
      yield* flush(at);
      firstRow++;
      yield reject(row, problem, at.offset, step.raw);
    },
  };
}

/** The first column of a row's line whose value is no UTF-8. */
function columnWithBadText(line: Uint8Array): string {
  const parsed: Record<string, unknown> = JSON.parse(Buffer.from(line).toString('latin1'));
  const row = parsed['$'] === 'row' ? (parsed['row'] as Record<string, unknown>) : parsed;
  const column = Object.keys(row).find((name) => !isUtf8(Buffer.from(JSON.stringify(row[name]), 'latin1')));
  return Buffer.from(column ?? '', 'latin1').toString('utf8');
}
