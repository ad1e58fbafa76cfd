import { messageOf, mismatch } from '../errors.ts';

/**
 * An Avro schema with its names resolved. A named type that is used twice is the same object, so that a recursive
 * schema is a cycle.
 *
 * Source: Apache Avro 1.12 specification, "Schema Declaration" and "Logical Types".
 */
export type AvroType =
  | { readonly kind: 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string' }
  | { readonly kind: 'uuid' | 'date' | 'duration' }
  /** A time of day: milliseconds (in an int) or microseconds (in a long) since midnight. */
  | { readonly kind: 'time'; readonly digits: 3 | 6 }
  /** Milli-, micro- or nanoseconds since 1970-01-01T00:00, in UTC or (`local`) without a zone. */
  | { readonly kind: 'timestamp'; readonly digits: 3 | 6 | 9; readonly local: boolean }
  /** Two's complement, big-endian; `size` bytes of a fixed, else of any length. */
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number; readonly size?: number }
  | { readonly kind: 'uuid-fixed' }
  | { readonly kind: 'fixed'; readonly size: number }
  | { readonly kind: 'enum'; readonly symbols: readonly string[] }
  | { readonly kind: 'array' | 'map'; readonly items: AvroType }
  | { readonly kind: 'union'; readonly branches: readonly AvroType[] }
  | AvroRecord;

export interface AvroRecord {
  readonly kind: 'record';
  readonly name: string;
  readonly fields: readonly AvroField[];
  /** Holds itself, directly or by way of others. */
  readonly recursive: boolean;
}

interface AvroField {
  readonly name: string;
  readonly type: AvroType;
}

const PRIMITIVES = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const;
const MAX_PRECISION = 4000;
const MAX_NESTING = 200;

type Json = Record<string, unknown>;

/**
 * Reads a schema's JSON. Throws `UserError` whose message begins with `place` and names the path inside the schema.
 * An unknown or impossible logical type is ignored, as the specification asks.
 */
export function parseAvroSchema(text: string, place: string): AvroType {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw mismatch(place, 'a schema in JSON', messageOf(error), error);
  }
  const names = new Map<string, AvroType>();
  const open = new Set<AvroType>();
  let depth = 0;

  const fail = (path: string, expected: string, found: unknown): never => {
    throw mismatch(
      `${place}${path}`,
      expected,
      found === undefined ? 'nothing' : (JSON.stringify(found) ?? '').slice(0, 80),
    );
  };

  const resolve = (name: string, namespace: string, path: string): AvroType => {
    if (isPrimitive(name)) return { kind: name };
    const found = names.get(fullName(name, namespace)) ?? names.get(name);
    if (found === undefined) return fail(path, 'a type that is defined', name);
    // Everything that is open now holds the record that is met again.
    if (open.has(found))
      for (const type of [...open].slice([...open].indexOf(found)))
        (type as { recursive: boolean }).recursive = true;
    return found;
  };

  const define = (schema: Json, namespace: string, path: string): [string, string] => {
    const name = schema['name'];
    if (typeof name !== 'string' || name === '') return fail(`${path}.name`, 'a name', name);
    const own = schema['namespace'];
    const full = fullName(name, typeof own === 'string' ? own : namespace);
    if (names.has(full)) fail(path, 'one definition of a name', name);
    return [full, full.includes('.') ? full.slice(0, full.lastIndexOf('.')) : ''];
  };

  const list = (value: unknown, path: string): unknown[] =>
    Array.isArray(value) ? value : fail(path, 'a list', value);

  const read = (schema: unknown, namespace: string, path: string): AvroType => {
    if (++depth > MAX_NESTING) fail(path, `at most ${MAX_NESTING} levels of types`, schema);
    const type = readAny(schema, namespace, path);
    depth--;
    return type;
  };

  const readAny = (schema: unknown, namespace: string, path: string): AvroType => {
    if (typeof schema === 'string') return resolve(schema, namespace, path);
    if (Array.isArray(schema)) {
      if (schema.length === 0) fail(path, 'a union of at least one type', schema);
      const branches = schema.map((branch, index) => read(branch, namespace, `${path}[${index}]`));
      if (branches.some((branch) => branch.kind === 'union'))
        fail(path, 'no union directly in a union', schema);
      return { kind: 'union', branches };
    }
    if (typeof schema !== 'object' || schema === null) return fail(path, 'a type', schema);
    return readObject(schema as Json, namespace, path);
  };

  const readObject = (schema: Json, namespace: string, path: string): AvroType => {
    const kind = schema['type'];
    if (kind === 'record' || kind === 'error') {
      const [full, inner] = define(schema, namespace, path);
      const fields: AvroField[] = [];
      const record: AvroRecord = { kind: 'record', name: full, fields, recursive: false };
      names.set(full, record);
      open.add(record);
      const seen = new Set<string>();
      for (const [index, field] of list(schema['fields'], `${path}.fields`).entries()) {
        const name = (field as Json | null)?.['name'];
        if (typeof name !== 'string') return fail(`${path}.fields[${index}].name`, 'a name', name);
        if (seen.has(name)) fail(`${path}.fields[${index}]`, 'one field of a name', name);
        seen.add(name);
        fields.push({ name, type: read((field as Json)['type'], inner, `${path}.${name}`) });
      }
      open.delete(record);
      return record;
    }
    if (kind === 'enum') {
      const [full] = define(schema, namespace, path);
      const symbols = list(schema['symbols'], `${path}.symbols`);
      const wrong = symbols.find((symbol) => typeof symbol !== 'string');
      if (wrong !== undefined) fail(`${path}.symbols`, 'texts', wrong);
      const type: AvroType = { kind, symbols: symbols as string[] };
      names.set(full, type);
      return type;
    }
    if (kind === 'fixed') {
      const [full] = define(schema, namespace, path);
      const size = schema['size'];
      if (!isCount(size) || size > 2 ** 30) return fail(`${path}.size`, 'a number of bytes', size);
      const type = logical(schema, { kind, size });
      names.set(full, type);
      return type;
    }
    if (kind === 'array') return { kind, items: read(schema['items'], namespace, `${path}[]`) };
    if (kind === 'map') return { kind, items: read(schema['values'], namespace, `${path}{}`) };
    if (kind === undefined) return fail(`${path}.type`, 'a type', kind);
    return logical(schema, read(kind, namespace, path));
  };

  return read(json, '', '');
}

function logical(schema: Json, base: AvroType): AvroType {
  const name = schema['logicalType'];
  if (name === 'decimal' && (base.kind === 'bytes' || base.kind === 'fixed')) {
    const precision = schema['precision'];
    const scale = schema['scale'] ?? 0;
    if (
      !isCount(precision) ||
      !isCount(scale) ||
      precision === 0 ||
      scale > precision ||
      precision > MAX_PRECISION
    )
      return base;
    if (base.kind !== 'fixed') return { kind: 'decimal', precision, scale };
    // A fixed must be able to hold its precision: floor(log10(2^(8·size-1) - 1)) digits.
    return precision <= Math.floor(Math.log10(2) * (8 * base.size - 1))
      ? { kind: 'decimal', precision, scale, size: base.size }
      : base;
  }
  const key = `${base.kind}${base.kind === 'fixed' ? base.size : ''} ${String(name)}`;
  return LOGICAL.get(key) ?? base;
}

const LOGICAL: ReadonlyMap<string, AvroType> = new Map<string, AvroType>([
  ['string uuid', { kind: 'uuid' }],
  ['fixed16 uuid', { kind: 'uuid-fixed' }],
  ['fixed12 duration', { kind: 'duration' }],
  ['int date', { kind: 'date' }],
  ['int time-millis', { kind: 'time', digits: 3 }],
  ['long time-micros', { kind: 'time', digits: 6 }],
  ...(
    [
      ['millis', 3],
      ['micros', 6],
      ['nanos', 9],
    ] as const
  ).flatMap(([unit, digits]): [string, AvroType][] => [
    [`long timestamp-${unit}`, { kind: 'timestamp', digits, local: false }],
    [`long local-timestamp-${unit}`, { kind: 'timestamp', digits, local: true }],
  ]),
]);

function isPrimitive(name: string): name is (typeof PRIMITIVES)[number] {
  return (PRIMITIVES as readonly string[]).includes(name);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function fullName(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`;
}
