import type { Engine } from '../merge/engine.ts';
import type { Row } from '../wire/types.ts';

type Flags = Parameters<Engine['decide']>[0];

/** Conditions that a query settles and that are acted upon here: how every connection does it. */
export function settledFlags(
  holding: (flags: Flags) => Promise<ReadonlySet<string>>,
): Pick<Engine, 'decide' | 'when' | 'guard'> {
  let chosen: ReadonlySet<string> = new Set();
  return {
    async decide(flags) {
      chosen = flags.length === 0 ? new Set() : await holding(flags);
    },
    async when(flag, body) {
      if (chosen.has(flag)) await body();
    },
    guard: () => undefined,
  };
}

/** The same where a query may yield conditions as its columns. */
export function flagsByColumns(query: (sql: string) => Promise<readonly Row[]>) {
  return settledFlags(async (flags) => {
    const columns = flags.map(({ name, condition }) => `${condition} AS ${name}`);
    const [row] = await query(`SELECT ${columns.join(', ')}`);
    const holds = (name: string) => row?.[name] === true || Number(row?.[name]) === 1;
    return new Set(flags.flatMap(({ name }) => (holds(name) ? [name] : [])));
  });
}
