/** Stitch, "Amazon S3" destination: append-only loads per integration and table, under a key template of the user's. */

import type { TableLine } from '../wire/types.ts';
import type { Feed, ListContext, Listed, ListedFile, TableDefaults } from './feed.ts';
import { type Delivery, type Found, listedFile } from './found.ts';
import { type KeyTemplate, type KeyValues, parseTemplate, roleValue } from './key-template.ts';
import { readyOnly } from './ready.ts';
import { descend, walkGroups } from './walk.ts';

export const STITCH_TEMPLATE =
  '[integration_name]/[table_name]/[table_version]_[timestamp_loaded].[csv|jsonl]';

/** The log of records that Stitch could not load; its files are no data. */
const REJECTED = '_sdc_rejected';
const SETTLE_MS = 10 * 60_000;
const LOOKBACK_MS = 24 * 60 * 60_000;

async function* list(context: ListContext): AsyncIterable<Listed> {
  const template = parseTemplate(context.options.template ?? STITCH_TEMPLATE, {
    deep: ['table_name', 'table'],
  });
  const families = await tableFamilies(context, template);
  const scopeOf = (values: KeyValues) => {
    const table = roleValue(template, 'table', values);
    return table === undefined
      ? undefined
      : [...integrationOf(template, values), families(values, table)].join('/');
  };
  const deliveries = walkGroups(context, template, {
    scopeOf,
    skip: (folder) => folder.startsWith('stitch-challenge-file'),
  });
  let rejectFiles = 0;
  const chosen = chosenScopes(deliveries, context);
  for await (const delivery of readyOnly(chosen, context, { settleMs: SETTLE_MS, laterTells: false })) {
    const { scope, group } = delivery;
    const isRejects = topOf(scope) === REJECTED;
    const files = allFiles(delivery, ({ entry, values }) => {
      if (isRejects) rejectFiles += 1;
      const table = roleValue(template, 'table', values)!.replaceAll('/', '__');
      return listedFile(entry, { table, role: isRejects ? 'rejects' : 'data' });
    });
    yield { kind: 'group', scope, group, files, whole: true };
  }
  if (rejectFiles > 0)
    context.warn(`${rejectFiles} new file(s) in ${REJECTED}: records that Stitch could not load`);
}

// A table is a scope here, so `--tables` chooses scopes: a subtable comes with its top-level table, never without.
async function* chosenScopes(
  deliveries: AsyncIterable<Delivery>,
  context: ListContext,
): AsyncIterable<Delivery> {
  let hasAny = false;
  let others: string | undefined;
  for await (const delivery of deliveries) {
    const top = topOf(delivery.scope);
    if (!context.wanted(top)) {
      others ??= delivery.scope;
      continue;
    }
    hasAny = true;
    yield delivery;
  }
  const subtable = context.options.tables?.find((glob) => glob.includes('__'));
  if (!hasAny && others !== undefined && subtable !== undefined)
    context.warn(`--tables ${subtable}: subtables come with their top-level table; choose that one`);
}

async function* allFiles(
  delivery: Delivery,
  toFile: (found: Found) => ListedFile,
): AsyncIterable<ListedFile> {
  for await (const found of delivery.files()) yield toFile(found);
}

function integrationOf(template: KeyTemplate, values: KeyValues): string[] {
  return template.parts.filter(({ role }) => role === 'scope').map(({ name }) => values[name]!);
}

/**
 * Finds the top-level table of a table: `contacts` of `contacts/personas`, and `orders` of `orders__order_items`
 * where the integration has a table `orders` too.
 */
async function tableFamilies(
  context: ListContext,
  template: KeyTemplate,
): Promise<(values: KeyValues, table: string) => string> {
  const tables = new Map<string, Set<string>>();
  const level = template.segments.findIndex(({ parts }) => parts.some(({ role }) => role === 'table'));
  // Where the table is part of a file's name its siblings are not known beforehand.
  if (level < template.segments.length - 1) {
    for await (const { values } of descend(context, template, level + 1)) {
      const integration = integrationOf(template, values).join('/');
      const known = tables.get(integration) ?? new Set();
      tables.set(integration, known.add(roleValue(template, 'table', values)!));
    }
  }
  return (values, table) => {
    const top = table.split('/')[0]!;
    const known = tables.get(integrationOf(template, values).join('/'));
    for (let cut = top.indexOf('__', 1); cut > 0; cut = top.indexOf('__', cut + 1)) {
      if (known?.has(top.slice(0, cut))) return top.slice(0, cut);
    }
    return top;
  };
}

const topOf = (scope: string): string => scope.split('/').at(-1)!;

/** Columns that Stitch adds, and their types (singer and Stitch documentation). */
const SDC_TYPES = {
  _sdc_sequence: 'bigint',
  _sdc_table_version: 'bigint',
  _sdc_batched_at: 'timestamptz',
  _sdc_extracted_at: 'timestamptz',
  _sdc_received_at: 'timestamptz',
  _sdc_deleted_at: 'timestamptz',
} as const;

const SURROGATE_KEYS = ['__sdc_primary_key', '_sdc_primary_key'];

/** Upsert by the newest `_sdc_sequence`; a subtable is told by its `_sdc_level_0_id`, and follows its parent. */
function table(name: string, columns?: TableLine['columns']): TableDefaults {
  if (name === REJECTED) return { merge: 'append' };
  const names = new Set(columns?.map((column) => column.name));
  const surrogate = SURROGATE_KEYS.find((column) => names.has(column));
  const cut = name.lastIndexOf('__');
  const isSubtable = names.has('_sdc_level_0_id') && cut > 0;
  const order = ['_sdc_sequence', '_sdc_batched_at'].filter(
    (column) => columns === undefined || names.has(column),
  );
  return {
    merge: 'upsert',
    order,
    types: SDC_TYPES,
    ...(surrogate === undefined || isSubtable ? {} : { key: [surrogate] }),
    ...(isSubtable
      ? {
          parent: name.slice(0, cut),
          key: [...names].filter((column) => /^_sdc_(source_key_.+|level_\d+_id)$/.test(column)),
        }
      : {}),
    ...(columns === undefined || names.has('_sdc_deleted_at') ? { delete_flag: '_sdc_deleted_at' } : {}),
    ...(columns === undefined || names.has('_sdc_table_version') ? { version: '_sdc_table_version' } : {}),
  };
}

export const stitch: Feed = {
  name: 'stitch',
  summary: `Stitch: ${STITCH_TEMPLATE}, or the key template you gave it`,
  settleMs: SETTLE_MS,
  lookbackMs: LOOKBACK_MS,
  csv: { header: 'yes', delimiter: ',', emptyIsNull: true },
  list,
  table,
  topLevelOf: (scope, name) => (name.startsWith(`${topOf(scope)}__`) ? topOf(scope) : undefined),
  examples: [
    {
      key: 'salesforce-prod/account/1_1519235654474.csv',
      expect: { scope: 'salesforce-prod/account', group: '1519235654474', table: 'account' },
    },
    {
      key: 'salesforce-prod/opportunity/1_1519327555000.jsonl',
      expect: { scope: 'salesforce-prod/opportunity', group: '1519327555000', table: 'opportunity' },
    },
    {
      key: 'crm/contacts/personas/1_1519327555000.csv',
      expect: { scope: 'crm/contacts', group: '1519327555000', table: 'contacts__personas' },
    },
    {
      key: 'crm/_sdc_rejected/1_1519327555000.jsonl',
      expect: { scope: 'crm/_sdc_rejected', group: '1519327555000', table: '_sdc_rejected' },
    },
    { key: 'stitch-challenge-file-5d41402a', expect: null },
  ],
};
