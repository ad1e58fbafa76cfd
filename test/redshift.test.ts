/**
 * Redshift's plan, by `load` and by the script through psql, on a server that speaks its protocol and carries out its COPY
 * with the files of a real S3 server (test/support/redshift.ts).
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'csv-parse/sync';
import { csvLines } from '../scripts/drops/write.ts';
import { redshift } from '../src/dialects/redshift.ts';
import type { ColumnType } from '../src/merge/lattice.ts';
import { openStore } from '../src/stores/index.ts';
import { shell } from './support/cli.ts';
import { applyZenotiDimension, applyZenotiFact, type Model, type ModelRow } from './support/model.ts';
import { postgresServer, query } from './support/postgres.ts';
import { type Random, random } from './support/random.ts';
import { type RedshiftDatabase, redshiftDatabase } from './support/redshift.ts';
import { s3Server } from './support/s3.ts';
import { scratch } from './support/scratch.ts';
import { canonical, postgresTables } from './support/targets.ts';

const SEED = Number(process.env['REDSHIFT_SEED'] ?? 20260114);
const DROPS = Number(process.env['REDSHIFT_DROPS'] ?? 4);
const skip = spawnSync('psql', ['--version']).status === 0 ? false : 'needs psql';

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

const ROLE = 'arn:aws:iam::1:role/reader';
/** How a drop is merged. */
const WAYS = ['script', 'script with manifests', 'load', 'load with manifests'] as const;
type Way = (typeof WAYS)[number];

interface Drop {
  readonly bucket: string;
  readonly catalog: string;
  readonly flags: string;
  readonly database: RedshiftDatabase;
  put(key: string, text: string): Promise<void>;
  /** What lies in the bucket for manifests. */
  scratchFiles(): Promise<string[]>;
}

let drops = 0;

async function openDrop(): Promise<Drop> {
  const server = await s3Server();
  const bucket = `redshift-${drops++}`;
  await server.makeBucket(bucket);
  await server.makeBucket(`${bucket}-scratch`);
  const catalog = join(scratch('redshift'), 'catalog.json');
  writeFileSync(catalog, JSON.stringify(CATALOG));
  const put = (key: string, text: string) => server.put(bucket, key, text);
  for (const [name, text] of Object.entries(SCHEMAS)) await put(`SchemaFull/${name}.txt`, text);
  const store = openStore({ endpoint: server.endpoint, region: 'us-east-1', pathStyle: true });
  return {
    bucket,
    catalog,
    flags: server.flags.join(' '),
    database: await redshiftDatabase(),
    put,
    scratchFiles: async () => {
      const found: string[] = [];
      for await (const { path } of store.list(`s3://${bucket}-scratch/`)) found.push(path);
      return found;
    },
  };
}

/** The words that list all that is new. */
function listing({ bucket, catalog, flags, database }: Drop, after = `@${database.url}`): string {
  return `ls-groups s3://${bucket} --feed zenoti --name acme --settle 0 --after '${after}' ${flags} | read-manifest --catalog ${catalog} ${flags}`;
}

const accessOf = (drop: Drop, way: Way): string =>
  `--iam-role ${ROLE} ${drop.flags} ${way.endsWith('manifests') ? `--scratch s3://${drop.bucket}-scratch/x` : ''}`;

/** The script of all that is new. */
async function scriptOf(drop: Drop, flags = '', after?: string): Promise<string> {
  const line = `${listing(drop, after)} | to-sql --dialect redshift --iam-role ${ROLE} ${flags}`;
  const { code, stdout, stderr } = await shell(line);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Merges all that is new; again if `after` says so. */
function merge(drop: Drop, way: Way = 'load', flags = '', after?: string) {
  const last = way.startsWith('script')
    ? `to-sql --dialect redshift ${accessOf(drop, way)} ${flags} | psql -X -q '${drop.database.psql}'`
    : `brigade load '${drop.database.url}' ${accessOf(drop, way)} ${flags}`;
  return shell(`${listing(drop, after)} | ${last}`);
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

describe("Redshift's plan", { skip, concurrency: 2 }, () => {
  for (let number = 0; number < DROPS; number += 1) {
    const seed = SEED + number;
    const way = WAYS[number % WAYS.length]!;
    test(`leaves what the model says by ${way}, visit by visit and when all comes again (REDSHIFT_SEED=${seed})`, async () => {
      const r = random(seed);
      const drop = await openDrop();
      const groups = randomGroups(r);
      for (const [i, group] of groups.entries()) {
        await deliver(drop, group, r);
        if (i < groups.length - 1 && r.chance(0.4)) continue;
        const { code, stderr } = await merge(drop, way);
        assert.equal(code, 0, stderr);
      }
      const expected = modelOf(groups);
      const tables = async () => canonical(await postgresTables(drop.database.postgres));
      assert.deepEqual(await tables(), expected);
      const again = await merge(drop, way, '', '0');
      assert.equal(again.code, 0, again.stderr);
      assert.deepEqual(await tables(), expected, 'applied again');
      // A script is run later, so that its manifests stay.
      assert.equal((await drop.scratchFiles()).length > 0, way === 'script with manifests');
    });
  }

  const line = (...fields: (string | null)[]) => [...csvLines([fields])].join('');
  const first = line('1', 'o', '0', 'a', '1.00', null) + line('2', 'o', '0', 'b', '2.00', null);
  const second =
    line('1', 'o', '1', 'a', '1.00', null) +
    line('1', 'o', '0', 'changed', '1.50', null) +
    line('2', 'o', '1', 'b', '2.00', null);

  /** The vendor's sample code, word for word but for names and COPY. */
  async function sample({ database }: Drop, text: string): Promise<void> {
    const rows = parse(text, { cast: (value) => (value === '' ? null : value) }) as (string | null)[][];
    const values = rows.map(
      (row) =>
        `(${row.map((field) => (field === null ? 'NULL' : `'${field.replaceAll("'", "''")}'`)).join(', ')})`,
    );
    const columns = 'FactId, OrganizationId, void, Note, Amount, Happened';
    await query(
      database.postgres,
      `CREATE TABLE IF NOT EXISTS sample (FactId DECIMAL(19,0), OrganizationId VARCHAR(36), void INT, Note VARCHAR(200), Amount DECIMAL(9,2), Happened TIMESTAMP);
      CREATE TEMPORARY TABLE stage (LIKE sample);
      INSERT INTO stage (${columns}) SELECT a::decimal, b, c::int, d, e::decimal, f::timestamp FROM (VALUES ${values.join(', ')}) v (a, b, c, d, e, f);
      DELETE FROM sample USING stage WHERE sample.FactId = stage.FactId AND sample.OrganizationId = stage.OrganizationId AND stage.void = 1;
      INSERT INTO sample (${columns}) SELECT ${columns} FROM stage WHERE stage.void = 0`,
    );
  }

  for (const way of ['script', 'load'] as const) {
    for (const flags of ['', '--vendor-exact']) {
      test(`does to facts what the vendor's sample code does, by ${way} ${flags}`, async () => {
        const drop = await openDrop();
        await drop.put('POD1/1000/Bi_FactRandom/1/data.csv', first);
        await drop.put('POD1/1001/Bi_FactRandom/2/data.csv', second);
        const { code, stderr } = await merge(drop, way, flags);
        assert.equal(code, 0, stderr);
        await sample(drop, first);
        await sample(drop, second);
        const rows = 'SELECT factid, organizationid, void::int, note, amount, happened FROM';
        assert.deepEqual(
          await query(drop.database.postgres, `${rows} bi_factrandom ORDER BY 1`),
          await query(drop.database.postgres, `${rows} sample ORDER BY 1`),
        );
      });
    }

    test(`is refused in whole when a value is not of its type, naming the file, the column and the value, by ${way}`, async () => {
      const drop = await openDrop();
      await drop.put('POD1/1000/Bi_FactRandom/1/data.csv', line('1', 'o', '0', 'a', '1.005', null));
      const { code, stderr } = await merge(drop, way);
      assert.equal(code, way === 'load' ? 1 : 3);
      assert.match(
        stderr,
        /Bi_FactRandom\/1\/data\.csv column Amount: expected decimal\(9,2\), found 1\.005/,
      );
      assert.deepEqual(canonical(await postgresTables(drop.database.postgres)), {});
    });

    test(`is refused when two rows of one key in one logid differ and nothing says which is the later one, by ${way}`, async () => {
      const drop = await openDrop();
      await drop.put(
        'POD1/1000/Bi_FactRandom/1/data.csv',
        line('1', 'o', '0', 'a', '1.00', null) + line('1', 'o', '0', 'b', '1.00', null),
      );
      const { code, stderr } = await merge(drop, way);
      assert.equal(code, way === 'load' ? 1 : 3);
      assert.match(stderr, /expected one row per key \(FactId, OrganizationId\) or an order to choose by/);
    });

    test(`is refused when COPY has read another file whose name begins in the same way, and not with a manifest, by ${way}`, async () => {
      const drop = await openDrop();
      const key = 'POD1/1000/Bi_FactRandom/1/data.csv';
      await drop.put(key, first);
      const script = await scriptOf(drop);
      await drop.put(`${key}.bak`, first);
      const list = `${listing(drop)} | jq -c 'select((.uri // "") | endswith(".bak") | not)'`;
      const last = (more: string) =>
        way === 'load'
          ? `brigade load '${drop.database.url}' ${more}`
          : `to-sql --dialect redshift ${more} | psql -X -q '${drop.database.psql}'`;
      assert.ok(script.includes(`${key}'`));
      const { stderr, code } = await shell(`${list} | ${last('')}`);
      assert.match(stderr, /expected this file only, found also s3:.*data\.csv\.bak/);
      assert.equal(code, way === 'load' ? 1 : 3);
      const exact = await shell(`${list} | ${last(`--scratch s3://${drop.bucket}-scratch ${drop.flags}`)}`);
      assert.equal(exact.code, 0, exact.stderr);
      assert.deepEqual(await query(drop.database.postgres, 'SELECT factid FROM bi_factrandom ORDER BY 1'), [
        { factid: '1' },
        { factid: '2' },
      ]);
    });

    test(`is refused when it skips a group, by ${way}`, async () => {
      const drop = await openDrop();
      await drop.put('POD1/1000/Bi_FactRandom/1/data.csv', first);
      assert.equal((await merge(drop, way)).code, 0);
      await drop.put('POD1/1001/Bi_FactRandom/2/data.csv', second);
      await drop.put('POD1/1002/Bi_FactRandom/3/data.csv', line('3', 'o', '0', 'c', '3.00', null));
      const { code, stderr } = await merge(drop, way, '', '1001');
      assert.equal(code, way === 'load' ? 1 : 3);
      assert.match(stderr, /cursor of POD1 is 1000, stream starts after 1001/);
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
});

describe('load into Redshift', { concurrency: 2 }, () => {
  const line = (...fields: (string | null)[]) => [...csvLines([fields])].join('');
  const fact = (id: string, note = 'a') => line(id, 'o', '0', note, '1.00', null);

  for (const way of ['load', 'load with manifests'] as const) {
    test(`a COPY that fails is told with file, line, column and reason, and leaves nothing, by ${way}`, async () => {
      const drop = await openDrop();
      await drop.put('POD1/1000/Bi_FactRandom/1/data.csv', fact('1'));
      await drop.put(
        'POD1/1000/Bi_FactRandom/2/data.csv',
        `${fact('2')}3,o,0,a,1.00,,too,many\n${fact('4', 'x'.repeat(70_000))}`,
      );
      const { code, stderr } = await merge(drop, way);
      assert.equal(code, 1);
      assert.match(
        stderr,
        /^load: table Bi_FactRandom file s3:\/\/[\w-]+\/POD1\/1000\/Bi_FactRandom\/2\/data\.csv line 2: Extra column\(s\) found \(Load into table 'brigade_raw' failed\.[^\n]*\)\n$/,
      );
      assert.deepEqual(canonical(await postgresTables(drop.database.postgres)), {});
      assert.deepEqual(await drop.scratchFiles(), []);
      await drop.put('POD1/1000/Bi_FactRandom/2/data.csv', fact('4', 'x'.repeat(70_000)));
      assert.match(
        (await merge(drop, way)).stderr,
        /2\/data\.csv line 1 column note: String length exceeds DDL length/,
      );
    });
  }

  test('where the cluster has no such view the older one is asked, and where neither tells, its own message stays', async () => {
    const drop = await openDrop();
    await drop.put('POD1/1000/Bi_FactRandom/1/data.csv', `${fact('1')}3,o,0,a,1.00,,too,many\n`);
    const change = (sql: string) => query(drop.database.postgres, `SET allow_system_table_mods = on; ${sql}`);
    await change(
      'ALTER VIEW pg_catalog.sys_load_error_detail RENAME TO hidden; CREATE VIEW pg_catalog.stl_load_errors AS SELECT session_id AS session, start_time AS starttime, file_name AS filename, line_number, column_name AS colname, error_message AS err_reason FROM pg_catalog.hidden',
    );
    assert.match((await merge(drop)).stderr, /1\/data\.csv line 2: Extra column\(s\) found/);
    await change('DROP VIEW pg_catalog.stl_load_errors');
    assert.match(
      (await merge(drop)).stderr,
      /^load: table Bi_FactRandom: Load into table 'brigade_raw' failed\./,
    );
  });

  test('one COPY reads all files of a table and batch with --scratch, whose manifest names exactly these and is gone afterwards', async () => {
    const drop = await openDrop();
    for (const n of [1, 2, 3]) await drop.put(`POD1/1000/Bi_FactRandom/7/${n}.csv`, fact(String(n)));
    await drop.put('POD1/1000/Bi_FactRandom/8/1.csv', fact('4'));
    const { code, stderr } = await merge(drop, 'load with manifests');
    assert.equal(code, 0, stderr);
    assert.match(stderr, /zenoti POD1 1000: 1 table, 4 rows read, 4 inserted, 0 updated, 0 deleted/);
    assert.equal(drop.database.copies.length, 2);
    for (const copy of drop.database.copies)
      assert.match(copy, /FROM 's3:\/\/[\w-]+-scratch\/x\/brigade\/[-\w]+\/\w+\.manifest' .* MANIFEST /);
    assert.deepEqual(await drop.scratchFiles(), []);
  });

  for (const way of ['load', 'load with manifests'] as const) {
    test(`--dry-run tells the rows of each group, one after the other, and leaves nothing, by ${way}`, async () => {
      const drop = await openDrop();
      const standing = () =>
        query(
          drop.database.postgres,
          `SELECT relname, (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %I.%I', nspname, relname), false, true, '')))[1]::text AS n FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace WHERE relkind IN ('r', 'v') AND nspname = 'public' UNION ALL SELECT proname, '' FROM pg_proc WHERE proname = 'brigade_check' ORDER BY 1`,
        );
      await drop.put('POD1/1000/Bi_FactRandom/7/1.csv', fact('1') + fact('2'));
      await drop.put(
        'POD1/1001/Bi_FactRandom/8/1.csv',
        fact('2', 'b') + line('1', 'o', '1', 'a', '1.00', null) + fact('3'),
      );
      for (const applied of [0, 1]) {
        const before = await standing();
        const { code, stderr } = await merge(drop, way, '--dry-run');
        assert.equal(code, 0, stderr);
        const told = stderr.replace(/\b\d+ (bytes|statements)/g, 'n $1');
        if (applied === 0)
          assert.match(
            told,
            /zenoti POD1 1000: 1 file, n bytes, 1 table, n statements; 2 rows read, 2 to insert, 0 to update, 0 to delete\nload: {3}CREATE TABLE IF NOT EXISTS "public"\."bi_factrandom" /,
          );
        assert.match(
          told,
          /zenoti POD1 1001: 1 file, n bytes, 1 table, n statements; 3 rows read, 1 to insert, 1 to update, 1 to delete\n/,
        );
        assert.deepEqual(await standing(), before);
        assert.deepEqual(await drop.scratchFiles(), []);
        const first = await merge(drop, way, '', `@${drop.database.url}' --until '1000`);
        assert.equal(first.code, 0, first.stderr);
      }
      const { stderr } = await merge(drop, way);
      assert.match(stderr, /zenoti POD1 1001: 1 table, 3 rows read, 1 inserted, 1 updated, 1 deleted/);
    });
  }

  test('a file that is gone since it was listed fails the COPY of its manifest', async () => {
    const drop = await openDrop();
    await drop.put('POD1/1000/Bi_FactRandom/7/1.csv', fact('1'));
    const gone = `${listing(drop)} | sed 's#7/1.csv#7/2.csv#'`;
    const { code, stderr } = await shell(
      `${gone} | brigade load '${drop.database.url}' ${accessOf(drop, 'load with manifests')}`,
    );
    assert.equal(code, 1);
    assert.match(stderr, /load: table Bi_FactRandom: .*7\/2\.csv is not there/);
  });

  test('Parquet files are read by a manifest that tells their lengths', async () => {
    const drop = await openDrop();
    const server = await s3Server();
    const bucket = `${drop.bucket}-exports`;
    await server.upload(bucket, fileURLToPath(new URL('../fixtures/drops/exports/first', import.meta.url)));
    const list = `ls-groups s3://${bucket} --feed exports --name x --settle 0 ${drop.flags} | read-manifest ${drop.flags}`;
    const { code, stderr } = await shell(
      `${list} | brigade load '${drop.database.url}' ${accessOf(drop, 'load with manifests')}`,
    );
    assert.equal(code, 0, stderr);
    const twin = await (await postgresServer()).database();
    const decoded = await shell(`${list} | decode ${drop.flags} | brigade load ${twin}`);
    assert.equal(decoded.code, 0, decoded.stderr);
    const rows = (url: string) =>
      query(
        url,
        'SELECT transaction_id, amount, tip, ratio, weight, business_date::text FROM fact_transactions ORDER BY 1',
      );
    assert.deepEqual(await rows(drop.database.postgres), await rows(twin));
    assert.equal((await rows(twin)).length, 50);
  });

  test('loads at the same time, of scopes that share tables, leave what one after the other leaves', async () => {
    const drop = await openDrop();
    for (const [pod, first] of [
      ['POD1', 1],
      ['POD2', 101],
      ['POD3', 201],
    ] as const) {
      for (const group of [1, 2])
        await drop.put(`${pod}/${group}/Bi_FactRandom/${group}/data.csv`, fact(String(first + group)));
    }
    const pods = ['POD1', 'POD2', 'POD3', 'POD1'];
    const loads = pods.map((pod) =>
      shell(
        `${listing(drop).replace('--feed', `--scope ${pod} --feed`)} | brigade load '${drop.database.url}'`,
      ),
    );
    for (const { code, stderr } of await Promise.all(loads)) assert.ok(code === 0 || code === 75, stderr);
    const last = await merge(drop);
    assert.equal(last.code, 0, last.stderr);
    const rows = await query(drop.database.postgres, 'SELECT factid FROM bi_factrandom ORDER BY 1');
    assert.deepEqual(
      rows.map(({ factid }) => factid),
      ['2', '3', '102', '103', '202', '203'],
    );
  });

  test('the schema of the URL is where tables and cursors are, for load, state and ls-groups', async () => {
    const drop = await openDrop();
    const url = `${drop.database.url}&schema=landing`;
    await drop.put('POD1/1000/Bi_FactRandom/1/data.csv', fact('1'));
    const loaded = await shell(`${listing(drop)} | brigade load '${url}'`);
    assert.equal(loaded.code, 0, loaded.stderr);
    assert.equal((await query(drop.database.postgres, 'SELECT * FROM landing.bi_factrandom')).length, 1);
    const state = await shell(`brigade state '${url}'`);
    assert.match(state.stdout, /"source":"acme","scope":"POD1","group":"1000"/);
    const columns = await shell(`brigade state '${url}' --schema`);
    assert.deepEqual(JSON.parse(columns.stdout.split('\n')[0]!), {
      table: 'bi_factrandom',
      columns: [
        { name: 'factid', type: 'numeric(19,0)' },
        { name: 'organizationid', type: 'character varying' },
        { name: 'void', type: 'boolean' },
        { name: 'note', type: 'character varying' },
        { name: 'amount', type: 'numeric(9,2)' },
        { name: 'happened', type: 'timestamp without time zone' },
      ],
    });
    assert.equal((await shell(`brigade state '${drop.database.url}'`)).stdout, '');
    const next = await shell(listing(drop, `@${url}`));
    assert.doesNotMatch(next.stdout, /"\$":"group"/);
  });

  test('a column that comes with an upgrade script is added before its rows', async () => {
    const drop = await openDrop();
    await drop.put('POD1/1000/Bi_FactRandom/1/data.csv', fact('1'));
    assert.equal((await merge(drop)).code, 0);
    await drop.put('SchemaUpgrade/2.txt', 'ALTER TABLE Bi_FactRandom ADD Colour NVARCHAR(20);');
    await drop.put('POD1/1001/Bi_FactRandom/2/data.csv', line('2', 'o', '0', 'b', '2.00', null, 'red'));
    const { code, stderr } = await merge(drop);
    assert.equal(code, 0, stderr);
    assert.deepEqual(
      await query(drop.database.postgres, 'SELECT factid, colour FROM bi_factrandom ORDER BY 1'),
      [
        { factid: '1', colour: null },
        { factid: '2', colour: 'red' },
      ],
    );
  });

  test('a script that does not know its target stops where a column would alter a value, names both types, and writes nothing', async () => {
    const columns = (amount: string, happened: string) =>
      `CREATE TABLE bi_factrandom (factid numeric(20,0), organizationid varchar(36), void boolean, note varchar(200)${amount}, happened ${happened})`;
    const fails = [
      [columns(', amount numeric(9,0)', 'timestamp'), 'amount', 'decimal(9,2)', 'numeric(9,0)'],
      [columns(', amount double precision', 'timestamp'), 'amount', 'decimal(9,2)', 'double precision'],
      [columns(', amount numeric(9,2)', 'date'), 'happened', 'timestamp', 'date'],
    ] as const;
    for (const [create, column, wanted, found] of fails) {
      const drop = await openDrop();
      await query(drop.database.postgres, create);
      await drop.put('POD1/1000/Bi_FactRandom/1/data.csv', fact('1'));
      const { code, stderr } = await merge(drop, 'script');
      assert.notEqual(code, 0);
      const expected = `table bi_factrandom column ${column}: expected a column for ${wanted}, found ${found} (--target-schema has columns widened)`;
      assert.ok(stderr.includes(expected), stderr);
      for (const table of ['bi_factrandom', 'brigade_ledger'])
        assert.deepEqual(await query(drop.database.postgres, `SELECT 1 FROM ${table}`), []);
    }
    const wider = await openDrop();
    await query(wider.database.postgres, columns(', amount numeric(20,4)', 'timestamptz'));
    await wider.put('POD1/1000/Bi_FactRandom/1/data.csv', fact('1'));
    const { code, stderr } = await merge(wider, 'script');
    assert.equal(code, 0, stderr);
    assert.equal((await query(wider.database.postgres, 'SELECT 1 FROM bi_factrandom')).length, 1);
    const lacking = await openDrop();
    await query(lacking.database.postgres, columns('', 'timestamp'));
    await lacking.put('POD1/1000/Bi_FactRandom/1/data.csv', fact('1'));
    const failed = await merge(lacking, 'script');
    assert.notEqual(failed.code, 0);
    assert.match(failed.stderr, /column "amount" of relation "bi_factrandom" does not exist/);
    assert.deepEqual(await query(lacking.database.postgres, 'SELECT 1 FROM brigade_ledger'), []);
  });

  test('the check of columns takes exactly what is not narrower', async () => {
    const { postgres, psql } = await redshiftDatabase();
    const check = redshift.prepare!('public').filter((sql) => sql.includes('PROCEDURE brigade_check('));
    for (const sql of check) await query(psql, sql);
    const types = {
      smallint: ['boolean', 'int', 'bigint', 'decimal(5,0)'],
      bigint: ['boolean', 'int', 'bigint', 'decimal(5,0)'],
      'numeric(12,2)': ['boolean', 'int', 'bigint', 'decimal(5,0)', 'decimal(6,1)', 'decimal(6,2)'],
      'double precision': ['boolean', 'int', 'float', 'double'],
      real: ['boolean', 'float'],
      boolean: ['boolean'],
      date: ['date'],
      timestamp: ['date', 'timestamp'],
      timestamptz: ['date', 'timestamp', 'timestamptz'],
      bytea: ['bytes'],
    };
    const texts = ['varchar(10)', 'char(10)'];
    const all = ['decimal(6,3)', 'time', 'text', 'json', 'uuid', ...new Set(Object.values(types).flat())];
    const have = [...Object.entries(types), ...texts.map((type) => [type, all.filter((t) => t !== 'bytes')])];
    for (const [i, [type, takes]] of (have as [string, string[]][]).entries()) {
      await query(postgres, `CREATE TABLE t${i} (v ${type})`);
      const taken: string[] = [];
      for (const wanted of all as ColumnType[]) {
        const add = [{ name: 'V', type: wanted }];
        const change = { table: `"public"."t${i}"`, add, widen: [], ifMissing: true };
        try {
          for (const sql of redshift.alter(change)) await query(psql, sql);
          taken.push(wanted);
        } catch (error) {
          assert.match(String(error), new RegExp(`table t${i} column v: expected a column for `));
        }
      }
      assert.deepEqual(taken.sort(), takes.toSorted(), type);
    }
  });
});
