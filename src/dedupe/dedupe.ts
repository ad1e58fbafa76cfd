import { UserError } from '../errors.ts';
import type { Context, Stage } from '../stage.ts';
import { compareOrderValues, keyText, orderValue, truthOf } from '../wire/order.ts';
import { runOfRows } from '../wire/run.ts';
import { type Chunk, isControl, type Row, type Run, type TableLine } from '../wire/types.ts';
import { batchNumber, type DedupeOptions, nullKey, type TableRule, tableRule } from './rules.ts';

interface Held {
  readonly table: TableLine;
  readonly rule: TableRule;
  readonly row: Row;
  readonly batch: bigint;
}

/**
 * Keeps the live version of every key, per group and table.
 *
 * Rows are held until the `commit` of their group (of a loose body: the `end`) and leave before it, in order of
 * arrival; control lines pass at once.
 */
export function dedupe(options: DedupeOptions = {}): Stage {
  return async function* (input, context) {
    let feed: string | undefined;
    let place = '';
    let uri = '';
    let row = 0;
    let batch = 0n;
    let held: Held[] = [];
    for await (const chunk of input) {
      if (!isControl(chunk)) {
        const rule = tableRule(chunk.table, options, feed);
        if (rule === undefined) {
          yield chunk;
          continue;
        }
        for (const record of chunk.objects()) {
          row++;
          const missing = rule.key.find(({ name, kind }) => keyText(record[name], kind) === null);
          if (missing === undefined) held.push({ table: chunk.table, rule, row: record, batch });
          else if (options.onError !== 'reject')
            throw nullKey(`dedupe: ${place}table ${rule.table}, ${uri} row ${row}`, missing.name);
          else
            yield {
              $: 'reject',
              uri,
              row,
              column: missing.name,
              reason: `NULL in key column ${missing.name}`,
              raw: JSON.stringify(record),
            };
        }
        continue;
      }
      if (chunk.$ === 'feed') feed = chunk.feed;
      if (chunk.$ === 'group') place = `group ${chunk.group}, `;
      if (chunk.$ === 'file') {
        uri = chunk.uri;
        row = 0;
        batch = batchNumber(chunk.batch, uri);
      }
      if (chunk.$ === 'commit' || chunk.$ === 'end') {
        yield* survivors(held, options, context);
        held = [];
        batch = 0n;
        place = '';
      }
      yield chunk;
    }
  };
}

function* survivors(held: readonly Held[], options: DedupeOptions, context: Context): Iterable<Run> {
  const sign = options.keep === 'first' ? -1 : 1;
  const id = (table: string, columns: TableRule['key'], row: Row): string =>
    JSON.stringify([table, ...columns.map(({ name, kind }) => keyText(row[name], kind))]);
  const order = (item: Held, count = item.rule.order.length) =>
    item.rule.order.slice(0, count).map(({ name, kind }) => orderValue(item.row[name], kind));
  const compareOrders = (a: Held, b: Held, count?: number): number => {
    const y = order(b, count);
    for (const [i, value] of order(a, count).entries()) {
      const difference = compareOrderValues(value, y[i]!);
      if (difference !== 0) return difference;
    }
    return 0;
  };
  const deletes = (item: Held): boolean => {
    const flag = item.rule.deleteFlag;
    if (flag === undefined) return false;
    const value = item.row[flag.name];
    return truthOf(value) ?? (value !== null && value !== undefined);
  };
  let nullFlags = 0;
  for (const { rule, row } of held)
    if (rule.deleteFlag && (row[rule.deleteFlag.name] ?? null) === null) nullFlags++;
  if (nullFlags > 0)
    context.warn(`dedupe: ${nullFlags} rows have NULL as delete flag and count as not deleted`);

  const newest = new Map<string, Held>();
  for (const item of held) {
    const { version, family } = item.rule;
    if (version === undefined) continue;
    const best = newest.get(family);
    const value = orderValue(item.row[version.name], version.kind);
    if (
      best === undefined ||
      compareOrderValues(value, orderValue(best.row[best.rule.version!.name], version.kind)) > 0
    )
      newest.set(family, item);
  }
  const alive = held.filter(({ rule, row }) => {
    const best = newest.get(rule.family);
    if (rule.version === undefined || best === undefined) return true;
    return (
      compareOrderValues(
        orderValue(row[rule.version.name], rule.version.kind),
        orderValue(best.row[best.rule.version!.name], rule.version.kind),
      ) === 0
    );
  });

  const winners = new Map<string, Held>();
  for (const item of alive) {
    if (item.rule.sourceKey !== undefined) continue;
    const key = id(item.rule.table, item.rule.key, item.row);
    const best = winners.get(key);
    if (best === undefined) {
      winners.set(key, item);
      continue;
    }
    let difference = item.rule.byBatch ? Number(item.batch - best.batch) : 0;
    if (difference === 0) difference = Number(deletes(best)) - Number(deletes(item));
    if (difference === 0) difference = compareOrders(item, best);
    if (
      difference === 0 &&
      item.rule.stopOnConflict &&
      JSON.stringify(item.row) !== JSON.stringify(best.row)
    ) {
      throw new UserError(
        `dedupe: table ${item.rule.table}: expected one row of key ${key}, found two that differ`,
      );
    }
    if (difference * sign > 0 || (difference === 0 && sign > 0)) winners.set(key, item);
  }
  const children = new Map<string, Held>();
  for (const item of alive) {
    if (item.rule.sourceKey === undefined) continue;
    const key = id(item.rule.family, item.rule.sourceKey, item.row);
    const best = children.get(key);
    if (best === undefined || compareOrders(item, best, 1) * sign > 0) children.set(key, item);
  }
  const own = new Map<string, Held>();
  for (const item of alive) {
    if (item.rule.sourceKey === undefined) continue;
    const key = id(item.rule.family, item.rule.sourceKey, item.row);
    if (compareOrders(item, winners.get(key) ?? children.get(key)!, 1) !== 0) continue;
    const level = id(item.rule.table, item.rule.key, item.row);
    const best = own.get(level);
    const difference = best === undefined ? 1 : compareOrders(item, best);
    if (difference * sign > 0 || (difference === 0 && sign > 0)) own.set(level, item);
  }
  const live = new Set([...winners.values(), ...own.values()]);
  let rows: Row[] = [];
  let table: TableLine | undefined;
  for (const item of held) {
    if (!live.has(item)) continue;
    if (table !== item.table && rows.length > 0) {
      yield runOfRows(table!, rows);
      rows = [];
    }
    table = item.table;
    rows.push(item.row);
  }
  if (rows.length > 0) yield runOfRows(table!, rows);
}
