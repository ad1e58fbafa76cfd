// The bits of rows that live and of rows that must not, and the lines of those that do.

// @ts-ignore: decorator
@inline
export function setBit(bits: u32, row: u32): void {
  const byte = bits + (row >> 3);
  store<u8>(byte, load<u8>(byte) | <u8>(<u32>1 << (row & 7)));
}

export function vetoRow(veto: u32, row: u32): void {
  setBit(veto, row);
}

/** Vetoes the rows from `from` up to `to`. */
export function vetoRows(veto: u32, from: u32, to: u32): void {
  for (let row = from; row < to; row++) setBit(veto, row);
}

/** How many of the rows live. */
export function countLive(live: u32, veto: u32, from: u32, count: u32): u32 {
  let alive: u32 = 0;
  for (let row = from; row < from + count; row++) {
    const bit: u32 = 1 << (row & 7);
    alive += (load<u8>(live + (row >> 3)) & ~load<u8>(veto + (row >> 3)) & bit) != 0 ? 1 : 0;
  }
  return alive;
}

/** Copies the lines of live rows to `out`; the first line is that of `row`. Returns the end of what was copied. */
export function copyLive(from: u32, to: u32, row: u32, live: u32, veto: u32, out: u32): u32 {
  const newline = i8x16.splat(10);
  let start = from;
  let o = out;
  while (start < to) {
    let end = start;
    while (true) {
      const hits: i32 = i8x16.bitmask(i8x16.eq(v128.load(end), newline));
      if (hits != 0) {
        end += ctz(hits) + 1;
        break;
      }
      end += 16;
    }
    const bit: u32 = 1 << (row & 7);
    if ((load<u8>(live + (row >> 3)) & ~load<u8>(veto + (row >> 3)) & bit) != 0) {
      memory.copy(o, start, end - start);
      o += end - start;
    }
    row++;
    start = end;
  }
  return o;
}

/** How many line feeds there are. */
export function countLines(from: u32, to: u32): u32 {
  const newline = i8x16.splat(10);
  let count: u32 = 0;
  let at = from;
  for (; at + 16 <= to; at += 16) count += popcnt(<u32>i8x16.bitmask(i8x16.eq(v128.load(at), newline)));
  for (; at < to; at++) if (load<u8>(at) == 10) count++;
  return count;
}
