import { writeText } from '../../scripts/drops/write.ts';
import { applyStitchLoad, denest, type StitchModel, type StitchRecord } from './model.ts';
import { type Random, type RandomDrop, TEXTS } from './random.ts';

/** Loads of nested records: versions of a record, records sent again, new and late old table versions. */
export function randomStitch(r: Random): RandomDrop {
  const model: StitchModel = new Map();
  const steps: RandomDrop['steps'][number][] = [];
  let ms = 1_768_356_000_000;
  let sequence = 1_565_276_078_922_000_095n;
  let version = 1;
  const sent = new Map<string, StitchRecord>();
  const record = (tableVersion: number): StitchRecord => {
    sequence += BigInt(r.int(0, 3));
    // Some come late. The same key and sequence is the same record, sent again.
    const at = r.chance(0.3) ? sequence - BigInt(r.int(0, 6)) : sequence;
    const id = r.int(1, 4);
    const name = `${id} ${at} ${tableVersion}`;
    const made = sent.get(name) ?? {
      record: stitchRecord(r, { id, ms, tableVersion, at }),
      sequence: at,
      version: tableVersion,
    };
    sent.set(name, made);
    return made;
  };
  for (let count = r.int(2, 4); count > 0; count -= 1) {
    ms += r.int(1, 3_600_000);
    const before = version;
    if (r.chance(0.35)) version += 1;
    // A new version may come alone, beside the last rows of the old one, or before a late file of the old one.
    const versions =
      version > before && r.chance(0.5)
        ? [before, version]
        : [version > 1 && r.chance(0.2) ? version - 1 : version];
    // The new version's rows may be the older ones by their sequences.
    const files = [...versions].reverse().map((each) => ({
      each,
      load: Array.from({ length: r.int(1, 6) }, () => record(each)),
    }));
    files.reverse();
    for (const { load } of files) applyStitchLoad(model, 'contacts', 'id', load);
    const loadedMs = ms;
    steps.push((root) => {
      for (const { each, load } of files)
        writeText(root, `crm/contacts/${each}_${loadedMs}.jsonl`, load.map(stitchLine));
    });
  }
  const expected = denest('crm__contacts', 'id', model.get('contacts')!.live.values());
  return {
    feed: 'stitch',
    steps,
    catalog: { tables: { '*contacts': { key: ['id'] } } },
    expected: () => expected,
  };
}

interface StitchIdentity {
  readonly id: number;
  readonly ms: number;
  readonly tableVersion: number;
  readonly at: bigint;
}

function stitchRecord(r: Random, { id, ms, tableVersion, at }: StitchIdentity): StitchRecord['record'] {
  return {
    id,
    name: r.pick(TEXTS),
    address: { city: r.pick(['Köln', 'Ooo']), geo: { lat: r.pick([50.5, -0.25]) } },
    tags: Array.from({ length: r.int(0, 3) }, () => r.pick(['a', 'b', null])),
    personas: Array.from({ length: r.int(0, 2) }, (_, place) => ({
      id: `p${place}`,
      powers: Array.from({ length: r.int(0, 2) }, () => r.pick(['x', 'y'])),
    })),
    _sdc_batched_at: new Date(ms).toISOString(),
    _sdc_table_version: tableVersion,
    _sdc_sequence: String(at),
  };
}

/** The sequence is a bare number in the file. */
function stitchLine({ record }: StitchRecord): string {
  return `${JSON.stringify(record).replace(/"_sdc_sequence":"(\d+)"/, '"_sdc_sequence":$1')}\n`;
}
