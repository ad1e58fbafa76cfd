/** Which groups are complete, where the vendor does not say so. */

import { TemporaryError } from '../errors.ts';
import type { ListContext, ListedFile } from './feed.ts';
import { type Delivery, type Found, newestOf } from './found.ts';
import { compareIds } from './group-id.ts';

/** A group that may be applied; `newest` is the time of its last change if that had to be found out. */
export interface ReadyDelivery extends Delivery {
  readonly newest?: string;
}

export interface ReadyOptions {
  readonly settleMs: number;
  /** A later group of the scope shows that this one is complete. */
  readonly laterTells: boolean;
}

/**
 * The deliveries that are complete: those followed by a later one (if that tells), else those in which nothing has
 * changed for the settle time. A scope ends at its first incomplete group, so that order is kept, and at `--until`.
 */
export async function* readyOnly(
  deliveries: AsyncIterable<Delivery>,
  context: ListContext,
  { settleMs, laterTells }: ReadyOptions,
): AsyncIterable<ReadyDelivery> {
  let closed: string | undefined;
  for await (const delivery of deliveries) {
    const { scope, group, isLast } = delivery;
    if (scope === closed) continue;
    const until = context.until(scope);
    if (until !== null && compareIds(group, until) > 0) {
      closed = scope;
      continue;
    }
    if (laterTells && !isLast) {
      yield delivery;
      continue;
    }
    const settle = context.options.settle ?? settleMs;
    const { modified: newest, count } = await newestOf(delivery.files());
    const quietMs = context.nowMs - Date.parse(newest);
    if (count === 0 || (settle > 0 && quietMs < settle)) {
      closed = scope;
      if (count > 0) context.progress(`${scope} ${group} is still arriving`);
      continue;
    }
    yield { ...delivery, newest, files: () => unchanged(delivery, newest, settle) };
  }
}

// A file that came after the look at the group would go into a group that was taken for complete.
async function* unchanged(delivery: Delivery, newest: string, settle: number): AsyncIterable<Found> {
  for await (const file of delivery.files()) {
    if (settle > 0 && file.entry.modified > newest)
      throw new TemporaryError(
        `${file.entry.uri}: expected group ${delivery.group} to be complete, found it still arriving; try again later`,
      );
    yield file;
  }
}

/**
 * Whether a table had a group's files before: in a listing that begins earlier, since other tables are behind it. A
 * file that came late is shown again all the same.
 */
export function isApplied(
  { scope, group, table, modified }: { scope: string; group: string; table: string; modified: string },
  context: ListContext,
): boolean {
  const [start, applied] = [context.cursor(scope), context.applied(scope, table)];
  if (applied === null || compareIds(group, applied) > 0) return false;
  const { lookback = 0 } = context.options;
  const isLate = lookback > 0 && Date.parse(modified) >= context.nowMs - lookback;
  // Groups at or before the start are there only because something in them is late.
  return !isLate && (start === null || compareIds(group, start) > 0);
}

/** The wanted files of a delivery as file lines; not those of tables that had them before. */
export async function* wantedFiles(
  delivery: Delivery,
  context: ListContext,
  toFile: (found: Found) => ListedFile,
): AsyncIterable<ListedFile> {
  const { scope, group } = delivery;
  for await (const found of delivery.files()) {
    const file = toFile(found);
    const { table } = file;
    if (
      table === undefined ||
      (context.wanted(table) && !isApplied({ scope, group, table, modified: found.entry.modified }, context))
    )
      yield file;
  }
}
