import { mismatch, type UserError } from '../errors.ts';
import { type KindedName, kindOf } from '../wire/order.ts';
import { isSourceKey, sourceKeyColumn } from '../wire/subtable-columns.ts';
import type { TableLine } from '../wire/types.ts';

/** The options of `dedupe`; the names are those of the flags. */
export interface DedupeOptions {
  /** Key columns of tables that come without a key. */
  readonly key?: readonly string[];
  /** Order columns of tables that come without an order, the most significant first. */
  readonly order?: readonly string[];
  /** Which row of a key lives: the one of the greatest order, or of the least. Default: `last`. */
  readonly keep?: 'last' | 'first';
  /** What to do about two different rows of one key with no order between them. Default: see `tableRule`. */
  readonly onKeyConflict?: 'stop' | 'last';
  /** What to do about a row whose key holds NULL: fail, or pass a `reject` line on instead. Default: `stop`. */
  readonly onError?: 'stop' | 'reject';
  /** Bytes of memory to work in; what does not fit is spilled. Default: 256 MiB. */
  readonly memory?: number;
  /** Where spilled rows go; default: the system's temporary folder. */
  readonly tmp?: string;
}

/** What `dedupe` does with the rows of a table. */
export interface TableRule {
  readonly table: string;
  /** In the order in which parent and subtables agree: sorted by name. */
  readonly key: readonly KindedName[];
  readonly order: readonly KindedName[];
  /** Rows of a later batch (`file.batch`) win, whatever their order. */
  readonly byBatch: boolean;
  /** Of `delete-insert`: in a batch, a row that deletes loses against one that does not. */
  readonly deleteFlag: KindedName | undefined;
  readonly version: KindedName | undefined;
  /** Two different rows of one key in one batch with nothing to choose between them are an error. */
  readonly stopOnConflict: boolean;
  /** The top-level table whose rows and those of its subtables live and die together; its own name at the top. */
  readonly family: string;
  /** Of a subtable: the columns that hold the key of the parent's row, in the parent's order. */
  readonly sourceKey: readonly KindedName[] | undefined;
}

/**
 * The rule for the rows under a table line; undefined if they pass untouched: those of `append` and `scd2`, and
 * of `replace` or `full` without a key.
 *
 * Two different rows of one key with no order between them stop, since the key is probably too narrow; not in
 * the feed `stitch`, which repeats rows, and not in `delete-insert`, where the last one counts by definition.
 */
export function tableRule(
  line: TableLine,
  options: DedupeOptions,
  feed: string | undefined,
): TableRule | undefined {
  const merge = line.merge ?? 'upsert';
  if (merge === 'append' || merge === 'scd2') return undefined;
  const isChild = line.parent !== undefined;
  const kinded = (name: string): KindedName => ({
    name,
    kind: kindOf(line.columns?.find((column) => column.name === name)?.type),
  });
  const keyNames = line.key ?? (isChild ? undefined : options.key);
  if (keyNames === undefined || keyNames.length === 0) {
    if (merge === 'replace' || line.full === true) return undefined;
    const how = isChild
      ? `a key with ${sourceKeyColumn('…')} columns`
      : 'a key (--key, or "key" in the catalog)';
    throw mismatch(`table ${line.table}`, how, 'none');
  }
  const sourceNames = isChild ? keyNames.filter(isSourceKey).sort() : undefined;
  if (sourceNames?.length === 0) {
    throw mismatch(
      `table ${line.table}, a subtable of ${line.parent}`,
      `a key with ${sourceKeyColumn('…')} columns`,
      keyNames.join(', '),
    );
  }
  const order = (line.order ?? options.order ?? []).map(kinded);
  const byBatch = merge === 'delete-insert' || order.length === 0;
  const stops =
    options.onKeyConflict === undefined
      ? feed !== 'stitch' && merge !== 'delete-insert'
      : options.onKeyConflict === 'stop';
  return {
    table: line.table,
    key: [...keyNames].sort().map(kinded),
    order,
    byBatch,
    deleteFlag:
      merge === 'delete-insert' && line.delete_flag !== undefined ? kinded(line.delete_flag) : undefined,
    version: line.version === undefined ? undefined : kinded(line.version),
    stopOnConflict: stops && order.length === 0,
    family: line.parent ?? line.table,
    sourceKey: sourceNames?.map(kinded),
  };
}

/** The number of a batch, as `file` lines give it. */
export function batchNumber(text: string | undefined, uri: string): bigint {
  if (text === undefined) return 0n;
  if (!/^\d{1,18}$/.test(text)) throw mismatch(`file ${uri}`, 'a batch of up to 18 digits', text);
  return BigInt(text);
}

/** The error about a key that holds NULL. */
export function nullKey(place: string, column: string): UserError {
  return mismatch(
    place,
    `a value in key column ${column}`,
    'NULL (--on-error reject passes such rows on as rejects)',
  );
}
