import { createHash } from 'node:crypto';
import { messageOf, UserError } from '../errors.ts';
import { PIECE_BYTES, parseRow, runFilledBy } from '../wire/run.ts';
import { type RejectLine, type Row, RUN_BYTES, type Run, type TableLine } from '../wire/types.ts';
import {
  type Arena,
  BATCH_ROWS,
  INPUT,
  INPUT_BYTES,
  RECORDS,
  RULE,
  UNKNOWN,
  VERSIONS,
  VOTES,
  WALKED,
} from './arena.ts';
import { liveLines, pieceEnd, wholeLines } from './lines.ts';
import { newRowLog } from './log.ts';
import { judgeRow, type TableIds, writeRule } from './records.ts';
import { type DedupeOptions, nullKey, type TableRule } from './rules.ts';
import { checkSiblings } from './siblings.ts';
import { type Family, newWinners } from './winners.ts';

/** Where rows come from, for messages and rejects. */
interface RowsOrigin {
  readonly place: string;
  readonly uri: string;
  readonly batch: bigint;
  /** Rows of the file before these. */
  readonly before: number;
}

/** The rows of one group, or of a loose body, until its end. */
export interface Group {
  /** Takes the rows of a run, which stand under `line`; the rejects are rows with NULL in their key. */
  add(run: Run, line: TableLine, rule: TableRule, origin: RowsOrigin): readonly RejectLine[];
  /** To be waited for after `add`: rows that were added are still being written. */
  caughtUp(): Promise<void> | undefined;
  /** The live rows in order of arrival, and a declaration of each table that has lost all of them. */
  finish(): Iterable<Run | TableLine>;
  /** Rows whose delete flag was NULL, so far. */
  nullFlags(): number;
  close(): void;
}

const DEFAULT_MEMORY = 256 * 1024 * 1024;

/** A group without rows. Of the memory that `dedupe` may use half is for the table and a sixteenth for rows. */
export function newGroup(arena: Arena, options: DedupeOptions): Group {
  const { kernel } = arena;
  const memory = options.memory ?? DEFAULT_MEMORY;
  const log = newRowLog(options.tmp, memory / 16);
  const winners = newWinners(arena, log, {
    keep: options.keep ?? 'last',
    tableBytes: memory / 2,
    folder: options.tmp,
  });
  const families = new Map<string, Family>();
  const tables = new Map<string, number>();
  let present: { rule: TableRule; batch: bigint; ids: TableIds; family: Family | undefined } | undefined;
  let nullFlags = 0;

  const idOf = (table: string): number => {
    let id = tables.get(table);
    if (id === undefined) {
      id = tables.size;
      tables.set(table, id);
    }
    return id;
  };
  const familyOf = (rule: TableRule): Family | undefined => {
    if (rule.version === undefined) return undefined;
    let family = families.get(rule.family);
    if (family === undefined) {
      family = { newest: 0n, floor: 0 };
      families.set(rule.family, family);
    }
    return family;
  };

  // Judges a row that the kernel has left, as the record of this index.
  const judge = (value: Row, index: number, lineHash: () => bigint): string | undefined => {
    const { rule, ids, batch } = present!;
    const column = judgeRow(arena, rule, ids, batch, { row: value, index, lineHash });
    if (
      column === undefined &&
      rule.deleteFlag !== undefined &&
      (value[rule.deleteFlag.name] ?? null) === null
    )
      nullFlags++;
    return column;
  };

  const enterRecords = (count: number): void =>
    winners.enter(count, present!.family, present!.rule.sourceKey !== undefined);

  // Enters the rows that stand in the input up to `to`, the first of which is row `index` of the run; the next index.
  const enterLines = ({ place, firstRow, reject }: Entering, to: number, index: number): number => {
    const stride = 16 + arena.words[RULE >> 2]! * 8;
    let done = index;
    for (let at = INPUT; at < to; at = kernel.walked()) {
      const count = kernel.walk(at, to, WALKED, BATCH_ROWS);
      const unknown = kernel.digest(WALKED, count, firstRow + done, RECORDS, VOTES, VERSIONS, UNKNOWN);
      for (let i = 0; i < unknown; i++) {
        const record = arena.words[(UNKNOWN >> 2) + i]!;
        const line = arena.words[(WALKED + record * stride) >> 2]!;
        const length = arena.words[(WALKED + record * stride + 4) >> 2]!;
        const value = parse(arena.bytes.toString('utf8', line, line + length), place, done + record);
        const column = judge(value, record, () => BigInt.asUintN(64, kernel.rowHash(line, length)));
        if (column !== undefined) reject(done + record, column, value);
      }
      enterRecords(count);
      done += count;
    }
    return done;
  };

  const enterLongLine = ({ place, firstRow, reject }: Entering, line: Uint8Array, index: number): void => {
    const text = Buffer.from(line.buffer, line.byteOffset, line.length).toString('utf8');
    const value = parse(text, place, index);
    const column = judge(value, 0, () => createHash('sha256').update(line).digest().readBigUInt64LE());
    for (const at of [RECORDS, VOTES]) arena.words[(at + 12) >> 2] = firstRow + index;
    if (column !== undefined) reject(index, column, value);
    enterRecords(1);
  };

  return {
    add(run, line, rule, origin) {
      if (run.count === 0) return [];
      if (present?.rule !== rule || present.batch !== origin.batch) {
        const ids = { table: idOf(rule.table), family: idOf(rule.family) };
        present = { rule, batch: origin.batch, ids, family: familyOf(rule) };
        writeRule(arena, rule, ids, origin.batch);
      }
      const lines = wholeLines(arena, run, origin.place);
      const bytes = lines.ndjson();
      const firstRow = log.rows;
      if (firstRow + run.count > 0xffffffff)
        throw new UserError(`${origin.place}: expected fewer than 2^32 rows in a group`);
      log.append(line, rule, origin.batch, { bytes, count: run.count, release: lines.release });
      const rejects: RejectLine[] = [];
      const reject = (index: number, column: string, value: Row): void => {
        const row = origin.before + index + 1;
        if (options.onError !== 'reject') throw nullKey(`${origin.place}, ${origin.uri} row ${row}`, column);
        rejects.push({
          $: 'reject',
          uri: origin.uri,
          row,
          column,
          reason: `NULL in key column ${column} of ${rule.table}`,
          raw: JSON.stringify(value),
        });
      };
      const entering: Entering = { place: origin.place, firstRow, reject };
      let index = 0;
      for (let at = 0; at < bytes.length; ) {
        const end = pieceEnd(bytes, at);
        if (end - at > INPUT_BYTES) enterLongLine(entering, bytes.subarray(at, end), index++);
        else {
          if (bytes.length > INPUT_BYTES) arena.bytes.set(bytes.subarray(at, end), INPUT);
          index = enterLines(entering, INPUT + end - at, index);
        }
        at = end;
      }
      if (index !== run.count)
        throw new UserError(`${origin.place}: expected ${run.count} rows in a run, found ${index}`);
      return rejects;
    },
    caughtUp: log.caughtUp,
    *finish() {
      const bits = winners.settle(families);
      const { live, veto } = bits;
      const has = (bits: number, row: number) => (arena.bytes[bits + (row >>> 3)]! & (1 << (row & 7))) !== 0;
      checkSiblings(log, (row) => (has(veto, row) ? 'void' : has(live, row) ? 'live' : 'lost'));
      const alive = new Set<string>();
      const mentioned = new Map<string, TableLine>();
      const buffers = new Map<string, Outgoing>();
      for (const entry of log.entries) {
        const { line, rule } = entry;
        mentioned.set(rule.table, line);
        const count = kernel.countLive(live, veto, entry.firstRow, entry.count);
        if (count === 0) continue;
        alive.add(rule.table);
        const part: Part =
          count === entry.count
            ? { bytes: entry.bytes, count, copyTo: (memory) => log.read(entry, memory) }
            : partOf(liveLines(arena, log, entry, bits), count);
        let buffer = buffers.get(rule.table);
        if (buffer !== undefined && (buffer.line !== line || buffer.bytes + part.bytes > PIECE_BYTES)) {
          yield joined(buffer);
          buffer = undefined;
        }
        if (buffer === undefined) {
          buffer = { line, parts: [], bytes: 0 };
          buffers.set(rule.table, buffer);
        }
        buffer.parts.push(part);
        buffer.bytes += part.bytes;
        if (buffer.bytes >= RUN_BYTES) {
          yield joined(buffer);
          buffers.delete(rule.table);
        }
      }
      for (const buffer of buffers.values()) yield joined(buffer);
      for (const [table, line] of mentioned) if (!alive.has(table)) yield line;
    },
    nullFlags: () => {
      nullFlags += kernel.nullFlags();
      return nullFlags;
    },
    close() {
      winners.close();
      log.close();
    },
  };
}

/** A run whose rows are being entered. */
interface Entering {
  readonly place: string;
  /** The number of its first row in the group. */
  readonly firstRow: number;
  /** Says that row `index` of the run holds NULL in a key column. */
  reject(index: number, column: string, value: Row): void;
}

/** Lines of live rows, in memory or still in the log. */
interface Part {
  readonly bytes: number;
  readonly count: number;
  copyTo(memory: Buffer): void;
}

interface Outgoing {
  readonly line: TableLine;
  readonly parts: Part[];
  bytes: number;
}

function partOf(lines: Buffer, count: number): Part {
  return { bytes: lines.length, count, copyTo: (memory) => void lines.copy(memory) };
}

function joined({ line, parts, bytes }: Outgoing): Run {
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  return runFilledBy(line, bytes, count, (memory) => {
    let at = 0;
    for (const part of parts) {
      part.copyTo(memory.subarray(at, at + part.bytes));
      at += part.bytes;
    }
  });
}

function parse(line: string, place: string, index: number): Row {
  try {
    return parseRow(line);
  } catch (error) {
    throw new UserError(
      `${place}: expected a JSON object as row ${index + 1} of a run: ${messageOf(error)}`,
      { cause: error },
    );
  }
}
