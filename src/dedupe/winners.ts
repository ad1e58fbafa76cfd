import { UserError } from '../errors.ts';
import { type Arena, BATCH_ROWS, RECORD_BYTES, RECORDS, TABLE, VERSIONS, VOTES } from './arena.ts';
import { compareOrders, conflict, isSameRow } from './compare.ts';
import type { RowLog } from './log.ts';
import { newRecordFile, type RecordFile } from './record-file.ts';
import { VOTE } from './records.ts';

/** What a family (a top-level table and its subtables) knows of its version. */
export interface Family {
  newest: bigint;
  /** Rows before this one are of an older version. */
  floor: number;
}

export interface WinnersOptions {
  readonly keep: 'last' | 'first';
  /** Bytes of memory the table may take. */
  readonly tableBytes: number;
  readonly folder: string | undefined;
}

/** The live row of every key, in a table in memory and, when that is full, by parts. */
export interface Winners {
  /** Enters the records (and votes) of rows that stand in the arena. */
  enter(count: number, family: Family | undefined, hasVotes: boolean): void;
  /** Settles everything; afterwards the bits of winners stand at `live`, those of rows that are dead anyway at `veto`. */
  settle(families: ReadonlyMap<string, Family>): { readonly live: number; readonly veto: number };
  close(): void;
}

const FIRST_SLOTS = 4096;
const LEAST_SLOTS = 64;
const SLOT_BYTES = 8;
const PARTS = 8;
const FILE_MEMORY = 64 * 1024;
/** Taken slots of an index, in eighths, from which on it is full. */
const FULL_EIGHTHS = 6;

/** How large a table may be: its index, and the winners in it. */
interface TableSize {
  readonly slots: number;
  readonly winners: number;
}

const roomIn = (slots: number): number => Math.floor((slots * FULL_EIGHTHS) / 8);

/** The table that holds most within so many bytes. */
function largestTable(bytes: number): TableSize {
  let best: TableSize = { slots: LEAST_SLOTS, winners: roomIn(LEAST_SLOTS) };
  for (let slots = 2 * LEAST_SLOTS; slots * SLOT_BYTES < bytes; slots *= 2) {
    const winners = Math.min(roomIn(slots), Math.floor((bytes - slots * SLOT_BYTES) / RECORD_BYTES));
    if (winners > best.winners) best = { slots, winners };
  }
  return best;
}

const FULL = 1;
const COMPARE = 2;
const CONFLICT = 3;

interface Part {
  readonly records: RecordFile;
  readonly votes: RecordFile;
}

/**
 * Winners of the rows of one group. Rows are looked up in the log where the 64-bit codes of their order do not
 * decide. When the table is full its records go to eight parts by hash, in files, and each part is settled by itself,
 * split again if it is still too large.
 */
export function newWinners(arena: Arena, log: RowLog, options: WinnersOptions): Winners {
  const { kernel } = arena;
  const most = largestTable(options.tableBytes);
  const keepsFirst = options.keep === 'first';
  let slots = Math.min(FIRST_SLOTS, most.slots);
  // In the arena: | index, at its largest | winners, at their most | records on their way through | bits |
  const winnersAt = TABLE + most.slots * SLOT_BYTES;
  const passing = winnersAt + most.winners * RECORD_BYTES;
  const files = new Set<RecordFile>();
  const newFile = (memoryBytes: number): RecordFile => {
    const file = newRecordFile(arena, options.folder, memoryBytes);
    files.add(file);
    return file;
  };
  const close = (file: RecordFile): void => {
    file.close();
    files.delete(file);
  };
  const newPart = (): Part => ({ records: newFile(FILE_MEMORY), votes: newFile(FILE_MEMORY) });
  /** Votes in order of arrival, to be checked when all is known. */
  const votes = newFile(16 * FILE_MEMORY);
  let parts: Part[] | undefined;

  /** Memory for a table of so many slots; how many winners it may have. */
  const makeRoom = (): number => {
    const room = Math.min(roomIn(slots), most.winners);
    arena.reserve(winnersAt + room * RECORD_BYTES);
    return room;
  };
  const clear = (): void => {
    kernel.setTable(TABLE, slots, winnersAt, makeRoom(), Number(keepsFirst));
  };
  clear();

  const grow = (): boolean => {
    if (slots >= most.slots) return false;
    slots *= 2;
    kernel.setIndex(TABLE, slots, makeRoom());
    return true;
  };

  const scatter = (
    target: readonly Part[],
    level: number,
    from: number,
    count: number,
    which: keyof Part,
  ): void => {
    const { words } = arena;
    for (let i = 0; i < count; i++) {
      const at = from + i * RECORD_BYTES;
      const low = words[at >> 2]!;
      const high = words[(at >> 2) + 1]!;
      // A row without a key has no record.
      if (low !== 0 || high !== 0) target[(high >>> (29 - 3 * level)) & 7]![which].add(at, 1);
    }
  };

  // Everything in the table moves to parts.
  const split = (level: number): Part[] => {
    if (level > 9) throw new UserError('too little memory for this many keys (see --memory)');
    const target = Array.from({ length: PARTS }, newPart);
    scatter(target, level, winnersAt, kernel.usedWinners(), 'records');
    return target;
  };
  const scatterVotes = (target: readonly Part[], level: number, file: RecordFile): void => {
    file.each(passing, (count) => scatter(target, level, passing, count, 'votes'));
    close(file);
  };

  const resolve = (record: number): void => {
    const winner = kernel.stopWinner();
    const { words } = arena;
    const challenger = log.row(words[(record + 12) >> 2]!);
    const incumbent = log.row(words[(winner + 12) >> 2]!);
    const { rule } = challenger.entry;
    const isVote = (words[(record + 8) >> 2]! & VOTE) !== 0;
    if (kernel.stopReason() === CONFLICT) {
      if (!isSameRow(challenger.value, incumbent.value, challenger.entry.line))
        throw conflict(rule, challenger.value, incumbent.value, options.keep);
      if (!keepsFirst) kernel.replace(winner, record);
      return;
    }
    const difference = compareOrders(challenger, incumbent, isVote ? 1 : undefined);
    if (difference === 0 ? !keepsFirst && !isVote : difference > 0 !== keepsFirst)
      kernel.replace(winner, record);
  };

  // Enters records that are passing; stops at the first that finds the table full.
  const enterPassing = (count: number, veto: number): number => {
    kernel.touch(passing, count);
    for (let i = 0; ; i++) {
      i = kernel.enter(passing, i, count, 0, veto, 0, 0n);
      if (i >= count || kernel.stopReason() === FULL) return i;
      resolve(passing + i * RECORD_BYTES);
    }
  };

  const settlePart = (part: Part, level: number, live: number, veto: number): void => {
    clear();
    let deeper: Part[] | undefined;
    part.records.each(passing, (count) => {
      const done = deeper === undefined ? enterPassing(count, veto) : 0;
      if (deeper === undefined && done < count) {
        const rest = Buffer.from(
          arena.bytes.subarray(passing + done * RECORD_BYTES, passing + count * RECORD_BYTES),
        );
        deeper = split(level);
        arena.bytes.set(rest, passing);
        scatter(deeper, level, passing, count - done, 'records');
      } else if (deeper !== undefined) scatter(deeper, level, passing, count, 'records');
    });
    close(part.records);
    if (deeper === undefined) {
      kernel.mark(live);
      checkVotes(part.votes, veto);
      close(part.votes);
    } else {
      scatterVotes(deeper, level, part.votes);
      for (const inner of deeper) settlePart(inner, level + 1, live, veto);
    }
  };

  const checkVotes = (file: RecordFile, veto: number): void => {
    file.each(passing, (count) => {
      for (let i = 0; ; i++) {
        i = kernel.check(passing, i, count, veto);
        if (i >= count) return;
        const row = arena.words[(passing + i * RECORD_BYTES + 12) >> 2]!;
        const winner = arena.words[(kernel.stopWinner() + 12) >> 2]!;
        if (compareOrders(log.row(row), log.row(winner), 1) !== 0) kernel.vetoRow(veto, row);
      }
    });
  };

  return {
    enter(count, family, hasVotes) {
      for (const from of hasVotes ? [RECORDS, VOTES] : [RECORDS]) {
        if (parts === undefined) kernel.touch(from, count);
        for (let i = 0; i < count; i++) {
          if (parts !== undefined) {
            if (family !== undefined) i = skipOld(arena, from, i, count, family);
            if (i >= count) break;
            scatter(parts, 0, from + i * RECORD_BYTES, family === undefined ? count - i : 1, 'records');
            if (family === undefined) break;
            continue;
          }
          i = kernel.enter(
            from,
            i,
            count,
            family?.floor ?? 0,
            0,
            family === undefined ? 0 : VERSIONS,
            family?.newest ?? 0n,
          );
          if (i >= count) break;
          const reason = kernel.stopReason();
          if (reason === COMPARE || reason === CONFLICT) resolve(from + i * RECORD_BYTES);
          else {
            if (reason !== FULL) renew(arena, i, from, family!);
            else if (!grow()) {
              parts = split(0);
              scatterVotes(parts, 0, votes);
              clear();
            }
            // The same record once more.
            i--;
          }
        }
      }
      if (!hasVotes) return;
      if (parts !== undefined) scatter(parts, 0, VOTES, count, 'votes');
      else votes.add(VOTES, count);
    },
    settle(families) {
      const live = passing + BATCH_ROWS * RECORD_BYTES;
      const veto = live + Math.ceil(log.rows / 8 / 16) * 16;
      const end = veto + Math.ceil(log.rows / 8 / 16) * 16;
      arena.reserve(end);
      arena.bytes.fill(0, live, end);
      for (const { rule, firstRow, count } of log.entries) {
        const floor = rule.version === undefined ? 0 : (families.get(rule.family)?.floor ?? 0);
        if (floor > firstRow) kernel.vetoRows(veto, firstRow, Math.min(floor, firstRow + count));
      }
      if (parts === undefined) {
        kernel.mark(live);
        checkVotes(votes, veto);
      } else for (const part of parts) settlePart(part, 1, live, veto);
      return { live, veto };
    },
    close() {
      for (const file of files) file.close();
      files.clear();
    },
  };
}

// A row of a newer version: those before it are void.
function renew(arena: Arena, index: number, from: number, family: Family): void {
  family.newest = arena.longs[(VERSIONS >> 3) + index]!;
  family.floor = arena.words[(from + index * RECORD_BYTES + 12) >> 2]!;
}

function skipOld(arena: Arena, from: number, start: number, count: number, family: Family): number {
  for (let i = start; i < count; i++) {
    const version = arena.longs[(VERSIONS >> 3) + i]!;
    const at = (from + i * RECORD_BYTES) >> 2;
    if (version < family.newest || (arena.words[at] === 0 && arena.words[at + 1] === 0)) continue;
    if (version > family.newest) renew(arena, i, from, family);
    return i;
  }
  return count;
}
