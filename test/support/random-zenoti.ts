import { csvLines, writeText } from '../../scripts/drops/write.ts';
import {
  applyZenotiDimension,
  applyZenotiFact,
  type Model,
  type ModelRow,
  type ZenotiBatch,
} from './model.ts';
import { type Random, type RandomDrop, rowsOf, TEXTS } from './random.ts';

/** PODs with groups around the orders of magnitude, several logids, an upgrade that lengthens the files midway. */
export function randomZenoti(r: Random): RandomDrop {
  const model: Model = new Map();
  const steps: RandomDrop['steps'][number][] = [];
  const fact = [
    'factid DECIMAL(19,0)',
    'organizationid VARCHAR(36)',
    'void BOOLEAN',
    'note NVARCHAR(200)',
    'amount DECIMAL(9,2)',
  ];
  const dimension = ['dimid BIGINT', 'label NVARCHAR(200)', 'void BOOLEAN'];
  const schema = (root: string, folder: string, name: string, columns: readonly string[]): void =>
    writeText(root, `${folder}/${name}.txt`, [
      `CREATE TABLE ${name} (${columns.join(' ,')}) distkey(${columns[0]!.split(' ')[0]});`,
    ]);
  steps.push((root) => {
    schema(root, 'SchemaFull', 'Bi_FactRandom', fact);
    schema(root, 'SchemaFull', 'Bi_DimRandom', dimension);
  });
  let extra = false;
  const next = { POD1: r.pick([7, 98]), POD2: r.pick([9, 995]) };
  for (let count = r.int(3, 5); count > 0; count -= 1) {
    if (!extra && r.chance(0.3)) {
      extra = true;
      steps.push((root) => {
        schema(root, 'SchemaFull', 'Bi_FactRandom', [...fact, 'extra INT']);
        writeText(root, 'SchemaUpgrade/2026.2/Bi_FactRandom.txt', [
          'ALTER TABLE Bi_FactRandom ADD COLUMN extra INT;',
        ]);
      });
    }
    const pod = r.pick(['POD1', 'POD2'] as const);
    next[pod] += r.int(1, 3);
    const group = next[pod];
    const facts: ZenotiBatch[] = [];
    const dimensions: ZenotiBatch[] = [];
    const logids = new Set([r.int(8, 11), r.int(98, 101)]);
    for (const logid of logids) {
      const rows = Array.from(
        { length: r.int(0, 8) },
        (): ModelRow => ({
          factid: String(r.int(1, 6)),
          organizationid: r.pick([pod, `${pod}-b`]),
          void: r.pick(['true', 'false', 'false', null]),
          note: r.pick([...TEXTS, null]),
          amount: r.pick(['1.50', '-20.00', '0.01', null]),
          ...(extra ? { extra: r.pick(['1', '-7', null]) } : {}),
        }),
      );
      if (rows.length > 0) facts.push({ logid, rows });
      // Without an order two different rows of one key in one group would be a conflict of the last word.
      const ids = [1, 2, 3, 4, 5].filter(() => r.chance(0.4));
      if (dimensions.length === 0 && ids.length > 0) {
        const first = pod === 'POD1' ? 0 : 100;
        dimensions.push({
          logid,
          rows: ids.map((id) => ({
            dimid: String(first + id),
            label: r.pick([...TEXTS, null]),
            void: r.pick(['true', 'false']),
          })),
        });
      }
    }
    if (facts.length > 0) applyZenotiFact(model, 'Bi_FactRandom', ['factid', 'organizationid'], facts);
    if (dimensions.length > 0) applyZenotiDimension(model, 'Bi_DimRandom', ['dimid'], dimensions);
    const spelled = r.pick([
      ['true', 'false'],
      ['1', '0'],
      ['t', 'f'],
    ] as const);
    const lineBreak = r.pick(['\n', '\r\n']);
    const write = (root: string, name: string, batches: readonly ZenotiBatch[]): void => {
      for (const { logid, rows } of batches) {
        const fields = rows.map((row) =>
          Object.entries(row).map(([column, value]) =>
            column === 'void' && value !== null ? spelled[value === 'true' ? 0 : 1] : value,
          ),
        );
        const half = Math.ceil(fields.length / 2);
        writeText(
          root,
          `${pod}/${group}/${name}/${logid}/part_1.csv`,
          csvLines(fields.slice(0, half), lineBreak),
        );
        if (half < fields.length)
          writeText(
            root,
            `${pod}/${group}/${name}/${logid}/part_2.csv`,
            csvLines(fields.slice(half), lineBreak),
          );
      }
    };
    if (facts.length + dimensions.length > 0) {
      steps.push((root) => {
        write(root, 'Bi_FactRandom', facts);
        write(root, 'Bi_DimRandom', dimensions);
      });
    }
  }
  const catalog = {
    tables: { Bi_FactRandom: { key: ['factid', 'organizationid'] }, Bi_DimRandom: { key: ['dimid'] } },
  };
  return { feed: 'zenoti', steps, catalog, expected: () => rowsOf(model) };
}
