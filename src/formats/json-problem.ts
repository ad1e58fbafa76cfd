import { JSONL_STATUS } from '../kernels/jsonl.ts';

export const EACH_NAME_ONCE = 'each name once in an object';

/**
 * What a kernel expected and found when it stopped in a row. `text` are the bytes it stopped at, `rest` the row from
 * there on, both as `snippet` shows them.
 */
export function jsonProblem(status: number, rest: string, text: string): { expected: string; found: string } {
  switch (status) {
    case JSONL_STATUS.notObject:
      return {
        expected: 'a JSON object on each line',
        found: rest.startsWith('"[') ? 'an array' : rest,
      };
    case JSONL_STATUS.cut:
      return { expected: 'a whole JSON object on one line', found: 'the end of the line' };
    case JSONL_STATUS.control:
      return { expected: 'control characters to be escaped in strings', found: text };
    case JSONL_STATUS.escape:
      return { expected: 'a JSON escape', found: text };
    case JSONL_STATUS.surrogate:
      return { expected: 'escaped surrogates in pairs', found: `${text} alone` };
    case JSONL_STATUS.number:
      return { expected: 'a JSON number', found: rest };
    case JSONL_STATUS.depth:
      return { expected: 'at most 1000 levels of nesting', found: 'more' };
    case JSONL_STATUS.duplicate:
      return { expected: EACH_NAME_ONCE, found: `${text} twice` };
    case JSONL_STATUS.after:
      return { expected: 'nothing after the object on its line', found: rest };
    default:
      return { expected: 'JSON', found: rest };
  }
}
