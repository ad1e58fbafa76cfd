export const POWERS_BYTES = 617 * 16;

let powersTable: Uint8Array | undefined;

/** The powers of ten that the kernel's shortest digits need, see assembly/_decimal-text.ts. */
export function powersOfTen(): Uint8Array {
  if (powersTable !== undefined) return powersTable;
  const table = Buffer.alloc(POWERS_BYTES);
  for (let k = -292; k <= 324; k++) {
    // floor(log2(10^k)), as the kernel computes it.
    const shift = 127 - ((k * 1741647) >> 19);
    const [over, under] = k >= 0 ? [10n ** BigInt(k), 1n] : [1n, 10n ** BigInt(-k)];
    const dividend = shift >= 0 ? over << BigInt(shift) : over;
    const divisor = shift >= 0 ? under : under << BigInt(-shift);
    const value = (dividend + divisor - 1n) / divisor;
    table.writeBigUInt64LE(value & 0xffffffffffffffffn, (k + 292) * 16);
    table.writeBigUInt64LE(value >> 64n, (k + 292) * 16 + 8);
  }
  powersTable = table;
  return table;
}
