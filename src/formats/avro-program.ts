import { closingText, openingText } from '../kernels/row-texts.ts';
import { branchesOf, unionType } from './avro-columns.ts';
import type { AvroRecord, AvroType } from './avro-schema.ts';

/** A schema as the operations that the kernel interprets; the layout is src/kernels/assembly/_avro-operations.ts's. */
export interface AvroProgram {
  /** To be copied to the address it was compiled for. */
  readonly bytes: Uint8Array;
  /** The operations of a row, and what stands behind its last value. */
  readonly operations: number;
  readonly members: number;
  readonly tail: Uint8Array;
  /** The most that one operation writes besides strings and bytes. */
  readonly margin: number;
  /** The fewest bytes of a row. */
  readonly leastBytes: number;
  readonly usesFloats: boolean;
  /** What messages call the value of the operation at an address. */
  describe(address: number): { readonly path: string; readonly type: AvroType } | undefined;
}

const OPERATION_BYTES = 32;
const NOT_NULLABLE = 255;

const CODES = {
  null: 0,
  string: 1,
  long: 2,
  int: 3,
  boolean: 4,
  double: 5,
  float: 6,
  bytes: 7,
  fixed: 8,
  enum: 9,
  record: 10,
  array: 11,
  map: 12,
  union: 13,
  longNumber: 14,
  date: 15,
  time: 16,
  timestamp: 17,
  decimal: 18,
  'uuid-fixed': 19,
  duration: 20,
  uuid: 1,
} as const;

const utf8 = new TextEncoder();

/** Compiles a row's schema for the address `base` (a multiple of 16). */
export function compileAvro(row: AvroRecord, base: number): AvroProgram {
  let memory = Buffer.alloc(16 * 1024);
  let used = 0;
  let longestText = 0;
  let largestDecimal = 0;
  let usesFloats = false;
  const described = new Map<number, { path: string; type: AvroType }>();
  const records = new Map<string, number>();
  const recordIds = new Map<AvroRecord, number>();
  const texts = new Map<string, number>();
  const pending: (() => void)[] = [];

  const reserve = (size: number): number => {
    const at = used;
    used = (used + size + 31) & ~15;
    while (used > memory.length) memory = Buffer.concat([memory, Buffer.alloc(memory.length)]);
    return at;
  };
  const put = (at: number, value: number): void => {
    memory.writeUInt32LE(value >>> 0, at);
  };
  // Texts are copied 16 bytes at a time, so each has as many to spare.
  const text = (value: string): { address: number; length: number } => {
    const bytes = utf8.encode(value);
    let at = texts.get(value);
    if (at === undefined) {
      at = reserve(bytes.length + 16);
      memory.set(bytes, at);
      texts.set(value, at);
    }
    longestText = Math.max(longestText, bytes.length);
    return { address: base + at, length: bytes.length };
  };

  /** The operations of a record's fields; compiled once for each of the two forms of a long. */
  const membersOf = (record: AvroRecord, json: boolean, path: string, opening = '{'): number => {
    const id = recordIds.get(record) ?? recordIds.size;
    recordIds.set(record, id);
    const key = `${id} ${json}`;
    const known = records.get(key);
    if (known !== undefined) return known;
    const at = reserve(record.fields.length * OPERATION_BYTES);
    records.set(key, at);
    for (const [index, field] of record.fields.entries()) {
      const operation = at + index * OPERATION_BYTES;
      const name = text(`${index === 0 ? opening : ','}${JSON.stringify(field.name)}:`);
      put(operation + 8, name.address);
      put(operation + 12, name.length);
      const inner = path === '' ? field.name : `${path}.${field.name}`;
      // Later, so that a deep schema does not become a deep recursion.
      pending.push(() => compile(operation, field.type, json, inner));
    }
    return at;
  };

  const compile = (at: number, type: AvroType, json: boolean, path: string): void => {
    described.set(base + at, { path, type });
    if (type.kind === 'union') {
      compileUnion(at, type, json, path);
      return;
    }
    memory[at] = type.kind === 'long' && json ? CODES.longNumber : CODES[type.kind];
    memory[at + 1] = NOT_NULLABLE;
    const argument = (index: number, value: number): void => put(at + 16 + index * 4, value);
    switch (type.kind) {
      case 'float':
      case 'double':
        usesFloats = true;
        break;
      case 'fixed':
        argument(0, type.size);
        break;
      case 'enum': {
        const table = reserve(type.symbols.length * 8);
        for (const [index, symbol] of type.symbols.entries()) {
          const value = text(JSON.stringify(symbol));
          put(table + index * 8, value.address);
          put(table + index * 8 + 4, value.length);
        }
        argument(0, base + table);
        argument(1, type.symbols.length);
        break;
      }
      case 'record':
        argument(0, base + membersOf(type, json || type.recursive, path));
        argument(1, type.fields.length);
        break;
      case 'array':
      case 'map': {
        const item = reserve(OPERATION_BYTES);
        argument(0, base + item);
        argument(1, leastBytes(type.items));
        const asJson = json || type.kind === 'map';
        pending.push(() => compile(item, type.items, asJson, `${path}[]`));
        break;
      }
      case 'time':
      case 'timestamp':
        argument(0, type.digits);
        argument(1, type.kind === 'timestamp' && !type.local ? 1 : 0);
        break;
      case 'decimal':
        argument(0, type.scale);
        argument(1, type.precision);
        argument(2, type.size ?? 0xffffffff);
        largestDecimal = Math.max(largestDecimal, type.precision);
        break;
      default:
    }
  };

  const compileUnion = (
    at: number,
    type: AvroType & { kind: 'union' },
    json: boolean,
    path: string,
  ): void => {
    const values = branchesOf(type);
    const [value] = values;
    // The usual case, null and something else, is no operation of its own.
    if (type.branches.length === 2 && values.length === 1 && value !== undefined) {
      compile(at, value, json, path);
      memory[at + 1] = type.branches[0] === value ? 2 : 0;
      return;
    }
    const asJson = json || (values.length > 1 && unionType(values) === 'json');
    memory[at] = CODES.union;
    memory[at + 1] = NOT_NULLABLE;
    const branches = reserve(type.branches.length * OPERATION_BYTES);
    put(at + 16, base + branches);
    put(at + 20, type.branches.length);
    for (const [index, branch] of type.branches.entries()) {
      const operation = branches + index * OPERATION_BYTES;
      pending.push(() => compile(operation, branch, asJson, path));
    }
  };

  const names = row.fields.map((field) => field.name);
  const start = openingText(names);
  const end = `${names.length === 0 ? start : ''}${closingText(names)}`;
  const operations = base + membersOf(row, false, '', start);
  // The row's own form is not what a reference to it from within compiles to.
  records.clear();
  for (let task = pending.pop(); task !== undefined; task = pending.pop()) task();
  reserve(64);

  return {
    bytes: memory.subarray(0, used),
    operations,
    members: row.fields.length,
    tail: utf8.encode(end),
    // Nesting closes with one byte a level, up to 512; no other operation writes more than 64.
    margin: 1024 + longestText + largestDecimal,
    leastBytes: leastBytes(row),
    usesFloats,
    describe: (address) => described.get(address),
  };
}

/** The fewest bytes a value can take; 1 for anything that is not surely empty. */
function leastBytes(type: AvroType): number {
  const seen = new Set<AvroType>();
  const least = (inner: AvroType): number => {
    if (inner.kind === 'null') return 0;
    if (inner.kind === 'fixed' || inner.kind === 'decimal')
      return inner.kind === 'fixed' ? Math.min(inner.size, 1) : 1;
    if (inner.kind !== 'record') return 1;
    if (seen.has(inner)) return 0;
    seen.add(inner);
    return inner.fields.some((field) => least(field.type) > 0) ? 1 : 0;
  };
  return least(type);
}
