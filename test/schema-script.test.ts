import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { applySchema, EMPTY_SCHEMA, schemaTable } from '../src/schema/schema.ts';
import { readSchemaScript } from '../src/schema/script.ts';
import { scriptText } from '../src/schema/text.ts';

// The two stage tables of Zenoti's sample code, as published.
const SAMPLE = `create temporary table Bi_FactForms_stage ( FormId VARCHAR(36), factformid DECIMAL(19,0)
, GuestId VARCHAR(36), TherapistId VARCHAR(36), ReviewedBy VARCHAR(36), AppointmentId VARCHAR(36)
, CenterId VARCHAR(36), Serviceid VARCHAR(36), ReviewedOn TIMESTAMP, Submitteddate TIMESTAMP
, Startdate TIMESTAMP, Isformsubmitted INT, Formtype INT, Formsource VARCHAR(64)
, Fieldname VARCHAR(65535), Value1 FLOAT, Value2 TIMESTAMP, Value3 BOOLEAN, Value4 VARCHAR(65535)
, DataTypeDesc VARCHAR(144), Pointer INT, FormVoided BOOLEAN, void BOOLEAN, ReviewNeeded BOOLEAN
, FormAppointmentStatus INT, AppointmentNoShowOrCancel INT, isappointmentvoided BOOLEAN
, formexpirydate TIMESTAMP, LastUpdatedDate TIMESTAMP, ETLCreatedDate TIMESTAMP, PodName VARCHAR(20)
, OrganizationId VARCHAR(36), IsV3Form BOOLEAN ) distkey(factformid) sortkey(factformid);
create temporary table Bi_DimUser_stage ( userid NVARCHAR(144), firstname NVARCHAR(160)
, lastname NVARCHAR(256), middlename NVARCHAR(128), address1 NVARCHAR(2048), address2 NVARCHAR(2048)
, city NVARCHAR(128), StateOther NVARCHAR(128), ZipCode NVARCHAR(128), UserTypeID VARCHAR(36)
, UserTypeName NVARCHAR(128), CreationDt TIMESTAMP, CenterID VARCHAR(36), Email NVARCHAR(256)
, homephone NVARCHAR(64), mobilephone NVARCHAR(64), workphone NVARCHAR(64), username NVARCHAR(256)
, usercode NVARCHAR(512), lastlogin TIMESTAMP, gender INT, dob TIMESTAMP, preferredTherapist VARCHAR(36)
, preferredRoom VARCHAR(36), otherpreferences NVARCHAR(65535), referralsourceid VARCHAR(36)
, roomno NVARCHAR(80), referredby VARCHAR(36), anniversarydate TIMESTAMP, PreferedCenerId VARCHAR(36)
, registrationsource INT, customerapplogin INT, mobilecountrydname NVARCHAR(4096)
, mobilecountrysname NVARCHAR(4096), stateDispName NVARCHAR(4096), stateShortName NVARCHAR(4096)
, statecode NVARCHAR(40), CountryDName NVARCHAR(4096), CountrySName NVARCHAR(4096)
, ReceiveTransactionalSMS BOOLEAN, ReceiveMarketingSMS BOOLEAN, UserPK DECIMAL(19,0)
, UnSubscribeToTransactionalEmail BOOLEAN, UnSubscribeToMarketingEmail BOOLEAN
, PasswordUpdatedOn TIMESTAMP, ReceiveTransactionalEMail BOOLEAN, ReceiveMarketingEMail BOOLEAN
, AcceptedTAndC INT, NationalityFK INT, DOB_IncompleteYear NVARCHAR(20), organizationid VARCHAR(36)
, Void BOOLEAN, employeetags VARCHAR(MAX), usertags VARCHAR(MAX), JobName NVARCHAR(1020)
, JobCode NVARCHAR(8000), GuestReferralSource NVARCHAR(1600), EmailState INT
, MandatoryBreakTimePerDay INT, PhoneCode INT, StartDate TIMESTAMP, LastDate TIMESTAMP
, NoSaleComments VARCHAR(MAX), AdditionalField1 NVARCHAR(4096), AdditionalField2 NVARCHAR(4096)
, EmployeeCode NVARCHAR(512), RelationshipManager VARCHAR(36), EtlLastUpdatedOn TIMESTAMP
, EtlLastUpdatedBy NVARCHAR(512), Date1 TIMESTAMP, Date2 TIMESTAMP, PodName VARCHAR(20)
, CTEtlLastUpdatedOn TIMESTAMP ) distkey(centerid) sortkey(userid);
`;

const schemaOf = (...scripts: readonly string[]) =>
  scripts.reduce(
    (schema, script, i) => applySchema(schema, readSchemaScript(script, `s${i + 1}.txt`), `s${i + 1}.txt`),
    EMPTY_SCHEMA,
  );
const columnsOf = (...scripts: readonly string[]) =>
  (schemaTable(schemaOf(...scripts), 't')?.columns ?? []).map((column) => `${column.name} ${column.type}`);
const fails = (script: string, message: RegExp) =>
  assert.throws(() => schemaOf(script), { name: 'UserError', message });

describe('a schema script', () => {
  it('of the vendor’s sample code gives every column of both tables, in order', () => {
    const [forms, users, ...more] = readSchemaScript(SAMPLE, 'sample.txt');
    assert.equal(more.length, 0);
    assert.ok(forms?.kind === 'createTable' && users?.kind === 'createTable');
    assert.equal(forms.table, 'Bi_FactForms_stage');
    assert.equal(forms.columns.length, 33);
    assert.equal(users.columns.length, 73);
    assert.deepEqual(
      forms.columns
        .slice(0, 2)
        .concat(forms.columns.slice(15, 18), forms.columns.slice(-1))
        .map((c) => [c.name, c.type]),
      [
        ['FormId', 'text'],
        ['factformid', 'decimal(19,0)'],
        ['Value1', 'double'],
        ['Value2', 'timestamp'],
        ['Value3', 'boolean'],
        ['IsV3Form', 'boolean'],
      ],
    );
    assert.deepEqual(users.columns.map((c) => c.name).slice(-3), ['Date2', 'PodName', 'CTEtlLastUpdatedOn']);
    assert.equal(users.columns.find((c) => c.name === 'employeetags')?.type, 'text');
  });

  it('maps every type of Redshift', () => {
    const types: readonly (readonly [string, string])[] = [
      ['NVARCHAR(144)', 'text'],
      ['VARCHAR(MAX)', 'text'],
      ['character varying(20)', 'text'],
      ['CHAR(3)', 'text'],
      ['BPCHAR', 'text'],
      ['TEXT', 'text'],
      ['nchar(4)', 'text'],
      ['DECIMAL(19,0)', 'decimal(19,0)'],
      ['NUMERIC(38, 37)', 'decimal(38,37)'],
      ['DECIMAL', 'decimal(18,0)'],
      ['NUMERIC(9)', 'decimal(9,0)'],
      ['INT', 'int'],
      ['INTEGER', 'int'],
      ['INT4', 'int'],
      ['SMALLINT', 'int'],
      ['int2', 'int'],
      ['BIGINT', 'bigint'],
      ['INT8', 'bigint'],
      ['FLOAT', 'double'],
      ['FLOAT8', 'double'],
      ['FLOAT(53)', 'double'],
      ['FLOAT(24)', 'float'],
      ['DOUBLE PRECISION', 'double'],
      ['REAL', 'float'],
      ['FLOAT4', 'float'],
      ['BOOLEAN', 'boolean'],
      ['BOOL', 'boolean'],
      ['DATE', 'date'],
      ['TIMESTAMP', 'timestamp'],
      ['TIMESTAMP(6)', 'timestamp'],
      ['TIMESTAMP WITHOUT TIME ZONE', 'timestamp'],
      ['TIMESTAMP (3) WITH TIME ZONE', 'timestamptz'],
      ['TIMESTAMPTZ', 'timestamptz'],
      ['TIME', 'time'],
      ['TIMETZ', 'text'],
      ['TIME WITHOUT TIME ZONE', 'time'],
      ['SUPER', 'json'],
      ['VARBYTE(16)', 'bytes'],
      ['BINARY VARYING', 'bytes'],
    ];
    for (const [written, type] of types)
      assert.deepEqual(
        columnsOf(`CREATE TABLE t (a ${written} NOT NULL, b INT)`),
        [`a ${type}`, 'b int'],
        written,
      );
    for (const written of ['MONEY', 'DECIMAL(39,0)', 'DECIMAL(5,6)', 'POINT', 'constructor']) {
      fails(
        `CREATE TABLE t (a ${written})`,
        /^s1\.txt line 1: expected a type of Redshift for column a, found /,
      );
    }
  });

  it('may name schema, quote names, and say how the table is stored', () => {
    const script = `/* v1 /* nested */ ; */ CREATE TABLE IF NOT EXISTS "dwh".public."T" ( -- ; no end
      "id" BIGINT IDENTITY(1,1) NOT NULL ENCODE az64 DISTKEY SORTKEY PRIMARY KEY,
      "a ""b"", c)" VARCHAR(20) DEFAULT 'it''s; ok)' NOT NULL COLLATE CASE_INSENSITIVE,
      [d e] DECIMAL(10,2) DEFAULT (1 + 2) * 3 NULL REFERENCES x.y (z) ON DELETE SET NULL,
      f TIMESTAMP DEFAULT GETDATE() ENCODE RAW, g BIGINT GENERATED BY DEFAULT AS IDENTITY(0, 1) UNIQUE,
      UNIQUE (id), CONSTRAINT fk FOREIGN KEY (g) REFERENCES z(g)
    ) BACKUP NO DISTSTYLE KEY DISTKEY(id) COMPOUND SORTKEY (id, f) ENCODE AUTO;`;
    assert.deepEqual(columnsOf(script), [
      'id bigint',
      'a "b", c) text',
      'd e decimal(10,2)',
      'f timestamp',
      'g bigint',
    ]);
    assert.deepEqual(schemaTable(schemaOf(script), 'T')?.key, ['id']);
  });

  it('gives the primary key of the table, inline, at its end or added later', () => {
    const keyOf = (...scripts: readonly string[]) => schemaTable(schemaOf(...scripts), 't')?.key;
    assert.deepEqual(keyOf('CREATE TABLE t (a INT, b INT, PRIMARY KEY (b, a))'), ['b', 'a']);
    assert.deepEqual(keyOf('CREATE TABLE t (a INT, b INT, CONSTRAINT pk PRIMARY KEY ("b"))'), ['b']);
    assert.deepEqual(keyOf('CREATE TABLE t (a INT); ALTER TABLE t ADD CONSTRAINT pk PRIMARY KEY (a)'), ['a']);
    assert.equal(keyOf('CREATE TABLE t (a INT)'), undefined);
  });

  it('may hold several statements, apart by ; or GO or nothing', () => {
    const script =
      'CREATE TABLE t (a INT)\nGO\nALTER TABLE t ADD COLUMN b INT;\r\nALTER TABLE t ADD c INT, d DATE\nALTER TABLE T ALTER COLUMN B TYPE VARCHAR(9)\n go ;;';
    assert.deepEqual(columnsOf(script), ['a int', 'b text', 'c int', 'd date']);
    assert.deepEqual(columnsOf(' -- nothing here\n'), []);
  });

  it('stops at anything else, with its line and text', () => {
    fails(
      'CREATE TABLE t (a INT);\n\nDROP TABLE Bi_FactForms;\nSELECT 1',
      /^s1\.txt line 3: expected CREATE TABLE, ALTER TABLE … ADD COLUMN or ALTER COLUMN … TYPE, found DROP TABLE Bi_FactForms$/,
    );
    fails('ALTER TABLE t\nRENAME COLUMN a TO b', /line 1: .*found ALTER TABLE t RENAME COLUMN a TO b$/);
    fails('ALTER TABLE t DROP COLUMN a', /found ALTER TABLE t DROP COLUMN a$/);
    fails('ALTER TABLE t ALTER COLUMN a ENCODE zstd', /found ALTER TABLE t ALTER COLUMN a ENCODE zstd$/);
    fails('CREATE VIEW v AS SELECT 1', /found CREATE VIEW v AS SELECT 1$/);
    fails(
      'CREATE TABLE t AS SELECT 1',
      /expected a list of columns for table t, found CREATE TABLE t AS SELECT 1$/,
    );
    fails(
      'CREATE TABLE t (a INT',
      /line 1: expected \) or , after a column of table t, found the end of the script$/,
    );
    fails(
      'CREATE TABLE t (a INT FROBNICATE)',
      /line 1: expected an attribute of column a, a comma or \), found FROBNICATE\)$/,
    );
    fails('CREATE TABLE t (a INT, A TEXT)', /line 1: expected every column of table t once, found A twice$/);
    fails("CREATE TABLE t (a INT DEFAULT 'x", /line 1: expected a closing ', found the end of the script$/);
    fails('/* CREATE TABLE t (a INT)', /expected the end of a comment/);
  });

  it('keeps the order of columns that files without a header depend on', () => {
    const full = 'CREATE TABLE t (a INT, b INT)';
    const upgrade = 'ALTER TABLE T ADD COLUMN c INT';
    assert.deepEqual(columnsOf(full, upgrade, upgrade), ['a int', 'b int', 'c int']);
    assert.deepEqual(columnsOf(full, upgrade, full), ['a int', 'b int', 'c int']);
    assert.deepEqual(columnsOf(full, 'CREATE TABLE T (A INT, B BIGINT, c INT)', upgrade), [
      'a int',
      'b bigint',
      'c int',
    ]);
    assert.throws(() => schemaOf(full, upgrade, 'CREATE TABLE t (a INT, c INT, b INT)'), {
      message:
        's3.txt line 1: expected column 2 of table t to stay b, since files without a header depend on the order, found c',
    });
    assert.throws(
      () => schemaOf('ALTER TABLE t ALTER COLUMN x TYPE INT'),
      /expected a column of table t that an earlier script declares, found x/,
    );
  });

  it('may add a column to a table that is created later', () => {
    const schema = schemaOf('ALTER TABLE t ADD COLUMN c INT');
    assert.equal(schemaTable(schema, 't')?.alteredOnlyAt, 's1.txt line 1');
    const whole = schemaTable(schemaOf('ALTER TABLE t ADD COLUMN c INT', 'CREATE TABLE t (a INT)'), 't');
    assert.deepEqual(
      whole?.columns.map((column) => column.name),
      ['a', 'c'],
    );
    assert.equal(whole?.alteredOnlyAt, undefined);
  });

  it('is text in UTF-8 or UTF-16, with or without a byte order mark', () => {
    const text = 'CREATE TABLE t (größe INT)';
    const utf16le = Buffer.from(text, 'utf16le');
    const utf16be = Buffer.from(utf16le).swap16();
    for (const bytes of [
      Buffer.from(text),
      Buffer.from(`\uFEFF${text}`),
      utf16le,
      utf16be,
      Buffer.from(`\uFEFF${text}`, 'utf16le'),
      Buffer.from(`\uFEFF${text}`, 'utf16le').swap16(),
    ]) {
      assert.deepEqual(columnsOf(scriptText(bytes, 's')), ['größe int']);
    }
    assert.throws(() => scriptText(Buffer.from([0x67, 0xf6]), 's.txt'), {
      message: 's.txt: expected text in UTF-8, found bytes that are not',
    });
  });

  it('is read or refused, never half read, wherever it is cut', () => {
    for (let end = 0; end < SAMPLE.length; end += 7) {
      try {
        for (const statement of readSchemaScript(SAMPLE.slice(0, end), 's')) {
          assert.ok(statement.kind === 'createTable' && [33, 73].includes(statement.columns.length));
        }
      } catch (error) {
        assert.equal((error as Error).name, 'UserError', String(error));
      }
    }
  });

  it('gives back any names it was written with', () => {
    const name = fc
      .string({ minLength: 1, maxLength: 12, unit: 'binary' })
      .filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { minLength: 1, maxLength: 6, selector: (text) => text.toLowerCase() }),
        (names) => {
          const columns = names.map((text) => `"${text.replaceAll('"', '""')}" INT`).join(',');
          const [statement] = readSchemaScript(
            `CREATE TABLE "${names[0]!.replaceAll('"', '""')}" (${columns})`,
            's',
          );
          assert.ok(statement?.kind === 'createTable');
          assert.equal(statement.table, names[0]);
          assert.deepEqual(
            statement.columns.map((column) => column.name),
            names,
          );
        },
      ),
    );
  });
});
