/**
 * Thrift's compact protocol, in which Parquet writes its footers and page headers
 * (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
 *
 * A struct is read as its fields by their numbers, whatever they mean; what they mean stands with who asks for them.
 */
export interface ThriftStruct {
  readonly [field: number]: ThriftValue | undefined;
}

export type ThriftValue = boolean | number | Uint8Array | readonly ThriftValue[] | ThriftStruct;

const TYPES = {
  stop: 0,
  yes: 1,
  no: 2,
  byte: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  map: 11,
  struct: 12,
} as const;

const MAX_DEPTH = 64;

/** The bytes end inside the struct: with more of them it might be read. */
export class ThriftCut extends Error {}

/**
 * The struct at `at`, and where it ends. Integers become numbers (beyond 2^53 rounded: no size or place is that large).
 * Throws `ThriftCut` at the end of the bytes, `Error` where they make no sense.
 */
export function readThrift(bytes: Uint8Array, at: number): { struct: ThriftStruct; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = at;

  function byte(): number {
    const value = bytes[position++];
    if (value === undefined) throw new ThriftCut('expected the rest of a struct, found the end');
    return value;
  }

  function varint(): bigint | number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const next = byte();
      value |= (next & 127) << shift;
      if (next < 128) return value;
    }
    let large = BigInt(value);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const next = byte();
      large |= BigInt(next & 127) << shift;
      if (next < 128) return large;
    }
    throw new Error('expected an integer of at most 64 bits, found more than 10 bytes');
  }

  function signed(): number {
    const value = varint();
    if (typeof value === 'number') return (value >>> 1) ^ -(value & 1);
    return Number(BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n)));
  }

  function size(): number {
    const value = Number(varint());
    // No element takes less than a byte.
    if (value > bytes.length - position)
      throw new ThriftCut(`expected ${value} bytes or elements, found ${bytes.length - position} bytes`);
    return value;
  }

  function element(type: number, depth: number): ThriftValue {
    if (depth > MAX_DEPTH) throw new Error(`expected at most ${MAX_DEPTH} levels of structs, found more`);
    switch (type) {
      // In a list, a boolean is a byte of its own.
      case TYPES.yes:
      case TYPES.no:
        return byte() === TYPES.yes;
      case TYPES.byte:
        return (byte() << 24) >> 24;
      case TYPES.i16:
      case TYPES.i32:
      case TYPES.i64:
        return signed();
      case TYPES.double: {
        if (position + 8 > bytes.length) throw new ThriftCut('expected a double, found the end');
        position += 8;
        return view.getFloat64(position - 8, true);
      }
      case TYPES.binary: {
        const length = size();
        position += length;
        return bytes.subarray(position - length, position);
      }
      case TYPES.list:
      case TYPES.set: {
        const head = byte();
        const count = head >> 4 === 15 ? size() : head >> 4;
        return Array.from({ length: count }, () => element(head & 15, depth + 1));
      }
      case TYPES.map: {
        const count = size();
        const types = count === 0 ? 0 : byte();
        return Array.from({ length: count }, () => [
          element(types >> 4, depth + 1),
          element(types & 15, depth + 1),
        ]);
      }
      case TYPES.struct:
        return fields(depth + 1);
      default:
        throw new Error(`expected a type of Thrift, found ${type}`);
    }
  }

  function fields(depth: number): ThriftStruct {
    const struct: Record<number, ThriftValue> = {};
    for (let field = 0; ; ) {
      const head = byte();
      if (head === TYPES.stop) return struct;
      field = head >> 4 === 0 ? signed() : field + (head >> 4);
      const type = head & 15;
      struct[field] = type === TYPES.yes || type === TYPES.no ? type === TYPES.yes : element(type, depth);
    }
  }

  const struct = fields(0);
  return { struct, end: position };
}

/** What a field holds, if it is of that kind; else undefined. */
export function numberOf(struct: ThriftStruct, field: number): number | undefined {
  const value = struct[field];
  return typeof value === 'number' ? value : undefined;
}

export function textOf(struct: ThriftStruct, field: number): string | undefined {
  const value = struct[field];
  return value instanceof Uint8Array ? Buffer.from(value).toString() : undefined;
}

export function structOf(struct: ThriftStruct, field: number): ThriftStruct | undefined {
  return asStruct(struct[field]);
}

export function listOf(struct: ThriftStruct, field: number): readonly ThriftValue[] {
  const value = struct[field];
  return Array.isArray(value) ? value : [];
}

export function asStruct(value: ThriftValue | undefined): ThriftStruct | undefined {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array)
    ? (value as ThriftStruct)
    : undefined;
}
