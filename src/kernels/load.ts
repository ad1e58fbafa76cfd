import { readFileSync } from 'node:fs';
import { join } from 'node:path';

// What this file needs of the global of that name, whose types come with browsers' only.
declare namespace WebAssembly {
  class Memory {
    constructor(limits: { initial: number; maximum: number });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports: object);
    readonly exports: object;
  }
}

/** A kernel's own instance: its functions and the memory they work in. */
export interface Kernel<Functions> {
  readonly functions: Functions;
  readonly memory: KernelMemory;
}

/** Growing it detaches `buffer`: views must be made anew. */
export interface KernelMemory {
  readonly buffer: ArrayBuffer;
  /** By pages of 64 KiB; throws a RangeError beyond the maximum. */
  grow(pages: number): number;
}

export interface KernelOptions {
  /** Memory to begin with and the most it may grow to, in pages of 64 KiB. */
  readonly initialPages: number;
  readonly maxPages: number;
  /** Functions the kernel calls back. */
  readonly imports?: Readonly<Record<string, (...args: number[]) => number | undefined>>;
}

const modules = new Map<string, WebAssembly.Module>();

/**
 * A fresh instance of the kernel `dist/kernels/<name>.wasm`, which `npm run build:kernels` makes of
 * `src/kernels/assembly/<name>.ts`. The code is compiled once a process; memory is never shared between instances.
 */
export function loadKernel<Functions>(name: string, options: KernelOptions): Kernel<Functions> {
  let module = modules.get(name);
  if (module === undefined) {
    // The same path from src/kernels (under tsx), dist/kernels (the library) and dist/cli (the executables).
    module = new WebAssembly.Module(
      readFileSync(join(import.meta.dirname, `../../dist/kernels/${name}.wasm`)),
    );
    modules.set(name, module);
  }
  const memory = new WebAssembly.Memory({ initial: options.initialPages, maximum: options.maxPages });
  const abort = (_message: number, _file: number, line: number): undefined => {
    throw new Error(`kernel ${name} aborted at line ${line}`);
  };
  const instance = new WebAssembly.Instance(module, { env: { memory, abort, ...options.imports } });
  return { functions: instance.exports as Functions, memory };
}
