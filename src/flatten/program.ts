import { aligned } from '../kernels/buffers.ts';
import { NODE_FLAGS } from '../kernels/flatten.ts';
import { levelColumn, sourceKeyColumn } from '../wire/subtable-columns.ts';
import { type Node, nodesOf, useOf } from './nodes.ts';
import type { Shape } from './shape.ts';

/** A shape as the tables that the kernel reads, laid out for one address. */
export interface Program {
  readonly bytes: Buffer;
  /** In the order of the tables in `bytes`; the top-level one first. */
  readonly tables: readonly Shape[];
  readonly nodes: readonly Node[];
  /** Addresses, numbers of things and sizes, as `configure` takes them up to the scratch. */
  readonly places: readonly [
    tables: number,
    nodes: number,
    nodeCount: number,
    slots: number,
    slotCount: number,
    captures: number,
    keyCount: number,
    captureCount: number,
    dollarCapture: number,
    levels: number,
    pending: number,
  ];
  readonly entries: readonly number[];
  /** Bytes of what the scratch holds besides values. */
  readonly carriedBytes: number;
  nodeOf(address: number): Node;
  indexOf(tableAddress: number): number;
}

/** What the kernel keeps of a table, by offset: see assembly/flatten.ts. */
export const TABLE = {
  size: 48,
  start: 0,
  at: 4,
  limit: 8,
  committed: 12,
  committedRows: 20,
  rows: 24,
} as const;
const TABLE_ROOT = 16;
const NODE_BYTES = 48;
const ENTRY_BYTES = 16;

/**
 * Lays out what is known of a shape; `base` is the address of the first byte:
 *
 * ```
 * | tables 48 each | nodes 48 each | entries 16 each | slots 4 × 2^n | captures 16 each | levels 16 each | pending | texts |
 * ```
 *
 * The entries of one node stand together, ended by one that matches nothing. Texts are padded to 16 bytes.
 */
export function programOf(shape: Shape, base: number): Program {
  const roots = nodesOf(shape);
  const nodes = roots.flatMap(withInner);
  const tables = roots.map((root) => root.shape);
  const key = [...new Set(shape.key ?? [])];
  const carried = shape.carriedNames();
  const spelled = nodes.map((node) =>
    [...node.children.values()].flatMap((child) =>
      [JSON.stringify(child.name), ...child.spellings].map((text) => ({ text, child })),
    ),
  );
  const names = spelled.reduce((total, of) => total + of.length, 0);
  const levels = Math.max(1, ...tables.map((table) => table.level));
  let slotCount = 64;
  while (slotCount < 2 * names) slotCount *= 2;

  const nodesAt = base + TABLE.size * tables.length;
  const entriesAt = nodesAt + NODE_BYTES * nodes.length;
  const slotsAt = entriesAt + ENTRY_BYTES * (names + nodes.length);
  const capturesAt = slotsAt + 4 * slotCount;
  const levelsAt = capturesAt + 16 * (key.length + carried.length);
  const pendingAt = levelsAt + 16 * levels;
  const texts = newTexts(pendingAt + 16 * Math.ceil(tables.length / 2));

  const addresses = new Map(nodes.map((node, index) => [node, nodesAt + NODE_BYTES * index]));
  const tableAddresses = new Map(tables.map((table, index) => [table, base + TABLE.size * index]));
  const words = new Map<number, number>();
  const put = (at: number, ...values: readonly number[]): void => {
    for (const [index, value] of values.entries()) words.set(at + 4 * index, value);
  };

  for (const [index, root] of roots.entries())
    put(base + TABLE.size * index + TABLE_ROOT, addresses.get(root)!);

  const captured = new Map<string, number>();
  const captures = [
    ...key.map((name) => [name, sourceKeyColumn(name)]),
    ...carried.map((name) => [name, name]),
  ];
  for (const [index, [name, column]] of captures.entries()) {
    const at = capturesAt + 16 * index;
    captured.set(name!, at);
    put(at + 8, ...texts.add(keyText(column!)));
  }
  for (let level = 0; level < levels; level++)
    put(levelsAt + 16 * level, ...texts.add(keyText(levelColumn(level))));

  const nothing = texts.add('\0');
  const entries: number[] = [];
  let entry = entriesAt;
  for (const [index, node] of nodes.entries()) {
    const at = nodesAt + NODE_BYTES * index;
    const column = node.column?.column.name;
    put(at, flagsOf(node));
    if (column !== undefined) put(at + 4, ...texts.add(keyText(column)));
    put(at + 12, entry);
    if (node.subtable !== undefined) put(at + 16, tableAddresses.get(node.subtable)!);
    if (node.shape === shape && column !== undefined) put(at + 20, captured.get(column) ?? 0);
    for (const { text, child } of spelled[index]!) {
      put(entry, ...texts.add(`${text}:`), addresses.get(child)!, at);
      entries.push(entry);
      entry += ENTRY_BYTES;
    }
    put(entry, ...nothing);
    entry += ENTRY_BYTES;
  }

  const bytes = Buffer.alloc(texts.end() - base);
  for (const [at, value] of words) bytes.writeUInt32LE(value, at - base);
  texts.write(bytes, base);
  return {
    bytes,
    tables,
    nodes,
    places: [
      base,
      nodesAt,
      nodes.length,
      slotsAt,
      slotCount,
      capturesAt,
      key.length,
      captures.length,
      carried.includes('$') ? captured.get('$')! : 0,
      levelsAt,
      pendingAt,
    ],
    entries,
    carriedBytes: captures.reduce((total, [, column]) => total + 64 + 6 * column!.length, 0),
    nodeOf: (address) => nodes[(address - nodesAt) / NODE_BYTES]!,
    indexOf: (tableAddress) => (tableAddress - base) / TABLE.size,
  };
}

function withInner(node: Node): readonly Node[] {
  return [node, ...[...node.children.values()].flatMap(withInner)];
}

const keyText = (name: string): string => `,${JSON.stringify(name)}:`;

function flagsOf(node: Node): number {
  const use = useOf(node);
  const { objectOpen, objectRaw, objectText, arrayTable, arrayRaw, arrayText } = NODE_FLAGS;
  return (
    (use.scalar ? NODE_FLAGS.scalar : 0) |
    (use.null === undefined ? 0 : { write: NODE_FLAGS.nullWrite, omit: NODE_FLAGS.nullOmit }[use.null]) |
    (use.object === undefined ? 0 : { open: objectOpen, raw: objectRaw, text: objectText }[use.object]) |
    (use.array === undefined ? 0 : { table: arrayTable, raw: arrayRaw, text: arrayText }[use.array]) |
    (node.column?.column.name === '$' ? NODE_FLAGS.dollar : 0)
  );
}

// Texts one after the other from an address on; each is told by address and length.
function newTexts(start: number) {
  const texts: { readonly bytes: Buffer; readonly at: number }[] = [];
  const known = new Map<string, [number, number]>();
  let end = start;
  return {
    add(text: string): [number, number] {
      let place = known.get(text);
      if (place === undefined) {
        const bytes = Buffer.from(text);
        texts.push({ bytes, at: end });
        place = [end, bytes.length];
        known.set(text, place);
        end += aligned(bytes.length);
      }
      return place;
    },
    end: () => end,
    write(target: Buffer, base: number): void {
      for (const { bytes, at } of texts) target.set(bytes, at - base);
    },
  };
}
