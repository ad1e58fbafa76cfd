/** Zenoti, "Amazon S3 for analytics": groups of CSV files per POD, schema scripts, monthly snapshots as zips. */

import { UserError } from '../errors.ts';
import { compareText } from '../wire/order.ts';
import type { Feed, ListContext, Listed } from './feed.ts';
import { type Found, listedFile, newestOf } from './found.ts';
import { compareIds } from './group-id.ts';
import { type KeyTemplate, parseTemplate } from './key-template.ts';
import { type ReadyDelivery, readyOnly, wantedFiles } from './ready.ts';
import { walkGroups } from './walk.ts';
import { pendingScripts, SCRIPT_FOLDERS } from './zenoti-scripts.ts';
import { zenotiTable } from './zenoti-tables.ts';

const SNAPSHOTS = 'MonthlySnapshot';
const SETTLE_MS = 150 * 60_000;

const GROUPS = parseTemplate('{pod}/{group:int}/{table}/{logid:int}/{file}.csv');

/** The vendor writes its own pattern as `POD:POD1/…`: a folder of that name is POD1 too. */
const podOf = (folder: string): string => folder.replace(/^POD:/i, '');

const special = new Set([SNAPSHOTS, ...SCRIPT_FOLDERS].map((name) => name.toLowerCase()));

async function* list(context: ListContext): AsyncIterable<Listed> {
  const { snapshot } = context.options;
  if (snapshot !== undefined) return yield* listSnapshot(context, snapshot);
  const deliveries = walkGroups(context, GROUPS, {
    scopeOf: ({ pod }) => podOf(pod!),
    skip: (folder) => special.has(folder.toLowerCase()),
  });
  const ready = readyOnly(deliveries, context, { settleMs: SETTLE_MS, laterTells: true });
  yield* withScripts(ready, context, GROUPS);
}

// Scripts no newer than a group's newest file stand before it; the rest after the last group.
async function* withScripts(
  ready: AsyncIterable<ReadyDelivery>,
  context: ListContext,
  template: KeyTemplate,
): AsyncIterable<Listed> {
  const scripts = await pendingScripts(context);
  for await (const delivery of ready) {
    if (!scripts.isEmpty()) {
      const newest = delivery.newest ?? (await newestOf(delivery.files())).modified;
      yield* scripts.upTo(newest);
    }
    const { scope, group } = delivery;
    yield {
      kind: 'group',
      scope,
      group,
      files: wantedFiles(delivery, context, (found) => fileOf(template, found)),
    };
  }
  yield* scripts.rest();
}

function fileOf(template: KeyTemplate, { entry, values }: Found) {
  const name = template.parts.find(({ role }) => role === 'table')!.name;
  return listedFile(entry, { table: values[name]!, format: 'csv', batch: values['logid']! });
}

async function* listSnapshot(context: ListContext, wanted: string): AsyncIterable<Listed> {
  const dates: string[] = [];
  for await (const folder of context.store.folders(context.root, `${SNAPSHOTS}/`))
    dates.push(folder.slice(0, -1));
  const date = wanted === 'latest' ? latestOf(dates, context) : dates.find((name) => name === wanted);
  if (date === undefined) {
    throw new UserError(
      `${context.root}${SNAPSHOTS}/: expected a snapshot ${wanted === 'latest' ? '' : `of ${wanted}`}, found ${dates.join(', ') || 'none'}`.replace(
        '  ',
        ' ',
      ),
    );
  }
  const template = parseTemplate(`${SNAPSHOTS}/${date}/{pod}/{group:int}/{table}/{logid:int}.{any}.zip`);
  const deliveries = walkGroups(context, template, {
    scopeOf: ({ pod }) => `snapshot/${date}/${podOf(pod!)}`,
  });
  const ready = readyOnly(deliveries, context, { settleMs: SETTLE_MS, laterTells: true });
  yield* withScripts(ready, context, template);
}

function latestOf(dates: readonly string[], context: ListContext): string | undefined {
  const odd = dates.find((date) => !/^\d{4}([-_]?)\d{2}\1\d{2}$/.test(date));
  if (odd !== undefined && dates.length > 1)
    throw new UserError(
      `${context.root}${SNAPSHOTS}/: expected dates as YYYY-MM-DD to find the latest, found ${odd}; name one with --snapshot`,
    );
  return dates
    .toSorted((a, b) =>
      odd === undefined ? compareIds(a.replaceAll(/\D/g, ''), b.replaceAll(/\D/g, '')) : compareText(a, b),
    )
    .at(-1);
}

export const zenoti: Feed = {
  name: 'zenoti',
  summary:
    'Zenoti analytics: <POD>/<group>/<table>/<logid>/<file>.csv with SchemaFull, SchemaUpgrade, MonthlySnapshot',
  settleMs: SETTLE_MS,
  lookbackMs: 0,
  csv: { header: 'auto', delimiter: ',' },
  ddl: 'redshift',
  list,
  table: zenotiTable,
  examples: [
    {
      key: 'POD1/1007/Bi_FactForms/2201/data.csv',
      expect: { scope: 'POD1', group: '1007', table: 'Bi_FactForms', batch: '2201' },
    },
    {
      key: 'POD:POD1/9/bi_dimuser/88/a b.csv',
      expect: { scope: 'POD1', group: '9', table: 'bi_dimuser', batch: '88' },
    },
    {
      key: 'POD2/55/Bi_DimUser/88/part.csv.gz',
      expect: { scope: 'POD2', group: '55', table: 'Bi_DimUser', batch: '88' },
    },
    { key: 'MonthlySnapshot/2026-02-01/POD1/1000/Bi_FactForms/600.600.zip', expect: null },
    { key: 'SchemaFull/Bi_FactForms.txt', expect: null },
    { key: 'SchemaUpgrade/2026.2/Bi_FactForms.txt', expect: null },
    { key: 'POD1/1007/Bi_FactForms/2201/_SUCCESS', expect: null },
  ],
};
