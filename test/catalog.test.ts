import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { catalogTable, catalogType, globMatch, parseCatalog, readCatalog } from '../src/catalog.ts';
import { underCatalog } from '../src/catalog-stage.ts';
import { quietContext } from '../src/stage.ts';
import { runOfRows } from '../src/wire/run.ts';
import { type Chunk, isControl } from '../src/wire/types.ts';

const fails = (catalog: unknown, message: string) =>
  assert.throws(() => parseCatalog(JSON.stringify(catalog), 'c.json'), {
    name: 'UserError',
    message: `catalog c.json: ${message}`,
  });

describe('a catalog', () => {
  it('is read with everything it may say', () => {
    const table = {
      key: ['factformid', 'organizationid'],
      merge: 'delete-insert',
      order: ['LastUpdatedDate'],
      delete_flag: 'void',
      columns: { a: 'bigint', b: { type: 'decimal(19,4)' }, c: {} },
      empty_when_absent: true,
      required: false,
    };
    assert.deepEqual(parseCatalog(JSON.stringify({ tables: { Bi_FactForms: table } }), 'c.json'), {
      tables: { Bi_FactForms: table },
    });
    assert.deepEqual(parseCatalog('\uFEFF{}', 'c.json'), {});
  });

  it('names the place of what it may not say', () => {
    fails([], 'top level: expected an object');
    fails({ table: {} }, 'table: expected one of tables');
    fails({ tables: [] }, 'tables: expected an object');
    fails({ tables: { users: null } }, 'tables.users: expected an object');
    fails(
      { tables: { users: { keys: ['a'] } } },
      'tables.users.keys: expected one of key, merge, order, delete_flag, columns, contract, empty_when_absent, required',
    );
    fails(
      { tables: { users: { key: 'id' } } },
      'tables.users.key: expected a list of column names, each once',
    );
    fails(
      { tables: { users: { key: ['id', 'ID'] } } },
      'tables.users.key: expected a list of column names, each once',
    );
    fails(
      { tables: { users: { merge: 'update' } } },
      'tables.users.merge: expected one of append, upsert, delete-insert, replace, scd2',
    );
    fails({ tables: { users: { delete_flag: true } } }, 'tables.users.delete_flag: expected a column name');
    fails({ tables: { users: { required: 'yes' } } }, 'tables.users.required: expected true or false');
    const type = 'expected a type such as bigint, decimal(19,4), text or timestamptz';
    fails({ tables: { users: { columns: { a: 'varchar' } } } }, `tables.users.columns.a: ${type}`);
    fails(
      { tables: { users: { columns: { a: { type: 'decimal(4,9)' } } } } },
      `tables.users.columns.a.type: ${type}`,
    );
    fails(
      { tables: { users: { columns: { a: { kind: 'int' } } } } },
      'tables.users.columns.a.kind: expected one of type',
    );
    fails(
      { tables: { constructor: { valueOf: 1 } } },
      'tables.constructor.valueOf: expected one of key, merge, order, delete_flag, columns, contract, empty_when_absent, required',
    );
  });

  it('is read from a file, and says which one is bad', () => {
    const folder = mkdtempSync(join(tmpdir(), 'catalog-'));
    try {
      const path = join(folder, 'c.json');
      writeFileSync(path, '{"tables": {"t": {"key": ["id"]}}}');
      assert.deepEqual(readCatalog(path).tables?.['t']?.key, ['id']);
      writeFileSync(path, '{"tables": ');
      assert.throws(() => readCatalog(path), /^UserError: catalog .*c\.json: .*JSON/);
      assert.throws(() => readCatalog(join(folder, 'none.json')), /^UserError: catalog .*none\.json: ENOENT/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('gives a table the entries that match its name, the most exact last', () => {
    const catalog = parseCatalog(
      JSON.stringify({
        tables: {
          BI_FACTFORMS: { key: ['factformid'] },
          '*': { merge: 'append', key: ['id'], columns: { a: 'int', b: 'text' } },
          'bi_fact*': { merge: 'delete-insert', columns: { B: 'json', b: 'date' } },
        },
      }),
      'c.json',
    );
    const entry = catalogTable(catalog, 'Bi_FactForms');
    assert.deepEqual(entry.key, ['factformid']);
    assert.equal(entry.merge, 'delete-insert');
    assert.equal(catalogType(entry, 'A'), 'int');
    assert.equal(catalogType(entry, 'b'), 'date');
    assert.equal(catalogType(entry, 'B'), 'json');
    assert.equal(catalogType(entry, 'constructor'), undefined);
    assert.equal(catalogTable(catalog, 'other').merge, 'append');
    assert.deepEqual(catalogTable(undefined, 'other'), {});
  });

  it('is laid over table lines and over the rows under them', async () => {
    const line = { $: 'table', table: 'users', columns: [{ name: 'Id' }] } as const;
    async function* input(): AsyncIterable<Chunk> {
      yield line;
      yield runOfRows(line, [{ Id: 1 }]);
    }
    const catalog = { tables: { users: { key: ['id'], columns: { id: 'int' } } } } as const;
    const said: unknown[] = [];
    for await (const chunk of underCatalog(catalog)(input(), quietContext()))
      said.push(isControl(chunk) ? chunk : chunk.table);
    const expected = { ...line, columns: [{ name: 'Id', type: 'int' }], key: ['Id'] };
    assert.deepEqual(said, [expected, expected]);
  });

  it('takes * alone for a wildcard', () => {
    assert.ok(globMatch('a.b*', 'A.Bcd'));
    assert.ok(!globMatch('a.b*', 'axbcd'));
    assert.ok(globMatch('*(x)', 'y\n(x)'));
  });
});
