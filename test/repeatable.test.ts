/**
 * A script that broke off is run again. What it does outside a transaction (on Databricks and Spark: all of it) must
 * therefore do no harm a second time. Each form that it may have stands here, with what makes it so.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dialects } from '../src/dialects/index.ts';
import { groups, script, stream, table } from './support/merging.ts';
import { file, goldens, modes, NAMES, type Name, OPTIONS } from './support/warehouse-scripts.ts';

/** What the script has done so far, outside transactions. */
interface Past {
  /** Tables and views of ours that it dropped, and has not made since. */
  readonly dropped: Set<string>;
  /** Those that it made or emptied: what they hold is this run's. */
  readonly fresh: Set<string>;
  /** Tables whose rows of this group it removed, since the group began. */
  readonly removed: Set<string>;
  /** Whether it has begun to write this group's ledger. */
  recorded: boolean;
}

interface Form {
  readonly is: RegExp;
  /** Where not every engine may use it. */
  readonly of?: readonly Name[];
  /** Whether it is repeatable here, and what it changes; `on`: the table that it names. */
  readonly when?: (past: Past, on: string) => boolean;
}

const WITHOUT_TRANSACTION: readonly Name[] = ['databricks', 'spark'];
const SESSION = String.raw`(?:brigade_(?:stage_\d+|work_\d+|raw|counts|go|map)|[\`"]brigade_(?:stage_\d+|work_\d+|raw|counts|go|map)[\`"])`;
const NAME = String.raw`(?:[\`"]?\w+[\`"]?\.)?[\`"]?\w+[\`"]?`;
const as = (source: string) => new RegExp(`^${source}`, 's');

const isFresh = ({ fresh }: Past, on: string) => fresh.has(on);

/** A statement is of the first form that it looks like, and repeatable if that says so. */
const FORMS: readonly Form[] = [
  // What a session is set to ends with it.
  { is: /^(SET|USE|ALTER SESSION SET) / },
  // Checks write nothing.
  { is: /^SELECT (raise_error|to_number|if)\(/ },
  { is: /^SELECT .*'the script was cut off: / },
  { is: /^CALL brigade_check\('SELECT / },
  // Made where it is missing: https://docs.snowflake.com/en/sql-reference/sql/create-table,
  // https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language#create_table_statement,
  // https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-syntax-ddl-create-table-using,
  // https://spark.apache.org/docs/latest/sql-ref-syntax-ddl-create-table-datasource.html,
  // https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
  { is: as(`CREATE (?:TEMPORARY )?(?:TABLE|SCHEMA) IF NOT EXISTS (${NAME})`) },
  // Made anew: https://docs.snowflake.com/en/sql-reference/sql/create-stage,
  // https://spark.apache.org/docs/latest/sql-ref-syntax-ddl-create-view.html
  { is: as(`CREATE OR REPLACE TEMPORARY (?:STAGE|VIEW) (brigade_\\w+)`) },
  // https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-syntax-ddl-drop-table,
  // https://spark.apache.org/docs/latest/sql-ref-syntax-ddl-drop-table.html,
  // https://docs.snowflake.com/en/sql-reference/sql/drop-table,
  // https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language#drop_table_statement,
  // https://docs.aws.amazon.com/redshift/latest/dg/r_DROP_TABLE.html
  {
    is: as(`DROP TABLE IF EXISTS (${SESSION})$`),
    when: ({ dropped, fresh }, on) => {
      fresh.delete(on);
      dropped.add(on);
      return true;
    },
  },
  // The views beside Contentsquare's tables: made where missing, or in the place of what is there; the procedure does so too.
  // https://docs.snowflake.com/en/sql-reference/sql/create-view,
  // https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language#create_view_statement,
  // https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-syntax-ddl-create-view,
  // https://spark.apache.org/docs/latest/sql-ref-syntax-ddl-create-view.html,
  // https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html
  { is: as(`CREATE OR REPLACE VIEW ${NAME} `), of: ['snowflake', 'bigquery', 'databricks', 'spark'] },
  { is: as(`CREATE VIEW IF NOT EXISTS ${NAME} `), of: WITHOUT_TRANSACTION },
  { is: as(`SELECT \\* FROM ${NAME} WHERE 1 = 0 UNION ALL SELECT \\* FROM ${NAME} WHERE 1 = 0 `) },
  { is: /^EXECUTE IMMEDIATE \(SELECT concat\('CREATE OR REPLACE VIEW /, of: ['bigquery'] },
  { is: /^CALL brigade_view\(/, of: ['redshift'] },
  // Without a condition: what was dropped if it was there, or was made here.
  {
    is: as(`CREATE (?:TEMPORARY )?TABLE (${SESSION}) `),
    when: ({ dropped, fresh }, on) => {
      fresh.add(on);
      return dropped.delete(on);
    },
  },
  { is: as(`DROP TABLE (${SESSION})$`), when: ({ fresh }, on) => fresh.delete(on) },
  // https://docs.snowflake.com/en/sql-reference/sql/alter-table,
  // https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language#alter_table_add_column_statement
  {
    is: as(
      `ALTER TABLE (${NAME}) ADD COLUMN IF NOT EXISTS \\S+ [^,(]+(?:\\([\\d,]+\\))?(?:, ADD COLUMN IF NOT EXISTS \\S+ [^,(]+(?:\\([\\d,]+\\))?)*$`,
    ),
    of: ['snowflake', 'bigquery'],
  },
  // Into what this run made: https://docs.databricks.com/aws/en/sql/language-manual/delta-copy-into (files that were
  // loaded into a table of this name before: 'force'), https://docs.snowflake.com/en/sql-reference/sql/copy-into-table,
  // https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html
  {
    is: as(`COPY INTO (${SESSION}) FROM .* COPY_OPTIONS \\('force' = 'true'`),
    of: ['databricks'],
    when: isFresh,
  },
  { is: as(`COPY INTO (${SESSION}) `), of: ['snowflake'], when: isFresh },
  { is: as(`COPY (${SESSION}) `), of: ['redshift'], when: isFresh },
  // https://cloud.google.com/bigquery/docs/reference/standard-sql/load-statements
  { is: as(`LOAD DATA INTO TEMP TABLE (${SESSION}) `), of: ['bigquery'], when: isFresh },
  // What is decided is decided anew by each group.
  {
    is: /^DELETE FROM (brigade_go) WHERE 1 = 1$/,
    of: WITHOUT_TRANSACTION,
    when: (past, on) => {
      past.removed.clear();
      past.recorded = false;
      past.fresh.add(on);
      return true;
    },
  },
  // In which a closure is found, from nothing.
  {
    is: /^DELETE FROM (brigade_map) AS t WHERE 1 = 1$/,
    of: WITHOUT_TRANSACTION,
    when: ({ fresh }, on) => fresh.add(on).has(on),
  },
  { is: as(`INSERT INTO (${SESSION}) `), when: isFresh },
  { is: as(`DELETE FROM (${SESSION}) AS t WHERE NOT EXISTS \\(SELECT 1 FROM brigade_go `), when: isFresh },
  // A row that is there by then is not inserted again.
  {
    is: as(`INSERT INTO (${NAME}) .* NOT EXISTS \\(SELECT 1 FROM \\1(?: z)?(?: WHERE [^;]*)?\\)`),
    when: ({ recorded }) => !recorded,
  },
  // The ledger comes last: nothing of the group that follows it may be missing when it is there.
  {
    is: /^INSERT INTO (\S+brigade_ledger`) .* WHERE EXISTS \(SELECT 1 FROM brigade_go WHERE flag = 'brigade_new_\d+'\)$/s,
    of: WITHOUT_TRANSACTION,
    when: (past) => {
      past.recorded = true;
      return true;
    },
  },
  // https://docs.databricks.com/aws/en/sql/language-manual/delta-merge-into, https://docs.delta.io/latest/delta-update.html:
  // a row that is found is changed to the same again, one that was inserted is found, one that was deleted is not.
  {
    is: as(`MERGE INTO (${NAME}) t USING .* WHEN MATCHED THEN DELETE$`),
    of: WITHOUT_TRANSACTION,
    when: ({ recorded, removed }, on) => {
      removed.add(on);
      return !recorded;
    },
  },
  {
    is: as(`MERGE INTO (${NAME}) t USING .* WHEN (?:NOT )?MATCHED `),
    of: WITHOUT_TRANSACTION,
    when: ({ recorded }) => !recorded,
  },
  // What the group replaces.
  {
    is: as(`DELETE FROM (${NAME}) AS t WHERE .*brigade_(?:go WHERE flag = |stage_\\d|work_\\d)`),
    of: WITHOUT_TRANSACTION,
    when: ({ recorded, removed }, on) => {
      removed.add(on);
      return !recorded;
    },
  },
  // Rows of users who have become another one: once they are gone none is found.
  {
    is: as(
      `DELETE FROM ${NAME} AS t WHERE EXISTS \\(SELECT 1 FROM \\(.*_resolved\` r .*\\) l WHERE t\\.\\S+ = l\\.u\\)$`,
    ),
    of: WITHOUT_TRANSACTION,
    when: ({ recorded }) => !recorded,
  },
  // A version that only rises, after the rows of the one before went.
  {
    is: as(`UPDATE (${NAME}) SET version = (.*) WHERE target = '\\w+' AND \\2 > coalesce\\(version, -1\\)$`),
    of: WITHOUT_TRANSACTION,
    when: ({ recorded }) => !recorded,
  },
  // Rows that the target does not have, or after the group's own went.
  {
    is: as(`INSERT INTO (${NAME}) .* JOIN \`brigade_work_\\d+\` w .* WHERE w\\._brigade_action = 'i'$`),
    of: WITHOUT_TRANSACTION,
    when: ({ recorded }) => !recorded,
  },
  {
    is: as(`INSERT INTO (${NAME}) .* FROM .*brigade_(?:stage_|work_|map )`),
    of: WITHOUT_TRANSACTION,
    when: ({ recorded, removed }, on) => !recorded && removed.has(on),
  },
];

/** The statements of a script that no transaction undoes. */
function outside(name: Name, text: string): string[] {
  const lines = text.split('\n').filter((line) => !/^(\\|--)/.test(line));
  const all = lines
    .join('\n')
    .replace(/^EXECUTE IMMEDIATE \$\$\nBEGIN\n.*?^\$\$;\n/gms, '')
    .replace(
      /^EXECUTE IMMEDIATE \$\$\nDECLARE\n {2}q VARCHAR;\nBEGIN\n {2}SELECT '(.*?);\n {2}EXECUTE IMMEDIATE q;\nEND;\n\$\$;\n/gms,
      '$1;\n',
    );
  let within = false;
  return all.split(/;\n/).filter((statement) => {
    if (WITHOUT_TRANSACTION.includes(name) || statement.trim() === '') return statement.trim() !== '';
    const is = within;
    if (/^BEGIN( TRANSACTION)?$/.test(statement)) within = true;
    if (/^COMMIT( TRANSACTION)?$/.test(statement)) within = false;
    return !is && !within;
  });
}

/** Of a script, what is not repeatable. */
function findings(name: Name, text: string): string[] {
  const past: Past = { dropped: new Set(), fresh: new Set(), removed: new Set(), recorded: false };
  return outside(name, text).filter((statement) => {
    const found = FORMS.find(({ is, of }) => (of?.includes(name) ?? true) && is.test(statement));
    if (found === undefined) return true;
    return found.when?.(past, found.is.exec(statement)?.[1] ?? '') === false;
  });
}

describe('outside transactions a script only does what can be done again', () => {
  for (const name of NAMES) {
    test(`golden scripts for ${name}`, () => {
      const all = goldens(name, { whole: true });
      assert.ok(all.length > 0);
      for (const text of all) assert.deepEqual(findings(name, text), []);
    });

    const isSafe = name === 'snowflake' || name === 'bigquery';
    const how = isSafe ? 'is added where it is missing' : 'is the one thing that cannot be added twice';
    test(`on ${name} a column that the target was said to lack ${how}`, async () => {
      const { type, nameCase } = dialects[name];
      const named = (text: string) => (nameCase === 'upper' ? text.toUpperCase() : text);
      const targetSchema = new Map([[named('t'), [{ name: named('id'), sql: type('bigint') }]]]);
      const line = table('t', 'id bigint, name text', { key: ['id'], merge: 'upsert' });
      const input = stream(groups([line, file('t', 's3://acme/t/1.csv', 'csv')]));
      const { text, error } = await script(input, { dialect: name, ...OPTIONS, targetSchema });
      assert.equal(error, undefined);
      assert.match(text, /^ALTER TABLE .*t[`"]? ADD COLUMN/im);
      // docs/engines.md, Tables that change
      const found = findings(name, text).map((each) => each.replace(/ADD COLUMNS? .*/, 'ADD COLUMN'));
      assert.equal(found.length, isSafe ? 0 : 1, found.join('\n'));
      for (const each of found) assert.match(each, /^ALTER TABLE \S+ ADD COLUMN$/);
    });

    for (const format of ['csv', 'parquet', 'avro', 'jsonl']) {
      test(`every mode from ${format}, for ${name}`, async () => {
        for (const deletes of ['soft', 'hard'] as const) {
          const options = { dialect: name, ...OPTIONS, deletes, lineage: 'load' } as const;
          const { text, error } = await script(stream(modes(true, format)), options);
          assert.equal(error, undefined);
          assert.ok(outside(name, text).length > 100);
          assert.deepEqual(findings(name, text), []);
        }
      });
    }
  }
});
