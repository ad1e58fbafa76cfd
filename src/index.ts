/**
 * bucket-brigade as a library, in three layers: pure functions; stages over chunks, put together with `compose`;
 * and Node streams, for `stream.pipeline` and `for await`.
 *
 * @module
 */

export { type Catalog, type CatalogTable, readCatalog } from './catalog.ts';
export { underCatalog } from './catalog-stage.ts';
export { TemporaryError, UsageError, UserError } from './errors.ts';
export type { Cursor, ListGroupsOptions } from './feeds/feed.ts';
export { type FlatRow, type FlattenOptions, type FlattenRowOptions, flattenRow } from './flatten/row.ts';
export { parseCsv } from './library/parse.ts';
export * as stages from './library/stages.ts';
export { decode, dedupe, flatten, load, lsGroups, readManifest, toSql } from './library/streams.ts';
export type { Output, StreamOptions } from './library/transform.ts';
export { readSchemaScript, type SchemaColumn, type SchemaStatement } from './schema/script.ts';
export {
  type Context,
  compose,
  type Printer,
  quietContext,
  type Sink,
  type Source,
  type Stage,
} from './stage.ts';
export { openStore } from './stores/index.ts';
export type { Entry, ListOptions, ReadOptions, Store, StoreOptions } from './stores/store.ts';
export { type ReadWireOptions, readWire } from './wire/read.ts';
export { runOfBytes, runOfRows } from './wire/run.ts';
export * from './wire/types.ts';
export { writeWire } from './wire/write.ts';
