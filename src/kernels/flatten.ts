import { type KernelBuffers, kernelBuffers } from './buffers.ts';
import { loadKernel } from './load.ts';

/** What the kernel says when it stops, besides what is wrong with a row: the same numbers as in assembly/flatten.ts. */
export const FLATTEN_STATUS = {
  done: 0,
  learn: 1,
  newName: 2,
  enough: 3,
  full: 4,
  notRow: 17,
} as const;

/** What may stand at a node, and what becomes of it; the same as in assembly/flatten.ts. */
export const NODE_FLAGS = {
  scalar: 1,
  nullWrite: 2,
  nullOmit: 4,
  objectOpen: 8,
  objectRaw: 16,
  objectText: 32,
  arrayTable: 64,
  arrayRaw: 128,
  arrayText: 256,
  dollar: 512,
} as const;

interface Functions {
  configure(
    tables: number,
    nodes: number,
    nodeCount: number,
    slots: number,
    slotCount: number,
    captures: number,
    keyCount: number,
    captureCount: number,
    dollarCapture: number,
    levels: number,
    pending: number,
    scratch: number,
    scratchBytes: number,
    enough: number,
  ): void;
  addEntry(entry: number): void;
  run(input: number, inputEnd: number): number;
  check(line: number): number;
  getAt(): number;
  getFound(): number;
  getFoundEnd(): number;
  getNode(): number;
  getTable(): number;
}

/** The kernel with its buffers, whose output is the areas of the tables; `functions` say in the assembly what they do. */
export interface FlattenKernel {
  readonly buffers: KernelBuffers;
  readonly functions: Functions;
}

export function createFlattenKernel(): FlattenKernel {
  const { functions, memory } = loadKernel<Functions>('flatten', { initialPages: 9, maxPages: 32768 });
  return { functions, buffers: kernelBuffers(memory) };
}
