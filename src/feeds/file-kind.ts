/** What a file's name says of it. */

const CODECS: Readonly<Record<string, string>> = { gz: 'gzip', zst: 'zstd', bz2: 'bzip2', zip: 'zip' };
const FORMATS: Readonly<Record<string, string>> = {
  csv: 'csv',
  txt: 'csv',
  tsv: 'csv',
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  json: 'jsonl',
  avro: 'avro',
  parquet: 'parquet',
};

/** The format and codec in a name's endings: `a.csv.gz` is csv in gzip; members that it does not tell are absent. */
export function fileKind(name: string): { format?: string; codec?: string } {
  const endings = name
    .slice(name.lastIndexOf('/') + 1)
    .toLowerCase()
    .split('.')
    .slice(1);
  const codec = CODECS[endings.at(-1) ?? ''];
  const format = FORMATS[endings.at(codec === undefined ? -1 : -2) ?? ''];
  return { ...(format === undefined ? {} : { format }), ...(codec === undefined ? {} : { codec }) };
}
