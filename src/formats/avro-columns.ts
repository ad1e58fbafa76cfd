import type { Column, TypeName } from '../wire/types.ts';
import type { AvroRecord, AvroType } from './avro-schema.ts';

/** What an Avro type is on the wire: `json` if it may differ from value to value or holds itself; none of null. */
type AvroColumnType = Omit<Column, 'name'>;

const SIMPLE = {
  boolean: 'boolean',
  int: 'int',
  long: 'bigint',
  float: 'float',
  double: 'double',
  bytes: 'bytes',
  fixed: 'bytes',
  string: 'text',
  enum: 'text',
  uuid: 'uuid',
  'uuid-fixed': 'uuid',
  date: 'date',
  time: 'time',
  duration: 'text',
  map: 'json',
} as const satisfies Record<string, TypeName>;

/** Numbers that hold all values of those before them; the value's text is the same either way. */
const WIDER: readonly (readonly [TypeName, TypeName, TypeName])[] = [
  ['int', 'bigint', 'bigint'],
  ['int', 'float', 'double'],
  ['int', 'double', 'double'],
  ['float', 'double', 'double'],
  ['timestamp', 'text', 'text'],
  ['date', 'text', 'text'],
  ['uuid', 'text', 'text'],
];

/** The record whose fields are a row: the file's own, or one with the field `value` around any other type. */
export function rowRecord(schema: AvroType): AvroRecord {
  if (schema.kind === 'record') return schema;
  return { kind: 'record', name: '', fields: [{ name: 'value', type: schema }], recursive: false };
}

/** A row's columns. `tooMany` is thrown when types that hold one another would give more than 20,000. */
export function avroColumns(row: AvroRecord, tooMany: () => Error): readonly Column[] {
  let count = 0;
  const columnsOf = (record: AvroRecord): Column[] =>
    record.fields.map((field) => {
      if (++count > 20_000) throw tooMany();
      return { name: field.name, ...columnType(field.type, columnsOf) };
    });
  return columnsOf(row);
}

/** A type as a column; `columnsOf` gives those of a record inside. */
function columnType(type: AvroType, columnsOf: (record: AvroRecord) => Column[]): AvroColumnType {
  switch (type.kind) {
    case 'null':
      return {};
    case 'decimal':
      return { type: `decimal(${type.precision},${type.scale})` };
    case 'timestamp':
      return { type: type.local ? 'timestamp' : 'timestamptz' };
    case 'record':
      return type.recursive ? { type: 'json' } : { type: 'object', columns: columnsOf(type) };
    case 'array':
      return { type: 'array', items: { name: 'item', ...columnType(type.items, columnsOf) } };
    case 'union': {
      const branches = branchesOf(type);
      const [only] = branches;
      if (only === undefined) return {};
      if (branches.length === 1) return columnType(only, columnsOf);
      return { type: unionType(branches) };
    }
    default:
      return { type: SIMPLE[type.kind] };
  }
}

/** The branches of a union that are not null. */
export function branchesOf(union: AvroType & { kind: 'union' }): readonly AvroType[] {
  return union.branches.filter((branch) => branch.kind !== 'null');
}

/** The type that holds every branch as it is; `json` if there is none. */
export function unionType(branches: readonly AvroType[]): TypeName {
  const types = branches.map((branch) => simpleType(branch));
  return types.reduce((a, b) => {
    if (a === b) return a;
    const wider = WIDER.find(([x, y]) => (x === a && y === b) || (x === b && y === a));
    return wider?.[2] ?? 'json';
  });
}

function simpleType(type: AvroType): TypeName {
  if (type.kind === 'record' || type.kind === 'array' || type.kind === 'map' || type.kind === 'union')
    return 'json';
  return columnType(type, () => []).type ?? 'json';
}

/**
 * The file's columns with the types that the catalog or vendor declares for them, where the file's texts can be of
 * that type: text may be anything but nested, an integer may be declared wider. Names match in any case; the file's
 * names, order and nested columns stay.
 */
export function declaredTypes(
  columns: readonly Column[],
  declared: readonly Column[] | undefined,
): readonly Column[] {
  if (declared === undefined) return columns;
  const types = new Map(declared.map((column) => [column.name.toLowerCase(), column.type]));
  return columns.map((column) => {
    const type = types.get(column.name.toLowerCase());
    return type !== undefined && column.type !== undefined && mayBe(column.type, type)
      ? { ...column, type }
      : column;
  });
}

const INTEGERS: readonly string[] = ['int', 'bigint'];

function mayBe(own: TypeName, declared: TypeName): boolean {
  if (own === 'text') return declared !== 'array' && declared !== 'object' && declared !== 'bytes';
  if (declared === 'text') return own !== 'array' && own !== 'object' && own !== 'json';
  const decimal = declared.startsWith('decimal');
  if (own === 'int') return declared === 'bigint' || declared === 'double' || decimal;
  if (own === 'float') return declared === 'double';
  return INTEGERS.includes(own) && decimal;
}
