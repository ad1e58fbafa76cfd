import { type Arena, BATCH_ROWS, RECORD_BYTES } from './arena.ts';
import { newSpill } from './spill.ts';

/** Records put away in order. */
export interface RecordFile {
  /** Adds `count` records that stand in the arena at `from`. */
  add(from: number, count: number): void;
  /** Hands the records back, up to `BATCH_ROWS` at a time, in the arena at `to`. */
  each(to: number, use: (count: number) => void): void;
  close(): void;
}

const RECORD_WORDS = RECORD_BYTES / 4;
const BLOCK_WORDS = BATCH_ROWS * RECORD_WORDS;

/** A new file of records, of which up to `memoryBytes` stay in memory. */
export function newRecordFile(arena: Arena, folder: string | undefined, memoryBytes: number): RecordFile {
  const spill = newSpill({ folder, memoryBytes });
  let block: Uint32Array | undefined;
  let filled = 0;
  const push = (): void => {
    if (block === undefined || filled === 0) return;
    spill.append(new Uint8Array(block.buffer, 0, filled * 4));
    block = undefined;
    filled = 0;
  };
  return {
    add(from, count) {
      const { words } = arena;
      let at = from / 4;
      const end = at + count * RECORD_WORDS;
      while (at < end) {
        block ??= new Uint32Array(BLOCK_WORDS);
        const taken = Math.min(end - at, BLOCK_WORDS - filled);
        if (taken > RECORD_WORDS) block.set(words.subarray(at, at + taken), filled);
        else for (let i = 0; i < taken; i++) block[filled + i] = words[at + i]!;
        filled += taken;
        at += taken;
        if (filled === BLOCK_WORDS) push();
      }
    },
    each(to, use) {
      push();
      arena.reserve(to + BATCH_ROWS * RECORD_BYTES);
      for (let at = 0; at < spill.length; ) {
        const count = spill.read(at, arena.bytes.subarray(to, to + BATCH_ROWS * RECORD_BYTES));
        at += count;
        use(count / RECORD_BYTES);
      }
    },
    close() {
      block = undefined;
      filled = 0;
      spill.close();
    },
  };
}
