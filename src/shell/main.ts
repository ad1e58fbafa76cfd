import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commands } from '../commands/index.ts';
import { messageOf, UsageError, UserError } from '../errors.ts';
import { writeWire } from '../wire/write.ts';
import { parseWords } from './args.ts';
import { commandHelp, overview } from './help.ts';
import { blamedCommand, findCommand, type Outcome, type PipelineContext, startPipeline } from './pipeline.ts';
import { isTerminal, openOutput, ReaderLeft, standardInput } from './stdio.ts';

const EXIT_BUG = 70;

/**
 * Runs one command line. Sets `process.exitCode`; never ends the process, so that a slow reader gets everything. Tells
 * whether the reader left after the first lines, before most of the command had to run.
 */
export async function main(words: readonly string[]): Promise<{ readonly isCutShort: boolean }> {
  silenceSdkWarning();
  const abort = new AbortController();
  const signals = dieBySignal(abort);
  const terminal = progressLine(await isTerminal(2));
  let isCutShort = false;
  try {
    await execute(words, abort, {
      signal: abort.signal,
      warn: (message) => terminal.say(`${words[0]}: ${message}`),
      warnAs: (name, message) => terminal.say(`${name}: ${message}`),
      progress: terminal.show,
      stdin: () => standardInput(abort.signal),
      stdinIsTerminal: () => isTerminal(0),
      registry: commands,
      env: process.env,
    });
  } catch (error) {
    if (error instanceof ReaderLeft) isCutShort = error.pieces < 2;
    else if (!abort.signal.aborted) report(error, words[0], terminal.say);
  } finally {
    terminal.clear();
    signals.end();
  }
  return { isCutShort };
}

async function execute(
  words: readonly string[],
  abort: AbortController,
  context: PipelineContext,
): Promise<void> {
  const [name, ...rest] = words;
  const say = async (text: string) => (await openOutput(context.signal)).write(Buffer.from(text));
  if (name === undefined) throw new UsageError('expected a command, found none (brigade --help lists them)');
  if (name === '--version' || name === '-V') return say(`${version()}\n`);
  if (name === '--help' || name === '-h' || (name === 'help' && rest.length === 0)) {
    const all = await Promise.all(Object.values(commands).map((find) => find()));
    return say(overview(all, version()));
  }
  if (name === 'help') return say(commandHelp(await findCommand(rest[0]!, commands)));
  const command = await findCommand(name, commands);
  if (rest.includes('--help') || rest.includes('-h')) return say(commandHelp(command));
  const { options, args } = parseWords(command, rest);
  await finish(await startPipeline([{ command, options, args }], context), abort);
}

/** Brings the outcome of a pipeline to its end: on standard output, or by waiting for it. */
async function finish(outcome: Outcome, abort: AbortController): Promise<void> {
  if (outcome.kind === 'done') return outcome.done;
  const bytes =
    outcome.kind === 'wire'
      ? writeWire(outcome.chunks, { bare: outcome.bare, release: true })
      : outcome.bytes;
  // What is being made for a reader who has left is made for nobody.
  const output = await openOutput(abort.signal, (error) => abort.abort(error));
  try {
    for await (const piece of bytes) await output.write(piece);
  } catch (error) {
    // What was said before the failure is said; whether its reader is still there is of no interest any more.
    await output.flush().catch(() => {});
    throw error;
  }
  await output.flush();
}

function report(error: unknown, command: string | undefined, say: (message: string) => void): void {
  const name = blamedCommand(error) ?? command ?? 'brigade';
  if (error instanceof UserError) {
    process.exitCode = error.exitCode;
    say(`${name}: ${messageOf(error)}`);
  } else if (isUserFacing(error)) {
    process.exitCode = 1;
    say(`${name}: ${messageOf(error)}`);
  } else {
    process.exitCode = EXIT_BUG;
    say(
      `${name}: this is a bug in bucket-brigade; please report it with the lines below\n${error instanceof Error ? error.stack : error}`,
    );
  }
}

// Errors of the file system (no such file, disk full) name the call, the path and the reason already.
function isUserFacing(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

function version(): string {
  const text = readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

// The AWS SDK announces on standard error, at every start, that it will leave Node 20 one day.
function silenceSdkWarning(): void {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
}

// Stops what is under way, lets it clean up, then dies as the signal demands, so that a shell sees it.
function dieBySignal(abort: AbortController): { end(): void } {
  let received: NodeJS.Signals | undefined;
  const handlers = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => {
    const handler = () => {
      // A second signal does not wait for the clean-up of the first.
      if (received !== undefined) die(signal);
      received = signal;
      abort.abort(new UserError(`stopped by ${signal}`));
      setTimeout(() => die(signal), 5000).unref();
    };
    process.on(signal, handler);
    return [signal, handler] as const;
  });
  function die(signal: NodeJS.Signals): void {
    for (const [name, handler] of handlers) process.off(name, handler);
    process.kill(process.pid, signal);
  }
  return {
    end() {
      for (const [name, handler] of handlers) process.off(name, handler);
      if (received !== undefined) process.kill(process.pid, received);
    },
  };
}

// One line that is drawn again and again on a terminal; on anything else, messages only.
function progressLine(live: boolean) {
  let shown = false;
  const clear = () => {
    if (shown) process.stderr.write('\r\u001b[K');
    shown = false;
  };
  return {
    clear,
    say(message: string) {
      clear();
      process.stderr.write(`${message}\n`);
    },
    show(message: string) {
      if (!live) return;
      clear();
      process.stderr.write(message.slice(0, (process.stderr.columns ?? 80) - 1));
      shown = true;
    },
  };
}
