/** The stages over chunks: what the Node streams and the commands are made of. Put them together with `compose`. */

export { decode, fileLines } from '../commands/decode.ts';
export { load } from '../commands/load.ts';
export { readManifest } from '../commands/read-manifest.ts';
export { toSql } from '../commands/to-sql.ts';
export { dedupe } from '../dedupe/dedupe.ts';
export { listGroups } from '../feeds/list.ts';
export { flatten } from '../flatten/flatten.ts';
