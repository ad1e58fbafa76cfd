// Bzip2, a block at a time. The format has no specification of its own; Joe Tsai's "BZIP2: Format Specification" (2016)
// describes it bit by bit. Bits are taken from the highest of each byte on.

const DONE: u32 = 0;
const MORE: u32 = 1;
const BLOCK: u32 = 2;
const STREAM_END: u32 = 3;
const BAD_MAGIC: u32 = 16;
const RANDOMISED: u32 = 17;
const BAD_TABLE: u32 = 18;
const BAD_DATA: u32 = 19;
const BAD_CRC: u32 = 20;

const MAX_SELECTORS: u32 = 18002;
const FAST_BITS: u32 = 10;

const selectors = memory.data(18016);
/** Per coding table: 1024 entries of (symbol << 5 | bits) for short codes, 0 if the code is longer. */
const fast = memory.data(6 * 1024 * 2, 16);
/** Per coding table, by code length 1–20: the first code behind those of that length, and symbol index minus code. */
const limits = memory.data(6 * 24 * 4, 16);
const bases = memory.data(6 * 24 * 4, 16);
const symbols = memory.data(6 * 258 * 2, 16);
const lengths = memory.data(272, 16);
const used = memory.data(272, 16);
const counts = memory.data(256 * 4, 16);
const crcs = memory.data(256 * 4, 16);

let position: u64 = 0; // in bits, from address 0
let bitsEnd: u64 = 0;
let table: u32 = 0; // 900,000 words: the block
let blockBytes: u32 = 0;
let left: u32 = 0;
let cursor: u32 = 0;
let repeats: u32 = 0;
let last: u32 = 0;
let pending: u32 = 0;
let crc: u32 = 0;
let blockCrc: u32 = 0;
let streamCrc: u32 = 0;
let output: u32 = 0;

export function heapBase(): u32 { return <u32>__heap_base; }
export function positionBits(): f64 { return <f64>position; }
export function outputAt(): u32 { return output; }

export function setup(tableAddress: u32): void {
  table = tableAddress;
  for (let i: u32 = 0; i < 256; i++) {
    let c = i << 24;
    for (let k = 0; k < 8; k++) c = (c << 1) ^ (c >> 31 != 0 ? 0x04c11db7 : 0);
    store<u32>(crcs + (i << 2), c);
  }
}

/** At the beginning of a stream, behind its header. */
export function begin(): void {
  streamCrc = 0;
}

/** The next n bits, n at most 32. Reading beyond the end gives anything; `position` tells afterwards. */
// @ts-ignore: decorator
@inline function peek(n: u64): u32 {
  return <u32>((bswap<u64>(load<u64>(<u32>(position >> 3))) << (position & 7)) >> (64 - n));
}

// @ts-ignore: decorator
@inline function take(n: u64): u32 {
  const bits = peek(n);
  position += n;
  return bits;
}

/** What a failure means once it is known whether the bits were there at all. */
function fail(status: u32): u32 {
  return position > bitsEnd ? MORE : status;
}

/**
 * Reads the block that begins at bit `fromBits`; the input ends before `end`, behind which 16 bytes are readable.
 * MORE: it does not end there, nothing has happened. BLOCK: call write(). STREAM_END: the stream's CRC was right.
 * `maxBytes`: 100,000 times the level of the stream.
 */
export function read(fromBits: f64, end: u32, maxBytes: u32): u32 {
  position = <u64>fromBits;
  bitsEnd = <u64>end << 3;
  if (position + 80 > bitsEnd) return MORE;
  const high = take(24), low = take(24);
  const sum = take(32);
  if (high == 0x177245 && low == 0x385090) return sum == streamCrc ? STREAM_END : BAD_CRC;
  if (high != 0x314159 || low != 0x265359) return BAD_MAGIC;
  if (take(1) != 0) return fail(RANDOMISED);
  const origin = take(24);
  const status = readTables();
  if (status != DONE) return fail(status);
  const bad = readSymbols(maxBytes);
  if (bad != DONE) return fail(bad);
  if (position > bitsEnd) return MORE;
  if (origin >= blockBytes) return BAD_DATA;
  blockCrc = sum;
  unsort(origin);
  return BLOCK;
}

let groups: u32 = 0;
let selectorCount: u32 = 0;
let alphabet: u32 = 0;

function readTables(): u32 {
  const ranges = take(16);
  let usedCount: u32 = 0;
  for (let i: u32 = 0; i < 16; i++) {
    if ((ranges & (0x8000 >> i)) == 0) continue;
    const bits = take(16);
    for (let j: u32 = 0; j < 16; j++) if ((bits & (0x8000 >> j)) != 0) store<u8>(used + usedCount++, <u8>(i * 16 + j));
  }
  if (usedCount == 0) return BAD_TABLE;
  alphabet = usedCount + 2;
  groups = take(3);
  selectorCount = take(15);
  if (groups < 2 || groups > 6 || selectorCount == 0) return BAD_TABLE;
  // Which table codes which 50 symbols, by how recently it was last used.
  let order: u64 = 0x050403020100;
  for (let i: u32 = 0; i < selectorCount; i++) {
    let place: u64 = 0;
    while (take(1) != 0) if (++place >= <u64>groups) return BAD_TABLE;
    if (position > bitsEnd) return MORE;
    const shift = place << 3;
    const chosen = (order >> shift) & 255;
    const lower = order & ((<u64>1 << shift) - 1);
    order = (order & ~((<u64>1 << (shift + 8)) - 1)) | (lower << 8) | chosen;
    // Some writers pad; what lies behind the most that a block can use means nothing.
    if (i < MAX_SELECTORS) store<u8>(selectors + i, <u8>chosen);
  }
  selectorCount = min(selectorCount, MAX_SELECTORS);
  for (let g: u32 = 0; g < groups; g++) {
    let length = take(5);
    for (let s: u32 = 0; s < alphabet; s++) {
      while (true) {
        if (length < 1 || length > 20) return BAD_TABLE;
        if (take(1) == 0) break;
        length += take(1) == 0 ? 1 : -1;
      }
      store<u8>(lengths + s, <u8>length);
    }
    if (position > bitsEnd) return MORE;
    const status = buildTable(g);
    if (status != DONE) return status;
  }
  return DONE;
}

function buildTable(g: u32): u32 {
  const limit = limits + g * 96, base = bases + g * 96, symbol = symbols + g * 516, quick = fast + g * 2048;
  memory.fill(quick, 0, 2048);
  let code: u32 = 0, index: u32 = 0;
  for (let length: u32 = 1; length <= 20; length++) {
    store<u32>(base + (length << 2), index - code);
    for (let s: u32 = 0; s < alphabet; s++) {
      if (<u32>load<u8>(lengths + s) != length) continue;
      store<u16>(symbol + (index << 1), <u16>s);
      index++;
      // More codes of a length than there are.
      if (code >> length != 0) return BAD_TABLE;
      if (length <= FAST_BITS) {
        const first = code << (FAST_BITS - length), entries = <u32>1 << (FAST_BITS - length);
        for (let k: u32 = 0; k < entries; k++) store<u16>(quick + ((first + k) << 1), <u16>((s << 5) | length));
      }
      code++;
    }
    store<u32>(limit + (length << 2), code);
    code <<= 1;
  }
  return DONE;
}

function readSymbols(maxBytes: u32): u32 {
  memory.fill(counts, 0, 1024);
  let n: u32 = 0, selector: u32 = 0, inGroup: u32 = 0;
  let run: u32 = 0, weight: u32 = 1;
  let quick: u32 = 0, g: u32 = 0;
  const end = alphabet - 1;
  while (true) {
    if (inGroup == 0) {
      if (selector == selectorCount) return BAD_DATA;
      g = load<u8>(selectors + selector++);
      quick = fast + g * 2048;
      inGroup = 50;
      if (position > bitsEnd) return MORE;
    }
    inGroup--;
    const bits = peek(20);
    const entry: u32 = load<u16>(quick + ((bits >> 10) << 1));
    let symbol: u32;
    if (entry != 0) {
      symbol = entry >> 5;
      position += <u64>(entry & 31);
    } else {
      let length: u32 = 1, code: u32 = 0;
      while (true) {
        code = bits >> (20 - length);
        if (code < load<u32>(limits + g * 96 + (length << 2))) break;
        if (++length > 20) return BAD_DATA;
      }
      symbol = load<u16>(symbols + g * 516 + ((load<u32>(bases + g * 96 + (length << 2)) + code) << 1));
      position += <u64>length;
    }
    if (symbol <= 1) {
      // Bits of the length of a run of the front byte, in bijective base 2.
      if (weight > 1 << 21) return BAD_DATA;
      run += weight << symbol;
      weight <<= 1;
      continue;
    }
    if (run != 0) {
      if (run > maxBytes - n) return BAD_DATA;
      const b: u32 = load<u8>(used);
      const counter = counts + (b << 2);
      store<u32>(counter, load<u32>(counter) + run);
      for (const stop = n + run; n < stop; n++) store<u32>(table + (n << 2), b);
      run = 0;
      weight = 1;
    }
    if (symbol == end) break;
    if (n >= maxBytes) return BAD_DATA;
    const place = symbol - 1;
    const b: u32 = load<u8>(used + place);
    memory.copy(used + 1, used, place);
    store<u8>(used, <u8>b);
    const counter = counts + (b << 2);
    store<u32>(counter, load<u32>(counter) + 1);
    store<u32>(table + (n << 2), b);
    n++;
  }
  blockBytes = n;
  return DONE;
}

/** Undoes the Burrows–Wheeler transform: each word's upper 24 bits become the place of the next byte. */
function unsort(origin: u32): void {
  let sum: u32 = 0;
  for (let b: u32 = 0; b < 256; b++) {
    const count = load<u32>(counts + (b << 2));
    store<u32>(counts + (b << 2), sum);
    sum += count;
  }
  for (let i: u32 = 0; i < blockBytes; i++) {
    const counter = counts + (<u32>load<u8>(table + (i << 2)) << 2);
    const to = load<u32>(counter);
    store<u32>(counter, to + 1);
    store<u32>(table + (to << 2), load<u32>(table + (to << 2)) | (i << 8));
  }
  cursor = load<u32>(table + (origin << 2)) >> 8;
  left = blockBytes;
  repeats = 0;
  last = 256;
  pending = 0;
  crc = 0xffffffff;
}

/** Writes the block from `to` on, at most to `end`. MORE: call again. DONE: the whole block is out, its CRC right. */
export function write(to: u32, end: u32): u32 {
  let o = to, sum = crc;
  while (o < end) {
    if (pending != 0) {
      pending--;
      store<u8>(o++, <u8>last);
      sum = (sum << 8) ^ load<u32>(crcs + (((sum >> 24) ^ last) << 2));
      continue;
    }
    if (left == 0) break;
    left--;
    const word = load<u32>(table + (cursor << 2));
    const b = word & 255;
    cursor = word >> 8;
    if (repeats == 4) {
      // Behind four equal bytes stands how many more there are.
      pending = b;
      repeats = 0;
      continue;
    }
    repeats = b == last ? repeats + 1 : 1;
    last = b;
    store<u8>(o++, <u8>b);
    sum = (sum << 8) ^ load<u32>(crcs + (((sum >> 24) ^ b) << 2));
  }
  crc = sum;
  output = o;
  if (left != 0 || pending != 0) return MORE;
  const found = ~sum;
  if (found != blockCrc) return BAD_CRC;
  streamCrc = rotl<u32>(streamCrc, 1) ^ found;
  return DONE;
}
