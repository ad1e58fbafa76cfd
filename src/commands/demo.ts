import { tour } from '../demo/tour.ts';
import type { PipelineContext } from '../shell/pipeline.ts';
import { defineCommand } from './command.ts';
import { text } from './flags.ts';

const WIDTH = 100;

export const demoCommand = defineCommand({
  name: 'demo',
  kind: 'action',
  summary: 'the main job on packed sample drops, into a DuckDB file',
  details: `
Copies the sample drops of all four vendors to a temporary folder, lists, decodes and merges them into a new DuckDB
file by the pipelines that it prints, and shows the tables. Then a second delivery comes (updates, deletes, a full
resync, new columns), and what it changed is shown; then everything runs once more, and nothing changes. A file left by
an earlier demo is replaced, any other is not touched. No network is used.`,
  examples: ['brigade demo', 'brigade demo --out /tmp/demo.duckdb'],
  flags: { out: text('FILE', 'the DuckDB file to make; default demo.duckdb') },
  make: (options) => (context) => {
    const columns = Number(context.env['COLUMNS']);
    const width = Number.isSafeInteger(columns) && columns >= 40 ? columns : WIDTH;
    return bytesOf(tour({ out: options.out ?? 'demo.duckdb', width }, context as PipelineContext));
  },
});

async function* bytesOf(lines: AsyncIterable<string>): AsyncIterable<Uint8Array> {
  for await (const line of lines) yield Buffer.from(`${line}\n`);
}
