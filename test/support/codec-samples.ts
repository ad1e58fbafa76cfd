/** The contents of fixtures/codecs, whose files were made of them by bzip2 1.0.8 and zstd 1.5.4. */

/** Lines with repetitions and noise, the same every time. */
export function sampleText(bytes: number): Buffer {
  const parts: string[] = [];
  let state = 12345;
  for (let size = 0; size < bytes; ) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const line = `{"id":${parts.length},"name":"user ${(state >>> 16) % 50}","city":"${['Köln', 'Oslo', 'Rome'][(state >>> 20) % 3]}"}\n`;
    parts.push(line);
    size += line.length;
  }
  return Buffer.from(parts.join('')).subarray(0, bytes);
}

/** Runs of all lengths around those that bzip2 codes in a special way, and every byte there is. */
export function sampleRuns(): Buffer {
  const parts: Buffer[] = [];
  for (let length = 1; length <= 300; length++) parts.push(Buffer.alloc(length, length % 7));
  parts.push(Buffer.alloc(70_000, 97), Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)));
  return Buffer.concat(parts);
}
