import { mismatch, type UserError } from '../errors.ts';
import { isLineage } from '../wire/lineage.ts';
import { compareOrderValues, keyText, kindOf, orderValue } from '../wire/order.ts';
import type { Row, TableLine } from '../wire/types.ts';
import type { TableRule } from './rules.ts';

/** A row with the rule it stands under. */
interface Found {
  readonly entry: { readonly rule: TableRule };
  readonly value: Row;
}

/** Each row by the (first `count`) order columns of its own table, whose types may differ. */
export function compareOrders(a: Found, b: Found, count?: number): number {
  const others = b.entry.rule.order;
  for (const [index, column] of a.entry.rule.order.slice(0, count).entries()) {
    const other = others[index] ?? column;
    const difference = compareOrderValues(
      orderValue(a.value[column.name], column.kind),
      orderValue(b.value[other.name], other.kind),
    );
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Whether two rows under this line are one and the same record, told without lineage. */
export function isSameRow(a: Row, b: Row, line: TableLine): boolean {
  const types = new Map(line.columns?.map(({ name, type }) => [name, type]));
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (isLineage(name)) continue;
    const kind = kindOf(types.get(name));
    if (keyText(a[name], kind) !== keyText(b[name], kind)) return false;
  }
  return true;
}

/** The error of two rows of one key that nothing tells apart. */
export function conflict(rule: TableRule, a: Row, b: Row, keep: 'last' | 'first'): UserError {
  const key = rule.key.map(({ name }) => `${name} ${JSON.stringify(a[name])}`).join(', ');
  const differing = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter(
    (name) => !isLineage(name) && JSON.stringify(a[name]) !== JSON.stringify(b[name]),
  );
  const shown = differing
    .slice(0, 3)
    .map((name) => `${name} ${short(b[name])} and ${short(a[name])}`)
    .join('; ');
  const names = rule.key.map(({ name }) => name).join(', ');
  return mismatch(
    `table ${rule.table}`,
    `one row per key (${names}) or an order to choose by`,
    `different rows of ${key}: ${shown}; is the key too narrow? (key and order stand in the catalog; --on-key-conflict last takes the ${keep} row)`,
  );
}

function short(value: unknown): string {
  const text = JSON.stringify(value ?? null);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
