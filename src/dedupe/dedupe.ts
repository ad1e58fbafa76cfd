import type { Stage } from '../stage.ts';
import { isControl, type TableLine } from '../wire/types.ts';
import { type Arena, newArena } from './arena.ts';
import { type Group, newGroup } from './group.ts';
import { batchNumber, type DedupeOptions, type TableRule, tableRule } from './rules.ts';

/**
 * Keeps the live version of every key, per group and table; `tableRule` says which row that is.
 *
 * Rows are held until the `commit` of their group (of a loose body: the `end`) and leave before it, each table's in
 * order of arrival; control lines pass at once. Rows of a subtable stay if the version of its top-level row that they
 * were cut from is the winner in this group; if that row is not in the group, the greatest version is. A table that
 * loses all its rows is still declared.
 *
 * A row with NULL in its key is an error, or with `onError: 'reject'` becomes a `reject` line. Memory stays within
 * `options.memory`, beyond which rows and keys are spilled to `options.tmp`. Rows pass as the bytes they are.
 */
export function dedupe(options: DedupeOptions = {}): Stage {
  return async function* (input, context) {
    let arena: Arena | undefined;
    let held: Group | undefined;
    let lines = newLines();
    let feed: string | undefined;
    let groupName: string | undefined;
    let file: { readonly uri: string; readonly batch: bigint; rows: number } = {
      uri: '-',
      batch: 0n,
      rows: 0,
    };
    try {
      for await (const chunk of input) {
        context.signal.throwIfAborted();
        if (!isControl(chunk)) {
          const known = lines.learn(chunk.table, options, feed);
          if (known.rule === undefined) {
            yield chunk;
            continue;
          }
          arena ??= newArena();
          held ??= newGroup(arena, options);
          const place =
            groupName === undefined
              ? `table ${known.rule.table}`
              : `group ${groupName}, table ${known.rule.table}`;
          yield* held.add(chunk, known.line, known.rule, {
            place,
            uri: file.uri,
            batch: file.batch,
            before: file.rows,
          });
          file.rows += chunk.count;
          await held.caughtUp();
          continue;
        }
        switch (chunk.$) {
          case 'feed':
            feed = chunk.feed;
            break;
          case 'group':
            groupName = chunk.group;
            break;
          case 'file':
            file = { uri: chunk.uri, batch: batchNumber(chunk.batch, chunk.uri), rows: 0 };
            break;
          case 'commit':
          case 'end': {
            if (held !== undefined) {
              const nulls = held.nullFlags();
              if (nulls > 0)
                context.warn(
                  `${groupName === undefined ? '' : `group ${groupName}: `}${nulls} rows have NULL as delete flag and count as not deleted`,
                );
              for (const live of held.finish()) {
                context.signal.throwIfAborted();
                yield live;
              }
              held.close();
              held = undefined;
            }
            lines = newLines();
            groupName = undefined;
            file = { uri: '-', batch: 0n, rows: 0 };
          }
        }
        yield chunk;
      }
    } finally {
      held?.close();
    }
  };
}

interface Known {
  readonly rule: TableRule | undefined;
  readonly line: TableLine;
}

interface Lines {
  learn(line: TableLine, options: DedupeOptions, feed: string | undefined): Known;
}

// Lines of equal content are one line, so that memory does not go by the number of files.
function newLines(): Lines {
  const byText = new Map<string, Known>();
  const byLine = new WeakMap<TableLine, Known>();
  return {
    learn(line, options, feed) {
      let known = byLine.get(line);
      if (known !== undefined) return known;
      const text = JSON.stringify(line);
      known = byText.get(text) ?? { rule: tableRule(line, options, feed), line };
      byText.set(text, known);
      byLine.set(line, known);
      return known;
    },
  };
}
