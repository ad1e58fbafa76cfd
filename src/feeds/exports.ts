/** StartEdge BI, "Customer Exports": a daily dump of whole tables below `analytics-export/`, written by Snowflake. */

import { catalogTable } from '../catalog.ts';
import { UserError } from '../errors.ts';
import type { Feed, ListContext, Listed, ListedFile, TableDefaults } from './feed.ts';
import { type Delivery, listedFile } from './found.ts';
import { compareIds, DATE_PATTERN } from './group-id.ts';
import { type KeyTemplate, parseTemplate, roleValue } from './key-template.ts';
import { readyOnly, wantedFiles } from './ready.ts';
import { walkGroups } from './walk.ts';

const PREFIX = 'analytics-export';
const SETTLE_MS = 60 * 60_000;

/** The layouts below the prefix, which differ per customer. */
const LAYOUTS = ['{date}/{table}/{path}', '{table}/{date}/{path}', '{table}/date={date}/{path}'] as const;

async function* list(context: ListContext): AsyncIterable<Listed> {
  const template =
    context.options.template === undefined
      ? await layoutOf(context)
      : parseTemplate(context.options.template);
  const settled: Delivery[] = [];
  for await (const run of readyOnly(walkGroups(context, template), context, {
    settleMs: SETTLE_MS,
    laterTells: false,
  }))
    settled.push(run);
  const isReplaced = (table: string) =>
    (catalogTable(context.options.catalog, table).merge ?? 'replace') === 'replace';
  const hasOthers = Object.values(context.options.catalog?.tables ?? {}).some(
    ({ merge }) => (merge ?? 'replace') !== 'replace',
  );
  let newest: Delivery | undefined;
  let emptied: readonly string[] = [];
  const ready: Delivery[] = [];
  // A run replaces those before it, so only the newest is looked at, unless some tables take every run.
  for (const run of settled.toReversed()) {
    const tables = await wholeTables(run, context, template);
    if (tables === undefined) continue;
    if (newest === undefined) emptied = emptiedTables(run, tables, context);
    newest ??= run;
    ready.unshift(run);
    if (!hasOthers) break;
  }
  for (const run of ready) {
    const toFile = ({ entry, values }: Parameters<Parameters<typeof wantedFiles>[2]>[0]): ListedFile =>
      listedFile(entry, { table: roleValue(template, 'table', values)! });
    const files = filtered(
      wantedFiles(run, context, toFile),
      ({ table }) => run === newest || !isReplaced(table!),
    );
    const { scope, group } = run;
    yield { kind: 'group', scope, group, files, ...(run === newest ? { emptied } : {}) };
  }
}

async function* filtered(
  files: AsyncIterable<ListedFile>,
  keep: (file: ListedFile) => boolean,
): AsyncIterable<ListedFile> {
  for await (const file of files) if (keep(file)) yield file;
}

/** Finds out which layout a root has, from the names of its folders. */
async function layoutOf(context: ListContext): Promise<KeyTemplate> {
  const { store, root } = context;
  const folders: string[] = [];
  for await (const folder of store.folders(root)) folders.push(folder.slice(0, -1));
  const prefix = folders.includes(PREFIX) ? `${PREFIX}/` : '';
  const isDate = new RegExp(`^(?:${DATE_PATTERN})$`);
  const isPartition = new RegExp(`^date=(?:${DATE_PATTERN})$`);
  let sawFolder = false;
  for await (const folder of store.folders(root, prefix)) {
    sawFolder = true;
    const name = folder.slice(0, -1);
    if (isDate.test(name)) return parseTemplate(prefix + LAYOUTS[0]);
    for await (const below of store.folders(root, `${prefix}${folder}`)) {
      if (isDate.test(below.slice(0, -1))) return parseTemplate(prefix + LAYOUTS[1]);
      if (isPartition.test(below.slice(0, -1))) return parseTemplate(prefix + LAYOUTS[2]);
    }
  }
  if (!sawFolder && prefix === '' && folders.length === 0) return parseTemplate(`${PREFIX}/${LAYOUTS[0]}`);
  throw new UserError(
    `${root}${prefix}: expected runs as ${LAYOUTS.join(' or ')}, found ${folders.slice(0, 3).join(', ') || 'none'}; describe another layout with --template`,
  );
}

const TAIL_BYTES = 8;

/**
 * The tables of a run, in lower case, if every Parquet file has its end and every table that the catalog requires is there;
 * otherwise says why not.
 */
async function wholeTables(
  run: Delivery,
  context: ListContext,
  template: KeyTemplate,
): Promise<ReadonlySet<string> | undefined> {
  const place = `run ${run.group} is not ready`;
  const tables = new Set<string>();
  const unloads = new Map<string, Set<string>>();
  for await (const { entry, values } of run.files()) {
    const table = roleValue(template, 'table', values)!;
    if (!context.wanted(table)) continue;
    tables.add(table.toLowerCase());
    noteUnload(unloads, entry.path);
    if (!/\.parquet$/i.test(entry.path)) continue;
    let tail = '';
    const start = Math.max(0, entry.bytes - TAIL_BYTES);
    for await (const piece of context.store.read(entry.uri, { start, etag: entry.etag }))
      tail += Buffer.from(piece).toString('latin1');
    if (!tail.endsWith('PAR1')) {
      context.warn(
        `${place}: ${entry.uri} (table ${table}): expected the end of a Parquet file (PAR1), found ${JSON.stringify(tail.slice(-4))}`,
      );
      return undefined;
    }
  }
  for (const [name, { required }] of Object.entries(context.options.catalog?.tables ?? {})) {
    if (required !== true || tables.has(name.toLowerCase()) || !context.wanted(name)) continue;
    context.warn(`${place}: expected the required table ${name}, found no file of it`);
    return undefined;
  }
  for (const [folder, ids] of unloads) {
    if (ids.size > 1)
      context.warn(
        `${folder} holds files of ${ids.size} unloads (a repeated one leaves its rows twice); give the table a key in the catalog`,
      );
  }
  return tables;
}

// Of the tables that are replaced and that the catalog names, those without a file: what is to become of them, it has to say.
function emptiedTables(
  { scope, group }: Delivery,
  tables: ReadonlySet<string>,
  context: ListContext,
): readonly string[] {
  const { catalog } = context.options;
  return Object.keys(catalog?.tables ?? {}).filter((name) => {
    if (name.includes('*') || tables.has(name.toLowerCase()) || !context.wanted(name)) return false;
    const { merge = 'replace', empty_when_absent: isEmptied = false } = catalogTable(catalog, name);
    const applied = context.applied(scope, name);
    if (merge !== 'replace' || (applied !== null && compareIds(applied, group) >= 0)) return false;
    if (!isEmptied)
      context.warn(
        `run ${group}: no file of table ${name}, which stays as it was (empty_when_absent in the catalog has it emptied)`,
      );
    return isEmptied;
  });
}

// Snowflake's INCLUDE_QUERY_ID puts the id of the unload into the name.
// https://docs.snowflake.com/en/sql-reference/sql/copy-into-location
function noteUnload(unloads: Map<string, Set<string>>, path: string): void {
  const match = /^(.*\/)data_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_/i.exec(path);
  if (match !== null) unloads.set(match[1]!, (unloads.get(match[1]!) ?? new Set()).add(match[2]!));
}

/** Keys of the vendor's data dictionary; the rest come from the catalog. */
const KEYS: Readonly<Record<string, string>> = { dim_dates: 'date_id', dim_locations: 'location_id' };

function table(name: string, columns?: Parameters<Feed['table']>[1]): TableDefaults {
  const known = KEYS[name.toLowerCase()];
  const key = columns?.find((column) => column.name.toLowerCase() === known)?.name ?? known;
  return { merge: 'replace', ...(key === undefined ? {} : { key: [key] }) };
}

export const exports: Feed = {
  name: 'exports',
  summary: 'StartEdge BI customer exports: a daily dump of whole tables below analytics-export/',
  settleMs: SETTLE_MS,
  lookbackMs: 0,
  csv: { header: 'yes', delimiter: ',' },
  list,
  table,
  examples: [
    {
      key: 'analytics-export/2026-01-28/DIM_DATES/data_0_0_0.csv.gz',
      expect: { scope: 'root', group: '2026-01-28', table: 'DIM_DATES' },
    },
    {
      key: 'analytics-export/DIM_DATES/20260128/data_0_0_0.csv',
      expect: { scope: 'root', group: '2026-01-28', table: 'DIM_DATES' },
    },
    {
      key: 'FACT_REVIEWS/date=2026-01-28/hour=18/data.csv',
      expect: { scope: 'root', group: '2026-01-28', table: 'FACT_REVIEWS' },
    },
    {
      key: 'analytics-export/2026-01-28/FACT_REVIEWS/date=__NULL__/a.parquet',
      body: 'PAR1 PAR1',
      expect: { scope: 'root', group: '2026-01-28', table: 'FACT_REVIEWS' },
    },
    { key: 'analytics-export/2026-01-28/FACT_REVIEWS/cut.parquet', body: 'PAR1 PAR', expect: null },
    { key: 'analytics-export/2026-01-28/_SUCCESS', expect: null },
  ],
};
