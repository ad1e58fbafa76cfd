/**
 * Groups that share a transaction. A group is held until it is through, and only then joins the batch or ends it, so
 * that nothing of a group which has to be applied by itself is ever among the rows of others.
 */

import { TemporaryError, UsageError, UserError } from '../errors.ts';
import { runOfBytes } from '../wire/run.ts';
import { type Chunk, type GroupLine, isControl, type Run } from '../wire/types.ts';
import { applyBatch } from './apply-batch.ts';
import type { Delivery } from './apply-unit.ts';
import { type BatchRules, createBatchRules, type HeldGroup } from './batch-rules.ts';
import { type BatchStage, createBatchStage, FILL_BYTES } from './batch-stage.ts';
import { createBehind } from './behind.ts';
import type { Engine } from './engine.ts';
import type { Session } from './session.ts';
import { createStaging, type Staging } from './staging.ts';
import { type Apply, createUnits } from './units.ts';

/** What a batch holds at most: rows on the wire, then (for engines that read files by themselves) files and their size. */
const HELD_BYTES = 96 * 2 ** 20;
const BATCH_GROUPS = 1000;
const BATCH_FILES = 4000;
const FILE_BYTES = 2 ** 30;
/** Of the wire, as it is read; a run keeps the whole of it. */
const PIECE_BYTES = 128 * 1024;
/** A batch that gathers slowly is applied after this time, so that what arrived is safe. */
const BATCH_MS = 60_000;

/**
 * Applies groups in batches of at most `groups`, everything else by `oneByOne`. A stream that is cut off leaves the
 * batches before; the open one has not been begun. Memory: the rows of a batch as they came, 96 MiB, and
 * 8 MiB of the one after it.
 */
export function createBatches(
  oneByOne: Apply,
  staging: Staging,
  session: Session,
  groups: number | 'auto',
): Apply {
  const { engine, naming } = session;
  if (engine.dialect.batches !== true) {
    throw new UsageError(
      `--batch-groups: expected an engine whose groups can share a transaction, found ${engine.dialect.name} (it takes group by group)`,
    );
  }
  const most = Math.min(groups === 'auto' ? BATCH_GROUPS : groups, BATCH_GROUPS);
  let group: GroupLine | undefined;
  let chunks: Chunk[] = [];
  let bytes = 0;
  let found: Delivery | undefined;
  /** The group is too large to be held, and goes on as it comes. */
  let passing = false;
  let batch: HeldGroup[] = [];
  let stage: BatchStage | undefined;
  let batchBytes = 0;
  let rules: BatchRules | undefined;
  /** The batch before, of which all groups are through. */
  const merging = createBehind({ atOnce: engine.undoes !== true });
  // What a group is, found out without touching the database.
  const silent = silentEngine(engine);
  const looking = createStaging(silent, naming.nameCase);
  const look = createUnits(
    { naming, options: session.options, open: async () => {} },
    looking,
    async (delivery) => {
      const { unit, feed, tableOf } = delivery;
      await looking.addFiles([...unit.undecoded.values()], feed?.feed ?? unit.group?.feed, tableOf);
      looking.clear();
      found = delivery;
    },
  );

  const again = async (held: readonly Chunk[]): Promise<void> => {
    for (const chunk of held) await oneByOne.take(chunk);
  };

  async function flush(): Promise<void> {
    await merging.settle();
    await mergeBatch();
  }

  async function mergeBatch(): Promise<void> {
    const { ready, staged } = takeBatch();
    const apply = async () => applyBatch(ready, await staged!.finish(), staging, session);
    if (ready.length > 1 && (await succeeds(apply))) return;
    for (const held of ready) await again(held.chunks);
  }

  function takeBatch() {
    const taken = { ready: batch, staged: stage };
    batch = [];
    stage = undefined;
    batchBytes = 0;
    rules = undefined;
    return taken;
  }

  // False: the batch failed and is undone. What it is about is said best by its own group, after those before it; a script
  // cannot take anything back.
  async function succeeds(step: () => Promise<void>): Promise<boolean> {
    try {
      await step();
      return true;
    } catch (error) {
      if (engine.undoes !== true || !(error instanceof UserError) || error instanceof TemporaryError)
        throw error;
      await engine.abandon(error.message);
      staging.clear();
      return false;
    }
  }

  async function hold(chunk: Chunk): Promise<void> {
    const kept = isControl(chunk) ? chunk : owned(chunk);
    chunks.push(kept);
    bytes += isControl(kept) ? 200 : kept.ndjson().length;
    try {
      // A run keeps its rows once they were asked for: those of this one go with it.
      await look.take(isControl(kept) ? kept : runOfBytes(kept.table, kept.ndjson(), kept.count));
    } catch (error) {
      // Groups that are whole come first, then whoever stages the rows says the same.
      await flush();
      await again(chunks);
      throw error;
    }
    if (bytes + batchBytes >= FILL_BYTES) await merging.settle();
    if (bytes + batchBytes <= HELD_BYTES) return;
    await merging.start(mergeBatch);
    if (bytes <= HELD_BYTES) return;
    await merging.settle();
    const early = chunks;
    chunks = [];
    passing = true;
    await again(early);
  }

  const isFull = () =>
    batch.length >= most ||
    Date.now() - batch[0]!.delivery.unit.startedMs > BATCH_MS ||
    batch.reduce((sum, { files }) => sum + files, 0) > BATCH_FILES ||
    batch.reduce((sum, { fileBytes }) => sum + fileBytes, 0) > FILE_BYTES;

  async function accept(delivery: Delivery): Promise<void> {
    const { unit } = delivery;
    const undecoded = [...unit.undecoded.values()];
    const one: HeldGroup = {
      delivery,
      chunks,
      bytes,
      files: undecoded.length,
      fileBytes: undecoded.reduce((sum, file) => sum + (file.bytes ?? 0), 0),
    };
    if (rules?.takes(one) !== true) {
      await flush();
      const fresh = createBatchRules(session);
      if (!fresh.takes(one)) return again(one.chunks);
      rules = fresh;
    }
    batch.push(one);
    batchBytes += bytes;
    const staged = stage ?? createBatchStage(one, staging, session);
    stage = staged;
    if (!(await succeeds(() => staged.add(one)))) {
      for (const held of takeBatch().ready) await again(held.chunks);
    } else if (isFull()) await merging.start(mergeBatch);
  }

  return {
    async take(chunk) {
      const isCommit = isControl(chunk) && chunk.$ === 'commit';
      if (passing) {
        await oneByOne.take(chunk);
        await look.take(isControl(chunk) ? chunk : runOfBytes(chunk.table, new Uint8Array(), 0));
        if (!isCommit) return;
        passing = false;
        group = undefined;
        return;
      }
      if (group === undefined && isControl(chunk) && chunk.$ === 'group') {
        group = chunk;
        chunks = [];
        bytes = 0;
      }
      if (group === undefined) {
        await flush();
        if (isControl(chunk) && chunk.$ !== 'end') await look.take(chunk);
        return oneByOne.take(chunk);
      }
      await hold(chunk);
      if (!isCommit) return;
      group = undefined;
      if (passing) passing = false;
      else await accept(found!);
      chunks = [];
    },
    async settle() {
      await merging.settle();
      await stage?.settle();
    },
  };
}

/** A run that keeps no more memory than it needs, or little more: runs share a piece of the wire with those beside them. */
function owned(run: Run): Run {
  const bytes = run.ndjson();
  const { byteLength } = bytes.buffer;
  const isTight = byteLength <= 2 * bytes.length || (run.release === undefined && byteLength <= PIECE_BYTES);
  if (isTight) return runOfBytes(run.table, bytes, run.count);
  const kept = new Uint8Array(bytes);
  run.release?.();
  return runOfBytes(run.table, kept, run.count);
}

// Carries out nothing: rows are only looked at.
function silentEngine(engine: Engine): Engine {
  const nothing = async () => {};
  return { ...engine, open: nothing, run: nothing, fill: nothing, fillFiles: nothing, settle: nothing };
}
