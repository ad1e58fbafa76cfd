import { messageOf, UserError } from '../errors.ts';
import type { Control } from './types.ts';

type Kind = 'string' | 'number' | 'boolean' | 'list' | 'string or null';

// The members each control line must or may hold. Members not listed here are let through, for later versions.
const MEMBERS: {
  readonly [W in Control['$']]: {
    readonly must: Readonly<Record<string, Kind>>;
    readonly may?: Readonly<Record<string, Kind>>;
  };
} = {
  feed: { must: { wire: 'number', feed: 'string', source: 'string', root: 'string' } },
  ddl: { must: { uri: 'string', modified: 'string', etag: 'string' }, may: { sql: 'string' } },
  group: {
    must: { feed: 'string', scope: 'string', group: 'string', after: 'string or null' },
    may: { tables: 'list' },
  },
  file: {
    must: { uri: 'string' },
    may: {
      table: 'string',
      format: 'string',
      codec: 'string',
      bytes: 'number',
      etag: 'string',
      modified: 'string',
      role: 'string',
      member: 'string',
      batch: 'string',
      seq: 'number',
      superseded: 'list',
    },
  },
  table: {
    must: { table: 'string' },
    may: {
      columns: 'list',
      key: 'list',
      merge: 'string',
      order: 'list',
      delete_flag: 'string',
      parent: 'string',
      full: 'boolean',
      version: 'string',
    },
  },
  reject: {
    must: { uri: 'string', reason: 'string' },
    may: { line: 'number', row: 'number', offset: 'number', column: 'string', raw: 'string' },
  },
  eof: { must: { uri: 'string', rows: 'number', rejects: 'number' }, may: { member: 'string' } },
  commit: {
    must: { feed: 'string', scope: 'string', group: 'string', files: 'number', digest: 'string' },
    may: { rows: 'number' },
  },
  end: { must: { groups: 'number' } },
};

const CHECKS = new Map(
  Object.entries(MEMBERS).map(([word, { must, may = {} }]) => [
    word,
    Object.entries({ ...may, ...must }).map(([name, kind]) => ({ name, kind, isNeeded: name in must })),
  ]),
);

function isKind(value: unknown, kind: Kind): boolean {
  if (kind === 'list') return Array.isArray(value);
  if (kind === 'string or null') return value === null || typeof value === 'string';
  return typeof value === kind;
}

/** Reads one control line. `where` opens the message of the `UserError` that a malformed one throws. */
export function parseControl(line: string, where: string): Control {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(line) as Record<string, unknown>;
  } catch (error) {
    throw new UserError(`${where}: expected a control line in JSON: ${messageOf(error)}`, { cause: error });
  }
  const word = String(value['$']);
  const members = CHECKS.get(word);
  if (members === undefined) {
    throw new UserError(
      `${where}: expected a control word (${Object.keys(MEMBERS).join(', ')}, row), found ${JSON.stringify(word)}`,
    );
  }
  for (const { name, kind, isNeeded } of members) {
    const found = value[name];
    if (found === undefined && !isNeeded) continue;
    if (!isKind(found, kind)) {
      throw new UserError(
        `${where}: expected "${name}" of the ${word} line to be a ${kind}, found ${JSON.stringify(found) ?? 'none'}`,
      );
    }
  }
  return value as unknown as Control;
}

/** A control line as it is written, with its line feed; `$` stands first, whatever the order of the members. */
export function controlLine(control: Control): string {
  const text = JSON.stringify(control);
  if (text.startsWith('{"$":')) return `${text}\n`;
  const { $, ...members } = control;
  return `${JSON.stringify({ $, ...members })}\n`;
}
