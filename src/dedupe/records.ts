import { createHash } from 'node:crypto';
import { mismatch } from '../errors.ts';
import {
  type KindedName,
  keyText,
  type OrderValue,
  orderValue,
  truthOf,
  type ValueKind,
} from '../wire/order.ts';
import type { Row } from '../wire/types.ts';
import {
  type Arena,
  KEYS,
  MAX_FIELDS,
  RECORD_BYTES,
  RECORDS,
  RULE,
  SCRATCH,
  SCRATCH_BYTES,
  VERSIONS,
  VOTES,
} from './arena.ts';
import { codeOf } from './codes.ts';
import type { TableRule } from './rules.ts';

/** Marks in the third word of a record; see `src/kernels/assembly/_record.ts`. */
const INEXACT = 0x80000000;
export const VOTE = 0x40000000;
const STOPS = 0x20000000;

/** Numbers by which the tables of a group are told apart in keys. */
export interface TableIds {
  readonly table: number;
  readonly family: number;
}

const KINDS: Readonly<Record<ValueKind, number>> = {
  number: 0,
  boolean: 1,
  instant: 2,
  time: 3,
  uuid: 4,
  text: 5,
  any: 6,
};
const NONE = 0xffffffff;
const FIELDS = 64;

const encoder = new TextEncoder();

/** Tells the kernel which members of the coming rows to look at, and how. */
export function writeRule(arena: Arena, rule: TableRule, ids: TableIds, batch: bigint): void {
  const { bytes } = arena;
  const names: string[] = [];
  const field = (column: KindedName | undefined): number => {
    if (column === undefined) return NONE;
    const known = names.indexOf(column.name);
    return known >= 0 ? known : names.push(column.name) - 1;
  };
  const keys = rule.key.map((column) => ({
    field: field(column),
    kind: KINDS[column.kind],
    isSource: rule.sourceKey?.some(({ name }) => name === column.name) ?? false,
  }));
  const [first, second] = rule.order;
  const words = [
    0,
    keys.length,
    ids.table,
    ids.family,
    Number(rule.sourceKey !== undefined),
    Number(rule.byBatch),
    field(first),
    first === undefined ? 0 : KINDS[first.kind],
    field(second),
    second === undefined ? 0 : KINDS[second.kind],
    Number(rule.order.length > 2),
    field(rule.deleteFlag),
    Number(rule.stopOnConflict),
    field(rule.version),
  ];
  words[0] = names.length;
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word, RULE + index * 4);
  bytes.writeBigUInt64LE(batch << 1n, RULE + words.length * 4);
  for (const [index, key] of keys.entries()) {
    for (const [word, value] of [key.field, key.kind, Number(key.isSource)].entries())
      bytes.writeUInt32LE(value, KEYS + index * 12 + word * 4);
  }
  let at = RULE + FIELDS + MAX_FIELDS * 8;
  for (const [index, name] of names.entries()) {
    const quoted = encoder.encode(JSON.stringify(name));
    if (index >= MAX_FIELDS || at + quoted.length > KEYS) {
      throw mismatch(
        `table ${rule.table}`,
        `key and order of at most ${MAX_FIELDS} columns with names of ordinary length`,
        names.join(', ').slice(0, 200),
      );
    }
    bytes.set(quoted, at);
    bytes.writeUInt32LE(at, RULE + FIELDS + index * 8);
    bytes.writeUInt32LE(quoted.length, RULE + FIELDS + index * 8 + 4);
    at += quoted.length;
  }
  arena.kernel.forgetShape();
}

/** What the records of a row are made of. */
export interface Judged {
  readonly row: Row;
  /** The bytes of its line; asked for where rows of one key must not differ. */
  readonly lineHash: () => bigint;
  /** The row's place among the records of the batch. */
  readonly index: number;
}

/**
 * Makes the records of a row that the kernel has left: what `digest` does, for values in any form.
 * Returns the key column that holds NULL, in which case there are no records.
 */
export function judgeRow(
  arena: Arena,
  rule: TableRule,
  ids: TableIds,
  batch: bigint,
  { row, lineHash, index }: Judged,
): string | undefined {
  const { bytes, kernel } = arena;
  const record = RECORDS + index * RECORD_BYTES;
  const vote = VOTES + index * RECORD_BYTES;
  const missing = rule.key.find(({ name, kind }) => keyText(row[name], kind) === null);
  if (missing !== undefined) {
    bytes.writeBigUInt64LE(0n, record);
    bytes.writeBigUInt64LE(0n, vote);
    return missing.name;
  }
  if (rule.version !== undefined) {
    bytes.writeBigUInt64LE(
      codeOf(orderValue(row[rule.version.name], 'number'), false).code,
      VERSIONS + index * 8,
    );
  }
  const orders = rule.order.map(({ name, kind }) => orderValue(row[name], kind));
  const [first, second] = orders;
  let rank = 0n;
  let tie = 0n;
  let isExact = true;
  let isRankExact = true;
  if (first !== undefined) {
    const code = codeOf(first, orders.length === 1 && !rule.byBatch);
    rank = code.code;
    tie = orders.length === 1 && !rule.byBatch ? code.rest : 0n;
    isRankExact = code.isExact;
    isExact = code.isExact && orders.length <= 2;
  }
  if (rule.byBatch) {
    tie = rank;
    if (orders.length > 1) isExact = false;
    isRankExact = true;
    rank = (batch << 1n) | (deletes(row, rule) ? 0n : 1n);
  } else if (second !== undefined) {
    const code = codeOf(second, false);
    tie = code.code;
    isExact &&= code.isExact;
  }
  if (rule.stopOnConflict) tie = lineHash();

  const isChild = rule.sourceKey !== undefined;
  if (isChild) {
    kernel.hashScratch(writeKey(bytes, row, rule.sourceKey!, [ids.family, 0]), vote);
    bytes.writeUInt32LE((bytes.readUInt32LE(vote + 8) | VOTE | (isRankExact ? 0 : INEXACT)) >>> 0, vote + 8);
    bytes.writeBigUInt64LE(rank, vote + 16);
    bytes.writeBigUInt64LE(0n, vote + 24);
  }
  const seen = isChild ? { rank, text: isRankExact ? undefined : orderText(first!) } : undefined;
  kernel.hashScratch(writeKey(bytes, row, rule.key, [ids.table, isChild ? 1 : 0], seen), record);
  const flags = (isExact ? 0 : INEXACT) | (rule.stopOnConflict ? STOPS : 0);
  bytes.writeUInt32LE((bytes.readUInt32LE(record + 8) | flags) >>> 0, record + 8);
  bytes.writeBigUInt64LE(rank, record + 16);
  bytes.writeBigUInt64LE(tie, record + 24);
  return undefined;
}

/** Whether a row deletes: its flag is true, or (of a flag that is no boolean) not NULL. */
function deletes(row: Row, rule: TableRule): boolean {
  if (rule.deleteFlag === undefined) return false;
  const value = row[rule.deleteFlag.name] ?? null;
  return truthOf(value) ?? value !== null;
}

function orderText({ rank, high, text }: OrderValue): string {
  return `${rank}:${high}:${text}`;
}

// The form in which keys are hashed: two numbers, of subtables the version's rank, then each value after its length.
function writeKey(
  bytes: Buffer,
  row: Row,
  columns: readonly KindedName[],
  head: readonly [number, number],
  seen?: { readonly rank: bigint; readonly text: string | undefined },
): number {
  const parts: Buffer[] = [];
  let at = 8 + (seen === undefined ? 0 : 8);
  let isTooLong = false;
  const add = (text: string, slack: number): void => {
    const part = Buffer.from(text);
    isTooLong ||= at + 16 + part.length + slack > SCRATCH_BYTES;
    at += 4 + part.length;
    parts.push(part);
  };
  if (seen?.text !== undefined) add(seen.text, 0);
  for (const { name, kind } of columns) add(keyText(row[name], kind)!, kind === 'uuid' ? 4 : 0);
  bytes.writeUInt32LE(head[0], SCRATCH);
  bytes.writeUInt32LE(head[1], SCRATCH + 4);
  at = SCRATCH + 8;
  if (seen !== undefined) at = bytes.writeBigUInt64LE(seen.rank, at);
  if (isTooLong) {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(`${part.length}:`).update(part);
    at = bytes.writeUInt32LE(0xffffffff, at);
    at += hash.digest().copy(bytes, at);
  } else {
    for (const part of parts) {
      at = bytes.writeUInt32LE(part.length, at);
      at += part.copy(bytes, at);
    }
  }
  return at - SCRATCH;
}
