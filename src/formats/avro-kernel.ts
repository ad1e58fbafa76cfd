import { loadKernel } from '../kernels/load.ts';
import { POWERS_BYTES, powersOfTen } from '../kernels/powers.ts';
import { SNAPPY_PROBLEMS, snappyLength } from '../kernels/snappy.ts';
import { RUN_BYTES } from '../wire/types.ts';
import { type AvroProgram, compileAvro } from './avro-program.ts';
import type { AvroRecord, AvroType } from './avro-schema.ts';

/** What `run` returns; the same numbers as in assembly/_avro-cursor.ts. */
const STATUS = {
  done: 0,
  full: 1,
  more: 2,
  badRow: 3,
  cut: 16,
  badBranch: 17,
  badLength: 18,
  badVarint: 19,
  badBoolean: 20,
  badSymbol: 21,
  badInt: 22,
  tooDeep: 23,
  tooMany: 24,
} as const;

/** Why a row is bad that can be read to its end; the same numbers as there. */
const REASON = { badTime: 1, badDecimal: 2, twice: 3 } as const;

/** What the kernel says of a step. */
export type AvroStep =
  /** The rows asked for are written; or the output must be taken first; or it needs more of the block. */
  | { readonly kind: 'done' | 'full' | 'more' }
  /** A row that can be read to its end but whose value is wrong; it is consumed, nothing is written. */
  | { readonly kind: 'bad-row'; readonly problem: AvroProblem; readonly raw: Uint8Array }
  /** The rest of the block cannot be read. */
  | { readonly kind: 'broken'; readonly problem: AvroProblem };

export interface AvroProblem {
  /** The column, with its inner path; absent at the beginning of a row. */
  readonly path: string | undefined;
  readonly expected: string;
  readonly found: string;
}

/** An instance of the kernel with a schema in it. */
export interface AvroKernel {
  readonly program: AvroProgram;
  /** Bytes of the block at hand that have not been read. */
  held(): number;
  /** Adds bytes of the block behind those at hand. */
  push(bytes: Uint8Array): void;
  /** Forgets what is at hand. */
  clear(): void;
  /** Replaces what is at hand with the content of a Snappy block; what is wrong with it, or undefined. */
  pushSnappy(block: Uint8Array, maxBytes: number): string | undefined;
  /** The bytes at hand, until the next call of any function. */
  view(): Uint8Array;
  /** Reads up to `count` rows; `left` bytes of the block are still to come. Rows done are in `rows`. */
  step(count: number, left: number): AvroStep;
  rows(): number;
  /** Bytes written and not taken. */
  written(): number;
  /** The lines written, until the next call of any function. */
  take(): Uint8Array;
}

interface Functions {
  heapBase(): number;
  setup(powers: number, scratch: number, margin: number): void;
  run(
    inputFrom: number,
    inputTo: number,
    left: number,
    outputFrom: number,
    outputSoft: number,
    outputTo: number,
    operations: number,
    members: number,
    tail: bigint,
    tailBytes: number,
    count: number,
  ): number;
  snappy(from: number, fromEnd: number, to: number, toEnd: number): number;
  inputAt(): number;
  outputAt(): number;
  rows(): number;
  reason(): number;
  operation(): number;
  number(): number;
  rowAt(): number;
}

const PAGE = 64 * 1024;
const MAX_PAGES = 32768;
const SCRATCH_BYTES = 8192;
const PADDING = 64;
/** A row of more bytes than this is refused. */
export const MAX_ROW_BYTES = 512 * 2 ** 20;

/**
 * Makes a kernel for a row's schema. Its memory, 1 MiB and as much as the largest row (or Snappy block) needs:
 *
 * ```
 * heapBase
 * | powers of ten | scratch | operations and texts | rows | keys of maps | 64 | unread bytes … | 64 |
 *                                                  ^output               ^outputEnd
 * ```
 *
 * Keys of maps are noted from the end of the output downwards while their map is read. The 64 bytes may be read and
 * written without meaning. The input stands last, since it is what grows often.
 */
export function openAvroKernel(row: AvroRecord): AvroKernel {
  const { functions, memory } = loadKernel<Functions>('avro', { initialPages: 8, maxPages: MAX_PAGES });
  const align = (address: number): number => (address + 63) & ~63;
  const powers = align(functions.heapBase());
  const scratch = align(powers + POWERS_BYTES);
  const start = align(scratch + SCRATCH_BYTES);
  const program = compileAvro(row, start);
  functions.setup(powers, scratch, program.margin);
  const tail = Buffer.alloc(8);
  tail.set(program.tail);
  const tailWord = tail.readBigUInt64LE();

  let bytes: Buffer;
  const ensure = (end: number): void => {
    const missing = end - memory.buffer.byteLength;
    // By an eighth at least, so that growing by small pieces stays cheap.
    if (missing > 0) {
      const wanted = Math.ceil(Math.max(missing, memory.buffer.byteLength / 8) / PAGE);
      memory.grow(
        Math.min(wanted, Math.max(MAX_PAGES - memory.buffer.byteLength / PAGE, Math.ceil(missing / PAGE))),
      );
    }
    bytes = Buffer.from(memory.buffer);
  };

  const output = align(start + program.bytes.length);
  let outputBytes = align(RUN_BYTES + 32 * 1024 + program.margin);
  let outputAt = output;
  let input = output + outputBytes + PADDING;
  let inputEnd = input;
  ensure(input + PAGE);
  bytes!.set(program.bytes, start);
  if (program.usesFloats) bytes!.set(powersOfTen(), powers);

  const inputStart = (): number => output + outputBytes + PADDING;
  const slide = (): void => {
    const from = inputStart();
    if (input === from) return;
    bytes.copyWithin(from, input, inputEnd);
    inputEnd -= input - from;
    input = from;
  };
  const growOutput = (): boolean => {
    if (outputBytes >= MAX_ROW_BYTES) return false;
    const by = outputBytes;
    ensure(inputEnd + by + PADDING);
    bytes.copyWithin(input + by, input, inputEnd);
    outputBytes += by;
    input += by;
    inputEnd += by;
    return true;
  };
  const problem = (explain: Explain, code: number): AvroProblem => {
    const what = program.describe(functions.operation());
    return { path: what?.path, ...explain(code, what?.type, functions.number()) };
  };

  return {
    program,
    held: () => inputEnd - input,
    push: (added) => {
      if (input === inputEnd) input = inputEnd = inputStart();
      if (inputEnd + added.length + PADDING > memory.buffer.byteLength) slide();
      ensure(inputEnd + added.length + PADDING);
      bytes.set(added, inputEnd);
      inputEnd += added.length;
    },
    clear: () => {
      input = inputEnd = inputStart();
    },
    pushSnappy: (block, maxBytes) => {
      const [size, head] = snappyLength(block);
      if (size === undefined) return 'no length';
      if (size > maxBytes) return `a length of ${size} bytes, more than ${maxBytes}`;
      // A copy element of 3 bytes gives at most 64.
      if (size > block.length * 32) return `a length of ${size} bytes for ${block.length} compressed ones`;
      const from = align(inputStart() + size + PADDING);
      ensure(from + block.length + PADDING);
      bytes.set(block, from);
      input = inputStart();
      inputEnd = input + size;
      const status = functions.snappy(from + head, from + block.length, input, inputEnd);
      return status === 0 ? undefined : SNAPPY_PROBLEMS[status];
    },
    view: () => bytes.subarray(input, inputEnd),
    step: (count, left) => {
      for (;;) {
        const soft = Math.min(output + RUN_BYTES, output + outputBytes);
        const status = functions.run(
          input,
          inputEnd,
          Math.min(left, 0xffffffff),
          outputAt,
          soft,
          output + outputBytes,
          program.operations,
          program.members,
          tailWord,
          program.tail.length,
          count,
        );
        input = functions.inputAt();
        outputAt = functions.outputAt();
        if (status === STATUS.done) return { kind: 'done' };
        if (status === STATUS.more) return { kind: 'more' };
        if (status === STATUS.badRow) {
          const raw = Buffer.copyBytesFrom(bytes, functions.rowAt(), input - functions.rowAt());
          return { kind: 'bad-row', problem: problem(explainReason, functions.reason()), raw };
        }
        if (status !== STATUS.full) return { kind: 'broken', problem: problem(explainStatus, status) };
        if (outputAt > output || functions.rows() > 0) return { kind: 'full' };
        if (!growOutput()) return { kind: 'broken', problem: problem(explainSize, status) };
      }
    },
    rows: () => functions.rows(),
    written: () => outputAt - output,
    take: () => {
      const taken = bytes.subarray(output, outputAt);
      outputAt = output;
      return taken;
    },
  };
}

/** What a code of the kernel means at a value of that type, with the number that was wrong. */
type Explain = (
  code: number,
  type: AvroType | undefined,
  found: number,
) => { readonly expected: string; readonly found: string };

const explainStatus: Explain = (status, type, n) => {
  const kind = type === undefined ? 'a value' : `${/^[aeiou]/.test(type.kind) ? 'an' : 'a'} ${type.kind}`;
  switch (status) {
    case STATUS.cut:
      return { expected: kind, found: 'the end of the block' };
    case STATUS.badBranch:
      return {
        expected: `a branch of a union of ${type?.kind === 'union' ? type.branches.length : 2}`,
        found: String(n),
      };
    case STATUS.badLength:
      return { expected: `the length of ${kind}`, found: String(n) };
    case STATUS.badVarint:
      return { expected: `an integer of at most 64 bits in ${kind}`, found: 'more than 10 bytes' };
    case STATUS.badBoolean:
      return { expected: 'a boolean of 0 or 1', found: String(n) };
    case STATUS.badSymbol:
      return {
        expected: `a symbol of 0 to ${type?.kind === 'enum' ? type.symbols.length - 1 : 0}`,
        found: String(n),
      };
    case STATUS.badInt:
      return { expected: 'an integer of 32 bits', found: String(n) };
    case STATUS.tooDeep:
      return { expected: 'at most 512 levels of nesting', found: 'more' };
    case STATUS.tooMany:
      return { expected: 'at most 65536 items without bytes', found: String(n) };
    default:
      throw new Error(`avro kernel: unknown status ${status}`);
  }
};

const explainReason: Explain = (reason, type, n) => {
  switch (reason) {
    case REASON.badTime:
      return { expected: 'a time of day', found: String(n) };
    case REASON.badDecimal:
      return {
        expected: `a decimal of at most ${type?.kind === 'decimal' ? type.precision : 0} digits`,
        found: 'more',
      };
    case REASON.twice:
      return { expected: 'distinct keys in a map', found: 'one of them twice' };
    default:
      throw new Error(`avro kernel: unknown reason ${reason}`);
  }
};

const explainSize: Explain = () => ({
  expected: `a row of at most ${MAX_ROW_BYTES / 2 ** 20} MiB`,
  found: 'more',
});
