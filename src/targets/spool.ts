import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeTemporaryDirectory, removeTemporaryDirectory } from '../formats/temporary-files.ts';
import { BATCH, type Fill, ROW, SHAPE } from '../merge/engine.ts';
import type { Row, Run } from '../wire/types.ts';

/** Rows of one stage on disk, each with its number, batch and shape, for an engine that reads NDJSON. */
export interface Segment {
  readonly fill: Fill;
  readonly path: string;
  bytes: number;
  /** Of the longest line. */
  longest: number;
}

export interface Spool {
  /** The segment that the rows went to. */
  add(fill: Fill, run: Run): Promise<Segment>;
  /** Those with rows; they are gone from the spool. */
  take(stage?: string): Segment[];
  discard(segment: Segment): void;
  close(): Promise<void>;
}

const LF = 10;
const BRACE = 123;
const QUOTE = 34;
const DOLLAR = 36;

/** Files of mode 0600 in a directory of their own, which is made when first needed. */
export function createSpool(): Spool {
  let directory: string | undefined;
  let made = 0;
  const segments = new Map<string, Segment>();
  return {
    async add(fill, run) {
      directory ??= await makeTemporaryDirectory();
      const id = `${fill.stage} ${fill.shape}`;
      let segment = segments.get(id);
      if (segment === undefined) {
        segment = { fill, path: join(directory, `${made++}.ndjson`), bytes: 0, longest: 0 };
        segments.set(id, segment);
      }
      const { bytes, longest } = numbered(fill, run);
      appendFileSync(segment.path, bytes, { mode: 0o600 });
      segment.bytes += bytes.length;
      segment.longest = Math.max(segment.longest, longest);
      return segment;
    },
    take(stage) {
      const taken = [...segments].filter(([, { fill }]) => stage === undefined || fill.stage === stage);
      for (const [id] of taken) segments.delete(id);
      return taken.map(([, segment]) => segment);
    },
    discard: (segment) => rmSync(segment.path, { force: true }),
    async close() {
      if (directory !== undefined) await removeTemporaryDirectory(directory);
    },
  };
}

/** The lines of a run, with our own members before theirs: bytes are copied, not parsed. */
function numbered(fill: Fill, run: Run): { bytes: Buffer; longest: number } {
  const from = Buffer.from(run.ndjson().buffer, run.ndjson().byteOffset, run.ndjson().byteLength);
  const tail = `,"${BATCH}":${fill.batch},"${SHAPE}":${fill.shape}`;
  const to = Buffer.allocUnsafe(from.length + run.count * (tail.length + ROW.length + 24));
  let at = 0;
  let end = 0;
  let row = fill.firstRow;
  let longest = 0;
  let escaped: readonly Row[] | undefined;
  for (let start = 0; start < from.length; start = end + 1) {
    end = from.indexOf(LF, start);
    if (end < 0) end = from.length;
    let open = start;
    while (from[open] !== BRACE) open++;
    const lineStart = at;
    at += to.write(`{"${ROW}":${row}${tail}`, at, 'latin1');
    let body = open + 1;
    let stop = end;
    let source = from;
    if (from[body] === QUOTE && from[body + 1] === DOLLAR && from[body + 2] === QUOTE) {
      // A row that itself has a member `$` stands in another: it is written anew, which is rare.
      escaped ??= run.objects();
      const plain = Buffer.from(JSON.stringify(escaped[row - fill.firstRow]));
      source = plain;
      body = 1;
      stop = plain.length;
    }
    if (!isEmpty(source, body)) to[at++] = 44;
    at += source.copy(to, at, body, stop);
    to[at++] = LF;
    longest = Math.max(longest, at - lineStart);
    row++;
  }
  return { bytes: to.subarray(0, at), longest };
}

function isEmpty(bytes: Buffer, from: number): boolean {
  let at = from;
  while (bytes[at] === 32 || bytes[at] === 9) at++;
  return bytes[at] === 125;
}
