import { ESCAPED_ROW } from '../wire/escaped-row.ts';

const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^"{}[\],:]+/g;

/**
 * Rows, compact NDJSON, without those of the named members that are null: such a member was written while it could
 * still have been a scalar, and is an object or array now.
 */
export function withoutNulls(rows: Buffer, names: readonly string[]): Buffer {
  const texts = names.map((name) => JSON.stringify(name));
  if (!texts.some((text) => rows.includes(`${text}:null`))) return rows;
  // Bytes as characters, so that none is altered.
  const members = new Set(texts.map((text) => Buffer.from(text).toString('latin1')));
  const lines = rows.toString('latin1').split('\n');
  return Buffer.from(lines.map((line) => withoutMembers(line, members)).join('\n'), 'latin1');
}

function withoutMembers(line: string, names: ReadonlySet<string>): string {
  const [before, after] = line.startsWith(ESCAPED_ROW) ? [ESCAPED_ROW, '}'] : ['', ''];
  const kept: string[] = [];
  let member = '';
  let depth = 0;
  const keep = (): void => {
    const isNull = member.endsWith(':null') && names.has(member.slice(0, -':null'.length));
    if (!isNull && member !== '') kept.push(member);
    member = '';
  };
  if (line === '') return line;
  for (const [token] of line.slice(before.length, line.length - after.length).matchAll(TOKENS)) {
    if (token === '}' || token === ']') depth--;
    if (depth === 1 && token === ',') keep();
    else if (depth > 0) member += token;
    if (token === '{' || token === '[') depth++;
  }
  keep();
  const row = `{${kept.join(',')}}`;
  return kept.some((text) => text.startsWith('"$":')) ? before + row + after : row;
}
