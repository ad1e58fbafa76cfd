/** A feed of the user's own: groups as a key template describes them. */

import { UsageError } from '../errors.ts';
import type { Feed, ListContext, Listed } from './feed.ts';
import { listedFile } from './found.ts';
import { parseTemplate, roleValue } from './key-template.ts';
import { readyOnly, wantedFiles } from './ready.ts';
import { walkGroups } from './walk.ts';

const SETTLE_MS = 150 * 60_000;

export const EXAMPLE_TEMPLATE = '{pod}/{group:int}/{table}/{log:int}/{file}.csv';

async function* list(context: ListContext): AsyncIterable<Listed> {
  const { template: text } = context.options;
  if (text === undefined)
    throw new UsageError(`--feed template: expected --template beside it, such as '${EXAMPLE_TEMPLATE}'`);
  const template = parseTemplate(text);
  const ready = readyOnly(walkGroups(context, template), context, { settleMs: SETTLE_MS, laterTells: true });
  for await (const delivery of ready) {
    const { scope, group } = delivery;
    const files = wantedFiles(delivery, context, ({ entry, values }) => {
      const batch = roleValue(template, 'batch', values);
      return listedFile(entry, {
        table: roleValue(template, 'table', values)!,
        ...(batch === undefined ? {} : { batch }),
      });
    });
    yield { kind: 'group', scope, group, files };
  }
}

export const template: Feed = {
  name: 'template',
  summary: `any layout, described by --template '${EXAMPLE_TEMPLATE}'`,
  settleMs: SETTLE_MS,
  lookbackMs: 0,
  csv: { header: 'yes', delimiter: ',' },
  list,
  table: () => ({}),
  // As EXAMPLE_TEMPLATE reads them.
  examples: [
    { key: 'a/7/orders/2/x.csv', expect: { scope: 'a', group: '7', table: 'orders', batch: '2' } },
    { key: 'a/0010/orders/02/x.csv.gz', expect: { scope: 'a', group: '10', table: 'orders', batch: '2' } },
    { key: 'a/seven/orders/2/x.csv', expect: null },
    { key: 'a/7/orders/2/x.txt', expect: null },
  ],
};
