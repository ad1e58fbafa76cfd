import type { DuckDBType } from '@duckdb/node-api';
import { quoteName, quoteText } from '../../duckdb.ts';
import type { Column, TypeName } from '../../wire/types.ts';

/**
 * How a value of a DuckDB type gets its wire form: SQL that DuckDB's JSON writer prints exactly so. Left alone, that
 * writer gives bare `NaN`, `1.1` for a decimal 1.10, the noise of float32, and 64-bit integers as numbers.
 */
export interface Projection {
  /** Turns the SQL of a value into the SQL of its wire form; absent: the value is printed right as it is. */
  readonly convert?: (value: string) => string;
  readonly column: Omit<Column, 'name'>;
}

/** Undefined for a type that has no place on the wire. */
export function projectionOf(type: DuckDBType, depth = 0, inJson = false): Projection | undefined {
  const scalar = SCALARS[type.toString()];
  // Nothing types the inside of a `json` value, so its integers are numbers where that is exact.
  if (inJson && type.toString() === 'BIGINT') return { convert: exactNumber, column: { type: 'bigint' } };
  // DuckDB's JSON is a VARCHAR by another name.
  if (type.alias === 'JSON') return { convert: asText, column: { type: 'json' } };
  if (scalar !== undefined)
    return { ...(scalar.convert && { convert: scalar.convert }), column: { type: scalar.type } };
  // The type's own fields are told by their presence, so that the native module is not loaded for its classes.
  if ('width' in type && 'scale' in type)
    return { convert: asText, column: { type: `decimal(${type.width},${type.scale})` } };
  if ('entryTypes' in type) return structProjection(type.entryNames, type.entryTypes, depth, inJson);
  if ('keyType' in type) return mapProjection(type.keyType, type.valueType, depth);
  if ('valueType' in type) {
    const items = projectionOf(type.valueType, depth + 1, inJson);
    if (items === undefined) return undefined;
    const column: Projection['column'] = { type: 'array', items: { name: 'item', ...items.column } };
    if (items.convert === undefined) return { column };
    const element = `e${depth}`;
    const converted = items.convert(element);
    return { convert: (value) => `list_transform(${value}, lambda ${element}: ${converted})`, column };
  }
  if ('values' in type) return { convert: asText, column: { type: 'text' } };
  return undefined;
}

function structProjection(
  names: readonly string[],
  types: readonly DuckDBType[],
  depth: number,
  inJson: boolean,
): Projection | undefined {
  const columns: Column[] = [];
  const entries: ((value: string) => string)[] = [];
  let plain = true;
  for (const [at, name] of names.entries()) {
    const inner = projectionOf(types[at]!, depth + 1, inJson);
    if (inner === undefined) return undefined;
    columns.push({ name, ...inner.column });
    plain &&= inner.convert === undefined;
    const key = quoteName(name);
    entries.push((value) => {
      const field = `struct_extract(${value}, ${quoteText(name)})`;
      return `${key} := ${inner.convert?.(field) ?? field}`;
    });
  }
  const column: Projection['column'] = { type: 'object', columns };
  if (plain) return { column };
  const pack = (value: string) => `struct_pack(${entries.map((entry) => entry(value)).join(', ')})`;
  return { convert: (value) => `CASE WHEN ${value} IS NULL THEN NULL ELSE ${pack(value)} END`, column };
}

// A map is an object if its keys are text, else a list of {key, value}. Its keys are data, not columns: `json`.
function mapProjection(keyType: DuckDBType, valueType: DuckDBType, depth: number): Projection | undefined {
  const key = projectionOf(keyType, depth + 1, true);
  const value = projectionOf(valueType, depth + 1, true);
  if (key === undefined || value === undefined) return undefined;
  const column: Projection['column'] = { type: 'json' };
  const isObject = key.column.type === 'text' && key.convert === undefined;
  if (isObject && value.convert === undefined) return { column };
  const entry = `e${depth}`;
  const keySql = `${entry}.key`;
  const pack = `struct_pack("key" := ${key.convert?.(keySql) ?? keySql}, "value" := ${value.convert?.(`${entry}.value`) ?? `${entry}.value`})`;
  const list = (map: string) => `list_transform(map_entries(${map}), lambda ${entry}: ${pack})`;
  if (!isObject)
    return { convert: (map) => `CASE WHEN ${map} IS NULL THEN NULL ELSE ${list(map)} END`, column };
  return {
    convert: (map) => `CASE WHEN ${map} IS NULL THEN NULL ELSE map_from_entries(${list(map)}) END`,
    column,
  };
}

interface Scalar {
  readonly type: TypeName;
  readonly convert?: (value: string) => string;
}

const exactNumber = (value: string) =>
  `CASE WHEN ${value} BETWEEN -9007199254740991 AND 9007199254740991 THEN to_json(${value}) ELSE to_json((${value})::VARCHAR) END`;

const asText = (value: string) => `(${value})::VARCHAR`;

// A year before our era prints as `0044-03-15 (BC) 10:00:00`: in ISO 8601 that is the year -43, and 1 BC the year 0.
const asDate = (value: string) => {
  const before = `(-year(${value}))::VARCHAR`;
  const years = `CASE WHEN year(${value}) = 0 THEN '0000' ELSE '-' || lpad(${before}, greatest(6, length(${before}))::INTEGER, '0') END`;
  return `CASE WHEN contains((${value})::VARCHAR, '(BC)') THEN ${years} || regexp_replace((${value})::VARCHAR, '^\\d+(-\\d+-\\d+) \\(BC\\)', '\\1') ELSE (${value})::VARCHAR END`;
};

const asTimestamp = (value: string) => `replace(${asDate(value)}, ' ', 'T')`;

// The connection's time zone is UTC.
const asInstant = (value: string) =>
  `CASE WHEN isfinite(${value}) THEN ${asTimestamp(`(${value})::TIMESTAMP`)} || 'Z' ELSE (${value})::VARCHAR END`;

// JSON has no word for these numbers, DuckDB's writer has: bare NaN.
const asNumber = (value: string, number = value) =>
  `CASE WHEN isfinite(${value}) THEN to_json(${number}) ELSE to_json(CASE WHEN isnan(${value}) THEN 'NaN' WHEN ${value} > 0 THEN 'Infinity' WHEN ${value} < 0 THEN '-Infinity' END) END`;

const SCALARS: Readonly<Record<string, Scalar>> = {
  BOOLEAN: { type: 'boolean' },
  TINYINT: { type: 'int' },
  SMALLINT: { type: 'int' },
  INTEGER: { type: 'int' },
  UTINYINT: { type: 'int' },
  USMALLINT: { type: 'int' },
  // Beyond what 32 bits with a sign hold.
  UINTEGER: { type: 'bigint', convert: asText },
  BIGINT: { type: 'bigint', convert: asText },
  UBIGINT: { type: 'decimal(20,0)', convert: asText },
  // By way of its text, the shortest that gives the same float32, so that 0.1 does not become 0.10000000149011612.
  FLOAT: { type: 'float', convert: (value) => asNumber(value, `(${value})::VARCHAR::DOUBLE`) },
  DOUBLE: { type: 'double', convert: (value) => asNumber(value) },
  VARCHAR: { type: 'text' },
  BLOB: { type: 'bytes', convert: (value) => `base64(${value})` },
  DATE: { type: 'date', convert: asDate },
  TIME: { type: 'time', convert: asText },
  TIME_NS: { type: 'time', convert: asText },
  // A time of day has no zone on the wire; Parquet's are in UTC, where many writers set that flag by default.
  'TIME WITH TIME ZONE': { type: 'time', convert: (value) => `(${value})::TIME::VARCHAR` },
  TIMESTAMP: { type: 'timestamp', convert: asTimestamp },
  TIMESTAMP_S: { type: 'timestamp', convert: asTimestamp },
  TIMESTAMP_MS: { type: 'timestamp', convert: asTimestamp },
  TIMESTAMP_NS: { type: 'timestamp', convert: asTimestamp },
  'TIMESTAMP WITH TIME ZONE': { type: 'timestamptz', convert: asInstant },
  INTERVAL: { type: 'text', convert: asText },
  UUID: { type: 'uuid', convert: asText },
  VARIANT: { type: 'json', convert: (value) => `(${value})::JSON::VARCHAR` },
};
