/**
 * The scripts of engines that nobody can start here, read by parsers of their dialects that know nothing of us:
 * polyglot (npm), and, where python has it, sqlglot, which also knows some of the forms that polyglot does not.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { type Dialect, parse as polyglot } from '@polyglot-sql/sdk';
import fc from 'fast-check';
import type { ToSqlOptions } from '../src/commands/to-sql.ts';
import { dialects } from '../src/dialects/index.ts';
import { textForm } from '../src/dialects/text-forms.ts';
import { openStore } from '../src/stores/index.ts';
import type { Chunk } from '../src/wire/types.ts';
import { groups, script, stream, type TestGroup, table } from './support/merging.ts';
import { s3Server } from './support/s3.ts';
import { file, goldens, modes, NAMES, type Name, OPTIONS } from './support/warehouse-scripts.ts';

const parse = (text: string, name: Name) => polyglot(text, name as Dialect);

/** What polyglot cannot read although the engine's manual has it; that it cannot is tested too. */
const UNKNOWN: Readonly<Record<Name, readonly RegExp[]>> = {
  // Its options from NULL AS on: https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html
  redshift: [/^COPY .* NULL AS /, /^COPY .* MANIFEST FORMAT AS (AVRO|JSON) '/],
  snowflake: [],
  // https://cloud.google.com/bigquery/docs/reference/standard-sql/load-statements
  bigquery: [/^LOAD DATA /],
  // https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-syntax-aux-conf-mgmt-set-timezone
  databricks: [/^SET TIME ZONE /],
  // https://spark.apache.org/docs/latest/sql-ref-syntax-ddl-create-view.html
  spark: [/^SET TIME ZONE /, /^CREATE OR REPLACE TEMPORARY VIEW .* USING /],
};

/** The statements of a script; those within a block of Snowflake's, and the queries that Redshift's checks hold, by themselves. */
function statements(name: Name, text: string): string[] {
  const lines = text.split('\n').filter((line) => !line.startsWith('\\'));
  if (name !== 'snowflake') {
    const all = lines.join('\n').split(/;\n/);
    const queries = all.flatMap((statement) => {
      const query = /^CALL brigade_check\('(.*)'\)$/s.exec(statement.trim())?.[1];
      return query === undefined ? [] : [query.replaceAll("''", "'").replaceAll('\\\\', '\\')];
    });
    return [...all, ...queries].map((statement) => statement.trim()).filter((statement) => statement !== '');
  }
  const own =
    /^(EXECUTE IMMEDIATE \$\$|DECLARE| {2}q VARCHAR;| {2}EXECUTE IMMEDIATE q;|BEGIN|EXCEPTION|END;|\$\$;| {2}WHEN OTHER THEN| {4}\w+;)$/;
  return lines
    .filter((line) => !own.test(line) && line.trim() !== '')
    .map((line) => line.trim().replace(/;$/, '').replace(' INTO :q FROM ', ' FROM '));
}

/** The views whose columns the engine looks up, with one column. */
function views(text: string): string[] {
  const made = /^(?: {2}SELECT '|EXECUTE IMMEDIATE \(SELECT concat\('|CALL brigade_view\()/;
  return text.split('\n').flatMap((line) => {
    if (!made.test(line)) return [];
    const texts = [...line.matchAll(/'((?:[^'\\]|''|\\.)*)'/g)].map(([, text = '']) =>
      text.replace(/''|\\(.)/g, (_, escaped: string | undefined) => escaped ?? "'"),
    );
    const rest = texts.find((each) => /^ ?FROM /.test(each));
    if (line.startsWith('CALL'))
      return [`CREATE VIEW ${texts[3]} AS SELECT ${texts[5]} AS ${texts[4]} ${rest}`];
    const head = texts.find((each) => each.startsWith('CREATE OR REPLACE VIEW '));
    return [`${head}${texts.find((each) => /^coalesce\(.* AS \S+$/.test(each))}${rest}`];
  });
}

function check(name: Name, text: string): void {
  for (const statement of [...statements(name, text), ...views(text)]) {
    const { success, error } = parse(statement, name);
    const isUnknown = UNKNOWN[name].some((form) => form.test(statement));
    assert.equal(success, !isUnknown, `${statement}\n${error}`);
  }
}

const hasSqlglot = spawnSync('python3', ['-c', 'import sqlglot']).status === 0;
const SQLGLOT = `
import sys, sqlglot
text = ''.join(line for line in sys.stdin if not line.startswith('\\\\'))
# Of LOAD DATA it does not know the end: WITH CONNECTION.
import re
text = re.sub(r' WITH CONNECTION \`[^\`]*\`;', ';', text)
sqlglot.parse(text, read=sys.argv[1], error_level=sqlglot.errors.ErrorLevel.RAISE)
`;

for (const name of NAMES) {
  describe(name, () => {
    const repeatable = dialects[name].begin !== '';
    const build = async (input: TestGroup[], options: Partial<ToSqlOptions> = {}): Promise<string> => {
      const { text, error } = await script(stream(input), { dialect: name, ...OPTIONS, ...options });
      assert.equal(error, undefined);
      return text;
    };

    test('golden scripts are read by an independent parser', () => {
      const all = goldens(name);
      assert.ok(all.length >= 3);
      for (const text of all) check(name, text);
    });

    for (const format of ['csv', 'parquet', 'avro', 'jsonl']) {
      test(`so are those of every mode, from ${format}`, async () => {
        for (const deletes of ['soft', 'hard'] as const)
          check(name, await build(modes(repeatable, format), { deletes }));
      });
    }

    test('sqlglot reads them too', { skip: hasSqlglot ? false : 'needs python3 with sqlglot' }, async () => {
      for (const text of [...goldens(name), await build(modes(repeatable, 'csv'), { deletes: 'hard' })]) {
        const { status, stderr } = spawnSync('python3', ['-c', SQLGLOT, name], {
          input: text,
          encoding: 'utf8',
        });
        assert.equal(status, 0, stderr);
      }
    });

    test('a script that is cut off ends in a statement that fails, with no transaction left open', async () => {
      const cut = async function* (): AsyncIterable<Chunk> {
        let n = 0;
        for await (const chunk of stream(modes(repeatable, 'csv'))) {
          if (n++ === 30) throw new Error("it's cut");
          yield chunk;
        }
      };
      const { text, error } = await script(cut(), { dialect: name, ...OPTIONS });
      assert.match(String(error), /it's cut/);
      check(name, text);
      const last = text.trim().split('\n').at(-1)!;
      assert.match(last, /^SELECT .*the script was cut off: it(''|\\')s cut/);
      if (name !== 'spark' && name !== 'databricks')
        assert.equal(
          text.match(/^ *BEGIN( TRANSACTION)?;/gm)?.length ?? 0,
          text.match(/^ *COMMIT\b/gm)?.length ?? 0,
        );
    });

    test('a decimal of more digits than the engine has is refused', async () => {
      const line = table('t', 'id int, x decimal(90,0)', { key: ['id'], merge: 'upsert' });
      const input = groups([line, file('t', 's3://acme/t/1.csv', 'csv')]);
      const { error } = await script(stream(input), { dialect: name, ...OPTIONS });
      assert.match(
        String(error),
        /expected (numbers|a decimal) of at most \d+ digits .*, found decimal\(90,0\)( \(rows of s3:\/\/acme\/t\/1.csv\))?$/,
      );
    });

    const users = table('users', 'user_id bigint, last_modified bigint', {
      key: ['user_id'],
      merge: 'upsert',
      order: ['last_modified'],
    });
    const map = table('user_migrations', 'from_user_id, to_user_id', {
      key: ['from_user_id'],
      merge: 'upsert',
      full: true,
    });
    const clicks = (columns: string) => table('clicks', columns, { key: ['event_id'], merge: 'upsert' });
    const dump = (line = clicks('event_id bigint, user_id bigint')): Chunk[] =>
      [users, map, line].flatMap((each) => [each, file(each.table, `s3://a/${each.table}.avro`, 'avro')]);
    const resolving = async (input: TestGroup[], options: Partial<ToSqlOptions> = {}): Promise<string> => {
      const { text, error } = await script(stream(input, 'contentsquare'), {
        dialect: name,
        ...OPTIONS,
        ...options,
      });
      assert.equal(error, undefined);
      check(name, text);
      assert.doesNotMatch(text, /^DO |RECURSIVE/m);
      return text;
    };
    // Redshift's procedure has one in it.
    const OWN_VIEWS = name === 'redshift' ? 1 : 0;
    // The engine finds them, so that the statement stays the same.
    const lacksNames = name === 'redshift' || name === 'snowflake' || name === 'bigquery';
    const viewsOf = (text: string) =>
      text.match(/^.*(?:CREATE (?:OR REPLACE )?VIEW |CALL brigade_view\().*$/gm) ?? [];

    test("Contentsquare's users are resolved in each of the three ways, and read by an independent parser", async () => {
      const views = await resolving(groups(dump()));
      assert.match(views, /INSERT INTO \S+user_migrations_resolved\S* .* FROM brigade_map /i);
      assert.equal(viewsOf(views).length, OWN_VIEWS + 2);
      const rewrite = await resolving(groups(dump()), { identity: 'rewrite' });
      assert.equal(viewsOf(rewrite).length, OWN_VIEWS);
      assert.match(rewrite, /^ *(?:MERGE INTO|UPDATE) \S+clicks\S+ .*user_migrations_resolved/im);
      const off = await resolving(groups(dump()), { identity: 'off' });
      assert.doesNotMatch(off, /resolved|brigade_map/i);
    });

    test('a view is made once, and again where its table may have got a column', async () => {
      const same = await resolving(groups(dump(), dump(), dump()));
      assert.equal(viewsOf(same).length, OWN_VIEWS + 2);
      const wider = clicks('event_id bigint, user_id bigint, path text');
      const grown = await resolving(groups(dump(), dump(wider), dump(wider), dump()));
      assert.equal(new Set(viewsOf(grown)).size, viewsOf(grown).length - (lacksNames ? 1 : 0));
      assert.equal(viewsOf(grown).length, OWN_VIEWS + 3);
    });

    test('a view names the columns that the target was said to have', async () => {
      const { type } = dialects[name];
      const named = (text: string) => (dialects[name].nameCase === 'upper' ? text.toUpperCase() : text);
      const columns = ['event_id', 'gone', 'user_id'].map((id) => ({ name: named(id), sql: type('bigint') }));
      const text = await resolving(groups(dump()), { targetSchema: new Map([[named('clicks'), columns]]) });
      const view = viewsOf(text).find((each) => /clicks_resolved/i.test(each))!;
      // Redshift's procedure looks for itself.
      if (name === 'redshift')
        assert.match(view, /^CALL brigade_view\('landing', 'clicks', 'clicks_resolved', /);
      else
        assert.match(
          view,
          /^CREATE OR REPLACE VIEW \S+ (?:COPY GRANTS )?AS SELECT t\.\S+event_id\S, t\.\Sgone\S, coalesce\(.*\) AS \Suser_id\S FROM /i,
        );
    });

    test('loads name exactly the files of the wire, however many, and no prefix', async () => {
      const uris = Array.from({ length: 2100 }, (_, n) => `s3://acme/t/p${n % 3}/${n}.csv`);
      const line = table('t', 'id int', { key: ['id'], merge: 'upsert' });
      const text = await build(groups([line, ...uris.map((uri) => file('t', uri, 'csv'))]));
      assert.deepEqual(loaded(name, text).sort(), [...uris].sort());
    });

    test('any text comes back from a literal, and any name from an identifier', {
      skip: name === 'redshift' ? 'polyglot knows no escapes there; redshift.test.ts has them' : false,
    }, () => {
      const pieces = fc.constantFrom("'", '"', '`', '\\', '$$', ';', '--', '\n', '\r', '\t', '/*', 'é', '💆');
      fc.assert(
        fc.property(
          fc.array(pieces, { maxLength: 8 }),
          fc.array(pieces, { minLength: 1, maxLength: 4 }),
          (a, b) => {
            const [text, id] = [
              a.join(''),
              `x${b.filter((each) => !(name === 'bigquery' ? /[\n\r\t\\`]/ : /[\n\r\t\\]/).test(each)).join('')}`,
            ];
            const { literal, identifier } = dialects[name];
            const { ast } = parse(`SELECT ${literal(text)} AS ${identifier(id)}`, name) as unknown as {
              ast: [
                {
                  select: {
                    expressions: [
                      { alias: { this: { literal: { value: string } }; alias: { name: string } } },
                    ];
                  };
                },
              ];
            };
            const [{ alias }] = ast[0].select.expressions;
            assert.equal(alias.this.literal.value, text);
            assert.equal(alias.alias.name, id);
          },
        ),
        { numRuns: 200 },
      );
    });
  });
}

/** The files that the load statements of a script name. */
function loaded(name: Name, text: string): string[] {
  const quoted = (list: string) => [...list.matchAll(/'([^']*)'/g)].map(([, item]) => item!);
  switch (name) {
    case 'redshift':
      return [...text.matchAll(/^COPY .* FROM '([^']*)'/gm)].map(([, uri]) => uri!);
    case 'bigquery':
      return [...text.matchAll(/uris = \[(.*?)\]/g)].flatMap(([, list]) => quoted(list!));
    case 'spark':
      return [...text.matchAll(/OPTIONS \(path 's3a(:[^']*)'/g)].map(([, rest]) => `s3${rest}`);
    case 'databricks':
      return [...text.matchAll(/FROM '([^']*)'\) FILEFORMAT = CSV FILES = \((.*?)\)/g)].flatMap(
        ([, folder, list]) => atMostThousand(quoted(list!)).map((file) => folder + file),
      );
    case 'snowflake': {
      const folders = [...text.matchAll(/URL = '([^']*)'/g)].map(([, folder]) => folder!);
      return [...text.matchAll(/FILES = \((.*?)\)/g)].flatMap(([, list], i) =>
        atMostThousand(quoted(list!)).map((file) => folders[i]! + file),
      );
    }
  }
}

function atMostThousand(files: string[]): string[] {
  assert.ok(files.length <= 1000);
  return files;
}

for (const name of ['spark', 'databricks'] as const) {
  test(`${name} appends with --lineage load only, and removes what an earlier run of the group left before it inserts`, async () => {
    const line = table('log', 'id int, v text', { merge: 'append' });
    const input = () => stream(groups([line, file('log', 's3://acme/log/1.csv', 'csv')]));
    const refused = await script(input(), { dialect: name });
    assert.match(
      String(refused.error),
      /table log: expected --lineage load, by which appended rows are known again/,
    );
    const { text, error } = await script(input(), { dialect: name, lineage: 'load' });
    assert.equal(error, undefined);
    check(name, text);
    const [removes, inserts, notes] = [
      /^(DELETE FROM|MERGE INTO) `default`\.`log` .*_brigade_load` = 'zenoti POD1 1'.*$/m,
      /^INSERT INTO `default`\.`log` .*$/m,
      /^INSERT INTO `default`\.`brigade_ledger` .*$/m,
    ].map((form) => form.exec(text)!);
    assert.ok(removes!.index < inserts!.index && inserts!.index < notes!.index);
    // A group that was applied removes nothing.
    assert.match(removes![0], /EXISTS \(SELECT 1 FROM brigade_go WHERE flag = 'brigade_new_1'\)/);
    assert.match(text, /raise_error.*expected rows of one source.*b\.source <> 'test'/);
  });
}

test('a script that BigQuery would not take as one query is refused, with what to do', async () => {
  const line = table('t', 'id int', { key: ['id'], merge: 'upsert' });
  const files = Array.from({ length: 10_000 }, (_, n) =>
    file('t', `s3://acme/${'a-long-folder/'.repeat(7)}${n}.csv`, 'csv'),
  );
  const { text, error } = await script(stream(groups([line, ...files])), { dialect: 'bigquery', ...OPTIONS });
  assert.equal(
    (error as Error).message,
    'bigquery: expected a script of at most 1048576 bytes, which is what one query may have, found more: list fewer groups (ls-groups --until) or fewer tables (--tables) at a time',
  );
  assert.match(text.trim().split('\n').at(-1)!, /^SELECT .*the script was cut off/);
});

/** A place for manifests, in a bucket of its own on a server of its own. */
async function scratchAt(scratch: string) {
  const server = await s3Server();
  await server.makeBucket(new URL(scratch).host);
  process.env['AWS_ACCESS_KEY_ID'] ??= 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] ??= 'test';
  return { scratch, endpoint: server.endpoint, region: 'us-east-1', pathStyle: true };
}

test('with a manifest 10,000 files of a table are one short query of BigQuery, which names no file twice', async () => {
  const at = await scratchAt('s3://listed/x');
  const line = table('t', 'id int', { key: ['id'], merge: 'upsert' });
  const uris = Array.from({ length: 10_000 }, (_, n) => `s3://listed/${'a-long-folder/'.repeat(7)}${n}.csv`);
  const files = uris.map((uri) => file('t', uri, 'csv'));
  const options = { dialect: 'bigquery', ...OPTIONS, ...at } as const;
  const { text, error } = await script(stream(groups([line, ...files])), options);
  assert.equal(error, undefined);
  assert.ok(text.length < 20_000);
  check('bigquery', text);
  const manifest = /uris = \['(s3:\/\/listed\/x\/[^']*)'\], file_set_spec_type = /.exec(text)![1]!;
  const store = openStore(at);
  let listed = '';
  for await (const piece of store.read(manifest)) listed += Buffer.from(piece).toString();
  assert.equal(listed, `${uris.join('\n')}\n`);
  const odd = await script(stream(groups([line, file('t', 's3://listed/a\nb.csv', 'csv')])), options);
  assert.match((odd.error as Error).message, /a name of one line, for a manifest, found a line feed/);
});

test("Redshift's COPY by a manifest is read by an independent parser, and the manifest is not the script's", async () => {
  const at = await scratchAt('s3://manifests');
  for (const format of ['csv', 'parquet', 'avro', 'jsonl']) {
    const { text, error } = await script(stream(modes(true, format)), { dialect: 'redshift', ...at });
    assert.equal(error, undefined);
    assert.doesNotMatch(text, /in\\?''s/);
    assert.match(
      text,
      /^COPY .* FROM 's3:\/\/manifests\/brigade\/\w+\.manifest' IAM_ROLE default REGION 'us-east-1' MANIFEST /m,
    );
    check('redshift', text);
  }
});

describe('the forms of text', () => {
  const cases = [
    ['int', ['0', '-12', '+7'], ['', '1.0', '1e3', '0x1', '1_000']],
    ['decimal(9,2)', ['1', '-1.50', '.5', '1.500', '3.'], ['1.005', '.', '1e2', '1,5', '']],
    ['double', ['1', '-.5', '1e-3', 'nan', 'inf', '-infinity'], ['', 'e5', '0x10']],
    ['boolean', ['0', 't', 'false', 'yes'], ['2', 'on', '']],
    ['date', ['2026-01-02', '2026-01-02 00:00:00.000'], ['2026-1-2', '2026-01-02 00:00:01', '02.01.2026']],
    [
      'timestamp',
      ['2026-01-02 03:04:05.678', '2026-01-02t3:04'],
      ['2026-01-02 03:04:05z', '2026-01-02 03:04:05.1234567'],
    ],
    [
      'timestamptz',
      ['2026-01-02 03:04:05 utc', '2026-01-02t03:04:05.123456+02:00'],
      ['2026-01-02 03:04:05 cet'],
    ],
    ['time', ['03:04:05.5'], ['03:04:05z']],
    ['bytes', ['agk='], ['a b']],
  ] as const;
  for (const [type, good, bad] of cases) {
    test(`of ${type} let through what the type holds, and nothing that a cast would alter`, () => {
      const form = new RegExp(`^(${textForm(type)})$`);
      for (const text of good) assert.match(text, form);
      for (const text of bad) assert.doesNotMatch(text, form);
    });
  }

  test('of text, JSON and UUID take anything', () => {
    for (const type of ['text', 'json', 'uuid'] as const) assert.equal(textForm(type), undefined);
  });
});
