declare module 'snappyjs' {
  /** Compresses a raw Snappy block. */
  export function compress(bytes: Uint8Array): Uint8Array;
}
