import { UsageError } from '../errors.ts';
import { splitPipeline } from '../shell/args.ts';
import { type PipelineContext, readStep, startPipeline } from '../shell/pipeline.ts';
import type { Context } from '../stage.ts';
import { writeWire } from '../wire/write.ts';
import { defineCommand } from './command.ts';

export const runCommand = defineCommand({
  name: 'run',
  kind: 'action',
  summary: 'run a whole pipeline in one process, with the same result',
  details: `
Takes the pipeline as one quoted argument: the commands of this toolkit, joined by |. Words are split by the
rules of a shell for quotes and backslashes; variables, redirections and other programs are not available.
Rows pass from command to command as bytes in memory, so nothing is written and read again in between, and the
failure of any command fails the whole: no pipefail is needed.`,
  examples: [
    "brigade run 'ls-groups ./drop --feed zenoti | read-manifest | decode | dedupe | load wh.duckdb'",
    "brigade run 'decode contacts.jsonl --bare'",
  ],
  flags: {},
  args: "'PIPELINE'",
  make: (_options, args) => {
    const [text, ...rest] = args;
    if (text === undefined)
      throw new UsageError(
        "expected a pipeline in quotes, found none: brigade run 'decode a.csv | dedupe --key id'",
      );
    if (rest.length > 0)
      throw new UsageError(`expected the pipeline as one argument in quotes, found ${rest[0]} after it`);
    const pipeline = splitPipeline(text);
    return (context) => runPipeline(pipeline, context);
  },
});

async function* runPipeline(
  pipeline: readonly (readonly string[])[],
  context: Context,
): AsyncIterable<Uint8Array> {
  const steps = [];
  const shell = context as PipelineContext;
  for (const words of pipeline) steps.push(await readStep(words, shell.registry));
  const outcome = await startPipeline(steps, shell);
  if (outcome.kind === 'done') await outcome.done;
  else
    yield* outcome.kind === 'wire'
      ? writeWire(outcome.chunks, { bare: outcome.bare, release: true })
      : outcome.bytes;
}
