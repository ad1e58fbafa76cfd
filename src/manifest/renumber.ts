import { type Chunk, isControl } from '../wire/types.ts';

/** A line and what it became. */
export interface ReadLine {
  readonly line: Chunk;
  readonly becomes: readonly Chunk[];
}

/**
 * Flattens what lines became into one stream whose numbers are right again: `seq` of the files of a group and `files` of its
 * commit where a manifest became files, `groups` of the end where a webhook body became groups. A commit's digest stays that
 * of the listing, which a later listing is compared with.
 */
export async function* renumber(input: AsyncIterable<ReadLine>): AsyncGenerator<Chunk> {
  let added = 0;
  let groups = 0;
  for await (const { line, becomes } of input) {
    const kind = isControl(line) ? line.$ : 'rows';
    if (kind === 'group') added = 0;
    const ownGroups = countOf(becomes, 'group');
    if (kind === 'file' && ownGroups === 0) {
      let seq = ((line as { seq?: number }).seq ?? 0) + added;
      added += countOf(becomes, 'file') - 1;
      for (const chunk of becomes)
        yield isControl(chunk) && chunk.$ === 'file' ? { ...chunk, seq: seq++ } : chunk;
      continue;
    }
    if (kind === 'file') groups += ownGroups;
    for (const chunk of becomes) {
      if (isControl(chunk) && chunk.$ === 'commit' && kind === 'commit')
        yield { ...chunk, files: chunk.files + added };
      else if (isControl(chunk) && chunk.$ === 'end') yield { ...chunk, groups: chunk.groups + groups };
      else yield chunk;
    }
  }
}

function countOf(chunks: readonly Chunk[], kind: 'file' | 'group'): number {
  return chunks.filter((chunk) => isControl(chunk) && chunk.$ === kind).length;
}
