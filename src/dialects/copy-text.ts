/**
 * COPY's text format. https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2
 * A field is never empty of meaning: NULL is `\N`, and a backslash in the data is doubled, so that `\.` cannot end the data.
 */

import { mismatch } from '../errors.ts';
import { type Fill, type StageColumn, textOf } from '../merge/engine.ts';
import { type ColumnType, decimalDigits } from '../merge/lattice.ts';
import type { Run, Value } from '../wire/types.ts';

const SPECIAL = /[\\\n\r\t]/;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** The lines of a run, with our own columns before theirs. Throws `UserError` for a value that PostgreSQL would alter or refuse. */
export function copyLines(fill: Fill, run: Run): string {
  const encoders = fill.columns.map((column) => encoderOf(column));
  let text = '';
  let row = fill.firstRow;
  const tail = `\t${fill.batch}\t${fill.shape}`;
  for (const values of run.objects()) {
    text += row + tail;
    for (let i = 0; i < encoders.length; i++) {
      const { name, encode } = encoders[i]!;
      const value = values[name];
      if (value === null || value === undefined) {
        text += '\t\\N';
        continue;
      }
      const field = encode(value);
      if (typeof field === 'object')
        throw mismatch(
          `table ${fill.table} row ${row + 1} column ${name}`,
          field.expected,
          JSON.stringify(value),
        );
      text += `\t${SPECIAL.test(field) ? field.replace(/[\\\n\r\t]/g, (character) => ESCAPES[character]!) : field}`;
    }
    text += '\n';
    row++;
  }
  return text;
}

type Encode = (value: Exclude<Value, null>) => string | { readonly expected: string };

function encoderOf({ name, type }: StageColumn): { name: string; encode: Encode } {
  return { name, encode: type === undefined || type === 'text' ? plain : typed(type) };
}

const NUL = { expected: 'text without NUL, which PostgreSQL cannot keep' };
// A lone surrogate would be written as another character.
const UNPAIRED = { expected: 'text that UTF-8 can hold' };

const UNPAIRED_SURROGATE = /\p{Surrogate}/u;

const plain: Encode = (value) => {
  const text = textOf(value)!;
  if (text.includes('\0')) return NUL;
  return UNPAIRED_SURROGATE.test(text) ? UNPAIRED : text;
};

const WHOLE = /^\s*[+-]?\d+\s*$/;
const DOUBLE = /^[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf(inity)?|nan)$/i;
const BOOLEAN = /^(0|1|t|f|y|n|true|false|yes|no)$/i;
const DATE = /^\d{4,}-\d{1,2}-\d{1,2}([T ]00:00(:00(\.0*)?)?)?$/;
const TIME = /^\d{1,2}:\d{2}(:\d{2}(\.\d{1,6}0*)?)?$/;
const INSTANT =
  /^\d{4,}-\d{1,2}-\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}(\.\d{1,6}0*)?)?\s?([zZ]|UTC|[+-]\d{2}(:?\d{2})?)?)?$/;
const ZONE = /([zZ]|UTC|[T ].*[+-]\d{2}(:?\d{2})?)$/;
const UUID = /^[{]?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}[}]?$/i;

// PostgreSQL checks numbers itself, but rounds decimals and seconds, and drops zones and times of day where the type
// has none: what it would alter is told here.
function typed(type: ColumnType): Encode {
  const digits = decimalDigits(type);
  if (digits !== undefined) return matching(decimalForm(digits), type);
  switch (type) {
    case 'boolean':
      return matching(BOOLEAN, type);
    case 'int':
    case 'bigint':
      return matching(WHOLE, type);
    case 'decimal':
      return matching(/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i, type);
    case 'float':
    case 'double':
      return matching(DOUBLE, type);
    case 'date':
      return matching(DATE, type);
    case 'time':
      return matching(TIME, type);
    case 'timestamp':
      return (value) =>
        ZONE.test(String(value))
          ? { expected: 'timestamp (without a zone)' }
          : matching(INSTANT, type)(value);
    case 'timestamptz':
      return matching(INSTANT, type);
    case 'uuid':
      return matching(UUID, type);
    case 'bytes':
      return bytes;
    default:
      return json;
  }
}

function decimalForm({ scale }: { readonly scale: number }): RegExp {
  return new RegExp(`^\\s*[+-]?(\\d+\\.?\\d{0,${scale}}0*|\\.\\d{1,${Math.max(scale, 1)}}0*)\\s*$`);
}

function matching(form: RegExp, type: ColumnType): Encode {
  return (value) => {
    const text = textOf(value)!;
    return form.test(text) ? text : { expected: type };
  };
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const bytes: Encode = (value) =>
  typeof value === 'string' && BASE64.test(value)
    ? `\\x${Buffer.from(value, 'base64').toString('hex')}`
    : { expected: 'bytes in base64' };

const json: Encode = (value) => {
  const text = typeof value === 'string' && isJson(value) ? value : JSON.stringify(value);
  // jsonb has no NUL: https://www.postgresql.org/docs/current/datatype-json.html
  return /\\u0000/.test(text) ? NUL : text;
};

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
