import { mismatch, UserError } from '../errors.ts';
import { isLineage } from '../wire/lineage.ts';
import { compareOrderValues, keyText, kindOf, orderValue } from '../wire/order.ts';
import type { Row, TableLine } from '../wire/types.ts';
import { type Arena, BATCH_ROWS, RECORD_BYTES, RECORDS, TABLE, VERSIONS, VOTES } from './arena.ts';
import type { RowLog } from './log.ts';
import { newRecordFile, type RecordFile } from './record-file.ts';
import { VOTE } from './records.ts';
import type { TableRule } from './rules.ts';

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
const PARTS = 8;
const FILE_MEMORY = 64 * 1024;
/** Taken slots of a table, in eighths, from which on it is full. */
const FULL_EIGHTHS = 6;

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
  const maxSlots = Math.max(64, 2 ** Math.floor(Math.log2(options.tableBytes / RECORD_BYTES)));
  const keepsFirst = options.keep === 'first';
  let slots = Math.min(FIRST_SLOTS, maxSlots);
  /** Behind the largest table: room for records on their way through. */
  const passing = TABLE + maxSlots * RECORD_BYTES;
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

  const clear = (): void => {
    arena.reserve(TABLE + slots * RECORD_BYTES);
    kernel.setTable(TABLE, slots, Math.floor((slots * FULL_EIGHTHS) / 8), Number(keepsFirst));
  };
  clear();

  const dump = (use: (count: number) => void): void => {
    arena.reserve(passing + BATCH_ROWS * RECORD_BYTES);
    for (let from = 0; from < slots; from = kernel.dumpedTo()) use(kernel.dump(from, passing, BATCH_ROWS));
  };

  const grow = (): boolean => {
    if (slots >= maxSlots) return false;
    const old = newFile(16 * FILE_MEMORY);
    dump((count) => old.add(passing, count));
    slots = Math.min(slots * 4, maxSlots);
    clear();
    old.each(passing, (count) => kernel.enter(passing, 0, count, 0, 0, 0, 0n));
    close(old);
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
    dump((count) => scatter(target, level, passing, count, 'records'));
    return target;
  };
  const scatterVotes = (target: readonly Part[], level: number, file: RecordFile): void => {
    file.each(passing, (count) => scatter(target, level, passing, count, 'votes'));
    close(file);
  };

  const resolve = (record: number): void => {
    const slot = kernel.stopSlot();
    const { words } = arena;
    const challenger = log.row(words[(record + 12) >> 2]!);
    const incumbent = log.row(words[(slot + 12) >> 2]!);
    const { rule } = challenger.entry;
    const isVote = (words[(record + 8) >> 2]! & VOTE) !== 0;
    if (kernel.stopReason() === CONFLICT) {
      if (!isSameRow(challenger.value, incumbent.value, challenger.entry.line))
        throw conflict(rule, challenger.value, incumbent.value);
      if (!keepsFirst) kernel.replace(slot, record);
      return;
    }
    const difference = compareOrders(challenger, incumbent, isVote ? 1 : undefined);
    if (difference === 0 ? !keepsFirst && !isVote : difference > 0 !== keepsFirst)
      kernel.replace(slot, record);
  };

  // Enters records that are passing; stops at the first that finds the table full.
  const enterPassing = (count: number, veto: number): number => {
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
        const slotRow = arena.words[(kernel.stopSlot() + 12) >> 2]!;
        if (compareOrders(log.row(row), log.row(slotRow), 1) !== 0) kernel.vetoRow(veto, row);
      }
    });
  };

  return {
    enter(count, family, hasVotes) {
      for (const from of hasVotes ? [RECORDS, VOTES] : [RECORDS]) {
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

interface Found {
  readonly entry: { readonly rule: TableRule };
  readonly value: Row;
}

// Each row by the columns of its own table, whose types may differ.
function compareOrders(a: Found, b: Found, count?: number): number {
  const others = b.entry.rule.order;
  for (const [index, column] of a.entry.rule.order.slice(0, count).entries()) {
    const other = others[index] ?? column;
    const difference = compareOrderValues(
      orderValue(a.value[column.name], column.kind),
      orderValue(b.value[other.name], other.kind),
    );
    if (difference !== 0) return difference;
  }
  return 0;
}

function isSameRow(a: Row, b: Row, line: TableLine): boolean {
  const types = new Map(line.columns?.map(({ name, type }) => [name, type]));
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (isLineage(name)) continue;
    const kind = kindOf(types.get(name));
    if (keyText(a[name], kind) !== keyText(b[name], kind)) return false;
  }
  return true;
}

function conflict(rule: TableRule, a: Row, b: Row): UserError {
  const key = rule.key.map(({ name }) => `${name} ${JSON.stringify(a[name])}`).join(', ');
  const differing = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter(
    (name) => !isLineage(name) && JSON.stringify(a[name]) !== JSON.stringify(b[name]),
  );
  const shown = differing
    .slice(0, 3)
    .map((name) => `${name} ${short(b[name])} and ${short(a[name])}`)
    .join('; ');
  const names = rule.key.map(({ name }) => name).join(', ');
  return mismatch(
    `table ${rule.table}`,
    `one row per key (${names}) or an order to choose by`,
    `different rows of ${key}: ${shown}; is the key too narrow? (key and order stand in the catalog; --on-key-conflict last takes the last row)`,
  );
}

function short(value: unknown): string {
  const text = JSON.stringify(value ?? null);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
