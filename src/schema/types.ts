/**
 * Redshift's types as types of the wire.
 * https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html lists them with their aliases.
 */

import type { TypeName } from '../wire/types.ts';

/** A type as written: its words in capitals, separated by one blank, and what stands in its brackets. */
export interface WrittenType {
  readonly words: string;
  readonly parameters: readonly string[];
}

const SIMPLE: Readonly<Record<string, TypeName>> = {
  BOOLEAN: 'boolean',
  BOOL: 'boolean',
  SMALLINT: 'int',
  INT2: 'int',
  INTEGER: 'int',
  INT: 'int',
  INT4: 'int',
  BIGINT: 'bigint',
  INT8: 'bigint',
  REAL: 'float',
  FLOAT4: 'float',
  'DOUBLE PRECISION': 'double',
  FLOAT8: 'double',
  VARCHAR: 'text',
  NVARCHAR: 'text',
  'CHARACTER VARYING': 'text',
  CHAR: 'text',
  CHARACTER: 'text',
  NCHAR: 'text',
  BPCHAR: 'text',
  TEXT: 'text',
  DATE: 'date',
  TIME: 'time',
  'TIME WITHOUT TIME ZONE': 'time',
  TIMESTAMP: 'timestamp',
  'TIMESTAMP WITHOUT TIME ZONE': 'timestamp',
  DATETIME: 'timestamp',
  TIMESTAMPTZ: 'timestamptz',
  'TIMESTAMP WITH TIME ZONE': 'timestamptz',
  // The wire has no time of day with a zone, and a `time` would lose it.
  TIMETZ: 'text',
  'TIME WITH TIME ZONE': 'text',
  SUPER: 'json',
  VARBYTE: 'bytes',
  VARBINARY: 'bytes',
  'BINARY VARYING': 'bytes',
};

/** The words that go on after a first one: `DOUBLE PRECISION`, `TIMESTAMP WITHOUT TIME ZONE`. */
export const TYPE_CONTINUATIONS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  DOUBLE: [['PRECISION']],
  CHARACTER: [['VARYING']],
  BINARY: [['VARYING']],
  TIME: [
    ['WITH', 'TIME', 'ZONE'],
    ['WITHOUT', 'TIME', 'ZONE'],
  ],
  TIMESTAMP: [
    ['WITH', 'TIME', 'ZONE'],
    ['WITHOUT', 'TIME', 'ZONE'],
  ],
};

/** The wire's type of a Redshift type, or undefined if there is no such type. */
export function typeOf({ words, parameters }: WrittenType): TypeName | undefined {
  if (words === 'DECIMAL' || words === 'NUMERIC') return decimalOf(parameters);
  // FLOAT(p): up to 24 binary digits are a REAL.
  if (words === 'FLOAT') return parameters.length > 0 && Number(parameters[0]) <= 24 ? 'float' : 'double';
  return Object.hasOwn(SIMPLE, words) ? SIMPLE[words] : undefined;
}

/** Precision and scale default to 18 and 0: https://docs.aws.amazon.com/redshift/latest/dg/r_Numeric_types201.html. */
function decimalOf(parameters: readonly string[]): TypeName | undefined {
  const [precision = 18, scale = 0] = parameters.map(Number);
  const isValid = Number.isInteger(precision) && Number.isInteger(scale) && precision >= 1 && precision <= 38;
  return isValid && scale >= 0 && scale <= precision && parameters.length <= 2
    ? `decimal(${precision},${scale})`
    : undefined;
}
