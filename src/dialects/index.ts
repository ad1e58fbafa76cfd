import type { Dialect } from './dialect.ts';
import { duckdb } from './duckdb.ts';
import { postgres } from './postgres.ts';

/** Every engine we speak to. */
export const dialects = { duckdb, postgres } as const satisfies Record<string, Dialect>;

export type DialectName = keyof typeof dialects;
