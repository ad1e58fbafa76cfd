/** Streams of random groups, in which everything that matters to a batch of them comes up. */

import type { Chunk, Column, TableLine, Value } from '../../src/wire/types.ts';
import { columns, rows, type TestGroup } from './merging.ts';
import type { Random } from './random.ts';

export interface RandomStream {
  readonly feed: 'zenoti' | 'stitch';
  readonly groups: readonly TestGroup[];
}

type Record_ = Record<string, Value>;

const many = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

interface Shaped {
  readonly line: Partial<TableLine>;
  /** In one of several sets of columns. */
  readonly shapes: readonly string[];
  row(r: Random): Record_;
  /** One row per key in a file, since nothing says which of two would be newer. */
  readonly unambiguous?: true;
}

const keyed = (r: Random): Record_ => ({
  k: r.int(1, 5),
  o: r.pick([null, '1', '2', '3']),
  p: r.pick([null, 'a', 'b']),
  v: r.pick(['a', 'b', '', null]),
  w: r.pick(['x', 'y', null]),
  void: r.chance(0.3),
});
const WHOLE = 'k int, o bigint, p text, v text, w text, void boolean';
const SHORT = 'k int, o bigint, p text, v text, void boolean';
const OTHER = 'k int, o bigint, p text, w text, void boolean';

// Values that change a column's type.
const DRIFT = [1.5, 'x'];

const TABLES: Readonly<Record<string, Shaped>> = {
  appended: { line: { merge: 'append' }, shapes: [WHOLE, SHORT], row: keyed },
  plain: {
    line: { merge: 'upsert', key: ['k'] },
    shapes: [WHOLE, SHORT, OTHER],
    row: keyed,
    unambiguous: true,
  },
  ordered: {
    line: { merge: 'upsert', key: ['k'], order: ['o'], delete_flag: 'void' },
    shapes: [WHOLE, SHORT, OTHER],
    row: keyed,
  },
  twice: {
    line: { merge: 'upsert', key: ['k'], order: ['o', 'p'], delete_flag: 'void' },
    shapes: [WHOLE],
    row: keyed,
  },
  facts: {
    line: { merge: 'delete-insert', key: ['k', 'p'], delete_flag: 'void' },
    shapes: [WHOLE, SHORT, OTHER],
    row: (r) => ({ ...keyed(r), p: r.pick(['a', 'b']) }),
  },
  untyped: {
    line: { merge: 'upsert', key: ['k'] },
    shapes: ['k, v', 'k, v, w'],
    row: (r) => ({ k: r.int(1, 4), v: r.pick([1, 2, '3', null, null, ...DRIFT]), w: r.pick([true, null]) }),
    unambiguous: true,
  },
};

// What ends a batch.
const BREAKS: Readonly<Record<string, Shaped>> = {
  whole: { line: { merge: 'replace', key: ['k'] }, shapes: [WHOLE], row: keyed, unambiguous: true },
  plain: {
    line: { merge: 'upsert', key: ['k'], full: true },
    shapes: [WHOLE],
    row: keyed,
    unambiguous: true,
  },
  history: {
    line: { merge: 'scd2', key: ['k'], order: ['o'] },
    shapes: [WHOLE],
    row: (r) => ({ ...keyed(r), o: String(r.int(1, 3)) }),
    unambiguous: true,
  },
};

let uris = 0;

function chunksOf(name: string, { line, shapes, row, unambiguous }: Shaped, r: Random): Chunk[] {
  const tableOf = (shape: string): TableLine => ({
    $: 'table',
    table: name,
    columns: columns(shape).map((column): Column => column),
    ...line,
  });
  const chunks: Chunk[] = [tableOf(r.pick(shapes))];
  const batches = [...new Set(many(r.int(0, 2), () => r.int(8, 11)))];
  for (const batch of batches) {
    const uri = `file:///drop/${name}/${uris++}`;
    let given = many(r.int(0, 4), () => row(r));
    if (unambiguous) given = given.filter((one, i) => given.findIndex(({ k }) => k === one['k']) === i);
    const shaped = tableOf(r.pick(shapes));
    const names = shaped.columns!.map((column) => column.name);
    chunks.push({ $: 'file', uri, table: name, batch: String(batch) }, shaped);
    for (const one of given)
      chunks.push(
        rows(shaped, Object.fromEntries(Object.entries(one).filter(([column]) => names.includes(column)))),
      );
    chunks.push({ $: 'eof', uri, rows: given.length, rejects: 0 });
  }
  return chunks;
}

/**
 * Groups of one or two scopes with tables in every mode, mostly such that share a batch. `drifts`: columns without a type
 * change theirs, which a script that cannot look does not bear. `breaks`: the share of groups with a table that ends a batch.
 */
export function randomTables(r: Random, drifts: boolean, breaks = 0.15): RandomStream {
  const last: Record<string, number> = {};
  let next = 7;
  const groups = many(r.int(4, 9), (): TestGroup => {
    next += r.int(1, 3);
    const scope = r.chance(0.15) ? 'POD2' : 'POD1';
    const breaking = r.chance(breaks) ? r.pick(Object.keys(BREAKS)) : undefined;
    // Of one key and group a table without an order has one row.
    const chunks = Object.entries(TABLES).flatMap(([name, table]) =>
      (drifts || name !== 'untyped') && name !== breaking && r.chance(0.7) ? chunksOf(name, table, r) : [],
    );
    if (breaking !== undefined) chunks.push(...chunksOf(breaking, BREAKS[breaking]!, r));
    const after = last[scope] === undefined ? null : String(last[scope]);
    last[scope] = next;
    return { group: String(next), after, scope, chunks };
  });
  return { feed: 'zenoti', groups };
}

const CONTACTS = 'id int, name text, _sdc_sequence bigint, _sdc_table_version bigint';
const TAGS =
  '_sdc_source_key_id int, _sdc_level_0_id int, value text, _sdc_sequence bigint, _sdc_table_version bigint';

/** Loads of records with subtables: versions of a record, of the table, subtables that come later, orphans. */
export function randomRecords(r: Random): RandomStream {
  let version = 1;
  let subtables = 1;
  const groups = many(r.int(4, 8), (i): TestGroup => {
    if (r.chance(0.15)) version++;
    if (r.chance(0.2)) subtables = 2;
    const contacts: TableLine = {
      $: 'table',
      table: 'contacts',
      columns: columns(CONTACTS),
      key: ['id'],
      merge: 'upsert',
      order: ['_sdc_sequence'],
      version: '_sdc_table_version',
    };
    const children = ['contacts__tags', 'contacts__lists'].slice(0, subtables).map(
      (name): TableLine => ({
        $: 'table',
        table: name,
        columns: columns(TAGS),
        key: ['_sdc_source_key_id', '_sdc_level_0_id'],
        merge: 'upsert',
        order: ['_sdc_sequence'],
        version: '_sdc_table_version',
        parent: 'contacts',
      }),
    );
    const chunks: Chunk[] = [contacts, ...children];
    const of = r.chance(0.1) ? Math.max(1, version - 1) : version;
    for (const _ of many(r.int(1, 5), (n) => n)) {
      const id = r.int(1, 4);
      const system = { _sdc_sequence: String(r.int(1, 12)), _sdc_table_version: String(of) };
      if (!r.chance(0.05)) chunks.push(rows(contacts, { id, name: r.pick(['a', 'b', null]), ...system }));
      for (const child of children)
        chunks.push(
          ...many(r.int(0, 2), (level) =>
            rows(child, {
              _sdc_source_key_id: id,
              _sdc_level_0_id: level,
              value: r.pick(['x', 'y', `${i}`]),
              ...system,
            }),
          ),
        );
    }
    const after = i === 0 ? null : String(1000 + i - 1);
    return { group: String(1000 + i), after, scope: 'crm/contacts', chunks };
  });
  return { feed: 'stitch', groups };
}
