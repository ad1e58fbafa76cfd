import { type Dialect, shortened } from '../dialects/dialect.ts';
import { mismatch } from '../errors.ts';

/** What becomes of the case of names. */
export type NameCase = 'keep' | 'lower' | 'upper';

/** How the target calls things. */
export interface Naming {
  readonly dialect: Dialect;
  readonly schema: string;
  /** `{table}`, `{source}`, `{feed}`, `{integration}` (the scope up to its last `/`). */
  readonly template: string | undefined;
  readonly nameCase: NameCase;
}

/** Where a table stands in its stream. */
export interface Place {
  readonly feed: string | undefined;
  readonly source: string | undefined;
  readonly scope: string | undefined;
}

/** What the target calls a table; undefined while the template asks for something that the stream has not said yet. */
export function targetName(table: string, place: Place, naming: Naming): string | undefined {
  const template = naming.template ?? (place.feed === 'stitch' ? '{integration}__{table}' : '{table}');
  const words: Readonly<Record<string, string | undefined>> = {
    table,
    source: place.source,
    feed: place.feed,
    integration: place.scope?.includes('/')
      ? place.scope.slice(0, place.scope.lastIndexOf('/'))
      : place.scope,
  };
  let complete = true;
  const name = template.replace(/\{(\w+)\}/g, (text, word: string) => {
    if (!Object.hasOwn(words, word)) {
      throw mismatch('--target-name', '{table}, {source}, {feed} or {integration}', text);
    }
    if (words[word] === undefined) complete = false;
    return words[word] ?? '';
  });
  if (!complete) return undefined;
  checkText(name, `table ${table}`);
  // A drop that could name our own tables could change what was applied.
  if (name.toLowerCase().startsWith('brigade_')) {
    throw mismatch(`table ${table}`, 'table names that do not begin with brigade_', name);
  }
  return columnName(name, naming);
}

/** Throws unless an engine can call something so: no engine takes an empty name, or a NUL in one. */
export function checkText(name: string, place: string): void {
  if (name === '' || name.includes('\0') || /\p{Surrogate}/u.test(name)) {
    throw mismatch(place, 'names of text without NUL', JSON.stringify(name));
  }
}

/** What the target calls a column, as it says it itself when it is asked for its columns. */
export function columnName(name: string, naming: Pick<Naming, 'dialect' | 'nameCase'>): string {
  return shortened(inCase(name, naming.nameCase), naming.dialect.maxNameBytes);
}

function inCase(name: string, nameCase: NameCase): string {
  if (nameCase === 'keep') return name;
  return nameCase === 'lower' ? name.toLowerCase() : name.toUpperCase();
}

/** A name of the target, qualified and quoted. */
export function qualified(name: string, naming: Pick<Naming, 'dialect' | 'schema'>): string {
  const { dialect, schema } = naming;
  if (schema === '') return dialect.identifier(name);
  return `${dialect.identifier(schema)}.${dialect.identifier(name)}`;
}
