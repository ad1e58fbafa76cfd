/** How keys are made up: `{pod}/{group:int}/{table}/{log:int}/{file}.csv`, or in Stitch's syntax `[table_name]/…`. */

import { UsageError } from '../errors.ts';
import { DATE_PATTERN, dateId, integerId } from './group-id.ts';

export type PartRole = 'scope' | 'group' | 'table' | 'batch' | 'other';
type PartType = 'text' | 'int' | 'date' | 'path';

interface NameMeaning {
  readonly role: PartRole;
  readonly type: PartType;
}

/** What the names in a template mean, and their type where none is given. `path` alone runs over `/`. */
const TEMPLATE_NAMES: Readonly<Record<string, NameMeaning>> = {
  scope: { role: 'scope', type: 'text' },
  pod: { role: 'scope', type: 'text' },
  integration: { role: 'scope', type: 'text' },
  integration_name: { role: 'scope', type: 'text' },
  group: { role: 'group', type: 'int' },
  date: { role: 'group', type: 'date' },
  timestamp_loaded: { role: 'group', type: 'int' },
  table: { role: 'table', type: 'text' },
  table_name: { role: 'table', type: 'text' },
  batch: { role: 'batch', type: 'int' },
  log: { role: 'batch', type: 'int' },
  logid: { role: 'batch', type: 'int' },
  file: { role: 'other', type: 'text' },
  path: { role: 'other', type: 'path' },
  any: { role: 'other', type: 'text' },
  table_version: { role: 'other', type: 'int' },
  year_loaded: { role: 'other', type: 'int' },
  month_loaded: { role: 'other', type: 'int' },
  day_loaded: { role: 'other', type: 'int' },
  hour_loaded: { role: 'other', type: 'int' },
};

interface Part extends NameMeaning {
  readonly name: string;
}

interface Segment {
  readonly regex: RegExp;
  readonly parts: readonly Part[];
  /** The segment is free of names: this text. */
  readonly literal?: string;
}

/** The texts that the names of a template stand for in one key; ids of type int and date in their normal form. */
export type KeyValues = Readonly<Record<string, string>>;

export interface KeyTemplate {
  readonly text: string;
  readonly segments: readonly Segment[];
  /** Every name used, in order. */
  readonly parts: readonly Part[];
  /** The values of a whole key, or undefined if it is none of these. */
  match(key: string): KeyValues | undefined;
  /** The values of one folder name; to be joined to those of the folders above. */
  matchFolder(index: number, name: string, above: KeyValues): KeyValues | undefined;
}

interface TemplateOptions {
  /** Names that run over `/` here, such as the table with its subtables. */
  readonly deep?: readonly string[];
}

/**
 * Reads a template: literal text, `{name}` or `{name:int}`, `{name:date}`, `[name]`, and `[csv|jsonl]` for either
 * text. A name that stands twice means the same text twice. A compression's ending may follow the last part.
 * Throws `UsageError` for an unknown name, naming those there are, or one that lacks a group or a table.
 */
export function parseTemplate(text: string, { deep = [] }: TemplateOptions = {}): KeyTemplate {
  const segments = text
    .split('/')
    .map((source, i, all) => readSegment(source, text, deep, i === all.length - 1));
  const parts = segments.flatMap((segment) => segment.parts);
  for (const role of ['group', 'table'] as const) {
    const names = new Set(parts.filter((part) => part.role === role).map((part) => part.name));
    if (names.size !== 1)
      throw new UsageError(
        `template ${text}: expected one of ${namesOf(role)}, found ${[...names].join(' and ') || 'none'}`,
      );
  }
  const whole = new RegExp(`^${segments.map(({ regex }) => regex.source.slice(1, -1)).join('/')}$`, 'su');
  return {
    text,
    segments,
    parts,
    match: (key) => valuesOf(whole, parts, key, {}),
    matchFolder: (index, name, above) =>
      valuesOf(segments[index]!.regex, segments[index]!.parts, name, above),
  };
}

const namesOf = (role: PartRole): string =>
  Object.keys(TEMPLATE_NAMES)
    .filter((name) => TEMPLATE_NAMES[name]!.role === role)
    .map((name) => `{${name}}`)
    .join(', ');

const PIECE = /\{([^{}]*)\}|\[([^[\]]*)\]|[^{}[\]]+|./gsu;

function readSegment(source: string, template: string, deep: readonly string[], isLast: boolean): Segment {
  const parts: Part[] = [];
  let pattern = '';
  let literal = '';
  for (const [piece, brace, bracket] of source.matchAll(PIECE)) {
    const inner = brace ?? bracket;
    if (inner === undefined) {
      if (/[{}[\]]/.test(piece))
        throw new UsageError(`template ${template}: expected brackets in pairs, found a lone ${piece}`);
      pattern += escaped(piece);
      literal += piece;
    } else if (bracket?.includes('|')) {
      pattern += `(?:${bracket.split('|').map(escaped).join('|')})`;
    } else {
      const part = readPart(inner, template);
      parts.push(part);
      pattern += `(${deep.includes(part.name) ? '.+?' : PATTERNS[part.type]})`;
    }
  }
  if (isLast) pattern += String.raw`(?:\.(?:gz|zst|bz2|zip))?`;
  return {
    regex: new RegExp(`^${pattern}$`, 'su'),
    parts,
    ...(parts.length === 0 && literal === source ? { literal } : {}),
  };
}

const PATTERNS: Readonly<Record<PartType, string>> = {
  text: '[^/]+?',
  int: String.raw`\d+`,
  date: DATE_PATTERN,
  path: '.+?',
};

function readPart(inner: string, template: string): Part {
  const [name = '', type] = inner.split(':');
  const meaning = Object.hasOwn(TEMPLATE_NAMES, name) ? TEMPLATE_NAMES[name]! : undefined;
  if (meaning === undefined)
    throw new UsageError(
      `template ${template}: expected one of ${Object.keys(TEMPLATE_NAMES).join(', ')}, found ${name || 'no name'}`,
    );
  if (type !== undefined && type !== 'int' && type !== 'date')
    throw new UsageError(
      `template ${template}: expected {${name}}, {${name}:int} or {${name}:date}, found {${inner}}`,
    );
  return { name, role: meaning.role, type: type ?? meaning.type };
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

function valuesOf(
  regex: RegExp,
  parts: readonly Part[],
  text: string,
  above: KeyValues,
): KeyValues | undefined {
  const match = regex.exec(text);
  if (match === null) return undefined;
  const values: Record<string, string> = { ...above };
  for (const [i, { name, type }] of parts.entries()) {
    const found = match[i + 1]!;
    const value = type === 'int' ? integerId(found) : type === 'date' ? dateId(found) : found;
    if ((values[name] ?? value) !== value) return undefined;
    values[name] = value;
  }
  return values;
}

/** The value of the one name of a role. */
export function roleValue(template: KeyTemplate, role: PartRole, values: KeyValues): string | undefined {
  const part = template.parts.find((candidate) => candidate.role === role);
  return part && values[part.name];
}
