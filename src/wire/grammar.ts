import { isDeepStrictEqual } from 'node:util';
import { UserError } from '../errors.ts';
import type { CommitLine, Control, GroupLine, TableLine } from './types.ts';

/**
 * What may follow what on the wire, and what a repeated `table` line inherits.
 *
 *     stream := feed? (ddl | table)* (group | loose)* end
 *     group  := "group" body "commit"          loose := body
 *     body   := (ddl | file | table | row | reject | eof)*
 */
export interface Grammar {
  /** Takes the next control line; gives it back, a `table` line with what it inherits. Throws `UserError`. */
  accept(control: Control, where: string): Control;
  /** The table that rows standing here belong to. Throws `UserError` where no row may stand. */
  rowTable(where: string): TableLine;
  /** Whether `end` has been said. */
  readonly ended: boolean;
}

export function createGrammar(): Grammar {
  let group: GroupLine | undefined;
  let table: TableLine | undefined;
  let ended = false;
  let started = false;
  let groups = 0;
  const outside = new Map<string, TableLine>();
  const inside = new Map<string, TableLine>();

  function resolve(line: TableLine): TableLine {
    const known = inside.get(line.table) ?? outside.get(line.table);
    const merged = { ...known, ...line };
    // One object per content, so that runs under it are seen to belong together.
    const resolved = known !== undefined && sameTable(known, merged) ? known : merged;
    (group === undefined ? outside : inside).set(line.table, resolved);
    return resolved;
  }

  function checkCommit(line: CommitLine, where: string): void {
    if (group === undefined)
      throw new UserError(`${where}: expected a group line before commit ${line.group}, found none`);
    if (line.scope !== group.scope || line.group !== group.group || line.feed !== group.feed) {
      throw new UserError(
        `${where}: expected a commit of ${group.feed} ${group.scope} ${group.group}, found ${line.feed} ${line.scope} ${line.group}`,
      );
    }
  }

  return {
    accept(control, where) {
      if (ended)
        throw new UserError(`${where}: expected nothing after the end line, found a ${control.$} line`);
      const first = !started;
      started = true;
      switch (control.$) {
        case 'feed':
          if (!first) throw new UserError(`${where}: expected the feed line to be the first, found it later`);
          if (control.wire !== 1)
            throw new UserError(`${where}: expected wire version 1, found ${control.wire}`);
          return control;
        case 'group':
          if (group !== undefined) {
            throw new UserError(
              `${where}: expected a commit of ${group.scope} ${group.group}, found another group line`,
            );
          }
          group = control;
          table = undefined;
          inside.clear();
          groups++;
          return control;
        case 'commit':
          checkCommit(control, where);
          group = undefined;
          table = undefined;
          return control;
        case 'table':
          table = resolve(control);
          return table;
        case 'end':
          if (group !== undefined)
            throw new UserError(
              `${where}: expected a commit of ${group.scope} ${group.group}, found the end line`,
            );
          if (control.groups !== groups) {
            throw new UserError(
              `${where}: expected ${control.groups} groups as the end line says, found ${groups}`,
            );
          }
          ended = true;
          return control;
        default:
          return control;
      }
    },
    rowTable(where) {
      if (ended) throw new UserError(`${where}: expected nothing after the end line, found a row`);
      if (table === undefined)
        throw new UserError(`${where}: expected a table line before the first row, found a row`);
      return table;
    },
    get ended() {
      return ended;
    },
  };
}

/** Whether two table lines say the same. */
export function sameTable(a: TableLine, b: TableLine): boolean {
  return a === b || isDeepStrictEqual(a, b);
}
