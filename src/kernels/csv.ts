import type { TypeName } from '../wire/types.ts';
import { aligned, FIRST_SIZES, type KernelBuffers, kernelBuffers } from './buffers.ts';
import { type Kernel, loadKernel } from './load.ts';
import { closingText, keyTexts } from './row-texts.ts';
import { typeCode } from './types.ts';

/** What the kernel says when it stops; the same numbers as in assembly/csv.ts. */
export const CSV_STATUS = {
  needInput: 0,
  rowsFull: 1,
  outputFull: 2,
  tooFew: 3,
  tooMany: 4,
  bareQuote: 5,
  afterQuote: 6,
  unterminated: 7,
  nul: 8,
  bareCr: 9,
  wrongType: 10,
} as const;

interface Functions {
  configure(
    delimiter: number,
    columnTable: number,
    columnCount: number,
    nullAt: number,
    nullBytes: number,
    emptyIsNull: number,
    lonelyCr: number,
    closing: number,
    closingLength: number,
  ): void;
  run(
    input: number,
    inputEnd: number,
    output: number,
    enough: number,
    outputEnd: number,
    final: number,
    maxRows: number,
  ): number;
  getAt(): number;
  getOutputAt(): number;
  getRows(): number;
  getLines(): number;
  getColumn(): number;
  getFound(): number;
  getFoundEnd(): number;
  startMeasure(delimiter: number): void;
  measure(from: number, inputEnd: number, final: number, anyCr: number): number;
  getNext(): number;
  getTextEnd(): number;
  getFieldCount(): number;
  getLineCount(): number;
  endedByCr(): number;
}

/** The CSV kernel with its buffers; `functions` say in assembly/csv.ts what they do. */
export interface CsvKernel {
  readonly buffers: KernelBuffers;
  readonly functions: Functions;
  /** Says what records look like and what becomes of their fields. */
  configure(layout: CsvLayout): void;
}

interface CsvLayout {
  readonly delimiter: number;
  readonly nullText: Uint8Array;
  readonly emptyIsNull: boolean;
  /** A CR without LF ends a record. */
  readonly lonelyCr: boolean;
  readonly columns: readonly { readonly name: string; readonly type?: TypeName }[];
}

const MAX_PAGES = 32768; // 2 GiB
const spare: CsvKernel[] = [];

/** A kernel for one file, to be given back with `releaseCsvKernel`. */
export function acquireCsvKernel(): CsvKernel {
  const kernel =
    spare.pop() ?? createCsvKernel(loadKernel<Functions>('csv', { initialPages: 9, maxPages: MAX_PAGES }));
  kernel.buffers.reset(0);
  return kernel;
}

export function releaseCsvKernel(kernel: CsvKernel): void {
  // One that a large record has blown up is better left to the garbage collector.
  const normal = 2 * (FIRST_SIZES.tables + FIRST_SIZES.input + FIRST_SIZES.output);
  if (spare.length < 4 && kernel.buffers.bytes.length < normal) spare.push(kernel);
}

function createCsvKernel({ functions, memory }: Kernel<Functions>): CsvKernel {
  const buffers = kernelBuffers(memory);
  return {
    buffers,
    functions,
    configure(layout) {
      const names = layout.columns.map((column) => column.name);
      const keys = keyTexts(names);
      const entries = 16 * keys.length;
      const texts = keys.reduce((total, key) => total + aligned(key.length), 0);
      buffers.reserve({ tables: entries + texts + aligned(layout.nullText.length) });
      const { bytes, tables } = buffers;
      let text = tables + entries;
      keys.forEach((key, index) => {
        const entry = tables + 16 * index;
        const type = typeCode(layout.columns[index]!.type);
        bytes.writeUInt32LE(text, entry);
        bytes.writeUInt32LE(key.length, entry + 4);
        bytes.writeUInt32LE(type.code, entry + 8);
        bytes.writeUInt32LE(type.limits, entry + 12);
        key.copy(bytes, text);
        text += aligned(key.length);
      });
      bytes.set(layout.nullText, text);
      const closing = closingText(names);
      functions.configure(
        layout.delimiter,
        tables,
        keys.length,
        text,
        layout.nullText.length,
        Number(layout.emptyIsNull),
        Number(layout.lonelyCr),
        Buffer.concat([closing], 4).readUInt32LE(0),
        closing.length,
      );
    },
  };
}
