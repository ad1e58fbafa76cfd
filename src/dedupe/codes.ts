import { floorOf, type OrderValue } from '../wire/order.ts';

/** An order value as a number of 64 bits; `src/kernels/assembly/_order-code.ts` draws the scale and does the same. */
export interface OrderCode {
  readonly code: bigint;
  /** Whether the code stands for this value only. */
  readonly isExact: boolean;
  /** Of text: bytes 6 to 13. */
  readonly rest: bigint;
}

const LEAST = -(2n ** 60n);
const MOST = 2n ** 63n - 1n;
const NUMBER = 2n ** 60n + 2n;
const INSTANT = 2n ** 63n + 2n ** 61n;
const INSTANT_REACH = 2n ** 59n;
const TEXT = 2n ** 63n + 2n ** 62n;

/** The code of a value; `isAlone`: no other order column follows, so that `rest` is compared too. */
export function codeOf(value: OrderValue, isAlone: boolean): OrderCode {
  switch (value.rank) {
    case 0:
      return { code: 0n, isExact: true, rest: 0n };
    case 1: {
      const { floor, isExact } = floorOf(value);
      if (floor < LEAST) return { code: 1n, isExact: false, rest: 0n };
      if (floor > MOST) return { code: NUMBER + MOST + 1n, isExact: false, rest: 0n };
      return { code: NUMBER + floor, isExact, rest: 0n };
    }
    case 2: {
      const micros = BigInt(value.high) * 1_000_000n + BigInt(value.text.slice(0, 6).padEnd(6, '0'));
      if (micros < -INSTANT_REACH) return { code: INSTANT - INSTANT_REACH, isExact: false, rest: 0n };
      if (micros > INSTANT_REACH) return { code: INSTANT + INSTANT_REACH, isExact: false, rest: 0n };
      return {
        code: INSTANT + micros,
        isExact: value.text.length <= 6 && micros > -INSTANT_REACH && micros < INSTANT_REACH,
        rest: 0n,
      };
    }
    case 3: {
      const bytes = Buffer.alloc(Math.max(14, value.text.length * 3));
      const length = bytes.write(value.text);
      const head = bytes.readUIntBE(0, 6);
      const isShort = length <= 6 || (isAlone && length <= 14 && !value.text.includes('\0'));
      return {
        code: TEXT + ((BigInt(head) << 8n) | BigInt(Math.min(length, 7))),
        isExact: isShort,
        rest: bytes.readBigUInt64BE(6),
      };
    }
  }
}
