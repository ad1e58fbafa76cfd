import { PARQUET_CODES } from '../../kernels/parquet.ts';
import type { Column, TypeName } from '../../wire/types.ts';
import { PHYSICAL, type SchemaNode } from './metadata.ts';
import { numberOf, structOf } from './thrift.ts';

/** What becomes of a column that is not nested: its wire type, and what the kernel does with its values. */
export interface Leaf {
  readonly column: Column;
  /** Its physical type (PHYSICAL of metadata.ts). */
  readonly physical: number;
  readonly code: number;
  /** Bytes of a PLAIN value; 0: its length stands before it. */
  readonly width: number;
  /** What the code needs to know; see assembly/_parquet-values.ts. */
  readonly first: number;
  readonly second: number;
  readonly nullable: boolean;
}

type Rule = Omit<Leaf, 'column' | 'physical' | 'nullable' | 'width' | 'first' | 'second'> &
  Partial<Pick<Leaf, 'width' | 'first' | 'second'>> & { readonly type: TypeName };

// https://github.com/apache/parquet-format/blob/master/LogicalTypes.md; the fields of LogicalType, and the older
// ConvertedType, which says the same where a file has only that.
const LOGICAL = {
  string: 1,
  enum: 4,
  decimal: 5,
  date: 6,
  time: 7,
  timestamp: 8,
  integer: 10,
  unknown: 11,
  json: 12,
  bson: 13,
  uuid: 14,
  float16: 15,
} as const;

const PER_SECOND: Readonly<Record<number, number>> = { 1: 1e3, 2: 1e6, 3: 1e9 };

type Annotation =
  | { readonly kind: 'none' | 'text' | 'json' | 'bson' | 'date' | 'uuid' | 'float16' | 'unknown' | 'other' }
  | { readonly kind: 'decimal'; readonly scale: number; readonly precision: number }
  | {
      readonly kind: 'time' | 'timestamp';
      readonly perSecond: number;
      readonly utc: boolean;
    }
  | { readonly kind: 'integer'; readonly bits: number; readonly signed: boolean };

export function annotationOf(node: SchemaNode): Annotation {
  const { scale, precision, convertedType } = node;
  if (node.logicalType === undefined) {
    if (convertedType === undefined) return { kind: 'none' };
    if (convertedType >= 11 && convertedType <= 18)
      return { kind: 'integer', bits: 8 << ((convertedType - 11) % 4), signed: convertedType >= 15 };
    return CONVERTED[convertedType]?.(scale, precision) ?? { kind: 'other' };
  }
  const { id, parts } = node.logicalType;
  switch (id) {
    case LOGICAL.string:
    case LOGICAL.enum:
      return { kind: 'text' };
    case LOGICAL.decimal:
      return {
        kind: 'decimal',
        scale: numberOf(parts, 1) ?? scale,
        precision: numberOf(parts, 2) ?? precision,
      };
    case LOGICAL.date:
      return { kind: 'date' };
    case LOGICAL.time:
    case LOGICAL.timestamp: {
      const unit = Number(Object.keys(structOf(parts, 2) ?? {})[0]);
      return {
        kind: id === LOGICAL.time ? 'time' : 'timestamp',
        perSecond: PER_SECOND[unit] ?? 0,
        utc: parts[1] === true,
      };
    }
    case LOGICAL.integer:
      return { kind: 'integer', bits: numberOf(parts, 1) ?? 0, signed: parts[2] === true };
    case LOGICAL.unknown:
      return { kind: 'unknown' };
    case LOGICAL.json:
      return { kind: 'json' };
    case LOGICAL.bson:
      return { kind: 'bson' };
    case LOGICAL.uuid:
      return { kind: 'uuid' };
    case LOGICAL.float16:
      return { kind: 'float16' };
    default:
      return { kind: 'other' };
  }
}

const CONVERTED: Readonly<Record<number, (scale: number, precision: number) => Annotation>> = {
  0: () => ({ kind: 'text' }),
  4: () => ({ kind: 'text' }),
  5: (scale, precision) => ({ kind: 'decimal', scale, precision }),
  6: () => ({ kind: 'date' }),
  7: () => ({ kind: 'time', perSecond: 1e3, utc: false }),
  8: () => ({ kind: 'time', perSecond: 1e6, utc: false }),
  9: () => ({ kind: 'timestamp', perSecond: 1e3, utc: false }),
  10: () => ({ kind: 'timestamp', perSecond: 1e6, utc: false }),
  19: () => ({ kind: 'json' }),
  20: () => ({ kind: 'bson' }),
};

/** Undefined for what only DuckDB reads: nested columns, and types that are rare. */
export function leafOf(node: SchemaNode): Leaf | undefined {
  if (node.children.length > 0 || node.repetition > 1) return undefined;
  const annotation = annotationOf(node);
  const rule = ruleOf(node, annotation);
  if (rule === undefined) return undefined;
  const { type, code, width, first = 0, second = 0 } = rule;
  return {
    // A column of nothing but NULL has no type of its own, whatever it is stored as.
    column: annotation.kind === 'unknown' ? { name: node.name } : { name: node.name, type },
    physical: node.type!,
    code,
    width: width ?? WIDTHS[node.type ?? -1] ?? node.typeLength,
    first,
    second,
    nullable: node.repetition === 1,
  };
}

const WIDTHS: Readonly<Record<number, number>> = {
  [PHYSICAL.boolean]: 1,
  [PHYSICAL.int32]: 4,
  [PHYSICAL.int64]: 8,
  [PHYSICAL.int96]: 12,
  [PHYSICAL.float]: 4,
  [PHYSICAL.double]: 8,
  [PHYSICAL.byteArray]: 0,
};

function ruleOf(node: SchemaNode, annotation: Annotation): Rule | undefined {
  const codes = PARQUET_CODES;
  const { kind } = annotation;
  const bare = kind === 'none' || kind === 'unknown';
  switch (node.type) {
    case PHYSICAL.boolean:
      return bare ? { type: 'boolean', code: codes.boolean } : undefined;
    case PHYSICAL.int32:
    case PHYSICAL.int64:
      return integerRule(node.type === PHYSICAL.int64, annotation);
    case PHYSICAL.int96:
      return bare ? { type: 'timestamp', code: codes.int96 } : undefined;
    case PHYSICAL.float:
      return bare ? { type: 'float', code: codes.float } : undefined;
    case PHYSICAL.double:
      return bare ? { type: 'double', code: codes.double } : undefined;
    case PHYSICAL.byteArray:
      if (kind === 'text') return { type: 'text', code: codes.text };
      if (kind === 'json') return { type: 'json', code: codes.text };
      if (bare || kind === 'bson') return { type: 'bytes', code: codes.bytes };
      return kind === 'decimal' ? decimalRule(codes.decimal, annotation) : undefined;
    case PHYSICAL.fixed:
      if (node.typeLength < 1) return undefined;
      if (bare) return { type: 'bytes', code: codes.fixedBytes };
      if (kind === 'uuid') return node.typeLength === 16 ? { type: 'uuid', code: codes.uuid } : undefined;
      if (kind === 'float16') return node.typeLength === 2 ? { type: 'float', code: codes.half } : undefined;
      return kind === 'decimal' ? decimalRule(codes.fixedDecimal, annotation) : undefined;
    default:
      return undefined;
  }
}

function decimalRule(
  code: number,
  { scale, precision }: { readonly scale: number; readonly precision: number },
): Rule | undefined {
  if (precision < 1 || precision > 38 || scale < 0 || scale > precision) return undefined;
  return { type: `decimal(${precision},${scale})`, code, first: scale, second: precision };
}

function integerRule(long: boolean, annotation: Annotation): Rule | undefined {
  const codes = PARQUET_CODES;
  switch (annotation.kind) {
    case 'none':
    case 'unknown':
      return long ? { type: 'bigint', code: codes.bigint } : { type: 'int', code: codes.int };
    case 'integer': {
      const { bits, signed } = annotation;
      if (long !== (bits === 64)) return undefined;
      if (long)
        return signed
          ? { type: 'bigint', code: codes.bigint }
          : { type: 'decimal(20,0)', code: codes.ubigint };
      if (signed) return { type: 'int', code: codes.int };
      // Beyond what 32 bits with a sign hold.
      return bits === 32 ? { type: 'bigint', code: codes.uintText } : { type: 'int', code: codes.uint };
    }
    case 'decimal':
      return decimalRule(long ? codes.decimal64 : codes.decimal32, annotation);
    case 'date':
      return long ? undefined : { type: 'date', code: codes.date };
    case 'time': {
      const { perSecond } = annotation;
      if (long !== perSecond > 1e3 || perSecond === 0) return undefined;
      return { type: 'time', code: long ? codes.time64 : codes.time32, first: perSecond };
    }
    case 'timestamp': {
      const { perSecond, utc } = annotation;
      if (!long || perSecond === 0) return undefined;
      return {
        type: utc ? 'timestamptz' : 'timestamp',
        code: codes.timestamp,
        first: perSecond,
        second: Number(utc),
      };
    }
    default:
      return undefined;
  }
}
