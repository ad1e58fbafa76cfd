/** A Zenoti group as the bench loads it, and the same merge written by hand for each engine. */

import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { csvField, FORM_COLUMNS, formRow, once, random } from './inputs.ts';

/** Columns of the bench's tables, with the vendor's types, PostgreSQL's and DuckDB's. */
const COLUMNS = [
  ['FormId', 'VARCHAR(36)', 'text', 'VARCHAR'],
  ['factformid', 'DECIMAL(19,0)', 'numeric(19,0)', 'DECIMAL(19,0)'],
  ['GuestId', 'VARCHAR(36)', 'text', 'VARCHAR'],
  ['CenterId', 'VARCHAR(36)', 'text', 'VARCHAR'],
  ['ReviewedOn', 'TIMESTAMP', 'timestamp', 'TIMESTAMP'],
  ['Startdate', 'TIMESTAMP', 'timestamp', 'TIMESTAMP'],
  ['Isformsubmitted', 'INT', 'integer', 'INTEGER'],
  ['Formtype', 'INT', 'integer', 'INTEGER'],
  ['Formsource', 'VARCHAR(64)', 'text', 'VARCHAR'],
  ['Fieldname', 'VARCHAR(65535)', 'text', 'VARCHAR'],
  ['Value1', 'FLOAT', 'double precision', 'DOUBLE'],
  ['Value3', 'BOOLEAN', 'boolean', 'BOOLEAN'],
  ['Value4', 'VARCHAR(65535)', 'text', 'VARCHAR'],
  ['void', 'BOOLEAN', 'boolean', 'BOOLEAN'],
  ['LastUpdatedDate', 'TIMESTAMP', 'timestamp', 'TIMESTAMP'],
  ['PodName', 'VARCHAR(20)', 'text', 'VARCHAR'],
  ['OrganizationId', 'VARCHAR(36)', 'text', 'VARCHAR'],
] as const;

export interface ZenotiDrop {
  readonly folder: string;
  readonly catalog: string;
  readonly tables: readonly { readonly name: string; readonly file: string }[];
}

/** One group of one POD, with its schema scripts. */
export async function zenotiDrop(rows: number, tables: number): Promise<ZenotiDrop> {
  const names = Array.from({ length: tables }, (_, n) => `Bi_FactBench${String(n).padStart(2, '0')}`);
  const fileOf = (folder: string, name: string) => join(folder, 'POD1/1', name, '1', `${name}_1.csv`);
  const folder = await once(`zenoti-${rows}-${tables}`, (path) => {
    const places = COLUMNS.map(([name]) => FORM_COLUMNS.indexOf(name));
    names.forEach((name, n) => {
      mkdirSync(join(path, 'SchemaFull'), { recursive: true });
      const columns = COLUMNS.map(([column, type]) => ` ${column} ${type}`).join('\n,');
      writeFileSync(join(path, 'SchemaFull', `${name}.txt`), `CREATE TABLE ${name}\n(\n${columns}\n)\n;\n`);
      mkdirSync(join(path, 'POD1/1', name, '1'), { recursive: true });
      const row = formRow(random(100 + n));
      const file = openSync(fileOf(path, name), 'w');
      let text = '';
      for (let index = 0; index < rows / tables; index++) {
        const fields = row(index);
        fields[FORM_COLUMNS.indexOf('void')] = index % 97 === 0 ? '1' : '0';
        text += `${places.map((place) => csvField(fields[place]!)).join(',')}\n`;
        if (text.length > 1 << 20) {
          writeSync(file, text);
          text = '';
        }
      }
      writeSync(file, text);
      closeSync(file);
    });
    writeFileSync(
      join(path, 'catalog.json'),
      JSON.stringify({
        tables: { 'Bi_FactBench*': { key: ['factformid', 'OrganizationId'], order: ['LastUpdatedDate'] } },
      }),
    );
  });
  return {
    folder,
    catalog: join(folder, 'catalog.json'),
    tables: names.map((name) => ({ name, file: fileOf(folder, name) })),
  };
}

const names = COLUMNS.map(([name]) => name).join(', ');

// What someone would write who knows the tables and nothing of logids: the newest row of a key, unless it is void.
const merge = (name: string) => `
CREATE TEMPORARY TABLE won AS SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY factformid, OrganizationId ORDER BY LastUpdatedDate DESC) AS brigade_rank FROM stage) s WHERE brigade_rank = 1;
DELETE FROM ${name} t USING won w WHERE t.factformid = w.factformid AND t.OrganizationId = w.OrganizationId;
INSERT INTO ${name} (${names}) SELECT ${names} FROM won WHERE NOT coalesce(void, FALSE);
DROP TABLE won;
DROP TABLE stage;`;

/** For psql: `\copy` into a stage, then the merge; one transaction. */
export const postgresByHand = ({ tables }: ZenotiDrop): string => {
  const columns = COLUMNS.map(([name, , type]) => `${name} ${type}`).join(', ');
  const each = tables.map(
    ({ name, file }) => `
CREATE TABLE IF NOT EXISTS ${name} (${columns});
CREATE INDEX IF NOT EXISTS ${name}_key ON ${name} (factformid, OrganizationId);
CREATE TEMPORARY TABLE stage (${columns});
\\copy stage FROM '${file}' (FORMAT csv)
ANALYZE stage;${merge(name)}`,
  );
  return `\\set ON_ERROR_STOP on\n\\set QUIET on\nBEGIN;${each.join('\n')}\nCOMMIT;\n`;
};

/** For DuckDB: `read_csv` into a typed stage, then the merge; one transaction. */
export const duckdbByHand = ({ tables }: ZenotiDrop): string[] => {
  const columns = COLUMNS.map(([name, , , type]) => `${name} ${type}`).join(', ');
  const read = COLUMNS.map(([name, , , type]) => `'${name}': '${type}'`).join(', ');
  return [
    'BEGIN TRANSACTION',
    ...tables.flatMap(({ name, file }) => [
      `CREATE TABLE IF NOT EXISTS ${name} (${columns})`,
      `CREATE TEMPORARY TABLE stage AS FROM read_csv('${file}', auto_detect = false, header = false, quote = '"', escape = '"', null_padding = true, parallel = false, columns = {${read}})`,
      ...merge(name)
        .split(';\n')
        .map((statement) => statement.trim().replace(/;$/, ''))
        .filter(Boolean),
    ]),
    'COMMIT',
  ];
};
