/**
 * What each vendor's drop means, as short as it can be said: whole tables in memory, one group after the other. The
 * property test holds every way of running the pipeline against it.
 */

/** A record's columns, as text; a column that is null here and one that is not there are the same. */
export type ModelRow = Readonly<Record<string, string | null>>;
export type Model = Map<string, Map<string, ModelRow>>;

const keyOf = (row: ModelRow, key: readonly string[]): string => JSON.stringify(key.map((name) => row[name]));

function table(model: Model, name: string): Map<string, ModelRow> {
  const found = model.get(name) ?? new Map<string, ModelRow>();
  model.set(name, found);
  return found;
}

export interface ZenotiBatch {
  readonly logid: number;
  /** Only the columns that the file has. */
  readonly rows: readonly ModelRow[];
}

/**
 * A fact table's part of a group: of each key the highest logid decides; if it has rows with `void` 0 (or NULL), the
 * last of them is the row, else the key is gone.
 */
export function applyZenotiFact(
  model: Model,
  name: string,
  key: readonly string[],
  batches: readonly ZenotiBatch[],
): void {
  const rows = table(model, name);
  for (const { rows: batch } of [...batches].sort((a, b) => a.logid - b.logid)) {
    for (const id of new Set(batch.map((row) => keyOf(row, key)))) {
      const last = batch.findLast((row) => keyOf(row, key) === id && row['void'] !== 'true');
      if (last === undefined) rows.delete(id);
      else rows.set(id, last);
    }
  }
}

/** A dimension's part of a group: the last row of a key; columns that a file lacks keep their value. */
export function applyZenotiDimension(
  model: Model,
  name: string,
  key: readonly string[],
  batches: readonly ZenotiBatch[],
): void {
  const rows = table(model, name);
  for (const { rows: batch } of [...batches].sort((a, b) => a.logid - b.logid)) {
    for (const row of batch) rows.set(keyOf(row, key), { ...rows.get(keyOf(row, key)), ...row });
  }
}

export interface ContentsquareDumpTable {
  readonly full: boolean;
  readonly key: string;
  /** A column of integers: a row never replaces one that is newer. */
  readonly order?: string;
  readonly rows: readonly ModelRow[];
}

/** A table of a dump: a full one forgets all there was; newest wins, absent columns keep their value. */
export function applyContentsquareTable(model: Model, name: string, dump: ContentsquareDumpTable): void {
  const rows = table(model, name);
  if (dump.full) rows.clear();
  for (const row of dump.rows) {
    const id = keyOf(row, [dump.key]);
    const old = rows.get(id);
    const isOlder =
      dump.order !== undefined && old !== undefined && BigInt(row[dump.order]!) < BigInt(old[dump.order]!);
    if (!isOlder) rows.set(id, { ...old, ...row });
  }
}

export interface StitchRecord {
  readonly record: Readonly<Record<string, unknown>>;
  readonly sequence: bigint;
  readonly version: number;
}

/** The live records of each table; cut into tables only at the end. */
export type StitchModel = Map<string, { version: number; readonly live: Map<string, StitchRecord> }>;

/** A load: the greatest sequence of each key lives, of equal ones the later; a new table version starts anew. */
export function applyStitchLoad(
  model: StitchModel,
  name: string,
  key: string,
  load: readonly StitchRecord[],
): void {
  const state = model.get(name) ?? { version: load[0]!.version, live: new Map() };
  model.set(name, state);
  for (const record of load) {
    if (record.version < state.version) continue;
    if (record.version > state.version) state.live.clear();
    state.version = record.version;
    const id = String(record.record[key]);
    const old = state.live.get(id);
    if (old === undefined || record.sequence >= old.sequence) state.live.set(id, record);
  }
}

/** Cuts records into a parent and subtables: objects fold with `__`, arrays become `parent__child`. */
export function denest(name: string, key: string, records: Iterable<StitchRecord>): Map<string, ModelRow[]> {
  const tables = new Map<string, ModelRow[]>();
  for (const { record } of records) {
    const system = Object.fromEntries(
      Object.entries(record).filter(([column]) => column.startsWith('_sdc_')),
    );
    const put = (path: string, value: unknown, levels: Record<string, string>): void => {
      const row: Record<string, string | null> = {};
      const fold = (prefix: string, inner: unknown): void => {
        if (Array.isArray(inner)) {
          for (const [place, item] of inner.entries()) {
            const level = `_sdc_level_${Object.keys(levels).filter((column) => column.startsWith('_sdc_level')).length}_id`;
            const source = { [`_sdc_source_key_${key}`]: String(record[key]) };
            put(`${path}__${prefix}`, item, {
              ...source,
              ...texts(system),
              ...levels,
              [level]: String(place),
            });
          }
        } else if (typeof inner === 'object' && inner !== null) {
          for (const [column, part] of Object.entries(inner))
            fold(prefix === '' ? column : `${prefix}__${column}`, part);
        } else {
          row[prefix === '' ? 'value' : prefix] = inner === null ? null : String(inner);
        }
      };
      fold('', value);
      tables.set(path, [...(tables.get(path) ?? []), { ...row, ...levels }]);
    };
    put(name, record, {});
  }
  return tables;
}

function texts(values: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
}

/** A run of exports: each of its tables is what it brings; tables that it does not name stay. */
export function applyExport(model: Model, tables: Readonly<Record<string, readonly ModelRow[]>>): void {
  for (const [name, rows] of Object.entries(tables)) {
    if (rows.length === 0) continue;
    model.set(name, new Map(rows.map((row, place) => [String(place), row])));
  }
}

/** Where following a map of users ends, step by step: at an id that it does not have, or at the least one of a circle. */
export function closureOf(pairs: readonly (readonly [bigint, bigint])[]): Map<bigint, bigint> {
  const next = new Map(pairs);
  return new Map(
    [...next.keys()].map((from) => {
      const path: bigint[] = [];
      let at = from;
      while (next.has(at) && !path.includes(at)) {
        path.push(at);
        at = next.get(at)!;
      }
      const circle = path.includes(at) ? path.slice(path.indexOf(at)) : [at];
      return [from, circle.sort((a, b) => (a < b ? -1 : 1))[0]!] as const;
    }),
  );
}
