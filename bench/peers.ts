/** Commands that peers are run by, and how their output is made comparable. */

const PEERS = new URL('peers/', import.meta.url).pathname;
const quote = (text: string) => `"${text.replaceAll('"', '\\"')}"`;

/** A script of `peers/`. */
export const peer = (script: string, ...args: string[]) => `node ${PEERS}${script}.mjs ${args.join(' ')}`;

/** SQL in DuckDB. */
export const duckdb = (threads: number, ...statements: string[]) =>
  peer('duckdb', String(threads), ...statements.map(quote));

/** How DuckDB reads CSV as `decode` does: every field as text. */
export const readCsv = (file: string) => `read_csv('${file}', all_varchar = true, header = true)`;

/** The first lines, their members in one order and every value as text, so that outputs of different tools compare. */
export const canonical = (sample = 2000) =>
  `head -n ${sample} | jq -cS 'walk(if type == "number" or type == "boolean" then tostring else . end)' | md5sum`;
