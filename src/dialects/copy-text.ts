/**
 * COPY's text format. https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2
 * A field is never empty of meaning: NULL is `\N`, and a backslash in the data is doubled, so that `\.` cannot end the data.
 */

import { mismatch } from '../errors.ts';
import {
  COPY_CODES,
  type CopyColumn,
  type CopyKernel,
  type CopyProblem,
  createCopyKernel,
} from '../kernels/copy.ts';
import type { Fill, StageColumn } from '../merge/engine.ts';
import { type ColumnType, decimalDigits } from '../merge/lattice.ts';
import type { Run } from '../wire/types.ts';
import { DATE, INSTANT, TIME, TIMESTAMP, ZONE } from './time-forms.ts';

/**
 * The lines of a run, with our own columns before theirs. Texts keep their spelling; of numbers only those that another
 * type than theirs could not read (`1.0`, `1e3`) are printed anew. Throws `UserError` for a value that PostgreSQL would
 * alter or refuse, and for a member that no column lists.
 */
export function copyLines(fill: Fill, run: Run): Buffer {
  const { columns } = fill;
  return kernelFor(columns).lines(run.ndjson(), fill.firstRow, `\t${fill.batch}\t${fill.shape}`, (problem) =>
    refuse(fill, problem),
  );
}

/** Throws `UserError` for a member that no column lists, in any row: an engine that reads rows by columns would drop it. */
export function checkMembers(fill: Fill, run: Run): void {
  kernelFor(fill.columns).look(run.ndjson(), (problem) => refuse(fill, problem));
}

// Each has its memory, so that only the last ones used are kept, the last one first.
const KERNELS = 32;
const kernels: { readonly columns: readonly StageColumn[]; readonly kernel: CopyKernel }[] = [];

function kernelFor(columns: readonly StageColumn[]): CopyKernel {
  const at = kernels.findIndex((known) => isSame(known.columns, columns));
  const found = at < 0 ? { columns, kernel: createCopyKernel(columns.map(copyColumn)) } : kernels[at]!;
  if (at !== 0) {
    if (at > 0) kernels.splice(at, 1);
    kernels.unshift(found);
    kernels.length = Math.min(kernels.length, KERNELS);
  }
  return found.kernel;
}

const isSame = (some: readonly StageColumn[], others: readonly StageColumn[]): boolean =>
  some.length === others.length &&
  some.every(({ name, type }, i) => name === others[i]!.name && type === others[i]!.type);

function refuse(fill: Fill, { kind, row, column, found }: CopyProblem): never {
  const place = `table ${fill.table} row ${fill.firstRow + row + 1}`;
  const { name, type } = fill.columns[column] ?? { name: '', type: undefined };
  switch (kind) {
    case 'value':
      throw mismatch(`${place} column ${name}`, expectedOf(type, found), found);
    case 'nul':
      throw mismatch(`${place} column ${name}`, 'text without NUL, which PostgreSQL cannot keep', found);
    case 'surrogate':
      throw mismatch(place, 'text that UTF-8 can hold', found);
    case 'unlisted':
      throw mismatch(place, 'only columns that its table line lists', `one called ${found}`);
    case 'duplicate':
      throw mismatch(place, 'each column once', `${found} twice`);
    default:
      throw mismatch(place, 'a JSON object', `${JSON.stringify(found)} in it`);
  }
}

// `found` is JSON: the quotes of a text would hide its end.
function expectedOf(type: ColumnType | undefined, found: string): string {
  if (type === 'timestamp' && ZONE.test(found.slice(1, -1))) return 'timestamp (without a zone)';
  return type === 'bytes' ? 'bytes in base64' : (type ?? 'text');
}

const WHOLE = /^\s*[+-]?\d+\s*$/;
const NUMBER = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i;
const DOUBLE = /^[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf(inity)?|nan)$/i;
const BOOLEAN = /^(0|1|t|f|y|n|true|false|yes|no)$/i;
const UUID = /^[{]?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}[}]?$/i;

type Form = (text: string) => boolean;
const like =
  (form: RegExp): Form =>
  (text) =>
    form.test(text);
const none: Form = () => false;

// PostgreSQL checks numbers itself, but rounds decimals and seconds, and drops zones and times of day where the type
// has none: what it would alter is told here. The kernel asks only for texts that do not have the plainest form.
const FORMS: Readonly<Record<string, readonly [code: number, form: Form]>> = {
  text: [COPY_CODES.text, none],
  boolean: [COPY_CODES.boolean, like(BOOLEAN)],
  int: [COPY_CODES.whole, like(WHOLE)],
  bigint: [COPY_CODES.whole, like(WHOLE)],
  decimal: [COPY_CODES.decimal, like(NUMBER)],
  float: [COPY_CODES.double, like(DOUBLE)],
  double: [COPY_CODES.double, like(DOUBLE)],
  date: [COPY_CODES.date, like(DATE)],
  time: [COPY_CODES.time, like(TIME)],
  timestamp: [COPY_CODES.timestamp, like(TIMESTAMP)],
  timestamptz: [COPY_CODES.timestamptz, like(INSTANT)],
  uuid: [COPY_CODES.uuid, like(UUID)],
  bytes: [COPY_CODES.bytes, none],
  json: [COPY_CODES.json, none],
};

function copyColumn({ name, type }: StageColumn): CopyColumn {
  const digits = type === undefined ? undefined : decimalDigits(type);
  if (digits !== undefined) {
    return { name, code: COPY_CODES.fixed, scale: digits.scale, isValue: like(decimalForm(digits)) };
  }
  const [code, isValue] = type === undefined ? [COPY_CODES.unknown, none] : (FORMS[type] ?? FORMS['json']!);
  return { name, code, scale: 0, isValue };
}

function decimalForm({ scale }: { readonly scale: number }): RegExp {
  return new RegExp(`^\\s*[+-]?(\\d+\\.?\\d{0,${scale}}0*|\\.\\d{1,${Math.max(scale, 1)}}0*)\\s*$`);
}
