import { randomBytes } from 'node:crypto';
import { loadKernel } from '../kernels/load.ts';

/** The functions of `src/kernels/assembly/dedupe.ts`. */
interface DedupeKernel {
  setRule(at: number, keys: number, scratch: number, scratchBytes: number, shape: number): void;
  forgetShape(): void;
  setSeed(low: bigint, high: bigint): void;
  walk(from: number, to: number, out: number, maxRows: number): number;
  walked(): number;
  hashScratch(length: number, record: number): void;
  rowHash(at: number, length: number): bigint;
  nullFlags(): number;
  digest(
    walked: number,
    count: number,
    firstRow: number,
    records: number,
    votes: number,
    versions: number,
    unknown: number,
  ): number;
  setTable(index: number, slots: number, winners: number, maxUsed: number, keepsFirst: number): void;
  setIndex(index: number, slots: number, maxUsed: number): void;
  usedWinners(): number;
  touch(records: number, count: number): void;
  stopReason(): number;
  stopWinner(): number;
  replace(winner: number, record: number): void;
  enter(
    records: number,
    from: number,
    count: number,
    floor: number,
    veto: number,
    versions: number,
    newest: bigint,
  ): number;
  mark(live: number): void;
  check(votes: number, from: number, count: number, veto: number): number;
  vetoRow(veto: number, row: number): void;
  vetoRows(veto: number, from: number, to: number): void;
  countLive(live: number, veto: number, from: number, count: number): number;
  countLines(from: number, to: number): number;
  copyLive(from: number, to: number, row: number, live: number, veto: number, out: number): number;
}

/** Rows that are walked and entered at a time. */
export const BATCH_ROWS = 2048;
export const RECORD_BYTES = 32;
/** Columns that are looked at in one table; keys of more are refused. */
export const MAX_FIELDS = 64;
/** A longer line is left to JavaScript. */
export const INPUT_BYTES = 512 * 1024;
export const SCRATCH_BYTES = 64 * 1024;
const SHAPE_BYTES = 14 * 1024;

const PAGE = 65536;
const PADDING = 128;
const MAX_PAGES = 65536;

/**
 * The memory of a dedupe kernel:
 *
 * ```
 * RULE  KEYS  SCRATCH  INPUT  OUTPUT  WALKED  RECORDS  VOTES  VERSIONS  UNKNOWN  SHAPE  | TABLE … then what `reserve` gives
 * ```
 */
export const RULE = 1024;
export const KEYS = RULE + 16 * 1024;
export const SCRATCH = KEYS + 4 * 1024;
export const INPUT = SCRATCH + SCRATCH_BYTES + PADDING;
export const OUTPUT = INPUT + INPUT_BYTES + PADDING;
export const WALKED = OUTPUT + INPUT_BYTES + PADDING;
export const RECORDS = WALKED + BATCH_ROWS * (16 + MAX_FIELDS * 8);
export const VOTES = RECORDS + BATCH_ROWS * RECORD_BYTES;
export const VERSIONS = VOTES + BATCH_ROWS * RECORD_BYTES;
export const UNKNOWN = VERSIONS + BATCH_ROWS * 8;
const SHAPE = UNKNOWN + BATCH_ROWS * 4;
export const TABLE = Math.ceil((SHAPE + SHAPE_BYTES) / PAGE) * PAGE;

/** A kernel's functions and its memory, whose views are made anew when it grows. */
export interface Arena {
  readonly kernel: DedupeKernel;
  readonly bytes: Buffer;
  readonly words: Uint32Array;
  readonly longs: BigUint64Array;
  /** Makes the memory reach at least to `end`. */
  reserve(end: number): void;
}

/** A fresh arena with a seed of its own. */
export function newArena(): Arena {
  const { functions, memory } = loadKernel<DedupeKernel>('dedupe', {
    initialPages: TABLE / PAGE + 4,
    maxPages: MAX_PAGES,
  });
  const seed = randomBytes(16);
  functions.setSeed(seed.readBigUInt64LE(0), seed.readBigUInt64LE(8));
  functions.setRule(RULE, KEYS, SCRATCH, SCRATCH_BYTES, SHAPE);
  let bytes = Buffer.from(memory.buffer);
  let words = new Uint32Array(memory.buffer);
  let longs = new BigUint64Array(memory.buffer);
  return {
    kernel: functions,
    get bytes() {
      return bytes;
    },
    get words() {
      return words;
    },
    get longs() {
      return longs;
    },
    reserve(end) {
      const pages = Math.ceil((end + PADDING) / PAGE) - bytes.length / PAGE;
      if (pages <= 0) return;
      memory.grow(pages);
      bytes = Buffer.from(memory.buffer);
      words = new Uint32Array(memory.buffer);
      longs = new BigUint64Array(memory.buffer);
    },
  };
}
