import type { Column } from '../wire/types.ts';
import { type FlatColumn, pathText, type Shape } from './shape.ts';

/** A path in the records of a table: the member of a name, or (without a path) an element of its array itself. */
export interface Node {
  readonly shape: Shape;
  readonly path: readonly string[];
  readonly name: string;
  /** Other ways to write the name, in quotes. */
  readonly spellings: string[];
  /** What its values are declared to be. */
  readonly typed: Column | undefined;
  /** How many objects and arrays have been opened to get here. */
  readonly depth: number;
  column?: FlatColumn;
  subtable?: Shape;
  readonly children: Map<string, Node>;
}

/** What is known of a table and its subtables, by path: the root of each, in the order of `allTables`. */
export function nodesOf(shape: Shape): readonly Node[] {
  return treesOf(shape, undefined, shape.columns, 0);
}

function treesOf(
  shape: Shape,
  typed: Column | undefined,
  columns: readonly Column[] | undefined,
  depth: number,
): readonly Node[] {
  const root = newNode(shape, [], typed, depth);
  const typedMembers = new Map<Node, Map<string, Column>>();
  const typeOf = (parent: Node, name: string): Column | undefined => {
    let known = typedMembers.get(parent);
    if (known === undefined) {
      const of = parent === root ? columns : parent.typed?.columns;
      known = new Map(of?.map((column) => [column.name, column]));
      typedMembers.set(parent, known);
    }
    return known.get(name);
  };
  const nodeAt = (path: readonly string[]): Node => {
    let node = root;
    for (const [index, name] of path.entries()) {
      let child = node.children.get(name);
      if (child === undefined) {
        child = newNode(shape, path.slice(0, index + 1), typeOf(node, name), depth + index);
        node.children.set(name, child);
      }
      node = child;
    }
    return node;
  };
  for (const column of shape.flat.values()) nodeAt(column.path).column = column;
  for (const path of shape.nested.values()) nodeAt(path);
  for (const { path, text } of shape.spellings) nodeAt(path).spellings.push(text);
  const inner = [...shape.subtables.values()].flatMap((table) => {
    const node = nodeAt(table.path);
    node.subtable = table;
    const { items } = node.typed ?? {};
    return treesOf(table, items, items?.columns, node.depth + 1);
  });
  return [root, ...inner];
}

function newNode(shape: Shape, path: readonly string[], typed: Column | undefined, depth: number): Node {
  return {
    shape,
    path,
    name: path.at(-1) ?? '',
    spellings: [],
    typed,
    depth,
    children: new Map(),
  };
}

/** What may be done with a value at a node without learning anything from it. */
export interface NodeUse {
  readonly scalar: boolean;
  readonly null: 'write' | 'omit' | undefined;
  readonly object: 'open' | 'raw' | 'text' | undefined;
  readonly array: 'table' | 'raw' | 'text' | undefined;
}

/** The rules of `flattenRow`, for values of a kind that the node's shape has met there before. */
export function useOf(node: Node): NodeUse {
  const { shape, path, column, typed, depth } = node;
  const { settings } = shape;
  const isKnown = column !== undefined && (typed?.type === undefined || column.column.type !== undefined);
  const scalar = isKnown && !column.isNull;
  const isNested = shape.nested.has(pathText(path));
  const text = scalar && column.column.type !== undefined ? 'text' : undefined;
  const raw = scalar ? 'raw' : undefined;
  const isDeep = depth >= settings.maxDepth;
  const isJson = typed?.type === 'json';
  return {
    scalar,
    null: isNested ? 'omit' : isKnown ? 'write' : undefined,
    object: isJson ? raw : isDeep ? text : isNested ? 'open' : undefined,
    array: isJson
      ? raw
      : isDeep || settings.arrays === 'json'
        ? text
        : node.subtable === undefined
          ? undefined
          : 'table',
  };
}
