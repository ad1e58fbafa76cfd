import { mismatch } from '../errors.ts';
import { compareIds } from '../feeds/group-id.ts';
import { type Chunk, type FileLine, isControl } from '../wire/types.ts';

/** A line and what it became. */
export interface ReadLine {
  readonly line: Chunk;
  readonly becomes: readonly Chunk[];
}

/**
 * Flattens what lines became into one stream whose numbers are right again: `seq` of the files of a group and `files` of its
 * commit where a manifest became files, `groups` of the end where a webhook body became groups. A commit's digest stays that
 * of the listing, which a later listing is compared with. The groups of bodies are linked by `after`; one that an earlier body
 * had too (Stitch repeats a call that went unanswered) is left out, one that is older than the last of its scope throws `UserError`.
 */
export async function* renumber(input: AsyncIterable<ReadLine>): AsyncGenerator<Chunk> {
  let added = 0;
  let groups = 0;
  const newest = new Map<string, string>();
  for await (const { line, becomes } of input) {
    const kind = isControl(line) ? line.$ : 'rows';
    if (kind === 'group') added = 0;
    if (kind === 'file' && countOf(becomes, 'group') > 0) {
      const linked = linkGroups(becomes, newest, (line as FileLine).uri);
      groups += countOf(linked, 'group');
      yield* linked;
      continue;
    }
    if (kind === 'file') {
      let seq = ((line as FileLine).seq ?? 0) + added;
      added += countOf(becomes, 'file') - 1;
      for (const chunk of becomes)
        yield isControl(chunk) && chunk.$ === 'file' ? { ...chunk, seq: seq++ } : chunk;
      continue;
    }
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

function linkGroups(chunks: readonly Chunk[], newest: Map<string, string>, uri: string): readonly Chunk[] {
  const linked: Chunk[] = [];
  let isRepeated = false;
  for (const chunk of chunks) {
    if (!isControl(chunk) || chunk.$ !== 'group') {
      if (!isRepeated) linked.push(chunk);
      continue;
    }
    const { scope, group } = chunk;
    const after = newest.get(scope);
    isRepeated = after === group;
    if (isRepeated) continue;
    if (after !== undefined && compareIds(group, after) < 0) {
      throw mismatch(uri, `only loads of ${scope} after ${after}, which an earlier body names`, group);
    }
    newest.set(scope, group);
    linked.push(after === undefined ? chunk : { ...chunk, after });
  }
  return linked;
}
