/**
 * Redshift's plan on PostgreSQL: the scripts of the real executable, in which only COPY from S3 is replaced by COPY of
 * the same bytes. What else Redshift has and PostgreSQL lacks is made beforehand.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import { csvLines } from '../scripts/drops/write.ts';
import { shell } from './support/cli.ts';
import { applyZenotiDimension, applyZenotiFact, type Model, type ModelRow } from './support/model.ts';
import { postgresServer, query } from './support/postgres.ts';
import { type Random, random } from './support/random.ts';
import { s3Server } from './support/s3.ts';
import { scratch } from './support/scratch.ts';
import { canonical, postgresTables } from './support/targets.ts';

const SEED = Number(process.env['REDSHIFT_SEED'] ?? 20260114);
const DROPS = Number(process.env['REDSHIFT_DROPS'] ?? 4);
const skip = spawnSync('psql', ['--version']).status === 0 ? false : 'needs psql';

const SHIMS = `
CREATE FUNCTION getdate() RETURNS timestamp LANGUAGE sql AS 'SELECT localtimestamp';
CREATE FUNCTION pg_last_copy_id() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';
CREATE TABLE public.brigade_shim_load (query_id bigint, file_name text);
CREATE VIEW sys_load_detail AS SELECT query_id, file_name FROM public.brigade_shim_load`;

const FACT = ['FactId', 'OrganizationId', 'void', 'Note', 'Amount', 'Happened'];
const DIMENSION = ['DimId', 'Label', 'void'];
const SCHEMAS = {
  Bi_FactRandom:
    'CREATE TABLE Bi_FactRandom (FactId DECIMAL(19,0) ,OrganizationId VARCHAR(36) ,void BOOLEAN ,Note NVARCHAR(200) ,Amount DECIMAL(9,2) ,Happened TIMESTAMP);',
  Bi_DimRandom: 'CREATE TABLE Bi_DimRandom (DimId BIGINT ,Label NVARCHAR(200) ,void BOOLEAN);',
};
const CATALOG = {
  tables: {
    Bi_FactRandom: { key: ['FactId', 'OrganizationId'], merge: 'delete-insert', delete_flag: 'void' },
    Bi_DimRandom: { key: ['DimId'], merge: 'upsert' },
  },
};
const TEXTS = [
  'plain',
  'with "quotes", commas',
  'two\nlines',
  'Grüße 💆‍♀️',
  "O'Neil; -- $$",
  '\\N',
  'back\\slash\ttab',
  ' blank ',
  null,
];

interface Drop {
  readonly folder: string;
  readonly bucket: string;
  readonly flags: string;
  readonly target: string;
  put(key: string, text: string): Promise<void>;
}

let drops = 0;

async function openDrop(): Promise<Drop> {
  const server = await s3Server();
  const bucket = `redshift-${drops++}`;
  await server.makeBucket(bucket);
  const folder = join(scratch('redshift'), 'drop');
  const target = await (await postgresServer()).database();
  await query(target, SHIMS);
  writeFileSync(join(dirname(folder), 'catalog.json'), JSON.stringify(CATALOG));
  const put = async (key: string, text: string): Promise<void> => {
    mkdirSync(dirname(join(folder, key)), { recursive: true });
    writeFileSync(join(folder, key), text);
    await server.put(bucket, key, text);
  };
  for (const [name, text] of Object.entries(SCHEMAS)) await put(`SchemaFull/${name}.txt`, text);
  return { folder, bucket, flags: server.flags.join(' '), target, put };
}

/** The script of all that is new. */
async function scriptOf(drop: Drop, flags = '', after = `@${drop.target}`): Promise<string> {
  const { bucket, folder } = drop;
  const catalog = join(dirname(folder), 'catalog.json');
  const list = `ls-groups s3://${bucket} --feed zenoti --name acme --settle 0 --after ${after} ${drop.flags}`;
  const { code, stdout, stderr } = await shell(
    `${list} | read-manifest --catalog ${catalog} ${drop.flags} | to-sql --dialect redshift --iam-role arn:aws:iam::1:role/reader ${flags}`,
  );
  assert.equal(code, 0, stderr);
  return stdout;
}

const COPY =
  /^COPY ("\w+") \((.*?)\) FROM 's3:\/\/[^/]+\/(.*?)' IAM_ROLE 'arn:aws:iam::1:role\/reader' (.*);$/;

/** COPY as Redshift carries it out: short records are filled; empty fields are NULL, those of VARCHAR if it is said. */
function replaced(drop: Drop, script: string): string {
  const texts = new Set<string>();
  const lines = script.split('\n').map((line) => {
    if (line.startsWith('CREATE TEMPORARY TABLE "brigade_raw"')) {
      texts.clear();
      for (const [, name = ''] of line.matchAll(/("\w+") VARCHAR/g)) texts.add(name);
    }
    const [, table = '', columns = '', key = '', options = ''] = COPY.exec(line) ?? [];
    if (table === '') return line;
    const names = columns.split(', ');
    const records = parse(readFileSync(join(drop.folder, key)), { relax_column_count: true }) as string[][];
    const rows = records.map((fields) => {
      if (fields.length < names.length) assert.match(options, /FILLRECORD/, `${key} has short records`);
      return names.map((name, i) => {
        const field = fields[i] ?? '';
        if (field === '' && (!texts.has(name) || /EMPTYASNULL/.test(options))) return '\\N';
        return field.replace(
          /[\\\n\r\t]/g,
          (c) => ({ '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' })[c]!,
        );
      });
    });
    return `COPY ${table} (${columns}) FROM stdin;\n${rows.map((fields) => `${fields.join('\t')}\n`).join('')}\\.`;
  });
  return lines.join('\n');
}

function run(drop: Drop, script: string): { code: number; stderr: string } {
  const { status, stderr } = spawnSync('psql', ['-X', '-q', drop.target], {
    input: replaced(drop, script),
    encoding: 'utf8',
    // A backslash in a text escapes, as in Redshift.
    env: {
      ...process.env,
      PGOPTIONS:
        '-c standard_conforming_strings=off -c escape_string_warning=off -c client_min_messages=warning',
    },
  });
  return { code: status ?? 1, stderr };
}

async function apply(drop: Drop, flags = ''): Promise<void> {
  const { code, stderr } = run(drop, await scriptOf(drop, flags));
  assert.equal(code, 0, stderr);
}

interface Group {
  readonly pod: string;
  readonly group: number;
  readonly batches: readonly {
    logid: number;
    table: 'Bi_FactRandom' | 'Bi_DimRandom';
    rows: readonly ModelRow[];
  }[];
}

// No key comes twice with void 0 in a logid: which of the rows is the later one Redshift could not tell.
function randomGroups(r: Random): Group[] {
  const next: Record<string, number> = { POD1: r.pick([7, 98]), POD2: r.pick([9, 995]) };
  return Array.from({ length: r.int(3, 5) }, () => {
    const pod = r.pick(['POD1', 'POD2']);
    next[pod]! += r.int(1, 3);
    const batches = [...new Set([r.int(8, 11), r.int(98, 101)])].flatMap((logid) => {
      const facts = [1, 2, 3, 4, 5, 6].flatMap((id) => {
        const versions = r.pick([[], [], ['true'], ['false'], ['true', 'false'], [null]]);
        return versions.map((gone) => ({
          FactId: String(id),
          OrganizationId: pod,
          void: gone,
          Note: r.pick(TEXTS),
          Amount: r.pick(['1.50', '-20.00', '0.01', null]),
          Happened: r.pick(['2026-01-02 03:04:05.678', '2026-01-02 00:00:00', null]),
        }));
      });
      const first = pod === 'POD1' ? 0 : 100;
      const dimensions = [1, 2, 3]
        .filter(() => logid < 12 && r.chance(0.5))
        .map((id) => ({ DimId: String(first + id), Label: r.pick(TEXTS), void: r.pick(['true', 'false']) }));
      return [
        ...(facts.length === 0 ? [] : [{ logid, table: 'Bi_FactRandom' as const, rows: facts }]),
        ...(dimensions.length === 0 ? [] : [{ logid, table: 'Bi_DimRandom' as const, rows: dimensions }]),
      ];
    });
    return { pod, group: next[pod]!, batches };
  });
}

async function deliver(drop: Drop, { pod, group, batches }: Group, r: Random): Promise<void> {
  for (const { logid, table, rows } of batches) {
    const names = table === 'Bi_FactRandom' ? FACT : DIMENSION;
    const header = r.chance(0.3) ? [names.map((name) => name.toUpperCase())] : [];
    // Files of an older schema are shorter.
    const isShort = table === 'Bi_FactRandom' && rows.every((row) => row['Happened'] === null);
    const fields = rows.map((row) =>
      names.slice(0, isShort ? -1 : undefined).map((name) => row[name] ?? null),
    );
    await drop.put(
      `${pod}/${group}/${table}/${logid}/data.csv`,
      [...csvLines([...header, ...fields], r.pick(['\n', '\r\n']))].join(''),
    );
  }
}

function modelOf(groups: readonly Group[]): Record<string, string[]> {
  const model: Model = new Map();
  for (const { batches } of groups) {
    const of = (name: string) => batches.filter(({ table }) => table === name);
    applyZenotiFact(model, 'Bi_FactRandom', ['FactId', 'OrganizationId'], of('Bi_FactRandom'));
    applyZenotiDimension(model, 'Bi_DimRandom', ['DimId'], of('Bi_DimRandom'));
  }
  return canonical(new Map([...model].map(([name, rows]) => [name, [...rows.values()]])));
}

describe("Redshift's plan, its COPY replaced", { skip, concurrency: 2 }, () => {
  for (let number = 0; number < DROPS; number += 1) {
    const seed = SEED + number;
    test(`leaves what the model says, visit by visit and when scripts come again (REDSHIFT_SEED=${seed})`, async () => {
      const r = random(seed);
      const drop = await openDrop();
      const groups = randomGroups(r);
      const scripts: string[] = [];
      for (const [i, group] of groups.entries()) {
        await deliver(drop, group, r);
        if (i < groups.length - 1 && r.chance(0.4)) continue;
        const script = await scriptOf(drop);
        scripts.push(script);
        assert.deepEqual(run(drop, script), { code: 0, stderr: '' });
      }
      const expected = modelOf(groups);
      assert.deepEqual(canonical(await postgresTables(drop.target)), expected);
      for (const script of scripts) assert.deepEqual(run(drop, script), { code: 0, stderr: '' });
      assert.deepEqual(canonical(await postgresTables(drop.target)), expected, 'applied again');
    });
  }

  const line = (...fields: (string | null)[]) => [...csvLines([fields])].join('');
  const first = line('1', 'o', '0', 'a', '1.00', null) + line('2', 'o', '0', 'b', '2.00', null);
  const second =
    line('1', 'o', '1', 'a', '1.00', null) +
    line('1', 'o', '0', 'changed', '1.50', null) +
    line('2', 'o', '1', 'b', '2.00', null);

  /** The vendor's sample code, word for word but for names and COPY. */
  async function sample(drop: Drop, key: string): Promise<void> {
    const rows = parse(readFileSync(join(drop.folder, key)), {
      cast: (value) => (value === '' ? null : value),
    }) as (string | null)[][];
    const values = rows.map(
      (row) =>
        `(${row.map((field) => (field === null ? 'NULL' : `'${field.replaceAll("'", "''")}'`)).join(', ')})`,
    );
    const columns = 'FactId, OrganizationId, void, Note, Amount, Happened';
    await query(
      drop.target,
      `CREATE TABLE IF NOT EXISTS sample (FactId DECIMAL(19,0), OrganizationId VARCHAR(36), void INT, Note VARCHAR(200), Amount DECIMAL(9,2), Happened TIMESTAMP);
      CREATE TEMPORARY TABLE stage (LIKE sample);
      INSERT INTO stage (${columns}) SELECT a::decimal, b, c::int, d, e::decimal, f::timestamp FROM (VALUES ${values.join(', ')}) v (a, b, c, d, e, f);
      DELETE FROM sample USING stage WHERE sample.FactId = stage.FactId AND sample.OrganizationId = stage.OrganizationId AND stage.void = 1;
      INSERT INTO sample (${columns}) SELECT ${columns} FROM stage WHERE stage.void = 0`,
    );
  }

  for (const flags of ['', '--vendor-exact']) {
    test(`does to facts what the vendor's sample code does ${flags}`, async () => {
      const drop = await openDrop();
      await drop.put('POD1/1000/Bi_FactRandom/1/data.csv', first);
      await drop.put('POD1/1001/Bi_FactRandom/2/data.csv', second);
      await apply(drop, flags);
      await sample(drop, 'POD1/1000/Bi_FactRandom/1/data.csv');
      await sample(drop, 'POD1/1001/Bi_FactRandom/2/data.csv');
      const rows = 'SELECT factid, organizationid, void::int, note, amount, happened FROM';
      assert.deepEqual(
        await query(drop.target, `${rows} bi_factrandom ORDER BY 1`),
        await query(drop.target, `${rows} sample ORDER BY 1`),
      );
    });
  }

  test("loads by the vendor's own COPY with --vendor-exact, and by one that tells short and empty fields without", async () => {
    const drop = await openDrop();
    await drop.put('POD1/1000/Bi_FactRandom/1/data.csv', first);
    assert.match(await scriptOf(drop), /IAM_ROLE '[^']+' FORMAT AS CSV DELIMITER ',' FILLRECORD EMPTYASNULL/);
    const exact = await scriptOf(drop, '--vendor-exact');
    assert.match(exact, /IAM_ROLE '[^']+' COMPUPDATE OFF CSV;/);
    assert.doesNotMatch(exact, /FILLRECORD|EMPTYASNULL/);
  });

  test('is refused in whole when a value is not of its type, naming the file, the column and the value', async () => {
    const drop = await openDrop();
    await drop.put('POD1/1000/Bi_FactRandom/1/data.csv', line('1', 'o', '0', 'a', '1.005', null));
    const { code, stderr } = run(drop, await scriptOf(drop));
    assert.equal(code, 3);
    assert.match(stderr, /Bi_FactRandom\/1\/data\.csv column Amount: expected decimal\(9,2\), found 1\.005/);
    assert.deepEqual(canonical(await postgresTables(drop.target)), {});
  });

  test('is refused when two rows of one key in one logid differ and nothing says which is the later one', async () => {
    const drop = await openDrop();
    await drop.put(
      'POD1/1000/Bi_FactRandom/1/data.csv',
      line('1', 'o', '0', 'a', '1.00', null) + line('1', 'o', '0', 'b', '1.00', null),
    );
    const { code, stderr } = run(drop, await scriptOf(drop));
    assert.equal(code, 3);
    assert.match(stderr, /expected one row per key \(FactId, OrganizationId\) or an order to choose by/);
  });

  test('is refused when COPY has read another file whose name begins in the same way', async () => {
    const drop = await openDrop();
    await drop.put('POD1/1000/Bi_FactRandom/1/data.csv', first);
    await query(
      drop.target,
      `INSERT INTO brigade_shim_load VALUES (1, 's3://${drop.bucket}/POD1/1000/Bi_FactRandom/1/data.csv.bak')`,
    );
    const { code, stderr } = run(drop, await scriptOf(drop));
    assert.equal(code, 3);
    assert.match(stderr, /expected this file only, found also s3:.*data\.csv\.bak/);
  });

  test('is refused when it skips a group', async () => {
    const drop = await openDrop();
    await drop.put('POD1/1000/Bi_FactRandom/1/data.csv', first);
    await apply(drop);
    await drop.put('POD1/1001/Bi_FactRandom/2/data.csv', second);
    await drop.put('POD1/1002/Bi_FactRandom/3/data.csv', line('3', 'o', '0', 'c', '3.00', null));
    const { code, stderr } = run(drop, await scriptOf(drop, '', '1001'));
    assert.equal(code, 3);
    assert.match(stderr, /cursor of POD1 is 1000, stream starts after 1001/);
  });
});
