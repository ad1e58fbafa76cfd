// The keys of a map, noted from the end of the output's room downwards, 8 bytes each: where the key stands in the
// input, its length.

import { DONE, endOutput, FULL, margin, output, outputEnd, spoil, TWICE } from './_avro-cursor';

export function noteKey(at: u32, length: u32): void {
  endOutput(outputEnd - 8);
  store<u32>(outputEnd, at);
  store<u32>(outputEnd, length, 4);
}

// @ts-ignore: decorator
@inline function sameKey(a: u32, b: u32): bool {
  const n = load<u32>(a, 4);
  return n == load<u32>(b, 4) && memory.compare(load<u32>(a), load<u32>(b), n) == 0;
}

/** Whether the keys noted at `keys` differ; the room between the output and them holds a hash table meanwhile. */
export function distinct(p: u32, keys: u32, count: u32): u32 {
  if (count <= 8) {
    for (let a: u32 = 1; a < count; a++) {
      for (let b: u32 = 0; b < a; b++) if (sameKey(keys + (a << 3), keys + (b << 3))) return twice(p);
    }
    return DONE;
  }
  const slots = <u32>1 << (33 - <u32>clz(count));
  const table = (output + margin + 3) & ~3;
  if (<u64>table + (<u64>slots << 2) > <u64>keys) return FULL;
  memory.fill(table, 0, slots << 2);
  for (let a: u32 = 0; a < count; a++) {
    const key = keys + (a << 3);
    let hash: u32 = 2166136261;
    for (let i = load<u32>(key), end = i + load<u32>(key, 4); i < end; i++) hash = (hash ^ <u32>load<u8>(i)) * 16777619;
    hash ^= hash >> 15;
    while (true) {
      const slot = table + ((hash & (slots - 1)) << 2);
      const other = load<u32>(slot);
      if (other == 0) {
        store<u32>(slot, key);
        break;
      }
      if (sameKey(key, other)) return twice(p);
      hash++;
    }
  }
  return DONE;
}

function twice(p: u32): u32 {
  spoil(TWICE, p, 0);
  return DONE;
}
