/** The commands as Node streams, for `stream.pipeline` and `for await`. */

import { type Duplex, Readable, type Writable } from 'node:stream';
import type { Catalog } from '../catalog.ts';
import { underCatalog } from '../catalog-stage.ts';
import { type DecodeOptions, sniff } from '../commands/decode.ts';
import type { LoadOptions } from '../commands/load.ts';
import type { ReadManifestOptions } from '../commands/read-manifest.ts';
import type { ToSqlOptions } from '../commands/to-sql.ts';
import type { DedupeOptions } from '../dedupe/rules.ts';
import type { ListGroupsOptions } from '../feeds/feed.ts';
import type { FlattenOptions } from '../flatten/row.ts';
import { compose, type Stage } from '../stage.ts';
import * as stages from './stages.ts';
import {
  present,
  printerTransform,
  type StreamOptions,
  sinkWritable,
  stageTransform,
  streamContext,
} from './transform.ts';

/**
 * The groups that lie under a root, with their files, as lines of the wire. Reads nothing before it is read.
 * Errors destroy the stream with a `UserError`.
 */
export function lsGroups(url: string, options: ListGroupsOptions & StreamOptions): Readable {
  const abort = new AbortController();
  const chunks = stages.listGroups(url, options)(streamContext(options, abort.signal));
  const readable = Readable.from(present(chunks, options.output), {
    objectMode: options.output === 'lines' || options.output === 'rows',
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  return readable.once('close', () => abort.abort(new Error('the stream was closed')));
}

/** Expands manifests and schema scripts, and gives the tables their columns, keys and merge modes. */
export function readManifest(options: ReadManifestOptions & StreamOptions = {}): Duplex {
  return stageTransform(stages.readManifest(options), options);
}

/**
 * Files into rows. Buffers written in are a file's bytes (its format given, or told by the first of them) or the
 * wire; objects are lines of the wire. `decode({ format: 'avro', output: 'rows' })` needs no word of the wire.
 */
export function decode(options: DecodeOptions & StreamOptions = {}): Duplex {
  const isRaw = (head: Uint8Array) =>
    options.format !== undefined || !['wire', 'empty'].includes(sniff(head));
  return stageTransform(stages.decode(options), options, { isRaw });
}

/** The catalog, laid over the table lines that pass. */
interface CatalogOption {
  readonly catalog?: Catalog;
}

const under = ({ catalog }: CatalogOption): Stage =>
  catalog === undefined ? (input) => input : underCatalog(catalog);

/** Nested records into parent tables and subtables. With `output: 'rows'` each item is `{ table, row }`. */
export function flatten(options: FlattenOptions & CatalogOption & StreamOptions = {}): Duplex {
  return stageTransform(compose(under(options), stages.flatten(options)), options, {
    rowOf: (row, table) => ({ table, row }),
  });
}

/** The live version of every key of each group. */
export function dedupe(options: DedupeOptions & CatalogOption & StreamOptions = {}): Duplex {
  return stageTransform(compose(under(options), stages.dedupe(options)), options);
}

/** The wire into one SQL script, as Buffers. */
export function toSql(options: ToSqlOptions & StreamOptions): Duplex {
  const print = stages.toSql(options);
  return printerTransform((input, context) => print(under(options)(input, context), context), options);
}

/** The wire into a database; finishes when everything is committed. Writes are Buffers or lines of the wire. */
export function load(target: string, options: LoadOptions & StreamOptions = {}): Writable {
  const sink = stages.load(target, options);
  return sinkWritable((input, context) => sink(under(options)(input, context), context), options);
}
