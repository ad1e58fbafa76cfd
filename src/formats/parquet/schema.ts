import { mismatch } from '../../errors.ts';
import { annotationOf } from './leaf.ts';
import type { SchemaNode } from './metadata.ts';

/** Throws `UserError` on columns that have no place on the wire, or that would be changed on the way there. */
export function checkSchema(schema: readonly SchemaNode[], file: string, path: readonly string[] = []): void {
  const names = new Map<string, string>();
  for (const node of schema) {
    const { name } = node;
    const inner = [...path, name];
    const other = names.get(name.toLowerCase());
    if (name === '') throw mismatch([file, ...path].join(' '), 'a name for every column', 'one without');
    if (other !== undefined)
      throw mismatch(
        `${file} column ${inner.join('.')}`,
        'a name that occurs once, in any case',
        `${other} and ${name}`,
      );
    names.set(name.toLowerCase(), name);
    if (node.children.length === 0) checkLeaf(node, `${file} column ${inner.join('.')}`);
    else checkSchema(node.children, file, inner);
  }
}

function checkLeaf(node: SchemaNode, place: string): void {
  const annotation = annotationOf(node);
  if (
    (annotation.kind === 'time' || annotation.kind === 'timestamp') &&
    annotation.utc &&
    annotation.perSecond > 1e6
  )
    throw mismatch(
      place,
      'times in UTC of at most microseconds',
      'nanoseconds, which the reader would cut off',
    );
  if (annotation.kind === 'decimal' && annotation.precision > 38)
    throw mismatch(
      place,
      'a decimal of at most 38 digits',
      `one of ${annotation.precision}, which the reader would round`,
    );
}
