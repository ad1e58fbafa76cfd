import { Duplex } from 'node:stream';
import { type Context, quietContext, type Stage } from '../stage.ts';
import { type Chunk, isControl, type Row } from '../wire/types.ts';
import { createTableWriter, writeWire } from '../wire/write.ts';
import { readItems } from './input.ts';

/** What comes out of a Transform of this library. */
export type Output =
  /** Buffers of the wire: for a file, a pipe, or the next Transform of this library. */
  | 'bytes'
  /** The lines of the wire as objects; a row with a member `$` stands in `{"$":"row","row":…}`. */
  | 'lines'
  /** The records alone. A stream without its end is an error. */
  | 'rows';

export interface StreamOptions {
  /** Default: `bytes`. */
  readonly output?: Output;
  readonly signal?: AbortSignal;
  /** Gets each warning, one line without a line feed. Default: nobody. */
  readonly onWarning?: (message: string) => void;
}

export interface TransformParts {
  /** Turns the bytes of a file into chunks, where the stage takes such. */
  readonly decodeBytes?: (context: Context) => AsyncIterable<Chunk>;
  /** What a row looks like with `output: 'rows'`; default: the record. */
  readonly rowOf?: (row: Row, table: string) => unknown;
}

/**
 * A stage as a Duplex for `stream.pipeline`: writes are Buffers (of the wire, or of a file where the stage decodes)
 * or objects (lines of the wire, or plain rows). Back pressure holds on both sides; memory is that of the stage.
 */
export function stageTransform(
  stage: Stage,
  options: StreamOptions = {},
  parts: TransformParts = {},
): Duplex {
  return new StageDuplex(
    (items, context) =>
      present(stage(readItems(items, context, parts.decodeBytes), context), options.output, parts),
    options,
  );
}

/** The same for an end of a pipeline that makes bytes. */
export function printerTransform(
  print: (input: AsyncIterable<Chunk>, context: Context) => AsyncIterable<Uint8Array>,
  options: StreamOptions = {},
): Duplex {
  return new StageDuplex((items, context) => print(readItems(items, context), context), {
    ...options,
    output: 'bytes',
  });
}

/** Chunks as the reader of a stream wants them. */
export function present(
  chunks: AsyncIterable<Chunk>,
  output: Output = 'bytes',
  parts: TransformParts = {},
): AsyncIterable<unknown> {
  if (output === 'bytes') return writeWire(chunks);
  return output === 'lines' ? linesOf(chunks) : rowsOf(chunks, parts.rowOf);
}

async function* linesOf(chunks: AsyncIterable<Chunk>): AsyncIterable<unknown> {
  const tables = createTableWriter();
  for await (const chunk of chunks) {
    const line = isControl(chunk) ? tables.control(chunk) : tables.before(chunk.table);
    if (line !== undefined) yield line;
    if (isControl(chunk)) continue;
    for (const row of chunk.objects()) yield Object.hasOwn(row, '$') ? { $: 'row', row } : row;
  }
}

async function* rowsOf(chunks: AsyncIterable<Chunk>, rowOf: TransformParts['rowOf']): AsyncIterable<unknown> {
  for await (const chunk of chunks) {
    if (isControl(chunk)) continue;
    for (const row of chunk.objects()) yield rowOf === undefined ? row : rowOf(row, chunk.table.table);
  }
}

type Transformation = (items: AsyncIterable<readonly unknown[]>, context: Context) => AsyncIterable<unknown>;

// `Duplex.from` costs 2.9 µs a row against 0.5 here, since writes that have gathered are taken all at once.
class StageDuplex extends Duplex {
  #waiting: { resolve: (result: IteratorResult<readonly unknown[]>) => void } | undefined;
  #queued: { items: readonly unknown[]; done: () => void } | undefined;
  #ended = false;
  #finished = false;
  #resume: (() => void) | undefined;
  #started = false;
  readonly #abort = new AbortController();
  readonly #output: AsyncIterator<unknown>;

  constructor(transformation: Transformation, options: StreamOptions) {
    super({
      writableObjectMode: true,
      readableObjectMode: options.output === 'lines' || options.output === 'rows',
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const context = quietContext({
      signal: this.#abort.signal,
      ...(options.onWarning === undefined ? {} : { warn: options.onWarning }),
    });
    this.#output = transformation(
      { [Symbol.asyncIterator]: () => ({ next: () => this.#take(), return: async () => this.#stop() }) },
      context,
    )[Symbol.asyncIterator]();
  }

  override _writev(writes: { chunk: unknown }[], done: () => void): void {
    const items = writes.map(({ chunk }) => chunk);
    if (this.#finished) done();
    else if (this.#waiting !== undefined) {
      const { resolve } = this.#waiting;
      this.#waiting = undefined;
      resolve({ done: false, value: items });
      done();
    } else this.#queued = { items, done };
  }

  override _final(done: () => void): void {
    this.#ended = true;
    this.#waiting?.resolve({ done: true, value: undefined });
    this.#waiting = undefined;
    done();
  }

  override _read(): void {
    this.#resume?.();
    this.#resume = undefined;
    if (this.#started) return;
    this.#started = true;
    this.#pump().catch((error) => this.destroy(error));
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#abort.abort(error ?? new Error('the stream was destroyed'));
    this.#ended = true;
    this.#waiting?.resolve({ done: true, value: undefined });
    this.#resume?.();
    done(error);
  }

  #take(): Promise<IteratorResult<readonly unknown[]>> {
    if (this.#queued !== undefined) {
      const { items, done } = this.#queued;
      this.#queued = undefined;
      done();
      return Promise.resolve({ done: false, value: items });
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#waiting = { resolve };
    });
  }

  // A stage that wants no more lets the rest of the input pass unseen.
  #stop(): IteratorResult<readonly unknown[]> {
    this.#finished = true;
    this.#queued?.done();
    this.#queued = undefined;
    return { done: true, value: undefined };
  }

  async #pump(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#output.next();
      if (this.destroyed) {
        await this.#output.return?.();
        return;
      }
      if (done) break;
      if (!this.push(value)) {
        await new Promise<void>((resolve) => {
          this.#resume = resolve;
        });
      }
    }
    this.#stop();
    this.push(null);
  }
}
